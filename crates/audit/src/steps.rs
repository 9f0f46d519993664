//! The steps of one change: where each was permitted, where its outcome stands, and whether it is done.

use std::{num::NonZeroU64, rc::Rc};

/// Ascending by how a step is written; most changes have one.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Step>);

/// Nothing of a step stands at entry 0: that is the genesis.
#[derive(Debug)]
struct Step {
    name: Rc<str>,
    permit: Option<NonZeroU64>,
    outcome: Option<NonZeroU64>,
    /// It happened, and was not undone since.
    done: bool,
    /// It was permitted in the change that this one was reopened from.
    before: bool,
}

impl Steps {
    /// What a change that is reopened from this one begins with: what ran stays as it is, and is permitted no more.
    pub(crate) fn resumed(&self) -> Self {
        let ran = self.0.iter().filter(|step| step.permit.is_some() || step.before);
        let resumed = |step: &Step| Step {
            name: Rc::clone(&step.name),
            permit: None,
            outcome: None,
            done: step.done,
            before: true,
        };
        Self(ran.map(resumed).collect())
    }

    /// Whether any was permitted.
    pub(crate) fn any(&self) -> bool {
        self.0.iter().any(|step| step.permit.is_some())
    }

    /// Whether any was permitted, here or in the change that this one was reopened from.
    pub(crate) fn any_ran(&self) -> bool {
        self.0.iter().any(|step| step.permit.is_some() || step.before)
    }

    pub(crate) fn permitted(&self, step: &str) -> bool {
        self.get(step).is_some_and(|step| step.permit.is_some())
    }

    /// Whether it was permitted, here or in the change that this one was reopened from.
    pub(crate) fn ran(&self, nth: usize) -> bool {
        self.get(&nth.to_string()).is_some_and(|step| step.permit.is_some() || step.before)
    }

    /// Yields where it was permitted before.
    pub(crate) fn permit(&mut self, step: Rc<str>, index: u64) -> Option<u64> {
        self.step(step)?.permit.replace(NonZeroU64::new(index)?).map(NonZeroU64::get)
    }

    /// What came of it is known; yields where it was before.
    pub(crate) fn outcome(&mut self, step: Rc<str>, index: u64) -> Option<u64> {
        self.step(step)?.outcome.replace(NonZeroU64::new(index)?).map(NonZeroU64::get)
    }

    /// Whether it happened and still stands.
    pub(crate) fn stands(&mut self, step: Rc<str>, done: bool) {
        if let Some(step) = self.step(step) {
            step.done = done;
        }
    }

    /// The first of those before `nth` that is not done.
    pub(crate) fn lacking_before(&self, nth: u32) -> Option<u32> {
        (0..nth).find(|before| !self.get(&before.to_string()).is_some_and(|step| step.done))
    }

    /// Where it stands what came of this one.
    pub(crate) fn known(&self, step: &str) -> Option<u64> {
        self.get(step)?.outcome.map(NonZeroU64::get)
    }

    fn get(&self, name: &str) -> Option<&Step> {
        let at = self.0.binary_search_by(|known| known.name.as_ref().cmp(name)).ok()?;
        self.0.get(at)
    }

    fn step(&mut self, name: Rc<str>) -> Option<&mut Step> {
        let at = self.0.binary_search_by(|known| known.name.cmp(&name)).unwrap_or_else(|at| {
            if self.0.is_empty() {
                self.0.reserve_exact(1);
            }
            self.0.insert(at, Step { name, permit: None, outcome: None, done: false, before: false });
            at
        });
        self.0.get_mut(at)
    }
}
