//! What is asked of a bundle. Everything in [`Ask`] is a fact that the engine has established; nothing in it is the
//! agent's word.

use std::collections::BTreeSet;

use model::{
    Account, Autonomy, BreakGlass, Chain, EffectSet, Environment, EvidenceKind, Exposure, History, Operation,
    Quantity, Resource, Tally, Timestamp,
};

use crate::allowances::Spent;

#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub chain: &'a Chain,
    pub autonomy: Autonomy,
    /// Whether the session's scope covers the action.
    pub in_scope: bool,
    pub operation: &'a Operation,
    /// As they count: a `write` whose undo is not captured is a `destroy` by now.
    pub effects: EffectSet,
    /// As the tables and the parameters have them.
    pub listed: EffectSet,
    pub quantity: &'a Quantity,
    pub exposure: Exposure,
    /// Empty: one target that nobody knows.
    pub resources: &'a [Resource],
    pub account: &'a Account,
    pub environment: &'a Environment,
    pub change: ChangeFacts,
    /// People outside the chain who have signed what is asked.
    pub approvals: &'a Tally,
    /// People outside the chain who could.
    pub eligible: &'a Tally,
    pub evidence: &'a BTreeSet<EvidenceKind>,
    /// What could still be gathered.
    pub gatherable: &'a BTreeSet<EvidenceKind>,
    pub now: Timestamp,
    /// What went before, the other actions of the same change included.
    pub history: History,
    /// Of every allowance that covers it: what would be taken out by then, the whole change included.
    pub spent: &'a Spent,
    /// The glass that is broken for the session at this moment; the engine has seen to it that it is one that
    /// [`crate::Bundle::may_break`] lets be broken.
    pub glass: Option<&'a BreakGlass>,
}

/// What the bundle allowed ahead of time of one effect on one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ahead {
    pub(crate) within_budget: bool,
    pub(crate) standing: bool,
}

/// The change that the action is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChangeFacts {
    /// How many of its actions destroy.
    pub destroys: u32,
    /// It would create again what a held change deletes.
    pub replaces: bool,
    pub staged: bool,
    /// The engine's own mark; no agent can set it.
    pub undo: bool,
    pub steps: u32,
}
