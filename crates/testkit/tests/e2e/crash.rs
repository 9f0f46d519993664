//! `kill -9` between every two steps of a held change's life, and at any moment of a stream of writes. Whatever moment
//! it is: the delete reaches the cloud at most once, the record says what is true, and the next process starts.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testkit::{CRASH_BINARY, Signer, crash_binary, send, until};

use crate::lab::{Lab, named};

/// Lives one life around things of this name, killed at this point of that binary; tells whether it died.
pub(crate) type Life = fn(&mut Lab, &Path, &str, &str) -> Result<bool>;

/// More hits of one point than a life has: a life that outlasts them never reached it that often.
const HITS: u32 = 30;

#[test]
fn killed_around_a_decision() -> Result<()> {
    every_hit_of("decisions", live, &[("before-decision", 2), ("after-decision", 2), ("after-permit", 1)])
}

#[test]
fn killed_around_a_signature() -> Result<()> {
    every_hit_of("signatures", live, &[("before-signature", 2), ("after-signature", 2)])
}

#[test]
fn killed_around_an_outcome() -> Result<()> {
    every_hit_of("outcomes", live, &[("after-forward", 1), ("before-outcome", 1), ("after-outcome", 1)])
}

/// After the log was written and before the database knows of it: at least for holding, two signatures and the permit.
#[test]
fn killed_after_an_append() -> Result<()> {
    every_hit_of("appends", live, &[("after-append", 4)])
}

/// For each point: lives killed at its first hit, its second, and so on until one comes through; `at_least` so many
/// must have been killed, or the point is not where it is thought to be.
pub(crate) fn every_hit_of(group: &str, life: Life, points: &[(&str, u32)]) -> Result<()> {
    let Some(binary) = mortal()? else { return Ok(()) };
    let mut lab = Lab::open()?;
    for (point, at_least) in points {
        let mut killed = 0;
        for nth in 1..=HITS {
            let name = format!("{group}-{point}-{nth}");
            let at = format!("{point}#{nth}");
            let died = life(&mut lab, &binary, &at, &name).with_context(|| format!("killed at {at}"))?;
            if !died {
                break;
            }
            killed += 1;
        }
        ensure!(killed >= *at_least, "{point} was reached {killed} times, not {at_least}");
    }
    Ok(())
}

/// The binary that dies where it is told to; `None`, and said aloud, where nobody built it.
pub(crate) fn mortal() -> Result<Option<PathBuf>> {
    let binary = crash_binary()?;
    if binary.is_none() {
        eprintln!("SKIPPED: no crash points ({CRASH_BINARY}); `cargo xtask test e2e` builds and runs them");
    }
    Ok(binary)
}

/// One life: asked for, held, signed twice, run; restarted where it died, and carried on as people and agents would.
/// Tells whether it died.
fn live(lab: &mut Lab, binary: &Path, at: &str, stack: &str) -> Result<bool> {
    lab.make_stack(stack)?;
    let mut died = begin(lab, binary, at)?;
    let mut first: Option<String> = None;
    let mut ended = None;
    let size = Cell::new(0);
    // Held, signed twice, run, and everything once more after a death: more rounds than that is no progress.
    for _ in 0..8 {
        let answer = through(lab, &mut died, |lab| lab.delete_stack(stack))?;
        if let Ok(id) = named(&answer) {
            first.get_or_insert(id);
        }
        let Some((id, state)) = through(lab, &mut died, |lab| standing(lab, stack))? else { continue };
        first.get_or_insert_with(|| id.clone());
        match state.as_str() {
            "held" => {
                through(lab, &mut died, |lab| appended(lab, &size))?;
                for key in [lab.people.ben.clone(), lab.people.carla.clone()] {
                    through(lab, &mut died, |lab| lab.approve(&id, &key)?.expect(0))?;
                    through(lab, &mut died, |lab| appended(lab, &size))?;
                }
            }
            "approved" | "executing" | "unknown" => {}
            "executed" | "failed" => {
                ended = Some((id, state));
                break;
            }
            other => bail!("{id} is {other}"),
        }
    }
    let (id, state) = ended.context("neither executed nor refused after eight rounds")?;
    let (stands, deletes) = (lab.stack_stands(stack)?, lab.deletes(stack)?);
    ensure!(deletes <= 1, "{deletes} deletes were forwarded");
    ensure!(stands == (state == "failed"), "{id} is {state}, and the stack stands: {stands}");
    ensure!(first.as_ref() == Some(&id), "it began as {first:?} and ended as {id}");
    through(lab, &mut died, |lab| lab.verify()?.expect(0))?;
    Ok(died)
}

/// Starts the binary that dies at `at`; it may at once, and then the real one runs.
pub(crate) fn begin(lab: &mut Lab, binary: &Path, at: &str) -> Result<bool> {
    let died = lab.restart_as(Command::new(binary), &[("COUNTERSIGN_CRASH_AT", at)]).is_err();
    if died {
        lab.restart()?;
    }
    Ok(died)
}

/// Does something that may fail because the server dies of it; then, as whoever did it would, restarts the server
/// without a crash point and does it again.
pub(crate) fn through<T>(lab: &mut Lab, died: &mut bool, deed: impl Fn(&Lab) -> Result<T>) -> Result<T> {
    match deed(lab) {
        Ok(done) if lab.serve.is_alive()? => Ok(done),
        first => {
            // Its connections are closed a moment before it has ended.
            let dead = until("the server to die", Duration::from_secs(2), || {
                Ok((!lab.serve.is_alive()?).then_some(()))
            });
            match (first, dead) {
                (first, Ok(())) => {
                    *died = true;
                    lab.restart()?;
                    first.or_else(|_| deed(lab))
                }
                (first, Err(_)) => first,
            }
        }
    }
}

/// Waits until the log has grown, so that each step is appended by itself; a while, as the last step may have been
/// appended by the process that died of it.
pub(crate) fn appended(lab: &Lab, known: &Cell<u64>) -> Result<()> {
    let [_, _, people] = lab.serve.authorities();
    let grown = until("the log to grow", Duration::from_secs(1), || {
        let Ok(note) = send(people, "GET", "/v1/checkpoint", &[], b"") else { return Ok(Some(known.get())) };
        let size = note.text().lines().nth(1).and_then(|line| line.parse().ok());
        Ok(size.filter(|size| *size > known.get()))
    });
    known.set(grown.unwrap_or(known.get()));
    Ok(())
}

/// The newest change about this stack.
pub(crate) fn standing(lab: &Lab, stack: &str) -> Result<Option<(String, String)>> {
    let told = lab.installation.run(["change", "list"])?.expect(0)?.json()?;
    let changes = told["changes"].as_array().context("no changes")?;
    let about = changes.iter().find(|change| change["actions"].to_string().contains(&format!("{stack}\"")));
    let text = |change: &Value, name: &str| change[name].as_str().unwrap_or_default().to_owned();
    Ok(about.map(|change| (text(change, "id"), text(change, "state"))))
}

#[test]
fn what_was_acknowledged_survives_any_moment() -> Result<()> {
    let mut lab = Lab::open()?;
    for round in 0..10u64 {
        let kill_after = usize::try_from(RandomState::new().hash_one(round) % 12)?;
        let (agent, gateway) = (lab.agent.clone(), lab.gateway().to_owned());
        let (acknowledged, over) = (Mutex::new(Vec::new()), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for writer in 0..3 {
                let (agent, gateway, acknowledged, over) = (&agent, &gateway, &acknowledged, &over);
                scope.spawn(move || {
                    for nth in 0.. {
                        if over.load(Ordering::SeqCst) {
                            return;
                        }
                        let name = format!("/stream/{writer}");
                        let Ok(id) = put(agent, gateway, &name, &format!("{round}-{nth}")) else { continue };
                        acknowledged.lock().unwrap().push(id);
                    }
                });
            }
            let enough = || Ok((acknowledged.lock().unwrap().len() >= kill_after).then_some(()));
            let waited = until("enough acknowledged writes", Duration::from_secs(60), enough);
            lab.serve.kill();
            over.store(true, Ordering::SeqCst);
            waited
        })?;
        lab.restart().with_context(|| format!("round {round}, killed after {kill_after}"))?;
        let told = lab.installation.run(["change", "list"])?.expect(0)?.json()?;
        for id in acknowledged.into_inner().unwrap() {
            let changes = told["changes"].as_array().context("no changes")?;
            let change = changes.iter().find(|change| change["id"] == id.as_str());
            let state = change.map(|change| change["state"].as_str().unwrap_or_default());
            ensure!(state == Some("executed"), "round {round}: {id} was acknowledged and is {state:?}");
        }
        lab.verify()?.expect(0)?;
    }
    Ok(())
}

/// The change, where the write was acknowledged.
fn put(agent: &Signer, gateway: &str, name: &str, value: &str) -> Result<String> {
    let body = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
    let answer = agent.json("ssm", gateway, "AmazonSSM.PutParameter", &body).send(gateway)?;
    ensure!(answer.status == 200, "{}", answer.text());
    named(&answer)
}
