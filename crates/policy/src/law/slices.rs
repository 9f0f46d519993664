//! The policy sets that a question is put to: of the constitution and of both grants, those rules that can matter to it.
//! Made when first needed and kept by what the question is about, as many as there are places for.

use std::sync::{Arc, OnceLock};

use cedar_policy::{Policy, PolicySet};
use model::Effect;

use super::index::About;
use crate::{members::Members, slots::Slots};

/// All that decides which rules can matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Aspect {
    pub(super) effect: Effect,
    /// By number, where grants are enforced at all: the agent's and the operator's, if they have one, and that of a broken glass.
    pub(super) grants: Option<[Option<usize>; 3]>,
    pub(super) exposure: Shown,
    pub(super) about: About,
}

/// By what the answer would show: only permits that name a service, or a resource, count for data and secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shown {
    Neither,
    Data,
    Credentials,
}

/// The rules that can matter to a question. No set where there is no rule: then there is nothing to ask.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(super) constitution: Option<PolicySet>,
    pub(super) agent: Option<PolicySet>,
    pub(super) operator: Option<PolicySet>,
    /// Of the grant of a broken glass.
    pub(super) glass: Option<PolicySet>,
    /// What all of them read of the context.
    pub(crate) reads: Members,
    /// Of the constitution, those that can change their answer with what a hold waits for.
    varying: OnceLock<Option<PolicySet>>,
    /// Whether any rule of either grant can.
    pub(super) grants_vary: bool,
    /// What all that is asked again reads.
    pub(crate) reads_again: Members,
}

#[derive(Debug)]
pub(super) struct Slices {
    slots: Slots<Aspect, Arc<Slice>>,
}

/// 512 slices.
const BUCKETS: usize = 128;

impl Slices {
    pub(super) fn new() -> Self {
        Self { slots: Slots::new(BUCKETS) }
    }

    pub(super) fn of(
        &self,
        aspect: Aspect,
        make: impl FnOnce(&Aspect) -> Result<Slice, String>,
    ) -> Result<Arc<Slice>, String> {
        let hash = self.slots.hash_of(&aspect);
        if let Some(kept) = self.slots.get(hash, |known| *known == aspect) {
            return Ok(Arc::clone(&kept.1));
        }
        let slice = Arc::new(make(&aspect)?);
        self.slots.put(hash, aspect, Arc::clone(&slice));
        Ok(slice)
    }
}

impl Slice {
    pub(super) fn new(
        constitution: Option<PolicySet>,
        [agent, operator, glass]: [Option<PolicySet>; 3],
        [of_constitution, of_grants]: [&[Members]; 2],
    ) -> Self {
        let all = |members: &[Members]| members.iter().copied().fold(Members::default(), Members::and);
        let varying: Vec<_> = of_constitution.iter().copied().filter(|reads| reads.vary()).collect();
        let grants = all(of_grants);
        let grants_vary = grants.vary();
        Self {
            constitution,
            agent,
            operator,
            glass,
            reads: all(of_constitution).and(grants),
            varying: OnceLock::new(),
            grants_vary,
            reads_again: all(&varying).and(if grants_vary { grants } else { Members::default() }),
        }
    }

    pub(super) fn varying(
        &self,
        make: impl FnOnce(&PolicySet) -> Result<Option<PolicySet>, String>,
    ) -> Result<Option<&PolicySet>, String> {
        if self.varying.get().is_none() {
            let made = self.constitution.as_ref().map(make).transpose()?.flatten();
            // Whoever was faster made the same.
            let _ = self.varying.set(made);
        }
        Ok(self.varying.get().and_then(Option::as_ref))
    }
}

/// A set of these; `None` where there are none.
pub(super) fn set_of<'a>(
    first: Option<&'a Policy>,
    policies: impl Iterator<Item = &'a Policy>,
) -> Result<Option<PolicySet>, String> {
    let mut policies = policies.peekable();
    if policies.peek().is_none() {
        return Ok(None);
    }
    PolicySet::from_policies(first.into_iter().chain(policies).cloned())
        .map(Some)
        .map_err(|err| err.to_string())
}
