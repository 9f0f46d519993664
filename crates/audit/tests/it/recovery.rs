//! Recovery keys give an installation another roster: two of them, nothing else, and not before whoever is left could
//! object.

use approval::{Act, Statement};
use expect_test::{Expect, expect};
use model::{
    Adoption, BundleParts, Chain, Digest, Entry, EntryId, EntryKind, Person, Roster, Timestamp, change_digest,
};

use crate::story::{Scribe, change, checkpoint_line, name, public, roster, statement, time};

/// What is otherwise than in a recovery as it should be.
#[derive(Default)]
struct Recovery {
    /// Who sign for it, if others than two of the keys.
    by: Option<[&'static str; 2]>,
    /// Minutes after it was asked for, if others than there must be.
    after: Option<i64>,
    /// Another rest of the bundle.
    more: bool,
    vetoed: bool,
}

const HOURS_72: i64 = 72 * 60;

fn with_recovery_keys() -> Roster {
    let mut there = roster();
    for key in ["north", "south", "west"] {
        let safe = Person { keys: [public(key)].into(), recovery: true, ..Person::default() };
        there.people.insert(name(key), safe);
    }
    there
}

impl Recovery {
    fn write(&self) -> String {
        let rest = Digest::of(b"rest");
        let before = BundleParts { roster: Digest::of(b"before"), rest };
        let mut there = with_recovery_keys();
        let mut log = Scribe::new();
        log.adopt(9, &there, before.digest());

        // Bob and carol have lost theirs.
        for person in ["bob", "carol"] {
            there.people.get_mut(person).unwrap().keys =
                [public(&format!("{}2", person.to_uppercase()))].into();
        }
        let text = serde_json::to_string(&there).unwrap();
        let after = BundleParts { roster: Digest::of(b"after"), rest };
        let to = BundleParts { rest: if self.more { Digest::of(b"more") } else { rest }, ..after }.digest();
        let adoption =
            Adoption { from: before.digest(), to, roster: Digest::of(text.as_bytes()), table: None };
        let (agent, operator) = ("kiro".parse().unwrap(), name("alice"));
        let chain = Chain { agent, operator, launcher: None, owner: None };
        log.digest = change_digest(&chain, [adoption.digest()]);
        let asked = log.entries.len() as i64;
        log.about(EntryKind::ChangeHeld, 1, None, &[("verdict", "hold"), ("people", "0")]);
        for person in self.by.unwrap_or(["north", "west"]) {
            let line = checkpoint_line(&log.entries);
            let said = Statement {
                requirement: "window two recovery keys, and 72 hours".into(),
                bundle: log.bundle,
                expires_at: time(10_000),
                ..statement(Act::Approve, person, change(1), log.digest, line)
            };
            log.signed(EntryKind::ApprovalGiven, 1, &said);
        }
        if self.vetoed {
            let line = checkpoint_line(&log.entries);
            let said = statement(Act::Reject, "dave", change(1), log.digest, line);
            log.signed(EntryKind::ChangeRejected, 1, &Statement { bundle: log.bundle, ..said });
        }
        let done = time(asked + self.after.unwrap_or(HOURS_72));
        log.about(EntryKind::PermitIssued, 1, None, &[("step", "0"), ("people", "0"), ("verdict", "hold")]);
        at(&mut log, done);
        log.bundle = to;
        log.about(
            EntryKind::BundleAdopted,
            1,
            None,
            &[
                ("from", &before.digest().to_string()),
                ("roster", &text),
                ("recovery", "north"),
                ("rest", &rest.to_string()),
                ("roster_before", &before.roster.to_string()),
                ("roster_after", &after.roster.to_string()),
            ],
        );
        at(&mut log, done);
        log.log().problems()
    }
}

/// The last entry was written then.
fn at(log: &mut Scribe, at: Timestamp) {
    let nth = log.entries.len();
    let last = log.entries.last_mut().unwrap();
    let mut entry: Entry = serde_json::from_slice(last).unwrap();
    (entry.at, entry.id) = (at, EntryId::new(at.millis(), [nth as u8; 10]));
    *last = serde_json::to_vec(&entry).unwrap();
}

fn check(recovery: &Recovery, expected: &Expect) {
    expected.assert_eq(&recovery.write());
}

#[test]
fn two_recovery_keys_give_another_roster_and_nothing_else() {
    check(&Recovery::default(), &expect![""]);
    // One of them twice; a person in the place of one; people who may approve everything else.
    for (by, keys) in [(["north", "north"], 1), (["north", "dave"], 1), (["bob", "carol"], 0)] {
        let found = Recovery { by: Some(by), ..Recovery::default() }.write();
        assert!(found.ends_with(&format!("before it the log has signatures of {keys}\n")), "{by:?}: {found}");
    }
    check(
        &Recovery { after: Some(HOURS_72 - 1), ..Recovery::default() },
        &expect![[r#"
        bundle_unapproved @10: entry 10 recovers the roster before whoever was left had the time to object that the roster gives them
    "#]],
    );
    check(
        &Recovery { more: true, ..Recovery::default() },
        &expect![[r#"
        bundle_unapproved @10: entry 10 recovers the roster and does not show that nothing else of the bundle is another
    "#]],
    );
    check(
        &Recovery { vetoed: true, ..Recovery::default() },
        &expect![[r#"
        permit_after_veto @10: entry 10 permits chg-01m7xzk500040g2081040g2081, which entry 9 had vetoed
        bundle_unapproved @11: entry 11 adopts a bundle as chg-01m7xzk500040g2081040g2081, which entry 9 had vetoed
    "#]],
    );
}

/// What they are for is nothing that an agent asks for.
#[test]
fn a_recovery_key_approves_nothing_else() {
    let mut log = Scribe::new();
    log.adopt(9, &with_recovery_keys(), Digest::of(b"with recovery keys"));
    log.hold(1);
    log.approve(1, "north");
    log.approve(1, "west");
    log.permit(1, "0", "2");
    expect![[r#"
        permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of nobody
    "#]].assert_eq(&log.log().problems());
}
