//! Restores that are broken off anywhere, and what they must not believe: backups that were tampered with, a database or a
//! log beside them that cannot tell what it knows.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testkit::{CRASH_BINARY, Cli, crash_binary};

use crate::{
    backup::{
        ANEW, GROUND, OLD, back_up, new_session, put_parameter, refuses_to_serve, restore, serve_again, text,
    },
    lab::{Lab, files_below, named},
};

/// The binary that can be killed, where there is one.
fn killable() -> Result<Option<PathBuf>> {
    let binary = crash_binary()?;
    if binary.is_none() {
        eprintln!("SKIPPED: no crash points ({CRASH_BINARY}); `cargo xtask test e2e` builds and runs them");
    }
    Ok(binary)
}

/// A restore that dies at `at`; whether it did.
fn killed(lab: &Lab, binary: &Path, backup: &Path, more: &[&str], at: &str) -> Result<bool> {
    dies(lab, binary, &[&["restore", text(backup)?], more].concat(), at)
}

/// The same of any command that needs no server.
fn dies(lab: &Lab, binary: &Path, args: &[&str], at: &str) -> Result<bool> {
    let config = lab.installation.config();
    let status = Command::new(binary)
        .args(args)
        .args(["--config", text(config)?])
        .env("COUNTERSIGN_CRASH_AT", at)
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status()?;
    ensure!(status.code().is_none_or(|code| code == 0), "{at}: {status}");
    Ok(status.code().is_none())
}

/// Nothing that is here has the bundle in force any more.
fn edit_bundle(lab: &Lab) -> Result<()> {
    let kept = lab.installation.folder().join("bundles");
    if kept.exists() {
        fs::remove_dir_all(kept)?;
    }
    let file = lab.installation.folder().join("bundle/bundle.toml");
    let kept = fs::read_to_string(&file)?;
    Ok(fs::write(&file, format!("{kept}\n# edited\n"))?)
}

/// How far the lock file was signed.
fn signed(lab: &Lab) -> Result<u64> {
    let note = fs::read_to_string(lab.installation.folder().join("lock/checkpoint"))?;
    Ok(note.lines().nth(1).context("a size")?.parse()?)
}

fn size_of(backup: &Path) -> Result<u64> {
    let manifest: Value = serde_json::from_slice(&fs::read(backup.join("manifest.json"))?)?;
    manifest["size"].as_u64().context("size")
}

/// What is in `folder` under a name that has `part` in it.
fn named_like(folder: &Path, part: &str) -> Result<Vec<PathBuf>> {
    let all = fs::read_dir(folder)?.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    Ok(all.into_iter().filter(|path| path.to_string_lossy().contains(part)).collect())
}

/// The server was killed before, so that the database has its write-ahead log beside it; and the bundle is to be put back,
/// too. Every rename is a step.
#[test]
fn a_restore_is_killed_at_each_of_its_steps() -> Result<()> {
    let Some(binary) = killable()? else { return Ok(()) };
    let mut lab = Lab::open()?;
    let held = lab.hold("waits")?;
    for step in 1.. {
        lab.serve.kill();
        let backup = back_up(&lab, &format!("put-back-{step}"))?;
        edit_bundle(&lab)?;
        if !killed(&lab, &binary, &backup, &[], &format!("restore-moved#{step}"))? {
            ensure!(step == 13, "it was killed at {} steps", step - 1);
            serve_again(&mut lab)?;
            break;
        }
        if (2..11).contains(&step) {
            refuses_to_serve(&lab, "error")?;
        }
        let told = restore(&lab, &backup, &[])?.expect(0)?.json()?;
        ensure!(told["finished"] == (2..12).contains(&step), "{step}: {told}");
        serve_again(&mut lab)?;
        ensure!(lab.state(&held)? == "held", "{step}");
        lab.verify()?.expect(0)?;
    }
    Ok(())
}

/// Whenever it is killed: the new log says how far the one before was signed, and nothing is put aside over anything.
#[test]
fn a_new_beginning_is_killed_at_each_of_its_steps() -> Result<()> {
    let Some(binary) = killable()? else { return Ok(()) };
    let mut lab = Lab::open()?;
    let held = lab.hold("waits")?;
    ensure!(lab.serve.stop()? == 0);
    let mut backup = back_up(&lab, "anew")?;
    let steps =
        ["restore-staged".to_owned()].into_iter().chain((1..).map(|it| format!("restore-moved#{it}")));
    for (step, at) in (0..).zip(steps) {
        serve_again(&mut lab)?;
        new_session(&mut lab)?;
        let had = size_of(&backup)?;
        testkit::until("the session signed for", Duration::from_secs(10), || {
            Ok(signed(&lab).ok().filter(|size| *size > had))
        })?;
        lab.serve.kill();
        let lost = signed(&lab)? - had;
        edit_bundle(&lab)?;
        let died = killed(&lab, &binary, &backup, &ANEW, &at)?;
        if !died {
            ensure!(step == 15, "it was killed at {step} steps");
        } else if step < 14 {
            let told = restore(&lab, &backup, &ANEW)?.expect(0)?.json()?;
            ensure!(told["finished"] == (step >= 2), "{at}: {told}");
        }
        serve_again(&mut lab)?;
        let genesis: Value =
            serde_json::from_slice(&fs::read(lab.installation.folder().join("log/genesis.json"))?)?;
        ensure!(genesis["vkey"].is_string());
        let report = lab.installation.run(["audit", "verify"])?.json()?;
        let problems = report["problems"].as_array().context("problems")?;
        ensure!(problems.is_empty() && report["continues"]["lost"] == lost, "{at}: {report}");
        ensure!(lab.state(&held)? == "expired", "{at}");
        ensure!(lab.serve.stop()? == 0);
        backup = back_up(&lab, &format!("anew-{step}"))?;
        let keys = named_like(&lab.installation.folder().join("keys"), "log.key.before-")?;
        ensure!(keys.len() == usize::try_from(step)? + 1, "{at}: {keys:?}");
        if !died {
            break;
        }
    }
    // SQLite finds the write-ahead log of a database that was put aside.
    let data = lab.installation.folder().join("data");
    let aside = named_like(&data, "countersign.db.before-")?;
    let (beside, alone): (Vec<_>, Vec<_>) = aside.iter().partition(|it| {
        let name = it.to_string_lossy();
        name.ends_with("-wal") || name.ends_with("-shm")
    });
    ensure!(beside.len() == 2 * alone.len() && alone.len() == 16, "{aside:?}");
    ensure!(named_like(&data, "db-wal.before")?.is_empty());
    Ok(())
}

/// Whatever is asked for first, what was begun is ended; and a restore that had moved nothing is none.
#[test]
fn a_restore_that_was_broken_off_is_ended_first_or_had_not_begun() -> Result<()> {
    let Some(binary) = killable()? else { return Ok(()) };
    let mut lab = Lab::open()?;
    let held = lab.hold("waits")?;
    lab.serve.kill();
    let backup = back_up(&lab, "backup")?;
    // The write-ahead log is out of its place, the database of the backup not in it yet.
    ensure!(killed(&lab, &binary, &backup, &[], "restore-moved#4")?);
    let wrong = lab.installation.beside().join("no-backup");
    ensure!(restore(&lab, &wrong, &[])?.expect(0)?.json()?["finished"] == true);
    serve_again(&mut lab)?;
    ensure!(lab.state(&held)? == "held");
    lab.verify()?.expect(0)?;

    ensure!(lab.serve.stop()? == 0);
    let backup = back_up(&lab, "unmoved")?;
    ensure!(killed(&lab, &binary, &backup, &[], "restore-moved#1")?);
    serve_again(&mut lab)?;
    let later = lab.hold("later")?;
    ensure!(lab.serve.stop()? == 0);
    let refused = restore(&lab, &backup, &[])?.expect(20)?;
    ensure!(refused.stderr.contains("were signed for"), "{refused}");
    serve_again(&mut lab)?;
    ensure!(lab.state(&later)? == "held");
    lab.verify()?.expect(0)?;

    // Somebody brought a lock file back meanwhile, and it is another.
    ensure!(lab.serve.stop()? == 0);
    let newest = back_up(&lab, "newest")?;
    ensure!(killed(&lab, &binary, &newest, &[], "restore-moved#4")?);
    let lock = lab.installation.folder().join("lock");
    let aside = named_like(&lock, "checkpoint.before-")?.into_iter().max().context("the lock file")?;
    let note = fs::read(&aside)?;
    fs::write(lock.join("checkpoint"), [&note[..], b"\n"].concat())?;
    let refused = restore(&lab, &newest, &[])?.expect(20)?;
    ensure!(refused.stderr.contains("is another since"), "{refused}");
    fs::remove_file(lock.join("checkpoint"))?;
    restore(&lab, &newest, &[])?.expect(0)?;
    serve_again(&mut lab)?;
    lab.verify()?.expect(0).map(drop)
}

/// A server that was killed while it appended leaves entries that nobody signed for. What was signed is believed all the
/// same; where it was altered nothing is, and that is not passed over in silence.
#[test]
fn what_the_log_tells_of_the_time_after_is_taken_or_asked_about() -> Result<()> {
    let mut lab = Lab::open()?;
    let (olga, ben, carla) = (lab.people.olga.clone(), lab.people.ben.clone(), lab.people.carla.clone());
    let value = json!({ "Name": "/kept", "Value": OLD, "Type": "String" });
    ensure!(lab.owner_call("ssm", "AmazonSSM.PutParameter", &value)?.status == 200);
    let secret = named(&put_parameter(&lab, "/kept", "harmless")?)?;
    let backup = back_up(&lab, "backup")?;
    let erase = ["change", "erase", &secret, "--ground", "somebody asked for it"];
    let erasing = lab.signs(&olga, &erase)?.expect(10)?.json()?;
    let erasing = erasing["id"].as_str().context("no id")?.to_owned();
    lab.approve(&erasing, &ben)?.expect(0)?;
    lab.approve(&erasing, &carla)?.expect(0)?;
    lab.signs(&olga, &erase)?.expect(0)?;
    ensure!(lab.serve.stop()? == 0);

    let entries = lab.installation.folder().join("log/tile/entries/000");
    let kept = fs::read(&entries)?;
    let altered = [&kept[..kept.len() - 20], b"X", &kept[kept.len() - 19..]].concat();
    fs::write(&entries, &altered)?;
    let refused = restore(&lab, &backup, &ANEW)?.expect(20)?;
    ensure!(refused.stderr.contains("CS213") && refused.stderr.contains("--forget-since"), "{refused}");
    restore(&lab, &backup, &["--forget-since"])?.expect(2)?;

    // Each on an installation of its own from here on: first the torn one.
    let whole = lab.installation.folder().to_owned();
    let spared = lab.installation.beside().join("spared");
    testkit::run(copying(&whole, &spared), Duration::from_secs(30))?.expect(0)?;
    fs::write(&entries, [&kept[..], b"\0\x03abc\0\x40torn"].concat())?;
    let told = restore(&lab, &backup, &ANEW)?.expect(0)?.json()?;
    ensure!(told["continues"]["erased"] == 1 && told["continues"]["forgot"] == false, "{told}");
    for file in files_below(&whole.join("data"))? {
        let found = fs::read(&file)?;
        let aside = file.to_string_lossy().contains(".before-");
        ensure!(aside || !found.windows(OLD.len()).any(|it| it == OLD.as_bytes()), "{}", file.display());
    }

    fs::remove_dir_all(&whole)?;
    testkit::run(copying(&spared, &whole), Duration::from_secs(30))?.expect(0)?;
    let told = restore(&lab, &backup, &[&ANEW[..], &["--forget-since"]].concat())?.expect(0)?;
    ensure!(told.stderr.contains("does not hold"), "{told}");
    let told = told.json()?;
    ensure!(told["continues"]["erased"] == 0 && told["continues"]["forgot"] == true, "{told}");
    let genesis = told["genesis"].as_str().context("no genesis")?;
    let report = lab.installation.run(["audit", "verify", "--genesis", genesis])?.expect(0)?.json()?;
    let ground = report["continues"]["ground"].as_str().context("no ground")?;
    ensure!(ground.starts_with(GROUND) && ground.contains("--forget-since"), "{report}");
    Ok(())
}

fn copying(from: &Path, to: &Path) -> Command {
    let mut command = Command::new("cp");
    command.arg("-a").arg(from).arg(to);
    command
}

/// What cannot be read may be the newer one.
#[test]
fn a_database_that_cannot_tell_what_it_knows_is_not_replaced() -> Result<()> {
    let mut lab = Lab::open()?;
    let held = lab.hold("waits")?;
    ensure!(lab.serve.stop()? == 0);
    let backup = back_up(&lab, "backup")?;
    let database = lab.installation.folder().join("data/countersign.db");
    let mode = |mode| fs::set_permissions(&database, fs::Permissions::from_mode(mode));
    mode(0o644)?;
    let refused = restore(&lab, &backup, &[])?.expect(20)?;
    ensure!(refused.stderr.contains("cannot be told"), "{refused}");
    mode(0o600)?;
    // No database at all knows nothing.
    fs::write(&database, "this is some text of more than a hundred bytes, ".repeat(40))?;
    restore(&lab, &backup, &[])?.expect(0)?;
    serve_again(&mut lab)?;
    ensure!(lab.state(&held)? == "held");
    lab.verify()?.expect(0).map(drop)
}

/// Whoever can write to a backup makes a restore neither wait nor read without end, nor take what no digest is of.
#[test]
fn a_hostile_backup_is_refused_by_name() -> Result<()> {
    let mut lab = Lab::open()?;
    lab.hold("waits")?;
    ensure!(lab.serve.stop()? == 0);
    let backup = back_up(&lab, "backup")?;
    let zeros = |path: &Path| Ok(std::os::unix::fs::symlink("/dev/zero", path)?);
    let pipe = |path: &Path| {
        let mut command = Command::new("mkfifo");
        command.arg(path);
        testkit::run(command, Duration::from_secs(5))?.expect(0).map(drop)
    };
    let file = |path: &Path| Ok(fs::write(path, "SQLite would read this")?);
    type Plant = dyn Fn(&Path) -> Result<()>;
    let cases: [(&str, &Plant, &str); 9] = [
        ("manifest.json", &zeros, "is no plain file"),
        ("manifest.json", &pipe, "is no plain file"),
        ("log/genesis.json", &zeros, "is no plain file"),
        ("log/checkpoint", &zeros, "is no plain file"),
        ("log/checkpoint", &pipe, "is no plain file"),
        ("log/tile/entries/000", &pipe, "is no plain file"),
        ("countersign.db", &zeros, "is no plain file"),
        ("countersign.db-wal", &file, "is no part of a backup"),
        ("countersign.db-journal", &file, "is no part of a backup"),
    ];
    for (name, plant, says) in cases {
        let path = backup.join(name);
        let kept = fs::read(&path).ok();
        if kept.is_some() {
            fs::remove_file(&path)?;
        }
        plant(&path)?;
        let refused = restore(&lab, &backup, &[])?.expect(20)?;
        ensure!(refused.stderr.contains(says), "{name}: {refused}");
        fs::remove_file(&path)?;
        if let Some(kept) = kept {
            fs::write(&path, kept)?;
        }
    }
    restore(&lab, &backup, &[])?.expect(0).map(drop)
}

/// The key of the log is to sign no more: a new one begins a new log, and the old one vouches for it.
#[test]
fn a_new_key_of_the_log_is_vouched_for_by_the_old_one() -> Result<()> {
    let mut lab = Lab::open()?;
    let (old, held) = (lab.installation.genesis().to_owned(), lab.hold("waits")?);
    let key = lab.installation.folder().join("keys/log.key");
    let old_key = fs::read(&key)?;
    let into = lab.installation.beside().join("before-rotation");
    let rotate = |lab: &Lab, ground: &str| lab.installation.run(["rotate", text(&into)?, "--ground", ground]);
    ensure!(
        rotate(&lab, "a year is over")?.expect(2)?.stderr.contains("a server has this installation open")
    );
    ensure!(lab.serve.stop()? == 0);
    rotate(&lab, " ")?.expect(2)?;
    // A key of somebody's vouches for nothing, and nothing is moved for it.
    fs::write(&key, "11".repeat(32))?;
    ensure!(rotate(&lab, "a year is over")?.expect(2)?.stderr.contains("is not the key of the log"));
    fs::write(&key, &old_key)?;
    ensure!(!into.exists());

    let told = rotate(&lab, "a year is over")?.expect(0)?.json()?;
    let genesis = told["genesis"].as_str().context("no genesis")?.to_owned();
    ensure!(told["continues"]["vouched"] == true && told["continues"]["lost"] == 0, "{told}");
    ensure!(genesis != old && fs::read(&key)? != old_key);
    serve_again(&mut lab)?;
    let report = lab.installation.run(["audit", "verify", "--genesis", &genesis])?.expect(0)?.json()?;
    let continues = &report["continues"];
    ensure!(continues["ground"] == "a year is over" && continues["genesis"] == old.as_str(), "{report}");
    ensure!(lab.state(&held)? == "expired", "what waited was approved under the old fingerprint");
    ensure!(lab.delete_stack("waits")?.text().contains("stopped"));
    // The log before still holds under its own key, up to where it was continued.
    let before = named_like(&lab.installation.folder(), "log.before-")?;
    let [before] = before.as_slice() else { bail!("{before:?}") };
    Cli::run(["audit", "verify", "--log", text(before)?, "--genesis", &old])?.expect(0)?;

    new_session(&mut lab)?;
    let again = lab.hold("waits-again")?;
    for person in [lab.people.ben.clone(), lab.people.carla.clone()] {
        lab.approve(&again, &person)?.expect(0)?;
    }
    ensure!(lab.state(&again)? == "approved");
    lab.installation.run(["audit", "verify", "--genesis", &genesis])?.expect(0).map(drop)
}

/// Whenever it is killed, and asked for again: one new log, under one new key, which the old one vouches for; nothing that was signed
/// is lost, and the log before holds under its own key.
#[test]
fn an_exchange_of_the_logs_key_is_killed_at_each_of_its_steps() -> Result<()> {
    let Some(binary) = killable()? else { return Ok(()) };
    let mut lab = Lab::open()?;
    let held = lab.hold("waits")?;
    let steps =
        ["restore-staged".to_owned()].into_iter().chain((1..).map(|it| format!("restore-moved#{it}")));
    let folder = lab.installation.folder();
    let genesis_here = || -> Result<Vec<u8>> { Ok(fs::read(folder.join("log/genesis.json"))?) };
    let mut old = lab.installation.genesis().to_owned();
    for (step, at) in (0usize..).zip(steps) {
        ensure!(lab.serve.stop()? == 0);
        let [first, again] = ["first", "again"].map(|it| format!("rotated-{step}-{it}"));
        let [first, again] = [first, again].map(|it| lab.installation.beside().join(it));
        let before = genesis_here()?;
        let rotate = |into: &Path| -> Result<[String; 4]> {
            Ok(["rotate", text(into)?, "--ground", "a year is over"].map(str::to_owned))
        };
        let line = rotate(&first)?;
        let died = dies(&lab, &binary, &line.each_ref().map(String::as_str), &at)?;
        if died && step <= LOCKED {
            // From the moment in which the lock file has gone aside until it is in its place nothing is served.
            if (2..LOCKED).contains(&step) {
                refuses_to_serve(&lab, "error")?;
            }
            let line = rotate(&again)?;
            let told = lab.installation.run(line.each_ref().map(String::as_str))?.expect(0)?.json()?;
            ensure!(told["finished"] == (step >= 2), "{at}: {told}");
        }
        ensure!(genesis_here()? != before, "{at}: it is the old log");
        serve_again(&mut lab)?;
        let report = lab.installation.run(["audit", "verify"])?.json()?;
        let (problems, continues) = (&report["problems"], &report["continues"]);
        ensure!(problems.as_array().is_some_and(Vec::is_empty), "{at}: {report}");
        ensure!(continues["genesis"] == old.as_str() && continues["lost"] == 0, "{at}: {report}");
        ensure!(continues["vouched"] == true && continues["ground"] == "a year is over", "{at}: {report}");
        ensure!(lab.state(&held)? == "expired", "{at}");
        let logs = named_like(&folder, "log.before-")?;
        let keys = named_like(&folder.join("keys"), "log.key.before-")?;
        ensure!(logs.len() == step + 1 && keys.len() == step + 1, "{at}: {logs:?} {keys:?}");
        let held_under = |log: &PathBuf| -> Result<bool> {
            Ok(Cli::run(["audit", "verify", "--log", text(log)?, "--genesis", &old])?.code == 0)
        };
        let holds = logs.iter().map(held_under).collect::<Result<Vec<_>>>()?;
        ensure!(holds.into_iter().filter(|it| *it).count() == 1, "{at}: the log before does not hold");
        old = fingerprint(&lab)?;
        if !died {
            ensure!(step == LOCKED + 2, "it was killed at {step} steps");
            break;
        }
    }
    Ok(())
}

/// The step in which the new lock file comes to its place.
const LOCKED: usize = 11;

/// Of the log that is served.
fn fingerprint(lab: &Lab) -> Result<String> {
    let [_, _, people] = lab.serve.authorities();
    let told: Value = serde_json::from_slice(&testkit::send(people, "GET", "/v1/genesis", &[], b"")?.body)?;
    Ok(told["genesis"].as_str().context("no genesis")?.to_owned())
}
