//! `countersign observe`: what a trail tells of, judged under a candidate bundle. Needs no server, store or key, and
//! forwards nothing.

mod show;

use std::{
    borrow::Borrow,
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use classify_aws::{
    classify::{Target, Terms},
    recorded::{self, Recorded, Understood},
    table::Table,
};
use engine::observe::{Judged, Observer, Seen};
use gateway_aws::overrides_of;
use model::{Account, AgentId, Chain, Digest, EnrolledKey, Fault, PersonId, Verdict, sanitize};
use policy::{Bundle, Profile, StarterOptions};
use trail::{
    Event,
    observe::{JudgedAs, Kind, Observed, Place, Report, Watch, kind_of, principal_of},
};

use super::{serve::bundle_files, trails};
use crate::{
    cli::{Format, ObserveArgs},
    failure::{Failure, USAGE},
    output,
};

/// What is remembered of each, to know it again, is 16 bytes.
const MAX_EVENTS: usize = 5_000_000;

pub(super) fn run(args: &ObserveArgs, format: Format) -> Result<ExitCode, Failure> {
    if let Some(dir) = &args.write {
        free_for(dir, ["environments.toml", "grants"].map(PathBuf::from).iter())?;
    }
    let (bundle, chain) = match &args.bundle {
        Some(dir) => {
            let bundle =
                Bundle::load(&bundle_files(dir)?).map_err(|err| Failure::new(USAGE, "CS004", err))?;
            let chain = chain_of(&bundle, args)?;
            (bundle, chain)
        }
        None => starter()?,
    };
    let files = trails::files_of(&args.cloudtrail)?;
    let judged_as = JudgedAs {
        bundle: bundle.digest(),
        starter: args.bundle.is_none(),
        agent: chain.agent.to_string(),
        operator: chain.operator.to_string(),
    };
    let report = watch(&bundle, chain, &files, judged_as, &args.cloudtrail)?;
    if report.events.read == 0 {
        let why = report.problems.first().map_or("it holds no records", String::as_str);
        return Err(Failure::usage(format!("nothing could be read: {why}"))
            .hint("a log file of CloudTrail is {\"Records\": [...]}, as it is or packed with gzip"));
    }
    if let Some(dir) = &args.write {
        free_for(dir, report.proposed.keys().map(PathBuf::from).collect::<Vec<_>>().iter())?;
        for (name, text) in &report.proposed {
            write(&dir.join(name), text)?;
        }
    }
    match format {
        Format::Json => output::json(&report)?,
        Format::Human => show::report(&report, args.write.as_deref()),
    }
    // A report of a part is not the report that was asked for.
    Ok(ExitCode::from(if report.problems.is_empty() { 0 } else { USAGE }))
}

/// Twice over the files: first what was done, then what would have been said of it, because files are in no order.
fn watch(
    bundle: &Bundle,
    chain: Chain,
    files: &[PathBuf],
    judged_as: JudgedAs,
    path: &Path,
) -> Result<Report, Failure> {
    let terms = terms_of(bundle);
    let mut observer = Observer::new(bundle, chain);
    each_event(files, path, |_, event| {
        if let Some((event, Kind::Call)) = event.map(|it| (it, kind_of(it)))
            && event.error.is_none()
            && let Ok(understood) = understand(event, &terms)
        {
            observer.remember(&principal_of(event), &seen(event, understood));
        }
    })?;
    let mut watch = Watch::new(judged_as);
    each_event(files, path, |what, event| {
        let Some(event) = event else {
            match what {
                What::Problem(problem) => watch.problem(&problem),
                What::Repeated => watch.repeated(),
                What::Event => {}
            }
            return;
        };
        let kind = kind_of(event);
        if kind != Kind::Call {
            return watch.apart(event, kind);
        }
        let account = Account(event.account.clone());
        let place = Place { environment: bundle.environment_of(&account), in_map: bundle.knows(&account) };
        match understand(event, &terms) {
            Ok(understood) => {
                let left_out = understood.left_out;
                let seen = seen(event, understood);
                let Judged { verdict, effects, assumed, .. } = observer.judge(&principal_of(event), &seen);
                let observed =
                    Observed::Judged { parts: &seen.parts, verdict: &verdict, effects, assumed, left_out };
                watch.observed(event, &observed, &place);
            }
            Err(unjudged) => {
                let verdict = Verdict::fault(Fault::UnknownOperation(unjudged.to_string()));
                let observed = Observed::Unknown { operation: &unjudged.operation, verdict: &verdict };
                watch.observed(event, &observed, &place);
            }
        }
    })?;
    Ok(watch.into_report(assumptions(bundle)))
}

enum What {
    Event,
    Repeated,
    Problem(String),
}

fn each_event(
    files: &[PathBuf],
    path: &Path,
    mut each: impl FnMut(What, Option<&Event>),
) -> Result<(), Failure> {
    let mut known: BTreeSet<[u8; 16]> = BTreeSet::new();
    for file in files {
        trails::records_of(file, |record| match record {
            Ok(event) => {
                let id = Digest::of(event.id.as_bytes());
                let new = known
                    .insert(std::array::from_fn(|nth| id.as_bytes().get(nth).copied().unwrap_or_default()));
                if new { each(What::Event, Some(&event)) } else { each(What::Repeated, None) }
            }
            Err(problem) => each(What::Problem(problem), None),
        });
        if known.len() > MAX_EVENTS {
            let message = format!("{} holds more than {MAX_EVENTS} events", path.display());
            return Err(Failure::usage(message).hint("give fewer days at once"));
        }
    }
    Ok(())
}

fn understand(event: &Event, terms: &Terms) -> Result<Understood, recorded::Unjudged> {
    let target = Target::new(recorded::partition_of(&event.region), Account(event.account.clone()));
    let recorded = Recorded {
        source: &event.source,
        name: &event.name,
        api_version: &event.api_version,
        region: &event.region,
        parameters: &event.parameters,
        omitted: event.omitted,
    };
    recorded::classify(&recorded, &target, terms)
}

fn seen(event: &Event, understood: Understood) -> Seen {
    let Understood { parts, marks, left_out } = understood;
    Seen { parts, marks, at: event.at, whole: !left_out }
}

/// This version's own table, whichever the bundle rests on: it is the one that would be adopted.
fn terms_of(bundle: &Bundle) -> Terms {
    Terms { overrides: overrides_of(bundle), ..Terms::default() }
}

fn chain_of(bundle: &Bundle, args: &ObserveArgs) -> Result<Chain, Failure> {
    let roster = bundle.roster();
    let agents: Vec<&AgentId> = roster.agents.keys().collect();
    let operators: Vec<&PersonId> =
        roster.people.iter().filter(|(_, person)| person.operator).map(|(name, _)| name).collect();
    let agent = one_of(args.agent.as_deref(), &agents, "agent", "--as")?;
    let operator = one_of(args.operator.as_deref(), &operators, "operator", "--operator")?;
    let owner = roster.agents.get(&agent).and_then(|it| it.owner.clone());
    Ok(Chain { agent, operator, launcher: None, owner })
}

/// The one that was named, or the only one.
fn one_of<N: Clone + Borrow<str>>(
    named: Option<&str>,
    known: &[&N],
    what: &str,
    flag: &str,
) -> Result<N, Failure> {
    let found = match (named, known) {
        (Some(name), known) => known.iter().find(|it| Borrow::<str>::borrow(**it) == name),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    found.map(|it| (*it).clone()).ok_or_else(|| {
        let all: Vec<&str> = known.iter().map(|it| Borrow::<str>::borrow(*it)).collect();
        let message = match named {
            Some(name) => format!("the bundle has no {what} `{}`", sanitize(name, 64)),
            None => format!("the bundle has {} {what}s: which one is everybody judged as?", known.len()),
        };
        Failure::usage(message).hint(match all.is_empty() {
            true => "its roster.toml names none; without --bundle, the starter bundle is used".to_owned(),
            false => format!("{flag} takes one of: {}", all.join(", ")),
        })
    })
}

/// The bundle that `init` writes, for an agent that may ask for everything; no account is in its map.
fn starter() -> Result<(Bundle, Chain), Failure> {
    let name = |err: model::NameError| Failure::unexpected(err);
    let (agent, operator): (AgentId, PersonId) =
        ("observed".parse().map_err(name)?, "operator".parse().map_err(name)?);
    let approvers: Vec<PersonId> =
        ["first", "second"].map(str::parse).into_iter().collect::<Result<_, _>>().map_err(name)?;
    let mut keys = (1..=u8::MAX).filter_map(nobodys_key);
    let mut key = || keys.next().map(|it| vec![it]).unwrap_or_default();
    let options = StarterOptions {
        profile: Profile::Standard,
        operators: vec![(operator.clone(), key())],
        recovery: Vec::new(),
        approvers: approvers.into_iter().map(|it| (it, Vec::new(), key())).collect(),
        agents: vec![agent.clone()],
        environments: Vec::new(),
        calendar: None,
    };
    let unexpected = |err: &dyn std::fmt::Display| Failure::unexpected(format!("the starter bundle: {err}"));
    let mut files = policy::starter(&options).map_err(|err| unexpected(&err))?;
    files.remove("grants/agent-observed.examples.toml");
    files.insert("grants/agent-observed.cedar".to_owned(), whatever().into_bytes());
    let bundle = Bundle::load(&files).map_err(|err| unexpected(&err))?;
    Ok((bundle, Chain { agent, operator, launcher: None, owner: None }))
}

/// In the form of a security key, so that whoever has it counts as somebody who could approve; nobody holds it,
/// and nothing is signed here. `None` where these bytes are no point of the curve.
fn nobodys_key(nth: u8) -> Option<EnrolledKey> {
    let parts: [&[u8]; 3] = [b"sk-ssh-ed25519@openssh.com", &[nth; 32], b"ssh:"];
    let mut wire = Vec::new();
    for part in parts {
        wire.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
        wire.extend(part);
    }
    approval::sign::from_wire_form(&wire).ok()
}

/// A grant of everything that a grant can give without naming resources: of each service by name, so that data is in it.
/// Credentials are not: what shows them is granted by the name of each.
fn whatever() -> String {
    let services: Vec<String> =
        Table::shared().services().iter().map(|it| format!("resource in Service::\"{}\"", it.name)).collect();
    let rules = services.chunks(50).zip(1..).map(|(services, nth)| {
        format!(
            "@id(\"everything-{nth}\")\n@reason(\"whatever the trail tells of\")\npermit (\n    principal == \
             Agent::\"observed\",\n    action,\n    resource\n)\nwhen {{ {} }};\n",
            services.join(" || ")
        )
    });
    rules.collect()
}

fn assumptions(bundle: &Bundle) -> Vec<String> {
    let limits = bundle.limits();
    let mut all = vec![
        "Each call is judged alone, at the time of its record, and nobody has signed.".to_owned(),
        "A write whose inverse the tables know counts as undoable, as if the inverse had been captured.".to_owned(),
        "Tags of targets are not in a trail: where the bundle's map reads tags, a change counts as production."
            .to_owned(),
        "What stands behind a reference (a template, code in a bucket) is not read, and a stack's own resources are \
         not listed: a real request can be judged otherwise for them."
            .to_owned(),
        format!(
            "History is each principal's own: what succeeded in the {} h before, and what it created in the {} h \
             before, the longest that a session lives.",
            limits.history_window_s / 3600,
            limits.session_ttl_max_s / 3600
        ),
    ];
    if bundle.has_allowances() {
        all.push("Budgets and standing approvals are judged call by call, as if nothing had been taken out before.".to_owned());
    }
    all
}

/// Before anything is read: what is there already is not written over.
fn free_for<'p>(dir: &Path, names: impl Iterator<Item = &'p PathBuf>) -> Result<(), Failure> {
    for name in names {
        let file = dir.join(name);
        if file.symlink_metadata().is_ok() {
            return Err(Failure::usage(format!("{} is there already", file.display()))
                .hint("nothing is overwritten: give --write a folder of its own"));
        }
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let failed = |err: std::io::Error| Failure::usage(format!("{} cannot be written: {err}", file.display()));
    if let Some(dir) = file.parent() {
        fs::create_dir_all(dir).map_err(failed)?;
    }
    let mut open = fs::OpenOptions::new().write(true).create_new(true).open(file).map_err(failed)?;
    open.write_all(text.as_bytes()).and_then(|()| open.sync_all()).map_err(failed)
}
