//! The real credentials: where they come from (AWS's standard chain), what a role gives for them, and when they are
//! fetched anew. They live in this process, are never written, and nothing here prints one.
//!
//! Not here: signing of what agents ask for, and any choice of who may have what. Own code and not AWS's crate for it:
//! that brings some forty crates and a second HTTP client into the one process that holds the credentials.

mod cache;
mod chain;
mod client;
mod container;
mod error;
mod json;
mod metadata;
mod process;
mod profile;
mod role;
mod sts;
mod surroundings;

pub use cache::{Cache, Supply};
pub use chain::Chain;
pub use client::Http;
pub use error::CredentialError;
pub use role::Role;
pub use sts::{AssumeRole, Caller, Sts};
pub use surroundings::Surroundings;

use model::Timestamp;
use zeroize::Zeroizing;

/// One set of real credentials.
#[derive(Clone)]
pub struct Credentials {
    pub access_key: String,
    pub secret: Zeroizing<String>,
    pub session_token: Option<Zeroizing<String>>,
    /// `None` where they are good until somebody takes them back.
    pub expires: Option<Timestamp>,
}

impl Credentials {
    /// Such as never expire, of a user or of an emulator.
    pub fn lasting(access_key: &str, secret: &str) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
            session_token: None,
            expires: None,
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(redacted)")
    }
}
