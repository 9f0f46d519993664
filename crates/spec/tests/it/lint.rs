//! What the linter tells of documents, a line each.

use expect_test::{Expect, expect};
use spec::{
    Files, Specification,
    lint::{Code, lint},
};

fn told(files: &[(&str, &str)]) -> String {
    let files: Files =
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let spec = Specification::read(&files).unwrap();
    let line = |it: &spec::lint::Finding| {
        format!("{:?} {} {}:{}:{} {}\n", it.level, it.code, it.file, it.span.line, it.span.column, it.message)
    };
    lint(&spec).iter().map(line).collect()
}

/// One criterion in a document that has nothing else to tell of.
fn check(criterion: &str, expected: Expect) {
    let text = format!(
        "## Glossary\n- **Gateway**: what agents speak to\n\n### Requirement 1\n**User Story:** As a tester, I want it.\n#### Acceptance Criteria\n1. {criterion}\n"
    );
    expected.assert_eq(&told(&[("requirements.md", &text)]));
}

fn check_files(files: &[(&str, &str)], expected: Expect) {
    expected.assert_eq(&told(files));
}

#[test]
fn wording() {
    check("WHEN an agent asks THE Gateway SHALL answer within 200 ms", expect![[""]]);
    check(
        "The gateway answers",
        expect![[r#"
        Error SP101 requirements.md:7:4 criterion 1.1: nothing says SHALL; say what the system does: WHEN … THE system SHALL …
    "#]],
    );
    check(
        "WHEN asked THE Gateway SHALL answer and SHALL log",
        expect![[r#"
        Error SP102 requirements.md:7:4 criterion 1.1 says SHALL 2 times
    "#]],
    );
    check(
        "THE Gateway SHALL answer quickly, in an appropriate way",
        expect![[r#"
        Warning SP103 requirements.md:7:22 criterion 1.1: how much is `appropriate`?
        Warning SP103 requirements.md:7:22 criterion 1.1: how much is `quickly`?
    "#]],
    );
    check(
        "THE Gateway SHALL answer where possible",
        expect![[r#"
        Warning SP104 requirements.md:7:22 criterion 1.1: `where possible` lets it do nothing
    "#]],
    );
    check(
        "WHEN asked, it SHALL answer",
        expect![[r#"
        Error SP105 requirements.md:7:16 criterion 1.1: who is `it`?
    "#]],
    );
    check(
        "THE Gateway SHALL answer within 5",
        expect![[r#"
        Warning SP106 requirements.md:7:22 criterion 1.1: 5 of what?
    "#]],
    );
    check(
        "THE Gateway SHALL answer 5 of 6 agents on port 443 with status 200 in 2.5 s",
        expect![[r#"
        Warning SP106 requirements.md:7:22 criterion 1.1: 5 of what?
    "#]],
    );
    check(
        "THE Front_Door SHALL answer",
        expect![[r#"
        Warning SP107 requirements.md:7:8 criterion 1.1: the glossary has no `Front_Door`
    "#]],
    );
    check("THE gateway SHALL answer", expect![[""]]);
    check(
        "THE Gateway SHALL be quietly restarted",
        expect![[r#"
        Warning SP110 requirements.md:7:22 criterion 1.1: `be quietly restarted` does not say who does it
    "#]],
    );
    // What must never happen is said so.
    check("THE Gateway SHALL NOT ever delete all of the 3 databases", expect![[""]]);
}

#[test]
fn requirements() {
    check_files(
        &[("requirements.md", "# Requirements Document\n")],
        expect![[r#"
        Error SP109 requirements.md:1:1 there is no requirement
    "#]],
    );
    let text = "## Glossary\n- **Job**: a\n- **job**: b\n### Requirement 2\n#### Acceptance Criteria\n2. THE Job SHALL run\n2. THE Job SHALL stop\n### Requirement 2: again\n**User Story:** As one.\n";
    check_files(
        &[("requirements.md", text)],
        expect![[r#"
        Warning SP113 requirements.md:3:3 `job` is defined above already
        Warning SP108 requirements.md:4:5 requirement 2 says nothing of who wants it
        Warning SP112 requirements.md:4:5 requirement 2 after requirement 0
        Warning SP112 requirements.md:6:4 2.2 comes first
        Error SP111 requirements.md:7:4 2.2 is above already
        Error SP109 requirements.md:8:5 requirement 2 has no acceptance criterion
        Error SP111 requirements.md:8:5 requirement 2 is above already
    "#]],
    );
}

#[test]
fn bugfixes() {
    check_files(
        &[("bugfix.md", "# Bugfix\n### Current Behavior\n### Expected Behavior\n")],
        expect![[r#"
        Error SP120 bugfix.md:1:1 the section `Unchanged Behavior` is missing
        Error SP109 bugfix.md:2:5 the section `Current Behavior` says nothing
        Error SP109 bugfix.md:3:5 the section `Expected Behavior` says nothing
    "#]],
    );
    let text = "### Current Behavior\n1.1 WHEN a THEN b\n1.2 it fails\n1.3 WHEN a THEN b SHALL c\n### Expected Behavior\n2.1 WHEN a THEN x SHALL c\n2.2 WHEN THEN x SHALL c\n### Unchanged Behavior\n3.1 WHEN a THEN x SHALL go on\n";
    check_files(
        &[("bugfix.md", text)],
        expect![[r#"
            Warning SP112 bugfix.md:4:5 1.3 comes after 1.1
            Error SP122 bugfix.md:4:5 1.3 does not say what goes wrong when
            Warning SP123 bugfix.md:4:5 nothing says what is to happen in place of 1.3
            Error SP101 bugfix.md:7:5 criterion 2.2: WHEN is followed by nothing; say what it is, or take the word out
            Error SP121 bugfix.md:9:5 3.1 does not say SHALL CONTINUE TO, so that no check comes of it
        "#]],
    );
}

const GOAL: &str = "### Requirement 1\n**User Story:** As one.\n#### Acceptance Criteria\n1. THE Job SHALL run\n2. THE Job SHALL stop\n";

#[test]
fn designs() {
    let text = "### Property 1: a\n*For any* b, c.\n**Validates: Requirements 1.1**\n### Property 1: again\n**Validates: Requirements 1.9, 4, FR-2**\n### Property 2: d\nFor all e, f.\n";
    check_files(
        &[("requirements.md", GOAL), ("design.md", text)],
        expect![[r#"
        Error SP202 design.md:4:5 property 1 is above already
        Warning SP204 design.md:4:5 property 1 does not say what it holds for
        Error SP203 design.md:5:27 property 1 refers to 1.9, which is not there
        Error SP203 design.md:5:32 property 1 refers to 4, which is not there
        Error SP205 design.md:5:35 property 1 refers to `FR-2`
        Error SP201 design.md:6:5 property 2 validates nothing
    "#]],
    );
}

#[test]
fn tasks() {
    check_files(
        &[("requirements.md", GOAL), ("tasks.md", "# Implementation Plan\n")],
        expect![[r#"
        Warning SP313 tasks.md:1:1 there is no task
    "#]],
    );
    let text = "- [ ]* 1. Optional\n  - _Requirements: 1.1, 3.3_\n  - _Depends: 2, 9_\n  - _Check run: it runs_\n- [ ] 2. Two\n  - _Depends: 1_\n  - **Property 4: x**\n  - _Check run: again (7.7)_\n- [ ] 3. Three\n";
    check_files(
        &[("requirements.md", GOAL), ("tasks.md", text)],
        expect![[r#"
        Error SP302 requirements.md:5:4 criterion 1.2 has no task
        Error SP304 tasks.md:1:3 task 1 is optional
        Error SP301 tasks.md:2:25 task 1 refers to 3.3, which is not there
        Error SP305 tasks.md:3:14 task 1 waits for 2, and neither can begin
        Error SP305 tasks.md:3:14 task 1: there is no task 9
        Warning SP306 tasks.md:5:3 task 2 is for no criterion
        Error SP305 tasks.md:6:14 task 2 waits for 1, and neither can begin
        Error SP307 tasks.md:7:5 task 2: there is no property 4
        Error SP310 tasks.md:8:5 check `run` is above already
        Error SP311 tasks.md:8:5 check `run` is for no criterion
        Error SP301 tasks.md:8:24 check `run` refers to 7.7, which is not there
        Warning SP303 tasks.md:9:3 task 3 has no check, so that nothing can tick it
        Warning SP306 tasks.md:9:3 task 3 is for no criterion
    "#]],
    );
    let ticked = "- [x] 1. One\n  - _Requirements: 1_\n  - [x] 1.1 Below\n    - _Check run: it runs_\n  - [ ] 1.2 Below\n    - _Check stop: it stops_\n- [x] 2. No check\n  - _Requirements: 1_\n";
    check_files(
        &[("requirements.md", GOAL), ("tasks.md", ticked)],
        expect![[r#"
            Error SP308 tasks.md:1:3 task 1 is ticked, and 1.2 is not
            Error SP309 tasks.md:1:3 task 1 is ticked: 1.1 below it: `run` was not run after it
            Error SP309 tasks.md:3:5 task 1.1 is ticked: `run` was not run after it
            Warning SP303 tasks.md:7:3 task 2 has no check, so that nothing can tick it
            Error SP309 tasks.md:7:3 task 2 is ticked: it declares no check
        "#]],
    );
    let design = "### Property 1: a\n*For any* b, c.\n**Validates: Requirements 1.1**\n";
    let good = "- [ ] 1. One\n  - _Requirements: 1_\n  - _Check run: it runs_\n";
    check_files(
        &[("requirements.md", GOAL), ("design.md", design), ("tasks.md", good)],
        expect![[r#"
        Warning SP312 design.md:1:5 property 1 has no task that tests it
    "#]],
    );
}

#[test]
fn codes_are_each_their_own() {
    let mut codes: Vec<_> = Code::ALL.iter().map(|it| it.as_str()).collect();
    assert!(codes.is_sorted());
    codes.dedup();
    assert_eq!(codes.len(), Code::ALL.len());
    assert!(Code::ALL.iter().all(|it| !it.what().is_empty() && !it.hint().is_empty()));
}

/// What a hostile document says is shown, and nothing of it is obeyed.
#[test]
fn findings_hold_nothing_that_a_terminal_would_obey() {
    let text = "### Requirement 1\n#### Acceptance Criteria\n1. THE \u{202e}evil\u{2028}x SHALL be made\n";
    let told = told(&[("requirements.md", text)]);
    assert!(told.contains("SP110") && !told.contains('\u{202e}') && !told.contains('\u{2028}'), "{told}");
}
