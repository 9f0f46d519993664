//! What a veto does to what comes after it. The very same request comes back only through the operator's signed new
//! intent; a request that is merely like it comes back with the veto in front of everyone who is asked to sign.

use std::collections::BTreeSet;

use model::{Change, ChangeId, ChangeState, Link, LinkKind, Step};
use store::Tx;

use crate::decide::DecideError;

/// How many vetoes of one thing are shown; the newest count.
const VETOES: usize = 5;

/// The veto that stands, where `last` is the newest change that asked for this: its own, or that of the change it
/// reopened, unless something came of the reopening.
pub(crate) fn against(tx: &Tx<'_>, last: &Change) -> Result<Option<Change>, DecideError> {
    match last.state {
        ChangeState::Rejected => Ok(Some(last.clone())),
        ChangeState::Expired | ChangeState::Withdrawn | ChangeState::Denied => {
            match last.links.iter().find(|link| link.kind == LinkKind::Reopens) {
                Some(link) => Ok(tx.change(link.change)?),
                None => Ok(None),
            }
        }
        ChangeState::Held
        | ChangeState::Approved
        | ChangeState::Executing
        | ChangeState::Executed
        | ChangeState::Undone
        | ChangeState::Failed
        | ChangeState::Unknown => Ok(None),
    }
}

/// Vetoes of the same operation on the same target, whoever asked for it then: an agent that somebody else launches, and another
/// agent, are told no as well. They are linked, and shown on the steps.
pub(crate) fn earlier(tx: &Tx<'_>, steps: &mut [Step]) -> Result<Vec<Link>, DecideError> {
    let mut linked = BTreeSet::new();
    let mut links = Vec::new();
    for step in steps.iter_mut().filter(|step| !step.action.effects.is_plain_read()) {
        for vetoed in tx.vetoes_of(&step.action, VETOES)? {
            step.action.unknowns.extend(notice(&vetoed));
            if linked.insert(vetoed.id) {
                links.push(Link::to(LinkKind::AfterVeto, vetoed.id));
            }
        }
    }
    Ok(links)
}

/// Puts the vetoes that a change is linked to before the signers' eyes, also after its facts were gathered anew.
pub(crate) fn show(tx: &Tx<'_>, change: &mut Change) -> Result<(), DecideError> {
    let linked: Vec<ChangeId> = change
        .links
        .iter()
        .filter(|link| matches!(link.kind, LinkKind::AfterVeto | LinkKind::Reopens))
        .map(|link| link.change)
        .collect();
    for id in linked {
        let Some(text) = tx.change(id)?.as_ref().and_then(notice) else { continue };
        for step in &mut change.steps {
            if !step.action.unknowns.contains(&text) {
                step.action.unknowns.push(text.clone());
            }
        }
    }
    Ok(())
}

fn notice(vetoed: &Change) -> Option<String> {
    let veto = vetoed.rejection.as_ref()?;
    Some(format!(
        "whether the reason still holds for which {} rejected {}: “{}” (asked for by {} for {})",
        veto.approval.person,
        vetoed.id,
        model::sanitize(&veto.reason, 300),
        vetoed.chain.agent,
        vetoed.chain.operator,
    ))
}
