//! What is read of each document, and of its variants: line endings, no line break at the end, a byte order mark, tabs.

use expect_test::{Expect, expect};

use crate::fixture::{CORPUS, text, view};

fn check(name: &str, expected: Expect) {
    expected.assert_eq(&view(name, text(name).as_bytes()).unwrap().outline);
}

#[test]
fn requirements_are_read() {
    check(
        "requirements-queue",
        expect![[r#"
        term Intake
        term Order_Queue
        term Mover
        1 `Orders are kept` story on line 17
          1.1 at 22:4 Event: WHEN the Intake accepts an order THE Order_Queue SHALL store it within 200 ms
          1.2 at 23:4 State: WHILE the Mover runs THE Intake SHALL write each order to both queues
          1.3 at 24:4 Unwanted: IF the new queue does not answer within 2 seconds THEN THE Intake SHALL keep the order in the old queue and SHALL raise an alarm
          1.4 at 26:4 Ubiquitous: THE Mover SHALL NOT delete an order from the old queue
        2 `` story on line 30
          2.1 at 34:4 Complex: WHERE the old queue is still there WHEN an operator asks for it THE Intake SHALL write to the old queue alone
          2.2 at 37:4 Event: WHEN the move is over THE Intake SHALL CONTINUE TO accept orders
    "#]],
    );
    check(
        "requirements-numbered",
        expect![[r#"
            1 `Backups run` story on line 6
              1.1 at 10:5 Event: WHEN the night begins THE Backup Job SHALL copy the ledger
              1.2 at 11:6 State: WHILE a copy is made THE Backup Job SHALL hold back deletions for 1.5 hours at most
              1.3 at 13:5 Unwanted: IF the copy fails THEN THE Backup Job SHALL try again after 10 minutes
            2 `They can be read` story on line 21
              2.1 at 24:7 Ubiquitous: THE [Restore Tool] SHALL open any copy of the last 30 days
              2.2 at 25:7 Event: WHEN a copy is damaged THE [Restore Tool] SHALL say which block is
        "#]],
    );
    check(
        "requirements-emphasis",
        expect![[r#"
        term Gateway
        1 `Emphasis` story on line 12
          1.1 at 16:4 Event: WHEN an agent asks for the list THE Gateway SHALL answer with the list of that hour
          1.2 at 17:4 Unwanted: IF the agent is unknown THEN THE Gateway SHALL NOT answer with anything that it holds
    "#]],
    );
    check(
        "requirements-bare",
        expect![[r#"
        1 `` no story
          1.1 at 5:4 Ubiquitous: THE Scanner SHALL read only
          1.2 at 6:4 no sentence: nothing says which system shall
          1.3 at 7:4 no sentence: nothing says SHALL
    "#]],
    );
}

#[test]
fn bugfixes_are_read() {
    check(
        "bugfix-search",
        expect![[r#"
        1.1 at 11:5 Some(("the search text has fewer than 4 characters", "the search reads every order of the last ten years"))
        1.2 at 14:5 Some(("two such searches run", "the database answers nobody else"))
        2.1 at 18:5 Event: WHEN the search text has fewer than 4 characters THE search SHALL ask for more of it
        2.2 at 20:5 Event: WHEN two such searches run THE database SHALL CONTINUE TO answer other queries within 300 ms
        3.1 at 24:5 Event: WHEN the search text is a whole order number THE system SHALL CONTINUE TO find that order
        3.2 at 26:5 Event: WHEN nothing is found THE system SHALL CONTINUE TO say so
    "#]],
    );
    check(
        "bugfix-lists",
        expect![[r#"
        1.1 at 6:7 Some(("a tag is longer than 128 characters", "the export stops"))
        2.1 at 10:4 Event: WHEN a tag is longer than 128 characters THE export SHALL cut it
        3.1 at 14:7 Event: WHEN a tag is shorter THE export SHALL CONTINUE TO write it whole
    "#]],
    );
}

#[test]
fn properties_are_read() {
    check(
        "design-outbox",
        expect![[r#"
        1 `Nothing is lost` [1.1 1.3] *For any* order that the Intake accepted, the outbox or the new queue holds it.
        2 `Nothing is doubled` [1.2 1.3 1.4 2] *For any* sequence of restarts, each order is packed once.
    "#]],
    );
    check(
        "design-flat",
        expect![[r#"
        1 `A page is whole` [1.1] and 1 For all pages, what is shown is what was read.
        2 `` [] It is fast.
    "#]],
    );
}

#[test]
fn tasks_are_read() {
    check(
        "tasks-queue",
        expect![[r#"
        1 Done at 3:3 `Make the new queue` [1.1]
        2 InProgress at 8:3 `Write to both` []
        2.1 Done at 9:5 `Add the second writer` [1.2 1.3]
        2.2 Todo optional at 12:5 `Measure what it costs` [1.1] tests 1
        2.3 Todo at 14:5 `Switch it on` [1.2] after 2.1
        3 Todo at 17:3 `Move what is left (P)` [2]
    "#]],
    );
    check(
        "tasks-phases",
        expect![[r#"
        1 Todo at 11:3 `Schedule the job` [1.1]
        1.1 Todo at 13:4 `Write the rule` []
        1.2 Done at 14:4 `Try it on staging` []
        1.2.1 Todo at 15:11 `with a full disk` []
        2 Todo at 19:3 `Restore one` [2.1 2.2]
    "#]],
    );
    check(
        "tasks-flat",
        expect![[r#"
        1 Todo at 1:8 `Odd spaces everywhere` []
        2 InProgress at 2:4 `Second` []
        3 Todo at 5:3 `Third` []
    "#]],
    );
}

#[test]
fn steering_files_are_read() {
    check(
        "steering-always",
        expect![[r##"
        Always
        "# Product"
    "##]],
    );
    check(
        "steering-match",
        expect![[r##"
        file match ["infra/**/*.ts", "deploy/*.yaml"]
        "# Infrastructure"
    "##]],
    );
    check(
        "steering-auto",
        expect![[r#"
        Auto { name: "on-call", description: "What to do when \"the pager\" rings" }
        "Look first."
    "#]],
    );
}

/// How else the same document may be written.
fn variants(text: &str) -> Vec<(&'static str, String)> {
    vec![
        ("as it is", text.to_owned()),
        ("CRLF", text.replace('\n', "\r\n")),
        ("no line break at the end", text.trim_end().to_owned()),
        ("many at the end", format!("{text}\n\n\n")),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("spaces at the ends of lines", text.replace('\n', "  \n")),
        ("twice as deep", twice_as_deep(text)),
    ]
}

fn twice_as_deep(text: &str) -> String {
    let deeper = |line: &str| {
        let ahead = line.len() - line.trim_start().len();
        format!("{}{line}\n", line.get(..ahead).unwrap())
    };
    text.lines().map(deeper).collect()
}

/// Without columns, which may differ.
fn structure(outline: &str) -> String {
    let place = |word: &str| {
        word.split_once(':').is_some_and(|(a, b)| a.parse::<u32>().is_ok() && b.parse::<u32>().is_ok())
    };
    let line = |line: &str| line.split(' ').filter(|it| !place(it)).collect::<Vec<_>>().join(" ");
    outline.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_document_comes_back_byte_for_byte_in_every_variant() {
    for (name, text) in CORPUS {
        let usual = view(name, text.as_bytes()).unwrap();
        for (variant, text) in variants(text) {
            let read = view(name, text.as_bytes()).unwrap_or_else(|err| panic!("{name}, {variant}: {err}"));
            assert_eq!(read.text, text, "{name}, {variant}");
            assert_eq!(structure(&read.outline), structure(&usual.outline), "{name}, {variant}");
            for span in read.spans {
                let at =
                    text.get(span.start..span.end).unwrap_or_else(|| panic!("{name}, {variant}: {span:?}"));
                assert!(!at.is_empty() && at.trim() == at, "{name}, {variant}: {at:?}");
                assert_eq!(
                    text.get(..span.start).unwrap().matches('\n').count() + 1,
                    span.line,
                    "{name}, {variant}: {at:?}"
                );
            }
        }
    }
}
