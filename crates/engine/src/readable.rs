//! What a session could have read for itself: an answer to an agent holds nothing else of what we read about a target.

use model::{
    Autonomy, Effect, EffectSet, Environment, Exposure, History, Operation, Quantity, Resource, Session,
    Step, Tally, Verdict,
};
use policy::{Ask, Bundle, ChangeFacts, Spent};

use crate::Engine;

impl Engine {
    /// The session's own grant, and its operator's, under the bundle in force and at this time.
    pub fn reading<'s>(&self, session: &'s Session) -> Readable<'s> {
        Readable { bundle: self.bundle(), session, now: self.watch.last() }
    }
}

/// Answers whether a session may read a thing.
#[derive(Debug)]
pub struct Readable<'s> {
    bundle: std::sync::Arc<Bundle>,
    session: &'s Session,
    now: model::Timestamp,
}

impl Readable<'_> {
    /// Whether a plain read of `resource`, which `step` is about or would touch, is allowed outright.
    pub fn may_read(&self, step: &Step, resource: &Resource) -> bool {
        let mut action = step.action.clone();
        action.operation = Operation::new(&resource.service, "Read");
        action.effects = EffectSet::of(Effect::Read);
        action.exposure = Exposure::default();
        action.resources = vec![resource.clone()];
        let environment: &Environment = &step.environment;
        let nobody = Tally::default();
        let nothing = std::collections::BTreeSet::new();
        let verdict = self.bundle.decide(&Ask {
            chain: &self.session.chain,
            autonomy: Autonomy::Suggest,
            in_scope: self.session.scope.covers(&action, environment),
            operation: &action.operation,
            effects: action.effects,
            listed: action.effects,
            quantity: &Quantity::one(),
            exposure: action.exposure,
            resources: &action.resources,
            account: &action.account,
            environment,
            change: ChangeFacts::default(),
            approvals: &nobody,
            eligible: &nobody,
            evidence: &nothing,
            gatherable: &nothing,
            now: self.now,
            history: History::default(),
            spent: &Spent::new(),
            glass: None,
        });
        verdict == Verdict::Allow
    }
}
