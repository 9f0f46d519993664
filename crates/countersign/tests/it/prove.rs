//! `countersign policy prove` with a prover that says what it is told to, and without one. What is proved is tested where
//! the solver is (`prover/tests/proof`).

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

/// A folder with the program in it, and beside it `countersign-prove`, if anything.
pub(crate) fn place(prover: Option<&str>) -> TempDir {
    let built = Path::new(env!("CARGO_BIN_EXE_countersign"));
    let folder = tempfile::tempdir_in(built.parent().unwrap()).unwrap();
    fs::hard_link(built, folder.path().join("countersign")).unwrap();
    if let Some(script) = prover {
        let path = folder.path().join("countersign-prove");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(folder.join("countersign"));
    // Whatever is installed here is not what is tested.
    command.args(args).env("PATH", "/usr/bin:/bin").current_dir(folder).output().unwrap()
}

/// Standard output, or what was said instead.
fn check(prover: Option<&str>, more: &[&str], code: i32, says: &str) -> TempDir {
    let folder = place(prover);
    bundle(folder.path());
    let output = run(folder.path(), &[&["policy", "prove", "--bundle", "bundle"], more].concat());
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert!(told.contains(says), "{told}");
    folder
}

/// The least that loads.
pub(crate) fn bundle(folder: &Path) {
    let dir = folder.join("bundle");
    fs::create_dir_all(dir.join("constitution")).unwrap();
    let put = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
    put("bundle.toml", "schema = \"countersign.bundle/v1\"\nprofile = \"lab\"\n");
    put("roster.toml", "");
    put("environments.toml", "");
    put(
        "constitution/no-stacks.cedar",
        "@id(\"no-stacks\")\n@reason(\"r\")\nforbid (principal, action == Action::\"destroy\", resource in Kind::\"stack\");\n",
    );
    let example = |kind: &str, expect: &str, rules: &str| {
        format!(
            "[[example]]\nname = \"{kind}\"\neffects = [\"destroy\"]\nkind = \"{kind}\"\nenvironment = \"staging\"\n\
             expect = \"{expect}\"\n{rules}\n"
        )
    };
    let examples = [example("stack", "deny", "rules = [\"no-stacks\"]"), example("queue", "allow", "")];
    put("constitution/no-stacks.examples.toml", &examples.concat());
}

const CERTIFICATE: &str = r#"cat >/dev/null; echo '{"passed":PASSED,"failed":FAILED,"took_ms":5,"made_with":{"cvc5":"1.0.3"},"results":[{"id":"invariant/x","says":"nothing is lost","judgement":"JUDGED","detail":"agent `kiro` destroys `orders`: allowed","took_ms":4}],"assumptions":[],"not_claimed":[]}'; exit CODE"#;

fn certificate(passed: u8, failed: u8, judged: &str) -> String {
    let text = CERTIFICATE.replace("PASSED", &passed.to_string()).replace("FAILED", &failed.to_string());
    text.replace("JUDGED", judged).replace("CODE", "0")
}

#[test]
fn what_is_proved_is_told_and_kept() {
    let folder = check(
        Some(&certificate(1, 0, "proved")),
        &["--certificate", "certificate.json"],
        0,
        "1 proved, 0 failed, in 5 ms (cvc5 1.0.3)",
    );
    let kept = fs::read_to_string(folder.path().join("certificate.json")).unwrap();
    assert!(kept.contains("\"nothing is lost\""), "{kept}");
    check(Some(&certificate(1, 0, "proved")), &["--output", "json"], 0, "\"passed\": 1");
    let stricter = certificate(1, 0, "stricter").replace("\"failed\":0", "\"warned\":1,\"failed\":0");
    check(Some(&stricter), &[], 0, "stricter: agent `kiro` destroys `orders`: allowed");
    check(Some(&stricter), &[], 0, "1 proved, 1 stricter than said, 0 failed");
}

#[test]
fn what_is_not_proved_fails_whatever_the_prover_exits_with() {
    check(Some(&certificate(0, 1, "refuted")), &[], 21, "refuted: agent `kiro` destroys `orders`: allowed");
    check(Some(&certificate(3, 1, "unproved")), &[], 21, "3 proved, 1 failed");
    check(Some(&certificate(0, 0, "proved")), &[], 21, "0 proved");
    check(Some("cat >/dev/null; kill -9 $$"), &[], 21, "no certificate");
    check(Some("cat >/dev/null; echo '{}'"), &[], 1, "something else");
    check(
        Some("cat >/dev/null; echo '{\"error\":{\"message\":\"no cvc5\",\"hint\":\"install it\"}}'; exit 2"),
        &[],
        2,
        "install it",
    );
}

#[test]
fn without_the_prover_nothing_is_proved() {
    check(None, &[], 2, "install `countersign-prove` beside `countersign`");
}

/// Whoever asks for a bundle proves it first, unless they bring the certificate; nobody is asked before that.
#[test]
fn what_is_not_proved_is_not_asked_for() {
    let check = |prover: Option<&str>, more: &[&str], code: i32, says: &str| {
        let folder = place(prover);
        bundle(folder.path());
        let server = ["--server", "http://127.0.0.1:9", "--genesis", &"0".repeat(64)];
        let ask = [&["policy", "adopt", "--bundle", "bundle"], &server[..], more].concat();
        let output = run(folder.path(), &ask);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(says), "{told}");
    };
    let refuted = certificate(0, 1, "refuted");
    check(Some(&refuted), &[], 21, "not everything is proved:\ninvariant/x: nothing is lost");
    check(Some(&certificate(0, 0, "proved")), &[], 21, "CS215");
    check(None, &[], 2, "install `countersign-prove` beside `countersign`");
    check(Some(&certificate(1, 0, "proved")), &[], 1, "no answer from the server");
    check(None, &["--certificate", "missing.json"], 2, "missing.json cannot be read");
    check(None, &["--certificate", "bundle/bundle.toml"], 1, "no answer from the server");
}
