//! Messages as programs read them.

use expect_test::{Expect, expect};
use model::{ChangeState, Effect, EffectSet, EntryKind, InnerAction, Observation, Step};
use notify::{Event, FLOOD, Message, fold, webhook};
use serde_json::Value;

use crate::fixture::{NOON, change, entry, person, sender, step, subject};

fn told(
    kind: EntryKind,
    details: &[(&str, &str)],
    prepare: impl FnOnce(&mut model::Change),
) -> Option<Message> {
    let mut change = change("Delete the stack cost-explorer and its 12 resources.");
    prepare(&mut change);
    let (approved, could) = ([person("ben")], [person("carla")]);
    let of = subject(&change, &approved, &could);
    Message::of_entry(&sender(), &entry(kind, details), 41, Some(of), NOON.plus_seconds(600))
}

fn check(message: Option<Message>, expected: &Expect) {
    let shown = message.map_or_else(
        || "nobody's news".to_owned(),
        |it| format!("{} | {} | {}", it.event, it.title, it.sentence.unwrap_or_default()),
    );
    expected.assert_eq(&shown);
}

#[test]
fn each_entry_is_told_in_our_words_and_none_of_its_agent() {
    let as_it_is = |_: &mut model::Change| {};
    check(
        told(EntryKind::ChangeHeld, &[], as_it_is),
        &expect![
            "change_held | Held in production: people have to agree | Delete the stack cost-explorer and its 12 resources"
        ],
    );
    check(
        told(EntryKind::ChangeHeld, &[], |it| it.steps.push(step("Delete the bucket logs."))),
        &expect![
            "change_held | Held in production: people have to agree | Delete the stack cost-explorer and its 12 resources (and 1 more, which destroys or cannot be undone)"
        ],
    );
    check(
        told(EntryKind::ChangeRejected, &[("reason", "there is traffic on it\u{1b}[2K")], |it| {
            it.state = ChangeState::Rejected;
        }),
        &expect![
            "change_rejected | Rejected in production | Delete the stack cost-explorer and its 12 resources (the reason: there is traffic on it\\u{1b}[2K)"
        ],
    );
    check(
        told(EntryKind::Alarm, &[("alarm", "an approval in the database is not one")], as_it_is),
        &expect!["alarm | Alarm | an approval in the database is not one"],
    );
    check(told(EntryKind::ChangeJoined, &[], as_it_is), &expect!["nobody's news"]);
    check(told(EntryKind::ReadsAdmitted, &[], as_it_is), &expect!["nobody's news"]);
    for kind in [EntryKind::ChangeHeld, EntryKind::ChangeExpired, EntryKind::OutcomeUnknown, EntryKind::Alarm]
    {
        let message = told(kind, &[("alarm", "x")], as_it_is).unwrap();
        let bodies = [webhook::body(&sender(), &message), notify::slack::body(&message)];
        for body in bodies {
            assert!(!String::from_utf8(body).unwrap().contains("placeholder"), "{kind:?}");
        }
    }
}

/// Its agent chooses the order of what it asks for, and so chooses nothing by it.
#[test]
fn the_worst_of_several_actions_leads() {
    let step = |summary: &str, effects: EffectSet, listed: Option<EffectSet>| Step {
        action: model::ActionParts { effects, ..step(summary).action },
        listed,
        ..step(summary)
    };
    let (read, write) = (EffectSet::of(Effect::Read), EffectSet::of(Effect::Write));
    let destroy = EffectSet::of(Effect::Destroy);
    let looks = step("Look at the table orders.", read, None);
    let tags = step("Tag the table orders.", write, None);
    let rights = step("Hand the role admin to everybody.", EffectSet::of(Effect::Privilege), None);
    let resizes = step("Resize the table orders.", write.with(Effect::Destroy), Some(write));
    let deletes = step("Delete the table orders.", destroy, None);
    let empties = step("Empty the bucket logs.", destroy, None);
    let told = |steps: &[&Step]| {
        let mut change = change("");
        change.steps = steps.iter().map(|it| (*it).clone()).collect();
        notify::sentence(&change)
    };
    let cases: [(&[&Step], &str); 9] = [
        (&[], "nothing"),
        (&[&looks], "Look at the table orders"),
        (&[&looks, &tags], "Tag the table orders (and 1 more)"),
        (&[&tags, &looks, &rights], "Hand the role admin to everybody (and 2 more)"),
        (&[&rights, &resizes, &tags], "Resize the table orders (and 2 more)"),
        (
            &[&looks, &resizes, &deletes],
            "Delete the table orders (and 2 more, 1 of which destroys or cannot be undone)",
        ),
        (&[&resizes, &deletes], "Delete the table orders (and 1 more, which destroys or cannot be undone)"),
        // Of those that are as bad, the first.
        (
            &[&tags, &empties, &deletes, &resizes],
            "Empty the bucket logs (and 3 more, 2 of which destroy or cannot be undone)",
        ),
        (
            &[&deletes, &empties, &resizes],
            "Delete the table orders (and 2 more, all of which destroy or cannot be undone)",
        ),
    ];
    for (steps, expected) in cases {
        assert_eq!(told(steps), expected);
    }
    // What it would carry out in turn counts as what it does itself.
    let mut runs = step("Update the stack shop.", write, None);
    runs.observation = Some(Observation {
        at: NOON,
        facts: Vec::new(),
        fingerprint: runs.digest,
        inner: vec![InnerAction {
            operation: runs.action.operation.clone(),
            effects: destroy,
            resources: Vec::new(),
            summary: "delete the table orders".to_owned(),
        }],
        inner_whole: true,
        unknowns: Vec::new(),
    });
    assert_eq!(told(&[&rights, &runs]), "Update the stack shop (and 1 more)");
    // However long its name is, what comes behind is told.
    let long = step(&format!("Delete the table {}.", "x".repeat(1000)), destroy, None);
    assert!(told(&[&long, &deletes]).ends_with("(and 1 more, which destroys or cannot be undone)"));
}

/// Whatever order an object's members are kept in.
fn sorted(json: Value) -> Value {
    match json {
        Value::Object(members) => {
            let members: std::collections::BTreeMap<String, Value> =
                members.into_iter().map(|(name, member)| (name, sorted(member))).collect();
            Value::Object(members.into_iter().collect())
        }
        other => other,
    }
}

#[test]
fn a_webhook_says_what_who_and_how_long() {
    let message = told(EntryKind::ChangeHeld, &[], |_| {}).unwrap();
    let body = sorted(serde_json::from_slice(&webhook::body(&sender(), &message)).unwrap());
    expect![[r#"
        {
          "change": {
            "agent": "fixer",
            "approved_by": [
              "ben"
            ],
            "could_approve": [
              "carla"
            ],
            "environment": "production",
            "expires_at": "2026-11-21T13:00:00.000Z",
            "id": "chg-01m7yzmhg00w3ge1r70w3ge1r7",
            "needs": "2 other people",
            "operator": "olga",
            "production": true,
            "seconds_left": 3000,
            "state": "held"
          },
          "entry": {
            "id": "ent-01m7yzmhg0040g2081040g2081",
            "index": 41
          },
          "id": "ent-01m7yzmhg0040g2081040g2081",
          "installation": "fcec91509759ad995c2cd14bcb26b2720993faf61c29d379b270d442d92290eb",
          "link": "https://countersign.example:7300/changes/chg-01m7yzmhg00w3ge1r70w3ge1r7",
          "more": 0,
          "schema": "countersign.notification/v1",
          "sentence": "Delete the stack cost-explorer and its 12 resources",
          "timestamp": "2026-11-21T12:00:00.000Z",
          "title": "Held in production: people have to agree",
          "type": "change_held"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&body).unwrap());
}

#[test]
fn a_flood_is_one_message_and_the_same_flood_has_one_id() {
    let one = |nth: usize| {
        let message = told(EntryKind::ChangeHeld, &[], |_| {}).unwrap();
        Message { id: format!("ent-{nth}"), ..message }
    };
    let many = |count: usize| fold((0..count).map(one).collect(), 0).unwrap();
    assert!(fold(Vec::new(), 0).is_none());
    assert_eq!(many(1), one(0));
    let folded = many(100);
    assert_eq!(folded, many(100));
    assert_ne!(folded.id, many(99).id);
    assert_eq!((folded.others.len(), folded.more), (FLOOD, 99 - FLOOD as u64));
    let text = notify::slack::text(&folded);
    assert!(text.ends_with(&format!("and {} more", 99 - FLOOD)), "{text}");
    assert!(webhook::body(&sender(), &many(10_000)).len() < 16 * 1024);
    assert_eq!(Event::ALL.len(), std::collections::BTreeSet::from(Event::ALL).len());
}
