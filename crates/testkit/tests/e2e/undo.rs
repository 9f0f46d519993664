//! What can be undone really is, once; and a live resource is recognised under traffic.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::Signer;

use crate::lab::{Lab, named};

fn put(lab: &Lab, name: &str, value: &str) -> Result<String> {
    let body = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
    let answer = lab.call("ssm", "AmazonSSM.PutParameter", &body)?;
    ensure!(answer.status == 200, "{}", answer.text());
    named(&answer)
}

#[test]
fn a_write_is_undone_once() -> Result<()> {
    let lab = Lab::open()?;
    let olga = &lab.people.olga;
    let before = json!({ "Name": "/rate", "Value": "1", "Type": "String" });
    ensure!(lab.owner_call("ssm", "AmazonSSM.PutParameter", &before)?.status == 200);

    let write = put(&lab, "/rate", "2")?;
    ensure!(lab.parameter("/rate")?.as_deref() == Some("2") && lab.state(&write)? == "executed");
    let undone = lab.signs(olga, &["undo", &write])?.expect(0)?.json()?;
    ensure!(lab.parameter("/rate")?.as_deref() == Some("1"), "the value of before is back");
    ensure!(lab.state(&write)? == "undone");
    ensure!(undone["links"].to_string().contains(&write), "{undone}");
    lab.signs(olga, &["undo", &write])?.expect(12)?;
    ensure!(lab.parameter("/rate")?.as_deref() == Some("1"));

    let create = put(&lab, "/fresh", "1")?;
    // The inverse of a create is a destroy, and in production that takes two people.
    let held = lab.signs(olga, &["undo", &create])?.expect(10)?;
    let held: Value = serde_json::from_str(&held.stderr)?;
    let held = held["change"].as_str().context("the refusal names no change")?;
    ensure!(lab.parameter("/fresh")?.is_some() && lab.state(&create)? == "executed");
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(held, key)?.expect(0)?;
    }
    lab.signs(olga, &["undo", &create])?.expect(0)?;
    ensure!(lab.parameter("/fresh")?.is_none(), "what was created is gone again");
    ensure!(lab.state(held)? == "executed");
    ensure!(lab.state(&create)? == "undone");
    lab.signs(olga, &["undo", &create])?.expect(12)?;
    lab.signs(olga, &["undo", "chg-00000000000000000000000000"])?.expect(4)?;
    lab.installation.run(["undo", &create])?.expect(3)?;
    lab.verify()?.expect(0).map(drop)
}

const READS: usize = 50;

/// Messages come and go, items are written: the members that matter stay, so the fingerprint does.
#[test]
fn a_live_resource_has_one_fingerprint_under_traffic() -> Result<()> {
    let lab = Lab::open()?;
    let made = lab.owner_call("sqs", "AmazonSQS.CreateQueue", &json!({ "QueueName": "live" }))?;
    let made: Value = serde_json::from_slice(&made.body)?;
    let queue = made["QueueUrl"].as_str().context("no queue")?.to_owned();
    let table = json!({ "TableName": "live", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }] });
    ensure!(lab.owner_call("dynamodb", "DynamoDB_20120810.CreateTable", &table)?.status == 200);

    let (over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (moto, queue, over, sent) = (lab.moto.authority(), queue.as_str(), &over, &sent);
        scope.spawn(move || {
            while !over.load(Ordering::SeqCst) {
                let good = traffic(moto, queue, sent.load(Ordering::SeqCst)).is_ok();
                sent.fetch_add(usize::from(good), Ordering::SeqCst);
            }
        });
        let read = fingerprints(&lab, queue);
        over.store(true, Ordering::SeqCst);
        read
    })?;
    let sent = sent.into_inner();
    ensure!(sent > 10, "there was no traffic: {sent} rounds");
    Ok(())
}

fn fingerprints(lab: &Lab, queue: &str) -> Result<()> {
    let deletes = [
        (
            "sqs",
            json!([{ "service": "sqs", "operation": "DeleteQueue", "parameters": { "QueueUrl": queue } }]),
        ),
        (
            "dynamodb",
            json!([{ "service": "dynamodb", "operation": "DeleteTable", "parameters": { "TableName": "live" } }]),
        ),
    ];
    for (what, actions) in deletes {
        let mut first: Option<Value> = None;
        for nth in 0..READS / 2 {
            let proposal = json!({ "intent": "look", "actions": actions });
            let answer = lab.on_agent_listener("POST", "/v1/changes", Some(&proposal))?;
            ensure!(answer.status == 200, "{what}: {}", answer.text());
            let change: Value = serde_json::from_slice(&answer.body)?;
            let observed = change["actions"][0]["observed"].clone();
            ensure!(observed["fingerprint"].is_string(), "{what}: nothing observed: {change}");
            let same = first.get_or_insert_with(|| observed.clone());
            ensure!(
                same["fingerprint"] == observed["fingerprint"],
                "{what}, read {nth}: {same}\nis now {observed}"
            );
            let id = change["id"].as_str().context("no id")?;
            let target = format!("/v1/changes/{id}/withdraw");
            ensure!(lab.on_agent_listener("POST", &target, None)?.status == 200);
        }
    }
    Ok(())
}

/// One round of a living system, past Countersign.
fn traffic(moto: &str, queue: &str, nth: usize) -> Result<()> {
    let owner = Signer::owner();
    let call = |service, target, body: Value| owner.json(service, moto, target, &body).send(moto);
    call("sqs", "AmazonSQS.SendMessage", json!({ "QueueUrl": queue, "MessageBody": format!("{nth}") }))?;
    let item = json!({ "TableName": "live", "Item": { "id": { "S": format!("{nth}") } } });
    call("dynamodb", "DynamoDB_20120810.PutItem", item)?;
    if nth.is_multiple_of(2) {
        call("sqs", "AmazonSQS.ReceiveMessage", json!({ "QueueUrl": queue }))?;
    }
    Ok(())
}
