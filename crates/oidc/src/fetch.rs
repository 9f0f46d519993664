//! How a provider is reached: a request goes out, a bounded answer comes back in time. Whoever has sockets implements it.

use std::{fmt, future::Future, pin::Pin};

use http::{Request, Response};

/// An answer on its way.
pub type Fetched = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, FetchError>> + Send>>;

pub trait Fetch: fmt::Debug + Send + Sync {
    /// Asks once, and follows no redirect: where it leads, nobody configured. Refuses what is neither TLS nor this very machine.
    fn fetch(&self, request: Request<Vec<u8>>) -> Fetched;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(pub String);
