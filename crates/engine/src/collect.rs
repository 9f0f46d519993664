//! What the engine needs of a gateway: facts about a target, and carrying out a captured inverse. The gateway's reads
//! for it go through [`crate::Engine::admit`] themselves, as sessions of Countersign's own.

use std::{future::Future, pin::Pin};

use model::{
    Action, ActionParts, CapturedUndo, ChangeId, EffectSet, Observation, Request, Session, Sight, Sought,
    Tags, Value,
};
use policy::Bundle;

use crate::{Engine, Undoing, admit::Refusal};

pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Facts gathered about one action.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    pub observation: Option<Observation>,
    /// How the target is looked for again while the action is held; only of one that was there.
    pub sought: Option<Sought>,
    pub undo: Option<CapturedUndo>,
    /// Where every inner action could be listed: their union, in place of `execute`.
    pub effects: Option<EffectSet>,
    /// The request with its references resolved to what was observed, to be forwarded in place of the received one.
    pub pinned: Pinned,
    /// Of the target; they can raise the environment.
    pub tags: Tags,
    /// Of an action that is a `privilege` because it hands roles to the cloud, and for no other reason: every call that
    /// may be made as them, or why that cannot be told.
    pub handed: Option<Result<Vec<ActionParts>, String>>,
    pub unknowns: Vec<String>,
}

/// Whether what is forwarded must name what was observed rather than what a name may mean by then.
#[derive(Clone, Debug, Default)]
pub enum Pinned {
    /// Nothing in the request is a reference.
    #[default]
    NotNeeded,
    Request(Box<Request>),
    /// A reference was resolved, but this request cannot be written with it: it is not forwarded at all.
    Impossible(String),
}

/// Reads, before a verdict and again before anything runs.
pub trait Collector: Send + Sync {
    fn gather<'a>(&'a self, engine: &'a Engine, action: &'a Action) -> Later<'a, Gathered>;
}

/// An action named by its operation and parameters rather than by a received request: what a proposal is made of.
#[derive(Clone, Debug)]
pub struct Proposed {
    pub service: String,
    pub operation: String,
    pub region: String,
    /// Members by their names on the wire.
    pub parameters: Value,
}

/// A gateway as the engine calls it.
pub trait Connector: Send + Sync {
    /// Classifies a proposed action and gathers the facts about it; nothing is carried out.
    fn prepare<'a>(
        &'a self,
        engine: &'a Engine,
        session: &'a Session,
        asked: Proposed,
    ) -> Later<'a, Result<(Action, Gathered), Refusal>>;

    /// Submits a captured inverse as an action of its own, through [`crate::Engine::admit`]. `done`: what it undoes.
    fn undo<'a>(
        &'a self,
        engine: &'a Engine,
        undo: CapturedUndo,
        done: &'a ActionParts,
        undoing: Undoing,
    ) -> Later<'a, Result<ChangeId, Refusal>>;

    /// Looks for the target of an action that is held again, by one read of our own.
    fn look<'a>(
        &'a self,
        engine: &'a Engine,
        action: &'a ActionParts,
        sought: &'a Sought,
    ) -> Later<'a, Sight>;

    /// Whether it could act under another bundle: as the roles, and in the accounts, that this one gives.
    fn fits<'a>(&'a self, engine: &'a Engine, next: &'a Bundle) -> Later<'a, Result<(), String>>;
}
