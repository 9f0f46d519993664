//! Bundles: asking for one, looking at one, and what one would have changed.

use std::sync::Arc;

use axum::Json;
use engine::{Adopt, Candidate};
use model::Digest;
use tokio::sync::Semaphore;

use super::{call::Call, changes::view};
use crate::{
    ApiError,
    types::{AdoptRequest, BundleView, ChangeView, SimulateRequest, SimulationView, TableView},
};

/// Compiling a bundle and running its examples takes a processor: one at a time.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

pub(super) async fn adopt(call: Call<(), (), AdoptRequest>) -> Result<Json<ChangeView>, ApiError> {
    let (by, signed) = {
        let signer = call.signer()?;
        (signer.person.clone(), signer.proof.clone())
    };
    let AdoptRequest { files, certificate, comparison } = call.given;
    let comparison = comparison.map(String::into_bytes);
    let files = files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    let turn = ONE_AT_A_TIME.acquire().await;
    let read = tokio::task::spawn_blocking(move || Candidate::read(files, certificate.into_bytes())).await;
    drop(turn);
    let broke = |_| ApiError::usage("the bundle could not be read");
    let candidate = Arc::new(read.map_err(broke)??);
    let change = call.shared.engine.adopt(Adopt { candidate, comparison, by, signed }).await?;
    view(&call.shared, change.id).await
}

/// What is on record, judged again under a bundle that may come into force. It changes nothing and asks nobody.
pub(super) async fn simulate(call: Call<(), (), SimulateRequest>) -> Result<Json<SimulationView>, ApiError> {
    let SimulateRequest { files, since } = call.given;
    let files = files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    let _turn = ONE_AT_A_TIME.acquire().await;
    let read = tokio::task::spawn_blocking(move || engine::draft(&files)).await;
    let broke = |_| ApiError::usage("the bundle could not be read");
    let found = call.shared.engine.simulate(read.map_err(broke)??, since).await?;
    Ok(Json(SimulationView::of(&found)))
}

/// The files of a bundle that is, was or may come into force, for whoever wants to look at them before signing.
pub(super) async fn bundle(call: Call<Digest>) -> Result<Json<BundleView>, ApiError> {
    let (digest, library) = (call.of, Arc::clone(&call.shared.engine));
    let found = tokio::task::spawn_blocking(move || library.kept(digest)).await;
    let broke = |_| ApiError::not_found("the bundle could not be read");
    let kept = found.map_err(broke)?.map_err(ApiError::not_found)?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (certificate, comparison) = kept.shown.map(|it| (it.certificate, it.comparison)).unzip();
    Ok(Json(BundleView {
        bundle: digest,
        files: kept.files.into_iter().map(|(path, bytes)| (path, text(bytes))).collect(),
        certificate: certificate.map(text),
        comparison: comparison.flatten().map(text),
    }))
}

/// The operation table that a bundle rests on, for whoever wants to know what falls with another.
pub(super) async fn table(call: Call<Digest>) -> Result<Json<TableView>, ApiError> {
    let (digest, engine) = (call.of, Arc::clone(&call.shared.engine));
    let found = tokio::task::spawn_blocking(move || engine.table(digest)).await;
    let broke = |_| ApiError::not_found("the operation table could not be read");
    Ok(Json(TableView { table: digest, text: found.map_err(broke)?.map_err(ApiError::not_found)? }))
}
