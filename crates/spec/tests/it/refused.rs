//! What is refused, where and why; and that bounds hold.

use expect_test::{Expect, expect};

use crate::fixture::view;

fn check(kind: &str, text: &str, expected: Expect) {
    let refused = view(kind, text.as_bytes()).unwrap_err();
    expected.assert_eq(&format!("{} {refused} | {}", refused.code(), refused.hint()));
}

#[test]
fn drifted_tasks_are_refused_with_what_to_write() {
    check(
        "tasks",
        "# Plan\n\n## Task 1: Make it\n- [ ] 1.1 Make it small",
        expect![
            "SP020 tasks.md:3:4: a task in the form of a heading | write `- [ ] 1. Title`, and its subtasks as `  - [ ] 1.1 Title` below it"
        ],
    );
    check(
        "tasks",
        "## 1. Make it\n- [ ] a",
        expect![
            "SP020 tasks.md:1:4: a task in the form of a heading | write `- [ ] 1. Title`, and its subtasks as `  - [ ] 1.1 Title` below it"
        ],
    );
    check(
        "tasks",
        "## [ ] 1. Make it\n",
        expect![
            "SP020 tasks.md:1:4: a task in the form of a heading | write `- [ ] 1. Title`, and its subtasks as `  - [ ] 1.1 Title` below it"
        ],
    );
    check(
        "tasks",
        "## Group 1\n\n- [ ] 1.1 Make it small\n",
        expect![
            "SP022 tasks.md:3:3: subtask 1.1 has no task 1 above it | write its task above it, or give it another number"
        ],
    );
    check(
        "tasks",
        "1. [ ] Make it\n",
        expect![
            "SP020 tasks.md:1:4: a task's number stands before its checkbox | write `- [ ] 1. Title`: the checkbox comes first"
        ],
    );
    check(
        "tasks",
        "1. Make it\n2. Sell it\n",
        expect!["SP021 tasks.md:1:4: task 1 has no checkbox | write `- [ ] 1. Title`"],
    );
    check(
        "tasks",
        "- 1.1 Make it\n",
        expect!["SP021 tasks.md:1:3: task 1.1 has no checkbox | write `- [ ] 1. Title`"],
    );
    check(
        "tasks",
        "- [ ] Make it\n",
        expect![
            "SP021 tasks.md:1:3: a task without a number | write `- [ ] 1. Title`, or `- [ ] 1.1 Title` below a task"
        ],
    );
    check(
        "tasks",
        "- [ ] T001 Make it\n",
        expect![
            "SP021 tasks.md:1:3: a task without a number | write `- [ ] 1. Title`, or `- [ ] 1.1 Title` below a task"
        ],
    );
    check(
        "tasks",
        "- [~] 1. Make it\n",
        expect![
            "SP021 tasks.md:1:3: `[~]` is no state of a task | `[ ]` is to do, `[-]` in progress, `[x]` done"
        ],
    );
    check(
        "tasks",
        "- [] 1. Make it\n",
        expect![
            "SP021 tasks.md:1:3: `[]` is no state of a task | `[ ]` is to do, `[-]` in progress, `[x]` done"
        ],
    );
    check(
        "tasks",
        "- [ ] 1. A\n  - [ ] 1.1 B\n  - [ ] 1.1.1 C\n  - [ ] 1.1.1.1 D\n",
        expect![
            "SP022 tasks.md:4:5: task 1.1.1.1 lies deeper than three numbers | make it a task of its own"
        ],
    );
    check(
        "tasks",
        "- [ ] 1. A\n- [ ] 1. B\n",
        expect![
            "SP022 tasks.md:2:3: task 1 is there twice | give one of them another number: a tick has to mean one task"
        ],
    );
    check(
        "tasks",
        "- [ ] 1. A\n  - _Check Big: b_\n",
        expect![
            "SP023 tasks.md:2:5: a check cannot be read: a name has 1 to 64 characters: lower-case letters and digits, words joined by `-` | write `- _Check some-name: what it verifies (1.1, 2.3)_`"
        ],
    );
    check(
        "tasks",
        "- [ ] 1. A\n  - _Check a b_\n",
        expect![
            "SP023 tasks.md:2:5: a check cannot be read: its name has no `:` after it | write `- _Check some-name: what it verifies (1.1, 2.3)_`"
        ],
    );
    check(
        "tasks",
        "- [ ] 1. A\n  - _Check unchanged-1-1: b_\n",
        expect![
            "SP023 tasks.md:2:5: a check cannot be read: a name that begins with `unchanged-` is that of a check which a criterion makes | write `- _Check some-name: what it verifies (1.1, 2.3)_`"
        ],
    );
    check(
        "tasks",
        "- [ ] 1. A\n  - _Check a: (1.1)_\n",
        expect![
            "SP023 tasks.md:2:5: a check cannot be read: it says nothing of what it verifies | write `- _Check some-name: what it verifies (1.1, 2.3)_`"
        ],
    );
    check(
        "tasks",
        "- [ ] 1. A\n  ```\n  - [ ] 2. B\n",
        expect![
            "SP003 tasks.md:2:1: a code fence that is never closed | close it with a line of the same marks: everything after it would not be read"
        ],
    );
}

#[test]
fn malformed_goals_are_refused() {
    check(
        "requirements",
        "## Requirements\n\n#### Acceptance Criteria\n1. THE x SHALL y\n",
        expect![
            "SP010 requirements.md:3:6: acceptance criteria that belong to no requirement | put `### Requirement N` above"
        ],
    );
    check(
        "requirements",
        "### Requirement A\n",
        expect!["SP004 requirements.md:1:17: `A` is no number from 1 to 9999 | number from 1 on"],
    );
    check(
        "requirements",
        "### Requirement 0\n",
        expect!["SP004 requirements.md:1:17: `0` is no number from 1 to 9999 | number from 1 on"],
    );
    check(
        "requirements",
        "### Requirement 1.2\n",
        expect!["SP004 requirements.md:1:17: `1.2` is no number from 1 to 9999 | number from 1 on"],
    );
    check(
        "requirements",
        "### Requirement 1\n#### Acceptance Criteria\n- THE x SHALL y\n",
        expect![
            "SP010 requirements.md:3:3: an acceptance criterion without a number | write `1. WHEN … THE … SHALL …`: a number is what tasks refer to"
        ],
    );
    check(
        "requirements",
        "### Requirement 1\n#### Acceptance Criteria\n\n2.1 THE x SHALL y\n",
        expect![
            "SP010 requirements.md:4:1: criterion 2.1 stands under 1 | the number before the dot is that of the requirement or section"
        ],
    );
    check(
        "requirements",
        "### Requirement 1\n#### Acceptance Criteria\n70000. THE x SHALL y\n",
        expect!["SP004 requirements.md:3:8: `70000` is no number from 1 to 9999 | number from 1 on"],
    );
    check(
        "requirements",
        "é <!-- \n<!--\n### Requirement 1\n",
        expect![
            "SP003 requirements.md:2:1: a comment that is never closed | close it with `-->`: everything after it would not be read"
        ],
    );
    check(
        "bugfix",
        "### Current Behavior\n\n2.1 WHEN a THEN b\n",
        expect![
            "SP010 bugfix.md:3:1: criterion 2.1 stands under 1 | the number before the dot is that of the requirement or section"
        ],
    );
}

#[test]
fn front_matter_is_refused_where_it_is_none() {
    check(
        "steering",
        "---\ninclusion: always\n",
        expect!["SP030 product.md:1:1: front matter that is never closed | close it with a line `---`"],
    );
    check(
        "steering",
        "---\ninclusion: sometimes\n---\n",
        expect![
            "SP030 product.md:2:1: `inclusion` has a value that is not known | inclusion is always, fileMatch, manual or auto"
        ],
    );
    check(
        "steering",
        "---\ninclusion: fileMatch\n---\n",
        expect![
            "SP030 product.md:2:1: `fileMatchPattern` is missing: fileMatch needs it | inclusion is always, fileMatch, manual or auto"
        ],
    );
    check(
        "steering",
        "---\n\ninclusion: auto\nname: x\n---\n",
        expect![
            "SP030 product.md:3:1: `description` is missing: auto needs it | inclusion is always, fileMatch, manual or auto"
        ],
    );
    check(
        "steering",
        "---\ninclusion: always\ninclusion: manual\n---\n",
        expect![
            "SP030 product.md:3:1: front matter cannot be read: a key is there twice | a few lines `key: value` between two lines `---`"
        ],
    );
    check(
        "steering",
        "---\na: &x 1\nb: *x\n---\n",
        expect![
            "SP030 product.md:3:1: front matter cannot be read: it has an alias | a few lines `key: value` between two lines `---`"
        ],
    );
    check(
        "steering",
        "---\n- always\n---\n",
        expect![
            "SP030 product.md:2:1: front matter cannot be read: it is no list of keys | a few lines `key: value` between two lines `---`"
        ],
    );
    check(
        "steering",
        "---\na: [[[[[[[[[[1]]]]]]]]]]\n---\n",
        expect![
            "SP030 product.md:2:1: front matter cannot be read: it is too large | a few lines `key: value` between two lines `---`"
        ],
    );
    check(
        "steering",
        "---\na: [\n---\n",
        expect![
            "SP030 product.md:3:1: front matter cannot be read: while parsing a node, did not find expected node content | a few lines `key: value` between two lines `---`"
        ],
    );
}

#[test]
fn bounds_hold_before_anything_is_parsed() {
    let mib = "x\n".repeat(1 << 20);
    for kind in ["requirements", "bugfix", "design", "tasks", "steering"] {
        let refused = view(kind, mib.as_bytes()).unwrap_err();
        assert_eq!(refused.cause.to_string(), "the file has 2097152 bytes, more than 1048576", "{kind}");
    }
    check(
        "tasks",
        &"\n".repeat(20_001),
        expect!["SP001 tasks.md:1:1: the file has more than 20000 lines | split the specification into two"],
    );
    check(
        "tasks",
        &format!("# a\n{}", "y".repeat(17_000)),
        expect!["SP001 tasks.md:2:1: the line has more than 16384 bytes | break the line"],
    );
    let many: String = (1..=5_001).map(|it| format!("- [ ] {it}. a\n")).collect();
    check(
        "tasks",
        &many,
        expect!["SP001 tasks.md:5001:3: more than 5000 tasks | split the specification into two"],
    );
    let list = "1.1, ".repeat(501);
    check(
        "tasks",
        &format!("- [ ] 1. a\n  - _Requirements: {list}_\n"),
        expect![
            "SP001 tasks.md:2:2520: more than 500 references in a list | split the specification into two"
        ],
    );
    check(
        "design",
        "# a\u{0}\n",
        expect!["SP002 design.md:1:4: a control character, which no document has | take it out"],
    );
    let refused = view("design", b"# a\nb\xff").unwrap_err();
    assert_eq!(refused.to_string(), "design.md:2:2: what follows is not UTF-8");
}

#[test]
fn the_largest_documents_are_read_in_a_moment() {
    // What is quadratic in the input shows here: each of these took minutes then.
    let mut requirements = String::new();
    for number in 1..=2_000 {
        requirements += &format!(
            "### Requirement {number}\n#### Acceptance Criteria\n1. THE x SHALL y\n2. THE x SHALL CONTINUE TO z\n"
        );
    }
    let tasks: String = (1..=4_000)
        .map(|it| {
            format!(
                "- [ ] {it}. a\n  - _Requirements: 1.1-1.99, {}_\n  - _Depends: {}_\n  - _Check a{it}: b_\n",
                it % 2_000,
                it + 1
            )
        })
        .collect();
    let design: String = (1..=3_000)
        .map(|it| format!("### Property {it}: p\n*For any* x, y\n**Validates: Requirements {it}.1**\n"))
        .collect();
    let files = [("requirements.md", requirements), ("tasks.md", tasks), ("design.md", design)];
    let files = files.map(|(name, text)| (name.to_owned(), text.into_bytes())).into();
    let spec = spec::Specification::read(&files).unwrap();
    assert!(spec::lint::lint(&spec).len() > 1_000);
    assert_eq!(spec::Status::of(&spec).tasks.len(), 4_000);
    let prose = format!("### Property 1: p\n{}", "z\n".repeat(19_000));
    assert_eq!(spec::Design::parse("design.md", prose.as_bytes()).unwrap().properties().len(), 1);
}

#[test]
fn a_folder_has_one_goal_and_every_problem_is_told() {
    let files = |all: &[(&str, &str)]| {
        all.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    };
    let read = |all: &[(&str, &str)]| spec::Specification::read(&files(all)).unwrap_err().to_string();
    expect!["there is neither requirements.md nor bugfix.md"]
        .assert_eq(&read(&[("tasks.md", "- [ ] 1. a\n")]));
    expect![
        "bugfix.md:1:1: a folder has either requirements.md or bugfix.md: the ids of the two are the same"
    ]
    .assert_eq(&read(&[("requirements.md", ""), ("bugfix.md", "")]));
    expect![[r#"
        requirements.md:1:17: `x` is no number from 1 to 9999
        tasks.md:1:3: a task without a number
        intent.md:1:1: the file does not begin as an intent does
        run.jsonl:1:1: the record cannot be read: missing field `schema` at line 1 column 2"#]]
    .assert_eq(&read(&[
        ("requirements.md", "### Requirement x\n"),
        ("tasks.md", "- [ ] a\n"),
        ("intent.md", "do it\n"),
        ("run.jsonl", "{}\n"),
    ]));
}
