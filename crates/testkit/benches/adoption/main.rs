//! Whether anybody notices that the bundle changes: eight connections that read all the time, each its next request when
//! the answer to the last has come, while a bundle of a thousand rules is asked for, signed by two people and brought into
//! force, by the release binary on the first processor before a stub of the cloud.
//!
//! Targets. No request is dropped: each is answered, and as the bundle says. None stalls: the longest of them waits for at
//! most a tenth of a second, while the candidate is compiled, compared and adopted.

#[path = "../rig/mod.rs"]
#[expect(dead_code, reason = "the rig is that of other benches, of which this needs a part")]
mod rig;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use testkit::{
    Signer,
    bench::{Figure, Target, report},
    certificate, comparison, files_below, send, until,
};

use crate::rig::{
    load::{self, Latencies},
    place::Place,
    stub::Stub,
};

const CONNECTIONS: usize = 8;
/// Requests of one connection between two looks at whether it is over.
const AT_A_TIME: usize = 20;
const RULES: usize = 1_000;
/// What fits into one file.
const RULES_A_FILE: usize = 100;
/// So many reads are measured before.
const AT_REST: usize = 10_000;
/// In microseconds: longer than that and somebody waits.
const STALLED: f64 = 100_000.0;

fn main() -> Result<()> {
    let stub = Stub::start()?;
    let keys = tempfile::tempdir()?;
    let place = Place::over(keys.path(), stub.authority(), &[], str::to_owned)?;
    let signs = |person: &str, args: &[&str], code| {
        let key = keys.path().join(person);
        let key = ["--key", text(&key)?];
        place.installation.run(args.iter().chain(&key).copied())?.expect(code)
    };
    let next = larger(&place)?;
    let [_, _, people] = place.serve.authorities();
    let told: serde_json::Value =
        serde_json::from_slice(&send(people, "GET", "/v1/genesis", &[], b"")?.body)?;
    let before = told.get("bundle").and_then(|it| it.as_str()).context("no bundle is in force")?;
    let (proof, compared) = (certificate(&next)?, comparison(before, &next)?);
    let shown = ["--certificate", text(&proof)?, "--comparison", text(&compared)?];
    let ask = [&["policy", "adopt", "--bundle", text(&next)?], &shown[..]].concat();

    let at_rest = Latencies::default();
    let (_, requests, _) = during(&place, &at_rest, |answered| {
        let enough = || Ok((answered.load(Ordering::SeqCst) >= AT_REST).then_some(()));
        until("reads at rest", Duration::from_secs(120), enough)
    })?;
    let meanwhile = Latencies::default();
    let (took, more, dropped) = during(&place, &meanwhile, |_| {
        let held = signs("olga", &ask, 10)?.json()?;
        let id = held.get("id").and_then(|it| it.as_str()).context("no id")?.to_owned();
        for approver in ["ben", "carla"] {
            let key = keys.path().join(approver);
            place.installation.approve(&id, &["--key", text(&key)?], &[])?.expect(0)?;
        }
        timed(|| signs("olga", &ask, 0).map(drop))
    })?;
    ensure!(requests > 100 && more > 100, "{requests} and {more} requests are too few");

    let figure = |name: &str, value: f64, unit| Figure {
        name: format!("{name}, {RULES} rules"),
        value,
        unit,
        peer: None,
        target: Target::None,
        spread: None,
    };
    let p99 = at_rest.at(0.99)?;
    report(&[
        figure("a read before the adoption: p50", at_rest.at(0.5)?, "µs"),
        figure("a read before the adoption: p99", p99, "µs"),
        figure("a read before the adoption: longest", at_rest.at(1.0)?, "µs"),
        figure("a read during the adoption: p50", meanwhile.at(0.5)?, "µs"),
        figure("a read during the adoption: p99", meanwhile.at(0.99)?, "µs"),
        Figure {
            peer: Some(("a read before the adoption: p99".to_owned(), p99)),
            target: Target::AtMost(STALLED),
            ..figure("a read during the adoption: longest", meanwhile.at(1.0)?, "µs")
        },
        Figure {
            target: Target::AtMost(0.0),
            ..figure("connections broken off during the adoption", dropped as f64, "")
        },
        figure("reads answered during the adoption", more as f64, ""),
        figure("bringing it into force, as who asked waits", took * 1e3, "ms"),
    ])
}

/// What comes of it, how many reads were answered with 200 beside it, and how many connections had one that was not.
fn during<T>(
    place: &Place,
    into: &Latencies,
    done: impl FnOnce(&AtomicUsize) -> Result<T>,
) -> Result<(T, usize, usize)> {
    let [gateway, _, _] = place.serve.authorities();
    let agent = place.agent()?;
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..CONNECTIONS)
            .map(|nth| {
                let (agent, over, answered) = (agent.clone(), &over, &answered);
                scope.spawn(move || {
                    let (mut asked, mut broken) = (0, 0);
                    while !over.load(Ordering::SeqCst) {
                        let requests: Vec<_> = (0..AT_A_TIME)
                            .map(|it| load::bytes(&read(&agent, gateway, nth, asked + it)))
                            .collect();
                        match load::run(gateway, 1, requests, into) {
                            Ok(()) => {}
                            Err(error) => {
                                told(&error);
                                broken += 1;
                            }
                        }
                        asked += AT_A_TIME;
                        answered.fetch_add(AT_A_TIME, Ordering::SeqCst);
                    }
                    (asked, broken)
                })
            })
            .collect();
        let done = done(&answered);
        over.store(true, Ordering::SeqCst);
        let (mut asked, mut broken) = (0, 0);
        for reader in readers {
            let (more, lost) = reader.join().map_err(|_| anyhow::anyhow!("a connection fell over"))?;
            (asked, broken) = (asked + more, broken + lost);
        }
        Ok((done?, asked, broken))
    })
}

#[expect(clippy::print_stderr, reason = "the figure counts it, and this says why")]
fn told(error: &anyhow::Error) {
    eprintln!("{error:#}");
}

/// One that was not asked before.
fn read(agent: &Signer, authority: &str, reader: usize, nth: usize) -> testkit::Signed {
    let body =
        serde_json::json!({ "Limit": nth % 100 + 1, "ExclusiveStartTableName": format!("t{reader}-{nth}") });
    agent.json("dynamodb", authority, "DynamoDB_20120810.ListTables", &body)
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
fn timed(deed: impl FnOnce() -> Result<()>) -> Result<f64> {
    let started = Instant::now();
    deed()?;
    Ok(started.elapsed().as_secs_f64())
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not text")
}

/// The bundle in force with a thousand rules more, about other agents.
fn larger(place: &Place) -> Result<PathBuf> {
    let (from, to) = (place.installation.folder().join("bundle"), place.installation.beside().join("larger"));
    for file in files_below(&from)? {
        let copy = to.join(file.strip_prefix(&from)?);
        fs::create_dir_all(copy.parent().context("a folder")?)?;
        fs::copy(&file, copy)?;
    }
    let mut roster = fs::read_to_string(to.join("roster.toml"))?;
    for team in 0..RULES / RULES_A_FILE {
        let name = format!("team-{team}");
        write!(roster, "\n[agents.{name}]\n")?;
        let mut rules = String::new();
        for nth in 0..RULES_A_FILE {
            writeln!(
                rules,
                "@id(\"{name}-{nth}\")\n@reason(\"read service {nth}'s\")\npermit (principal == Agent::\"{name}\", \
                 action == Action::\"read\", resource in Service::\"service-{nth}\")\n\
                 when {{ context.exposes.data && resource.name like \"team-{nth}-*\" }};"
            )?;
        }
        fs::write(to.join(format!("grants/agent-{name}.cedar")), rules)?;
    }
    fs::write(to.join("roster.toml"), roster)?;
    Ok(to)
}
