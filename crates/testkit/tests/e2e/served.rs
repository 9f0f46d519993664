//! The log leaves the building: served, copied, verified by somebody who has nothing but its address and the fingerprint.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testkit::{Cli, Serve, until};

use crate::lab::{Lab, OWNER, People};

fn serving() -> Result<(Lab, String)> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let lab = Lab::over(people, &flags, |config| {
        let text = fs::read_to_string(config)?;
        ensure!(text.contains("# log = "), "{text}");
        fs::write(config, text.replace("# log = ", "log = "))?;
        Serve::start_with(config, &OWNER)
    })?;
    let running: Value =
        serde_json::from_slice(&fs::read(lab.installation.folder().join("run/serve.json"))?)?;
    let url = running["log"].as_str().context("the log is not served")?.to_owned();
    Ok((lab, url))
}

#[test]
fn a_served_log_is_verified_by_whoever_knows_its_address_and_fingerprint() -> Result<()> {
    let (lab, url) = serving()?;
    let id = lab.hold("served")?;
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    ensure!(lab.delete_stack("served")?.status == 200);

    let genesis = lab.installation.genesis();
    let verify = |log: &str, more: &[&str]| {
        Cli::run([["audit", "verify", "--log", log, "--output", "json"].as_slice(), more].concat())
    };
    let report = verify(&url, &["--genesis", genesis])?.expect(0)?.json()?;
    ensure!(report["authenticated"] == true && report["entries"].as_u64() > Some(5), "{report}");
    ensure!(verify(&url, &[])?.expect(0)?.json()?["authenticated"] == false);
    let receipt = Cli::run(["audit", "receipt", &id, "--kind", "permit_issued", "--log", &url])?.expect(0)?;
    ensure!(receipt.stdout.starts_with("c2sp.org/tlog-proof@v1\n"), "{receipt}");

    // A copy is brought up to date, and is as good as the log.
    let copy = tempfile::tempdir()?;
    let copy = copy.path().to_str().context("path")?;
    Cli::run(["audit", "mirror", &url, copy])?.expect(0)?;
    lab.hold("later")?;
    let noted = || fs::read(format!("{copy}/checkpoint"));
    let first = noted()?;
    until("the copy to grow", Duration::from_secs(20), || {
        Cli::run(["audit", "mirror", &url, copy])?.expect(0)?;
        Ok((noted()? != first).then_some(()))
    })?;
    let report = verify(copy, &["--genesis", genesis])?.expect(0)?.json()?;

    ensure!(fs::read_dir(format!("{copy}/earlier"))?.count() == 1, "what the first copy saw is kept");
    // A copy that has seen more than the log has now is evidence.
    let seen = fs::read_to_string(format!("{copy}/checkpoint"))?;
    let size = seen.lines().nth(1).context("size")?;
    fs::write(format!("{copy}/checkpoint"), seen.replacen(&format!("\n{size}\n"), "\n999999\n", 1))?;
    let refused = Cli::run(["audit", "mirror", &url, copy])?.expect(20)?;
    ensure!(refused.stderr.contains("truncated"), "{refused}");
    fs::write(format!("{copy}/checkpoint"), seen)?;

    // Whose signatures it must carry.
    let vkey: Value = serde_json::from_slice(&fs::read(format!("{copy}/genesis.json"))?)?;
    let vkey = vkey["vkey"].as_str().context("vkey")?;
    let policy = |text: &str| -> Result<String> {
        let file = lab.installation.beside().join("policy");
        fs::write(&file, text)?;
        Ok(file.display().to_string())
    };
    let met = policy(&format!("log {vkey}\nquorum none\n"))?;
    verify(copy, &["--genesis", genesis, "--policy", &met])?.expect(0)?;
    let stranger = "witness.example/w1+7e1f9a4b+BP8zLsMeSEd1WBTmK6WqvyUyxkH6RxvdmlGO8xzKQvXk";
    let unmet = policy(&format!("log {vkey}\nwitness w {stranger}\nquorum w\n"))?;
    let refused = verify(copy, &["--genesis", genesis, "--policy", &unmet])?;
    ensure!(refused.expect(2)?.stderr.contains("line 2"), "a witness of another's key");

    // One byte, in any file of the copy.
    for file in ["tile/entries/000", "tile/0/000", "checkpoint", "genesis.json"] {
        let path = format!("{copy}/{file}");
        let before = fs::read(&path)?;
        let mut flipped = before.clone();
        let at = flipped.len() / 3;
        flipped[at] ^= 1;
        fs::write(&path, &flipped)?;
        let told = verify(copy, &["--genesis", genesis])?;
        ensure!(told.code == 20 && told.stdout.contains("\"ok\": false"), "{file}: {told}");
        fs::write(&path, before)?;
    }
    ensure!(verify(copy, &["--genesis", genesis])?.expect(0)?.json()?["entries"] == report["entries"]);

    // Nobody serves: said, and nothing is made of it.
    let (_, port) = url.rsplit_once(':').context("port")?;
    let gone = verify(&format!("http://127.0.0.1:{}", port.parse::<u16>()?.wrapping_add(1)), &[])?;
    ensure!(gone.code != 0 && gone.code != 20, "{gone}");
    Ok(())
}

#[test]
fn what_came_after_a_checkpoint_is_verified_alone_from_a_folder_and_from_an_address() -> Result<()> {
    let (lab, url) = serving()?;
    let genesis = lab.installation.genesis();
    let file = |name: &str, content: &str| -> Result<String> {
        let file = lab.installation.beside().join(name);
        fs::write(&file, content)?;
        Ok(file.display().to_string())
    };
    let copy = tempfile::tempdir()?;
    let copy = copy.path().to_str().context("path")?;
    let verify = |log: &str, since: &str, more: &[&str]| {
        let asked = ["audit", "verify", "--log", log, "--since", since, "--output", "json"];
        Cli::run([asked.as_slice(), more].concat())
    };
    // Before the change is approved: what the permit rests on lies on both sides.
    let id = lab.hold("kept")?;
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    let size_of =
        |note: &str| note.lines().nth(1).and_then(|line| line.parse::<u64>().ok()).context("a size");
    Cli::run(["audit", "mirror", &url, copy])?.expect(0)?;
    let note = fs::read_to_string(format!("{copy}/checkpoint"))?;
    let (kept, size) = (file("kept", &note)?, size_of(&note)?);
    lab.approve(&id, &lab.people.carla)?.expect(0)?;
    ensure!(lab.delete_stack("kept")?.status == 200);
    until("the copy to grow", Duration::from_secs(20), || {
        Cli::run(["audit", "mirror", &url, copy])?.expect(0)?;
        let grown = size_of(&fs::read_to_string(format!("{copy}/checkpoint"))?)? >= size + 3;
        Ok(grown.then_some(()))
    })?;
    for log in [url.as_str(), copy] {
        let report = verify(log, &kept, &["--genesis", genesis])?.expect(0)?.json()?;
        ensure!(report["authenticated"] == true && report["since"] == size, "{report}");
        ensure!(report["entries"].as_u64() > Some(size + 2), "{report}");
        ensure!(verify(log, &kept, &[])?.expect(0)?.json()?["authenticated"] == false);
    }
    let told = Cli::run(["audit", "verify", "--log", copy, "--since", &kept])?.expect(0)?;
    ensure!(told.stdout.contains(&format!("after the {size} that were verified before")), "{told}");

    // What is no checkpoint of this log, and a comparison that takes all of it.
    for (name, content) in
        [("none", "nothing\n"), ("altered", note.replacen(&format!("\n{size}\n"), "\n1\n", 1).as_str())]
    {
        let refused = verify(copy, &file(name, content)?, &[])?.expect(2)?;
        ensure!(refused.stderr.contains("no checkpoint of this log"), "{refused}");
    }
    let config = lab.installation.config();
    let config = config.to_str().context("path")?;
    let refused = Cli::run(["audit", "verify", "--config", config, "--since", &kept])?.expect(2)?;
    ensure!(refused.stderr.contains("every row of the database"), "{refused}");

    // A copy from before the checkpoint has less than was verified.
    let newest = file("newest", &fs::read_to_string(format!("{copy}/checkpoint"))?)?;
    fs::write(format!("{copy}/checkpoint"), &note)?;
    let told = verify(copy, &newest, &[])?.expect(20)?;
    ensure!(told.stdout.contains("history_truncated"), "{told}");
    fs::copy(&newest, format!("{copy}/checkpoint"))?;

    // A byte of what came after, and a tile on the way to what was before.
    for name in ["tile/entries/000", "tile/0/000"] {
        let path = format!("{copy}/{name}");
        let before = fs::read(&path)?;
        let mut flipped = before.clone();
        let at = if name.contains("entries") { flipped.len() - 3 } else { 1 };
        flipped[at] ^= 1;
        fs::write(&path, &flipped)?;
        verify(copy, &kept, &[])?.expect(20)?;
        fs::write(&path, before)?;
    }
    verify(copy, &kept, &[])?.expect(0)?;
    Ok(())
}
