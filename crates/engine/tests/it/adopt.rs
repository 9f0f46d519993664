//! Adopting a bundle: two people besides whoever asks, by the roster in force until then; what is decided meanwhile is decided
//! under one of the two, and the log says which.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use approval::Act;
use engine::{Admitted, Adopt, Candidate, CandidateError, RefusalKind, SignError};
use model::{Change, ChangeId, ChangeState, EntryKind, StepState, Verdict};
use policy::{Bundle, Files};
use serde_json::json;

use crate::{
    actions::{DELETE_STACK, DESCRIBE_STACKS, Found, PUT_PARAMETER, inverse},
    cast::{ANA, BEN, BEN_AGAIN, CLEO, DAN, MALLORY, OLGA, OTTO, Person, name},
    world::{START, World, expect_refusal, permitted, refused},
};

/// As the prover would write it of rules that it has proved.
fn certificate(files: &Files) -> Vec<u8> {
    let bundle = Bundle::load(files).unwrap_or_else(|err| panic!("{err}"));
    let rules = bundle.provable();
    let mut ids: Vec<String> =
        ["no-rule-can-err", "agreement/constitution", "agreement/grants"].map(str::to_owned).to_vec();
    ids.extend(bundle.invariants().iter().map(|it| format!("invariant/{}", it.id)));
    ids.extend(rules.iter().filter(|it| it.absolute).map(|it| format!("absolute/{}", it.rule.id)));
    ids.extend(rules.iter().filter(|it| it.breakglass).map(|it| format!("breakglass/{}", it.rule.id)));
    let results: Vec<_> = ids.iter().map(|id| json!({ "id": id, "judgement": "proved" })).collect();
    let read = files.iter().filter(|(path, _)| path.ends_with(".cedar"));
    let read: BTreeMap<_, _> = read.map(|(path, text)| (path, model::Digest::of(text))).collect();
    let certificate = json!({
        "schema": "countersign.certificate/v1",
        "bundle": bundle.digest(),
        "cedar_schema": policy::schema_digest(),
        "files": read,
        "made_with": { "cvc5": "1.0.3" },
        "passed": ids.len(),
        "failed": 0,
        "results": results,
    });
    serde_json::to_vec(&certificate).unwrap()
}

/// As the prover would write it where it has found these examples, or none.
fn comparison(before: model::Digest, files: &Files, newly_allowed: &serde_json::Value) -> Vec<u8> {
    let compared = json!({
        "schema": "countersign.refinement/v1",
        "before": before,
        "bundle": Bundle::digest_of(files),
        "cedar_schema": policy::schema_digest(),
        "made_with": { "cvc5": "1.0.3" },
        "newly_allowed": newly_allowed,
        "no_longer_allowed": [],
        "unanswered": [],
    });
    serde_json::to_vec(&compared).unwrap()
}

/// The bundle of the world with a text put in the place of another in one file.
pub(crate) fn edited(files: &Files, file: &str, from: &str, to: &str) -> Files {
    let mut edited = files.clone();
    let text = String::from_utf8(edited[file].clone()).unwrap();
    let next = text.replace(from, to);
    assert_ne!(next, text, "the edit of {file} changes nothing");
    edited.insert(file.to_owned(), next.into_bytes());
    edited
}

/// Whatever else it is, another bundle.
pub(crate) fn commented(files: &Files, comment: &str) -> Files {
    let mut files = files.clone();
    files.get_mut("overrides.toml").unwrap().extend_from_slice(format!("# {comment}\n").as_bytes());
    files
}

/// An agent may do nothing at all.
fn without_grants(files: &Files) -> Files {
    let mut files = files.clone();
    files.retain(|path, _| !path.starts_with("grants/agent-kiro."));
    files
}

fn candidate(files: &Files) -> Arc<Candidate> {
    Arc::new(Candidate::read(files.clone(), certificate(files)).unwrap_or_else(|err| panic!("{err}")))
}

impl World {
    pub(crate) async fn adopt(&self, files: &Files, by: &Person) -> Result<Change, SignError> {
        let comparison = comparison(self.digest(), files, &json!([]));
        self.adopt_as_compared(files, Some(comparison), by).await
    }

    async fn adopt_as_compared(
        &self,
        files: &Files,
        comparison: Option<Vec<u8>>,
        by: &Person,
    ) -> Result<Change, SignError> {
        let signed = ("POST /v1/bundles".to_owned(), "signed".to_owned());
        let candidate = candidate(files);
        self.engine.adopt(Adopt { candidate, comparison, by: name(by.name), signed }).await
    }

    /// From asking to its being in force.
    pub(crate) async fn adopted(&self, files: &Files) -> ChangeId {
        let asking = self.adopt(files, &ANA).await.unwrap();
        self.approve_by_two(asking.id).await;
        let done = self.adopt(files, &ANA).await.unwrap();
        assert_eq!((done.id, done.state), (asking.id, ChangeState::Executed));
        assert_eq!(self.engine.bundle().digest(), Bundle::digest_of(files));
        done.id
    }

    pub(crate) fn digest(&self) -> model::Digest {
        self.engine.bundle().digest()
    }
}

#[tokio::test]
async fn promise_8_a_bundle_comes_into_force_by_two_people_and_the_log_says_so() {
    let world = World::in_memory().await;
    let before = world.digest();
    let next = without_grants(&world.place.files);
    let _ = permitted(world.ask(&DESCRIBE_STACKS.action()).await).redeem();
    let asking = world.adopt(&next, &OLGA).await.unwrap();
    assert_eq!(asking.state, ChangeState::Held);
    let text = world.statement(asking.id, Act::Approve, &BEN, None).await.to_text();
    let to = Bundle::digest_of(&next);
    for shown in [
        "countersign:AdoptBundle",
        "2 other people",
        "production",
        &before.to_string(),
        &to.to_string(),
        "(grants/agent-kiro.cedar) is gone",
        "nobody signed it",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert_eq!(world.adopt(&next, &OLGA).await.unwrap().id, asking.id, "asked twice, it is one");
    world.approve(asking.id, &BEN).await.unwrap();
    world.approve(asking.id, &BEN_AGAIN).await.unwrap();
    let still = world.adopt(&next, &OLGA).await.unwrap();
    assert_eq!(still.state, ChangeState::Held, "two keys of one person are one person");
    let signed = world.approve(asking.id, &CLEO).await.unwrap();
    assert_eq!(signed.note, "approved: it is carried out when olga asks for it again");
    assert_eq!(world.digest(), before, "approved is not in force");

    let done = world.adopt(&next, &OLGA).await.unwrap();
    assert_eq!((done.id, done.state), (asking.id, ChangeState::Executed));
    assert_eq!(world.digest(), to);
    expect_refusal(world.ask(&DESCRIBE_STACKS.action()).await, RefusalKind::Denied, "");

    let entries = world.entries().await;
    let kinds: Vec<_> = entries.iter().filter(|it| it.change == Some(asking.id)).map(|it| it.kind).collect();
    assert_eq!(
        kinds,
        [
            EntryKind::ChangeHeld,
            EntryKind::ApprovalGiven,
            EntryKind::ApprovalGiven,
            EntryKind::ChangeJudged,
            EntryKind::PermitIssued,
            EntryKind::BundleAdopted,
            EntryKind::OutcomeRecorded,
        ]
    );
    let at = entries.iter().position(|it| it.kind == EntryKind::BundleAdopted).unwrap();
    let entry = &entries[at];
    assert_eq!((entry.bundle, &entry.detail["from"]), (Some(to), &before.to_string()));
    assert_eq!(entry.detail["certificate"], model::Digest::of(&certificate(&next)).to_string());
    assert_eq!(entry.actors.person, Some(name("olga")));
    for (nth, entry) in entries.iter().enumerate().filter(|(_, it)| it.kind == EntryKind::ReadsAdmitted) {
        assert_eq!(
            entry.bundle,
            Some(if nth < at { before } else { to }),
            "reads stand where they were judged"
        );
    }
    let held = entries.iter().find(|it| it.change == Some(asking.id)).unwrap();
    assert_eq!(held.detail["signature"], "signed", "who asked has signed for asking");
    world.finish().await;
}

#[tokio::test]
async fn promise_8_whoever_asked_or_may_not_approve_does_not_count() {
    let world = World::in_memory().await;
    let next = commented(&world.place.files, "one");
    let asking = world.adopt(&next, &BEN).await.unwrap();
    for nobody in [BEN, OLGA] {
        let err = world.approve(asking.id, &nobody).await.unwrap_err();
        assert!(matches!(err, SignError::MayNot(_)), "{}: {err}", nobody.name);
    }
    assert!(matches!(world.approve(asking.id, &MALLORY).await, Err(SignError::Signature(_))));
    world.approve(asking.id, &CLEO).await.unwrap();
    world.approve(asking.id, &CLEO).await.unwrap();
    assert_eq!(world.adopt(&next, &BEN).await.unwrap().state, ChangeState::Held);
    // What somebody else asks for is another change, and needs its own signatures.
    let other = world.adopt(&next, &DAN).await.unwrap();
    assert_ne!(other.id, asking.id);
    assert_eq!(other.state, ChangeState::Held);
    world.approve(asking.id, &OTTO).await.unwrap();
    assert_eq!(world.adopt(&next, &BEN).await.unwrap().state, ChangeState::Executed);
    assert_eq!(world.state(other.id).await, ChangeState::Expired, "what it would replace is not in force");
    let late = world.adopt(&next, &DAN).await.unwrap_err();
    assert!(late.to_string().contains("in force already"), "{late}");
    world.finish().await;
}

/// The same people, a bundle without one of them, and what was signed before.
#[tokio::test]
async fn promise_8_the_roster_until_then_decides_and_the_new_one_from_then_on() {
    let world = World::in_memory().await;
    // Cleo is no approver any more; she agrees to it herself.
    let roster = String::from_utf8(world.place.files["roster.toml"].clone()).unwrap();
    let (before, after) = roster.split_once("[people.cleo]").unwrap();
    let without =
        format!("{before}[people.cleo]{}", after.replacen("approver = true", "approver = false", 1));
    let mut next = world.place.files.clone();
    next.insert("roster.toml".to_owned(), without.into_bytes());
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve(held, &CLEO).await.unwrap();
    let asking = world.adopt(&next, &ANA).await.unwrap();
    world.approve(asking.id, &CLEO).await.unwrap();
    world.approve(asking.id, &DAN).await.unwrap();
    assert_eq!(world.adopt(&next, &ANA).await.unwrap().state, ChangeState::Executed);

    // Her approval of before is void, and so is everybody's.
    assert!(matches!(world.approve(held, &CLEO).await, Err(SignError::MayNot(_))));
    world.approve(held, &BEN).await.unwrap();
    assert_eq!(world.hold(&DELETE_STACK.action()).await, held, "one is not two");
    world.approve(held, &DAN).await.unwrap();
    assert_eq!(world.run(&DELETE_STACK.action()).await, held);
    // She is none of the two for the next one either.
    let back = world.adopt(&world.place.files.clone(), &ANA).await.unwrap();
    assert!(matches!(world.approve(back.id, &CLEO).await, Err(SignError::MayNot(_))));
    world.finish().await;
}

#[tokio::test]
async fn an_approver_who_is_removed_meanwhile_counts_no_more() {
    let world = World::in_memory().await;
    let without_dan = edited(&world.place.files, "roster.toml", "[people.dan]", "[people.daniel]");
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve(held, &BEN).await.unwrap();
    world.approve(held, &DAN).await.unwrap();
    assert_eq!(world.state(held).await, ChangeState::Approved);
    world.adopted(&without_dan).await;
    assert_eq!(world.hold(&DELETE_STACK.action()).await, held, "what was approved is held anew");
    assert!(matches!(world.approve(held, &DAN).await, Err(SignError::Signature(_))));
    world.approve_by_two(held).await;
    assert_eq!(world.run(&DELETE_STACK.action()).await, held);
    world.finish().await;
}

#[tokio::test]
async fn one_veto_closes_it_and_only_a_signed_new_intent_reopens_it() {
    let world = World::in_memory().await;
    let (before, next) = (world.digest(), commented(&world.place.files, "one"));
    let asking = world.adopt(&next, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    world.says(asking.id, Act::Reject, &DAN, Some("not on a Friday")).await.unwrap();
    let refused = world.adopt(&next, &ANA).await.unwrap_err().to_string();
    assert!(refused.contains("dan rejected") && refused.contains("Friday"), "{refused}");
    let err = world.says(asking.id, Act::Reopen, &BEN, Some("it is Monday")).await.unwrap_err();
    assert!(matches!(err, SignError::NotOperator(_)), "{err}");
    let reopened = world.says(asking.id, Act::Reopen, &ANA, Some("it is Monday")).await.unwrap().change;
    assert_eq!((reopened.state, world.digest()), (ChangeState::Held, before));
    assert_eq!(world.adopt(&next, &ANA).await.unwrap().id, reopened.id, "earlier signatures are void");
    world.approve_by_two(reopened.id).await;
    assert_eq!(world.adopt(&next, &ANA).await.unwrap().state, ChangeState::Executed);
    world.finish().await;
}

#[tokio::test]
async fn it_expires_like_any_other() {
    let world = World::in_memory().await;
    let next = commented(&world.place.files, "one");
    let asking = world.adopt(&next, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    let until = world.change(asking.id).await.expires_at;
    world.clock.advance(until.since(world.engine.now().unwrap()) / 1000 + 1);
    let anew = world.adopt(&next, &ANA).await.unwrap();
    assert_ne!(anew.id, asking.id);
    assert_eq!((anew.state, world.state(asking.id).await), (ChangeState::Held, ChangeState::Expired));
    world.finish().await;
}

#[tokio::test]
async fn going_back_is_adopting_the_bundle_before_again() {
    let world = World::in_memory().await;
    let (first, second) = (world.place.files.clone(), without_grants(&world.place.files));
    world.adopted(&second).await;
    expect_refusal(world.ask(&DESCRIBE_STACKS.action()).await, RefusalKind::Denied, "");
    world.adopted(&first).await;
    let _ = permitted(world.ask(&DESCRIBE_STACKS.action()).await).redeem();
    // The same step once more, by approvals of its own.
    let again = world.adopt(&second, &ANA).await.unwrap();
    assert_eq!(again.state, ChangeState::Held);
    assert_eq!(world.count(EntryKind::BundleAdopted).await, 2);
    world.finish().await;
}

/// Nobody signs a certificate, so those who signed for one have signed for no other.
#[tokio::test]
async fn another_certificate_voids_what_was_signed() {
    let world = World::in_memory().await;
    let next = commented(&world.place.files, "one");
    let asking = world.adopt(&next, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    let other = String::from_utf8(certificate(&next)).unwrap().replace("1.0.3", "1.0.4").into_bytes();
    let candidate = Arc::new(Candidate::read(next.clone(), other.clone()).unwrap());
    let ask = |candidate: &Arc<Candidate>| {
        let signed = ("POST /v1/bundles".to_owned(), "signed".to_owned());
        let comparison = Some(comparison(world.digest(), &next, &json!([])));
        world.engine.adopt(Adopt { candidate: Arc::clone(candidate), comparison, by: name(ANA.name), signed })
    };
    let held = ask(&candidate).await.unwrap();
    assert_eq!((held.id, held.state), (asking.id, ChangeState::Held));
    let text = world.statement(asking.id, Act::Approve, &BEN, None).await.to_text();
    assert!(text.contains(&model::Digest::of(&other).to_string()), "{text}");
    world.approve_by_two(asking.id).await;
    assert_eq!(ask(&candidate).await.unwrap().state, ChangeState::Executed);
    let entries = world.entries().await;
    let adopted = entries.iter().find(|it| it.kind == EntryKind::BundleAdopted).unwrap();
    assert_eq!(adopted.detail["certificate"], model::Digest::of(&other).to_string());
    world.finish().await;
}

/// A request that the one bundle may allow: `kiro`, launched by `ana`, reads something in staging.
fn reads_in(environment: &str) -> serde_json::Value {
    let kinds = policy::kind_lineage("parameter");
    let lies_in = kinds.into_iter().map(|kind| json!({ "type": "Kind", "id": kind }));
    let lies_in = lies_in.chain([
        json!({ "type": "Service", "id": "ssm" }),
        json!({ "type": "Environment", "id": environment }),
    ]);
    json!({
        "principal": { "type": "Agent", "id": "kiro" },
        "action": "read",
        "resource": "orders",
        "name": "orders",
        "id": "orders",
        "lies_in": lies_in.collect::<Vec<_>>(),
        "context": {
            "operation": "example:Operation",
            "operator": "ana",
            "session": { "in_scope": true, "autonomy": 2 },
            "approvals": { "people": 0, "touched": 0, "rendered": 0, "owners": 0, "roles": [] },
            "evidence": {
                "state_observed": false, "undo_captured": false, "inner_listed": false,
                "backup_verified": false, "dry_run": false, "rehearsal": false,
            },
            "exposes": { "data": false, "credentials": false },
            "within_budget": false,
            "standing": false,
            "risk": { "known": false, "expected_loss": 0, "tail_loss": 0, "benefit": 0 },
            "time": { "peak": false, "frozen": false },
            "change": { "destroys": 0, "replaces": false, "staged": false, "undo": false, "steps": 0 },
            "history": {
                "destroys": 0, "agent_destroys": 0, "protections_lowered": 0, "backups_touched": 0,
                "data_destroyed": 0, "created_by_session": false,
            },
        },
    })
}

/// Who signs is shown what the rules newly allow, in our own words; a comparison that leaves something open, or tells what is
/// not so, is none.
#[tokio::test]
async fn what_the_rules_newly_allow_is_shown_to_those_who_sign() {
    let world = World::in_memory().await;
    let (first, next) = (world.place.files.clone(), without_grants(&world.place.files));
    world.adopted(&next).await;
    let told =
        |request: serde_json::Value| json!([{ "example": { "told": "harmless", "request": request } }]);
    let honest = comparison(world.digest(), &first, &told(reads_in("staging")));
    let with = |from: &str, to: &str| {
        let text = String::from_utf8(honest.clone()).unwrap();
        assert!(text.contains(from), "{from}: {text}");
        Some(text.replacen(from, to, 1).into_bytes())
    };
    let mut unknown_context = reads_in("staging");
    unknown_context["context"]["weather"] = json!("fine");
    let elsewhere = comparison(Bundle::digest_of(&first), &first, &json!([]));
    for (says, comparison) in [
        ("is not shown", None),
        (
            "is not known: destroy: no answer",
            with("\"unanswered\":[]", "\"unanswered\":[\"destroy: no answer\"]"),
        ),
        ("and not of", Some(elsewhere)),
        ("another schema", with(&policy::schema_digest().to_string(), &"0".repeat(64))),
        ("this version reads", with("refinement/v1", "refinement/v2")),
        ("cannot be read", Some(b"{}".to_vec())),
        ("longer than", Some(vec![b' '; policy::Comparison::MAX_BYTES + 1])),
        ("the decision says otherwise", with("\"kiro\"", "\"nobody\"")),
        ("the decision says otherwise", Some(comparison(world.digest(), &first, &told(unknown_context)))),
    ] {
        let err = world.adopt_as_compared(&first, comparison, &ANA).await.unwrap_err();
        assert!(matches!(&err, SignError::NotCompared(why) if why.contains(says)), "{says}: {err}");
    }
    assert_eq!(world.count(EntryKind::ChangeHeld).await, 1, "nothing but the adoption before was asked for");

    let asking = world.adopt_as_compared(&first, Some(honest.clone()), &ANA).await.unwrap();
    let text = world.statement(asking.id, Act::Approve, &BEN, None).await.to_text();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for shown in [
        &*model::Digest::of(&honest).to_string(),
        "what the rules newly allow: 1 example(s)",
        "with: newly allowed =",
        "agent `kiro`, launched by `ana`, reads `orders` (parameter) of ssm in staging, approved by nobody; before: stopped by \
         the grant of agent kiro",
        "1 things become laxer",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(!text.contains("harmless"), "whoever compared says nothing in a statement: {text}");
    world.approve_by_two(asking.id).await;
    let other = world.adopt(&first, &ANA).await.unwrap();
    assert_eq!(
        (other.id, other.state),
        (asking.id, ChangeState::Held),
        "another comparison shows something else"
    );
    world.approve_by_two(asking.id).await;
    assert_eq!(world.adopt(&first, &ANA).await.unwrap().state, ChangeState::Executed);
    world.finish().await;
}

/// What is asked for under one bundle and written under another is decided again.
#[tokio::test]
async fn what_was_classified_under_the_bundle_before_is_asked_for_anew() {
    let world = World::in_memory().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let under = world.engine.bundle();
    world.adopted(&commented(&world.place.files, "one")).await;
    let before = world.count(EntryKind::PermitIssued).await;
    for call in [DESCRIBE_STACKS, PUT_PARAMETER, DELETE_STACK] {
        let asked = engine::Asked {
            session: Arc::clone(&world.session),
            action: call.action(),
            under: Arc::clone(&under),
            signature: world.place.fresh(),
            purpose: engine::Purpose::Agent,
        };
        match world.engine.admit(asked, &world.target).await {
            Admitted::Turned(request) => assert_eq!(*request, call.action().into_request()),
            other => panic!("{}: {other:?}", call.operation),
        }
    }
    assert_eq!(world.count(EntryKind::PermitIssued).await, before);
    world.run(&PUT_PARAMETER.action()).await;
    world.finish().await;
}

#[tokio::test]
async fn a_statement_of_before_is_not_signed_and_a_veto_of_before_is_asked_for_anew() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    let approving = world.statement(held, Act::Approve, &BEN, None).await.to_text();
    let rejecting = world.statement(held, Act::Reject, &DAN, Some("no")).await.to_text();
    world.adopted(&commented(&world.place.files, "one")).await;
    for (who, text) in [(BEN, approving), (DAN, rejecting)] {
        let err = world.engine.sign(held, text.clone(), who.sign(&text)).await.unwrap_err();
        assert!(matches!(err, SignError::Stale(_)), "{err}");
    }
    // Whoever opens it sees it under the bundle in force, once.
    let shown = world.statement(held, Act::Reject, &DAN, Some("no")).await;
    assert_eq!(shown.bundle, world.digest());
    let judged = world.count(EntryKind::ChangeJudged).await;
    world.says(held, Act::Reject, &DAN, Some("no")).await.unwrap();
    assert_eq!(world.count(EntryKind::ChangeJudged).await, judged);
    world.finish().await;
}

/// What needed two people under the one needs nobody under the other, and the other way round.
#[tokio::test]
async fn what_waits_is_judged_anew_for_whoever_opens_it() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    let staging =
        edited(&world.place.files, "environments.toml", "accounts = [\"123456789012\"]", "accounts = []");
    let staging =
        edited(&staging, "environments.toml", "\"210987654321\"", "\"210987654321\", \"123456789012\"");
    world.adopted(&staging).await;
    // Where it lands was decided when it was gathered: it stays held until it is asked for again.
    world.statement(held, Act::Approve, &BEN, None).await;
    let change = world.change(held).await;
    assert_eq!((change.bundle, change.state), (world.digest(), ChangeState::Held));
    assert_eq!(world.run(&DELETE_STACK.action()).await, held, "two people of staging agree to nothing");
    // That it needs nobody any more is on record before it is let through, with why.
    let entries = world.entries().await;
    let of_held = entries.iter().filter(|it| it.change == Some(held));
    let told: Vec<_> = of_held
        .filter(|it| matches!(it.kind, EntryKind::ChangeJudged | EntryKind::PermitIssued))
        .map(|it| (it.kind, it.detail["verdict"].as_str(), !it.detail["why"].is_empty()))
        .collect();
    assert_eq!(
        told,
        [
            (EntryKind::ChangeJudged, "hold", true),
            (EntryKind::ChangeJudged, "allow", true),
            (EntryKind::PermitIssued, "allow", true),
        ]
    );
    world.finish().await;
}

#[tokio::test]
async fn promise_8_the_operation_table_of_a_bundle_is_signed_for_and_on_record() {
    let world = World::in_memory().await;
    let table = model::Digest::of(b"what this stands for is the gateway's matter");
    let mut next = world.place.files.clone();
    next.insert("tables.toml".to_owned(), policy::Tables::text(table).into_bytes());
    let nowhere = world.adopt(&next, &OLGA).await.unwrap_err();
    assert!(nowhere.to_string().contains(&format!("no operation table {table} is kept here")), "{nowhere}");
    assert_eq!(world.count(EntryKind::ChangeHeld).await, 0);

    world.place.library.put_table(table, "its text");
    let asking = world.adopt(&next, &ANA).await.unwrap();
    let text = world.statement(asking.id, Act::Approve, &BEN, None).await.to_text();
    for shown in ["the operation table goes from", &table.to_string()] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert_eq!(world.adopted(&next).await, asking.id);
    assert_eq!(world.engine.table(table), Ok("its text".to_owned()));
    let entries = world.entries().await;
    let adopted = entries.iter().find(|entry| entry.kind == EntryKind::BundleAdopted).unwrap();
    assert_eq!(adopted.detail.get("table"), Some(&table.to_string()));
    assert_eq!(world.problems().await, [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_adopted_is_refused_and_nothing_is_held() {
    let world = World::in_memory().await;
    let files = &world.place.files;
    let check = |files: &Files, proof: Option<Vec<u8>>, says: &str| {
        let proof = proof.unwrap_or_else(|| b"{}".to_vec());
        let err = Candidate::read(files.clone(), proof).unwrap_err();
        assert!(err.to_string().contains(says), "{says}: {err}");
        err
    };
    let roster = |text: &str| {
        let mut files = files.clone();
        files.insert("roster.toml".to_owned(), text.as_bytes().to_vec());
        files.retain(|path, _| !path.starts_with("grants/"));
        files
    };
    let key = |who: &Person| who.enrolled().0;
    let person =
        |who: &Person, more: &str| format!("[people.{}]\nkeys = [\"{}\"]\n{more}\n", who.name, key(who));
    let one = roster(&format!("{}{}", person(&ANA, "operator = true"), person(&BEN, "approver = true")));
    check(&one, None, "roster.toml leaves 1 approver(s)");
    let two = roster(&format!("{}{}", person(&BEN, "approver = true"), person(&CLEO, "approver = true")));
    check(&two, None, "nobody could change the bundle again");
    let three = format!("{}{}", person(&ANA, "operator = true"), person(&BEN, "approver = true"));
    let three = roster(&format!("{three}{}", person(&CLEO, "approver = true")));
    check(&three, None, "the certificate cannot be read");
    // A key file counts nowhere under `strict`, so whoever has nothing else could agree to nothing.
    let strict = edited(
        &edited(&three, "bundle.toml", "\"lab\"", "\"strict\""),
        "bundle.toml",
        "everywhere",
        "nowhere",
    );
    check(&strict, None, "with security keys");
    let newer = edited(files, "bundle.toml", "countersign.bundle/v1", "countersign.bundle/v2");
    assert!(matches!(check(&newer, None, "no schema known here"), CandidateError::Load(_)));
    let examples = "constitution/no-backup-loss-after-data.examples.toml";
    let broken = edited(files, examples, "expect = \"allow\"", "expect = \"hold\"");
    assert!(matches!(check(&broken, None, "came out otherwise"), CandidateError::Examples(_)));

    let other = certificate(&commented(files, "another"));
    check(files, Some(other), "the certificate is of the bundle");
    let tampered = |from: &str, to: &str| {
        let text = String::from_utf8(certificate(files)).unwrap();
        assert!(text.contains(from), "{from}: {text}");
        Some(text.replacen(from, to, 1).into_bytes())
    };
    check(files, tampered("\"proved\"", "\"unproved\""), "that it is unproved");
    check(files, tampered("\"no-rule-can-err\"", "\"something-else\""), "says nothing of `no-rule-can-err`");
    check(files, tampered("\"failed\":0", "\"failed\":1"), "its sums");
    check(files, tampered("certificate/v1", "certificate/v2"), "this version reads");
    let schema = policy::schema_digest().to_string();
    check(files, tampered(&schema, &"0".repeat(64)), "another schema");

    let same = world.adopt(files, &ANA).await.unwrap_err();
    assert!(matches!(&same, SignError::NotAdoptable(why) if why.contains("in force already")), "{same}");
    assert_eq!(world.count(EntryKind::ChangeHeld).await, 0);
    world.finish().await;
}

/// Many agents, and the bundle changes under them again and again: each request is decided under one of the two, and the
/// auditor agrees.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn promise_8_nothing_is_dropped_while_the_bundle_changes() {
    let world = Arc::new(World::on_disk().await);
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let over = Arc::new(AtomicBool::new(false));
    let agents: Vec<_> = (0..6)
        .map(|nth| {
            let (world, over) = (Arc::clone(&world), Arc::clone(&over));
            tokio::spawn(async move {
                let (mut asked, mut turned) = (0u32, 0u32);
                let names = ["/a", "/b", "/c", "/d", "/e", "/f"];
                while !over.load(Ordering::SeqCst) {
                    let call = if asked % 3 == 0 {
                        crate::actions::Call { name: names[nth], ..PUT_PARAMETER }
                    } else {
                        DESCRIBE_STACKS
                    };
                    match world.ask(&call.action()).await {
                        Admitted::Permit(permit) if permit.change().is_some() => {
                            world.answer(permit, 200).await
                        }
                        Admitted::Permit(permit) => {
                            let _ = permit.redeem();
                        }
                        Admitted::Turned(_) => turned += 1,
                        Admitted::Refused(refusal) if refusal.kind == RefusalKind::Denied => {}
                        other => panic!("{other:?}"),
                    }
                    asked += 1;
                }
                (asked, turned)
            })
        })
        .collect();
    let first = world.place.files.clone();
    for round in 0..4 {
        let next = if round % 2 == 0 { without_grants(&first) } else { first.clone() };
        world.adopted(&next).await;
    }
    over.store(true, Ordering::SeqCst);
    let mut total = 0;
    for agent in agents {
        total += agent.await.unwrap().0;
    }
    assert!(total > 50, "{total} requests");
    let world = Arc::into_inner(world).unwrap();
    assert_eq!(world.count(EntryKind::BundleAdopted).await, 4);
    world.finish().await;
}

/// As earlier versions left it: the permit is on record, and the process ended before the bundle was.
#[tokio::test]
async fn what_a_crash_left_under_way_did_not_happen() {
    let world = World::on_disk().await;
    let next = commented(&world.place.files, "one");
    let asking = world.adopt(&next, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    let mut change = world.change(asking.id).await;
    change.steps[0].state = StepState::Unknown;
    change.state = ChangeState::Executing;
    let from = change.version;
    let entry = model::Entry::new(
        model::EntryId::new(1, [1; 10]),
        world.engine.now().unwrap(),
        EntryKind::OutcomeUnknown,
    );
    world.store.write(move |tx| tx.advance_change(&change, from, entry)).await.unwrap();
    let back = world.adopt(&next, &ANA).await.unwrap();
    assert_eq!((back.id, back.state), (asking.id, ChangeState::Failed));
    let anew = world.adopt(&next, &ANA).await.unwrap();
    assert_ne!(anew.id, asking.id);
    assert_eq!(anew.state, ChangeState::Held, "its approvals are spent");
}

/// A restart needs the bundle that was adopted last, and goes on with what waited.
#[tokio::test]
async fn after_a_restart_the_adopted_bundle_is_in_force_and_the_one_before_does_not_start() {
    let world = World::on_disk().await;
    let session = Arc::clone(&world.session);
    let (first, next) = (world.place.files.clone(), commented(&world.place.files, "one"));
    world.adopted(&next).await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    let kept = world.engine.kept(Bundle::digest_of(&next)).unwrap();
    assert_eq!((kept.files, kept.shown.unwrap().certificate), (next.clone(), certificate(&next)));
    let mut place = world.end().await;
    place.files = first;
    let (err, mut place) = match place.restart(Arc::clone(&session), START.plus_seconds(60)).await {
        Ok(_) => panic!("it started under a bundle that is not in force"),
        Err(refused) => refused,
    };
    assert!(matches!(err, engine::StartError::Bundle { .. }), "{err}");
    place.files = next;
    let world = place.restart(session, START.plus_seconds(60)).await.map_err(|(err, _)| err).unwrap();
    assert_eq!(world.run(&DELETE_STACK.action()).await, held, "signatures are good beyond the process");
    world.finish().await;
}

/// Promise 13, for this: documents and states by hand bring nothing into force.
#[tokio::test]
async fn promise_13_no_bundle_is_adopted_by_a_row() {
    type Edit = fn(&mut Change);
    let edits: [(&str, Edit); 3] = [
        ("approved", |change| change.state = ChangeState::Approved),
        ("executing", |change| {
            change.state = ChangeState::Executing;
            change.steps[0].state = StepState::Executing;
        }),
        ("held", |change| change.verdict = Verdict::Allow),
    ];
    for (state, edit) in edits {
        let world = World::on_disk().await;
        let (before, next) = (world.digest(), commented(&world.place.files, "one"));
        let asking = world.adopt(&next, &ANA).await.unwrap();
        world.approve(asking.id, &BEN).await.unwrap();
        let mut change = world.change(asking.id).await;
        edit(&mut change);
        let rows = rusqlite::Connection::open(world.place.database()).unwrap().execute(
            "UPDATE changes SET state = ?3, document = ?2 WHERE id = ?1",
            rusqlite::params![change.id.to_string(), serde_json::to_vec(&change).unwrap(), state],
        );
        assert_eq!(rows, Ok(1));
        let result = world.adopt(&next, &ANA).await;
        assert!(!matches!(&result, Ok(it) if it.state == ChangeState::Executed), "{state}: {result:?}");
        assert_eq!((world.digest(), world.count(EntryKind::BundleAdopted).await), (before, 0), "{state}");
    }
}

/// Approvals of one bundle, and a document that says it was another.
/// The same words, signed by somebody who may, for an installation of another fingerprint.
#[tokio::test]
async fn what_was_signed_for_another_installation_adopts_nothing_here() {
    let world = World::in_memory().await;
    let (before, next) = (world.digest(), commented(&world.place.files, "next"));
    let asking = world.adopt(&next, &ANA).await.unwrap();
    let ours = world.engine.installation();
    let theirs = model::Digest::of(b"another installation");
    let text = world.statement(asking.id, Act::Approve, &BEN, None).await.to_text();
    let other = text.replace(&ours.to_string(), &theirs.to_string());
    assert_ne!(other, text);
    let refused = world.engine.sign(asking.id, other.clone(), BEN.sign(&other)).await.unwrap_err();
    assert!(matches!(refused, SignError::Stale(_)), "{refused}");
    world.approve(asking.id, &CLEO).await.unwrap();
    assert_eq!(world.adopt(&next, &ANA).await.unwrap().state, ChangeState::Held);
    assert_eq!(world.digest(), before);
}

#[tokio::test]
async fn promise_13_approvals_of_one_bundle_are_none_of_another() {
    let world = World::on_disk().await;
    let (before, one, other) =
        (world.digest(), commented(&world.place.files, "one"), commented(&world.place.files, "other"));
    let asking = world.adopt(&one, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    let mut change = world.change(asking.id).await;
    change.adopts = change.adopts.map(|it| model::Adoption { to: Bundle::digest_of(&other), ..it });
    let rows = rusqlite::Connection::open(world.place.database()).unwrap().execute(
        "UPDATE changes SET document = ?2 WHERE id = ?1",
        rusqlite::params![change.id.to_string(), serde_json::to_vec(&change).unwrap()],
    );
    assert_eq!(rows, Ok(1));
    for files in [&one, &other] {
        let asked = world.adopt(files, &ANA).await.unwrap();
        assert_ne!(asked.state, ChangeState::Executed);
    }
    assert_eq!(world.digest(), before);
}

#[tokio::test]
async fn a_session_is_opened_by_whom_the_bundle_in_force_names() {
    let world = World::in_memory().await;
    let renamed = |(path, text): (&String, &Vec<u8>)| {
        let text = String::from_utf8(text.clone()).unwrap().replace("codex", "other");
        (path.replace("codex", "other"), text.into_bytes())
    };
    let next: Files = world.place.files.iter().map(renamed).collect();
    world.adopted(&next).await;
    let asked = |agent: &str| engine::NewSession {
        agent: agent.parse().unwrap(),
        operator: name("ana"),
        launcher: name("ana"),
        task: "x".to_owned(),
        scope: "".parse().unwrap(),
        autonomy: model::Autonomy::Suggest,
        ttl_s: 60,
        signed: (String::new(), String::new()),
    };
    assert!(matches!(world.engine.issue(asked("codex")).await, Err(engine::IssueError::UnknownAgent(_))));
    world.engine.issue(asked("other")).await.unwrap();
    let refusal = refused(world.ask(&DELETE_STACK.action()).await);
    assert_eq!(refusal.kind, RefusalKind::Held, "{}", refusal.message);
    world.finish().await;
}
