//! The thinking half of Countersign's own agent: what a sentence asks for ([`understand`]), the specification of a plan ([`specify`]), and a
//! conversation with a language model ([`Converse`]). Pure: what was said and read comes in, what to ask and to write goes out. Only with the
//! feature `llm` is there somebody who carries a conversation out (`drive`), over the model's edge.
//!
//! What is *absent*: a shell, a write, and any word of a model's that does something. A plan is the planner's, made of the snapshot and the
//! operation table; a step that a model proposes and the planner cannot derive is marked, and needs more people.

mod asked;
mod catalogue;
mod converse;
#[cfg(feature = "llm")]
mod drive;
mod people;
mod reach;
mod specify;

pub use asked::{Asked, asked};
pub use catalogue::{CAN, Facts, Question, Understanding, answer, examples, nearest, understand};
pub use converse::{
    Bounds, ByGiven, CallOf, Claim, Converse, Ending, Event, INSTRUCTIONS, Next, Planner, Proposed, Record,
    Refusal, Returned, TOOLS, Told, ToolText, claims, sort_of,
};
#[cfg(feature = "llm")]
pub use drive::{Broke, Look, drive, opened};
pub use people::{Law, Rules};
pub use reach::Reach;
pub use specify::{Guard, Held, Measured, NotHeld, Order, SpecifyError, answered, folder, guards, specify};
