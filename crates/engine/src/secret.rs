//! Virtual credentials: the access key id is random and stored, the secret is derived from the installation's master
//! key and the session's id, so that no secret of an agent's is ever at rest.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac as _};
use model::SessionId;
use sha2::Sha256;

const DOMAIN: &[u8] = b"countersign/session-secret/v1";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// 32 random bytes, made by `init`, readable by the server alone.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The session's secret access key: 40 characters, as AWS clients expect.
    pub fn secret_of(&self, session: SessionId) -> Secret {
        let id = session.to_string();
        let mac = match <Hmac<Sha256> as hmac::Mac>::new_from_slice(&self.0) {
            Ok(mac) => mac.chain_update(DOMAIN).chain_update(id.as_bytes()).finalize().into_bytes(),
            // HMAC takes keys of every length; a key that is refused yields a secret that nobody holds.
            Err(_) => return Secret(String::new()),
        };
        Secret(BASE64_STANDARD.encode(mac.get(..30).unwrap_or_default()))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}

/// A secret access key. Shown once, by `session new`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// 20 characters starting with `AKCS`: told apart at a glance from a real AWS key (`AKIA`, `ASIA`).
pub(crate) fn access_key(random: [u8; 16]) -> String {
    let tail = random.iter().map(|byte| BASE32.get(usize::from(byte & 31)).map_or('A', |it| char::from(*it)));
    "AKCS".chars().chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_by_session_and_never_show() {
        let key = MasterKey::new([7; 32]);
        let (one, two) = (SessionId::new(1, [1; 10]), SessionId::new(1, [2; 10]));
        assert_eq!(key.secret_of(one).expose().len(), 40);
        assert_eq!(key.secret_of(one).expose(), key.secret_of(one).expose());
        assert_ne!(key.secret_of(one).expose(), key.secret_of(two).expose());
        assert_ne!(key.secret_of(one).expose(), MasterKey::new([8; 32]).secret_of(one).expose());
        assert_eq!(format!("{:?} {:?}", key, key.secret_of(one)), "MasterKey(redacted) Secret(redacted)");
        assert_eq!(access_key([0xff; 16]), "AKCS7777777777777777");
    }
}
