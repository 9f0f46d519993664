//! Why a request is not believed. Every message says what was seen and what to do; none holds a secret or a signature.

use model::Timestamp;

use crate::answer::Refusal;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error(
        "the request is not signed; set the AWS access key and secret of a Countersign session and sign with SigV4"
    )]
    Unsigned,
    #[error("the request is signed twice, in its headers and in its query; send one of them")]
    SeveralForms,
    #[error(
        "the request is signed with Signature Version 2; use Version 4 (boto3: Config(signature_version='s3v4'); \
         AWS CLI: aws configure set default.s3.signature_version s3v4)"
    )]
    SigV2,
    #[error(
        "the signing algorithm {0} is not supported; use AWS4-HMAC-SHA256 (unset AWS_SIGV4A_SIGNING_REGION_SET)"
    )]
    Algorithm(String),
    #[error("{what} has more than {limit} {unit}")]
    Oversized { what: &'static str, limit: usize, unit: &'static str },
    #[error("{what} cannot be read; expected {expected}")]
    Malformed { what: &'static str, expected: &'static str },
    #[error("{0} stands twice in the request; which one counts would be a guess")]
    Duplicate(String),
    #[error("a session token was sent that is none of ours; unset AWS_SESSION_TOKEN")]
    SecurityToken,
    #[error("the header {0} is not covered by the signature; sign it or leave it out")]
    UnsignedHeader(String),
    #[error("the signature covers the header {0}, and the request has none; something in between removed it")]
    AbsentHeader(String),
    #[error("the date of the credential scope ({scope}) is not the day of the signature ({signed_at})")]
    ScopeDate { scope: String, signed_at: Timestamp },
    #[error(
        "the request was signed at {signed_at} and is valid until {until}; this server's clock says {now}"
    )]
    Expired { signed_at: Timestamp, until: Timestamp, now: Timestamp },
    #[error(
        "the request was signed at {signed_at}, in the future: this server's clock says {now}; set the client's clock"
    )]
    NotYet { signed_at: Timestamp, now: Timestamp },
    #[error(
        "the path has `.` or `..` segments, so what it names would be a guess; send the path it leads to"
    )]
    AmbiguousPath,
    #[error("the body is not the one that was signed; something in between changed it")]
    PayloadMismatch,
    #[error("the payload mode {0} is not supported; send a signed or an unsigned payload")]
    PayloadMode(String),
    #[error(
        "the signature does not match; check the secret, and that nothing in between changes the request"
    )]
    SignatureMismatch,
}

impl AuthError {
    /// Which refusal the client is given.
    pub const fn refusal(&self) -> Refusal {
        match self {
            Self::Unsigned
            | Self::SeveralForms
            | Self::SigV2
            | Self::Algorithm(_)
            | Self::Malformed { .. }
            | Self::Duplicate(_) => Refusal::Unauthenticated,
            Self::Oversized { .. } => Refusal::TooLarge,
            Self::SecurityToken => Refusal::UnknownKey,
            Self::Expired { .. } | Self::NotYet { .. } => Refusal::Expired,
            Self::UnsignedHeader(_)
            | Self::AbsentHeader(_)
            | Self::ScopeDate { .. }
            | Self::AmbiguousPath
            | Self::PayloadMismatch
            | Self::PayloadMode(_)
            | Self::SignatureMismatch => Refusal::SignatureMismatch,
        }
    }
}

/// A client's word in a message: shortened and shown harmlessly.
pub(super) fn shown(text: &str) -> String {
    model::sanitize(text, 64)
}
