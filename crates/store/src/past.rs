//! What somebody did, where no store has it: the same deeds by the same words as `trace` reads them, for judging what a
//! trail tells of. Complete before it is asked, so that the order of reading does not matter.

use std::collections::BTreeMap;

use model::{ActionParts, History, Step, Timestamp};

use crate::{Target, trace};

/// Deeds and creations beyond this are counted as too many to tell: the worst.
const MAX_KEPT: usize = 200_000;
/// No rule asks for more.
const MAX_COUNTED: usize = 1_000;

#[derive(Clone, Debug, Default)]
pub struct Past {
    deeds: BTreeMap<(i64, usize), trace::Deed>,
    created: BTreeMap<String, i64>,
    overflown: bool,
}

impl Past {
    /// A step that was carried out; whether it succeeded is in its execution.
    pub fn add(&mut self, step: &Step, at: Timestamp) {
        let at = at.millis();
        let deed = trace::Deed::of(step, at);
        if deed != (trace::Deed { at, ..trace::Deed::default() }) {
            if self.deeds.len() < MAX_KEPT {
                self.deeds.insert((at, self.deeds.len()), deed);
            } else {
                self.overflown = true;
            }
        }
        for target in trace::created(step) {
            // One that is forgotten is nobody's own, which is the stricter.
            if self.created.len() < MAX_KEPT {
                self.created.insert(target.as_str().to_owned(), at);
            }
        }
    }

    /// As it was at `now`: what was done since `since`, and whether everything that `action` names was created since
    /// `session`, the earliest that a session could have begun.
    pub fn history(
        &self,
        action: &ActionParts,
        now: Timestamp,
        since: Timestamp,
        session: Timestamp,
    ) -> History {
        let within = || self.deeds.range((since.millis(), 0)..(now.millis(), 0)).map(|(_, deed)| deed);
        let count = |is: fn(&trace::Deed) -> bool| {
            let found = within().filter(|deed| is(deed)).take(MAX_COUNTED).count();
            let found = if self.overflown { MAX_COUNTED } else { found };
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        let targets = Target::all(action);
        let own = |target: &Target| {
            let made = self.created.get(target.as_str());
            made.is_some_and(|at| (session.millis()..now.millis()).contains(at))
        };
        let destroys = count(|deed| deed.destroys);
        History {
            destroys,
            agent_destroys: destroys,
            protections_lowered: count(|deed| deed.lowers_protection),
            backups_touched: count(|deed| deed.touches_backup),
            data_destroyed: count(|deed| deed.destroys_data),
            created_by_session: !targets.is_empty() && targets.iter().all(own),
        }
    }
}
