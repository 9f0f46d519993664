//! A receipt: taken from a running installation, checked where nothing of it is.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::mpsc,
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use testkit::{Cli, binary, send};

use crate::{lab::Lab, witnesses::SOON};

/// Whoever gets any answer has a checkpoint that left the building: signed by the log's key, and of the log that is there.
#[test]
fn every_answer_carries_the_checkpoint() -> Result<()> {
    let lab = Lab::open()?;
    lab.hold("carried")?;
    let [gateway, agent, people] = lab.serve.authorities();
    let answers = [
        ("gateway", lab.delete_stack("carried")?),
        ("gateway, refused", send(gateway, "GET", "/", &[], b"")?),
        ("agent", send(agent, "GET", "/v1/changes", &[], b"")?),
        ("people", send(people, "GET", "/v1/genesis", &[], b"")?),
    ];
    let place = tempfile::tempdir()?;
    for (from, answer) in answers {
        let carried = answer.header("x-countersign-checkpoint").with_context(|| format!("{from}: none"))?;
        let file = place.path().join("carried");
        std::fs::write(&file, BASE64_STANDARD.decode(carried).context(from)?)?;
        let (config, file) = (lab.installation.config().display().to_string(), file.display().to_string());
        Cli::run(["audit", "verify", "--config", &config, "--checkpoint", &file])?.expect(0).context(from)?;
    }
    Ok(())
}

/// Whoever follows the log sees an entry without asking again, and until they stop.
#[test]
fn what_comes_is_followed() -> Result<()> {
    let lab = Lab::open()?;
    let config = lab.installation.config().display().to_string();
    let mut tail = Command::new(binary("countersign")?);
    tail.args(["audit", "tail", "--config", &config, "-n", "1", "--follow", "--output", "json"]);
    let mut tail = tail.stdout(Stdio::piped()).spawn()?;
    let (told, lines) = mpsc::channel();
    let from = tail.stdout.take().context("no output")?;
    std::thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).try_for_each(|it| told.send(it))
    });
    let first: Value = serde_json::from_str(&lines.recv_timeout(SOON)?)?;
    let id = lab.hold("followed")?;
    let mut seen = vec![first["index"].as_u64().context("no index")?];
    let held = loop {
        let entry: Value = serde_json::from_str(&lines.recv_timeout(SOON)?)?;
        seen.extend(entry["index"].as_u64());
        if entry["entry"]["change"] == id.as_str() {
            break entry;
        }
    };
    ensure!(held["entry"]["schema"] == "countersign.entry/v1", "{held}");
    ensure!(seen.windows(2).all(|two| two[1] == two[0] + 1), "each once, in order: {seen:?}");
    tail.kill()?;
    tail.wait()?;
    Ok(())
}

#[test]
fn a_receipt_shows_an_entry_to_somebody_who_has_nothing_else() -> Result<()> {
    let lab = Lab::open()?;
    let id = lab.hold("shown")?;
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    // Such a delete waits until all before it stands in the log.
    ensure!(lab.delete_stack("shown")?.status == 200);
    let config = lab.installation.config().display().to_string();
    let receipt =
        |more: &[&str]| Cli::run([["audit", "receipt", &id, "--config", &config].as_slice(), more].concat());
    let unclear = receipt(&[])?.expect(2)?;
    ensure!(unclear.stderr.contains("permit_issued") && unclear.stderr.contains("--kind"), "{unclear}");
    let text = receipt(&["--kind", "permit_issued"])?.expect(0)?.stdout;

    // The whole log, for other tools: as many lines as entries, each as it was signed for.
    let exported = Cli::run(["audit", "export", "--config", &config])?.expect(0)?.stdout;
    for (line, index) in exported.lines().zip(0u64..) {
        let told: serde_json::Value = serde_json::from_str(line)?;
        ensure!(told["index"] == index && told["entry"]["schema"] == "countersign.entry/v1", "{line}");
    }
    let permits = exported.lines().filter(|line| line.contains("\"kind\":\"permit_issued\"")).count();
    ensure!(permits == 1, "{exported}");
    let newest = Cli::run(["audit", "tail", "--config", &config, "-n", "3"])?.expect(0)?.stdout;
    ensure!(newest.lines().count() == 3, "{newest}");

    let elsewhere = tempfile::tempdir()?;
    let file = elsewhere.path().join("permit.tlog-proof");
    let check = |text: &str, genesis: &str| -> Result<testkit::Output> {
        std::fs::write(&file, text)?;
        let file = file.display().to_string();
        Cli::run(["audit", "check-receipt", &file, "--genesis", genesis, "--output", "json"])
    };
    let genesis = lab.installation.genesis();
    let shown = check(&text, genesis)?.expect(0)?.json()?;
    ensure!(shown["entry"]["kind"] == "permit_issued" && shown["entry"]["change"] == id.as_str(), "{shown}");
    ensure!(shown["authenticated"] == true, "{shown}");
    // Whose signatures it has to bear: here no witness has seen the log.
    let document = std::fs::read(lab.installation.folder().join("log/genesis.json"))?;
    let document: serde_json::Value = serde_json::from_slice(&document)?;
    let policy = elsewhere.path().join("policy").display().to_string();
    let held = file.display().to_string();
    let under = |quorum: &str| -> Result<testkit::Output> {
        std::fs::write(
            &policy,
            format!("log {}\n{quorum}\n", document["vkey"].as_str().unwrap_or_default()),
        )?;
        Cli::run([
            "audit",
            "check-receipt",
            &held,
            "--genesis",
            genesis,
            "--policy",
            &policy,
            "--output",
            "json",
        ])
    };
    ensure!(under("quorum none")?.expect(0)?.json()?["witnesses"] == serde_json::json!([]));
    let unmade = under("quorum w")?.expect(2)?;
    ensure!(unmade.stderr.contains("line 2"), "{unmade}");
    let other = genesis.replace(|it: char| it.is_ascii_digit(), "0");
    for (void, genesis, says) in [
        (text.clone(), other.as_str(), "another installation"),
        (text.replacen("index ", "index 1", 1), genesis, "not where the receipt says"),
        (text.replacen("@v1", "@v2", 1), genesis, "line 1"),
        (text.lines().take(4).collect::<Vec<_>>().join("\n"), genesis, "line"),
    ] {
        let told = check(&void, genesis)?.expect(20)?;
        ensure!(told.stdout.contains(says), "{says}: {told}");
    }
    Ok(())
}
