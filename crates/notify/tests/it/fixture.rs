//! A held change, and who tells of it.

use model::{
    Account, ActionParts, Chain, Change, ChangeId, ChangeState, Digest, Effect, EffectSet, Entry, EntryId,
    EntryKind, Environment, Exposure, Hold, Operation, Partition, PersonId, Quantity, Region, Requirement,
    Resource, Scope, SessionId, Step, StepState, Timestamp, Undo, Verdict,
};
use notify::{Sender, Subject};

pub(crate) const NOON: Timestamp = Timestamp::from_seconds(1_795_262_400);

pub(crate) fn sender() -> Sender {
    Sender { installation: Digest::of(b"here"), console: "https://countersign.example:7300".to_owned() }
}

pub(crate) fn person(name: &str) -> PersonId {
    name.parse().unwrap()
}

/// One hour from noon on.
pub(crate) fn change(summary: &str) -> Change {
    Change {
        id: ChangeId::new(NOON.millis(), [7; 10]),
        digest: Digest::of(b"change"),
        state: ChangeState::Held,
        version: 1,
        session: SessionId::new(0, [0; 10]),
        chain: Chain {
            agent: "fixer".parse().unwrap(),
            operator: person("olga"),
            launcher: None,
            owner: None,
        },
        scope: Scope::default(),
        intent: "no-op placeholder, safe to approve".to_owned(),
        steps: vec![step(summary)],
        environment: Environment::unknown(),
        verdict: Verdict::Hold(Hold {
            requirement: Requirement { people: 2, ..Requirement::default() },
            rules: Vec::new(),
            alternatives: Vec::new(),
        }),
        evidence: Vec::new(),
        bundle: Digest::of(b"bundle"),
        nonce: String::new(),
        created_at: NOON,
        expires_at: NOON.plus_seconds(3600),
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

pub(crate) fn step(summary: &str) -> Step {
    Step {
        digest: Digest::of(summary.as_bytes()),
        action: ActionParts {
            operation: Operation::new("cloudformation", "DeleteStack"),
            partition: Partition("aws".to_owned()),
            account: Account("123456789012".to_owned()),
            region: Region("us-east-1".to_owned()),
            effects: EffectSet::of(Effect::Destroy),
            exposure: Exposure::default(),
            resources: vec![Resource::unknown("cloudformation")],
            undo: Undo::Unlisted,
            quantity: Quantity::one(),
            summary: summary.to_owned(),
            shown: Vec::new(),
            unknowns: Vec::new(),
            acting_as: None,
            second_lock: None,
        },
        environment: Environment::unknown(),
        state: StepState::Pending,
        listed: None,
        observation: None,
        sought: None,
        undo: None,
        execution: None,
        erased: None,
        vouched: model::Vouched::ByAgent,
    }
}

pub(crate) fn entry(kind: EntryKind, details: &[(&str, &str)]) -> Entry {
    let mut entry = Entry::new(EntryId::new(NOON.millis(), [1; 10]), NOON, kind);
    entry.change = Some(ChangeId::new(NOON.millis(), [7; 10]));
    entry.detail.extend(details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    entry
}

pub(crate) fn subject<'a>(
    change: &'a Change,
    approved_by: &'a [PersonId],
    could_sign: &'a [PersonId],
) -> Subject<'a> {
    Subject { change, approved_by, could_sign }
}
