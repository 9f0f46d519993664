//! What the browser says of the ceremony (`clientDataJSON`, §5.8.1), and what of it is refused (§7.2 steps 8 to 14).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use model::{Digest, sanitize};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::{check::AssertionError, rp_id::RpId};

/// The members that mean something here. Others are skipped, as §5.8.1 wants it; one of these that stands there twice, in
/// whatever spelling, is an error, so nobody reads another value than we do.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    /// Browsers of Level 1 leave it out.
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    /// Whether there is any, whatever it says.
    #[serde(default, rename = "topOrigin", deserialize_with = "present")]
    top_origin: bool,
}

pub(crate) fn check(json: &[u8], rp_id: &RpId, challenge: &Digest) -> Result<(), AssertionError> {
    // The decoder would take an array of the members' values for an object.
    if !json.starts_with(b"{") {
        return Err(AssertionError::ClientData("it is no JSON object".to_owned()));
    }
    let said: ClientData = serde_json::from_slice(json)
        .map_err(|err| AssertionError::ClientData(sanitize(&err.to_string(), 120)))?;
    if said.kind != "webauthn.get" {
        return Err(AssertionError::Type(sanitize(&said.kind, 40)));
    }
    if said.challenge != BASE64_URL_SAFE_NO_PAD.encode(challenge.as_bytes()) {
        return Err(AssertionError::Challenge);
    }
    if !rp_id.is_home_of(&said.origin) {
        return Err(AssertionError::Origin { found: sanitize(&said.origin, 120), rp_id: rp_id.clone() });
    }
    if said.cross_origin {
        return Err(AssertionError::CrossOrigin);
    }
    if said.top_origin {
        return Err(AssertionError::TopOrigin);
    }
    Ok(())
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
