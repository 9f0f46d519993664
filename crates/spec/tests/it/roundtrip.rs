//! Read and written without loss: documents that are generated, and documents of which bytes were changed. They are read, with the
//! same bytes, or refused with a place; nothing panics.

use proptest::{prelude::*, sample::select};
use spec::{Requirements, State, Tasks};

use crate::fixture::{CORPUS, view};

/// Kinds read each other's documents, too.
const KINDS: [&str; 6] = ["requirements", "bugfix", "design", "tasks", "steering", "intent"];

fn held(kind: &str, bytes: &[u8]) -> Result<bool, TestCaseError> {
    match view(kind, bytes) {
        Ok(view) => {
            prop_assert_eq!(view.text.as_bytes(), bytes);
            for span in view.spans {
                prop_assert!(view.text.get(span.start..span.end).is_some(), "{:?}", span);
            }
            Ok(true)
        }
        Err(refused) => {
            let lines = bytes.iter().filter(|it| **it == b'\n').count() + 1;
            prop_assert!((1..=lines).contains(&refused.line) && refused.column >= 1, "{}", refused);
            prop_assert!(!refused.hint().is_empty() && refused.code().starts_with("SP0"));
            Ok(false)
        }
    }
}

/// A piece that is put over, in place of or between bytes.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "- [ ] ",
        "[x]",
        "- [ ]* ",
        "# ",
        "### Requirement 3",
        "#### Acceptance Criteria",
        "1.",
        "2.1 ",
        "```",
        "<!--",
        "-->",
        "---\n",
        "\r\n",
        "\n",
        "\t",
        "**",
        "_Requirements: 1.1_",
        "_Check a: b_",
        "**Validates: Requirements 1-2**",
        "WHEN ",
        " SHALL ",
        "é",
        "\u{feff}",
        "\0",
        "9999999999.",
        ":",
        "{",
        "&a ",
        "*a",
        "0.0.0.0",
    ];
    prop_oneof![
        select(pieces.map(|it| it.as_bytes().to_vec()).to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_changed_document_is_read_whole_or_refused(
        document in select(&CORPUS[..]),
        kind in prop::option::of(select(&KINDS[..])),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..20, piece()), 1..5),
    ) {
        let mut bytes = document.1.as_bytes().to_vec();
        for (at, length, piece) in changes {
            let start = at.index(bytes.len() + 1);
            let end = (start + length).min(bytes.len());
            bytes.splice(start..end, piece);
        }
        held(kind.unwrap_or(document.0), &bytes)?;
    }

    #[test]
    fn any_bytes_are_read_or_refused(kind in select(&KINDS[..]), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        held(kind, &bytes)?;
    }

    #[test]
    fn generated_tasks_are_read_as_they_were_meant(plan in plan(), style in style()) {
        let text = written(&plan, &style);
        let read = Tasks::parse("tasks.md", text.as_bytes()).map_err(|err| TestCaseError::fail(format!("{err}\n{text}")))?;
        prop_assert_eq!(read.source().text(), &text);
        let meant: Vec<_> = plan.iter().enumerate().flat_map(|(nth, it)| it.ids(nth + 1)).collect();
        let found: Vec<_> = read.tasks().iter().map(|it| (it.id.to_string(), it.state, it.optional, it.requirements.list.len())).collect();
        prop_assert_eq!(found, meant, "{}", text);
    }

    #[test]
    fn generated_requirements_are_read_as_they_were_meant(counts in prop::collection::vec(0_usize..4, 1..12), style in style()) {
        let mut text = format!("# Requirements Document{0}{0}## Requirements{0}", style.ending);
        for (nth, criteria) in counts.iter().enumerate() {
            let number = nth + 1;
            text += &format!("{0}### Requirement {number}: Title{0}{0}**User Story:** As a tester, I want it.{0}{0}#### Acceptance Criteria{0}{0}", style.ending);
            for criterion in 1..=*criteria {
                let gap = if style.wrapped { format!("{}{}", style.ending, style.indent) } else { " ".to_owned() };
                text += &format!("{criterion}.{}WHEN it rains{gap}THE roof SHALL hold {criterion} days{}", style.space, style.ending);
            }
        }
        if !style.ends {
            text.truncate(text.trim_end().len());
        }
        let read = Requirements::parse("requirements.md", text.as_bytes()).map_err(|err| TestCaseError::fail(format!("{err}\n{text}")))?;
        prop_assert_eq!(read.source().text(), &text);
        let found: Vec<_> = read.requirements().iter().map(|it| it.criteria.len()).collect();
        prop_assert_eq!(&found, &counts, "{}", text);
        for criterion in read.criteria() {
            let days = format!("hold {} days", criterion.id.number);
            prop_assert_eq!(&criterion.ears.as_ref().unwrap().response.text, &days);
        }
    }
}

#[derive(Clone, Debug)]
struct Planned {
    state: State,
    references: usize,
    below: Vec<(State, bool, usize)>,
}

impl Planned {
    fn ids(&self, number: usize) -> Vec<(String, State, bool, usize)> {
        let below = self.below.iter().enumerate();
        let below = below.map(|(nth, it)| (format!("{number}.{}", nth + 1), it.0, it.1, it.2));
        std::iter::once((number.to_string(), self.state, false, self.references)).chain(below).collect()
    }
}

fn plan() -> impl Strategy<Value = Vec<Planned>> {
    let state = || select(&[State::Todo, State::InProgress, State::Done][..]);
    let below = prop::collection::vec((state(), any::<bool>(), 0_usize..5), 0..4);
    prop::collection::vec(
        (state(), 0_usize..5, below).prop_map(|(state, references, below)| Planned {
            state,
            references,
            below,
        }),
        1..8,
    )
}

#[derive(Clone, Debug)]
struct Style {
    ending: &'static str,
    bullet: &'static str,
    indent: &'static str,
    space: &'static str,
    after: &'static str,
    ends: bool,
    wrapped: bool,
    capital: bool,
}

fn style() -> impl Strategy<Value = Style> {
    (
        select(&["\n", "\r\n"][..]),
        select(&["-", "*", "+"][..]),
        select(&["  ", "    ", "\t", " ", "      "][..]),
        select(&[" ", "  ", "   "][..]),
        select(&[".", ")", ""][..]),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(ending, bullet, indent, space, after, ends, wrapped, capital)| Style {
            ending,
            bullet,
            indent,
            space,
            after,
            ends,
            wrapped,
            capital,
        })
}

fn written(plan: &[Planned], style: &Style) -> String {
    let Style { ending, bullet, indent, space, after, .. } = style;
    let mark = |state| match state {
        State::Todo => " ",
        State::InProgress => "-",
        State::Done if style.capital => "X",
        State::Done => "x",
    };
    let list = |count: usize| (1..=count).map(|it| format!("1.{it}")).collect::<Vec<_>>().join(", ");
    let mut text = format!("# Implementation Plan{ending}{ending}");
    for (nth, task) in plan.iter().enumerate() {
        let number = nth + 1;
        text += &format!("{bullet}{space}[{}] {number}{after} Do it{ending}", mark(task.state));
        text += &format!("{indent}{bullet} a detail{ending}");
        if task.references > 0 {
            text += &format!("{indent}{bullet} _Requirements: {}_{ending}", list(task.references));
        }
        for (nth, (state, optional, references)) in task.below.iter().enumerate() {
            let star = if *optional { "*" } else { "" };
            text += &format!(
                "{indent}{bullet}{space}[{}]{star} {number}.{} Part of it{ending}",
                mark(*state),
                nth + 1
            );
            if *references > 0 {
                text += &format!("{indent}{indent}{bullet} _Requirements: {}_{ending}", list(*references));
            }
        }
    }
    if !style.ends {
        text.truncate(text.trim_end().len());
    }
    text
}
