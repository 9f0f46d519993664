//! What of a change each may read.

use model::{
    Account, ActionParts, Chain, ChangeId, ChangeState, Commitment, Effect, EffectSet, Environment, Evidence,
    Exposure, InnerAction, Kept, KeptUndo, Link, Observation, Operation, Partition, PersonId, Region, Scope,
    SessionId, StepState, Undo, Value,
};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_795_228_800);

fn change(links: Vec<Link>) -> Change {
    let operation = Operation { service: "lambda".to_owned(), name: "UpdateFunctionCode".to_owned() };
    let digest = Value::Null.digest("countersign/test");
    let effects = EffectSet::of(Effect::Write);
    let action = ActionParts {
        operation: operation.clone(),
        partition: Partition("aws".to_owned()),
        account: Account("111122223333".to_owned()),
        region: Region("eu-west-1".to_owned()),
        effects,
        exposure: Exposure::default(),
        resources: Vec::new(),
        undo: Undo::Capturable,
        quantity: model::Quantity::one(),
        summary: "Update function code of pay.".to_owned(),
        shown: vec![("S3Key".to_owned(), "asked-for".to_owned())],
        unknowns: vec!["the role prod-admin could not be read".to_owned()],
        acting_as: None,
        second_lock: None,
    };
    let observation = Observation {
        at: NOW,
        facts: vec![("Role".to_owned(), "secret-fact".to_owned())],
        fingerprint: digest,
        inner: [("stack", "inner step"), ("secret", "hidden step")]
            .map(|(kind, summary)| InnerAction {
                operation: operation.clone(),
                effects,
                resources: vec![Resource {
                    service: "s".to_owned(),
                    kind: kind.parse().unwrap(),
                    name: "n".to_owned(),
                }],
                summary: summary.to_owned(),
            })
            .into(),
        inner_whole: true,
        unknowns: Vec::new(),
    };
    let request = Kept::Blob(Commitment::to(&[0; 32], b"secret-fact"));
    let undo = KeptUndo {
        summary: "puts back secret-fact".to_owned(),
        service: "lambda".to_owned(),
        region: "eu-west-1".to_owned(),
        request,
        removes_created: false,
    };
    let evidence = Evidence {
        kind: EvidenceKind::UndoCaptured,
        status: EvidenceStatus::Gathered,
        digest: Some(digest),
        note: undo.summary.clone(),
    };
    let person: PersonId = "ana".parse().unwrap();
    Change {
        id: ChangeId::new(1, [0; 10]),
        digest,
        state: ChangeState::Held,
        version: 0,
        session: SessionId::new(1, [0; 10]),
        chain: Chain {
            agent: "kiro".parse().unwrap(),
            operator: person.clone(),
            launcher: None,
            owner: None,
        },
        scope: Scope::default(),
        intent: "intent".to_owned(),
        steps: vec![Step {
            action,
            digest,
            environment: Environment::unknown(),
            state: StepState::Pending,
            listed: None,
            observation: Some(observation),
            sought: None,
            undo: Some(undo),
            execution: None,
            erased: Some(Erased {
                at: NOW,
                by: ChangeId::new(3, [0; 10]),
                asked_by: person.clone(),
                ground: "their own ground".parse().unwrap(),
            }),
            vouched: model::Vouched::ByAgent,
        }],
        environment: Environment::unknown(),
        verdict: Verdict::Allow,
        evidence: vec![evidence],
        bundle: digest,
        nonce: String::new(),
        created_at: NOW,
        expires_at: NOW,
        links,
        rejection: None,
        gone: None,
        reopened: None,
        joint: None,
        erases: None,
        adopts: None,
        breaks: None,
    }
}

/// What of the change each may read.
fn check(links: &[Link], agent_sees: &[&str], only_people_see: &[&str]) {
    let change = change(links.to_vec());
    let text = |view: ChangeView| serde_json::to_string(&view).unwrap();
    let (people, agent) = (text(ChangeView::of(&change, &[])), text_of(&change));
    for seen in agent_sees {
        assert!(agent.contains(seen) && people.contains(seen), "{seen}: {agent}");
    }
    for hidden in only_people_see {
        assert!(!agent.contains(hidden) && people.contains(hidden), "{hidden}: {agent}");
    }
}

#[test]
fn an_agent_sees_what_it_asked_for_and_not_what_was_read() {
    let fingerprint = Value::Null.digest("countersign/test").to_string();
    let own = [r#""undo":"captured""#, r#""facts":[]"#, r#""note":"captured""#];
    let agent = text_of(&change(Vec::new()));
    for part in own {
        assert!(agent.contains(part), "{part}: {agent}");
    }
    let hidden = ["secret-fact", "puts back", "hidden step", "prod-admin", "their own ground"];
    check(&[], &["asked-for", "inner step", &fingerprint, "asked_by"], &hidden);
    assert!(agent.contains("withheld: your grant"), "{agent}");
}

/// A target that nobody looked at is not one of which all is known.
#[test]
fn what_nobody_looked_at_is_said_to_be_unknown() {
    let mut change = change(Vec::new());
    let unknowns = |view: ChangeView| view.actions.into_iter().next().unwrap().unknowns;
    assert_eq!(unknowns(ChangeView::of(&change, &[])), ["the role prod-admin could not be read"]);
    change.steps[0].action.unknowns.clear();
    assert!(unknowns(ChangeView::of(&change, &[])).is_empty());
    change.steps[0].observation = None;
    let agents = ChangeView::for_agent(&change, &[], &|_, _| true);
    for view in [ChangeView::of(&change, &[]), agents] {
        assert_eq!(unknowns(view), [Step::NOT_OBSERVED]);
    }
}

#[test]
fn an_inverse_shows_an_agent_nothing_of_what_it_restores() {
    let link = Link::to(LinkKind::Undoes, ChangeId::new(2, [0; 10]));
    check(&[link], &["Update function code"], &["asked-for", "inner step", "secret-fact"]);
}

fn text_of(change: &Change) -> String {
    let may_read = |_: &Step, resource: &Resource| resource.kind.as_str() != "secret";
    serde_json::to_string(&ChangeView::for_agent(change, &[], &may_read)).unwrap()
}
