//! Plans: what would be done, in which order, how each step is checked, and how it is undone. Pure: a snapshot, findings and a
//! goal in, a plan as data out. Nothing here carries anything out: whoever does proposes the plan as one change and asks for its steps one
//! by one, like everyone else; what comes next, and when to stop, is [`conduct`].
//!
//! A plan's effects are never its own word: they are classified from the steps' calls by the operation table, again whenever a plan is read
//! ([`Plan::effects`] of a file is a claim until then).

mod alternatives;
mod check;
pub mod conduct;
mod error;
mod given;
mod goal;
mod lint;
mod make;
mod pack;
mod plan;
mod planner;
mod rederive;
mod resolve;
mod stays;
mod step;
mod table;

pub use check::{Check, Comparison, Expectation, Patience, Seen};
pub use error::PlanError;
pub use given::{Asker, Given};
pub use goal::{Deploy, Goal, Kind, RollBack, Tag, Which};
pub use lint::{MOST_BYTES, Problem, lint, read};
pub use plan::{Alternative, Basis, Left, People, Plan, Plans, SCHEMA};
pub use planner::{all, goals, of};
pub use rederive::{Proposed, Refused, of_steps, rederive};
pub use stays::{NotMeasured, Stays, stays};
pub use step::{Call, Origin, Step, Undo};
