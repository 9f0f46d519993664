//! Model values in few words. Everything is numbered; equal numbers make equal values.

use model::{
    Account, ActionParts, Actors, Approval, Blob, Chain, Change, ChangeId, ChangeState, Digest, Effect,
    EffectSet, Entry, EntryId, EntryKind, Environment, Execution, Exposure, Kept, KeptUndo, Kind, Operation,
    Outcome, Partition, Presence, Region, Resource, Scope, Session, SessionId, Step, StepState, Timestamp,
    Undo, Verdict,
};

pub(crate) const START: i64 = 1_795_000_000_000;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(START).plus_seconds(second)
}

fn random(n: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&n.to_be_bytes());
    bytes
}

pub(crate) fn session_id(n: u64) -> SessionId {
    SessionId::new(START, random(n))
}

pub(crate) fn change_id(n: u64) -> ChangeId {
    ChangeId::new(START, random(n))
}

pub(crate) fn entry_id(n: u64) -> EntryId {
    EntryId::new(START, random(n))
}

pub(crate) fn digest(n: u64) -> Digest {
    Digest::of(&n.to_be_bytes())
}

pub(crate) fn entry(n: u64) -> Entry {
    let mut entry = Entry::new(entry_id(n), at(i64::try_from(n).unwrap()), EntryKind::ChangeJudged);
    entry.actors = Actors { agent: Some("coder".parse().unwrap()), ..Actors::default() };
    entry
}

/// Reads of session `session` at second `second`, as the engine counts them: each line, and how often.
pub(crate) fn reads(n: u64, session: u64, second: i64, lines: &[(&str, u64)]) -> Entry {
    let mut entry = Entry::new(entry_id(n), at(second), EntryKind::ReadsAdmitted);
    entry.actors.session = Some(session_id(session));
    let (lines, times): (Vec<_>, Vec<_>) = lines.iter().copied().unzip();
    entry.detail.insert("reads".to_owned(), serde_json::to_string(&lines).unwrap());
    entry.detail.insert("times".to_owned(), serde_json::to_string(&times).unwrap());
    entry
}

pub(crate) fn chain() -> Chain {
    Chain { agent: "coder".parse().unwrap(), operator: "olga".parse().unwrap(), launcher: None, owner: None }
}

pub(crate) fn session(n: u64) -> Session {
    Session {
        id: session_id(n),
        chain: chain(),
        task: "tidy up".into(),
        scope: Scope::default(),
        autonomy: model::Autonomy::Autonomous,
        access_key: format!("AKIACS{n:014}"),
        issued_at: at(0),
        expires_at: at(28_800),
        stopped_at: None,
        bundle: digest(0),
        parent: None,
        glass: None,
        assumed: None,
    }
}

pub(crate) fn resource(service: &str, kind: &'static str, name: &str) -> Resource {
    Resource { service: service.into(), kind: Kind::known(kind), name: name.into() }
}

pub(crate) fn action(operation: &str, effect: Effect, resources: Vec<Resource>) -> ActionParts {
    let (service, name) = operation.split_once(':').unwrap();
    ActionParts {
        operation: Operation::new(service, name),
        partition: Partition("aws".into()),
        account: Account("123456789012".into()),
        region: Region("eu-central-1".into()),
        effects: EffectSet::of(effect),
        exposure: Exposure::default(),
        resources,
        undo: Undo::Unlisted,
        quantity: model::Quantity::one(),
        summary: format!("{operation} on something"),
        shown: Vec::new(),
        unknowns: Vec::new(),
        acting_as: None,
        second_lock: None,
    }
}

pub(crate) fn step(action: ActionParts, state: StepState) -> Step {
    let execution = (state != StepState::Pending).then(|| execution(1, 10));
    Step {
        action,
        digest: digest(7),
        environment: Environment::unknown(),
        state,
        listed: None,
        observation: None,
        sought: None,
        undo: None,
        execution,
        erased: None,
        vouched: model::Vouched::ByAgent,
    }
}

/// A body of its own for each number.
pub(crate) fn blob(n: u64) -> Blob {
    Blob::new(*digest(n).as_bytes(), format!("the body {n}").into_bytes()).unwrap()
}

/// With a captured inverse, whose request is [`blob`] of that number.
pub(crate) fn undoable(step: Step, n: u64) -> Step {
    let undo = KeptUndo {
        summary: "put it back".into(),
        service: "svc".into(),
        region: "eu-central-1".into(),
        request: Kept::Blob(blob(n).commitment()),
        removes_created: false,
    };
    Step { undo: Some(undo), ..step }
}

pub(crate) fn execution(signature: u64, second: i64) -> Execution {
    let outcome = Outcome { at: at(second), status: 200, answer: None };
    Execution {
        started_at: at(second),
        signature: digest(signature),
        outcome: Some(outcome),
        charges: Vec::new(),
    }
}

/// A held deletion of stack `demo-N`, in session 1, created at second N.
pub(crate) fn change(n: u64) -> Change {
    let name = format!("demo-{n}");
    let delete = action(
        "cloudformation:DeleteStack",
        Effect::Destroy,
        vec![resource("cloudformation", "stack", &name)],
    );
    Change {
        id: change_id(n),
        digest: digest(n),
        state: ChangeState::Held,
        version: 0,
        session: session_id(1),
        chain: chain(),
        scope: Scope::default(),
        intent: "tidy up".into(),
        steps: vec![step(delete, StepState::Pending)],
        environment: Environment::unknown(),
        verdict: Verdict::Allow,
        evidence: Vec::new(),
        bundle: digest(0),
        nonce: "n".into(),
        created_at: at(i64::try_from(n).unwrap()),
        expires_at: at(86_400),
        links: Vec::new(),
        rejection: None,
        gone: None,
        reopened: None,
        joint: None,
        erases: None,
        adopts: None,
        breaks: None,
    }
}

/// `change`, its every step running or run, as the state says.
pub(crate) fn moved_to(change: &Change, state: ChangeState) -> Change {
    let mut next = Change { state, ..change.clone() };
    for step in &mut next.steps {
        step.state = match state {
            ChangeState::Executing => StepState::Executing,
            ChangeState::Executed => StepState::Executed,
            ChangeState::Unknown => StepState::Unknown,
            ChangeState::Failed => StepState::Failed,
            ChangeState::Undone => StepState::Undone,
            ChangeState::Held
            | ChangeState::Approved
            | ChangeState::Rejected
            | ChangeState::Expired
            | ChangeState::Withdrawn
            | ChangeState::Denied => step.state,
        };
        if step.state != StepState::Pending && step.execution.is_none() {
            step.execution = Some(execution(u64::try_from(change.created_at.millis()).unwrap(), 10));
        }
    }
    next
}

pub(crate) fn approval(change: u64, person: &str) -> Approval {
    Approval {
        change: change_id(change),
        person: person.parse().unwrap(),
        presence: Presence::Touched,
        at: at(20),
        statement: format!("I agree to {change}"),
        signature: "-----BEGIN SSH SIGNATURE-----".into(),
        beside: None,
    }
}
