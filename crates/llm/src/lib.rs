//! The language model's edge: what may go to a model, which of its turns are taken, and what they may cost. Nothing works only with a
//! model, and what one says is never a verdict: `Turn` is text and calls of tools, for somebody else to judge.
//!
//! Three things are held by types. Words get into a request as `Scrubbed` (no credential of a known form in them) or, where they
//! come from a cloud, as `Untrusted`, which is quoted by a `Fence` that nothing within can end. A `Turn` is made by the assembly alone, of
//! an answer that ended as it should and whose calls fit tools that were offered; one that broke off is a `FailedTurn`, of which nothing is
//! kept. And each request is paid for from a `Budget`, before and after.
//!
//! Not here: what is asked, and what is done with a call. All of it is pure but `remote`, which opens connections, and `key`, which reads a
//! file: both are compiled only with the feature `remote`. Time and chance are handed in (`Clock`, `chance`).

mod ask;
mod backoff;
mod budget;
mod chat;
mod conversation;
mod event;
mod failure;
mod fence;
#[cfg(feature = "remote")]
mod key;
#[cfg(feature = "remote")]
mod remote;
mod schema;
mod scrub;
#[cfg(feature = "remote")]
mod settings;
mod tool;
mod turn;

pub use ask::{Desk, Stopped};
pub use backoff::Backoff;
pub use budget::{Budget, Exhausted, Limits, Micros, NoPrice, Price, Spent};
pub use chat::{Boxed, ChatModel, Clock, Events, Watcher};
pub use conversation::{Conversation, ConversationError, Echo, Message, Request};
pub use event::{Arguments, End, Event, Piece, Stop, Usage};
pub use failure::{Again, Cost, FailedTurn};
pub use fence::{Bound, Fence, Fenced, Untrusted};
#[cfg(feature = "remote")]
pub use key::{Key, KeyError, KeyPlace};
#[cfg(feature = "remote")]
pub use remote::{Remote, RemoteError};
pub use schema::{Misfit, Schema, SchemaError};
pub use scrub::{Scrubbed, Scrubber, ScrubberError};
#[cfg(feature = "remote")]
pub use settings::{Provider, Settings, SettingsError};
pub use tool::{Tool, ToolError, Tools};
pub use turn::{Call, Turn, most};
