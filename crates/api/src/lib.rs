//! The listeners that are no gateways: people (approving, rejecting, sessions, reading the record), agents (proposing,
//! waiting, withdrawing, their own changes, nothing else), and, where they are asked for, the log's files, and readiness and
//! numbers for the machinery that keeps the process running. Each is its own socket with its own routes.
//!
//! Invariant: no route of the agent listener can see or call an approval, policy or administration endpoint. The
//! routes are tables ([`people::ROUTES`], [`agent::ROUTES`]), and a test walks them.

pub mod agent;
mod auth;
mod error;
pub mod health;
pub mod log;
mod metrics;
mod nonce;
pub mod openapi;
pub mod people;
pub mod table;
pub mod types;
mod waiting;

use std::sync::Arc;

use axum::{Router, body::Body, extract::Request, response::IntoResponse as _};
use engine::Engine;
use hyper::{body::Incoming, service::Service as _};
use hyper_util::service::TowerToHyperService;
use listener::{Carried, Doors, Source};
use tokio::net::TcpListener;

pub use auth::{NONCE_HEADER, PERSON_HEADER, SIGNATURE_HEADER, Signer, authenticated, source_of};
pub use error::{ApiError, ErrorBody};
pub use nonce::Nonces;
pub use people::NOTICE_HEADER;

/// What the listeners share.
#[derive(Clone)]
pub struct Shared {
    pub engine: Arc<Engine>,
    pub nonces: Arc<Nonces>,
    /// Read-only access for whoever can read the installation's folder anyway.
    pub reader_token: Arc<str>,
    /// What `session new` prints beside the credentials: where the gateways are.
    pub endpoints: Arc<Endpoints>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared({:?})", self.engine)
    }
}

#[derive(Clone, Debug)]
pub struct Endpoints {
    pub aws: String,
    /// For `HTTPS_PROXY`.
    pub proxy: String,
    /// Where the certificate of our own authority lies.
    pub ca: String,
    pub agent: String,
    pub region: String,
}

/// Requests larger than this are refused unread; a statement is at most 64 KiB.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
/// But for a bundle with its certificate: a thousand files of some kilobytes.
pub const MAX_BUNDLE: usize = 8 * 1024 * 1024;

/// Serves `router` until the task is dropped. The newest checkpoint of `of` rides along with every answer.
pub async fn listen(router: Router, socket: TcpListener, doors: Doors, of: Arc<Engine>) {
    let service = TowerToHyperService::new(router);
    let carried = Arc::new(Carried::new(engine::CHECKPOINT_HEADER));
    listener::serve(socket, doors, move |request: hyper::Request<Incoming>, source: Source| {
        let (service, carried, of) = (service.clone(), Arc::clone(&carried), Arc::clone(&of));
        async move {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(source);
            let mut response = match service.call(request).await {
                Ok(response) => response,
                Err(never) => never.into_response(),
            };
            carried.ride(&of.checkpoint_line(), response.headers_mut());
            response
        }
    })
    .await;
}
