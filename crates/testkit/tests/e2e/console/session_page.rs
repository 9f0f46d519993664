//! What a session did, told alike by its page, the API and the command line: what it read, changed, had held and was refused.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{Cli, Response, Signer, until};

use super::by_hand::Desk;
use crate::lab::held;

struct Worker {
    desk: Desk,
    id: String,
    agent: Signer,
}

impl Worker {
    fn open() -> Result<Self> {
        let desk = Desk::open()?;
        let key = &desk.lab.people.olga.private;
        let scope = ["--scope", "service:ssm,service:cloudformation"];
        let session = desk.lab.installation.session("fixer", "olga", key, "renew <one>", &scope)?;
        let agent = Signer::of(&session)?;
        Ok(Self { desk, id: session.id, agent })
    }

    fn call(&self, service: &str, target: &str, body: &Value) -> Result<Response> {
        let gateway = self.desk.lab.gateway();
        self.agent.json(service, gateway, target, body).send(gateway)
    }

    fn delete_stack(&self, name: &str) -> Result<Response> {
        let gateway = self.desk.lab.gateway();
        let fields = [("Action", "DeleteStack"), ("StackName", name), ("Version", "2010-05-15")];
        self.agent.form("cloudformation", gateway, &fields).send(gateway)
    }

    fn shown(&self) -> Result<Value> {
        self.desk.lab.installation.run(["session", "show", &self.id])?.expect(0)?.json()
    }
}

fn has(text: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(text.contains(part), "`{part}` is not in: {text}");
    }
    Ok(())
}

#[test]
fn a_session_is_told_of_alike_on_its_page_in_the_api_and_at_the_command_line() -> Result<()> {
    let worker = Worker::open()?;
    let lab = &worker.desk.lab;
    let cookie = worker.desk.sign_in(&worker.desk.ben)?;
    let place = format!("/sessions/{}", worker.id);
    let page = worker.desk.get(&cookie, &place)?;
    ensure!(page.status == 200, "{}", page.text());
    has(&page.text(), &["fixer for olga", "renew &#60;one&#62;", "Changed: 0", "Refused: 0", "Read: 0"])?;
    ensure!(worker.shown()?["summary"]["last_acted"].is_null());

    for (name, value) in [("/one", "old!"), ("/two", "old!")] {
        let before = json!({ "Name": name, "Value": value, "Type": "String" });
        ensure!(lab.owner_call("ssm", "AmazonSSM.PutParameter", &before)?.status == 200);
    }
    for _ in 0..3 {
        ensure!(worker.call("ssm", "AmazonSSM.DescribeParameters", &json!({}))?.status == 200);
    }
    let write = json!({ "Name": "/one", "Value": "new!", "Type": "String", "Overwrite": true });
    ensure!(worker.call("ssm", "AmazonSSM.PutParameter", &write)?.status == 200);
    for stack in ["orders", "bills"] {
        lab.make_stack(stack)?;
    }
    let vetoed = held(&worker.delete_stack("bills")?)?;
    // Outside its scope: a read, and a write.
    ensure!(worker.call("kms", "TrentService.ListKeys", &json!({}))?.status >= 400);
    let secret = json!({ "SecretId": "x", "SecretString": "y" });
    ensure!(worker.call("secretsmanager", "secretsmanager.UpdateSecret", &secret)?.status >= 400);
    let statement = {
        let target = format!("/changes/{vetoed}/statement?act=reject&reason=not+tonight");
        let answer = worker.desk.get(&cookie, &target)?;
        let told: Value = serde_json::from_slice(&answer.body)?;
        told["statement"].as_str().with_context(|| answer.text())?.to_owned()
    };
    let signature = worker.desk.touched(&worker.desk.ben, super::by_hand::OF_STATEMENTS, &statement);
    let signed = worker.desk.hands_in(&cookie, &vetoed, (&statement, &signature))?;
    ensure!(signed.status == 200, "{}", signed.text());
    // Asked for before that, it would be one list with the other.
    let waits = held(&worker.delete_stack("orders")?)?;

    // Reads are on record a moment later.
    let summary = until("its reads to be on record", Duration::from_secs(10), || {
        let summary = worker.shown()?["summary"].clone();
        Ok((summary["read"]["times"] == 3 && summary["refused"]["in_passing"] == 1).then_some(summary))
    })?;
    ensure!(summary["read"]["services"][0]["service"] == "ssm", "{summary:#}");
    ensure!(summary["read"]["services"][0]["operations"][0]["operation"] == "DescribeParameters");
    ensure!(summary["changed"]["executed"] == 1, "{summary:#}");
    let undo = summary["changed"]["newest"][0]["undo"].as_str().unwrap_or_default();
    ensure!(undo.starts_with("captured: "), "{summary:#}");
    ensure!(summary["held"]["newest"][0]["change"] == waits.as_str(), "{summary:#}");
    ensure!(summary["refused"]["rejected"] == 1 && summary["refused"]["denied"] == 1, "{summary:#}");
    let by: Vec<&str> = summary["refused"]["newest"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it["by"].as_str().or(it["state"].as_str()))
        .collect();
    ensure!(by.contains(&"ben") && by.contains(&"denied"), "{summary:#}");
    ensure!(!summary["last_acted"].is_null() && summary["ended"].is_null());

    let config = lab.installation.config().to_str().context("a path that is not text")?;
    let home = lab.installation.beside().to_str().context("a path that is not text")?;
    let told = Cli::run_with(["session", "show", &worker.id, "--config", config], &[("HOME", home)])?;
    let told = told.expect(0)?.stdout;
    let line = "3 read, 1 changed, 1 held, 3 refused";
    has(&told, &[line, "ssm 3: DescribeParameters 3", "not tonight", "undo: captured: ", "kms:ListKeys"])?;

    let page = worker.desk.get(&cookie, &place)?.text();
    has(&page, &[line, "Read: 3", "Changed: 1", "Held: 1", "Refused: 3", "not tonight", "kms:ListKeys"])?;
    has(&page, &[&format!("href=\"/changes/{waits}\""), &format!("href=\"/changes/{vetoed}\"")])?;
    let list = worker.desk.get(&cookie, "/sessions")?.text();
    has(&list, &[&format!("href=\"{place}\"")])?;

    lab.signs(&lab.people.olga, &["session", "stop", &worker.id])?.expect(0)?;
    let ended = worker.shown()?["summary"]["ended"].clone();
    ensure!(ended["why"] == "stopped" && ended["by"] == "olga", "{ended}");
    ensure!(worker.desk.get(&cookie, "/sessions/ses-00000000000000000000000000")?.status == 404);
    lab.verify()?.expect(0).map(drop)
}
