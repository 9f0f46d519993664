//! People's HTTP requests: a signature by the person's own key over the request and a nonce that the server drew. The
//! server builds the [`Proof`] from what it received, so nothing in it is the client's claim but the person's name.
//!
//! Not here: drawing nonces, using each once, and reading headers.

use model::{Digest, EnrolledKey, PersonId, Presence, Roster, sanitize};

use crate::verify::{ApprovalError, Signer, own, signer};

/// The namespace of signatures over requests: none of them can ever pass for a statement's.
pub const NAMESPACE: &str = "countersign-request@v1";

const MAX_TARGET: usize = 4096;
const MAX_NONCE: usize = 256;
const MAX_METHOD: usize = 16;

/// What a person signs to make one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub person: PersonId,
    pub method: String,
    /// Path and query exactly as sent.
    pub target: String,
    /// SHA-256 of the body; of nothing where there is none.
    pub body: Digest,
    pub nonce: String,
    /// The installation's genesis fingerprint.
    pub installation: Digest,
}

impl Proof {
    /// The text to sign: no two proofs that [`verify`] accepts share one.
    pub fn to_text(&self) -> String {
        let Self { person, method, target, body, nonce, installation } = self;
        let clean = |text: &str| sanitize(text, usize::MAX);
        format!(
            "countersign request v1\nperson: {person}\nmethod: {}\ntarget: {}\nbody: {body}\nnonce: {}\n\
             installation: {installation}\n",
            clean(method),
            clean(target),
            clean(nonce),
        )
    }

    fn check(&self) -> Result<(), ApprovalError> {
        let plain = |text: &str, max| {
            (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !plain(&self.method, MAX_METHOD) {
            Err(ApprovalError::Request("method"))
        } else if !plain(&self.target, MAX_TARGET) {
            Err(ApprovalError::Request("target"))
        } else if !plain(&self.nonce, MAX_NONCE) {
            Err(ApprovalError::Request("nonce"))
        } else {
            Ok(())
        }
    }
}

/// Who made a request, and with which of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    pub person: PersonId,
    pub presence: Presence,
    pub key: EnrolledKey,
}

/// Who made this request. What they may do is asked elsewhere.
pub fn verify(proof: &Proof, signature: &str, roster: &Roster) -> Result<Requester, ApprovalError> {
    proof.check()?;
    let Signer { person, presence, key, .. } =
        signer(proof.to_text().as_bytes(), signature, NAMESPACE, roster)?;
    own(&person, &proof.person)?;
    Ok(Requester { person, presence, key })
}
