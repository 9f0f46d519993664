//! Messages as Slack shows them, whoever wrote what they are about.

use expect_test::{Expect, expect};
use model::EntryKind;
use notify::{Message, slack};
use proptest::prelude::*;

use crate::fixture::{NOON, change, entry, person, sender, subject};

fn text(summary: &str) -> String {
    let change = change(summary);
    let could = ["ben", "carla"].map(person);
    let message = Message::of_entry(
        &sender(),
        &entry(EntryKind::ChangeHeld, &[]),
        41,
        Some(subject(&change, &[], &could)),
        NOON.plus_seconds(60),
    );
    slack::text(&message.unwrap())
}

fn check(summary: &str, expected: &Expect) {
    let text = text(summary);
    let sentence = text.lines().nth(1).unwrap_or_default();
    expected.assert_eq(sentence);
}

#[test]
fn a_held_change_is_one_glance() {
    expect![[r#"
        *Held in production: people have to agree*
        `Delete the stack cost-explorer`
        `fixer` for `olga`, in `production`
        needs `2 other people`: `ben`, `carla`; 59 min left
        <https://countersign.example:7300/changes/chg-01m7yzmhg00w3ge1r70w3ge1r7|Open it>"#]]
    .assert_eq(&text("Delete the stack cost-explorer."));
}

#[test]
fn hostile_names_stay_names() {
    check("Delete the stack <!channel>", &expect!["`Delete the stack &lt;!channel&gt;`"]);
    check("Delete @here & <@U012AB3CD>", &expect!["`Delete @here &amp; &lt;@U012AB3CD&gt;`"]);
    check(
        "a` *Approved* <https://evil.example|Approve>",
        &expect!["`a' *Approved* &lt;https://evil.example|Approve&gt;`"],
    );
    check("a\n*Approved by ben*\u{202e}", &expect![[r"`a\u{a}*Approved by ben*\u{202e}`"]]);
    check("&lt;!channel&gt;", &expect!["`&amp;lt;!channel&amp;gt;`"]);
}

proptest! {
    /// Whatever an agent or a cloud says stands in one code span, on one line, and is neither link nor mention.
    #[test]
    fn whatever_is_said_stands_in_one_code_span(summary in "\\PC{0,60}|[<>&`!@*_~|\n]{0,30}|.{0,1000}") {
        let text = text(&summary);
        let lines: Vec<_> = text.lines().collect();
        prop_assert_eq!(lines.len(), 5);
        let inner = lines[1].strip_prefix('`').and_then(|it| it.strip_suffix('`'));
        let inner = inner.ok_or_else(|| TestCaseError::fail(text.clone()))?;
        prop_assert!(!inner.contains(['`', '<', '>']));
        // The one link is ours.
        prop_assert_eq!(text.matches('<').count(), 1);
        prop_assert!(lines[4].starts_with("<https://countersign.example:7300/changes/chg-"));
        prop_assert!(text.len() < 8000);
    }
}
