//! Under another table than our own: what a request is by the one that is pinned, joined with what it is by ours, so that
//! it is never judged milder than either would ([`crate::sheet`] says what a pinned table is).
//!
//! Kept is only what the pinned table says otherwise; where it says the same, nothing is asked twice.

use std::collections::HashMap;

use model::{Exposure, Operation, Value};

use super::{
    Told,
    effects::{self, Judged},
    parameters::{self, Patterns, PinnedRule, Raised, Rules},
};
use crate::{kinds::Kinds, overrides::worst, route::Routed, sheet::Line, table::Row};

/// What the pinned table says otherwise than ours. By default nothing: ours is the one that is pinned.
#[derive(Debug, Default)]
pub struct Pinned {
    /// By service, then by operation.
    pub(crate) otherwise: HashMap<String, HashMap<String, Otherwise>>,
    pub(crate) rules: Option<OtherRules>,
    pub(crate) kinds: Option<Kinds>,
    /// What roles may do is not told in the same words.
    pub(crate) roles_differ: bool,
}

/// Of one operation of our table.
#[derive(Debug)]
pub(crate) enum Otherwise {
    /// The pinned table does not have it.
    Unknown,
    Line(Box<Other>),
}

/// What the pinned table says of an operation, and which of what cannot be ordered is not as we have it.
#[derive(Debug)]
pub(crate) struct Other {
    pub(crate) line: Line,
    /// Which members name its resources.
    pub(crate) names: bool,
    pub(crate) undo: bool,
    pub(crate) quantity: bool,
    /// How its targets and references are looked at.
    pub(crate) looks: bool,
}

/// Rules over parameters, where not all are the same.
#[derive(Debug, Default)]
pub(crate) struct OtherRules {
    /// What raises there and not here.
    pub(crate) more: Rules,
    /// All that lowers there.
    pub(crate) lower: Rules,
}

/// What the pinned table says of one operation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says<'p> {
    Same,
    Unknown,
    Otherwise(&'p Other),
}

impl Says<'_> {
    /// Of two ways to look at something, neither is the stricter. What the pinned table does not have, only an override
    /// makes known, which says what it is.
    pub(crate) fn is_looked_at_otherwise(self) -> bool {
        match self {
            Self::Same | Self::Unknown => false,
            Self::Otherwise(other) => other.looks,
        }
    }

    /// Of two inverses, one of them may be wrong; where the pinned table takes none to be needed, ours does no harm.
    pub(crate) fn is_undone_alike(self) -> bool {
        match self {
            Self::Same => true,
            Self::Unknown => false,
            Self::Otherwise(other) => !other.undo || other.line.additive && other.line.undo.is_none(),
        }
    }

    pub(crate) fn allows_additive(self) -> bool {
        match self {
            Self::Same => true,
            Self::Unknown => false,
            Self::Otherwise(other) => other.line.additive,
        }
    }
}

impl OtherRules {
    pub(crate) fn of(theirs: &[PinnedRule], own: &[PinnedRule]) -> Self {
        let (lower, raise): (Vec<_>, Vec<_>) =
            theirs.iter().cloned().partition(|rule| rule.instead.is_some());
        let more = raise.into_iter().filter(|rule| !own.contains(rule)).collect();
        Self { more: Rules::of_pinned(more), lower: Rules::of_pinned(lower) }
    }
}

impl Pinned {
    /// Whether the pinned table says anything otherwise.
    pub fn is_otherwise(&self) -> bool {
        let Self { otherwise, rules, kinds, roles_differ } = self;
        !otherwise.is_empty() || rules.is_some() || kinds.is_some() || *roles_differ
    }

    pub(crate) fn says(&self, service: &str, operation: &str) -> Says<'_> {
        match self.otherwise.get(service).and_then(|own| own.get(operation)) {
            None => Says::Same,
            Some(Otherwise::Unknown) => Says::Unknown,
            Some(Otherwise::Line(other)) => Says::Otherwise(other),
        }
    }

    /// What the operation of `row` does by either of the two tables.
    pub(crate) fn of(&self, row: &Row) -> Judged {
        let own = effects::of(row);
        self.alone(row).map_or(own, |pinned| own.or(pinned))
    }

    /// By the pinned table alone; `None` where that is what ours says.
    fn alone(&self, row: &Row) -> Option<Judged> {
        match self.says(row.service, row.operation) {
            Says::Same => None,
            Says::Unknown => Some(Judged::worst()),
            Says::Otherwise(other) => Some(other.line.judged()),
        }
    }

    /// What a call that can be read as these operations does by the pinned table alone, as far as nothing raises it; `None`
    /// where ours says the same.
    pub(crate) fn base(
        &self,
        routed: &Routed<'_>,
        readings: &[Operation],
        params: &Value,
        told: Told,
    ) -> Option<Judged> {
        let rows = || routed.row.iter().chain(&routed.also);
        let alone = |row: &&Row| self.alone(row);
        if self.rules.is_none() && rows().all(|row| alone(row).is_none()) {
            return None;
        }
        let each = rows().map(|row| alone(row).unwrap_or_else(|| effects::of(row)));
        let mut judged = each.reduce(Judged::or)?;
        let lower = match &self.rules {
            Some(rules) => Some(&rules.lower),
            None => Rules::shared(),
        };
        if let Some(rules) = lower {
            parameters::lower(rules, readings, params, told, &mut judged);
        }
        Some(judged)
    }

    /// What its rules raise besides ours. Roles that these hand over are not looked at.
    pub(crate) fn raise(
        &self,
        readings: &[Operation],
        params: &Value,
        told: Told,
        patterns: Patterns,
        judged: &mut Judged,
    ) -> Raised<'_> {
        let Some(rules) = &self.rules else { return Raised::default() };
        let before = *judged;
        let mut raised = rules.more.raise(readings, params, told, patterns, judged);
        if before == *judged {
            raised.says.clear();
        }
        raised
    }
}

impl Judged {
    pub(crate) fn worst() -> Self {
        Self { effects: worst(), exposure: Exposure { data: true, credentials: true }, additive: false }
    }

    /// No milder than either.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            effects: self.effects.union(other.effects),
            exposure: Exposure {
                data: self.exposure.data || other.exposure.data,
                credentials: self.exposure.credentials || other.exposure.credentials,
            },
            additive: self.additive && other.additive,
        }
    }
}
