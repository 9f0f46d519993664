//! What is on record, judged again under a bundle that may come into force: what it would have changed, and what cannot be told.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    adopt::copied,
    lab::{Lab, held, named},
};

/// A copy of the bundle with a text in one file replaced.
fn edited(lab: &Lab, name: &str, file: &str, from: &str, to: &str) -> Result<PathBuf> {
    let bundle = copied(lab, name)?;
    let path = bundle.join(file);
    let text = fs::read_to_string(&path)?;
    ensure!(text.contains(from), "{file} has no {from}:\n{text}");
    fs::write(&path, text.replace(from, to))?;
    Ok(bundle)
}

fn simulated(lab: &Lab, bundle: &Path) -> Result<Value> {
    let ask = ["policy", "simulate", "--since", "1h", "--bundle", bundle.to_str().context("a path")?];
    lab.signs(&lab.people.carla, &ask)?.expect(0)?.json()
}

/// `change before → after`, of each that would be otherwise.
fn changed(told: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lines = told["changed"].as_array().into_iter().flatten();
    lines
        .map(|it| {
            format!(
                "{} {} → {}",
                text(&it["change"]),
                text(&it["before"]["kind"]),
                text(&it["after"]["kind"])
            )
        })
        .collect()
}

#[test]
fn what_is_on_record_is_judged_again_under_a_candidate() -> Result<()> {
    let lab = Lab::open()?;
    // Held, approved and done; held; allowed; denied.
    let done = lab.hold("done")?;
    lab.approve(&done, &lab.people.ben)?.expect(0)?;
    lab.approve(&done, &lab.people.carla)?.expect(0)?;
    ensure!(lab.delete_stack("done")?.status == 200);
    let waiting = lab.hold("waiting")?;
    let put = json!({ "Name": "limit", "Value": "3", "Type": "String" });
    let wrote = named(&lab.call("ssm", "AmazonSSM.PutParameter", &put)?)?;
    let key = lab.agent.form(
        "iam",
        lab.gateway(),
        &[("Action", "CreateAccessKey"), ("UserName", "anna"), ("Version", "2010-05-08")],
    );
    let denied = held(&key.send(lab.gateway())?)?;
    let before = lab.installation.run(["change", "list"])?.expect(0)?.json()?;

    // Under the one in force nothing is otherwise, and everything can be judged again.
    let same = simulated(&lab, &copied(&lab, "same")?)?;
    ensure!(same["judged"] == 4 && changed(&same).is_empty() && same["unjudged"] == json!([]), "{same}");
    ensure!(same["before"] == same["bundle"] && same["cut"] == false, "{same}");

    let rule = "constitution/two-people-to-destroy.cedar";
    let one = simulated(&lab, &edited(&lab, "one", rule, "people >= 2", "people >= 1")?)?;
    ensure!(changed(&one) == [format!("{done} hold → hold"), format!("{waiting} hold → hold")], "{one}");
    let people = |verdict: &Value| verdict["requirement"]["people"].clone();
    let first = &one["changed"][0];
    ensure!(people(&first["before"]) == 2 && people(&first["after"]) == 1, "{one}");
    ensure!(
        first["after"]["rules"][0]["id"] == "two-people-to-destroy" && first["agent"] == "fixer",
        "{one}"
    );
    // Nobody could give three.
    let three = simulated(&lab, &edited(&lab, "three", rule, "people >= 2", "people >= 3")?)?;
    ensure!(changed(&three) == [format!("{done} hold → deny"), format!("{waiting} hold → deny")], "{three}");

    // Outside the rules: a freeze over everything, and an account that is no longer production.
    let freeze = "freeze = [{ from = \"2020-01-01\", to = \"2099-01-01\", reason = \"r\" }]";
    let frozen = simulated(&lab, &edited(&lab, "frozen", "calendar.toml", "freeze = []", freeze)?)?;
    ensure!(changed(&frozen).contains(&format!("{wrote} allow → deny")), "{frozen}");
    let map = "[environments.staging]\nproduction = false\naccounts = [\"123456789012\"]\n[environments.production]\n\
        production = true\naccounts = []\n";
    let elsewhere = copied(&lab, "elsewhere")?;
    fs::write(elsewhere.join("environments.toml"), map)?;
    for file in ["grants/agent-fixer.cedar", "grants/operator-olga.cedar"] {
        let text = fs::read_to_string(elsewhere.join(file))?;
        fs::write(
            elsewhere.join(file),
            text.replace("Environment::\"production\"", "Environment::\"staging\""),
        )?;
    }
    let elsewhere = simulated(&lab, &elsewhere)?;
    let free = [format!("{done} hold → allow"), format!("{waiting} hold → allow")];
    ensure!(changed(&elsewhere) == free, "{elsewhere}");

    // What an override says of it cannot be told without its parameters.
    let lowered = "[[override]]\noperation = \"cloudformation:DeleteStack\"\neffects = [\"write\"]\nundo = \"additive\"\n\
        reason = \"r\"\n";
    let unsure = simulated(&lab, &edited(&lab, "unsure", "overrides.toml", "override = []", lowered)?)?;
    ensure!(unsure["judged"] == 2 && changed(&unsure).is_empty(), "{unsure}");
    let why = unsure["unjudged"][0]["why"].as_str().unwrap_or_default();
    ensure!(why.contains("overrides.toml says otherwise of cloudformation:DeleteStack"), "{unsure}");

    // It is told in words as well, by whoever is enrolled, and changes nothing.
    let bundle = edited(&lab, "again", rule, "people >= 2", "people >= 3")?;
    let bundle = bundle.to_str().context("a path")?;
    let config = lab.installation.config().to_str().context("a path")?;
    let private = lab.people.olga.private.to_str().context("a path")?;
    let ask = ["policy", "simulate", "--bundle", bundle, "--config", config];
    let told = testkit::Cli::run([ask.as_slice(), &["--key", private]].concat())?.expect(0)?;
    ensure!(told.stdout.contains("stricter: hold (2 people) by two-people-to-destroy"), "{told}");
    ensure!(
        told.stdout.contains("2 of 4 verdicts would be others: 0 laxer, 2 stricter, 0 otherwise"),
        "{told}"
    );
    lab.installation.run(["policy", "simulate", "--bundle", bundle])?.expect(3)?;
    lab.installation.run(["policy", "simulate", "--bundle", bundle, "--since", "yesterday"])?.expect(2)?;
    ensure!(lab.state(&denied)? == "denied");
    ensure!(lab.installation.run(["change", "list"])?.expect(0)?.json()? == before);
    lab.verify()?.expect(0).map(drop)
}
