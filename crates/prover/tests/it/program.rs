//! `countersign-prove` as `countersign policy prove` runs it.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use policy::Profile;
use serde_json::{Value as Json, json};

use crate::world::{files, solver_is_there};

fn check(order: &str, code: i32) -> Json {
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign-prove"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(order.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{answer}");
    answer
}

fn texts() -> serde_json::Map<String, Json> {
    let text = |content| Json::from(String::from_utf8(content).unwrap());
    files(Profile::Standard).into_iter().map(|(path, content)| (path, text(content))).collect()
}

#[test]
fn orders_that_cannot_be_carried_out_are_refused_with_a_hint() {
    for (order, says) in [
        ("", "the order is not understood"),
        ("{\"files\": {}, \"unless\": 1}", "unknown field `unless`"),
        ("{\"files\": {\"bundle.toml\": \"x\"}}", "the bundle does not load"),
    ] {
        let answer = check(order, 2);
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
    }
    let answer = check(&json!({ "files": texts(), "solver": "no-such-solver" }).to_string(), 2);
    assert!(answer["error"]["hint"].as_str().unwrap().contains("apt-get install cvc5"), "{answer}");
}

#[test]
fn a_bundle_goes_in_and_a_certificate_comes_out() {
    if !solver_is_there() {
        return;
    }
    let answer = check(&json!({ "files": texts() }).to_string(), 0);
    assert_eq!(answer["schema"], "countersign.certificate/v1");
    assert_eq!(answer["failed"], 0);
    let mut texts = texts();
    let wrong = "@id(\"wrong\")\n@says(\"s\")\nforbid (principal, action == Action::\"emit\", resource);\n";
    texts.insert("constitution/invariants/wrong.cedar".to_owned(), wrong.into());
    let answer = check(&json!({ "files": texts }).to_string(), 21);
    assert_eq!(answer["failed"], 1);
}
