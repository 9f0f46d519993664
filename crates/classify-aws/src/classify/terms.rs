//! Besides our own tables: what the bundle says of operations, and the table that is pinned.

use std::{collections::BTreeMap, sync::Arc};

use model::{EffectSet, Exposure, Kind, Operation};

use super::pinned::{Pinned, Says};
use crate::route::Routed;

/// What the bundle says of one operation; it wins over the tables, and it alone can make an unknown one known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub effects: EffectSet,
    pub kind: Option<Kind>,
    pub additive: bool,
    /// What an answer shows; `None` where the bundle does not say.
    pub exposure: Option<Exposure>,
}

/// On which terms requests are understood. By default the bundle says nothing, and our own table is the pinned one.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    pub overrides: BTreeMap<Operation, Override>,
    pub pinned: Arc<Pinned>,
}

/// Whether an operation can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Yes,
    /// Neither the tables nor the bundle have it.
    No,
    /// Our table has it, and the pinned one does not.
    NotPinned,
    /// It sends a stream of events, as one of the tables says.
    Events,
}

impl Terms {
    pub(crate) fn known(&self, routed: &Routed<'_>) -> Known {
        let overridden = self.overrides.contains_key(&routed.operation());
        let Some(row) = routed.row else {
            return if overridden { Known::Yes } else { Known::No };
        };
        let says = self.pinned.says(row.service, row.operation);
        let events = row.flagged('e') || matches!(says, Says::Otherwise(other) if other.line.events);
        match says {
            _ if events => Known::Events,
            Says::Unknown if !overridden => Known::NotPinned,
            Says::Unknown | Says::Same | Says::Otherwise(_) => Known::Yes,
        }
    }
}
