//! Errors as the API answers them: a stable code, a cause, a hint, and the exit code the CLI ends with.

use approval::ApprovalError;
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use engine::{CandidateError, IssueError, Refusal, RefusalKind, SignError};
use listener::BodyError;
use model::Fault;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::openapi::words;

/// The exit codes of the design's contract that an answer can lead to.
const NOT_AUTHENTICATED: u8 = 3;
const NOT_FOUND: u8 = 4;
const USAGE: u8 = 2;
const HELD: u8 = 10;
const DENIED: u8 = 11;
const CLOSED: u8 = 12;
const UNEXPECTED: u8 = 1;
const VERIFICATION: u8 = 20;
const PROOF: u8 = 21;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What `countersign explain` knows.
    pub code: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hint: Option<String>,
    /// With which the command line ends.
    pub exit: u8,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<words::ChangeId>)]
    pub change: Option<model::ChangeId>,
}

#[derive(Debug)]
pub struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) body: Box<ErrorBody>,
}

impl ApiError {
    fn new(status: StatusCode, code: &str, exit: u8, message: impl Into<String>, hint: Option<&str>) -> Self {
        let body = ErrorBody {
            code: code.to_owned(),
            message: message.into(),
            hint: hint.map(str::to_owned),
            exit,
            change: None,
        };
        Self { status, body: Box::new(body) }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "CS201", USAGE, message, None)
    }

    pub fn not_authenticated(message: impl Into<String>) -> Self {
        let hint = "sign with an enrolled key: --key FILE, $COUNTERSIGN_KEY, or an ssh-agent";
        Self::new(StatusCode::UNAUTHORIZED, "CS202", NOT_AUTHENTICATED, message, Some(hint))
    }

    /// To somebody who came back from a provider of identities.
    pub fn not_signed_in(message: impl Into<String>) -> Self {
        let hint = "sign in again at /signin; an account counts where roster.toml has it among a person's `identities`";
        Self::new(StatusCode::UNAUTHORIZED, "CS219", NOT_AUTHENTICATED, message, Some(hint))
    }

    /// What another server was asked for and did not answer.
    pub fn elsewhere(message: impl Into<String>) -> Self {
        let hint = "sign in with a passkey meanwhile, or use the command line";
        Self::new(StatusCode::BAD_GATEWAY, "CS219", UNEXPECTED, message, Some(hint))
    }

    pub fn throttled() -> Self {
        let message = "too many requests from here that nobody signed rightly; wait a minute";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "CS202", NOT_AUTHENTICATED, message, None)
    }

    pub(crate) fn too_many_waiting() -> Self {
        let message = "too many requests of this session wait already; wait for one change at a time";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "CS201", USAGE, message, None)
    }

    /// Whether this request may have come from anyone: it did not get as far as a signature that holds, and that is
    /// no fault of ours.
    pub(crate) fn is_strangers(&self) -> bool {
        self.status.is_client_error() && self.status != StatusCode::TOO_MANY_REQUESTS
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn into_body(self) -> ErrorBody {
        *self.body
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "CS203", NOT_FOUND, message, None)
    }

    /// What is a fault of ours; nothing was done.
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "CS000", UNEXPECTED, message, None)
    }

    pub fn may_not(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "CS204", DENIED, message, None)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(*self.body)).into_response()
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, fault.code(), UNEXPECTED, fault.to_string(), None)
    }
}

impl From<BodyError> for ApiError {
    fn from(err: BodyError) -> Self {
        let status = match err {
            BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BodyError::Broken(_) | BodyError::MadeRoom => StatusCode::BAD_REQUEST,
        };
        Self::new(status, "CS201", USAGE, err.to_string(), None)
    }
}

impl From<store::StorageError> for ApiError {
    fn from(err: store::StorageError) -> Self {
        Fault::Storage(err.to_string()).into()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (status, code, exit) = match refusal.kind {
            RefusalKind::Held | RefusalKind::ContentNeeded => (StatusCode::FORBIDDEN, "CS301", HELD),
            RefusalKind::Denied | RefusalKind::Replayed => (StatusCode::FORBIDDEN, "CS302", DENIED),
            RefusalKind::SessionClosed => (StatusCode::UNAUTHORIZED, "CS303", NOT_AUTHENTICATED),
            RefusalKind::InFlight | RefusalKind::Turned => (StatusCode::CONFLICT, "CS304", HELD),
            RefusalKind::Fault => (StatusCode::SERVICE_UNAVAILABLE, "CS100", UNEXPECTED),
        };
        let mut error = Self::new(status, code, exit, refusal.message, None);
        error.body.change = refusal.change;
        error
    }
}

impl From<SignError> for ApiError {
    fn from(err: SignError) -> Self {
        let text = err.to_string();
        match err {
            SignError::UnknownChange(_) => Self::not_found(text),
            SignError::Closed { .. } => Self::new(StatusCode::CONFLICT, "CS205", CLOSED, text, None),
            SignError::MayNot(_) | SignError::NotOperator(_) => Self::may_not(text),
            SignError::Presence(_) => {
                let hint =
                    "sign with a passkey or a security key (ssh-keygen -t ed25519-sk) that the roster has";
                Self::new(StatusCode::FORBIDDEN, "CS206", DENIED, text, Some(hint))
            }
            SignError::Signature(
                ApprovalError::Statement(_)
                | ApprovalError::Signature(_)
                | ApprovalError::Assertion(_)
                | ApprovalError::Request(_),
            ) => Self::new(StatusCode::BAD_REQUEST, "CS207", VERIFICATION, text, None),
            SignError::Signature(_) => Self::not_authenticated(text),
            SignError::Cloned(_) => Self::new(StatusCode::FORBIDDEN, "CS207", VERIFICATION, text, None),
            SignError::Stale(_) => Self::new(StatusCode::CONFLICT, "CS208", VERIFICATION, text, None),
            SignError::Reason(_) => Self::usage(text),
            SignError::NotUndoable(_) => Self::new(StatusCode::CONFLICT, "CS209", CLOSED, text, None),
            SignError::NotErasable(_) => Self::new(StatusCode::CONFLICT, "CS212", CLOSED, text, None),
            SignError::NotAdoptable(_) => Self::new(StatusCode::CONFLICT, "CS215", CLOSED, text, None),
            SignError::NotCompared(_) => {
                let hint = "`countersign policy adopt` compares with the bundle in force; it needs the solver, as `policy diff` does";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "CS215", PROOF, text, Some(hint))
            }
            SignError::Hurried(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, "CS218", DENIED, text, None),
            SignError::NotBreakable(_) => Self::new(StatusCode::CONFLICT, "CS217", CLOSED, text, None),
            SignError::Refused(refusal) => refusal.into(),
            SignError::Fault(fault) => fault.into(),
        }
    }
}

impl From<CandidateError> for ApiError {
    fn from(err: CandidateError) -> Self {
        let (code, exit, hint) = match &err {
            CandidateError::Load(_) | CandidateError::Witness(..) => {
                ("CS004", USAGE, "`countersign policy check --bundle DIR` says the same")
            }
            CandidateError::Examples(_) => {
                ("CS004", PROOF, "`countersign policy test --bundle DIR` says the same")
            }
            CandidateError::Certificate(_) => {
                ("CS215", PROOF, "`countersign policy prove --bundle DIR --certificate FILE` makes one")
            }
            CandidateError::Locked(_) => ("CS215", USAGE, "enrol approvers in roster.toml of the bundle"),
        };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, exit, err.to_string(), Some(hint))
    }
}

impl From<IssueError> for ApiError {
    fn from(err: IssueError) -> Self {
        let text = err.to_string();
        match err {
            IssueError::UnknownAgent(_) | IssueError::Unknown(_) => Self::not_found(text),
            IssueError::NotOperator(_) | IssueError::NotYou { .. } | IssueError::Role(_) => {
                Self::may_not(text)
            }
            IssueError::TimeToLive { .. } | IssueError::Task => Self::usage(text),
            IssueError::Fault(fault) => fault.into(),
        }
    }
}
