//! What was decided lately, each under all that it was decided on, so that an agent that polls is answered without
//! Cedar. It belongs to one bundle and goes with it.

use model::Verdict;

use crate::{
    calendar::Minutes,
    facts::{Facts, Hour},
    slots::Slots,
};

#[derive(Debug)]
pub(crate) struct Decisions {
    pub(crate) minutes: Minutes,
    slots: Slots<(Facts<'static>, Hour), Verdict>,
}

/// 1,024 decisions: many sessions' polling, some megabytes.
const BUCKETS: usize = 256;
/// More text than this in an ask, or more rules in the answer, and it is decided anew each time.
const MAX_ASK: usize = 2_048;
const MAX_RULES: usize = 32;

impl Decisions {
    pub(crate) fn new() -> Self {
        Self { minutes: Minutes::new(), slots: Slots::new(BUCKETS) }
    }

    /// What was decided on equal facts in an equal hour, or else what `decide` says of them.
    pub(crate) fn of(
        &self,
        facts: Facts<'_>,
        hour: Hour,
        decide: impl FnOnce(&Facts<'_>, &Hour) -> Verdict,
    ) -> Verdict {
        if facts.size() > MAX_ASK {
            return decide(&facts, &hour);
        }
        let hash = self.slots.hash_of(&(&facts, &hour));
        if let Some(kept) = self.slots.get(hash, |(known, when)| *known == facts && *when == hour) {
            return kept.1.clone();
        }
        let verdict = decide(&facts, &hour);
        if verdict.rules().len() <= MAX_RULES {
            self.slots.put(hash, (facts.into_owned(), hour), verdict.clone());
        }
        verdict
    }
}
