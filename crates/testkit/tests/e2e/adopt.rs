//! The law changes while everything is served: asked for by one person, approved by two others, in force from one request to
//! the next, and after a restart; and nothing else changes it.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testkit::{certificate, checked, comparison, files_below, send, until};

use crate::{
    crash::{appended, begin, every_hit_of, through},
    lab::Lab,
};

/// A copy of the bundle that people edit.
pub(crate) fn copied(lab: &Lab, name: &str) -> Result<PathBuf> {
    let (from, to) = (lab.installation.folder().join("bundle"), lab.installation.beside().join(name));
    for file in files_below(&from)? {
        let copy = to.join(file.strip_prefix(&from)?);
        fs::create_dir_all(copy.parent().context("a folder")?)?;
        fs::copy(&file, copy)?;
    }
    Ok(to)
}

fn comment(bundle: &Path, text: &str) -> Result<()> {
    let file = bundle.join("overrides.toml");
    let before = fs::read_to_string(&file)?;
    Ok(fs::write(&file, format!("{before}\n# {text}\n"))?)
}

/// Its digest.
fn digest_of(bundle: &Path) -> Result<String> {
    Ok(checked(bundle)?["bundle"].as_str().context("no digest")?.to_owned())
}

pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is not text")
}

/// The digest of the bundle in force, as the server says.
pub(crate) fn in_force(lab: &Lab) -> Result<String> {
    let [_, _, people] = lab.serve.authorities();
    let told: Value = serde_json::from_slice(&send(people, "GET", "/v1/genesis", &[], b"")?.body)?;
    Ok(told["bundle"].as_str().context("no bundle")?.to_owned())
}

/// A read of the agent's.
pub(crate) fn look(lab: &Lab) -> Result<u16> {
    let fields = [("Action", "DescribeStacks"), ("Version", "2010-05-15")];
    Ok(lab.agent.form("cloudformation", lab.gateway(), &fields).send(lab.gateway())?.status)
}

#[test]
fn promise_8_a_bundle_comes_into_force_while_everything_is_served() -> Result<()> {
    let mut lab = Lab::open()?;
    let next = copied(&lab, "next")?;
    for file in files_below(&next.join("grants"))? {
        if text(&file)?.contains("agent-fixer.") {
            fs::remove_file(file)?;
        }
    }
    let proof = certificate(&next)?;
    let digest = digest_of(&next)?;
    let before = in_force(&lab)?;
    let compared = comparison(&before, &next)?;
    let shown = ["--certificate", text(&proof)?, "--comparison", text(&compared)?];
    let ask = [&["policy", "adopt", "--bundle", text(&next)?], &shown[..]].concat();
    ensure!(look(&lab)? == 200);

    lab.installation.run(ask.iter().copied())?.expect(3)?;
    let people = &lab.people;
    let held = lab.signs(&people.olga, &ask)?.expect(10)?.json()?;
    let id = held["id"].as_str().context("no id")?.to_owned();
    ensure!(held["actions"][0]["operation"] == "countersign:AdoptBundle", "{held}");
    ensure!(held["actions"][0]["parameters"].to_string().contains("agent-fixer.cedar) is gone"), "{held}");
    lab.approve(&id, &people.olga)?.expect(11)?;
    lab.approve(&id, &people.ben)?.expect(0)?;
    lab.signs(&people.olga, &ask)?.expect(10)?;

    // Whoever is asked gets the very files, and need not believe the server.
    let fetched = lab.installation.beside().join("fetched");
    lab.signs(&people.carla, &["policy", "fetch", &id, text(&fetched)?])?.expect(0)?;
    ensure!(digest_of(&fetched.join("bundle"))? == digest);
    for (name, shown) in [("certificate.json", &proof), ("comparison.json", &compared)] {
        ensure!(fs::read(fetched.join(name))? == fs::read(shown)?);
    }
    lab.signs(&people.carla, &["policy", "fetch", &before, text(&lab.installation.beside().join("old"))?])?
        .expect(0)?;
    lab.approve(&id, &people.carla)?.expect(0)?;
    ensure!(in_force(&lab)? == before && look(&lab)? == 200, "approved is not in force");

    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let more = |than: usize| {
        let wanted = answered.load(Ordering::SeqCst) + than;
        until("more reads", Duration::from_secs(60), || {
            Ok((answered.load(Ordering::SeqCst) >= wanted).then_some(()))
        })
    };
    let (asked, done) = std::thread::scope(|scope| -> Result<(usize, Value)> {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| -> Result<usize> {
                    let mut statuses = Vec::new();
                    while !over.load(Ordering::SeqCst) {
                        statuses.push(look(&lab)?);
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                    let refused = statuses.iter().position(|it| *it != 200).unwrap_or(statuses.len());
                    ensure!(statuses[..refused].iter().all(|it| *it == 200), "{statuses:?}");
                    ensure!(statuses[refused..].iter().all(|it| *it == 403), "{statuses:?}");
                    Ok(statuses.len())
                })
            })
            .collect();
        let before = more(20);
        let done = lab.signs(&lab.people.olga, &ask);
        let after = more(20);
        over.store(true, Ordering::SeqCst);
        before.and(after)?;
        let mut asked = 0;
        for reader in readers {
            asked += reader.join().map_err(|_| anyhow::anyhow!("a reader broke"))??;
        }
        Ok((asked, done?.expect(0)?.json()?))
    })?;
    ensure!(done["id"] == id.as_str() && done["state"] == "executed", "{done}");
    ensure!(asked >= 40, "{asked} requests");
    ensure!(in_force(&lab)? == digest && look(&lab)? == 403);
    lab.signs(&lab.people.olga, &ask)?.expect(12)?;
    lab.verify()?.expect(0)?;
    ensure!(lab.entries("bundle_adopted")?.len() == 1);

    // The folder that people edit still has the one before; what is served is what was adopted.
    lab.restart()?;
    ensure!(in_force(&lab)? == digest && look(&lab)? == 403);
    let kept = lab.installation.folder().join("bundles").join(&digest);
    let aside = lab.installation.beside().join("aside");
    ensure!(lab.serve.stop()? == 0);
    fs::rename(&kept, &aside)?;
    let config = text(lab.installation.config())?;
    let refused = testkit::Cli::run(["serve", "--config", config])?.expect(2)?;
    ensure!(refused.stderr.contains("the bundle in force is not here"), "{refused}");
    fs::rename(&aside, &kept)?;
    lab.restart()?;
    ensure!(lab.entries("alarm")?.is_empty(), "nobody edited anything");
    let told = lab.installation.run(["doctor"])?;
    ensure!(told.stdout.contains(&format!("not the bundle in force, {}", digest.split_at(12).0)), "{told}");

    // A backup has the bundle in force. Going back is adopting the one before again.
    let backup = lab.installation.beside().join("backup");
    lab.installation.run(["backup", text(&backup)?])?.expect(0)?;
    ensure!(digest_of(&backup.join("bundle"))? == digest);
    let first = lab.installation.folder().join("bundle");
    let beside = copied(&lab, "first")?;
    let (proof, compared) = (certificate(&beside)?, comparison(&digest, &beside)?);
    let shown = ["--certificate", text(&proof)?, "--comparison", text(&compared)?];
    let back = [&["policy", "adopt", "--bundle", text(&first)?], &shown[..]].concat();
    let id = lab.signs(&lab.people.olga, &back)?.expect(10)?.json()?;
    let id = id["id"].as_str().context("no id")?.to_owned();
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    lab.approve(&id, &lab.people.carla)?.expect(0)?;
    lab.signs(&lab.people.olga, &back)?.expect(0)?;
    ensure!(in_force(&lab)? == before && look(&lab)? == 200);
    lab.verify()?.expect(0).map(drop)
}

/// With the solver itself: what the rules newly allow stands in the statement, and whoever asks again, to bring in what was
/// approved, shows the very same.
#[test]
fn what_a_bundle_newly_allows_is_found_shown_and_shown_again() -> Result<()> {
    if !Path::new("/usr/bin/cvc5").exists() {
        eprintln!("SKIPPED: no cvc5, so what a bundle newly allows is not looked for");
        return Ok(());
    }
    let lab = Lab::open()?;
    let olga = &lab.people.olga;
    let (next, first) = (copied(&lab, "next")?, copied(&lab, "first")?);
    for file in files_below(&next.join("grants"))? {
        if text(&file)?.contains("agent-fixer.") {
            fs::remove_file(file)?;
        }
    }
    for (bundle, newly, sees) in [(&next, false, 403), (&first, true, 200)] {
        let ask = ["policy", "adopt", "--bundle", text(bundle)?];
        let told = lab.signs(olga, &ask)?.expect(10)?;
        for note in ["proving what", "comparing what"] {
            ensure!(told.stderr.contains(note), "{told}");
        }
        let held = told.json()?;
        let parameters = held["actions"][0]["parameters"].to_string();
        ensure!(parameters.contains("newly allowed") == newly, "{parameters}");
        ensure!(!newly || parameters.contains("before: stopped by the grant of agent fixer"), "{parameters}");
        let id = held["id"].as_str().context("no id")?.to_owned();
        lab.approve(&id, &lab.people.ben)?.expect(0)?;
        lab.approve(&id, &lab.people.carla)?.expect(0)?;
        let told = lab.signs(olga, &ask)?.expect(0)?;
        ensure!(!told.stderr.contains("proving") && !told.stderr.contains("comparing"), "{told}");
        ensure!(in_force(&lab)? == digest_of(bundle)? && look(&lab)? == sees);
    }
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn promise_8_an_edit_on_disk_changes_nothing_and_alarms_once() -> Result<()> {
    let mut lab = Lab::open()?;
    let (before, folder) = (in_force(&lab)?, lab.installation.folder().join("bundle"));
    let file = folder.join("overrides.toml");
    let kept = fs::read(&file)?;
    comment(&folder, "an edit")?;
    let alarm = until("an alarm", Duration::from_secs(30), || Ok(lab.entries("alarm")?.pop()))?;
    let said = alarm["detail"]["alarm"].as_str().unwrap_or_default();
    ensure!(said.contains("policy adopt --bundle") && said.contains(&before), "{said}");
    ensure!(in_force(&lab)? == before && look(&lab)? == 200, "it changes nothing");
    ensure!(lab.serve.log()?.contains("Nothing has changed"), "{}", lab.serve.log()?);
    // Written again it is looked at again, and is the state that was told; another edit is another state.
    fs::write(&file, fs::read(&file)?)?;
    fs::write(&file, [kept.as_slice(), b"# another edit\n"].concat())?;
    until("another alarm", Duration::from_secs(30), || Ok((lab.entries("alarm")?.len() > 1).then_some(())))?;
    ensure!(lab.entries("alarm")?.len() == 2, "once for each");
    fs::write(&file, kept)?;
    lab.verify()?.expect(0)?;
    lab.restart()
}

#[test]
fn what_cannot_be_adopted_is_refused_with_its_place_and_a_hint() -> Result<()> {
    let lab = Lab::open()?;
    let olga = &lab.people.olga;
    let before = in_force(&lab)?;
    let next = copied(&lab, "next")?;
    let proof = certificate(&next)?;
    let adopt = |bundle: &Path, proof: &Path| {
        lab.signs(olga, &["policy", "adopt", "--bundle", text(bundle)?, "--certificate", text(proof)?])
    };
    let same = adopt(&next, &proof)?.expect(12)?;
    ensure!(same.stderr.contains("in force already"), "{same}");
    comment(&next, "other")?;
    let stale = adopt(&next, &proof)?.expect(21)?;
    ensure!(
        stale.stderr.contains("the certificate is of the bundle") && stale.stderr.contains("CS215"),
        "{stale}"
    );

    let roster = fs::read_to_string(next.join("roster.toml"))?;
    fs::write(next.join("roster.toml"), roster.replace("approver = true", "approver = false"))?;
    let locked = adopt(&next, &proof)?.expect(2)?;
    ensure!(locked.stderr.contains("roster.toml leaves 0 approver(s)"), "{locked}");
    fs::write(next.join("roster.toml"), "[people.eve]\nkys = []\n")?;
    let malformed = adopt(&next, &proof)?.expect(2)?;
    ensure!(malformed.stderr.contains("roster.toml:"), "{malformed}");
    fs::write(next.join("roster.toml"), &roster)?;
    let examples = next.join("constitution/no-backup-loss-after-data.examples.toml");
    let own = fs::read_to_string(&examples)?;
    fs::write(&examples, own.replace("expect = \"allow\"", "expect = \"hold\""))?;
    let failing = adopt(&next, &proof)?.expect(21)?;
    ensure!(failing.stderr.contains("came out otherwise"), "{failing}");
    ensure!(in_force(&lab)? == before);
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn an_adoption_is_killed_at_each_of_its_steps() -> Result<()> {
    let points = [("bundle-kept", 2), ("before-adoption", 1), ("after-adoption", 1), ("after-append", 3)];
    every_hit_of("adopt", adopting, &points)
}

/// Asked for, signed twice, in force; and begun anew where it died before that, which the next start puts on record. Whenever it
/// dies, the next process serves one of the two, and the log says which.
fn adopting(lab: &mut Lab, binary: &Path, at: &str, name: &str) -> Result<bool> {
    let next = copied(lab, name)?;
    comment(&next, name)?;
    let proof = certificate(&next)?;
    let wanted = digest_of(&next)?;
    let before = in_force(lab)?;
    let mut died = begin(lab, binary, at)?;
    let (olga, size) = (lab.people.olga.clone(), Cell::new(0));
    let ask = ["policy", "adopt", "--bundle", text(&next)?, "--certificate", text(&proof)?];
    for _ in 0..8 {
        let told = through(lab, &mut died, |lab| {
            let told = lab.signs(&olga, &ask)?;
            ensure!([0, 10, 12].contains(&told.code), "{told}");
            Ok(told)
        })?;
        let now = through(lab, &mut died, in_force)?;
        if now == wanted {
            break;
        }
        ensure!(now == before, "neither the one nor the other: {now}");
        if told.code == 10 {
            let id = told.json()?["id"].as_str().context("no id")?.to_owned();
            for key in [lab.people.ben.clone(), lab.people.carla.clone()] {
                through(lab, &mut died, |lab| lab.approve(&id, &key)?.expect(0))?;
                through(lab, &mut died, |lab| appended(lab, &size))?;
            }
        }
    }
    ensure!(through(lab, &mut died, in_force)? == wanted, "not in force after eight rounds");
    through(lab, &mut died, |lab| lab.verify()?.expect(0))?;
    lab.restart()?;
    ensure!(in_force(lab)? == wanted, "a restart serves what was adopted");
    Ok(died)
}
