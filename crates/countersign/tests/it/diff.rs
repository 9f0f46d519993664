//! `countersign policy diff` with a prover that says what it is told to. What really becomes laxer is tested where the solver
//! is (`prover/tests/proof/edits.rs`).

use std::{fs, path::Path};

use model::Digest;
use policy::{Bundle, Files};

use crate::prove::{bundle, place, run};

fn digest(folder: &Path) -> Digest {
    let mut files = Files::new();
    for dir in ["", "constitution/"] {
        for entry in fs::read_dir(folder.join(dir)).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                let name = format!("{dir}{}", entry.file_name().to_str().unwrap());
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    Bundle::digest_of(&files)
}

/// The bundle in `bundle/`, and beside it one of which `edit` has replaced a text in a file.
fn check(answer: &str, edit: (&str, &str, &str), more: &[&str], code: i32, says: &[&str]) {
    let folder = place(Some("cat >/dev/null"));
    let here = folder.path();
    bundle(here);
    fs::rename(here.join("bundle"), here.join("next")).unwrap();
    bundle(here);
    let (file, from, to) = edit;
    let file = here.join("next").join(file);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, if from.is_empty() { format!("{text}{to}") } else { text.replace(from, to) }).unwrap();
    let digests = format!(
        "\"before\":\"{}\",\"bundle\":\"{}\"",
        digest(&here.join("bundle")),
        digest(&here.join("next"))
    );
    let script = format!("#!/bin/sh\ncat >/dev/null\n{}\n", answer.replace("DIGESTS", &digests));
    fs::write(here.join("countersign-prove"), script).unwrap();
    let output = run(here, &[&["policy", "diff", "bundle", "next"], more].concat());
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{told}");
    for says in says {
        assert!(told.contains(says), "{told}");
    }
}

const STORY: &str = r#"[{"effect":"destroy","stopped":"stopped by `no-stacks`","example":{"told":"agent `kiro` destroys `orders`","request":{"lies_in":[{"type":"Environment","id":"production"}],"context":{"time":{"peak":true,"frozen":true}}},"other":null}}]"#;
const COMMENT: (&str, &str, &str) = ("roster.toml", "", "# nobody yet\n");

fn answer(newly: &str, no_longer: &str, unanswered: &str) -> String {
    format!(
        "echo '{{\"schema\":\"countersign.refinement/v1\",DIGESTS,\"newly_allowed\":{newly},\"no_longer_allowed\":{no_longer},\
         \"unanswered\":{unanswered},\"assumptions\":[],\"made_with\":{{\"cvc5\":\"1.0.3\"}},\"took_ms\":5}}'"
    )
}

#[test]
fn a_comparison_says_where_the_edit_leads() {
    let [nothing, laxer, stricter] =
        [answer("[]", "[]", "[]"), answer(STORY, "[]", "[]"), answer("[]", STORY, "[]")];
    check(&nothing, COMMENT, &[], 0, &["neutral: nothing becomes laxer or stricter from "]);
    check(&nothing, COMMENT, &["--deny-laxer"], 0, &["(cvc5 1.0.3)"]);
    // Without a calendar every hour is peak and frozen, this one too.
    let told = [
        "loosening from",
        "newly allow",
        "agent `kiro` destroys `orders` (next 20",
        "before: stopped by `no-stacks`",
    ];
    check(&laxer, COMMENT, &[], 0, &told);
    check(&laxer, COMMENT, &["--deny-laxer"], 21, &told);
    check(&laxer, COMMENT, &["--output", "json"], 0, &["\"tendency\": \"loosening\"", "countersign.diff/v1"]);
    check(
        &stricter,
        COMMENT,
        &["--deny-laxer"],
        0,
        &["tightening: nothing becomes laxer", "now: stopped by"],
    );
    check(&answer(STORY, STORY, "[]"), COMMENT, &["--deny-laxer"], 21, &["both: laxer in one thing"]);
}

#[test]
fn what_is_laxer_outside_the_rules_counts_as_well() {
    let nothing = answer("[]", "[]", "[]");
    let limits = ("bundle.toml", "", "[limits]\nhold_expiry_s = 604800\n");
    let told = [
        "loosening from",
        "bundle.toml: how long a held change waits, in seconds, goes from 86400 to 604800",
    ];
    check(&nothing, limits, &[], 0, &told);
    check(&nothing, limits, &["--deny-laxer"], 21, &told);
    check(&answer("[]", STORY, "[]"), limits, &["--deny-laxer"], 21, &["both: "]);
}

#[test]
fn what_has_no_answer_is_a_failure() {
    let unknown = answer("[]", "[]", "[\"emit: no answer within 20 s\"]");
    check(
        &unknown,
        COMMENT,
        &[],
        21,
        &["unknown: what has no answer is not the same", "emit: no answer within 20 s"],
    );
    check(&unknown, COMMENT, &["--output", "json"], 21, &["\"tendency\": \"unknown\""]);
    check("kill -9 $$", COMMENT, &[], 21, &["no certificate"]);
    check("echo '{}'", COMMENT, &[], 1, &["something else"]);
    check(
        &answer("[]", "[]", "[]").replace("DIGESTS", &same()),
        COMMENT,
        &[],
        1,
        &["compared other bundles"],
    );
    let refused = "echo '{\"error\":{\"message\":\"no cvc5\",\"hint\":\"install it\"}}'; exit 2";
    check(refused, COMMENT, &[], 2, &["CS214", "hint: install it"]);
}

fn same() -> String {
    let zeros = "0".repeat(64);
    format!("\"before\":\"{zeros}\",\"bundle\":\"{zeros}\"")
}

#[test]
fn an_edit_that_contradicts_its_examples_is_compared_and_one_that_does_not_load_is_not() {
    let nothing = answer("[]", "[]", "[]");
    let rule = "constitution/no-stacks.cedar";
    check(
        &nothing,
        (rule, "Kind::\"stack\"", "Kind::\"bucket\""),
        &[],
        0,
        &[
            "1 example(s) of the bundle after come out otherwise",
            "no-stacks (constitution/no-stacks.cedar) reads otherwise",
        ],
    );
    check(
        &nothing,
        (rule, "Kind::\"stack\"", "Kind::\"stakc\""),
        &[],
        2,
        &[
            "the bundle after does not load:",
            "no-stacks.cedar:1: there is no Kind::\"stakc\"",
            "did you mean `stack`?",
        ],
    );
}
