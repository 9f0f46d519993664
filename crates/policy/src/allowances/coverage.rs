//! What an allowance is about: operations, targets, accounts and agents. Everything that is named must fit.

use std::collections::BTreeSet;

use model::{Account, AgentId, Pattern, Resource};

use crate::{facts::Facts, places::bare};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Coverage {
    pub(super) operations: Vec<Pattern>,
    /// Of the target's name as the request gives it, or of its bare identifier; empty: any.
    pub(super) resources: Vec<Pattern>,
    pub(super) accounts: BTreeSet<Account>,
    /// Empty: any, and all of them together.
    pub(super) agents: BTreeSet<AgentId>,
    /// Of every size that the action names; an action without sizes fits.
    pub(super) sizes: Vec<Pattern>,
}

impl Coverage {
    pub(super) fn covers_all(&self, facts: &Facts<'_>) -> bool {
        !facts.resources.is_empty() && facts.resources.iter().all(|resource| self.covers(facts, resource))
    }

    pub(super) fn covers(&self, facts: &Facts<'_>, resource: &Resource) -> bool {
        let operation = facts.operation.to_string();
        let any = |patterns: &[Pattern], text: &str| patterns.iter().any(|it| it.matches(text));
        // A target in another account than the request's own is in neither's allowance.
        let elsewhere = resource.account().is_some_and(|account| account != facts.account.0);
        any(&self.operations, &operation)
            && self.accounts.contains(&*facts.account)
            && !elsewhere
            && (self.agents.is_empty() || self.agents.contains(&facts.chain.agent))
            && facts.quantity.sizes.iter().all(|size| any(&self.sizes, size))
            && (self.resources.is_empty()
                || any(&self.resources, &resource.name)
                || any(&self.resources, &bare(resource)))
    }
}
