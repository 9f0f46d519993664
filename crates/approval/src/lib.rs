//! Promises 3 and 4: what a person signs, whether that signature holds, and how many people it makes.
//!
//! The [`Statement`] is one text, read by a person in a terminal and signed byte for byte. [`verify`] turns a text and
//! an OpenSSH signature, or a passkey's assertion ([`passkey`]), into who signed it and how their presence was shown.
//! [`counts`] turns signers into people. [`request`] authenticates people's HTTP requests, [`sign`] is the side of both
//! of a client with an SSH key.
//!
//! What is *absent*: whether a statement fits the change in force (the engine rebuilds it and asks
//! [`Statement::differences`]), vetoes, expiry and used nonces (the engine's and the store's), files, clocks, sockets.

mod armor;
mod key;
pub mod passkey;
mod people;
pub mod request;
pub mod sign;
mod sshsig;
mod statement;
mod text;
mod verify;
mod words;

pub use key::{KeyError, fingerprint, parse_public_key};
pub use people::{
    FileRule, Ineligible, Manner, Part, Rendering, abilities, counted, counts, eligible, may_approve,
    may_recover, recovering,
};
pub use sshsig::SignatureError;
pub use statement::{Act, Observed, Parameter, Statement, StatementError, UnknownAct};
pub use verify::{ApprovalError, NAMESPACE, Verified, holds_key, verify};
pub use words::words;
