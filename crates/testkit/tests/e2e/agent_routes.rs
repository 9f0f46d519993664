//! Every route of the agent listener (`agent_routes.txt`), asked by nobody, by another agent and by the one it is about; and what the
//! ledger has of it afterwards.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{Response, Signer, now, send, until};

use crate::lab::{Lab, named};

const TABLE: &str = include_str!("agent_routes.txt");

struct Row {
    method: &'static str,
    path: &'static str,
    /// Nobody, another agent, the agent.
    answers: [u16; 3],
    leaves: &'static str,
}

fn rows() -> Result<Vec<Row>> {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut parts = line.split_whitespace();
            let mut next = || parts.next().with_context(|| line.to_owned());
            let (method, path) = (next()?, next()?);
            let answers = [next()?.parse()?, next()?.parse()?, next()?.parse()?];
            let (_, leaves) = line.split_once("  ->  ").with_context(|| line.to_owned())?;
            Ok(Row { method, path, answers, leaves })
        })
        .collect()
}

/// What is asked about: a write of its own that ran, where that is to be undone, else a delete that is held.
fn matter(lab: &Lab, row: &Row, name: &str) -> Result<String> {
    if !row.path.ends_with("/undo") {
        return lab.hold(name);
    }
    let parameter = |value: &str| json!({ "Name": format!("/{name}"), "Value": value, "Type": "String", "Overwrite": true });
    ensure!(lab.owner_call("ssm", "AmazonSSM.PutParameter", &parameter("1"))?.status == 200);
    named(&lab.call("ssm", "AmazonSSM.PutParameter", &parameter("2"))?)
}

fn body(row: &Row, name: &str) -> Option<Value> {
    match (row.method, row.path) {
        ("POST", "/v1/changes") => {
            let delete = json!({ "service": "cloudformation", "operation": "DeleteStack", "parameters": { "StackName": name } });
            Some(json!({ "intent": "tidy up", "actions": [delete] }))
        }
        ("POST", "/v1/reports") => {
            let line = json!({ "outcome": "refused", "why": "it asked for a shell" });
            Some(json!({ "asked": "tidy up", "lines": [line] }))
        }
        _ => None,
    }
}

fn ask(lab: &Lab, who: Option<&Signer>, row: &Row, target: &str, body: Option<&Value>) -> Result<Response> {
    let [_, host, _] = lab.serve.authorities();
    let body = body.map(|it| it.to_string().into_bytes()).unwrap_or_default();
    match who {
        None => send(host, row.method, target, &[], &body),
        Some(signer) => signer.sign_at(now(), "countersign", host, row.method, target, &[], body).send(host),
    }
}

#[test]
fn every_route_of_the_agents_answers_each_and_tells_the_ledger() -> Result<()> {
    let lab = Lab::open()?;
    let other = lab.installation.session("tidier", "olga", &lab.people.olga.private, "tidy", &[])?;
    let other = Signer::of(&other)?;
    for (nth, row) in rows()?.into_iter().enumerate() {
        let what = format!("{} {}", row.method, row.path);
        let (own, others) = (format!("own{nth}"), format!("other{nth}"));
        lab.make_stack(&others)?;
        let id = matter(&lab, &row, &own)?;
        let wait = if row.path.ends_with("/wait") { "?seconds=0" } else { "" };
        let target = format!("{}{wait}", row.path.replace("{id}", &id));
        // What the agent has held already would be answered with the same change.
        let fresh = format!("fresh{nth}");
        lab.make_stack(&fresh)?;
        let nobody = ask(&lab, None, &row, &target, body(&row, &fresh).as_ref())?;
        let stranger = ask(&lab, Some(&other), &row, &target, body(&row, &others).as_ref())?;
        let before = if row.leaves == "reads" { Vec::new() } else { lab.entries(row.leaves)? };
        let answer = ask(&lab, Some(&lab.agent), &row, &target, body(&row, &fresh).as_ref())?;
        let found = [nobody.status, stranger.status, answer.status];
        ensure!(
            found == row.answers,
            "{what}: {found:?}, not {:?}\n{}\n{}",
            row.answers,
            stranger.text(),
            answer.text()
        );
        if row.leaves == "reads" {
            ensure!(row.method == "GET", "{what} does more than reading");
        } else {
            let after = until(&format!("{what} to leave {}", row.leaves), Duration::from_secs(10), || {
                Ok(Some(lab.entries(row.leaves)?).filter(|it| it.len() > before.len()))
            })?;
            let by = |entry: &Value| entry["actors"]["agent"].is_string();
            ensure!(after.iter().all(by), "{what}: nobody did it");
        }
        // Nobody joins what the next route asks about.
        for held in lab.installation.run(["change", "list", "--state", "held"])?.expect(0)?.json()?["changes"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let id = held["id"].as_str().context("no id")?;
            lab.signs(&lab.people.ben, &["change", "reject", id, "--reason", "the next route"])?.expect(0)?;
        }
    }
    lab.verify()?.expect(0).map(drop)
}
