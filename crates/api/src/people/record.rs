//! What the installation says of itself and of its log, to everybody: nothing of any change, person or session.

use axum::Json;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use model::EnrolledKey;
use serde::Deserialize;
use utoipa::IntoParams;

use super::call::{Call, Text, Written, asked};
use crate::{
    ApiError,
    types::{ConsistencyView, GenesisView, NonceView, PersonView},
};

pub(super) async fn openapi(_: Call) -> Result<Written, ApiError> {
    Ok(Written(crate::openapi::document()))
}

pub(super) async fn genesis(call: Call) -> Result<Json<GenesisView>, ApiError> {
    let engine = &call.shared.engine;
    Ok(Json(GenesisView {
        genesis: engine.installation(),
        document: String::from_utf8_lossy(&engine.genesis().to_json()).into_owned(),
        profile: engine.bundle().profile().to_string(),
        bundle: Some(engine.bundle().digest()),
        checkpoint: engine.checkpoint(),
    }))
}

pub(super) async fn checkpoint(call: Call) -> Result<Text, ApiError> {
    Ok(Text(call.shared.engine.checkpoint()))
}

/// With the cosignatures of as many witnesses as the bundle asks for.
pub(super) async fn witnessed(call: Call) -> Result<Text, ApiError> {
    let newest = call.shared.engine.witnesses().newest();
    Ok(Text(newest.ok_or_else(|| ApiError::not_found("no checkpoint has been witnessed yet"))?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    /// The size of the tree that is known.
    from: u64,
}
asked!(Known:);

pub(super) async fn consistency(call: Call<(), Known>) -> Result<Json<ConsistencyView>, ApiError> {
    let from = call.asked.from;
    let (checkpoint, proof) = call
        .shared
        .engine
        .consistency(from)?
        .ok_or_else(|| ApiError::not_found(format!("this log never had {from} entries")))?;
    Ok(Json(ConsistencyView { checkpoint, proof: proof.iter().map(hex::encode).collect() }))
}

pub(super) async fn nonce(call: Call) -> Result<Json<NonceView>, ApiError> {
    let mut chance = [0; 16];
    hex::decode_to_slice(call.shared.engine.nonce()?, &mut chance)
        .map_err(|_| model::Fault::Storage("the system's randomness cannot be read".to_owned()))?;
    Ok(Json(NonceView { nonce: call.shared.nonces.issue(chance, call.shared.engine.now()?) }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// A public key's line as OpenSSH writes it, in base64url.
    key: String,
}
asked!(Whose:);

/// Whose key this is; the key itself is what one must have to ask.
pub(super) async fn person(call: Call<(), Whose>) -> Result<Json<PersonView>, ApiError> {
    let key = BASE64_URL_SAFE_NO_PAD.decode(&call.asked.key);
    let key = key.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let key =
        EnrolledKey(key.ok_or_else(|| ApiError::usage("`key` is the base64url of a public key's line"))?);
    let bundle = call.shared.engine.bundle();
    let person = bundle.roster().person_of(&key).cloned();
    let person = person.ok_or_else(|| ApiError::not_authenticated("this key is not enrolled here"))?;
    Ok(Json(PersonView { person }))
}
