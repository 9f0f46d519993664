//! Breaking the glass from the command line: asked for by whoever answers for the session, agreed to by two others, loud while
//! it lasts, over with the session, and in the log for whoever looks.

use std::fs;

use anyhow::{Context, Result, ensure};
use testkit::{certificate, comparison, files_below};

use crate::{
    adopt::{copied, in_force, look, text},
    lab::Lab,
};

const NIGHT: &str = "@id(\"night\")\n@reason(\"whatever it takes, while production is down\")\n\
                     permit (principal is Agent, action, resource);\n";

/// Under a bundle in which the agent may do nothing by itself.
fn lab() -> Result<Lab> {
    let lab = Lab::open()?;
    let next = copied(&lab, "next")?;
    for file in files_below(&next.join("grants"))? {
        if text(&file)?.contains("agent-fixer.") {
            fs::remove_file(file)?;
        }
    }
    fs::write(next.join("grants/breakglass-night.cedar"), NIGHT)?;
    let proof = certificate(&next)?;
    let compared = comparison(&in_force(&lab)?, &next)?;
    let shown = ["--certificate", text(&proof)?, "--comparison", text(&compared)?];
    let ask = [&["policy", "adopt", "--bundle", text(&next)?], &shown[..]].concat();
    let held = lab.signs(&lab.people.olga, &ask)?.expect(10)?.json()?;
    let id = held["id"].as_str().context("no id")?.to_owned();
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    lab.approve(&id, &lab.people.carla)?.expect(0)?;
    lab.signs(&lab.people.olga, &ask)?.expect(0)?;
    Ok(lab)
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
