//! Secrets of many kinds, planted wherever an account and a repository have text: a whole `ask` and a whole `agent run` tell a model none.

use std::{
    fs,
    path::Path,
    process::{Command, Output as Ran},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{
    CRASH_BINARY, FakeLlm, Scenario,
    canary::{canaries, core},
    crash_binary,
};

use crate::{
    ask_command::{instant, model},
    lab::Lab,
};

/// Each canary as a name and in a tag.
fn planted() -> Value {
    let at = instant(testkit::now() - 60);
    let resources: Vec<Value> = canaries()
        .iter()
        .enumerate()
        .map(|(nth, (_, canary))| {
            json!({ "id": group(nth), "kind": "logs:log-group", "name": canary, "region": "us-east-1", "read": "r1",
                "tags": { "note": canary }, "attributes": { "logGroupName": canary, "storedBytes": 5 } })
        })
        .collect();
    json!({
        "schema": "countersign.snapshot/v1", "account": "123456789012", "regions": ["us-east-1"],
        "taken": { "from": at, "until": at },
        "reads": [{ "id": "r1", "operation": "logs:DescribeLogGroups", "region": "us-east-1", "parameters": {}, "at": at, "outcome": "complete" }],
        "resources": resources, "edges": [], "metrics": [],
    })
}

fn group(nth: usize) -> String {
    format!("arn:aws:logs:us-east-1:123456789012:log-group:{nth}")
}

/// A model that looks at all of it, a few things at a time.
fn script() -> Result<String> {
    let call = |id: &str, tool: &str, arguments: Value| -> Result<String> {
        let arguments = serde_json::to_string(&arguments.to_string())?;
        Ok(format!("{{ id = '{id}', tool = '{tool}', arguments = [{arguments}] }}"))
    };
    let mut calls = vec![
        call("all", "inventory", json!({ "kind": "logs:log-group" }))?,
        call("found", "findings", json!({}))?,
        call("costs", "costs", json!({ "by": "service" }))?,
    ];
    for nth in 0..canaries().len() {
        calls.push(call(&format!("c{nth}"), "resource", json!({ "name": group(nth) }))?);
    }
    let mut script = String::new();
    for some in calls.chunks(10) {
        script.push_str(&format!("[[turns]]\ncalls = [{}]\n", some.join(", ")));
    }
    Ok(script + "[[turns]]\nsay = ['That is all.']\n")
}

#[test]
fn no_canary_of_an_account_is_told_to_a_model() -> Result<()> {
    let Some(binary) = crash_binary()? else {
        eprintln!(
            "SKIPPED: no program with a language model ({CRASH_BINARY}); `cargo xtask test e2e` builds it"
        );
        return Ok(());
    };
    let lab = Lab::open()?;
    let folder = tempfile::tempdir()?;
    let top = folder.path();
    let (from, file) = (top.join("snapshot.json"), top.join("model.toml"));
    fs::write(&from, planted().to_string())?;
    let canaries = canaries();
    ensure!(canaries.len() >= 12);
    let steering = top.join(".kiro/steering");
    fs::create_dir_all(&steering)?;
    let prose: Vec<&str> = canaries.iter().map(|(_, canary)| canary.as_str()).collect();
    fs::write(steering.join("tech.md"), format!("We use these:\n\n{}\n", prose.join("\n\n")))?;
    let says = format!("what is there? I use {} .", canaries.first().context("none")?.1);
    for provider in ["anthropic", "openai", "bedrock"] {
        for words in [&["ask"][..], &["agent", "run"][..]] {
            let fake = FakeLlm::start(Scenario::parse(&script()?)?)?;
            fs::write(&file, model(provider, &fake.url()))?;
            let ran = run(&lab, &binary, words, &says, (&from, &file, top))?;
            let err = String::from_utf8_lossy(&ran.stderr).into_owned();
            ensure!(ran.status.success(), "{provider} {words:?}: {err}");
            fake.finished()?;
            let heard = fake.heard();
            ensure!(heard.len() > 2, "{provider} {words:?}: it was asked {} times", heard.len());
            for (name, canary) in &canaries {
                ensure!(
                    heard.iter().all(|it| !it.says(core(canary))),
                    "{provider} {words:?}: the model was told {name}"
                );
            }
        }
    }
    lab.verify()?.expect(0).map(drop)
}

fn run(
    lab: &Lab,
    binary: &Path,
    words: &[&str],
    says: &str,
    (from, file, top): (&Path, &Path, &Path),
) -> Result<Ran> {
    let place = if words == ["ask"] { "--specify" } else { "--dir" };
    let ran = Command::new(binary)
        .args(words)
        .args([says, "--output", "json", "--from"])
        .arg(from)
        .arg("--model")
        .arg(file)
        .arg(place)
        .arg(top)
        .env("MODEL_KEY", "local-key-of-this-test")
        .envs(lab.session.env())
        .output()?;
    Ok(ran)
}
