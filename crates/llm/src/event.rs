//! What a model's answer is made of while it arrives, the same for every protocol.

use serde_json::Value;

/// One piece of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Text(String),
    /// The model thinks, or the line is kept open. Nothing of it is kept; it shows that somebody is there.
    Alive,
    Call(Piece),
    Ended(End),
}

/// Something of one tool call. Its first piece names the tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    pub id: String,
    pub name: String,
    pub arguments: Arguments,
}

/// Protocols differ in how they send what a tool is called with.
#[derive(Clone, Debug, PartialEq)]
pub enum Arguments {
    /// To be put behind what came before.
    More(String),
    /// All of it up to here.
    SoFar(String),
    /// As JSON, at once.
    Whole(Value),
}

/// The last event of an answer that came to its end. Where there is none, the answer broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub stop: Stop,
    /// `None` where the other side did not say.
    pub usage: Option<Usage>,
}

/// Why a model says it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It has said all it wanted to.
    Done,
    /// It waits for what the tools return.
    Calls,
    /// There was no more room.
    Length,
    /// Somebody's filter stopped it.
    Filtered,
    /// For a reason that is not known here, or for none.
    Unclear,
}

/// Tokens, as the other side counts them; what was read from a cache is part of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input: u64,
    pub output: u64,
}
