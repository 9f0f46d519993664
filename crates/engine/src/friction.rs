//! What asking people costs: how often agents make them look, how long they take, and how much nobody ever answered. Derived
//! from the record, so that it says the same after a restart.

use model::{Approval, Change, ChangeState, Session, Timestamp, Verdict};

/// Over one span of time. `None` where there was nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Friction {
    /// Changes of agents that were held for people.
    pub prompts: u64,
    /// Hours that agents' sessions were live, added up.
    pub agent_hours: f64,
    /// Half of what people answered, they answered within this; from asking to the last signature that it took, or the veto.
    pub median_decision_s: Option<f64>,
    /// Of the prompts that are over: how many ended because nobody answered.
    pub expired_share: Option<f64>,
}

impl Friction {
    pub fn prompts_per_agent_hour(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a figure that is shown")]
        (self.agent_hours > 0.0).then(|| self.prompts as f64 / self.agent_hours)
    }
}

/// Of the changes that were asked for in the span, with their approvals, and all sessions there are.
pub(crate) fn friction<'a>(
    changes: &[(Change, Vec<Approval>)],
    sessions: impl Iterator<Item = &'a Session>,
    (from, to): (Timestamp, Timestamp),
) -> Friction {
    let asked: Vec<_> = changes.iter().filter(|(change, _)| is_prompt(change)).collect();
    let over = asked.iter().filter(|(change, _)| !change.state.is_open()).count();
    let expired = asked.iter().filter(|(change, _)| change.state == ChangeState::Expired).count();
    let mut waits: Vec<i64> =
        asked.iter().filter_map(|(change, approvals)| decided_after(change, approvals)).collect();
    waits.sort_unstable();
    let live: i64 = sessions.map(|session| live_ms(session, from, to)).sum();
    #[expect(clippy::cast_precision_loss, reason = "figures that are shown")]
    Friction {
        prompts: asked.len() as u64,
        agent_hours: live as f64 / 3_600_000.0,
        median_decision_s: waits.get(waits.len() / 2).map(|ms| *ms as f64 / 1000.0),
        expired_share: (over > 0).then(|| expired as f64 / over as f64),
    }
}

/// What agents made people look at; what people ask of each other is no friction of agents.
fn is_prompt(change: &Change) -> bool {
    let own = change.adopts.is_some() || change.erases.is_some() || change.breaks.is_some();
    !own && matches!(change.verdict, Verdict::Hold(_))
}

fn decided_after(change: &Change, approvals: &[Approval]) -> Option<i64> {
    let at = match change.state {
        ChangeState::Rejected => change.rejection.as_ref()?.approval.at,
        ChangeState::Approved
        | ChangeState::Executing
        | ChangeState::Executed
        | ChangeState::Undone
        | ChangeState::Failed
        | ChangeState::Unknown => approvals.iter().map(|approval| approval.at).max()?,
        ChangeState::Held | ChangeState::Expired | ChangeState::Withdrawn | ChangeState::Denied => {
            return None;
        }
    };
    Some(at.since(change.created_at).max(0))
}

/// A role that was taken on in a session is the same agent at the same time.
fn live_ms(session: &Session, from: Timestamp, to: Timestamp) -> i64 {
    if session.parent.is_some() {
        return 0;
    }
    let end =
        session.stopped_at.map_or(session.expires_at, |stopped| stopped.min(session.expires_at)).min(to);
    end.since(session.issued_at.max(from)).max(0)
}
