//! What people are told of what happens: which entries of the ledger are worth a message ([`Event`]), what a message says
//! ([`Message`]), its two forms ([`webhook::body`], [`slack::body`]), its signature ([`Secret`]), and when it is tried again or a
//! held change is brought to mind ([`schedule`]). Floor 1, pure: entries and changes in, bytes out. Who keeps how far whom has
//! been told, and who connects, is `countersign`.
//!
//! What a change does is said in a sentence derived from its actions. What its agent says of it stands in no message.
//!
//! What is *absent*: anything that acts. A message leads to a page on which a person reads and signs; it holds no button, no
//! token and no address that changes anything.

mod event;
mod fold;
mod message;
pub mod schedule;
mod signature;
pub mod slack;
pub mod webhook;

pub use event::{Event, UnknownEvent};
pub use fold::{FLOOD, fold};
pub use message::{About, Derived, Message, Sender, Subject, sentence};
pub use signature::{Secret, SecretError};
