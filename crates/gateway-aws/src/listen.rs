//! The socket: bounded connections, bounded heads, and requests that go on to their end when the client goes away.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use crate::Gateway;

const CONNECTIONS: usize = 2048;
const HEAD_PATIENCE: Duration = Duration::from_secs(20);
const HEAD_BYTES: usize = 64 * 1024;

/// Serves until the listener fails or the task is dropped.
pub async fn listen(gateway: Arc<Gateway>, listener: TcpListener) {
    // Read before the first request rather than during it.
    classify_aws::table::Table::shared();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                let gateway = Arc::clone(&gateway);
                tokio::spawn(async move {
                    converse(gateway, stream, from).await;
                    drop(place);
                });
            }
            // Out of file descriptors, or the peer was gone already: the next one may do better.
            Err(err) => {
                tracing::warn!(%err, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(gateway: Arc<Gateway>, stream: TcpStream, from: SocketAddr) {
    let source = from.ip().to_string();
    // Latency only; a socket that refuses it works all the same.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (gateway, source) = (Arc::clone(&gateway), source.clone());
        async move {
            let (parts, body) = request.into_parts();
            // Its own task: a client that hangs up must not leave a permit half used.
            tokio::spawn(gateway.serve(parts, body, source)).await
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(err) = served {
        tracing::debug!(%err, "a connection ended badly");
    }
}
