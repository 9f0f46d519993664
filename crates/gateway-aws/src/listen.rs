//! From the listener's connections to the gateway.

use std::sync::Arc;

use hyper::{Request, body::Incoming};
use listener::{Authority, Carried, Doors, Secured, Source};
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
    let carried = Arc::new(Carried::new(engine::CHECKPOINT_HEADER));
    listener::serve(socket, doors, move |request: Request<Incoming>, source: Source| {
        let (gateway, carried) = (Arc::clone(&gateway), Arc::clone(&carried));
        async move {
            let (parts, body) = request.into_parts();
            let tls = parts.extensions.get::<Secured>().is_some_and(|it| it.0);
            let engine = Arc::clone(&gateway.engine);
            let mut reply = gateway.serve(parts, body, source, tls).await;
            carried.ride(&engine.checkpoint_line(), reply.headers_mut());
            reply
        }
    })
    .await;
}
