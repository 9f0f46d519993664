//! What may be handed to the gate and must not get through: each is refused, and its place, the reason and a hint are told. (Who may
//! sign for a bundle, and what of it nobody could ever change again, is the engine's part: `engine/tests/it/adopt.rs`.)

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use policy::Profile;
use serde_json::{Value as Json, json};

use crate::world::{files, solver_is_there};

struct Row {
    what: &'static str,
    /// In a file, a text by another; appended where the text is empty, and the whole where it is `*`.
    edit: (&'static str, &'static str, &'static str),
    code: i32,
    /// Place and reason, then the hint.
    says: &'static [&'static str],
}

const RULE: &str = "constitution/two-people-to-destroy.cedar";
const CONDITION: &str = "context.approvals.people >= 2 || context.standing";
const SCHEMA: &str = "hint: `countersign policy schema` has everything that a rule can speak of";

const TABLE: [Row; 14] = [
    Row {
        what: "does not parse",
        edit: (RULE, "unless {", "unless ("),
        code: 2,
        says: &["two-people-to-destroy.cedar:10: not Cedar: unexpected token `(`", "hint: "],
    },
    Row {
        what: "ends too early",
        edit: (RULE, "*", "forbid (principal, action"),
        code: 2,
        says: &["two-people-to-destroy.cedar:1: not Cedar: unexpected end of input", SCHEMA],
    },
    Row {
        what: "does not validate: a member that there is not",
        edit: (RULE, CONDITION, "context.approvals.peple >= 2"),
        code: 2,
        says: &[
            "two-people-to-destroy.cedar:",
            "attribute `approvals.peple` in context",
            "hint: did you mean `people`?",
        ],
    },
    Row {
        what: "does not validate: a number where a flag should be",
        edit: (RULE, CONDITION, "context.approvals.people"),
        code: 2,
        says: &["two-people-to-destroy.cedar:12: unexpected type: expected Bool but saw Long", SCHEMA],
    },
    Row {
        what: "can err",
        edit: (RULE, CONDITION, "ip(context.operation).isLoopback()"),
        code: 2,
        says: &[
            "two-people-to-destroy.cedar:2: an extension function",
            "hint: it errs on a text that it does not know",
        ],
    },
    Row {
        what: "arithmetic in a forbid",
        edit: (RULE, CONDITION, "context.approvals.people * 2 >= 4"),
        code: 2,
        says: &["two-people-to-destroy.cedar:2: arithmetic", "hint: arithmetic can overflow"],
    },
    Row {
        what: "contradicts its examples",
        edit: (RULE, "people >= 2", "people >= 1"),
        code: 2,
        says: &[
            "two-people-to-destroy.examples.toml:",
            "came out otherwise: expected hold, people = 2",
            "hint: `countersign policy explain --file FILE` tells why",
        ],
    },
    Row {
        what: "forbids everything",
        edit: (
            RULE,
            "*",
            "@id(\"two-people-to-destroy\")\n@reason(\"r\")\nforbid (principal, action, resource);",
        ),
        code: 2,
        says: &["two-people-to-destroy.examples.toml:", "expected allow", "hint: "],
    },
    Row {
        what: "permits in constitution/",
        edit: (RULE, "forbid (", "permit ("),
        code: 2,
        says: &[
            "two-people-to-destroy.cedar:2: a permit in the constitution",
            "hint: a constitution only forbids",
        ],
    },
    Row {
        what: "names an unknown kind",
        edit: (RULE, CONDITION, "resource in Kind::\"databse\""),
        code: 2,
        says: &[
            "two-people-to-destroy.cedar:2: there is no Kind::\"databse\"",
            "hint: did you mean `database`?",
        ],
    },
    Row {
        what: "names an unknown environment",
        edit: (RULE, "Environment::\"production\"", "Environment::\"prodction\""),
        code: 2,
        says: &["there is no Environment::\"prodction\"", "hint: did you mean `production`?"],
    },
    Row {
        what: "has no reason",
        edit: (RULE, "@reason", "@instead"),
        code: 2,
        says: &["two-people-to-destroy.cedar:", "hint: "],
    },
    Row {
        what: "a schema newer than this program",
        edit: ("bundle.toml", "countersign.bundle/v1", "countersign.bundle/v2"),
        code: 2,
        says: &[
            "bundle.toml:2: `countersign.bundle/v2` is no schema known here",
            "hint: this version reads countersign.bundle/v1",
        ],
    },
    Row {
        what: "a setting that nothing reads",
        edit: ("bundle.toml", "hold_expiry_s", "hold_expiry"),
        code: 2,
        says: &["has no setting `hold_expiry`", "hint: did you mean `hold_expiry_s`?"],
    },
];

#[test]
fn bad_input_is_refused_with_place_reason_and_hint() {
    for Row { what, edit: (file, from, to), code, says } in &TABLE {
        let mut texts = texts();
        let text = texts[*file].as_str().unwrap().to_owned();
        let next = match *from {
            "*" => (*to).to_owned(),
            from => text.replace(from, to),
        };
        assert_ne!(next, text, "{what}");
        texts.insert((*file).to_owned(), next.into());
        refused(what, &json!({ "files": texts }), *code, says);
    }
}

#[test]
fn without_a_solver_or_with_one_that_hangs_nothing_is_proved() {
    let order = |solver: &str| json!({ "files": texts(), "solver": solver, "seconds_per_question": 1 });
    refused(
        "no solver",
        &order("no-such-solver"),
        2,
        &["the solver `no-such-solver` cannot be started", "proofs need cvc5", "apt-get install cvc5"],
    );
    let folder = tempfile::tempdir().unwrap();
    let hangs = folder.path().join("cvc5");
    for (script, code, says) in [
        (
            "while :; do read -r line || exit; done",
            2,
            ["it does not say its version in time", "apt-get install cvc5"],
        ),
        (
            "[ \"$1\" = --version ] && echo 'This is cvc5 version 9.9.9' && exit\nwhile read -r line; do :; done",
            2,
            ["it does not answer in time", "apt-get install cvc5"],
        ),
    ] {
        fs::write(&hangs, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&hangs, fs::Permissions::from_mode(0o755)).unwrap();
        refused("a solver that hangs", &order(hangs.to_str().unwrap()), code, &says);
    }
}

/// Nobody is asked to agree to what is not proved: what lets too much through is refuted, with the request.
#[test]
fn a_constitution_that_lacks_a_rule_is_refuted() {
    if !solver_is_there() {
        return;
    }
    let mut texts = texts();
    for file in
        ["constitution/no-widening-own-rights.cedar", "constitution/no-widening-own-rights.examples.toml"]
    {
        texts.remove(file).unwrap();
    }
    let told = asked(&json!({ "files": texts }), 21);
    let refuted: Vec<&Json> =
        told["results"].as_array().unwrap().iter().filter(|it| it["judgement"] == "refuted").collect();
    assert_eq!(refuted.len(), 1, "{told}");
    assert_eq!(refuted[0]["id"], "invariant/our-own-identities-stay");
    assert_eq!(refuted[0]["file"], "constitution/invariants/our-own-identities-stay.cedar");
    assert!(refuted[0]["detail"].as_str().unwrap().contains("agent `"), "{told}");
}

/// A team may be stricter than what is claimed to be free; it is told of which sentence, and by which rule.
#[test]
fn a_rule_that_forbids_more_is_a_warning() {
    if !solver_is_there() {
        return;
    }
    let everything = "@id(\"no-reads-of-queues\")\n@reason(\"r\")\nforbid (principal, action == Action::\"read\", resource in \
        Kind::\"queue\");";
    let example = |kind: &str, expect: &str| {
        format!(
            "[[example]]\nname = \"{kind}\"\neffects = [\"read\"]\nkind = \"{kind}\"\nenvironment = \"staging\"\nexpect = {expect}\n"
        )
    };
    let mut texts = texts();
    texts.insert("constitution/no-reads-of-queues.cedar".to_owned(), everything.into());
    let examples =
        [example("queue", "\"deny\"\nrules = [\"no-reads-of-queues\"]"), example("topic", "\"allow\"")];
    texts.insert("constitution/no-reads-of-queues.examples.toml".to_owned(), examples.concat().into());
    let told = asked(&json!({ "files": texts }), 0);
    let stricter: Vec<&Json> =
        told["results"].as_array().unwrap().iter().filter(|it| it["judgement"] == "stricter").collect();
    assert_eq!(stricter.len(), 1, "{told}");
    assert_eq!(stricter[0]["id"], "invariant/reads-are-free");
    assert_eq!(stricter[0]["file"], "constitution/invariants/reads-are-free.cedar");
    assert!(stricter[0]["detail"].as_str().unwrap().contains("stopped by `no-reads-of-queues`"), "{told}");
}

fn texts() -> serde_json::Map<String, Json> {
    let text = |content| Json::from(String::from_utf8(content).unwrap());
    files(Profile::Standard).into_iter().map(|(path, content)| (path, text(content))).collect()
}

fn refused(what: &str, order: &Json, code: i32, says: &[&str]) {
    let told = asked(order, code);
    let text = |key: &str| told["error"][key].as_str().unwrap_or_default().to_owned();
    let told = format!("{}\nhint: {}", text("message"), text("hint"));
    let missing: Vec<_> = says.iter().filter(|says| !told.contains(**says)).collect();
    assert!(missing.is_empty(), "{what}: {missing:?}\n{told}");
}

fn asked(order: &Json, code: i32) -> Json {
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign-prove"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(order.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{answer}");
    answer
}
