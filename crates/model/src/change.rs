//! One or more actions asked for together, and the life of that request. A lone call is a change of one action.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ActionParts, Adoption, AllowanceId, BreakGlass, Chain, ChangeId, Commitment, Digest, Effect, EffectSet,
    Environment, Erased, Erasure, Observation, Outcome, PersonId, Scope, SessionId, Timestamp, Value,
    Verdict,
    evidence::{Evidence, KeptUndo, Sought},
};

/// Where a change stands. Every transition is in [`ChangeState::may_become`]; there are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    Held,
    Approved,
    Executing,
    Executed,
    Undone,
    Rejected,
    Expired,
    Withdrawn,
    Denied,
    Failed,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a change that is {from} cannot become {to}")]
pub struct IllegalTransition {
    pub from: ChangeState,
    pub to: ChangeState,
}

impl ChangeState {
    pub const ALL: [Self; 11] = [
        Self::Held,
        Self::Approved,
        Self::Executing,
        Self::Executed,
        Self::Undone,
        Self::Rejected,
        Self::Expired,
        Self::Withdrawn,
        Self::Denied,
        Self::Failed,
        Self::Unknown,
    ];

    pub const fn may_become(self, next: Self) -> bool {
        match self {
            // `Approved` back to `Held`: what was approved no longer suffices (bundle, target or roster changed).
            Self::Held | Self::Approved => matches!(
                next,
                Self::Held
                    | Self::Approved
                    | Self::Executing
                    | Self::Rejected
                    | Self::Expired
                    | Self::Withdrawn
                    | Self::Denied
            ),
            // Back to `Approved`: one step of several is done and the rest wait for the agent.
            Self::Executing => {
                matches!(
                    next,
                    Self::Executing | Self::Approved | Self::Executed | Self::Failed | Self::Unknown
                )
            }
            // As far as reading one step back tells: the others may be unknown still, or wait for the agent.
            Self::Unknown => {
                matches!(next, Self::Unknown | Self::Approved | Self::Executed | Self::Failed)
            }
            Self::Executed => matches!(next, Self::Executed | Self::Undone),
            // To itself: one of its steps had run and was undone since.
            Self::Failed => matches!(next, Self::Failed),
            // A vetoed change comes back only through the operator's newly signed intent, as a new change.
            Self::Rejected => matches!(next, Self::Rejected),
            Self::Expired => matches!(next, Self::Expired),
            Self::Withdrawn => matches!(next, Self::Withdrawn),
            // To themselves: a body of theirs was erased.
            Self::Undone => matches!(next, Self::Undone),
            Self::Denied => matches!(next, Self::Denied),
        }
    }

    /// Waiting for people or for the agent.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Held | Self::Approved)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Approved => "approved",
            Self::Executing => "executing",
            Self::Executed => "executed",
            Self::Undone => "undone",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ChangeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a step stands; a change of many steps runs each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Pending,
    Executing,
    Executed,
    Failed,
    Unknown,
    Undone,
}

impl StepState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Executing => "executing",
            Self::Executed => "executed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Undone => "undone",
        }
    }
}

/// One action of a change, without its request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub action: ActionParts,
    pub digest: Digest,
    pub environment: Environment,
    pub state: StepState,
    /// What the tables make of it, where it counts as `destroy` only for want of a captured undo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<EffectSet>,
    pub observation: Option<Observation>,
    /// Of a target that was there when it was looked at, without which this means nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sought: Option<Sought>,
    pub undo: Option<KeptUndo>,
    pub execution: Option<Execution>,
    /// Its bodies are gone: only [`Erasure`] does that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Erased>,
    /// Whoever proposed it says that nobody but a language model vouches for it. It then takes one more person, and never one less.
    #[serde(default, skip_serializing_if = "Vouched::by_the_agent")]
    pub vouched: Vouched,
}

/// Who says that a proposed step is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vouched {
    /// As with every call of an agent.
    #[default]
    ByAgent,
    /// A language model's word, which could not be derived from what is there.
    ByModelAlone,
}

impl Vouched {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
    const fn by_the_agent(&self) -> bool {
        matches!(self, Self::ByAgent)
    }
}

impl Step {
    /// What is not known of a target that nobody looked at.
    pub const NOT_OBSERVED: &str = "state not observed";

    /// Its own effects, and those of what it would carry out in turn.
    pub fn effects(&self) -> EffectSet {
        self.inner().fold(self.action.effects, EffectSet::union)
    }

    /// The same by what the tables make of it: without `destroy` where that counts only for want of a captured undo.
    pub fn listed_effects(&self) -> EffectSet {
        self.inner().fold(self.listed.unwrap_or(self.action.effects), EffectSet::union)
    }

    /// Whether it destroys or interrupts by what the tables make of it, and not only for want of a captured undo.
    pub fn destroys(&self) -> bool {
        self.listed_effects().contains(Effect::Destroy)
    }

    fn inner(&self) -> impl Iterator<Item = EffectSet> {
        self.observation.iter().flat_map(|it| &it.inner).map(|it| it.effects)
    }

    /// What is not known of it: by what was asked for, and by what was found when the target was looked at. For statements, pages
    /// and answers alike.
    pub fn unknowns(&self) -> impl Iterator<Item = &str> {
        let looked = self.observation.as_ref();
        let unseen = looked.is_none().then_some(Self::NOT_OBSERVED);
        let found = looked.into_iter().flat_map(|it| &it.unknowns);
        self.action.unknowns.iter().chain(found).map(String::as_str).chain(unseen)
    }

    /// Of the bodies that lie in the blob store, or did before they were erased; ascending, each once.
    pub fn commitments(&self) -> Vec<Commitment> {
        let inverse = self.undo.as_ref().and_then(|undo| undo.request.commitment());
        let outcome = self.execution.as_ref().and_then(|it| it.outcome.as_ref());
        let mut all: Vec<_> =
            inverse.into_iter().chain(outcome.and_then(|it| it.answer.as_ref()?.commitment())).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// When a step ran and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    pub started_at: Timestamp,
    /// Of the received request's signature: a byte-identical one is a replay.
    pub signature: Digest,
    pub outcome: Option<Outcome>,
    /// What it takes out of the bundle's allowances; nothing where people agreed to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charges: Vec<Charge>,
}

/// What one step takes out of one allowance of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Charge {
    pub allowance: AllowanceId,
    /// Messages, whole currency units, or times, by what the allowance is of.
    pub amount: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub id: ChangeId,
    pub digest: Digest,
    pub state: ChangeState,
    /// Counts the transitions; a transition names the version it starts from.
    pub version: u64,
    pub session: SessionId,
    pub chain: Chain,
    pub scope: Scope,
    /// The session's task, or what a proposal said it was for: the agent's or operator's words, never ours.
    pub intent: String,
    pub steps: Vec<Step>,
    /// The strictest environment of the steps.
    pub environment: Environment,
    /// As last judged.
    pub verdict: Verdict,
    pub evidence: Vec<Evidence>,
    /// The bundle under which it was last judged.
    pub bundle: Digest,
    /// Drawn when it was held; part of what approvers sign.
    pub nonce: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub links: Vec<Link>,
    /// The veto that closed it.
    pub rejection: Option<Rejection>,
    /// Where Countersign withdrew it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Gone>,
    /// Filled where this change was reopened after a veto: the operator's signed new intent.
    pub reopened: Option<Approval>,
    /// Where its actions were asked for one by one, each of which may run whatever becomes of the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<Joint>,
    /// Where it is Countersign's own, asked for by the person who stands as its operator: what it erases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erases: Option<Erasure>,
    /// Likewise: the bundle that it brings into force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopts: Option<Adoption>,
    /// Likewise: the session whose glass it breaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaks: Option<BreakGlass>,
}

impl Change {
    /// More actions nobody reads before signing.
    pub const MAX_STEPS: usize = 20;

    /// As far as its steps: executing while one is, then unknown if one is, executed when all are. One that failed ends
    /// a plan; of a joint change the rest still wait for the agent.
    pub fn overall(&self) -> ChangeState {
        let any = |state: StepState| self.steps.iter().any(|step| step.state == state);
        if any(StepState::Executing) {
            ChangeState::Executing
        } else if any(StepState::Unknown) {
            ChangeState::Unknown
        } else if any(StepState::Failed) && !(self.joint.is_some() && any(StepState::Pending)) {
            ChangeState::Failed
        } else if any(StepState::Pending) {
            ChangeState::Approved
        } else if self.steps.iter().all(|step| step.state == StepState::Undone) {
            ChangeState::Undone
        } else {
            ChangeState::Executed
        }
    }
}

/// Held calls of one session on one parent stand together, so that a loop is one thing to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joint {
    /// See [`ActionParts::parent`].
    pub parent: String,
    /// When a person opened it; nothing joins it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<Timestamp>,
}

/// What an approval covers: the agent and every action in order. The agent's wording is not part of it.
pub fn change_digest(chain: &Chain, actions: impl IntoIterator<Item = Digest>) -> Digest {
    Value::map([
        ("agent", Value::text(chain.agent.as_str())),
        ("operator", Value::text(chain.operator.as_str())),
        ("actions", Value::List(actions.into_iter().map(Value::from).collect())),
    ])
    .digest("countersign/change/v1")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// This change would create again what that one deletes.
    Recreates,
    /// This change undoes that one.
    Undoes,
    /// This change was reopened from that vetoed one.
    Reopens,
    /// That one, of the same operation on the same target, was vetoed.
    AfterVeto,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub kind: LinkKind,
    pub change: ChangeId,
    /// The step of that change which this one undoes, where it has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// Who wants it undone: no rule is milder for what an agent takes back itself.
    #[serde(default, skip_serializing_if = "AskedBy::is_person")]
    pub asked_by: AskedBy,
}

impl Link {
    pub const fn to(kind: LinkKind, change: ChangeId) -> Self {
        Self { kind, change, step: None, asked_by: AskedBy::Person }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedBy {
    #[default]
    Person,
    /// The agent whose change it is.
    Agent,
}

impl AskedBy {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
    const fn is_person(&self) -> bool {
        matches!(self, Self::Person)
    }
}

/// How a signer's presence was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// A key file: whoever can read it can sign.
    File,
    /// A security key that was touched for this signature, or a passkey whose owner it verified.
    Touched,
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Touched => "touched",
        })
    }
}

/// A person's signature over one statement, kept whole so that anyone can check it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub change: ChangeId,
    pub person: PersonId,
    pub presence: Presence,
    pub at: Timestamp,
    /// The canonical text that was signed.
    pub statement: String,
    /// SSHSIG, armored; or the text of a passkey's assertion.
    pub signature: String,
    /// What the same person had signed before by another way, where that shows of them what this one does not: a key file and a
    /// passkey. Both are one approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Box<Given>>,
}

impl Approval {
    /// The signatures that it is made of, the newest first.
    pub fn given(&self) -> Vec<Given> {
        let Self { change: _, person: _, presence, at, statement, signature, beside } = self;
        let newest = Given {
            presence: *presence,
            at: *at,
            statement: statement.clone(),
            signature: signature.clone(),
        };
        std::iter::once(newest).chain(beside.as_deref().cloned()).collect()
    }
}

/// One signature of an [`Approval`], with the same members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    pub presence: Presence,
    pub at: Timestamp,
    pub statement: String,
    pub signature: String,
}

/// That nothing is left of what a change was about: somebody took its targets away meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    pub at: Timestamp,
    /// Which, and by which reads that is known; in words of ours.
    pub why: String,
}

/// A veto: signed like an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    pub approval: Approval,
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_states_stay_closed() {
        for from in [
            ChangeState::Rejected,
            ChangeState::Expired,
            ChangeState::Withdrawn,
            ChangeState::Denied,
            ChangeState::Failed,
            ChangeState::Undone,
        ] {
            for to in ChangeState::ALL.into_iter().filter(|to| *to != from) {
                assert!(!from.may_become(to), "{from} -> {to}");
            }
        }
        for from in ChangeState::ALL {
            let may_run = matches!(from, ChangeState::Held | ChangeState::Approved | ChangeState::Executing);
            assert_eq!(from.may_become(ChangeState::Executing), may_run, "{from}");
        }
    }
}
