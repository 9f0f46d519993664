//! Breaking the glass: two people give one session a grant and lift what may be lifted, for an hour at most; it lifts nothing
//! else, and everything is on record.

use approval::{Act, Ineligible};
use engine::{Admitted, GlassRequest, RefusalKind, SignError};
use model::{Autonomy, Change, ChangeId, ChangeState, EntryKind, Glass, SessionId, Verdict};
use policy::Files;
use rusqlite::{Connection, params};

use crate::{
    actions::{DELETE_STACK, DESCRIBE_STACKS, Found, PUT_PARAMETER, inverse},
    adopt::commented,
    cast::{ANA, BEN, DAN, OLGA, OTTO, Person, name},
    world::{World, expect_refusal, permitted, refused},
};

/// The agent may do nothing by itself; kept for emergencies is all of it. And everything is frozen.
fn in_need(files: &Files) -> Files {
    let mut next = files.clone();
    next.retain(|path, _| !path.starts_with("grants/agent-kiro."));
    next.insert(
        "grants/breakglass-night.cedar".to_owned(),
        b"@id(\"night\")\n@reason(\"anything in production, while it is down\")\n\
          permit (principal is Agent, action, resource in Environment::\"production\");\n"
            .to_vec(),
    );
    let calendar =
        "timezone = \"UTC\"\npeak = []\n[[freeze]]\nfrom = 2026-01-01\nto = 2027-12-31\nreason = \"r\"\n";
    next.insert("calendar.toml".to_owned(), calendar.as_bytes().to_vec());
    next
}

/// What is asked for, and how it differs from the usual.
struct Asking {
    session: Option<SessionId>,
    grant: Option<&'static str>,
    waives: &'static [&'static str],
    minutes: u32,
    by: Person,
}

const USUAL: Asking =
    Asking { session: None, grant: Some("night"), waives: &["nothing-in-a-freeze"], minutes: 30, by: ANA };

impl World {
    async fn in_need() -> Self {
        let world = Self::on_disk().await;
        world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
        world.adopted(&in_need(&world.place.files)).await;
        world
    }

    async fn break_glass(&self, asking: &Asking) -> Result<Change, SignError> {
        let request = GlassRequest {
            session: asking.session.unwrap_or(self.session.id),
            grant: asking.grant.map(|grant| grant.parse().unwrap()),
            waives: asking.waives.iter().map(|rule| rule.parse().unwrap()).collect(),
            minutes: asking.minutes,
            ground: "the shop is down".parse().unwrap(),
            by: name(asking.by.name),
            signed: ("POST".to_owned(), "signed".to_owned()),
        };
        self.engine.break_glass(request).await
    }

    async fn broken(&self) -> ChangeId {
        let asking = self.break_glass(&USUAL).await.unwrap();
        assert_eq!(asking.state, ChangeState::Held);
        self.approve_by_two(asking.id).await;
        let done = self.break_glass(&USUAL).await.unwrap();
        assert_eq!((done.id, done.state), (asking.id, ChangeState::Executed));
        done.id
    }

    async fn is_stopped(&self) {
        expect_refusal(self.ask(&PUT_PARAMETER.action()).await, RefusalKind::Denied, "");
    }
}

#[tokio::test]
async fn promise_8_two_people_break_the_glass_of_one_session_for_a_while() {
    let world = World::in_need().await;
    world.is_stopped().await;
    let asking = world.break_glass(&USUAL).await.unwrap();
    let text = world.statement(asking.id, Act::Approve, &BEN, None).await.to_text();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for shown in [
        "countersign:BreakGlass",
        "2 other people",
        "the shop is down",
        "grants/breakglass-night.cedar",
        "anything in production, while it is down",
        "nothing-in-a-freeze",
        "for 30 minutes",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert_eq!(world.engine.notices().await.unwrap().len(), 1, "it is loud while it waits");
    world.is_stopped().await;
    let change = world.broken().await;
    assert_eq!(change, asking.id);
    let notices = world.engine.notices().await.unwrap();
    assert!(matches!(notices.as_slice(), [it] if it.contains("is broken until")), "{notices:?}");

    // A write in the freeze, by nobody's grant but the emergency's; and a read, on record by itself.
    let done = world.run(&PUT_PARAMETER.action()).await;
    let read = permitted(world.ask(&DESCRIBE_STACKS.action()).await);
    let read = read.change().expect("a read of its own change");
    let entries = world.entries().await;
    for id in [done, read] {
        let permit = entries.iter().find(|it| it.kind == EntryKind::PermitIssued && it.change == Some(id));
        assert_eq!(permit.unwrap().detail["glass"], change.to_string());
    }
    let broken = entries.iter().find(|it| it.kind == EntryKind::GlassBroken).unwrap();
    assert_eq!(broken.detail["waives"], "nothing-in-a-freeze");
    // Another session of the same agent has nothing of it.
    let other = world.session("", Autonomy::Autonomous).await;
    expect_refusal(world.ask_as(&other, &PUT_PARAMETER.action()).await, RefusalKind::Denied, "");

    world.clock.advance(30 * 60);
    world.is_stopped().await;
    expect_refusal(world.ask(&DESCRIBE_STACKS.action()).await, RefusalKind::Denied, "");
    assert_eq!(world.engine.notices().await.unwrap(), Vec::<String>::new());
    assert_eq!(world.count(EntryKind::Alarm).await, 2);
    world.finish().await;
}

/// What cannot be undone takes two people, broken glass or not.
#[tokio::test]
async fn promise_8_a_broken_glass_lifts_neither_the_count_of_people_nor_what_is_absolute() {
    let world = World::in_need().await;
    world.broken().await;
    world.target.is(Found { state: Some("blue"), undo: None, ..Found::default() });
    let refusal = refused(world.ask(&DELETE_STACK.action()).await);
    assert_eq!(refusal.kind, RefusalKind::Held, "{}", refusal.message);
    let held = world.change(refusal.change.unwrap()).await;
    let Verdict::Hold(hold) = &held.verdict else { panic!("{:?}", held.verdict) };
    assert_eq!(hold.requirement.people, 2);
    for rule in ["no-widening-own-rights", "two-people-to-destroy", "no-such-rule"] {
        let asking = Asking { waives: Box::leak(Box::new([rule])), ..USUAL };
        let other = world.session("", Autonomy::Autonomous).await;
        let refused = world.break_glass(&Asking { session: Some(other.id), ..asking }).await.unwrap_err();
        assert!(matches!(&refused, SignError::NotBreakable(why) if why.contains(rule)), "{refused}");
    }
    world.finish().await;
}

#[tokio::test]
async fn promise_8_whoever_answers_for_the_session_or_owns_the_agent_does_not_count() {
    let world = World::in_need().await;
    let asking = world.break_glass(&USUAL).await.unwrap();
    // Ana launched it, Otto owns the agent, Olga approves nothing.
    for nobody in [ANA, OTTO, OLGA] {
        let refused = world.approve(asking.id, &nobody).await.unwrap_err();
        assert!(
            matches!(&refused, SignError::MayNot(Ineligible::InChain { .. } | Ineligible::NotApprover(_))),
            "{}: {refused}",
            nobody.name
        );
    }
    world.approve(asking.id, &BEN).await.unwrap();
    world.approve(asking.id, &BEN).await.unwrap();
    assert_eq!(world.break_glass(&USUAL).await.unwrap().state, ChangeState::Held);
    let refused = world.break_glass(&Asking { by: OLGA, ..USUAL }).await.unwrap_err();
    assert!(matches!(refused, SignError::NotOperator(_)), "{refused}");
    // One veto is enough.
    world.says(asking.id, Act::Reject, &DAN, Some("it is not down")).await.unwrap();
    assert!(world.break_glass(&USUAL).await.unwrap_err().to_string().contains("dan rejected"));
    world.is_stopped().await;
    world.finish().await;
}

#[tokio::test]
async fn what_cannot_be_broken_is_refused_and_nothing_is_held() {
    let world = World::in_need().await;
    let check = async |asking: Asking, says: &str| {
        let refused = world.break_glass(&asking).await.unwrap_err();
        assert!(matches!(&refused, SignError::NotBreakable(why) if why.contains(says)), "{says}: {refused}");
    };
    check(Asking { minutes: 0, ..USUAL }, "1 to 60 minutes").await;
    check(Asking { minutes: 61, ..USUAL }, "1 to 60 minutes").await;
    check(Asking { grant: None, waives: &[], ..USUAL }, "breaks nothing").await;
    check(Asking { grant: Some("day"), ..USUAL }, "keeps no grant `day` for emergencies (it keeps night)")
        .await;
    check(Asking { session: Some(SessionId::new(7, [7; 10])), ..USUAL }, "there is no session").await;
    let held = world.count(EntryKind::ChangeHeld).await;
    let stopped = world.session("", Autonomy::Autonomous).await;
    world.engine.stop(stopped.id, name("ana")).await.unwrap();
    check(Asking { session: Some(stopped.id), ..USUAL }, "is stopped").await;
    world.broken().await;
    check(USUAL, "is broken by").await;
    assert_eq!(world.count(EntryKind::ChangeHeld).await, held + 1);
    world.finish().await;
}

/// It waits an hour and no longer; and it ends with the session, and with the bundle.
#[tokio::test]
async fn it_ends_with_its_session_and_with_the_bundle_and_waits_for_an_hour() {
    let world = World::in_need().await;
    let asking = world.break_glass(&USUAL).await.unwrap();
    world.approve_by_two(asking.id).await;
    world.clock.advance(3601);
    let anew = world.break_glass(&USUAL).await.unwrap();
    assert_ne!(anew.id, asking.id, "what nobody agrees to within an hour is asked for again");
    world.approve_by_two(anew.id).await;
    assert_eq!(world.break_glass(&USUAL).await.unwrap().state, ChangeState::Executed);
    world.run(&PUT_PARAMETER.action()).await;
    world.adopted(&commented(&in_need(&world.place.files), "another")).await;
    expect_refusal(world.ask(&DESCRIBE_STACKS.action()).await, RefusalKind::Denied, "");
    world.engine.stop(world.session.id, name("ana")).await.unwrap();
    let closed = world.ask(&DESCRIBE_STACKS.action()).await;
    assert!(matches!(&closed, Admitted::Refused(it) if it.kind == RefusalKind::SessionClosed), "{closed:?}");
    world.finish().await;
}

#[tokio::test]
async fn promise_13_a_glass_is_not_broken_by_a_row() {
    let world = World::in_need().await;
    let asking = world.break_glass(&USUAL).await.unwrap();
    world.approve(asking.id, &BEN).await.unwrap();
    let mut session = (*world.session).clone();
    let until = world.engine.now().unwrap().plus_seconds(1800);
    session.glass = Some(Glass { change: asking.id, until });
    let mut change = world.change(asking.id).await;
    change.state = ChangeState::Executed;
    change.steps[0].state = model::StepState::Executed;
    let hand = Connection::open(world.place.database()).unwrap();
    let document = serde_json::to_vec(&session).unwrap();
    hand.execute(
        "UPDATE sessions SET document = ?2 WHERE id = ?1",
        params![session.id.to_string(), document],
    )
    .unwrap();
    let document = serde_json::to_vec(&change).unwrap();
    hand.execute(
        "UPDATE changes SET state = 'executed', document = ?2 WHERE id = ?1",
        params![change.id.to_string(), document],
    )
    .unwrap();
    drop(hand);
    expect_refusal(world.ask(&PUT_PARAMETER.action()).await, RefusalKind::Denied, "");
    let problems = world.problems().await;
    assert!(!problems.is_empty());
}

/// Kept by its change: after a restart it is what it was.
#[tokio::test]
async fn a_broken_glass_outlasts_a_restart_and_no_longer_than_it_would_have() {
    let world = World::in_need().await;
    world.broken().await;
    let session = std::sync::Arc::clone(&world.session);
    let then = world.engine.now().unwrap();
    let mut place = world.end().await;
    place.files = in_need(&place.files);
    let world = place.restart(session, then).await.map_err(|(err, _)| err).unwrap();
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    world.run(&PUT_PARAMETER.action()).await;
    world.clock.advance(1800);
    world.is_stopped().await;
    world.finish().await;
}
