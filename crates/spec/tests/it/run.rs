//! Records, and what they prove.

use expect_test::{Expect, expect};
use model::{Digest, Timestamp};
use spec::{
    Check, Checks, Files, Intent, Moment, Outcome, Run, Seen, Specification, State, TaskId, TickError,
};

const REQUIREMENTS: &str = "### Requirement 1\n#### Acceptance Criteria\n1. WHEN a THE x SHALL b\n2. WHEN c THE x SHALL CONTINUE TO d\n";
const TASKS: &str = "- [ ] 1. Whole\n  - [ ] 1.1 Part\n    - _Check one: it is one (1.1)_\n    - _Check two: it is two (1.1)_\n  - [ ]* 1.2 Extra\n- [ ] 2. Nothing verifies it\n  - _Requirements: 1.1_\n";

/// A folder with these tasks and records.
fn folder(tasks: &str, run: &str) -> Specification {
    let files: Files = [("requirements.md", REQUIREMENTS), ("tasks.md", tasks), ("run.jsonl", run)]
        .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()))
        .into();
    Specification::read(&files).unwrap()
}

fn passed() -> Outcome {
    Outcome::Passed { evidence: Digest::of(b"what was read") }
}

fn failed() -> Outcome {
    Outcome::Failed { evidence: Digest::of(b"what was read"), why: "it is three".to_owned() }
}

/// A line of a script: attempt, check, moment, outcome.
type Step = (u32, &'static str, Moment, fn() -> Outcome);

fn check_of<'a>(checks: &'a Checks, name: &str) -> &'a Check {
    checks.all().find(|it| it.id().to_string() == name).unwrap()
}

fn id(task: &str) -> TaskId {
    task.parse().unwrap()
}

/// The file that a script makes.
fn played(script: &[Step]) -> String {
    let spec = folder(TASKS, "");
    let (checks, mut run, mut file) = (spec.checks(), Run::default(), String::new());
    for (nth, (attempt, name, moment, outcome)) in (0..).zip(script) {
        let at = Timestamp::from_seconds(1_795_228_800 + nth);
        let (task, check) = (spec.tasks().unwrap().get(&id("1.1")).unwrap(), check_of(&checks, name));
        let seen = Seen { at, task, attempt: *attempt, check, moment: *moment, outcome: outcome() };
        file += &run.add(seen).unwrap();
    }
    // What was added to the file is what is read of it.
    assert_eq!(Run::parse(file.as_bytes()).unwrap(), run);
    file
}

fn proof(tasks: &str, run: &str, task: &str) -> String {
    match folder(tasks, run).passed(&id(task)) {
        Ok(proof) => format!("{} passed", proof.task()),
        Err(why) => why.to_string(),
    }
}

use Moment::{After, Before};
/// What a fix is to bring about does not hold before it, whatever its words; what stays does.
#[test]
fn only_what_stays_is_checked_before_a_step() {
    let files: Files = [(
        "bugfix.md".to_owned(),
        b"### Expected Behavior\n2.1 WHEN a THEN b SHALL CONTINUE TO c\n### Unchanged Behavior\n3.1 WHEN d THEN e SHALL CONTINUE TO f\n"
            .to_vec(),
    )]
    .into();
    let checks = Specification::read(&files).unwrap().checks();
    let ids: Vec<_> = checks.guards().iter().map(|it| it.id().to_string()).collect();
    assert_eq!(ids, ["unchanged-3-1"]);
}

const GUARD: &str = "unchanged-1-2";
const GOOD: [Step; 4] = [
    (1, GUARD, Before, passed),
    (1, "one", After, passed),
    (1, "two", After, passed),
    (1, GUARD, After, passed),
];

fn check(script: &[Step], expected: Expect) {
    expected.assert_eq(&proof(TASKS, &played(script), "1.1"));
}

#[test]
fn every_check_passes_in_the_newest_attempt_or_nothing_is_proved() {
    check(&GOOD, expect![["1.1 passed"]]);
    check(
        &[],
        expect![
            "`unchanged-1-2` was not run before and after it; `one` was not run after it; `two` was not run after it"
        ],
    );
    check(&GOOD[..3], expect!["`unchanged-1-2` was not run after it"]);
    check(&GOOD[1..], expect!["`unchanged-1-2` was not run before it"]);
    let with = |more: &[Step]| [&GOOD[..], more].concat();
    check(&with(&[(1, "two", After, failed)]), expect!["`two` failed after it"]);
    check(&with(&[(1, "two", After, failed), (1, "two", After, passed)]), expect![["1.1 passed"]]);
    check(
        &with(&[(1, "one", After, || Outcome::Unknown { why: "no answer".to_owned() })]),
        expect!["`one` could not be carried out after it"],
    );
    // Another attempt is another whole.
    check(
        &with(&[(2, "one", After, passed)]),
        expect!["`unchanged-1-2` was not run before and after it; `two` was not run after it"],
    );
    // What shall continue is looked at before something is done.
    check(&[GOOD[1], GOOD[2], GOOD[3], GOOD[0]], expect!["`unchanged-1-2` was run too late, not before it"]);
}

#[test]
fn a_tick_takes_a_proof_of_the_task_as_it_is() {
    let run = played(&GOOD);
    let proof_of = |task: &str| folder(TASKS, &run).passed(&id(task)).unwrap();
    let read = |text: &str| spec::Tasks::parse("tasks.md", text.as_bytes()).unwrap();
    let mut ticked = read(TASKS);
    ticked.tick(&proof_of("1.1")).unwrap();
    assert_eq!(ticked.source().text(), TASKS.replace("[ ] 1.1", "[x] 1.1"));
    assert_eq!(ticked.get(&id("1.1")).unwrap().state, State::Done);
    // The tick itself changes nothing of what was checked, and a task with subtasks is what they are.
    expect![["1.1 passed"]].assert_eq(&proof(ticked.source().text(), &run, "1.1"));
    expect![["1 passed"]].assert_eq(&proof(TASKS, &run, "1"));
    expect![["1.1 below it: `unchanged-1-2` was not run before and after it; `one` was not run after it; `two` was not run after it"]].assert_eq(&proof(TASKS, "", "1"));
    expect![["it declares no check"]].assert_eq(&proof(TASKS, &run, "1.2"));
    expect![["it declares no check"]].assert_eq(&proof(TASKS, &run, "2"));
    expect![["there is no task 3"]].assert_eq(&proof(TASKS, &run, "3"));

    // An edited task takes neither an old proof nor old records.
    for (from, to) in [("Part", "Party"), ("it is one", "it is none"), ("two (1.1)", "two (1.2)")] {
        let text = TASKS.replace(from, to);
        for task in ["1.1", "1"] {
            assert_eq!(read(&text).tick(&proof_of(task)), Err(TickError::Changed(id(task))), "{from}");
        }
        assert!(proof(&text, &run, "1.1").contains("was run on another text"), "{from}");
    }
    let mut more = read(&TASKS.replace("- [ ]* 1.2 Extra", "- [ ] 1.2 More"));
    assert_eq!(more.tick(&proof_of("1")), Err(TickError::Changed(id("1"))));
    let mut gone = read(&TASKS.replace("1.1 Part", "1.3 Part"));
    assert_eq!(gone.tick(&proof_of("1.1")), Err(TickError::NotThere(id("1.1"))));
}

#[test]
fn records_are_only_added() {
    let run = Run::parse(played(&GOOD).as_bytes()).unwrap();
    let lines: Vec<_> = run.records().iter().map(spec::Record::line).collect();
    let file = |lines: &[String]| lines.iter().map(|it| format!("{it}\n")).collect::<String>();
    let refused = |text: &str, expected: Expect| {
        let refused = Run::parse(text.as_bytes()).unwrap_err();
        expected.assert_eq(&format!("{} {refused}", refused.code()));
    };
    assert_eq!(Run::parse(file(&lines).as_bytes()).unwrap(), run);
    assert_eq!(Run::parse(b"").unwrap(), Run::default());
    expect![[r#"{"schema":"countersign.run/v1","seq":2,"at":"2026-11-21T02:40:01.000Z","task":"1.1","attempt":1,"check":"one","moment":"after","step":"36ca0082f81945598337d917b9e00fbd34efcadb8bb4b1031d5766d4629ffed2","checked":"d9ded7e4a2529b9eb3199da3bc31a898a18fc6f2a98ca1bf1be6c4328e8722ba","outcome":{"passed":{"evidence":"7a44b6e4cb657ca25f134a50e83769be524433327102367b6e0eff04413f3618"}}}"#]].assert_eq(&lines[1]);
    // One taken out, two exchanged, one twice, the end torn, another spelling, what is no record.
    refused(
        &file(&[&lines[..1], &lines[2..]].concat()),
        expect![["SP050 run.jsonl:2:1: record 3 where 2 follows"]],
    );
    refused(&file(&lines[1..]), expect![["SP050 run.jsonl:1:1: record 2 where 1 follows"]]);
    refused(
        &file(&[&lines[..1], &lines[..1]].concat()),
        expect![["SP050 run.jsonl:2:1: record 1 where 2 follows"]],
    );
    refused(file(&lines).trim_end(), expect![["SP050 run.jsonl:4:1: the last line was not written whole"]]);
    refused(
        &file(&lines[..1]).replace(":1,", ": 1,"),
        expect![["SP050 run.jsonl:1:1: a record in another spelling than the one that is written"]],
    );
    refused(
        &file(&lines[..1]).replace("passed", "approved"),
        expect![[
            "SP050 run.jsonl:1:1: the record cannot be read: unknown variant `approved`, expected one of `passed`, `failed`, `unknown` at line 1 column 310"
        ]],
    );
    refused(
        &file(&lines[..1]).replace("/v1", "/v2"),
        expect![["SP050 run.jsonl:1:1: the record cannot be read: its schema is not countersign.run/v1"]],
    );
    refused(
        "\n",
        expect![[
            "SP050 run.jsonl:1:1: the record cannot be read: EOF while parsing a value at line 1 column 0"
        ]],
    );
    refused(
        "{}\n",
        expect![[
            "SP050 run.jsonl:1:1: the record cannot be read: missing field `schema` at line 1 column 2"
        ]],
    );
    let old = file(&[lines[0].replace("\"attempt\":1", "\"attempt\":2"), lines[1].clone()]);
    refused(&old, expect![["SP050 run.jsonl:2:1: attempt 1 of task 1.1 after attempt 2"]]);
}

#[test]
fn words_are_kept_as_they_were_said() {
    for words in ["Fix the cost page", "two\r\nlines\n", "---\nsha-256: 0\n---\n", " ü `x` <b>\t", "\n\nlate"]
    {
        let intent = Intent::new(words).unwrap();
        assert_eq!(Intent::parse(intent.file().as_bytes()).unwrap(), intent);
        assert_eq!((intent.words(), intent.digest()), (words, Digest::of(words.as_bytes())));
    }
    for (words, why) in [
        ("", "an intent says something"),
        (" \n", "an intent says something"),
        ("a\u{1b}[2J", "an intent has no control characters but line breaks and tabs"),
        (&"x".repeat(70_000), "an intent has at most 64 KiB"),
        (&"x\n".repeat(6_000), "an intent has at most 64 KiB"),
    ] {
        assert_eq!(Intent::new(words).unwrap_err().to_string(), why);
    }
    let file = Intent::new("Fix it\n").unwrap().file();
    for (other, line) in [
        (file.replace("Fix", "Delete"), 5),
        (file.replace("it\n", "it\r\n"), 5),
        (file.replace("---\n", "--\n"), 1),
        ("Fix it".to_owned(), 1),
    ] {
        assert_eq!(Intent::parse(other.as_bytes()).unwrap_err().line, line, "{other}");
    }
}
