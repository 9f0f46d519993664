//! The grammar by generation, and by example.

use expect_test::{Expect, expect};
use proptest::{prelude::*, sample::select};
use spec::ears::{Ears, Lead, Modal, Phrase, parse};

fn words(of: &'static [&'static str], count: std::ops::Range<usize>) -> impl Strategy<Value = Phrase> {
    prop::collection::vec(select(of), count).prop_map(|it| Phrase::new(&it.join(" ")))
}

/// Clauses hold the words that the grammar is made of, too, but in small letters.
const CLAUSE: [&str; 14] = [
    "the", "queue", "holds", "100", "orders,", "until", "an", "agent", "asks", "where", "it", "is", "and",
    "if",
];
const SYSTEM: [&str; 6] = ["Gateway", "order", "queue", "of", "each", "region-2"];
const RESPONSE: [&str; 12] =
    ["answer", "within", "200", "ms", "when", "the", "then", "agent", "shall", "ask", "(if", "possible)"];

fn sentence() -> impl Strategy<Value = Ears> {
    let clause = || {
        words(&CLAUSE, 1..6)
            .prop_filter("a clause says something", |it| !it.text.trim_matches(',').is_empty())
    };
    let lead = prop_oneof![
        Just(None),
        clause().prop_map(|it| Some(Lead::When(it))),
        clause().prop_map(|it| Some(Lead::If(it))),
    ];
    let modal = select(&[Modal::Shall, Modal::ShallNot, Modal::ShallContinueTo][..]);
    (
        prop::option::of(clause()),
        prop::option::of(clause()),
        lead,
        words(&SYSTEM, 1..4),
        modal,
        words(&RESPONSE, 1..8),
    )
        .prop_map(|(feature, state, lead, system, modal, response)| {
            let bare = |it: Phrase| Phrase::new(it.text.trim_matches(','));
            let lead = lead.map(|it| match it {
                Lead::When(it) => Lead::When(bare(it)),
                Lead::If(it) => Lead::If(bare(it)),
            });
            Ears { feature: feature.map(bare), state: state.map(bare), lead, system, modal, response }
        })
}

/// How it is written: emphasis and commas, `THEN` after `WHEN`, a line break for a space, a full stop.
#[derive(Clone, Debug)]
struct Style {
    comma: bool,
    then: bool,
    bold: bool,
    gap: &'static str,
    stop: bool,
}

fn style() -> impl Strategy<Value = Style> {
    (any::<bool>(), any::<bool>(), any::<bool>(), select(&[" ", "  ", "\n   ", "\r\n\t"][..]), any::<bool>())
        .prop_map(|(comma, then, bold, gap, stop)| Style { comma, then, bold, gap, stop })
}

fn written(ears: &Ears, style: &Style, case: fn(&str) -> String) -> String {
    let key = |word: &str| if style.bold { format!("**{}**", case(word)) } else { case(word) };
    let comma = if style.comma { "," } else { "" };
    let mut parts = Vec::new();
    let mut clause =
        |keyword: &str, phrase: &Phrase| parts.push(format!("{} {}{comma}", key(keyword), phrase.text));
    ears.feature.iter().for_each(|it| clause("WHERE", it));
    ears.state.iter().for_each(|it| clause("WHILE", it));
    match &ears.lead {
        Some(Lead::When(it)) => clause("WHEN", it),
        Some(Lead::If(it)) => clause("IF", it),
        None => {}
    }
    if matches!(ears.lead, Some(Lead::If(_))) || (style.then && ears.lead.is_some()) {
        parts.push(key("THEN"));
    }
    parts.push(format!("{} {}", key("THE"), ears.system.text));
    let modal = match ears.modal {
        Modal::Shall => key("SHALL"),
        Modal::ShallNot => format!("{} {}", key("SHALL"), key("NOT")),
        Modal::ShallContinueTo => format!("{} {} {}", key("SHALL"), key("CONTINUE"), key("TO")),
    };
    parts.push(format!("{modal} {}{}", ears.response.text, if style.stop { "." } else { "" }));
    parts.join(" ").split(' ').collect::<Vec<_>>().join(style.gap)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_written_in_capitals_is_read_as_it_was_meant(ears in sentence(), style in style()) {
        let text = written(&ears, &style, str::to_owned);
        let read = parse(&text, 0).map_err(|err| TestCaseError::fail(format!("{text}: {err}")))?;
        prop_assert_eq!(&read, &ears, "{}", text);
        prop_assert_eq!(read.pattern(), ears.pattern());
        // Every phrase knows where it stands.
        for phrase in read.phrases().chain([&read.system]) {
            let there = text.get(phrase.at.clone()).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(&there, &phrase.text);
        }
        // And what it writes reads the same.
        prop_assert_eq!(parse(&read.to_string(), 0), Ok(ears));
    }

    /// Small letters take commas, and clauses that do not speak of the system's article after one.
    #[test]
    fn any_case_is_read_where_commas_stand(ears in sentence(), style in style(), title in any::<bool>()) {
        let ears = without(&ears, &[",", "shall"]);
        fn capital(word: &str) -> String {
            let (first, rest) = word.split_at(1);
            format!("{first}{}", rest.to_lowercase())
        }
        let case = if title { capital } else { str::to_lowercase };
        let style = Style { comma: true, ..style };
        let text = written(&ears, &style, case);
        prop_assert_eq!(parse(&text, 0), Ok(ears), "{}", text);
    }

    #[test]
    fn no_text_breaks_it(text in "(?s)((WHEN|IF|THE|the|THEN|SHALL|shall|WHERE|WHILE|NOT|,|\\[|\\]|\\*\\*|é|[a-z]{1,3}|\n)( |,|\\*)?){0,12}", base in 0_usize..9) {
        match parse(&text, base) {
            Ok(read) => {
                for phrase in read.phrases().chain([&read.system]) {
                    prop_assert!(text.get(phrase.at.start - base..phrase.at.end - base).is_some());
                }
            }
            Err(err) => prop_assert!(text.get(err.at.start - base..err.at.end - base).is_some(), "{:?}", err),
        }
    }
}

/// The same sentence without some words and marks.
fn without(ears: &Ears, out: &[&str]) -> Ears {
    let less = |it: &Phrase| {
        let text = out.iter().fold(it.text.clone(), |text, out| text.replace(out, " "));
        if text.trim().is_empty() { Phrase::new("rest") } else { Phrase::new(&text) }
    };
    Ears {
        feature: ears.feature.as_ref().map(less),
        state: ears.state.as_ref().map(less),
        lead: ears.lead.as_ref().map(|it| match it {
            Lead::When(it) => Lead::When(less(it)),
            Lead::If(it) => Lead::If(less(it)),
        }),
        system: ears.system.clone(),
        modal: ears.modal,
        response: less(&ears.response),
    }
}

fn check(text: &str, expected: Expect) {
    let read = match parse(text, 0) {
        Ok(ears) => format!("{:?} | {ears}", ears.pattern()),
        Err(err) => format!("{err} | at `{}` | {}", text.get(err.at.clone()).unwrap(), err.fault.hint()),
    };
    expected.assert_eq(&read);
}

#[test]
fn sentences_as_people_write_them() {
    check("THE Gateway SHALL refuse", expect!["Ubiquitous | THE Gateway SHALL refuse"]);
    check("The system shall refuse.", expect!["Ubiquitous | THE system SHALL refuse"]);
    check("Gateway SHALL refuse", expect!["Ubiquitous | THE Gateway SHALL refuse"]);
    check(
        "WHEN [event] THEN [system] SHALL [response]",
        expect!["Event | WHEN [event] THE [system] SHALL [response]"],
    );
    check(
        "WHEN a user asks, Gateway SHALL answer",
        expect!["Event | WHEN a user asks THE Gateway SHALL answer"],
    );
    check(
        "when the user logs in the gateway shall answer",
        expect!["Event | WHEN the user logs in THE gateway SHALL answer"],
    );
    check(
        "if the disk is full then gateway shall stop",
        expect!["Unwanted | IF the disk is full THEN THE gateway SHALL stop"],
    );
    check(
        "WHEN the rule that shall apply is found THE engine SHALL name it",
        expect!["Event | WHEN the rule that shall apply is found THE engine SHALL name it"],
    );
    check(
        "WHILE it runs, WHEN asked THE job SHALL CONTINUE TO run",
        expect!["Complex | WHILE it runs WHEN asked THE job SHALL CONTINUE TO run"],
    );
    check(
        "IF it fails THEN the job SHALL NOT delete anything",
        expect!["Unwanted | IF it fails THEN THE job SHALL NOT delete anything"],
    );
}

#[test]
fn what_is_no_sentence_says_where_and_why() {
    check("", expect!["nothing says SHALL | at `` | say what the system does: WHEN … THE system SHALL …"]);
    check(
        "The gateway answers",
        expect![
            "nothing says SHALL | at `The gateway answers` | say what the system does: WHEN … THE system SHALL …"
        ],
    );
    check(
        "SHALL answer",
        expect!["nothing says which system shall | at `SHALL` | put THE and the system's name before SHALL"],
    );
    check(
        "After a restart the gateway SHALL answer",
        expect![
            "it begins with none of WHERE, WHILE, WHEN, IF and THE | at `After` | begin with WHEN (something happens), WHILE (a state lasts), IF (something goes wrong) or THE system"
        ],
    );
    check(
        "WHEN a user asks gateway SHALL answer",
        expect!["nothing says which system shall | at `SHALL` | put THE and the system's name before SHALL"],
    );
    check(
        "WHEN THE gateway SHALL answer",
        expect!["WHEN is followed by nothing | at `WHEN` | say what it is, or take the word out"],
    );
    check(
        "WHEN x WHILE y THE gateway SHALL answer",
        expect![
            "WHILE stands after WHEN | at `WHILE` | the order is WHERE, WHILE, then WHEN or IF, each at most once"
        ],
    );
    check(
        "WHEN x WHEN y THE gateway SHALL answer",
        expect![
            "WHEN stands after WHEN | at `WHEN` | the order is WHERE, WHILE, then WHEN or IF, each at most once"
        ],
    );
    check(
        "IF it fails THE gateway SHALL answer",
        expect!["IF without THEN | at `gateway` | write IF … THEN THE system SHALL …"],
    );
    check(
        "WHEN x THE gateway SHALL",
        expect!["SHALL is followed by nothing | at `SHALL` | say what the system does"],
    );
    check(
        "WHEN x THE gateway SHALL NOT .",
        expect!["SHALL is followed by nothing | at `SHALL` | say what the system does"],
    );
    check(
        "WHEN x THE SHALL answer",
        expect!["nothing says which system shall | at `SHALL` | put THE and the system's name before SHALL"],
    );
}
