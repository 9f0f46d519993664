//! The vocabulary of Countersign as types (design: "Words"). Floor 0: depends on nothing of ours, does no I/O,
//! reads no clock and draws no randomness; identifiers and times are handed in.
//!
//! What is *absent*: no policy, no protocol, no storage, no HTTP. A type belongs here only if two floors speak of it.

mod action;
mod adoption;
mod answer;
mod blob;
mod canonical;
mod change;
mod consent;
mod continuity;
mod digest;
mod effect;
mod entry;
mod environment;
mod erasure;
mod evidence;
mod genesis;
mod glass;
mod history;
mod id;
mod identity;
mod level;
mod mark;
mod name;
mod pattern;
mod people;
mod request;
mod resource;
mod scope;
mod second_lock;
mod session;
mod site;
mod text;
mod time;
mod verdict;
mod wire;

pub use action::{Action, ActionParts, Body, Exposure, Operation, Quantity, Undo};
pub use adoption::{Adoption, BundleParts};
pub use answer::{Answer, Outcome};
pub use blob::{Blob, BlobError, Commitment, Content, Kept};
pub use canonical::{Value, encode};
pub use change::{
    Approval, AskedBy, Change, ChangeState, Charge, Execution, Given, Gone, IllegalTransition, Joint, Link,
    LinkKind, Presence, Rejection, Step, StepState, Vouched, change_digest,
};
pub use consent::Consent;
pub use continuity::{Continuity, ContinuityError};
pub use digest::{Digest, DigestError};
pub use effect::{Effect, EffectSet, UnknownEffect};
pub use entry::{Actors, Entry, EntryKind, ReportedAs, Subject};
pub use environment::{Account, Environment, Partition, Region};
pub use erasure::{Erased, Erasure, Ground, GroundError};
pub use evidence::{
    Absence, CapturedUndo, Evidence, EvidenceKind, EvidenceStatus, InnerAction, KeptUndo, Observation, Sight,
    Sought,
};
pub use genesis::Genesis;
pub use glass::{BreakGlass, Glass};
pub use history::History;
pub use id::{ChangeId, EntryId, IdError, SessionId};
pub use identity::{Claim, Identity, IdentityError};
pub use level::{Level, UnknownLevel};
pub use mark::{Marks, Retags, Tag, Tags};
pub use name::{
    AgentId, AllowanceId, EnvironmentName, GrantId, Kind, NameError, OWN_NAME, PersonId, Role, RuleId,
    WitnessId,
};
pub use pattern::{Pattern, PatternError, glob};
pub use people::{Agent, Chain, EnrolledKey, Person, Roster, RosterError, Tally, Unidentified};
pub use request::Request;
pub use resource::Resource;
pub use scope::{Scope, ScopeError};
pub use second_lock::SecondLock;
pub use session::{AssumedRole, Autonomy, Session, UnknownAutonomy};
pub use site::{Site, SiteError, is_domain};
pub use text::{causes, sanitize};
pub use time::Timestamp;
pub use verdict::{Alternative, Denial, Fault, Hold, Requirement, RuleRef, Verdict};
