//! Broken glass: whose, by whom, for how long, and what went through it.

use expect_test::{Expect, expect};
use model::{Agent, BreakGlass, Chain, Digest, EntryKind, SessionId, change_digest};

use crate::story::{Scribe, change, name, roster, time};

/// What is otherwise than where two people broke a glass, and one call went through it.
struct Broken {
    by: &'static [&'static str],
    minutes: &'static str,
    /// Minutes after the story begins.
    until: i64,
    ground: &'static str,
    permitted: bool,
    vetoed: bool,
    /// Twice by the same change.
    again: bool,
    /// Through which change's glass the call went.
    through: u8,
    /// In this session.
    session: u8,
}

const USUAL: Broken = Broken {
    by: &["bob", "carol"],
    minutes: "30",
    until: 38,
    ground: "the shop is down",
    permitted: true,
    vetoed: false,
    again: false,
    through: 1,
    session: 1,
};

impl Broken {
    fn problems(&self) -> String {
        let mut there = roster();
        // What the call's own agent is, and whose.
        there.agents.insert("codex".parse().unwrap(), Agent { owner: Some(name("carol")) });
        there.people.insert(
            name("erin"),
            model::Person {
                keys: [crate::story::public("erin")].into(),
                approver: true,
                ..Default::default()
            },
        );
        let mut log = Scribe::new();
        log.adopt(9, &there, Digest::of(b"another"));
        let session = SessionId::new(1, [1; 10]);
        let glass = BreakGlass {
            session,
            agent: "codex".parse().unwrap(),
            grant: None,
            waives: ["nothing-in-a-freeze".parse().unwrap()].into(),
            minutes: 30,
            ground: "the shop is down".parse().unwrap(),
        };
        let (agent, operator) = ("kiro".parse().unwrap(), name("alice"));
        let chain = Chain { agent, operator, launcher: None, owner: None };
        let before = std::mem::replace(&mut log.digest, change_digest(&chain, [glass.digest()]));
        log.hold(1);
        for person in self.by {
            log.approve(1, person);
        }
        if self.vetoed {
            let line = crate::story::checkpoint_line(&log.entries);
            let said = crate::story::statement(approval::Act::Reject, "bob", change(1), log.digest, line);
            log.signed(EntryKind::ChangeRejected, 1, &approval::Statement { bundle: log.bundle, ..said });
        }
        if self.permitted {
            log.permit(1, "0", "2");
        }
        let detail = [
            ("session", session.to_string()),
            ("for_agent", "codex".to_owned()),
            ("grant", String::new()),
            ("waives", "nothing-in-a-freeze".to_owned()),
            ("minutes", self.minutes.to_owned()),
            ("ground", self.ground.to_owned()),
            ("until", time(self.until).to_string()),
        ];
        let detail: Vec<_> = detail.iter().map(|(key, value)| (*key, value.as_str())).collect();
        for _ in 0..if self.again { 2 } else { 1 } {
            log.about(EntryKind::GlassBroken, 1, None, &detail);
        }
        log.digest = before;
        let through = change(self.through).to_string();
        log.about(
            EntryKind::PermitIssued,
            2,
            None,
            &[("step", "0"), ("people", "0"), ("verdict", "allow"), ("glass", &through)],
        );
        let last = log.entries.last_mut().unwrap();
        let mut entry: model::Entry = serde_json::from_slice(last).unwrap();
        entry.actors.session = Some(SessionId::new(1, [self.session; 10]));
        *last = serde_json::to_vec(&entry).unwrap();
        log.log().problems()
    }
}

fn check(broken: &Broken, expected: &Expect) {
    expected.assert_eq(&broken.problems());
}

#[test]
fn two_people_break_a_glass_and_what_goes_through_it_is_theirs() {
    check(&Broken { by: &["bob", "erin"], ..USUAL }, &expect![""]);
    // Carol owns the agent.
    check(
        &USUAL,
        &expect![[r#"
        glass_unapproved @10: entry 10 breaks the glass of ses-0000000001040g2081040g2081, which takes 2 people besides whoever asked and whoever owns the agent; before it the log has approvals of 1
    "#]],
    );
    check(
        &Broken { by: &["bob"], ..USUAL },
        &expect![[r#"
        permit_unapproved @8: entry 8 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        glass_unapproved @9: entry 9 breaks the glass of ses-0000000001040g2081040g2081, which takes 2 people besides whoever asked and whoever owns the agent; before it the log has approvals of 1
    "#]],
    );
    check(
        &Broken { by: &["bob", "bob"], ..USUAL },
        &expect![[r#"
        permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        glass_unapproved @10: entry 10 breaks the glass of ses-0000000001040g2081040g2081, which takes 2 people besides whoever asked and whoever owns the agent; before it the log has approvals of 1
    "#]],
    );
}

const GOOD: Broken = Broken { by: &["bob", "erin"], ..USUAL };

#[test]
fn a_glass_is_broken_as_it_was_agreed_to() {
    check(
        &Broken { ground: "another", ..GOOD },
        &expect![[r#"
        glass_unapproved @10: entry 10 breaks the glass of ses-0000000001040g2081040g2081, which is not what chg-01m7xzk500040g2081040g2081 asked for
    "#]],
    );
    check(
        &Broken { minutes: "31", ..GOOD },
        &expect![[r#"
        glass_unapproved @10: entry 10 breaks the glass of ses-0000000001040g2081040g2081, which is not what chg-01m7xzk500040g2081040g2081 asked for
    "#]],
    );
    check(
        &Broken { until: 60, ..GOOD },
        &expect![[r#"
        glass_unapproved @10: entry 10 breaks the glass of ses-0000000001040g2081040g2081 for longer than was agreed to, or than an hour
    "#]],
    );
    check(
        &Broken { permitted: false, ..GOOD },
        &expect![[r#"
        glass_unapproved @9: entry 9 breaks the glass as chg-01m7xzk500040g2081040g2081, which nothing permitted
    "#]],
    );
    check(
        &Broken { vetoed: true, ..GOOD },
        &expect![[r#"
        permit_after_veto @10: entry 10 permits chg-01m7xzk500040g2081040g2081, which entry 9 had vetoed
        glass_unapproved @11: entry 11 breaks the glass as chg-01m7xzk500040g2081040g2081, which entry 9 had vetoed
    "#]],
    );
    check(
        &Broken { again: true, ..GOOD },
        &expect![[r#"
        glass_unapproved @11: entry 11 breaks the glass as chg-01m7xzk500040g2081040g2081, and so did entry 10: an approval covers one broken glass
    "#]],
    );
    check(
        &Broken { minutes: "many", ..GOOD },
        &expect![[r#"
        glass_unapproved @10: entry 10 breaks the glass and does not say whose, with what and until when
        glass_unapproved @11: entry 11 permits chg-01m7xzk500081040g2081040g2 through the glass of chg-01m7xzk500040g2081040g2081, which nothing has broken
    "#]],
    );
}

#[test]
fn nothing_goes_through_a_glass_that_is_another_or_whole() {
    check(
        &Broken { through: 7, ..GOOD },
        &expect![[r#"
        glass_unapproved @11: entry 11 permits chg-01m7xzk500081040g2081040g2 through the glass of chg-01m7xzk5000w3ge1r70w3ge1r7, which nothing has broken
    "#]],
    );
    check(
        &Broken { session: 2, ..GOOD },
        &expect![[r#"
        glass_unapproved @11: entry 11 permits chg-01m7xzk500081040g2081040g2 through the glass of ses-0000000001040g2081040g2081, which is another session
    "#]],
    );
    check(
        &Broken { until: 10, ..GOOD },
        &expect![[r#"
        glass_unapproved @11: entry 11 permits chg-01m7xzk500081040g2081040g2 through the glass of ses-0000000001040g2081040g2081, which was broken until 2026-11-21T02:50:00.000Z
    "#]],
    );
}
