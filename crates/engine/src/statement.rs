//! The statement of a change as it stands: what an approver is asked to sign, and what a stored signature is compared
//! with before anything runs. Built only from the change, the bundle and the installation; the signer adds who, how
//! and the newest checkpoint they have verified.

use approval::{Act, Observed, Parameter, Statement, StatementError};
use model::{
    Adoption, BreakGlass, Change, Digest, Erasure, PersonId, Presence, SecondLock, Step, Undo, Verdict,
};
use policy::Bundle;

use crate::own;

/// What the signer's own client puts into a statement.
#[derive(Clone, Debug)]
pub struct Signer {
    pub act: Act,
    pub person: PersonId,
    pub presence: Presence,
    /// `origin size root`, one line.
    pub checkpoint: String,
    pub reason: Option<String>,
}

pub(crate) fn statement(
    change: &Change,
    bundle: &Bundle,
    installation: Digest,
    signer: &Signer,
) -> Statement {
    Statement {
        act: signer.act,
        installation,
        change: change.id,
        digest: change.digest,
        agent: change.chain.agent.clone(),
        operator: change.chain.operator.clone(),
        person: signer.person.clone(),
        scope: match change.scope.to_string() {
            empty if empty.is_empty() => "the whole grant".to_owned(),
            scope => scope,
        },
        account: joined(change, |step| step.action.account.to_string()),
        region: joined(change, |step| step.action.region.to_string()),
        environment: joined(change, |step| step.environment.to_string()),
        intent: model::sanitize(&change.intent, 1000),
        actions: change.steps.iter().map(sentence).collect(),
        parameters: change.steps.iter().map(parameters).collect(),
        observed: change
            .steps
            .iter()
            .zip(1..)
            .filter_map(|(step, nth)| {
                let seen = step.observation.as_ref()?;
                Some(Observed { step: nth, fingerprint: seen.fingerprint, at: seen.at })
            })
            .collect(),
        undo: change.steps.iter().map(undo).collect(),
        second_lock: change.steps.iter().map(|step| second_lock(step, bundle)).collect(),
        unknowns: unknowns(&change.steps),
        bundle: change.bundle,
        requirement: match &change.verdict {
            Verdict::Hold(hold) => hold.requirement.to_string(),
            Verdict::Allow | Verdict::Deny(_) => "nothing more".to_owned(),
        },
        evidence: change.evidence.iter().map(|it| (it.kind, it.digest)).collect(),
        presence: signer.presence,
        presence_rule: presence_rule(change, bundle),
        expires_at: change.expires_at,
        nonce: change.nonce.clone(),
        checkpoint: signer.checkpoint.clone(),
        reason: signer.reason.clone(),
    }
    .cleaned()
}

/// Whether everybody who might have to could sign a statement of `change`; where not, it must be refused at once, in
/// these words for the agent, and not held for people who cannot answer. Asked with the longest signer there is.
pub(crate) fn signable(change: &Change, bundle: &Bundle, installation: Digest) -> Result<(), String> {
    let longest = Signer {
        act: Act::Reject,
        person: "x".repeat(64).parse().unwrap_or_else(|_| change.chain.operator.clone()),
        presence: Presence::Touched,
        checkpoint: "x".repeat(Statement::MAX_SHORT),
        reason: Some("x".repeat(Statement::MAX_LONG)),
    };
    statement(change, bundle, installation, &longest).check().map_err(|err| {
        let ask = match &err {
            StatementError::TooLarge { .. } if change.steps.len() == 1 => "ask for it with less text in it",
            StatementError::Field { field: "intent", .. } => "give a shorter intent",
            StatementError::TooLarge { .. }
            | StatementError::Field { .. }
            | StatementError::Line { .. }
            | StatementError::NotCanonical { .. } => {
                "ask for fewer actions at once, or with less text in them"
            }
        };
        format!("nobody could sign for this, so it is not held: {err}; {ask}")
    })
}

/// Whether a signature by a key file counts for this change, and under which profile.
pub(crate) fn presence_rule(change: &Change, bundle: &Bundle) -> String {
    let rule = own::file_rule(bundle, change);
    let (words, profile) = (rule.words(), bundle.profile());
    match rule {
        approval::FileRule::Counts => {
            format!("{words} (profile {profile}); whoever can read such a file can sign")
        }
        approval::FileRule::DoesNotCount => format!("{words} (profile {profile})"),
    }
}

fn joined(change: &Change, of: impl Fn(&Step) -> String) -> String {
    let mut all: Vec<String> = change.steps.iter().map(of).collect();
    all.sort();
    all.dedup();
    all.join(", ")
}

fn sentence(step: &Step) -> String {
    let inner = step.observation.as_ref().map_or(&[][..], |it| &it.inner);
    let mut text = format!("{} [{}; {}]", step.action.summary, step.action.operation, step.action.effects);
    if !inner.is_empty() {
        let listed: Vec<&str> = inner.iter().map(|it| it.summary.as_str()).take(20).collect();
        let more = inner.len().saturating_sub(listed.len());
        text.push_str(" It would: ");
        text.push_str(&listed.join("; "));
        if more > 0 {
            text.push_str(&format!("; and {more} more"));
        }
        text.push('.');
    }
    model::sanitize(&text, 3000)
}

/// As the classifier shows them; what it cut or redacted it says itself, here and among the unknowns.
fn parameters(step: &Step) -> Vec<Parameter> {
    let parameter = |(name, value): &(String, String)| Parameter { name: name.clone(), value: value.clone() };
    step.action.shown.iter().map(parameter).collect()
}

fn undo(step: &Step) -> String {
    match (&step.undo, step.action.undo) {
        (Some(undo), _) => format!("captured: {}", model::sanitize(&undo.summary, 300)),
        (None, Undo::NotNeeded) => "not needed: it changes nothing".to_owned(),
        (None, Undo::Additive) => "not needed: it only adds".to_owned(),
        (None, Undo::Capturable | Undo::Unlisted) => "not captured: this cannot be undone".to_owned(),
    }
}

/// In the same words for what is stored and what is forwarded: the gateway takes the policy from the same place.
fn second_lock(step: &Step, bundle: &Bundle) -> String {
    let (action, operation) = (&step.action, step.action.operation.to_string());
    if action.operation == Erasure::operation() {
        return "no: Countersign does it in its own database".to_owned();
    }
    if action.operation == Adoption::operation() || action.operation == BreakGlass::operation() {
        return "no: Countersign does it itself".to_owned();
    }
    let Some(roles) = bundle.roles_of(&action.account) else {
        return format!("no: accounts.toml gives no write role for account {}", action.account);
    };
    match &action.second_lock {
        Some(SecondLock::Policy { .. }) if roles.unlocked.contains(&operation) => {
            format!("no: accounts.toml takes {operation} out of it")
        }
        Some(SecondLock::Policy { on, .. }) if on.is_empty() => "yes, to the operation alone".to_owned(),
        Some(SecondLock::Policy { on, .. }) => {
            let more = on.len().saturating_sub(MAX_LOCKED);
            let first: Vec<&str> = on.iter().map(String::as_str).take(MAX_LOCKED).collect();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            model::sanitize(&format!("yes, to {}{more}", first.join(", ")), 1000)
        }
        Some(SecondLock::Unfit(why)) => format!("no: {}", model::sanitize(why, 300)),
        None => "no: this gateway has none for it".to_owned(),
    }
}

const MAX_LOCKED: usize = 3;

/// Of several steps, each phrase says which it is about.
fn unknowns(steps: &[Step]) -> Vec<String> {
    let mut all = Vec::new();
    for (step, nth) in steps.iter().zip(1..) {
        for unknown in step.unknowns() {
            let unknown = model::sanitize(unknown, 300);
            all.push(if steps.len() > 1 { format!("step {nth}: {unknown}") } else { unknown });
        }
    }
    bounded(all)
}

/// Each once; what does not fit is counted.
fn bounded(mut unknowns: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    unknowns.retain(|it| seen.insert(it.clone()));
    let more = unknowns.len().saturating_sub(MAX_UNKNOWNS);
    if more > 0 {
        unknowns.truncate(MAX_UNKNOWNS);
        unknowns.push(format!("and {more} more that are not listed here"));
    }
    unknowns
}

const MAX_UNKNOWNS: usize = 50;
