//! The MCP server: what is in a snapshot, what is wrong in it, a plan, and a proposal, as tools for somebody else's agent (Claude Code,
//! Kiro, Codex). Whoever works by it does what our own agent does, and no more: there is no tool that approves, none that runs a command,
//! none that calls a cloud.
//!
//! The protocol is `rmcp`'s; what a tool takes, says and may do is here, and so is who may ask over HTTP (`door`). Where things come from
//! is a [`Backend`]'s: this crate opens no connection and reads no file.
//!
//! Two rules hold for every answer (`told`). What a cloud or a person wrote is quoted, and looks like it; and no credential of a known form
//! leaves. Both hold for the structured half, too, which some clients show in place of the text.

mod arguments;
mod backend;
mod bounds;
mod door;
mod instructions;
mod look;
mod plans;
mod server;
mod standing;
mod told;
mod tools;

pub use arguments::{ChangeQuery, CostsQuery, FindingsQuery, InventoryQuery, PlanQuery};
pub use backend::{Action, Backend, Boxed, Document, Proposal, Question, Reach, Refusal};
pub use door::{Door, DoorError, Token, TokenError};
pub use look::{Held, answer};
pub use server::{Desk, StdioError};
pub use told::Told;
pub use tools::names;
