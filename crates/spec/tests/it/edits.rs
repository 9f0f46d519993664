//! An edit changes its own bytes and no others.

use spec::{Behavior, Bugfix, EditError, Requirements, Tasks};

use crate::fixture::text;

/// What stands in the one place where two texts differ: removed, put in.
fn difference(before: &str, after: &str) -> (String, String) {
    let same = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
    let room = before.len().min(after.len()) - same;
    let tail = before.bytes().rev().zip(after.bytes().rev()).take(room).take_while(|(a, b)| a == b).count();
    let part = |text: &str| text.get(same..text.len() - tail).unwrap().to_owned();
    (part(before), part(after))
}

fn tasks(text: &str) -> Tasks {
    Tasks::parse("tasks.md", text.as_bytes()).unwrap()
}

fn check_task(text: &str, edit: impl Fn(&mut Tasks), removed: &str, inserted: &str) {
    let mut list = tasks(text);
    edit(&mut list);
    let found = difference(text, list.source().text());
    assert_eq!(found, (removed.to_owned(), inserted.to_owned()));
    // What was read again is what there is.
    assert_eq!(tasks(list.source().text()), list);
}

#[test]
fn a_state_is_one_byte() {
    let queue = text("tasks-queue");
    let crlf = queue.replace('\n', "\r\n");
    for text in [queue, &crlf] {
        check_task(text, |it| it.begin(&"3".parse().unwrap()).unwrap(), " ", "-");
        check_task(text, |it| it.reset(&"2.1".parse().unwrap()).unwrap(), "x", " ");
        check_task(text, |it| it.begin(&"2.2".parse().unwrap()).unwrap(), " ", "-");
        check_task(text, |it| it.begin(&"2".parse().unwrap()).unwrap(), "", "");
    }
    check_task(text("tasks-phases"), |it| it.reset(&"1.2".parse().unwrap()).unwrap(), "X", " ");
    let missing = tasks(queue).begin(&"9".parse().unwrap());
    assert_eq!(missing, Err(EditError::NotThere("task 9".to_owned())));
}

#[test]
fn a_task_comes_after_the_last_one() {
    let append = |title: &'static str| move |it: &mut Tasks| drop(it.append(title).unwrap());
    check_task(text("tasks-queue"), append("Tell everybody"), "", "- [ ] 4. Tell everybody\n");
    let crlf = text("tasks-queue").replace('\n', "\r\n");
    check_task(&crlf, append("Tell everybody"), "", "- [ ] 4. Tell everybody\r\n");
    check_task(crlf.trim_end(), append("Tell everybody"), "", "\r\n- [ ] 4. Tell everybody");
    check_task("- [ ] 1. One", append("Two"), "", "\n- [ ] 2. Two");
    check_task("# Implementation Plan\n", append("One"), "", "- [ ] 1. One\n");
    check_task("# Implementation Plan\n\n", append("One"), "", "- [ ] 1. One\n");
    check_task("", append("One"), "", "\n- [ ] 1. One");
    // Before the notes, which are below the tasks.
    let mut phases = tasks(text("tasks-phases"));
    phases.append("Clean up").unwrap();
    assert!(
        phases.source().text().contains("2.1, 2.2_\n- [ ] 3. Clean up\n\n## Notes"),
        "{}",
        phases.source().text()
    );
    for wrong in ["", "  ", "two\nlines", "a\u{7}bell", &"x".repeat(5_000)] {
        let mut list = tasks(text("tasks-queue"));
        assert_eq!(list.append(wrong), Err(EditError::Text), "{wrong}");
        assert_eq!(list, tasks(text("tasks-queue")));
    }
}

#[test]
fn a_criterion_comes_after_the_last_one_of_its_requirement() {
    let check = |before: &str, requirement, sentence: &str, inserted: &str| {
        let mut read = Requirements::parse("requirements.md", before.as_bytes()).unwrap();
        read.add_criterion(requirement, sentence).unwrap();
        assert_eq!(difference(before, read.source().text()), (String::new(), inserted.to_owned()));
        assert_eq!(Requirements::parse("requirements.md", read.source().text().as_bytes()).unwrap(), read);
    };
    let queue = text("requirements-queue");
    let sentence = "WHEN asked THE Intake SHALL answer";
    check(queue, 1, sentence, "5. WHEN asked THE Intake SHALL answer\n");
    check(queue, 2, sentence, "3. WHEN asked THE Intake SHALL answer\n");
    let crlf = queue.replace('\n', "\r\n");
    check(&crlf, 1, sentence, "5. WHEN asked THE Intake SHALL answer\r\n");
    check(queue.trim_end(), 2, sentence, "\n3. WHEN asked THE Intake SHALL answer");
    check(
        "### Requirement 1\n#### Acceptance Criteria\n",
        1,
        sentence,
        "1. WHEN asked THE Intake SHALL answer\n",
    );

    let mut read = Requirements::parse("requirements.md", queue.as_bytes()).unwrap();
    for (requirement, sentence, why) in [
        (7, sentence, "there is no requirement 7 with acceptance criteria"),
        (1, "it answers", "the sentence is none: nothing says SHALL"),
        (1, "THE Intake SHALL\n5. answer", "what is put in has one line"),
    ] {
        let err = read.add_criterion(requirement, sentence).unwrap_err().to_string();
        assert!(err.starts_with(why), "{err}");
    }
    assert_eq!(read.source().text(), queue);
}

#[test]
fn what_stays_comes_after_the_last_one_of_its_section() {
    let before = text("bugfix-search");
    let mut read = Bugfix::parse("bugfix.md", before.as_bytes()).unwrap();
    let sentence = "WHEN an order is opened THEN the system SHALL CONTINUE TO show it";
    assert_eq!(read.add(Behavior::Unchanged, sentence).unwrap().to_string(), "3.3");
    assert_eq!(difference(before, read.source().text()), (String::new(), format!("3.3 {sentence}\n")));
    assert_eq!(read.add(Behavior::Current, "WHEN it rains THEN it leaks").unwrap().to_string(), "1.3");
    assert!(
        read.source().text().contains(
            "1.2 WHEN two such searches run THEN the database answers nobody else\n1.3 WHEN it rains"
        )
    );
}
