//! `countersign spec` as people and programs call it.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value as Json;
use tempfile::TempDir;

/// Runs in `folder` with some input; both outputs together.
fn said(folder: &Path, input: &str, args: &[&str], code: i32) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // What takes no input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{told}");
    told
}

fn check(folder: &Path, args: &[&str], code: i32, says: &[&str]) -> String {
    let told = said(folder, "", args, code);
    for says in says {
        assert!(told.contains(says), "{says}\n{told}");
    }
    told
}

fn json(folder: &Path, args: &[&str], code: i32) -> Json {
    let args = [args, &["--output", "json"]].concat();
    serde_json::from_str(&said(folder, "", &args, code)).unwrap()
}

const REQUIREMENTS: &str = "# Requirements Document

## Requirements

### Requirement 1: Short texts

**User Story:** As a clerk, I want to search for a part of a number.

#### Acceptance Criteria

1. WHEN a clerk searches for 3 characters THE search SHALL answer within 300 ms
2. WHEN a clerk searches for a whole number THE search SHALL CONTINUE TO find it
";

const TASKS: &str = "# Implementation Plan

- [ ] 1. Make the index
  - _Requirements: 1_
  - _Check short-search: a search for 3 characters takes less than 300 ms (1.1)_
";

/// A specification that has nothing to find.
fn whole() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), &["spec", "new", "slow-search"], 0, &["Begun:", "slow-search", "requirements.md"]);
    put(&folder, "requirements.md", REQUIREMENTS);
    put(&folder, "tasks.md", TASKS);
    folder
}

const DIR: &str = ".kiro/specs/slow-search";

fn put(folder: &TempDir, file: &str, text: &str) {
    fs::write(folder.path().join(DIR).join(file), text).unwrap();
}

#[test]
fn a_specification_begins_with_the_words_of_who_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let words = "Search is slow.\nMake it fast, but don't break \u{fc}ber-orders.\n";
    said(here, words, &["spec", "new", "slow-search", "--bugfix", "--intent", "-"], 0);
    let intent = fs::read_to_string(here.join(DIR).join("intent.md")).unwrap();
    assert!(
        intent.starts_with("---\nschema: countersign.intent/v1\nsha-256: ") && intent.ends_with(words),
        "{intent}"
    );
    assert!(fs::read_to_string(here.join(DIR).join("bugfix.md")).unwrap().contains("### Unchanged Behavior"));
    // Nothing is written over, and what is there stays.
    check(here, &["spec", "new", "slow-search"], 2, &["cannot be written", "take another name", "[CS001]"]);
    assert_eq!(fs::read_to_string(here.join(DIR).join("intent.md")).unwrap(), intent);
    for (args, why) in [
        (&["spec", "new", "Slow Search"][..], "lower-case letters"),
        (&["spec", "new", "../out"], "lower-case letters"),
        (&["spec", "new", "other", "--intent", " "], "an intent says something"),
        (&["spec", "new", "other", "--intent", "a\u{1b}[2J"], "no control characters"),
    ] {
        check(here, args, 2, &[why]);
    }
    assert!(!here.join(".kiro/specs/other").exists());
    let made = json(here, &["spec", "new", "other", "--intent", "Do it"], 0);
    assert_eq!(made["files"], serde_json::json!(["design.md", "intent.md", "requirements.md", "tasks.md"]));
    // It lacks everything, and says so.
    check(
        here,
        &["spec", "lint", ".kiro/specs/other"],
        21,
        &["requirements.md:1:1: error SP109 there is no requirement"],
    );
    // Words that were changed are not the user's.
    fs::write(here.join(DIR).join("intent.md"), intent.replace("slow", "old")).unwrap();
    check(here, &["spec", "status", DIR], 2, &["intent.md:5:1", "[SP040]", "[CS010]"]);
}

#[test]
fn findings_have_places_and_exit_codes() {
    let folder = whole();
    let here = folder.path();
    check(here, &["spec", "lint", DIR], 0, &["0 error(s), 0 warning(s)"]);
    put(&folder, "requirements.md", &REQUIREMENTS.replace("within 300 ms", "quickly"));
    check(
        here,
        &["spec", "lint", DIR],
        0,
        &["requirements.md:11:", "warning SP103", "`quickly`", "0 error(s), 1 warning(s)"],
    );
    put(&folder, "requirements.md", &REQUIREMENTS.replace("THE search SHALL answer", "it answers"));
    let told = json(here, &["spec", "lint", DIR], 21);
    let finding = &told["findings"][0];
    assert_eq!(
        (&finding["code"], &finding["level"], &finding["line"]),
        (&"SP101".into(), &"error".into(), &11.into())
    );
    assert!(told["errors"].as_u64() > Some(0) && finding["hint"].is_string(), "{told}");

    put(&folder, "tasks.md", "## Task 1: Make the index\n- [ ] 1.1 Now\n");
    check(
        here,
        &["spec", "lint", DIR],
        2,
        &["tasks.md:1:4: a task in the form of a heading [SP020]", "[CS010]"],
    );
    for command in ["lint", "trace", "status"] {
        let told = json(here, &["spec", command, DIR], 2);
        assert_eq!(
            (&told["problems"][0]["code"], &told["problems"][0]["line"]),
            (&"SP020".into(), &1.into())
        );
        check(here, &["spec", command, "nowhere"], 4, &["nowhere is no specification", "[CS203]"]);
    }
    fs::remove_file(here.join(DIR).join("tasks.md")).unwrap();
    fs::create_dir(here.join(DIR).join("tasks.md")).unwrap();
    check(here, &["spec", "lint", DIR], 2, &["tasks.md cannot be read: it is no file"]);
}

#[test]
fn a_trace_leads_from_criteria_to_checks() {
    let folder = whole();
    let told = check(folder.path(), &["spec", "trace", DIR], 0, &["everything leads somewhere"]);
    assert!(
        told.starts_with("criterion  property  task  check\n1.1        –         1     short-search\n"),
        "{told}"
    );
    put(&folder, "tasks.md", &TASKS.replace("_Requirements: 1_", "_Requirements: 1.2_"));
    check(folder.path(), &["spec", "trace", DIR], 0, &["untraced: criterion 1.1 has no task"]);
    let told = json(folder.path(), &["spec", "trace", DIR], 0);
    assert_eq!(told["untraced"], serde_json::json!(["criterion 1.1 has no task"]));
    assert_eq!(told["rows"][1]["checks"], serde_json::json!(["unchanged-1-2"]));
}

#[test]
fn a_status_believes_records_and_no_ticks() {
    let folder = whole();
    let here = folder.path();
    check(
        here,
        &["spec", "status", DIR],
        0,
        &["[ ] 1 Make the index", "`short-search` was not run after it", "next: 1", "0 of 1 proved"],
    );
    put(&folder, "tasks.md", &TASKS.replace("[ ]", "[x]"));
    check(here, &["spec", "status", DIR], 0, &["[x] 1 Make the index", "ticked and not proved", "next: 1"]);
    check(here, &["spec", "lint", DIR], 21, &["tasks.md:3:3: error SP309 task 1 is ticked"]);
    let told = json(here, &["spec", "status", DIR], 0);
    assert_eq!((&told["tasks"][0]["state"], &told["next"]), (&"done".into(), &"1".into()));
    assert!(
        told["tasks"][0]["proof"]["lacks"].as_str().unwrap().contains("`short-search` was not run after it"),
        "{told}"
    );
    // Records that nobody wrote in this form are none.
    put(&folder, "run.jsonl", "{\"task\":\"1\",\"passed\":true}\n");
    check(here, &["spec", "status", DIR], 2, &["run.jsonl:1:1", "[SP050]"]);
}
