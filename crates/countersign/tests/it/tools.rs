//! `countersign policy check`, `explain`, `fmt` and `schema` as editors and people call them. What they say of rules is tested where it
//! is made (`policy/tests/it`).

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::prove::bundle;

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign")).args(args).current_dir(folder).output().unwrap()
}

/// A bundle of which one text in one file is another.
fn edited(file: &str, from: &str, to: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    bundle(folder.path());
    let file = folder.path().join("bundle").join(file);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(&file, text.replace(from, to)).unwrap();
    folder
}

fn check(folder: &Path, args: &[&str], code: i32, says: &[&str]) -> String {
    let output = run(folder, args);
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{told}");
    for says in says {
        assert!(told.contains(says), "{says}\n{told}");
    }
    told
}

const RULE: &str = "constitution/no-stacks.cedar";
const CHECK: [&str; 6] = ["policy", "check", "--bundle", "bundle", "--output", "json"];

#[test]
fn an_editor_is_told_every_problem_with_its_place() {
    let whole = edited(RULE, "", "");
    let told: Json = serde_json::from_str(&check(whole.path(), &CHECK, 0, &[])).unwrap();
    assert_eq!(told["problems"], Json::Array(Vec::new()));
    let warnings = told["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 2, "{told}");
    assert!(warnings[0].as_str().unwrap().contains("roster.toml leaves 0 approver(s)"), "{told}");
    assert!(warnings[1].as_str().unwrap().contains("every hour counts as peak and as frozen"), "{told}");

    let folder = edited(RULE, "Kind::\"stack\"", "Kind::\"stack\") when { context.tme.peak }; //");
    fs::write(
        folder.path().join("bundle/bundle.toml"),
        "schema = \"countersign.bundle/v1\"\nprofil = \"lab\"\n",
    )
    .unwrap();
    let output = run(folder.path(), &CHECK);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(2), &b""[..]));
    let told: Json = serde_json::from_slice(&output.stdout).unwrap();
    let problems = told["problems"].as_array().unwrap();
    let of = |code: &str| {
        let found = problems.iter().find(|it| it["code"] == code);
        found.unwrap_or_else(|| panic!("no {code} in {told}")).clone()
    };
    let unknown = of("unknown-setting");
    assert_eq!(
        (&unknown["file"], &unknown["line"], &unknown["column"]),
        (&"bundle.toml".into(), &2.into(), &1.into())
    );
    assert_eq!((&unknown["end_line"], &unknown["end_column"]), (&2.into(), &7.into()));
    assert_eq!(unknown["hint"], "did you mean `profile`?");
    let invalid = of("invalid");
    assert_eq!((&invalid["file"], &invalid["line"]), (&RULE.into(), &3.into()));
    assert!(invalid["column"].as_u64() > Some(60), "{invalid}");
    assert_eq!(invalid["hint"], "did you mean `time`?");
    // The same in words, and then it is an error like any other.
    check(folder.path(), &CHECK[..4], 2, &["bundle.toml:2: the file has no setting `profil`", "[CS004]"]);

    let failing = edited("constitution/no-stacks.examples.toml", "expect = \"allow\"", "expect = \"hold\"");
    let told: Json = serde_json::from_str(&check(failing.path(), &CHECK, 2, &[])).unwrap();
    assert_eq!(told["problems"][0]["code"], "example");
    assert_eq!(told["problems"][0]["column"], Json::Null);
}

#[test]
fn a_request_is_explained_from_flags_or_from_a_file() {
    let folder = edited(RULE, "", "");
    let ask = ["policy", "explain", "--bundle", "bundle"];
    let stack = [&ask[..], &["--effect", "destroy", "--kind", "stack", "--environment", "staging"]].concat();
    let told = [
        "deny (the constitution alone",
        "no-stacks (constitution/no-stacks.cedar:1)",
        "satisfies it as things are",
    ];
    check(folder.path(), &stack, 0, &told);
    let json: Json =
        serde_json::from_str(&check(folder.path(), &[&stack[..], &["--output", "json"]].concat(), 0, &[]))
            .unwrap();
    assert_eq!(
        (&json[0]["verdict"]["kind"], &json[0]["rules"][0]["alone"]["kind"]),
        (&"deny".into(), &"deny".into())
    );
    let examples = [&ask[..], &["--file", "bundle/constitution/no-stacks.examples.toml"]].concat();
    check(folder.path(), &examples, 0, &["deny stack", "allow queue"]);
    let nobody = [&stack[..], &["--agent", "kiro", "--operator", "ana"]].concat();
    check(folder.path(), &nobody, 0, &["deny (constitution and grants)"]);

    check(folder.path(), &[&stack[..], &["--agent", "kiro"]].concat(), 2, &["--operator"]);
    check(folder.path(), &ask, 2, &["--effect"]);
    let wrong = [&ask[..], &["--effect", "destory", "--kind", "stack", "--environment", "staging"]].concat();
    check(folder.path(), &wrong, 2, &["`destory` is no effect", "policy explain --help"]);
    check(
        folder.path(),
        &[&ask[..], &["--file", "missing.toml"]].concat(),
        2,
        &["missing.toml cannot be read"],
    );
    // Of a bundle whose examples contradict it, too: that is when one asks.
    let failing = edited("constitution/no-stacks.examples.toml", "expect = \"allow\"", "expect = \"hold\"");
    check(
        failing.path(),
        &examples,
        0,
        &["1 example(s) of the bundle given come out otherwise", "allow queue"],
    );
}

#[test]
fn cedar_files_are_laid_out_whole_or_not_at_all() {
    let fmt = ["policy", "fmt", "--bundle", "bundle"];
    let only_check = [&fmt[..], &["--check"]].concat();
    let folder = edited(RULE, "forbid (", "// Why.\nforbid(  ");
    let file = folder.path().join("bundle").join(RULE);
    let before = fs::read_to_string(&file).unwrap();
    check(folder.path(), &only_check, 21, &["  constitution/no-stacks.cedar\n", "1 to be laid out"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    check(folder.path(), &fmt, 0, &["1 laid out"]);
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.contains("// Why.\nforbid (\n    principal,\n"), "{after}");
    check(folder.path(), &only_check, 0, &["every file is laid out"]);
    check(folder.path(), &["policy", "check", "--bundle", "bundle"], 0, &[]);

    // One that is no Cedar, and one that would lose something: then none is written.
    for wrong in ["forbid (", "@id(\"a\") @reason(\"one \n two\") permit (principal, action, resource);"] {
        fs::write(&file, &before).unwrap();
        let other = folder.path().join("bundle/constitution/other.cedar");
        fs::write(&other, wrong).unwrap();
        check(folder.path(), &fmt, 2, &["✗ constitution/other.cedar: ", "nothing was written"]);
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        assert_eq!(fs::read_to_string(&other).unwrap(), wrong);
    }
}

#[test]
fn the_schema_is_printed_as_a_page_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    check(
        folder.path(),
        &["policy", "schema"],
        0,
        &["# What a rule can speak of", "`context.approvals.people`"],
    );
    let told = check(folder.path(), &["policy", "schema", "--output", "json"], 0, &[]);
    let told: Json = serde_json::from_str(&told).unwrap();
    let members = told["members"].as_array().unwrap();
    let people = members.iter().find(|it| it["path"] == "context.approvals.people").unwrap();
    assert_eq!((&people["type"], &people["unknown"]), (&"Long".into(), &"0".into()));
}

#[test]
fn shells_complete_our_commands() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, says) in [
        ("bash", "complete -F _countersign"),
        ("zsh", "#compdef countersign"),
        ("fish", "complete -c countersign"),
    ] {
        let script = check(folder.path(), &["completions", shell], 0, &[says, "serve", "break-glass"]);
        let file = folder.path().join(shell);
        fs::write(&file, script).unwrap();
        // Where the shell is there, it says itself whether it can read that.
        match Command::new(shell).arg("-n").arg(&file).output() {
            Ok(read) => assert!(read.status.success(), "{shell}: {}", String::from_utf8_lossy(&read.stderr)),
            Err(err) => eprintln!("SKIPPED: {shell} did not read its script: {err}"),
        }
    }
    check(folder.path(), &["completions", "cmd"], 2, &["possible values"]);
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), &["man", "pages/man1"], 0, &["man -l"]);
    for (page, says) in [
        ("countersign.1", "Change control for AI agents"),
        ("countersign-serve.1", "Run the gateways and listeners"),
        ("countersign-session-break-glass.1", "glass"),
    ] {
        let text = fs::read_to_string(folder.path().join("pages/man1").join(page)).unwrap();
        assert!(text.contains(".TH") && text.contains(says), "{page}: {text}");
    }
    fs::write(folder.path().join("file"), "").unwrap();
    check(folder.path(), &["man", "file"], 2, &["cannot be written"]);
}
