//! AWS Signature Version 4, both ways over one canonicaliser: who signed a request that came in (header form and
//! presigned form), and signing the one that goes out.
//!
//! What is not here: no key store (the caller finds the secret for [`Presented::access_key`]), no replay memory (it is
//! given [`Presented::signature_digest`]), no SigV2, no SigV4A, no event streams: those are refused with what to set.
//!
//! Unsigned headers: a header that can choose the operation or change its meaning (`x-amz-*`, `x-amzn-*`, content
//! encoding, protocol) must be signed, or the request is refused. Any other header outside the signature is listed in
//! [`Verified::unsigned`] and taken away by [`strip_unsigned`] (a browser or `curl` adds a content type to a presigned
//! request), except the few that real clients leave out and that decide nothing (`user-agent`, `amz-sdk-*`, transport
//! headers, `cache-control`), which may stay.
//!
//! The order for a gateway: [`present`], find the secret, [`verify`], [`strip_unsigned`], [`take_off_presigned`],
//! `payload::unframe`; what is left is what is classified, digested, and in the end given to [`sign`].

mod canonical;
mod error;
mod key;
mod present;
mod sign;
mod stamp;
mod verify;

pub use error::AuthError;
pub use key::{ChunkChain, SigningCredentials};
pub use present::{Claim, Credential, Presented, Presigned, SESSION_TOKEN, present};
pub use sign::{Covers, SignError, sign, sign_covering, take_off_presigned};
pub use verify::{PayloadHash, Verified, strip_unsigned, verify, verify_head};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Signing names whose path is signed as it was sent: one encoding, no normalisation.
fn signs_path_verbatim(service: &str) -> bool {
    matches!(service, "s3" | "s3express" | "s3-object-lambda" | "s3-outposts")
}

/// Query keys that carry the signature of a presigned request; none of them reaches the cloud.
const AUTH_KEYS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];
