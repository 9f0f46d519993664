//! Plans from a snapshot's file: without a server, without a network, and with text from a cloud that is hostile.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Cli, Output};

const ACCOUNT: &str = "111122223333";

/// A stack that holds a database whose name a terminal would obey.
fn snapshot() -> Value {
    let taken = "2026-03-01T11:00:00Z";
    let list = |id: &str, operation: &str| json!({ "id": id, "operation": operation, "region": "us-east-1", "at": taken, "outcome": "complete" });
    let stack = format!("arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/shop/1");
    let database = format!("arn:aws:rds:us-east-1:{ACCOUNT}:db:costs");
    json!({
        "schema": "countersign.snapshot/v1", "account": ACCOUNT, "regions": ["us-east-1"], "taken": { "from": taken, "until": taken },
        "reads": [list("r1", "cloudformation:DescribeStacks"), list("r2", "rds:DescribeDBInstances"),
            { "id": "r3", "operation": "cloudformation:ListStackResources", "about": stack, "at": taken, "outcome": "complete" }],
        "resources": [
            { "id": stack, "kind": "cloudformation:stack", "name": "shop", "region": "us-east-1", "read": "r1", "tags": {},
              "attributes": { "StackName": "shop", "StackStatus": "UPDATE_COMPLETE", "CreationTime": "2025-01-01T00:00:00Z",
                              "Parameters": [{ "ParameterKey": "Size" }] } },
            { "id": database, "kind": "rds:db-instance", "name": "costs\u{1b}[2J", "region": "us-east-1", "read": "r2", "tags": {},
              "attributes": { "AllocatedStorage": 500 } }],
        "edges": [{ "from": stack, "kind": "owns", "to": database, "read": "r3" }], "metrics": [],
    })
}

/// A snapshot and what makes it young enough, as files in `folder`.
fn files(folder: &Path) -> Result<(PathBuf, String)> {
    let file = folder.join("snapshot.json");
    fs::write(&file, snapshot().to_string())?;
    let parameters = folder.join("parameters.toml");
    fs::write(&parameters, "stale_days = 36500")?;
    Ok((file, parameters.to_str().context("a path that is not text")?.to_owned()))
}

fn run(file: &Path, more: &[&str]) -> Result<Output> {
    let file = file.to_str().context("a path that is not text")?;
    Cli::run([&["plan", "--from", file], more].concat())
}

#[test]
fn a_stack_is_put_right_in_place_and_what_deleting_it_destroys_is_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (file, parameters) = files(folder.path())?;
    let goal = ["--parameters", &parameters, "--goal", "deploy", "--stack", "shop", "--parameter", "Size=2"];

    let plans = run(&file, &[&goal[..], &["--output", "json"]].concat())?.expect(0)?.json()?;
    let calls: Vec<_> = [0, 1].map(|nth| plans["plans"][nth]["steps"][0]["call"]["operation"].clone()).into();
    ensure!(calls == ["CreateChangeSet", "ExecuteChangeSet"], "{plans}");
    ensure!(plans["plans"][1]["follows"] == plans["plans"][0]["id"], "{plans}");
    let other = &plans["plans"][1]["alternatives"][1];
    ensure!(other["name"] == "delete and recreate" && other["undoable"] == false, "{other}");
    ensure!(other["destroys"].as_array().is_some_and(|all| all.len() == 2), "{other}");

    let told = run(&file, &goal)?.expect(0)?.stdout;
    ensure!(
        told.contains("once plan 1 has run") && told.contains("500 GB of data in the database costs"),
        "{told}"
    );
    ensure!(!told.contains('\u{1b}'), "a name reached the terminal: {told}");

    let written = folder.path().join("plans.json");
    fs::write(&written, plans.to_string())?;
    let lint = |file: &Path, exit: i32| -> Result<Output> {
        Cli::run(["plan", "lint", file.to_str().context("a path that is not text")?])?.expect(exit)
    };
    lint(&written, 0)?;
    let mut milder = plans["plans"][1].clone();
    milder["steps"][0]["effects"] = json!(["read"]);
    let one = folder.path().join("plan.json");
    fs::write(&one, milder.to_string())?;
    let output = lint(&one, 21)?;
    ensure!(output.stdout.contains("steps[0].effects: it is said milder than it is"), "{output}");
    Ok(())
}

/// By the rules of an installation: an environment that nobody knows is production.
#[test]
fn each_way_says_how_many_people_it_takes() -> Result<()> {
    let lab = crate::lab::Lab::open()?;
    let bundle = lab.installation.folder().join("bundle");
    let bundle = bundle.to_str().context("a path that is not text")?;
    let folder = tempfile::tempdir()?;
    let (file, parameters) = files(folder.path())?;
    let goal = ["--parameters", &parameters, "--goal", "deploy", "--stack", "shop", "--parameter", "Size=2"];
    let whose = ["--bundle", bundle, "--agent", "fixer", "--operator", "olga"];
    let plans = run(&file, &[&goal[..], &whose, &["--output", "json"]].concat())?.expect(0)?.json()?;
    ensure!(plans["plans"][0]["people"] == json!({ "count": 0, "why": "" }), "{plans:#}");
    ensure!(
        plans["plans"][1]["people"] == json!({ "count": 2, "why": "two-people-to-execute" }),
        "{plans:#}"
    );
    let others = plans["plans"][1]["alternatives"].as_array().context("no other way")?;
    let other = others.iter().find(|it| it["name"] == "delete and recreate").context("not told")?;
    ensure!(other["people"] == json!({ "count": 2, "why": "two-people-to-destroy" }), "{other:#}");
    let told = run(&file, &[&goal[..], &whose].concat())?.expect(0)?.stdout;
    ensure!(told.lines().any(|line| line.contains("delete and recreate") && line.ends_with(" 2")), "{told}");
    let unknown =
        run(&file, &[&goal[..], &["--bundle", bundle, "--agent", "nobody", "--operator", "olga"]].concat())?;
    ensure!(unknown.expect(2)?.stderr.contains("has no agent nobody"));
    Ok(())
}

#[test]
fn where_there_is_no_plan_it_is_said_why() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (file, parameters) = files(folder.path())?;
    let refused = |exit: i32, wanted: &[&str], more: &[&str]| -> Result<()> {
        let output = run(&file, &[&["--parameters", &parameters], more].concat())?.expect(exit)?;
        ensure!(wanted.iter().all(|wanted| output.stderr.contains(wanted)), "{wanted:?}: {output}");
        Ok(())
    };
    refused(
        4,
        &["CS012", "there is no stack `shap`", "nearest: shop"],
        &["--goal", "deploy", "--stack", "shap", "--parameter", "Size=2"],
    )?;
    refused(
        4,
        &["CS012", "there is no parameter `Sise`"],
        &["--goal", "deploy", "--stack", "shop", "--parameter", "Sise=2"],
    )?;
    refused(2, &["CS012", "it needs an earlier snapshot"], &["--goal", "restore-configuration"])?;
    refused(2, &["what is it about?"], &["--goal", "deploy"])?;
    let output = run(&file, &["--goal", "repair"])?.expect(2)?;
    ensure!(output.stderr.contains("days old, and at most 7 are taken"), "{output}");
    Cli::run(["plan"])?.expect(2)?;
    Ok(())
}
