//! From the listener's connections to the gateway.

use std::sync::Arc;

use hyper::{Request, body::Incoming};
use listener::{Authority, Doors, Secured, Source};
use tokio::net::TcpListener;

use crate::{Gateway, tunnel::AwsOnly};

/// Serves until the task is dropped. With an authority, the socket is a proxy for AWS's own hosts as well.
pub async fn listen(
    gateway: Arc<Gateway>,
    socket: TcpListener,
    doors: Doors,
    authority: Option<Arc<Authority>>,
) {
    // Read before the first request rather than during it.
    classify_aws::table::Table::shared();
    let doors = match authority {
        Some(authority) => doors.with_tunnels(Arc::new(AwsOnly { authority })),
        None => doors,
    };
    listener::serve(socket, doors, move |request: Request<Incoming>, source: Source| {
        let gateway = Arc::clone(&gateway);
        async move {
            let (parts, body) = request.into_parts();
            let tls = parts.extensions.get::<Secured>().is_some_and(|it| it.0);
            gateway.serve(parts, body, source, tls).await
        }
    })
    .await;
}
