//! Making a passkey. Nothing is kept of it: it counts once its line stands in an adopted roster.

use api::ApiError;
use approval::passkey::{Creation, Passkey, RpId, RpIdError, made};
use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use model::PersonId;
use serde::Deserialize;
use serde_json::json;

use crate::{
    pages::{entrance::Enrol, render},
    routes::{Call, Refused},
};

/// The page; or, for its script, the identifiers of the passkeys that somebody has in the roster, so that no authenticator makes
/// another in the place of one of them.
pub(crate) async fn enrol_page(call: Call) -> Result<Response, Refused> {
    if let Some(person) = call.query.get("passkeys_of") {
        let bundle = call.engine().bundle();
        let person: PersonId = parsed(person)?;
        let keys = bundle.roster().people.get(&person).into_iter().flat_map(|it| &it.keys);
        let ids = keys.filter_map(Passkey::of).map(|it| BASE64_URL_SAFE_NO_PAD.encode(it.credential_id()));
        return Ok(Json(json!({ "passkeys": ids.collect::<Vec<_>>() })).into_response());
    }
    let genesis = call.engine().installation().to_string();
    Ok(render(&Enrol { frame: call.frame("").await?, genesis }))
}

/// Of the response to `navigator.credentials.create()`, in base64url.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    /// For whom it was made: a part of what the browser asked for.
    person: String,
    site: String,
    authenticator_data: String,
    client_data: String,
}

/// The line of a passkey that a browser has made on a page of this installation, for it and for this person.
pub(crate) async fn enrol(call: Call) -> Result<Response, Refused> {
    let Made { person, site, authenticator_data, client_data } = call.sent()?;
    let person: PersonId = parsed(&person)?;
    let rp_id: RpId = site.parse().map_err(|err: RpIdError| ApiError::usage(err.to_string()))?;
    let own = call.engine().genesis().site.as_ref();
    if let Some(own) = own.filter(|own| RpId::from(*own) != rp_id) {
        let why = format!("a passkey of `{rp_id}` would be of no use: they work at `{own}` alone");
        return Err(ApiError::usage(why).into());
    }
    let creation = Creation {
        rp_id: &rp_id,
        installation: call.engine().installation(),
        person: &person,
        authenticator_data: &bytes("authenticator_data", &authenticator_data)?,
        client_data: &bytes("client_data", &client_data)?,
    };
    let made = made(&creation).map_err(|err| ApiError::usage(err.to_string()))?;
    Ok(Json(json!({ "line": made.to_key().0 })).into_response())
}

fn parsed(person: &str) -> Result<PersonId, ApiError> {
    person.parse::<PersonId>().map_err(|err| ApiError::usage(format!("the name: {err}")))
}

fn bytes(name: &str, text: &str) -> Result<Vec<u8>, ApiError> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|err| ApiError::usage(format!("`{name}` is no base64url: {err}")))
}
