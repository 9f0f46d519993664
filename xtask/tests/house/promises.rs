//! SPECIFICATION.md claims nothing that no test holds: each promise ends with a paragraph `Tests:` of test names in
//! backticks, or `planned` where there is none, and the table at its top says the same.

use std::collections::BTreeSet;

use crate::tree::{none, read, sources};

const PROMISES: usize = 13;

#[test]
fn every_promise_names_tests_that_exist_or_says_planned() {
    let text = read("SPECIFICATION.md".as_ref());
    let tests = tests();
    let mut findings = Vec::new();
    let sections: Vec<_> = text.split("\n## ").skip(1).filter(|section| number(section).is_some()).collect();
    let numbers: Vec<_> = sections.iter().filter_map(|section| number(section)).collect();
    assert_eq!(numbers, (1..=PROMISES).collect::<Vec<_>>(), "the promises, in order");
    for section in sections {
        let title = section.lines().next().unwrap_or_default();
        let Some((_, named)) = section.split_once("\nTests:") else {
            findings.push(format!("{title}: no line `Tests:`"));
            continue;
        };
        let names: Vec<_> = named.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && named.trim() != "planned." {
            findings.push(format!("{title}: names no test and does not say planned"));
        }
        let state =
            text.lines().find_map(|line| line.strip_prefix(&format!("| {title} | "))?.strip_suffix(" |"));
        match (state, names.is_empty()) {
            (Some("planned"), true) | (Some("kept" | "in part"), false) => {}
            (state, _) => findings.push(format!("{title}: the table says {state:?}")),
        }
        let unknown = names.into_iter().filter(|name| !tests.contains(*name));
        findings.extend(unknown.map(|name| format!("{title}: there is no test `{name}`")));
    }
    none("a promise is what its tests hold", findings);
}

/// `3. Two people …` is promise 3; other headings have no number.
fn number(section: &str) -> Option<usize> {
    section.split_once(". ")?.0.parse().ok()
}

/// Functions with a test attribute on one of the lines just above.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, text) in sources() {
        let lines: Vec<_> = text.lines().map(str::trim_start).collect();
        for (at, line) in lines.iter().enumerate() {
            let declared = line.trim_start_matches("pub ").trim_start_matches("async ").strip_prefix("fn ");
            let Some((name, _)) = declared.and_then(|rest| rest.split_once('(')) else { continue };
            let mut above = lines
                .iter()
                .take(at)
                .rev()
                .take_while(|above| above.starts_with('#') || above.starts_with("//"));
            if above.any(|above| above == &"#[test]" || above.starts_with("#[tokio::test")) {
                names.insert(name.to_owned());
            }
        }
    }
    names
}
