//! What the browser says of the ceremony (`clientDataJSON`, §5.8.1), and what of it is refused (§7.2 steps 8 to 14).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use model::{Digest, sanitize};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::rp_id::RpId;

/// What a ceremony is for, as a browser says it.
pub(crate) const GET: &str = "webauthn.get";
pub(crate) const CREATE: &str = "webauthn.create";

/// Why it is not what was asked for; what others wrote is sanitised.
pub(crate) enum Unfit {
    Unreadable(String),
    Type(String),
    Challenge,
    Origin(String),
    CrossOrigin,
    TopOrigin,
}

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

pub(crate) fn check(json: &[u8], kind: &str, rp_id: &RpId, challenge: &Digest) -> Result<(), Unfit> {
    // The decoder would take an array of the members' values for an object.
    if !json.starts_with(b"{") {
        return Err(Unfit::Unreadable("it is no JSON object".to_owned()));
    }
    let said: ClientData =
        serde_json::from_slice(json).map_err(|err| Unfit::Unreadable(sanitize(&err.to_string(), 120)))?;
    if said.kind != kind {
        return Err(Unfit::Type(sanitize(&said.kind, 40)));
    }
    if said.challenge != BASE64_URL_SAFE_NO_PAD.encode(challenge.as_bytes()) {
        return Err(Unfit::Challenge);
    }
    if !rp_id.is_home_of(&said.origin) {
        return Err(Unfit::Origin(sanitize(&said.origin, 120)));
    }
    if said.cross_origin {
        return Err(Unfit::CrossOrigin);
    }
    if said.top_origin {
        return Err(Unfit::TopOrigin);
    }
    Ok(())
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
