//! The thinking half of Countersign's own agent: what a sentence asks for ([`understand`]), the specification of a plan ([`specify`]), and a
//! conversation with a language model ([`converse`]). Pure: what was said and read comes in, what to ask and to write goes out.
//!
//! What is *absent*: a shell, a write, and any word of a model's that does something. A plan is the planner's, made of the snapshot and the
//! operation table; a step that a model proposes and the planner cannot derive is marked, and needs more people.

pub mod specify;

pub use specify::{Guard, Measured, Order, SpecifyError, folder, guards, specify};
