//! What can go wrong for a user: a stable code, a cause, a hint, and one exit code each (design: "Exit codes").

use std::{fmt::Display, process::ExitCode};

pub(crate) const UNEXPECTED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const NOT_AUTHENTICATED: u8 = 3;
pub(crate) const NOT_FOUND: u8 = 4;
pub(crate) const HELD: u8 = 10;
pub(crate) const DENIED: u8 = 11;
pub(crate) const CLOSED: u8 = 12;
pub(crate) const VERIFICATION: u8 = 20;
pub(crate) const PROOF: u8 = 21;
pub(crate) const INTERRUPTED: u8 = 130;

#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) exit: u8,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) change: Option<model::ChangeId>,
    /// The server was asked too much at once.
    pub(crate) busy: bool,
}

impl Failure {
    pub(crate) fn new(exit: u8, code: &str, message: impl Display) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            message: message.to_string(),
            hint: None,
            change: None,
            busy: false,
        }
    }

    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(USAGE, "CS001", message)
    }

    pub(crate) fn unexpected(message: impl Display) -> Self {
        Self::new(UNEXPECTED, "CS000", message)
    }

    pub(crate) fn not_authenticated(message: impl Display) -> Self {
        Self::new(NOT_AUTHENTICATED, "CS202", message)
    }

    pub(crate) fn verification(message: impl Display) -> Self {
        Self::new(VERIFICATION, "CS210", message)
    }

    pub(crate) fn unreachable_server(address: &str, why: impl Display) -> Self {
        Self::new(UNEXPECTED, "CS003", format!("no answer from the server at {address}: {why}"))
            .hint("is `countersign serve` running?")
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(INTERRUPTED, "CS130", "interrupted")
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Nobody answered, or somebody who could not or was too busy: the same may be answered when it is asked again.
    pub(crate) const fn passes(&self) -> bool {
        self.exit == UNEXPECTED || self.busy
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit)
    }
}

/// What a server says is shown at a terminal, which must not obey it.
impl From<api::ErrorBody> for Failure {
    fn from(body: api::ErrorBody) -> Self {
        Self {
            exit: body.exit,
            code: model::sanitize(&body.code, 20),
            message: model::sanitize(&body.message, 4000),
            hint: body.hint.map(|hint| model::sanitize(&hint, 1000)),
            change: body.change,
            busy: false,
        }
    }
}
