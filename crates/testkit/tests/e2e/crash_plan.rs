//! `kill -9` between every two steps of a plan's life and of an undo's. Each step and each captured undo reaches the
//! cloud at most once, no step overtakes the one before it, and the record says what is true.

use std::{cell::Cell, path::Path};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use testkit::Cli;

use crate::{
    crash::{appended, begin, every_hit_of, standing, through},
    lab::{Lab, named},
};

#[test]
fn a_plan_killed_around_its_decisions() -> Result<()> {
    every_hit_of("plan", plan, &[("before-decision", 2), ("after-decision", 2), ("after-permit", 2)])
}

#[test]
fn a_plan_killed_around_its_outcomes() -> Result<()> {
    every_hit_of("ends", plan, &[("after-forward", 2), ("before-outcome", 2), ("after-outcome", 2)])
}

#[test]
fn an_undo_killed_around_its_decisions() -> Result<()> {
    every_hit_of("undo", undo, &[("before-decision", 2), ("after-decision", 2), ("after-permit", 2)])
}

#[test]
fn an_undo_killed_around_its_outcomes() -> Result<()> {
    every_hit_of("back", undo, &[("after-forward", 2), ("before-outcome", 2), ("after-outcome", 2)])
}

/// Two deletes asked for together, signed, and run one after the other.
fn plan(lab: &mut Lab, binary: &Path, at: &str, name: &str) -> Result<bool> {
    let stacks = [format!("{name}-first"), format!("{name}-second")];
    let [first, second] = &stacks;
    for stack in &stacks {
        lab.make_stack(stack)?;
    }
    let mut died = begin(lab, binary, at)?;
    let size = Cell::new(0);
    let id = through(lab, &mut died, |lab| propose(lab, &stacks))?;
    for key in [lab.people.ben.clone(), lab.people.carla.clone()] {
        through(lab, &mut died, |lab| appended(lab, &size))?;
        through(lab, &mut died, |lab| lab.approve(&id, &key)?.expect(0))?;
    }
    let mut state = String::new();
    for _ in 0..6 {
        // Refused where the step before it is not known to have succeeded, or has failed: then the record says so.
        for stack in &stacks {
            through(lab, &mut died, |lab| lab.delete_stack(stack))?;
        }
        state = through(lab, &mut died, |lab| lab.state(&id))?;
        if ["executed", "failed"].contains(&state.as_str()) {
            break;
        }
    }
    for stack in &stacks {
        let (stands, deletes) = (lab.stack_stands(stack)?, lab.deletes(stack)?);
        ensure!(deletes <= 1, "{stack}: {deletes} deletes were forwarded");
        ensure!(stands == (deletes == 0), "{stack} stands: {stands}, after {deletes} deletes");
    }
    let gone = [!lab.stack_stands(first)?, !lab.stack_stands(second)?];
    match state.as_str() {
        "executed" => ensure!(gone == [true, true], "executed, and gone are {gone:?}"),
        "failed" => {
            ensure!(died && !gone[1], "failed without a death, or the second stack is gone: {gone:?}")
        }
        other => bail!("{id} is {other} after six rounds, gone are {gone:?}"),
    }
    through(lab, &mut died, |lab| lab.verify()?.expect(0))?;
    Ok(died)
}

/// The plan's id; one that was recorded before a death is not proposed again.
fn propose(lab: &Lab, stacks: &[String]) -> Result<String> {
    if let Some((id, _)) = standing(lab, stacks.first().context("no stack")?)? {
        return Ok(id);
    }
    let actions: Vec<_> = stacks
        .iter()
        .map(|stack| json!({ "service": "cloudformation", "operation": "DeleteStack", "parameters": { "StackName": stack } }))
        .collect();
    let file = lab.installation.beside().join("plan.json");
    std::fs::write(&file, json!(actions).to_string())?;
    let file = file.to_str().context("a path that is not text")?;
    // A session's credentials outlive the process; the address of the listener does not.
    let here = [("COUNTERSIGN_AGENT_URL", lab.serve.agent.as_str())];
    let env = [lab.session.env().as_slice(), &here].concat();
    let line = ["propose", "--intent", "tidy up", "--actions", file, "--output", "json"];
    let told = Cli::run_with(line, &env)?.expect(10)?.json()?;
    Ok(told["id"].as_str().context("no id")?.to_owned())
}

/// A value overwritten by the agent and put back by a person.
fn undo(lab: &mut Lab, binary: &Path, at: &str, name: &str) -> Result<bool> {
    let name = format!("/{name}");
    let before = json!({ "Name": name, "Value": "old!", "Type": "String" });
    ensure!(lab.owner_call("ssm", "AmazonSSM.PutParameter", &before)?.status == 200);
    let mut died = begin(lab, binary, at)?;
    let write = through(lab, &mut died, |lab| overwrite(lab, &name))?;
    let olga = lab.people.olga.clone();
    let mut state = String::new();
    for _ in 0..4 {
        through(lab, &mut died, |lab| {
            let told = lab.signs(&olga, &["undo", &write])?;
            ensure!([0, 11, 12].contains(&told.code), "{told}");
            Ok(())
        })?;
        state = through(lab, &mut died, |lab| lab.state(&write))?;
        if state == "undone" {
            break;
        }
    }
    let value = lab.parameter(&name)?;
    let sent = lab.moto.recorded(&["AmazonSSM.PutParameter", &name, "new!"])?;
    let put_back = lab.moto.recorded(&["AmazonSSM.PutParameter", &name, "old!"])?;
    // The owner's own is one of them.
    ensure!(sent <= 1 && put_back <= 2, "sent {sent} times, put back {} times", put_back - 1);
    match state.as_str() {
        "undone" => ensure!(value.as_deref() == Some("old!"), "undone, and it is {value:?}"),
        // The write itself was never sent, or its undo was not: each is used once, and nothing is sent on a guess.
        "failed" | "executed" => ensure!(died, "{state} without a death"),
        other => bail!("{write} is {other}, and the value {value:?}"),
    }
    if state != "undone" {
        let expected = if state == "failed" { "old!" } else { "new!" };
        ensure!(value.as_deref() == Some(expected), "{write} is {state}, and it is {value:?}");
    }
    through(lab, &mut died, |lab| lab.verify()?.expect(0))?;
    Ok(died)
}

/// The write's id; what reached the record before a death is not asked for again.
fn overwrite(lab: &Lab, name: &str) -> Result<String> {
    if let Some((id, _)) = standing(lab, name)? {
        return Ok(id);
    }
    let body = json!({ "Name": name, "Value": "new!", "Type": "String", "Overwrite": true });
    let answer = lab.call("ssm", "AmazonSSM.PutParameter", &body)?;
    ensure!(answer.status == 200, "{}", answer.text());
    named(&answer)
}
