//! Findings and costs from a snapshot's file: without a server, without a network, and with text from a cloud that is hostile.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Cli, Output};

const VOLUME: &str = "arn:aws:ec2:us-east-1:111122223333:volume/vol-1";

/// An old volume that nothing is attached to, whose name a terminal would obey; the instances were refused where `instances` says so.
fn snapshot(instances: &str) -> Value {
    let at = "2026-03-01T11:00:00Z";
    let list = |id: &str, operation: &str, outcome: &str| json!({ "id": id, "operation": operation, "region": "us-east-1", "at": at, "outcome": outcome });
    let metric = |name: &str| {
        json!({ "resource": VOLUME, "namespace": "AWS/EBS", "metric": name, "statistic": "Sum", "period": 86_400,
        "from": "2026-01-30T00:00:00Z", "values": vec![Value::Null; 30], "read": "r3" })
    };
    json!({
        "schema": "countersign.snapshot/v1", "account": "111122223333", "regions": ["us-east-1"],
        "taken": { "from": "2026-03-01T10:00:00Z", "until": at },
        "reads": [list("r1", "ec2:DescribeVolumes", "complete"), list("r2", "ec2:DescribeInstances", instances),
            list("r3", "cloudwatch:GetMetricData", "complete"), list("r4", "cloudformation:DescribeStacks", "complete")],
        "resources": [{ "id": VOLUME, "kind": "ec2:volume", "name": "vol-1\u{1b}[2J", "region": "us-east-1", "read": "r1", "tags": { "team": "shop\u{202e}" },
            "attributes": { "Size": 100, "VolumeType": "gp2", "State": "available", "CreateTime": "2025-01-01T00:00:00Z" } }],
        "edges": [], "metrics": [metric("VolumeReadOps"), metric("VolumeWriteOps")],
    })
}

fn run(command: &str, file: &Path, more: &[&str]) -> Result<Output> {
    let file = file.to_str().context("a path that is not text")?;
    Cli::run([&[command, "--from", file], more].concat())
}

#[test]
fn findings_and_costs_come_from_a_file_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("snapshot.json");
    fs::write(&file, snapshot("complete").to_string())?;

    let report =
        run("findings", &file, &["--output", "json", "--only", "volume-unattached"])?.expect(0)?.json()?;
    let finding = &report["findings"][0];
    ensure!(finding["id"] == format!("volume-unattached:{VOLUME}"), "{report}");
    ensure!(finding["saving"]["known"]["micros"] == 10_000_000 && report["saving"] == 10_000_000, "{report}");
    ensure!(finding["danger"] == json!({ "effects": ["write", "destroy"], "undoable": false }), "{report}");
    ensure!(finding["facts"][0]["reads"] == json!(["r1"]), "{report}");

    let told = run("findings", &file, &[])?.expect(0)?.stdout;
    ensure!(told.contains("about 10.00 USD a month") && told.contains("the snapshot is"), "{told}");
    ensure!(!told.contains('\u{1b}') && told.contains("\\u{1b}[2J"), "a name reached the terminal: {told}");

    let costs = run("costs", &file, &["--by", "tag:team"])?.expect(0)?.stdout;
    ensure!(costs.contains("shop\\u{202e}") && costs.contains("10.00"), "{costs}");
    let costs = run("costs", &file, &["--output", "json"])?.expect(0)?.json()?;
    ensure!(costs["lines"][0]["name"] == "ec2" && costs["micros"] == 10_000_000, "{costs}");
    let costs = run("costs", &file, &["--by", "finding", "--output", "json"])?.expect(0)?.json()?;
    ensure!(costs["lines"][0]["name"] == "volume-unattached", "{costs}");
    Ok(())
}

#[test]
fn what_was_refused_is_told_and_what_is_no_snapshot_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("snapshot.json");
    fs::write(&file, snapshot("denied").to_string())?;
    let told = run("findings", &file, &["--only", "volume-unattached"])?.expect(0)?.stdout;
    ensure!(
        told.contains("volume-unattached in us-east-1: ec2:DescribeInstances was denied (read r2)"),
        "{told}"
    );
    ensure!(told.starts_with("Found: 0 faults and 0 things"), "{told}");

    let refused = |wanted: &[&str], more: &[&str]| -> Result<()> {
        let output = run("findings", &file, more)?.expect(2)?;
        ensure!(wanted.iter().all(|wanted| output.stderr.contains(wanted)), "{wanted:?}: {output}");
        Ok(())
    };
    refused(&["there is no analyzer `all`", "volume-unattached"], &["--only", "all"])?;
    let mut later = snapshot("complete");
    later["taken"]["until"] = "2999-01-01T00:00:00Z".into();
    fs::write(&file, later.to_string())?;
    refused(&["CS011", "taken.until: 2999-01-01T00:00:00.000Z is in the future", "hint:"], &[])?;
    fs::write(&file, "{}")?;
    refused(&["CS011", "missing field `schema`"], &[])?;
    let parameters = folder.path().join("parameters.toml");
    fs::write(&parameters, "idle_dayz = 3")?;
    refused(
        &["line 1: unknown field `idle_dayz`"],
        &["--parameters", parameters.to_str().context("a path that is not text")?],
    )?;
    let output = run("costs", &file, &["--by", "mood"])?.expect(2)?;
    ensure!(output.stderr.contains("`tag:` and the tag's key"), "{output}");
    Ok(())
}
