//! Signatures against those that others make: the official test suite, the AWS SDK's signer, and what real clients
//! sent.

mod bad;
mod captured;
mod signer;
mod suite;

use classify_aws::sigv4::{AuthError, Verified, present, verify};
use model::{Request, Timestamp};

const SKEW_S: i64 = 900;

/// Presented and verified at `now`.
fn judge(request: &Request, secret: &str, now: Timestamp) -> Result<Verified, AuthError> {
    verify(request, &present(request)?, secret, now, SKEW_S)
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
