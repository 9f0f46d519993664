//! The one accept loop of every listener. Connections are bounded in all and for each source, heads in bytes and in
//! time, bodies in both through [`collect`]; a request that has been received runs to its end even where its client
//! goes away.
//!
//! Not here: who is asking, and what they may do. Whoever a connection belongs to, it gives up its place to a newer
//! one while nothing that arrived on it is being worked on, so that half-sent requests cannot shut others out.

mod authority;
mod body;
mod carried;
mod converse;
mod doors;
mod given;
mod paced;
mod seats;
mod source;

use std::{error::Error, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{
    Request, Response,
    body::{Body, Incoming},
};
use tokio::net::TcpListener;

pub use authority::{Authority, Clock, TlsError, new_authority, server_of};
pub use body::{BodyError, collect};
pub use carried::Carried;
pub use doors::{Doors, Identity, Plain, Secured, Tunnels};
pub use given::Given;
pub use paced::Paced;
pub use source::Source;

use converse::Conversation;

use seats::{Place, Seat, Seats};

/// A head that is not whole by then is none; it is also how long a connection may rest between two requests.
pub const HEAD_PATIENCE: Duration = Duration::from_secs(20);
/// From the end of the head to the last byte of the body.
pub const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// Of a request's first line and headers together, give or take what one read from the socket brings.
pub const HEAD_BYTES: usize = 64 * 1024;

/// How many connections there may be at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub connections: usize,
    /// Of one [`Source`]; less than all, so that one machine never has every place.
    pub per_source: usize,
}

impl Limits {
    /// For the gateways. With the connections to the upstream that these lead to, and those of agents, it stays within the 1024
    /// files that a process is usually given at first.
    pub const GATEWAY: Self = Self { connections: 320, per_source: 240 };
    /// For agents that propose and wait, for whoever reads the log, and for machinery.
    pub const API: Self = Self { connections: 128, per_source: 96 };
    /// For people: each page that somebody has open is a connection that stays, and where they come by way of a proxy of their
    /// own they are one source. With these a process needs more files than it is given at first.
    pub const PEOPLE: Self = Self { connections: 640, per_source: 576 };
}

/// Serves until the task is dropped, or until [`Doors::until`] says so and what was under way then has ended.
///
/// `answer` runs in a task of its own: a client that hangs up must not leave something half done.
pub async fn serve<A, F, B>(socket: TcpListener, doors: Doors, answer: A)
where
    A: Fn(Request<Incoming>, Source) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let seats = Seats::new(doors.limits);
    loop {
        let accepted = tokio::select! {
            () = doors.closing() => break,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let source = Source::of(from);
                let place = tokio::select! {
                    () = doors.closing() => break,
                    place = place_for(&seats, source) => place,
                };
                if let Some(seat) = place {
                    let (doors, answer) = (doors.clone(), answer.clone());
                    tokio::spawn(Conversation { seat, source, doors, answer }.converse(stream));
                }
            }
            // Out of file descriptors, or the peer was gone already: the next one may do better.
            Err(err) => {
                tracing::warn!(%err, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    // Whoever comes now is refused by the system.
    drop(socket);
    seats.emptied().await;
}

async fn place_for(seats: &Arc<Seats>, source: Source) -> Option<Arc<Seat>> {
    loop {
        match seats.take(source) {
            Place::Taken(seat) => return Some(Arc::new(seat)),
            Place::SourceFull => {
                tracing::debug!(%source, "refused a connection: each of this source's is being worked on");
                return None;
            }
            Place::Full => seats.freed().await,
        }
    }
}
