//! Breaking the glass from the command line: asked for by whoever answers for the session, agreed to by two others, loud while
//! it lasts, over with the session, and in the log for whoever looks; and wholly broken or not at all, whenever the server is
//! killed.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use testkit::{Output, certificate, comparison, files_below, until};

use crate::{
    adopt::{copied, in_force, look, text},
    crash::{begin, mortal},
    lab::Lab,
};

const NIGHT: &str = "@id(\"night\")\n@reason(\"whatever it takes, while production is down\")\n\
                     permit (principal is Agent, action, resource);\n";

fn lab() -> Result<Lab> {
    let lab = Lab::open()?;
    by_night(&lab)?;
    Ok(lab)
}

/// Adopts a bundle in which the agent may do nothing by itself, and anything once the glass is broken.
pub(crate) fn by_night(lab: &Lab) -> Result<()> {
    let next = copied(lab, "next")?;
    for file in files_below(&next.join("grants"))? {
        if text(&file)?.contains("agent-fixer.") {
            fs::remove_file(file)?;
        }
    }
    fs::write(next.join("grants/breakglass-night.cedar"), NIGHT)?;
    let proof = certificate(&next)?;
    let compared = comparison(&in_force(lab)?, &next)?;
    let shown = ["--certificate", text(&proof)?, "--comparison", text(&compared)?];
    let ask = [&["policy", "adopt", "--bundle", text(&next)?], &shown[..]].concat();
    let held = lab.signs(&lab.people.olga, &ask)?.expect(10)?.json()?;
    let id = held["id"].as_str().context("no id")?.to_owned();
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    lab.approve(&id, &lab.people.carla)?.expect(0)?;
    lab.signs(&lab.people.olga, &ask)?.expect(0).map(drop)
}

#[test]
fn promise_8_the_glass_is_broken_by_two_others_and_everybody_is_told() -> Result<()> {
    let lab = lab()?;
    ensure!(look(&lab)? == 403);
    let session = lab.session.id.clone();
    let ask = |more: &[&'static str]| {
        let mut args = vec!["session", "break-glass", session.as_str(), "--ground", "the shop is down"];
        args.extend(more);
        args
    };
    let (olga, ben, carla) = (&lab.people.olga, &lab.people.ben, &lab.people.carla);
    // What the bundle keeps nothing of, and what nobody may lift.
    for (more, says) in [
        (&["--grant", "day"][..], "keeps no grant `day`"),
        (&["--waive", "two-people-to-destroy"], "is not marked @breakglass"),
        (&["--grant", "night", "--minutes", "61"], "1 to 60 minutes"),
    ] {
        let refused = lab.signs(olga, &ask(more))?.expect(12)?;
        ensure!(refused.stderr.contains(says) && refused.stderr.contains("CS217"), "{}", refused.stderr);
    }
    let night = ask(&["--grant", "night", "--waive", "nothing-in-a-freeze"]);
    lab.signs(ben, &night)?.expect(11)?;
    let held = lab.signs(olga, &night)?.expect(10)?.json()?;
    let id = held["id"].as_str().context("no id")?.to_owned();
    lab.approve(&id, olga)?.expect(11)?;
    lab.approve(&id, ben)?.expect(0)?;
    ensure!(look(&lab)? == 403, "one is not two");
    let told = lab.signs(carla, &["change", "list"])?.expect(0)?;
    ensure!(told.stderr.contains("asks for the glass"), "{}", told.stderr);
    lab.approve(&id, carla)?.expect(0)?;
    ensure!(look(&lab)? == 403, "approved is not broken");
    lab.signs(olga, &night)?.expect(0)?;
    ensure!(look(&lab)? == 200);

    let told = lab.signs(carla, &["session", "show", &session])?.expect(0)?;
    ensure!(told.stderr.contains("is broken until"), "{}", told.stderr);
    ensure!(told.json()?["glass_broken_until"].is_string());
    lab.signs(carla, &["session", "stop", &session])?.expect(0)?;
    ensure!(look(&lab)? != 200);
    let verified = lab.verify()?.expect(0)?;
    ensure!(verified.json()?["ok"] == true);
    ensure!(lab.entries("glass_broken")?.len() == 1);
    Ok(())
}

/// Its permit is on record, and the glass was not broken yet: it is not, which the next start says, and to break it takes two
/// people anew.
#[test]
fn killed_before_it_is_broken_the_glass_is_whole_and_the_permit_spent() -> Result<()> {
    let Some(binary) = mortal()? else { return Ok(()) };
    let mut lab = lab()?;
    let lost = killed(&mut lab, &binary, "before-glass")?;
    ensure!(lab.state(&lost)? == "failed", "nobody has to ask for it");
    let ended = until("its outcome to be in the log", Duration::from_secs(10), || {
        let outcomes = lab.entries("outcome_recorded")?;
        Ok(outcomes.into_iter().find(|it| it["change"] == lost.as_str()))
    })?;
    ensure!(ended["detail"]["not_sent"] == "the server ended before it was done", "{ended}");
    agree(&lab, None)?;
    let anew = approved(&lab)?;
    ensure!(anew != lost, "what two people agreed to was for one breaking");
    agree(&lab, None)?;
    let told = asked(&lab)?.expect(0)?.json()?;
    ensure!(told["id"] == anew.as_str(), "{told}");
    agree(&lab, Some(&anew))?;
    ensure!(lab.state(&lost)? == "failed");
    lab.restart()?;
    agree(&lab, Some(&anew))
}

/// The glass was broken, and nobody was told: it is, once, and not again while it lasts.
#[test]
fn killed_after_it_is_broken_the_glass_is_broken_once() -> Result<()> {
    let Some(binary) = mortal()? else { return Ok(()) };
    let mut lab = lab()?;
    let done = killed(&mut lab, &binary, "after-glass")?;
    ensure!(lab.state(&done)? == "executed");
    agree(&lab, Some(&done))?;
    let told = asked(&lab)?.expect(12)?;
    ensure!(told.stderr.contains(&format!("is broken by {done} until")), "{told}");
    lab.restart()?;
    agree(&lab, Some(&done))
}

/// What olga asks for.
fn asked(lab: &Lab) -> Result<Output> {
    let session = lab.session.id.as_str();
    let night = ["session", "break-glass", session, "--ground", "the shop is down", "--grant", "night"];
    lab.signs(&lab.people.olga, &night)
}

/// Asked for and agreed to, and nothing more.
fn approved(lab: &Lab) -> Result<String> {
    let id = asked(lab)?.expect(10)?.json()?["id"].as_str().context("no id")?.to_owned();
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    lab.approve(&id, &lab.people.carla)?.expect(0)?;
    Ok(id)
}

/// Dies at this point of breaking it, and is served again.
fn killed(lab: &mut Lab, binary: &Path, at: &str) -> Result<String> {
    ensure!(!begin(lab, binary, at)?, "it died before anybody asked");
    let id = approved(lab)?;
    let told = asked(lab)?;
    ensure!(![0, 10, 12].contains(&told.code), "it lives: {told}");
    until("the server to die", Duration::from_secs(10), || Ok((!lab.serve.is_alive()?).then_some(())))?;
    lab.restart()?;
    Ok(id)
}

/// What the session may do, what it says of itself, what is on record, and what the auditor makes of it are one: broken by this
/// change, or whole.
fn agree(lab: &Lab, by: Option<&str>) -> Result<()> {
    let status = look(lab)?;
    ensure!(status == if by.is_some() { 200 } else { 403 }, "{status}");
    let shown = lab.signs(&lab.people.carla, &["session", "show", &lab.session.id])?.expect(0)?.json()?;
    ensure!(shown["glass_broken_until"].is_string() == by.is_some(), "{shown}");
    let broken = lab.entries("glass_broken")?;
    ensure!(broken.iter().map(|it| it["change"].as_str()).eq(by.map(Some)), "{broken:?}");
    let verified = lab.verify()?.expect(0)?.json()?;
    ensure!(
        verified["ok"] == true && verified["problems"].as_array().is_some_and(Vec::is_empty),
        "{verified}"
    );
    Ok(())
}
