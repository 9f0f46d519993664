//! Backups, and what becomes of a log whose newest part is lost: put back where that forks nothing, continued by a new log
//! where it would. Restores that are broken off, or meet what they should not, are in `restore`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Cli, Output, Serve, Signer};

use crate::lab::{Lab, OWNER, files_below, named};

pub(crate) const GROUND: &str = "the disk of the server was lost";
pub(crate) const OLD: &str = "a-value-that-nobody-may-know-0815";

pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not text")
}

/// A backup in a new folder beside the installation.
pub(crate) fn back_up(lab: &Lab, name: &str) -> Result<PathBuf> {
    let dir = lab.installation.beside().join(name);
    lab.installation.run(["backup", text(&dir)?])?.expect(0)?;
    Ok(dir)
}

pub(crate) fn restore(lab: &Lab, backup: &Path, more: &[&str]) -> Result<Output> {
    lab.installation.run(["restore", text(backup)?].into_iter().chain(more.iter().copied()))
}

pub(crate) const ANEW: [&str; 3] = ["--new-origin", "--ground", GROUND];

pub(crate) fn put_parameter(lab: &Lab, name: &str, value: &str) -> Result<testkit::Response> {
    let body = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
    lab.call("ssm", "AmazonSSM.PutParameter", &body)
}

/// The server does not come up, and says this.
pub(crate) fn refuses_to_serve(lab: &Lab, says: &str) -> Result<()> {
    let refused = Cli::run(["serve".as_ref(), "--config".as_ref(), lab.installation.config().as_os_str()])?;
    ensure!(refused.code != 0 && refused.stderr.contains(says), "{refused}");
    Ok(())
}

pub(crate) fn serve_again(lab: &mut Lab) -> Result<()> {
    lab.serve = Serve::start_with(lab.installation.config(), &OWNER)?;
    Ok(())
}

/// A session of the installation as it is now.
pub(crate) fn new_session(lab: &mut Lab) -> Result<()> {
    let key = lab.people.olga.private.clone();
    lab.session = lab.installation.session("fixer", "olga", &key, "look around again", &[])?;
    lab.agent = Signer::of(&lab.session)?;
    Ok(())
}

#[test]
fn a_backup_made_under_load_is_put_back_and_the_log_goes_on() -> Result<()> {
    let mut lab = Lab::open()?;
    let held = lab.hold("waits")?;
    lab.approve(&held, &lab.people.ben)?.expect(0)?;
    let done = AtomicBool::new(false);
    let under_load = std::thread::scope(|threads| -> Result<Vec<PathBuf>> {
        let (lab, done) = (&lab, &done);
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                threads.spawn(move || -> Result<()> {
                    for nth in 0.. {
                        if done.load(Ordering::SeqCst) {
                            break;
                        }
                        let written = put_parameter(lab, &format!("/load/{writer}"), &nth.to_string())?;
                        ensure!(written.status == 200, "{}", written.text());
                    }
                    Ok(())
                })
            })
            .collect();
        let made = (0..3).map(|nth| back_up(lab, &format!("load-{nth}"))).collect();
        done.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.join().map_err(|_| anyhow::anyhow!("a writer broke"))??;
        }
        made
    })?;
    lab.installation.run(["backup", text(&under_load[0])?])?.expect(2)?;
    ensure!(lab.serve.stop()? == 0);
    for backup in &under_load {
        let refused = restore(&lab, backup, &[])?.expect(20)?;
        ensure!(refused.stderr.contains("were signed for"), "{refused}");
    }

    let newest = back_up(&lab, "newest")?;
    for file in files_below(&newest)? {
        let found = fs::read(&file)?;
        for key in ["log.key", "master.key"] {
            let secret = fs::read(lab.installation.folder().join("keys").join(key))?;
            ensure!(
                !found.windows(secret.len()).any(|window| window == secret),
                "{key} in {}",
                file.display()
            );
        }
    }
    fs::remove_dir_all(lab.installation.folder().join("data"))?;
    fs::remove_dir_all(lab.installation.folder().join("log"))?;
    fs::remove_dir_all(lab.installation.folder().join("bundle"))?;
    let told = restore(&lab, &newest, &[])?.expect(0)?.json()?;
    ensure!(told["genesis"] == lab.installation.genesis() && told["continues"].is_null(), "{told}");
    serve_again(&mut lab)?;
    restore(&lab, &newest, &[])?.expect(2)?;
    lab.approve(&held, &lab.people.carla)?.expect(0)?;
    ensure!(lab.delete_stack("waits")?.status == 200 && lab.deletes("waits")? == 1);
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn what_is_lost_for_good_is_continued_by_a_new_log_that_says_so() -> Result<()> {
    let mut lab = Lab::open()?;
    let (olga, ben, carla) = (lab.people.olga.clone(), lab.people.ben.clone(), lab.people.carla.clone());
    ensure!(
        lab.owner_call(
            "ssm",
            "AmazonSSM.PutParameter",
            &json!({ "Name": "/kept", "Value": OLD, "Type": "String" })
        )?
        .status
            == 200
    );
    let secret = named(&put_parameter(&lab, "/kept", "harmless")?)?;
    named(&put_parameter(&lab, "/plain", "first")?)?;
    let wrote = named(&put_parameter(&lab, "/plain", "second")?)?;
    let held = lab.hold("waits")?;
    lab.approve(&held, &ben)?.expect(0)?;
    let backup = back_up(&lab, "backup")?;

    // After it: one more signs, another change comes, and a body is erased.
    lab.approve(&held, &carla)?.expect(0)?;
    let late = lab.hold("late")?;
    let erase = ["change", "erase", &secret, "--ground", "somebody asked for it"];
    let erasing = lab.signs(&olga, &erase)?.expect(10)?.json()?;
    let erasing = erasing["id"].as_str().context("no id")?.to_owned();
    lab.approve(&erasing, &ben)?.expect(0)?;
    lab.approve(&erasing, &carla)?.expect(0)?;
    lab.signs(&olga, &erase)?.expect(0)?;
    ensure!(lab.serve.stop()? == 0);
    let before = lab.verify()?.expect(0)?.json()?;

    let refused = restore(&lab, &backup, &[])?.expect(20)?;
    ensure!(refused.stderr.contains("CS213") && refused.stderr.contains("--new-origin"), "{refused}");
    restore(&lab, &backup, &["--new-origin"])?.expect(2)?;
    restore(&lab, &backup, &["--new-origin", "--ground", " "])?.expect(2)?;
    let told = restore(&lab, &backup, &ANEW)?.expect(0)?.json()?;
    let manifest: Value = serde_json::from_slice(&fs::read(backup.join("manifest.json"))?)?;
    let lost = before["entries"].as_u64().context("entries")? - manifest["size"].as_u64().context("size")?;
    let continues = &told["continues"];
    ensure!(continues["genesis"] == lab.installation.genesis() && continues["vouched"] == true, "{told}");
    ensure!(continues["lost"] == lost && continues["erased"] == 1, "{told}");

    let genesis = told["genesis"].as_str().context("no genesis")?.to_owned();
    ensure!(genesis != lab.installation.genesis());
    serve_again(&mut lab)?;
    let report = lab.installation.run(["audit", "verify", "--genesis", &genesis])?.expect(0)?.json()?;
    ensure!(report["continues"]["ground"] == GROUND && report["continues"]["lost"] == lost, "{report}");
    let other = lab.verify()?.expect(20)?.json()?;
    ensure!(other.to_string().contains("genesis_differs"), "{other}");
    for file in files_below(&lab.installation.folder().join("data"))? {
        let bytes = fs::read(&file)?;
        ensure!(
            !bytes.windows(OLD.len()).any(|it| it == OLD.as_bytes()),
            "erased, and in {}",
            file.display()
        );
    }

    // Nothing goes on that was under way; what is over is there, and can be undone.
    ensure!(lab.state(&held)? == "expired" && lab.state(&wrote)? == "executed");
    lab.installation.run(["change", "show", &late])?.expect(4)?;
    let stopped = lab.delete_stack("waits")?;
    ensure!(
        stopped.text().contains("stopped") && lab.deletes("waits")? == 0,
        "{} {}",
        stopped.status,
        stopped.text()
    );
    lab.signs(&olga, &["undo", &wrote])?.expect(0)?;
    ensure!(lab.parameter("/plain")?.as_deref() == Some("first"));
    new_session(&mut lab)?;
    let again = crate::lab::held(&lab.delete_stack("waits")?)?;
    ensure!(again != held);
    for key in [&ben, &carla] {
        lab.approve(&again, key)?.expect(0)?;
    }
    ensure!(lab.delete_stack("waits")?.status == 200 && lab.deletes("waits")? == 1);
    lab.installation.run(["audit", "verify", "--genesis", &genesis])?.expect(0)?;
    // The log before is there still, and holds.
    let old_log = fs::read_dir(lab.installation.folder())?
        .flatten()
        .map(|it| it.path())
        .find(|path| path.to_string_lossy().contains("log.before-"))
        .context("the old log is gone")?;
    Cli::run(["audit", "verify", "--log", text(&old_log)?, "--genesis", lab.installation.genesis()])?
        .expect(0)?;
    back_up(&lab, "of-the-new-log").map(drop)
}

#[test]
fn a_whole_machine_set_back_is_told_by_a_checkpoint_that_left_it() -> Result<()> {
    let mut lab = Lab::open()?;
    lab.hold("first")?;
    ensure!(lab.serve.stop()? == 0);
    let backup = back_up(&lab, "backup")?;
    let lock = lab.installation.folder().join("lock/checkpoint");
    let old = fs::read(&lock)?;
    serve_again(&mut lab)?;
    lab.hold("second")?;
    let kept = lab.installation.folder().join("log/checkpoint");
    let left = lab.installation.beside().join("kept");
    ensure!(lab.serve.stop()? == 0);
    fs::copy(&kept, &left)?;
    // The lock file too, which no backup has: then nothing on this machine tells.
    fs::write(&lock, &old)?;
    fs::remove_dir_all(lab.installation.folder().join("log"))?;
    fs::remove_dir_all(lab.installation.folder().join("data"))?;
    let unneeded = restore(&lab, &backup, &ANEW)?.expect(20)?;
    ensure!(unneeded.stderr.contains("can be put back"), "{unneeded}");
    let with = ["--checkpoint", text(&left)?];
    let refused = restore(&lab, &backup, &with)?.expect(20)?;
    ensure!(refused.stderr.contains("were signed for"), "{refused}");
    let told = restore(&lab, &backup, &[with.as_slice(), &ANEW].concat())?.expect(0)?.json()?;
    ensure!(told["continues"]["lost"].as_u64().is_some_and(|lost| lost > 0), "{told}");
    serve_again(&mut lab)?;
    let genesis = told["genesis"].as_str().context("no genesis")?;
    lab.installation.run(["audit", "verify", "--genesis", genesis])?.expect(0).map(drop)
}

#[test]
fn what_is_no_backup_of_this_installation_is_refused() -> Result<()> {
    let mut lab = Lab::open()?;
    lab.hold("waits")?;
    ensure!(lab.serve.stop()? == 0);
    let backup = back_up(&lab, "backup")?;
    let refused = |what: &str, code: i32, says: &str| -> Result<()> {
        let told = restore(&lab, &backup, &[])?;
        ensure!(told.code == code && told.stderr.contains(says), "{what}: {told}");
        Ok(())
    };
    let changed = |file: &str, change: fn(&mut Vec<u8>)| -> Result<Vec<u8>> {
        let path = backup.join(file);
        let kept = fs::read(&path)?;
        let mut bytes = kept.clone();
        change(&mut bytes);
        fs::write(&path, bytes)?;
        Ok(kept)
    };
    type Change = fn(&mut Vec<u8>);
    let cases: [(&str, Change, i32, &str); 5] = [
        ("countersign.db", |bytes| bytes[5000] ^= 1, 20, "is not the one that its manifest is of"),
        ("log/tile/entries/000", |bytes| bytes[100] ^= 1, 20, "does not hold"),
        ("log/checkpoint", |bytes| bytes.truncate(10), 20, "checkpoint"),
        ("manifest.json", |bytes| bytes.truncate(10), 20, "manifest.json"),
        (
            "manifest.json",
            |bytes| *bytes = String::from_utf8_lossy(bytes).replace("\"size\": ", "\"size\": 1").into_bytes(),
            20,
            "is not the one that its manifest is of",
        ),
    ];
    for (file, change, code, says) in cases {
        let kept = changed(file, change)?;
        refused(file, code, says)?;
        fs::write(backup.join(file), kept)?;
    }
    fs::rename(backup.join("manifest.json"), backup.join("aside"))?;
    refused("no manifest", 2, "was never finished")?;
    fs::rename(backup.join("aside"), backup.join("manifest.json"))?;

    let edited = lab.installation.folder().join("bundle/bundle.toml");
    let kept = fs::read_to_string(&edited)?;
    fs::write(&edited, format!("{kept}\n# edited\n"))?;
    fs::remove_dir_all(lab.installation.folder().join("bundles"))?;
    let into = lab.installation.beside().join("edited");
    let told = lab.installation.run(["backup", text(&into)?])?.expect(2)?;
    ensure!(told.stderr.contains("does not hold the bundle in force") && !into.exists(), "{told}");
    // What the backup has is the one in force.
    restore(&lab, &backup, &[])?.expect(0)?;
    ensure!(fs::read_to_string(&edited)? == kept);

    let other = Lab::open()?;
    let foreign = back_up(&other, "foreign")?;
    for more in [&[][..], &ANEW] {
        let told = restore(&lab, &foreign, more)?.expect(20)?;
        ensure!(told.stderr.contains("no checkpoint of the backup's log"), "{told}");
    }
    serve_again(&mut lab)?;
    lab.verify()?.expect(0).map(drop)
}
