//! Specifications: what is wanted ([`Requirements`], [`Bugfix`]), how it holds together ([`Design`]), what is done for it
//! ([`Tasks`]), what the user said ([`Intent`]) and what machines checked ([`Run`]). The folder's files are those that Kiro writes, byte
//! for byte, with ours beside them ([`layout`]). Floor 1, pure: files come in as bytes, and leave as bytes.
//!
//! **The text is the document.** What is read is a view of it by places; nothing is ever written anew from that view, and an edit
//! replaces a few bytes and reads the result again. So a file that is read and written is the same file, whatever its line
//! endings and indentation are.
//!
//! **A task is ticked for a [`Passed`]**, and only [`Specification::passed`] makes one, of records that cover every check of the task.
//!
//! What is *absent*: carrying out checks, planning, and any language model. Records say what somebody measured; that it was measured
//! is vouched for by whoever writes them.

mod bounds;
mod bugfix;
mod change;
mod check;
mod criterion;
mod design;
pub mod ears;
mod edit;
mod id;
mod intent;
pub mod layout;
mod links;
pub mod lint;
mod malformed;
mod markdown;
mod passed;
mod reference;
mod requirements;
mod run;
mod skeleton;
mod source;
mod specification;
mod status;
mod steering;
mod tasks;
mod trace;

pub use bounds::Bounds;
pub use bugfix::{Behavior, Bugfix, Defect};
pub use change::{OfChange, Standing};
pub use check::{Check, Checks, Moment, When};
pub use criterion::Criterion;
pub use design::{Design, Property};
pub use edit::EditError;
pub use id::{CheckId, CriterionId, IdError, PropertyId, Reference, SpecName, TaskId};
pub use intent::{Intent, IntentError};
pub use malformed::{Cause, Malformed};
pub use passed::{Lack, NotPassed, Passed, Why};
pub use reference::References;
pub use requirements::{Requirement, Requirements, Term};
pub use run::{Outcome, Record, Run, Seen};
pub use skeleton::{Sort, skeleton};
pub use source::{Source, Span};
pub use specification::{Files, Goal, Specification, Unreadable};
pub use status::{Proof, Status, TaskStatus};
pub use steering::{Inclusion, Steering};
pub use tasks::{State, Task, Tasks, TickError};
pub use trace::{Matrix, Row, Untraced};
