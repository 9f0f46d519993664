//! Answers of the agent listener that never come: what was asked for was heard all the same, and is not done twice.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use testkit::{Cli, Output, Relayed, relay};

use crate::agent_run::{Bench, plan, write};

/// How often each was asked for: by what it ends with, whatever change it is about.
type Asked = Arc<Mutex<BTreeMap<String, usize>>>;

/// Runs a plan through a place that hands everything on, and keeps back the first answer to each POST.
fn begin(bench: &Bench, steps: &[Value]) -> Result<(Output, Asked)> {
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    let listener = bench.lab.serve.agent.strip_prefix("http://").context("an agent listener with TLS")?;
    let between = relay(listener, move |request| pass(request, &kept))?;
    let file = bench.file(&plan(steps))?;
    let file = file.to_str().context("a path that is not text")?;
    let (line, env) = bench.line(&bench.lab.session, &["--plan", file])?;
    let env: Vec<(&str, &str)> = env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| *name != "COUNTERSIGN_AGENT_URL")
        .chain([("COUNTERSIGN_AGENT_URL", between.as_str())])
        .collect();
    Ok((Cli::run_with(line, &env)?, asked))
}

fn pass(mut request: Relayed, asked: &Asked) -> Result<()> {
    let target = request.head.split(' ').nth(1).unwrap_or_default();
    let what = target.rsplit('/').next().unwrap_or_default().to_owned();
    let posts = request.head.starts_with("POST ");
    let answer = request.forward()?;
    if posts {
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(what).or_default();
        *times += 1;
        if *times == 1 {
            bail!("its answer is lost");
        }
    }
    Ok(request.client.write_all(&answer)?)
}

fn times(asked: &Asked, what: &str) -> usize {
    asked.lock().unwrap_or_else(PoisonError::into_inner).get(what).copied().unwrap_or_default()
}

fn changes(bench: &Bench) -> Result<Vec<Value>> {
    let answer = bench.lab.on_agent_listener("GET", "/v1/changes", None)?;
    let listed: Value = serde_json::from_slice(&answer.body)?;
    Ok(listed["changes"].as_array().context("no changes")?.clone())
}

#[test]
fn a_proposal_whose_answer_is_lost_is_made_again_and_is_one_change() -> Result<()> {
    let bench = Bench::with(&[("one", true), ("two", true)])?;
    let (output, asked) = begin(&bench, &[write("1.1", "one", 0), write("1.2", "two", 0)])?;
    let told = output.expect(0)?.json()?;
    ensure!(told["plans"][0]["state"] == "done", "{told:#}");
    ensure!(times(&asked, "changes") == 2, "{asked:?}");
    let changes = changes(&bench)?;
    ensure!(changes.len() == 1 && changes[0]["state"] == "executed", "{changes:#?}");
    for name in ["one", "two"] {
        ensure!(bench.value(name)? == "new!" && bench.sent(name, "new!")? == 1, "{name}");
    }
    bench.lab.verify()?.expect(0).map(drop)
}

#[test]
fn an_undo_whose_answer_is_lost_is_looked_for_and_not_made_twice() -> Result<()> {
    let bench = Bench::with(&[("one", true), ("two", false), ("three", true)])?;
    let steps = [write("1.1", "one", 0), write("1.2", "two", 0), write("1.3", "three", 0)];
    let (output, asked) = begin(&bench, &steps)?;
    let told = output.expect(12)?.json()?;
    let stopped = &told["plans"][0];
    ensure!(stopped["state"] == "stopped" && stopped["stopped_at"] == "1.2", "{told:#}");
    let taken = stopped["taken_back"].as_array().context("nothing was taken back")?;
    ensure!(taken.len() == 2 && taken.iter().all(|it| it["undone"] == true), "{told:#}");
    // Withdrawn and undone by the first of each: how the change stands says so, and the second undo is another step's.
    ensure!(times(&asked, "withdraw") == 1 && times(&asked, "undo") == 2, "{asked:?}");
    for name in ["one", "two"] {
        // Once by the account's owner, once by the undo.
        ensure!(bench.value(name)? == "old!" && bench.sent(name, "old!")? == 2, "{name}");
    }
    ensure!(bench.value("three")? == "old!" && bench.sent("three", "new!")? == 0);
    bench.lab.verify()?.expect(0).map(drop)
}
