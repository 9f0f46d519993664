//! A version whose own operation table is not the one that is pinned: it serves under both, the stricter of the two for each
//! request, says so, and offers the adoption of its own. What is pinned here is our own with some of its lines changed by hand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Cli, Response, Serve, certificate};

use crate::{
    adopt::{copied, text},
    backup::{back_up, put_parameter, refuses_to_serve, restore, serve_again},
    lab::{Lab, OWNER, People, held},
};

/// Of the text of a table: a service, the beginning of a line there, and what stands in its place.
const EDITS: [(&str, &str, &str); 3] = [
    // Stricter than ours: putting a parameter can be undone.
    ("ssm", "PutParameter\tw\t", "PutParameter\td\t"),
    // Milder than ours: deleting a stack cannot.
    ("cloudformation", "DeleteStack\td\t", "DeleteStack\tw\t"),
    // Not known at all.
    ("sqs", "ListQueues\tr\t", "ListQueuesOld\tr\t"),
];

/// A table of another version, in a file beside `folder`; what it is named by.
fn other_table(folder: &Path) -> Result<(String, PathBuf)> {
    let mut table = Cli::run(["policy", "table", "--text"])?.expect(0)?.stdout;
    for (service, from, to) in EDITS {
        let head = format!("\nservice\t{service}\n");
        let (before, own) = table.split_once(&head).context(service)?;
        let (operations, after) = own.split_once(&format!("\n{from}")).context(from)?;
        table = format!("{before}{head}{operations}\n{to}{after}");
    }
    let file = folder.join("other.table");
    fs::write(&file, table)?;
    let told = against(&file)?;
    Ok((told["from"].as_str().context("no digest")?.to_owned(), file))
}

fn against(file: &Path) -> Result<Value> {
    Cli::run(["--output", "json", "policy", "table", "--against", text(file)?])?.expect(0)?.json()
}

/// Served for the first time by a version with another table than `init` was run with.
fn open() -> Result<(Lab, String)> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let mut pinned = String::new();
    let lab = Lab::over(people, &flags, |config| {
        let folder = config.parent().context("a folder")?;
        let (digest, file) = other_table(folder)?;
        fs::rename(&file, folder.join(format!("bundles/{digest}.table")))?;
        fs::write(folder.join("bundle/tables.toml"), format!("aws = \"{digest}\"\n"))?;
        pinned = digest;
        Serve::start_with(config, &OWNER)
    })?;
    Ok((lab, pinned))
}

fn list_queues(lab: &Lab) -> Result<Response> {
    lab.call("sqs", "AmazonSQS.ListQueues", &json!({}))
}

#[test]
fn promise_8_a_new_version_serves_under_the_stricter_of_two_tables_and_offers_its_own() -> Result<()> {
    let (mut lab, pinned) = open()?;
    let log = lab.serve.log()?;
    ensure!(log.contains("the operation table that is pinned is not this version's"), "{log}");
    ensure!(log.contains("ssm:PutParameter") && log.contains("countersign policy table --pin"), "{log}");
    let doctor = lab.installation.run(["doctor"])?;
    ensure!(doctor.stdout.contains("the operation table that is pinned is not this version's"), "{doctor}");
    let genesis = lab.entries("genesis")?.pop().context("no genesis")?;
    ensure!(genesis["detail"]["table"] == pinned.as_str(), "{genesis}");

    // Stricter there; milder there; not there at all.
    held(&put_parameter(&lab, "/a", "1")?)?;
    ensure!(lab.parameter("/a")?.is_none());
    let id = lab.hold("app")?;
    let shown = lab.change(&id)?.to_string();
    ensure!(shown.contains("the pinned operation table says otherwise of it"), "{shown}");
    let unknown = list_queues(&lab)?;
    ensure!(unknown.status == 400 || unknown.status == 403, "{} {}", unknown.status, unknown.text());
    ensure!(
        unknown.text().contains("sqs:ListQueues is not in the operation table that is pinned"),
        "{}",
        unknown.text()
    );

    // Whoever is asked can get the table that is pinned, and need not believe the server.
    let fetched = lab.installation.beside().join("fetched");
    let bundle = genesis["bundle"].as_str().context("no bundle")?;
    lab.signs(&lab.people.carla, &["policy", "fetch", bundle, text(&fetched)?])?.expect(0)?;
    let told = against(&fetched.join(format!("{pinned}.table")))?;
    ensure!(told["from"] == pinned.as_str() && told["laxer"] == 2, "{told}");

    // Its own is offered: one asks, two others see what falls, and agree.
    let next = copied(&lab, "next")?;
    let own = Cli::run(["--output", "json", "policy", "table", "--pin", text(&next)?])?.expect(0)?.json()?;
    let own = own["table"].as_str().context("no digest")?.to_owned();
    let proof = certificate(&next)?;
    let ask = ["policy", "adopt", "--bundle", text(&next)?, "--certificate", text(&proof)?];
    let asked = lab.signs(&lab.people.olga, &ask)?.expect(10)?.json()?;
    let shown = asked["actions"][0]["parameters"].to_string();
    for line in [
        "from destroy to write: ssm:PutParameter",
        "known from now on, as read: sqs:ListQueues",
        "from write to destroy: cloudformation:DeleteStack",
        "not known any more: sqs:ListQueuesOld",
        &pinned,
        &own,
    ] {
        ensure!(shown.contains(line), "{line}: {shown}");
    }
    let id = asked["id"].as_str().context("no id")?.to_owned();
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    lab.approve(&id, &lab.people.carla)?.expect(0)?;
    ensure!(list_queues(&lab)?.status != 200, "approved is not in force");
    lab.signs(&lab.people.olga, &ask)?.expect(0)?;

    let judged_anew = |lab: &Lab| -> Result<()> {
        ensure!(put_parameter(lab, "/b", "1")?.status == 200 && list_queues(lab)?.status == 200);
        held(&lab.delete_stack("app")?).map(drop)
    };
    judged_anew(&lab)?;
    let adopted = lab.entries("bundle_adopted")?.pop().context("no adoption")?;
    ensure!(adopted["detail"]["table"] == own.as_str(), "{adopted}");
    lab.verify()?.expect(0)?;
    lab.restart()?;
    ensure!(lab.serve.log()?.contains(&format!("table   {own}")), "{}", lab.serve.log()?);
    judged_anew(&lab)
}

#[test]
fn without_the_table_that_is_pinned_nothing_is_served() -> Result<()> {
    let (mut lab, pinned) = open()?;
    ensure!(lab.serve.stop()? == 0);
    let backup = back_up(&lab, "backup")?;
    ensure!(backup.join(format!("tables/{pinned}.table")).is_file());
    let file = lab.installation.folder().join(format!("bundles/{pinned}.table"));
    let kept = fs::read_to_string(&file)?;

    for damaged in
        [Some(kept.replacen("\nPutParameter\td\t", "\nPutParameter\tr\t", 1)), Some(String::new()), None]
    {
        match &damaged {
            Some(text) => fs::write(&file, text)?,
            None => fs::remove_file(&file)?,
        }
        refuses_to_serve(&lab, "the operation table that the bundle in force rests on is not here")?;
        refuses_to_serve(&lab, "start the version that has this table once")?;
        let doctor = lab.installation.run(["doctor"])?;
        ensure!(doctor.stdout.contains("explain CS009"), "{doctor}");
    }
    // A backup has it.
    restore(&lab, &backup, &[])?.expect(0)?;
    ensure!(fs::read_to_string(&file)? == kept);
    serve_again(&mut lab)?;
    held(&put_parameter(&lab, "/a", "1")?)?;
    lab.verify()?.expect(0)?;

    // Our own can be made anew.
    let own = Cli::run(["--output", "json", "policy", "table"])?.expect(0)?.json()?;
    let own = lab
        .installation
        .folder()
        .join(format!("bundles/{}.table", own["table"].as_str().context("no digest")?));
    fs::write(&own, "damaged")?;
    lab.restart()?;
    ensure!(fs::read_to_string(&own)?.starts_with("countersign/aws-table/v1\n"));

    // A bundle that rests on no table, or on one that nobody has, is not adopted.
    let next = copied(&lab, "next")?;
    let adopt = |lab: &Lab| -> Result<testkit::Output> {
        let proof = certificate(&next)?;
        lab.signs(
            &lab.people.olga,
            &["policy", "adopt", "--bundle", text(&next)?, "--certificate", text(&proof)?],
        )
    };
    fs::write(next.join("tables.toml"), format!("aws = \"{}\"\n", "0".repeat(64)))?;
    let refused = adopt(&lab)?;
    ensure!(refused.code == 12 || refused.code == 2, "{refused}");
    ensure!(refused.stderr.contains("is not to be had"), "{refused}");
    fs::remove_file(next.join("tables.toml"))?;
    let refused = adopt(&lab)?;
    ensure!(refused.stderr.contains("names no operation table"), "{refused}");
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn what_is_otherwise_in_another_table_is_listed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_, file) = other_table(folder.path())?;
    let told = against(&file)?;
    ensure!(told["laxer"] == 2 && told["stricter"] == 2, "{told}");
    let lines = Cli::run(["policy", "table", "--against", text(&file)?])?.expect(0)?.stdout;
    let expected = "laxer from destroy to write: ssm:PutParameter\n\
                    laxer known from now on, as read: sqs:ListQueues\n\
                    stricter from write to destroy: cloudformation:DeleteStack\n\
                    stricter not known any more: sqs:ListQueuesOld\n";
    ensure!(lines == expected, "{lines}");
    fs::write(&file, "countersign/aws-table/v9\n")?;
    let refused = Cli::run(["policy", "table", "--against", text(&file)?])?.expect(2)?;
    ensure!(refused.stderr.contains("its form is not one that this version reads"), "{refused}");
    Cli::run(["policy", "table", "--pin", text(folder.path())?])?.expect(2).map(drop)
}
