//! How it stands with a running installation, as data: whether it can do its work, and what somebody who keeps it running wants to
//! see. Names no agent, no session, no person and no target.

use std::sync::PoisonError;

use model::{ChangeState, Fault, Timestamp, WitnessId};
use store::StorageError;
use tokio::sync::watch;

use crate::{
    Engine,
    friction::{Friction, friction},
    meter::Counted,
};

/// Something without which nothing passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub name: &'static str,
    /// Where it is not as it must be: why.
    pub missing: Option<Missing>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Says nothing but what anybody may know.
    pub why: &'static str,
    /// For people who are known here; it may name files.
    pub detail: String,
}

#[derive(Clone, Debug)]
pub struct Vitals {
    pub now: Timestamp,
    pub began: Timestamp,
    pub counted: Counted,
    /// `None` where the store cannot be read.
    pub stored: Option<Stored>,
    pub log: u64,
    pub witnesses: Vec<Seen>,
    pub quorum: usize,
    /// Of agents, roles that they took on not counted apart.
    pub live_sessions: u64,
    /// Since the process began, over all sessions.
    pub agent_seconds: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Changes that wait for people.
    pub held: u64,
    /// And those that wait for their agent to come again.
    pub approved: u64,
    /// Recorded, and not under a signed checkpoint yet.
    pub pending: u64,
    /// How long the oldest of these waits.
    pub pending_s: f64,
}

/// How far one witness of the bundle is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub name: WitnessId,
    /// Entries under our newest checkpoint that it has not cosigned.
    pub behind: u64,
    /// It did not answer when it was asked last.
    pub away: bool,
}

/// The span that friction is measured over.
pub const FRICTION_SPAN_S: i64 = 24 * 3600;
/// Changes of it that are looked at, the newest; an installation with more has its figure of these.
const FRICTION_MOST: usize = 2000;

impl Engine {
    /// Ends everything that waits for something to happen, and says that this process is about to end. What is under way goes on.
    pub fn stand_down(&self) {
        self.standing_down.send_replace(true);
    }

    /// True once [`Engine::stand_down`] was called.
    pub fn standing_down(&self) -> watch::Receiver<bool> {
        self.standing_down.subscribe()
    }

    /// All that must be there for anything to pass. Nothing is tried: each says what became of the last use.
    pub fn readiness(&self) -> Vec<Part> {
        let part = |name, missing: Option<(&'static str, String)>| Part {
            name,
            missing: missing.map(|(why, detail)| Missing { why, detail }),
        };
        let serving = self.standing_down.borrow().then(|| ("it is being stopped", String::new()));
        let ledger = self.recordable().err().map(|fault| (summary(&fault), fault.to_string()));
        let clock = self.now().err().map(|fault| (summary(&fault), fault.to_string()));
        let gateway = self.connector().is_none().then(|| ("none is connected", String::new()));
        vec![
            part("serving", serving),
            // There is no engine without one.
            part("bundle", None),
            part("ledger", ledger),
            part("clock", clock),
            part("gateway", gateway),
        ]
    }

    pub async fn vitals(&self) -> Vitals {
        let now = self.clock.now();
        let stored = self.store.read(|view| {
            let (pending, since) = view.backlog()?;
            let held = (view.count_in(ChangeState::Held)?, view.count_in(ChangeState::Approved)?);
            Ok((held, pending, since))
        });
        let stored = stored.await.map(|((held, approved), pending, since)| {
            let pending_s = since.map_or(0.0, |since| seconds(now.since(since).max(0)));
            Stored { held, approved, pending, pending_s }
        });
        let (live_sessions, agent_seconds) = {
            let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
            let roots = || sessions.all().filter(|it| it.parent.is_none());
            let live = roots().filter(|it| it.closed(now).is_none()).count();
            let span = (self.began, now);
            let hours = friction(&[], roots().map(AsRef::as_ref), span).agent_hours;
            (live as u64, hours * 3600.0)
        };
        let log = *self.grown.borrow();
        let away = self.witnesses.away();
        let seen = self.witnesses.names().into_iter().map(|name| {
            let behind = log.saturating_sub(self.witnesses.seen_of(&name).unwrap_or(0));
            Seen { behind, away: away.contains(&name), name }
        });
        Vitals {
            now,
            began: self.began,
            counted: self.meter.counted(),
            stored: stored.ok(),
            log,
            witnesses: seen.collect(),
            quorum: self.witnesses.quorum(),
            live_sessions,
            agent_seconds,
        }
    }

    /// Over the last [`FRICTION_SPAN_S`], from the record: it reads up to some thousand documents.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn friction(&self) -> Result<Friction, StorageError> {
        let to = self.clock.now();
        let from = to.plus_seconds(-FRICTION_SPAN_S);
        let changes = self.store.read(move |view| {
            let changes = view.changes_since(from, FRICTION_MOST)?.into_iter();
            changes
                .map(|change| {
                    let approvals = view.approvals(change.id)?;
                    Ok((change, approvals))
                })
                .collect::<Result<Vec<_>, StorageError>>()
        });
        let changes = changes.await?;
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        Ok(friction(&changes, sessions.all().map(AsRef::as_ref), (from, to)))
    }
}

/// Of a fault, for those who may know that there is one and no more.
const fn summary(fault: &Fault) -> &'static str {
    match fault {
        Fault::NoLedger(_) => "the ledger cannot be written (CS102)",
        Fault::NoClock(_) => "the clock cannot be trusted (CS103)",
        Fault::Storage(_) => "the store cannot be written (CS104)",
        Fault::NotWitnessed(_) => "too few witnesses answer (CS110)",
        Fault::NoPolicy(_)
        | Fault::Evaluation(_)
        | Fault::UnknownOperation(_)
        | Fault::Undecodable(_)
        | Fault::Oversized(_)
        | Fault::Upstream(_) => "something that judging needs is missing",
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure that is shown")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
