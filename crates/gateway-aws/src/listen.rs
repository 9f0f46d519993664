//! From the listener's connections to the gateway.

use std::sync::Arc;

use hyper::{Request, body::Incoming};
use listener::{Limits, Source};
use tokio::net::TcpListener;

use crate::{Gateway, receive};

/// Serves until the task is dropped.
pub async fn listen(gateway: Arc<Gateway>, socket: TcpListener) {
    // Read before the first request rather than during it.
    classify_aws::table::Table::shared();
    listener::serve(socket, Limits::GATEWAY, move |request: Request<Incoming>, source: Source| {
        let gateway = Arc::clone(&gateway);
        async move {
            let (parts, body) = request.into_parts();
            let counted = receive::counted_as(&gateway.engine, &parts, source);
            gateway.serve(parts, body, counted).await
        }
    })
    .await;
}
