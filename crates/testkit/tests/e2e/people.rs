//! People at the command line: whose signature counts, what a refusal says, and the exit codes scripts rely on.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Key, KeyAgent, Serve};

use crate::lab::{Lab, OWNER, People, enrol, held, named};

const NOBODY: &str = "chg-00000000000000000000000000";

/// The design's contract of a change, and what is shown beyond it.
const CONTRACT: [&str; 14] = [
    "schema",
    "id",
    "digest",
    "state",
    "agent",
    "operator",
    "intent",
    "summary",
    "actions",
    "verdict",
    "approvals",
    "evidence",
    "links",
    "expires_at",
];
const BEYOND: [&str; 7] =
    ["statement_digest", "statement_words", "statement", "session", "environment", "created_at", "rejection"];

/// Ends with exactly one of the design's codes.
fn ends(lab: &Lab, code: i32, key: &Key, args: &[&str]) -> Result<String> {
    let output = lab.signs(key, args)?.expect(code).with_context(|| args.join(" "))?;
    Ok(format!("{}{}", output.stdout, output.stderr))
}

#[test]
fn every_exit_code_of_a_signature() -> Result<()> {
    let lab = Lab::open()?;
    let people = &lab.people;
    let id = lab.hold("codes")?;
    let stranger = Key::ed25519(lab.installation.beside(), "stranger")?;

    ends(&lab, 11, &people.olga, &["change", "approve", &id])?;
    ends(&lab, 3, &stranger, &["change", "approve", &id])?;
    ends(&lab, 4, &people.ben, &["change", "approve", NOBODY])?;
    ends(&lab, 2, &people.ben, &["change", "reject", &id])?;
    lab.installation.run(["change", "approve", &id])?.expect(3)?;

    ends(&lab, 0, &people.ben, &["change", "approve", &id])?;
    // The same person a second time is one person.
    let again = ends(&lab, 0, &people.ben, &["change", "approve", &id])?;
    ensure!(again.contains("counts once"), "{again}");
    ensure!(lab.state(&id)? == "held", "one person twice is not two");
    held(&lab.delete_stack("codes")?)?;

    ends(&lab, 0, &people.carla, &["change", "approve", &id])?;
    ensure!(lab.state(&id)? == "approved", "two people suffice");
    ensure!(lab.delete_stack("codes")?.status == 200);
    ensure!(lab.deletes("codes")? == 1 && lab.state(&id)? == "executed");

    for act in [
        &["change", "approve", &id][..],
        &["change", "reject", &id, "--reason", "too late"],
        &["change", "reopen", &id, "--intent", "again"],
    ] {
        ends(&lab, 12, if act[1] == "reopen" { &people.olga } else { &people.ben }, act)?;
    }
    lab.verify()?.expect(0).map(drop)
}

/// A program that has read nothing approves nothing; and whoever approves has the statement before them, whatever form of answer
/// they asked for.
#[test]
fn nobody_approves_what_their_own_client_has_not_shown() -> Result<()> {
    let lab = Lab::open()?;
    let id = lab.hold("read")?;
    let words = |id: &str| -> Result<String> {
        let shown = lab.change(id)?;
        let statement = shown["statement"].as_str().context("no statement")?;
        ensure!(statement.contains(id) && statement.contains("DeleteStack"), "{statement}");
        Ok(shown["statement_words"].as_str().context("no words")?.to_owned())
    };
    let own = words(&id)?;
    // Read by somebody, it is joined by nothing.
    let other = lab.hold("other")?;
    let private = lab.people.ben.private.to_str().context("a path that is not text")?.to_owned();
    let approve = |more: &[&str]| {
        let line = ["change", "approve", &id, "--key", &private];
        lab.installation.run(line.into_iter().chain(more.iter().copied()))
    };
    let digest = lab.change(&id)?["statement_digest"].as_str().context("no digest")?.to_owned();
    for (code, more) in [
        (2, &[][..]),
        (2, &["--seen", &digest][..]),
        (20, &["--words", &words(&other)?][..]),
        (20, &["--words", &own, "--seen", "0123456789ab"][..]),
        (2, &["--words", "lusab babad"][..]),
    ] {
        let refused = approve(more)?.expect(code)?;
        ensure!(refused.stdout.is_empty(), "{refused}");
        ensure!(lab.change(&id)?["approvals"] == json!([]), "{refused}");
    }
    let signed = approve(&["--words", &own.to_uppercase()])?.expect(0)?;
    for part in ["I, ben, APPROVE this change", "WHAT WILL HAPPEN", "DeleteStack", &id] {
        ensure!(signed.stderr.contains(part), "it does not show `{part}`: {signed}");
    }
    ensure!(signed.json()?["state"] == "held", "{signed}");
    ensure!(lab.change(&id)?["approvals"][0]["person"] == "ben");
    Ok(())
}

#[test]
fn a_change_is_shown_as_the_contract_says() -> Result<()> {
    let lab = Lab::open()?;
    let id = lab.hold("shown")?;
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    let change = lab.change(&id)?;
    fields(&change, &CONTRACT, &BEYOND)?;
    ensure!(change["schema"] == "countersign.change/v1" && change["state"] == "held");
    ensure!(change["agent"] == "fixer" && change["operator"] == "olga");
    let action = &change["actions"][0];
    let shown = ["account", "region", "state", "summary", "undo", "parameters", "inner", "inner_complete"];
    let seen = ["observed", "unknowns"];
    fields(action, &["operation", "effects", "resources", "environment"], &[&shown[..], &seen].concat())?;
    ensure!(action["operation"] == "cloudformation:DeleteStack" && action["environment"] == "production");
    let verdict = &change["verdict"];
    fields(verdict, &["kind", "rules", "requirement", "alternatives"], &[])?;
    fields(&verdict["rules"][0], &["id", "reason", "file", "line"], &["text"])?;
    fields(&verdict["requirement"], &["people", "roles", "evidence", "window"], &["touched", "rendered"])?;
    ensure!(verdict["kind"] == "hold" && verdict["requirement"]["people"] == 2, "{verdict}");
    fields(
        &change["approvals"][0],
        &["person", "presence", "at"],
        &["rendered", "reason", "statement_digest"],
    )?;
    ensure!(change["approvals"][0]["person"] == "ben" && change["approvals"][0]["presence"] == "file");
    fields(&change["evidence"][0], &["kind", "status", "digest"], &["note"])
}

/// All of `needed`, and nothing beside them but `extra`.
fn fields(object: &Value, needed: &[&str], extra: &[&str]) -> Result<()> {
    let object = object.as_object().context("no object")?;
    let found: BTreeSet<_> = object.keys().map(String::as_str).collect();
    let (needed, extra): (BTreeSet<_>, BTreeSet<_>) =
        (needed.iter().copied().collect(), extra.iter().copied().collect());
    let missing: Vec<_> = needed.difference(&found).collect();
    let known: BTreeSet<_> = needed.union(&extra).copied().collect();
    let unknown: Vec<_> = found.difference(&known).collect();
    ensure!(missing.is_empty() && unknown.is_empty(), "missing {missing:?}, not in the contract {unknown:?}");
    Ok(())
}

#[test]
fn a_veto_closes_and_only_a_new_intent_brings_it_back() -> Result<()> {
    let lab = Lab::open()?;
    let people = &lab.people;
    let id = lab.hold("vetoed")?;
    ends(&lab, 0, &people.ben, &["change", "reject", &id, "--reason", "there is traffic on it"])?;
    ensure!(lab.state(&id)? == "rejected");
    ends(&lab, 12, &people.carla, &["change", "approve", &id])?;
    let told = lab.delete_stack("vetoed")?;
    ensure!(held(&told)? == id && told.text().contains("there is traffic on it"), "{}", told.text());

    ends(&lab, 11, &people.ben, &["change", "reopen", &id, "--intent", "moved the traffic away"])?;
    let reopen = ["change", "reopen", &id, "--intent", "the traffic is gone"];
    let reopened = lab.signs(&people.olga, &reopen)?.expect(0)?.json()?;
    let again = reopened["id"].as_str().context("no id")?.to_owned();
    ensure!(again != id && lab.state(&id)? == "rejected");
    let change = lab.change(&again)?;
    ensure!(
        change["intent"] == "the traffic is gone" && change["links"].to_string().contains(&id),
        "{change}"
    );

    lab.approve(&again, &people.ben)?.expect(0)?;
    lab.approve(&again, &people.carla)?.expect(0)?;
    ensure!(lab.delete_stack("vetoed")?.status == 200);
    ensure!(lab.state(&again)? == "executed" && lab.deletes("vetoed")? == 1);
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn two_keys_of_one_person_count_once() -> Result<()> {
    let people = People::enter()?;
    let more = tempfile::tempdir()?;
    let second = Key::ed25519(more.path(), "ben-second")?;
    let flags = [people.flags()?, enrol("--approver", "ben", &second).to_vec()].concat();
    let lab = Lab::over(people, &flags, |config| Serve::start_with(config, &OWNER))?;
    let id = lab.hold("once")?;
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    lab.approve(&id, &second)?.expect(0)?;
    ensure!(lab.state(&id)? == "held", "two keys of ben are one ben");
    held(&lab.delete_stack("once")?)?;
    ensure!(lab.stack_stands("once")?);
    lab.approve(&id, &lab.people.carla)?.expect(0)?;
    ensure!(lab.delete_stack("once")?.status == 200);
    Ok(())
}

#[test]
fn a_proposal_is_held_and_seen_by_its_own_agent() -> Result<()> {
    let lab = Lab::open()?;
    lab.make_stack("proposed")?;
    let action = json!([{ "service": "cloudformation", "operation": "DeleteStack",
                          "parameters": { "StackName": "proposed" } }]);
    let file = lab.installation.beside().join("actions.json");
    std::fs::write(&file, action.to_string())?;
    let file = file.to_str().context("path")?;
    let line = ["propose", "--intent", "tidy up", "--actions", file, "--output", "json"];
    let told = testkit::Cli::run_with(line, &lab.session.env())?.expect(10)?.json()?;
    let id = told["id"].as_str().context("no id")?;
    ensure!(told["state"] == "held" && told["intent"] == "tidy up");
    testkit::Cli::run_with(["wait", id, "--timeout", "1s", "--output", "json"], &lab.session.env())?
        .expect(10)?;
    testkit::Cli::run_with(["wait", NOBODY, "--timeout", "1s"], &lab.session.env())?.expect(4)?;
    testkit::Cli::run_with(line, &[])?.expect(3)?;
    // Running it is asking for the same change.
    ensure!(held(&lab.delete_stack("proposed")?)? == id);
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(id, key)?.expect(0)?;
    }
    testkit::Cli::run_with(["wait", id, "--timeout", "1s", "--output", "json"], &lab.session.env())?
        .expect(0)?;
    let ran = lab.delete_stack("proposed")?;
    ensure!(ran.status == 200 && named(&ran)? == id, "{}", ran.text());
    Ok(())
}

/// Where touching counts: a file's signature does not, a security key's does, at the command line and through an agent.
#[test]
fn security_keys_are_touched_and_files_are_not_enough() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (Some(dora), Some(emil)) =
        (Key::security(folder.path(), "dora")?, Key::security_p256(folder.path(), "emil")?)
    else {
        return Ok(());
    };
    let people = People::enter()?;
    let mut flags = people.flags()?;
    flags.extend(enrol("--approver", "dora", &dora));
    flags.extend(enrol("--approver", "emil", &emil));
    flags.extend(["--profile", "standard"].map(str::to_owned));
    let lab = Lab::over(people, &flags, |config| Serve::start_with(config, &OWNER))?;
    let id = lab.hold("touched")?;

    let refused = ends(&lab, 11, &lab.people.ben, &["change", "approve", &id])?;
    ensure!(refused.contains("key file"), "{refused}");
    lab.approve(&id, &dora)?.expect(0)?;
    // Through an agent, which is asked for every key it holds.
    let agent = KeyAgent::start(&[&emil])?;
    let [(name, socket)] = agent.env()?;
    lab.installation.approve(&id, &[], &[(name, &socket)])?.expect(0)?;

    let change = lab.change(&id)?;
    let approvals = change["approvals"].as_array().context("none")?;
    ensure!(approvals.len() == 2 && change["state"] == "approved", "{change}");
    ensure!(approvals.iter().all(|approval| approval["presence"] == "touched"), "{change}");
    ensure!(lab.delete_stack("touched")?.status == 200 && lab.deletes("touched")? == 1);
    lab.verify()?.expect(0).map(drop)
}
