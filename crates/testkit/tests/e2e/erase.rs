//! What was kept of an action goes when two people say so, from every file, whenever the server is killed; and the record
//! holds.

use std::{cell::Cell, fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::Cli;

use crate::{
    crash::{appended, begin, every_hit_of, through},
    lab::{Lab, files_below, named},
};

const OLD: &str = "a-value-that-nobody-may-know-4711";
const GROUND: &str = "the customer asked for it";

/// The files of the installation in which this value stands.
fn shown_in(lab: &Lab, value: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for file in files_below(&lab.installation.folder())? {
        if fs::read(&file)?.windows(value.len()).any(|window| window == value.as_bytes()) {
            found.push(file.display().to_string());
        }
    }
    Ok(found)
}

#[test]
fn what_two_people_erase_is_in_no_file_and_the_record_holds() -> Result<()> {
    let mut lab = Lab::open()?;
    let people = &lab.people;
    let parameter =
        |value: &str| json!({ "Name": "/kept", "Value": value, "Type": "String", "Overwrite": true });
    ensure!(lab.owner_call("ssm", "AmazonSSM.PutParameter", &parameter(OLD))?.status == 200);
    let answer = lab.call("ssm", "AmazonSSM.PutParameter", &parameter("harmless"))?;
    ensure!(answer.status == 200, "{}", answer.text());
    let write = named(&answer)?;
    ensure!(!shown_in(&lab, OLD)?.is_empty(), "what would put it back is kept");

    let ask = ["change", "erase", &write, "--ground", GROUND];
    lab.signs(&people.olga, &["change", "erase", &write, "--ground", " "])?.expect(2)?;
    lab.installation.run(ask)?.expect(3)?;
    let held = lab.signs(&people.olga, &ask)?.expect(10)?.json()?;
    let id = held["id"].as_str().context("no id")?.to_owned();
    ensure!(held["actions"][0]["operation"] == "countersign:EraseBody", "{held}");
    ensure!(held["actions"][0]["parameters"].to_string().contains(GROUND), "{held}");
    lab.approve(&id, &people.olga)?.expect(11)?;
    lab.approve(&id, &people.ben)?.expect(0)?;
    lab.signs(&people.olga, &ask)?.expect(10)?;
    lab.approve(&id, &people.carla)?.expect(0)?;
    ensure!(!shown_in(&lab, OLD)?.is_empty(), "approved is not erased");
    let done = lab.signs(&people.olga, &ask)?.expect(0)?.json()?;
    ensure!(done["id"] == id.as_str() && done["state"] == "executed", "{done}");
    ensure!(shown_in(&lab, OLD)?.is_empty(), "it is in {:?}", shown_in(&lab, OLD)?);

    let shown: Value = lab.change(&write)?;
    let erased = &shown["actions"][0]["erased"];
    ensure!(
        erased["by"] == id.as_str() && erased["asked_by"] == "olga" && erased["ground"] == GROUND,
        "{shown}"
    );
    let config = lab.installation.config().to_str().context("a path that is not text")?;
    let home = lab.installation.beside();
    let home = [("HOME", home.to_str().context("a path that is not text")?)];
    let text = Cli::run_with(["change", "show", &write, "--config", config], &home)?.expect(0)?;
    ensure!(text.stdout.contains(&format!("by {id}")) && text.stdout.contains("erased"), "{text}");
    lab.signs(&people.olga, &ask)?.expect(12)?;
    lab.signs(&people.olga, &["undo", &write])?.expect(12)?;
    lab.verify()?.expect(0)?;
    lab.restart()?;
    ensure!(shown_in(&lab, OLD)?.is_empty() && lab.state(&write)? == "executed");
    ensure!(lab.entries("body_erased")?.len() == 1);
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn an_erasing_is_killed_at_each_of_its_steps() -> Result<()> {
    every_hit_of("erase", erasing, &[("before-erasure", 1), ("after-erasure", 1), ("after-signature", 2)])
}

/// Asked for, signed twice, carried out; and begun anew where it died before that, which the next start puts on record.
fn erasing(lab: &mut Lab, binary: &Path, at: &str, name: &str) -> Result<bool> {
    let (path, old) = (format!("/{name}"), format!("{OLD}-{name}"));
    let parameter =
        |value: &str| json!({ "Name": path, "Value": value, "Type": "String", "Overwrite": true });
    ensure!(lab.owner_call("ssm", "AmazonSSM.PutParameter", &parameter(&old))?.status == 200);
    let write = named(&lab.call("ssm", "AmazonSSM.PutParameter", &parameter("new!"))?)?;
    let mut died = begin(lab, binary, at)?;
    let (olga, size) = (lab.people.olga.clone(), Cell::new(0));
    let mut erased = false;
    for _ in 0..8 {
        let told = through(lab, &mut died, |lab| {
            let told = lab.signs(&olga, &["change", "erase", &write, "--ground", GROUND])?;
            ensure!([0, 10, 12].contains(&told.code), "{told}");
            Ok(told)
        })?;
        let change = through(lab, &mut died, |lab| lab.change(&write))?;
        erased = change["actions"][0]["erased"].is_object();
        if erased {
            break;
        }
        ensure!(!shown_in(lab, &old)?.is_empty(), "it is gone, and the record does not say so");
        if told.code == 10 {
            let id = told.json()?["id"].as_str().context("no id")?.to_owned();
            for key in [lab.people.ben.clone(), lab.people.carla.clone()] {
                through(lab, &mut died, |lab| lab.approve(&id, &key)?.expect(0))?;
                through(lab, &mut died, |lab| appended(lab, &size))?;
            }
        }
    }
    ensure!(erased, "not erased after eight rounds");
    ensure!(shown_in(lab, &old)?.is_empty(), "it is in {:?}", shown_in(lab, &old)?);
    through(lab, &mut died, |lab| lab.verify()?.expect(0))?;
    Ok(died)
}
