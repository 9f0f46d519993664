//! What the pipeline would have said of calls that others recorded. Pure, and without any way to a permit: it judges
//! with the very function that `admit` judges with, and forwards, stores and records nothing.
//!
//! A trail does not show a target as it was. So tags are unread (they may be anything), and state is not observed. Where
//! the tables know an inverse, capturing it is taken to have succeeded, and [`Judged::assumed`] says that it was.

use std::collections::BTreeMap;

use model::{
    ActionParts, Autonomy, Chain, Commitment, Digest, Effect, EffectSet, Environment, Execution, Kept,
    KeptUndo, Marks, Outcome, Scope, Step, StepState, Tags, Timestamp, Undo, Verdict,
};
use policy::{Bundle, Spent};
use store::Past;

use crate::{
    Gathered,
    judge::{self, Case},
};

/// A recorded call, classified.
#[derive(Clone, Debug)]
pub struct Seen {
    pub parts: ActionParts,
    pub marks: Marks,
    pub at: Timestamp,
    /// The record is whole: only then may an inverse be taken to have been captured.
    pub whole: bool,
}

#[derive(Clone, Debug)]
pub struct Judged {
    pub verdict: Verdict,
    pub environment: Environment,
    /// As they count.
    pub effects: EffectSet,
    /// It is a write only because its inverse is taken to have been captured.
    pub assumed: bool,
}

/// Judges everyone in the trail as one agent of the bundle, each with a past of their own.
#[derive(Debug)]
pub struct Observer<'b> {
    bundle: &'b Bundle,
    chain: Chain,
    pasts: BTreeMap<String, Past>,
}

impl<'b> Observer<'b> {
    pub const fn new(bundle: &'b Bundle, chain: Chain) -> Self {
        Self { bundle, chain, pasts: BTreeMap::new() }
    }

    /// `who` did this, and it succeeded. Everything is remembered before anything is judged: a trail's files are in no
    /// order.
    pub fn remember(&mut self, who: &str, seen: &Seen) {
        if seen.parts.effects.is_plain_read() {
            return;
        }
        let mut step = self.step(seen);
        step.state = StepState::Executed;
        let outcome = Outcome { at: seen.at, status: 200, answer: None };
        step.execution = Some(Execution {
            started_at: seen.at,
            signature: Digest::of(b""),
            outcome: Some(outcome),
            charges: Vec::new(),
        });
        self.pasts.entry(who.to_owned()).or_default().add(&step, seen.at);
    }

    /// What would have been said, had `who` asked for it alone and nobody signed.
    pub fn judge(&self, who: &str, seen: &Seen) -> Judged {
        let step = self.step(seen);
        let limits = self.bundle.limits();
        let history = self.pasts.get(who).map(|past| {
            let session = seen.at.plus_seconds(-limits.session_ttl_max_s);
            past.history(&seen.parts, seen.at, seen.at.plus_seconds(-limits.history_window_s), session)
        });
        let mut case = Case {
            chain: &self.chain,
            scope: &Scope::default(),
            session_scope: &Scope::default(),
            autonomy: Autonomy::default(),
            steps: std::slice::from_ref(&step),
            approvals: &[],
            history: history.unwrap_or_default(),
            replaces: false,
            undo: false,
            now: seen.at,
            spent: &Spent::new(),
            glass: None,
        };
        // What it would itself take out of each allowance; what others took before is not known.
        let charges = judge::charges(self.bundle, &case);
        let spent = judge::sum(charges.iter().map(|(_, charges)| charges));
        case.spent = &spent;
        Judged {
            verdict: judge::judge(self.bundle, &case),
            effects: step.action.effects,
            assumed: step.undo.is_some() && step.environment.production,
            environment: step.environment,
        }
    }

    fn step(&self, seen: &Seen) -> Step {
        let Seen { parts, marks, at: _, whole } = seen;
        let tags = (!parts.effects.is_plain_read()).then_some(&Tags::Unread);
        let landing = judge::landing(self.bundle, parts, marks, std::iter::empty(), tags);
        let captured = *whole && parts.undo == Undo::Capturable && parts.effects.contains(Effect::Write);
        let undo = captured.then(|| KeptUndo {
            summary: String::new(),
            service: parts.operation.service.clone(),
            region: parts.region.0.clone(),
            // Of nothing: nobody ever reads it.
            request: Kept::Blob(Commitment::to(&[0; 32], b"")),
            removes_created: parts.operation.name.starts_with("Create"),
        });
        judge::step_of(parts.clone(), Digest::of(b""), landing, Gathered::default(), undo)
    }
}
