//! The record beside the cloud's own trail: what went through Countersign is in both, what went past it is named.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::lab::Lab;

/// What CloudTrail would write of a call that the account's role made at `time`.
fn event(id: &str, time: &Value, name: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": time, "eventSource": "ssm.amazonaws.com",
        "eventName": name, "awsRegion": "us-east-1", "recipientAccountId": "123456789012",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/owner", "accessKeyId": "owner" }
    })
}

#[test]
fn what_went_past_countersign_is_named() -> Result<()> {
    let lab = Lab::open()?;
    for nth in ["1", "2", "3"] {
        let body = json!({ "Name": "/rate", "Value": nth, "Type": "String", "Overwrite": true });
        let answer = lab.call("ssm", "AmazonSSM.PutParameter", &body)?;
        ensure!(answer.status == 200, "{}", answer.text());
    }
    // The sequencer gives rows their places a moment after they are durable.
    let outcomes = testkit::until("three outcomes in the log", Duration::from_secs(20), || {
        Ok(Some(lab.entries("outcome_recorded")?).filter(|it| it.len() == 3))
    })?;
    let mut trail: Vec<Value> = outcomes
        .iter()
        .zip(1..)
        .map(|(entry, nth)| {
            let mut event = event(&format!("write-{nth}"), &entry["at"], "PutParameter");
            event["requestID"] = entry["detail"]["request_id"].clone();
            event
        })
        .collect();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("eu-west-1/trail.json");
    std::fs::create_dir(folder.path().join("eu-west-1"))?;
    let reconcile = |trail: &[Value]| -> Result<testkit::Output> {
        // As it is delivered: packed, in folders.
        std::fs::write(&file, json!({ "Records": trail }).to_string())?;
        let _ = std::fs::remove_file(file.with_extension("json.gz"));
        crate::observe::pack(&file)?;
        let path = folder.path().to_str().context("a path that is not text")?;
        let genesis = lab.installation.genesis();
        lab.installation.run([
            "audit",
            "reconcile",
            "--genesis",
            genesis,
            "--cloudtrail",
            path,
            "--ours",
            "owner",
        ])
    };
    let clean = reconcile(&trail)?.expect(0)?.json()?;
    ensure!(clean["matched"] == 3, "{clean}");

    let missing = reconcile(&trail[..2])?.expect(20)?.json()?;
    ensure!(missing["without_event"].as_array().is_some_and(|it| it.len() == 1), "{missing}");

    trail.push(event("behind-our-back", &outcomes[0]["at"], "DeleteParameter"));
    let named = reconcile(&trail)?.expect(20)?.json()?;
    ensure!(named["without_permit"][0]["id"] == "behind-our-back", "{named}");
    ensure!(named["matched"] == 3, "{named}");
    Ok(())
}
