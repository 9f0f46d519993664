//! One connection from its first byte: TLS or not, request after request, and where a client asks for a tunnel, the
//! same again inside it, under the name it asked for.

use std::{error::Error, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Doors, HEAD_BYTES, HEAD_PATIENCE, Plain, Secured, Source, Tunnels,
    doors::TLS_HANDSHAKE,
    seats::{self, Seat},
};

type Tunnelled = Option<Arc<dyn Tunnels>>;

pub(crate) async fn converse<A, F, B>(
    mut stream: TcpStream,
    seat: Arc<Seat>,
    source: Source,
    doors: Doors,
    answer: A,
) where
    A: Fn(Request<Incoming>, Source) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Latency only; a socket that refuses it works all the same.
    let _ = stream.set_nodelay(true);
    let Doors { tls, plain, tunnels, .. } = doors;
    let Some(tls) = tls else { return speak(stream, Secured(false), seat, source, tunnels, answer).await };
    let mut first = [0];
    let peeked = tokio::select! {
        () = seat.asked_to_leave() => return,
        peeked = tokio::time::timeout(HEAD_PATIENCE, stream.peek(&mut first)) => peeked,
    };
    match (peeked, plain) {
        (Ok(Ok(1..)), _) if first == [TLS_HANDSHAKE] => match tls.server() {
            Ok(config) => secured(stream, config, seat, source, tunnels, answer).await,
            Err(err) => tracing::error!(%err, "no certificate to show"),
        },
        (Ok(Ok(1..)), Plain::Spoken) => speak(stream, Secured(false), seat, source, tunnels, answer).await,
        (Ok(Ok(1..)), Plain::Refused) => {
            // Whether the client reads it is its own affair.
            let _ = stream.write_all(SPEAK_TLS).await;
            let _ = stream.shutdown().await;
        }
        (Ok(Ok(0) | Err(_)) | Err(_), _) => {}
    }
}

const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 75\r\nconnection: close\r\n\r\n\
    Countersign: this listener is not on loopback and speaks TLS; use https://\n";

async fn secured<S, A, F, B>(
    stream: S,
    config: Arc<ServerConfig>,
    seat: Arc<Seat>,
    source: Source,
    tunnels: Tunnelled,
    answer: A,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>, Source) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let handshake = tokio::time::timeout(HEAD_PATIENCE, TlsAcceptor::from(config).accept(stream));
    let stream = tokio::select! {
        () = seat.asked_to_leave() => return,
        done = handshake => match done {
            Ok(Ok(stream)) => stream,
            Ok(Err(err)) => return tracing::debug!(%err, %source, "a TLS handshake failed"),
            Err(_) => return tracing::debug!(%source, "a TLS handshake took too long"),
        },
    };
    speak(stream, Secured(true), seat, source, tunnels, answer).await;
}

async fn speak<S, A, F, B>(
    stream: S,
    by: Secured,
    seat: Arc<Seat>,
    source: Source,
    tunnels: Tunnelled,
    answer: A,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>, Source) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let at = Arc::clone(&seat);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let seat = Arc::clone(&at);
        request.extensions_mut().insert(by);
        let tunnel = (request.method() == Method::CONNECT).then(|| {
            tunnel_to(&request, tunnels.as_deref()).map(|config| (config, hyper::upgrade::on(&mut request)))
        });
        let answered = match tunnel {
            None => Ok(answer(request, source)),
            Some(Ok((config, upgrade))) => {
                tokio::spawn(through(upgrade, config, Arc::clone(&seat), source, answer.clone()));
                Err(Response::new(Full::default()))
            }
            Some(Err(NoTunnel(status, why))) => {
                let mut response = Response::new(Full::from(format!("Countersign: {why}\n")));
                *response.status_mut() = status;
                Err(response)
            }
        };
        // The seat goes along: work that outlives its connection still counts.
        tokio::spawn(async move {
            let response = match answered {
                Ok(answered) => seats::SEAT.scope(Arc::clone(&seat), answered).await.map(Either::Left),
                Err(own) => own.map(Either::Right),
            };
            seat.rest();
            response
        })
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        () = seat.asked_to_leave() => tracing::debug!(%source, "an idle connection made room for a newer one"),
        served = served => if let Err(err) = served {
            tracing::debug!(%err, "a connection ended badly");
        },
    }
}

struct NoTunnel(StatusCode, String);

/// RFC 9110 §9.3.6: the target of CONNECT is a host and a port, and nothing else.
fn tunnel_to(
    request: &Request<Incoming>,
    tunnels: Option<&dyn Tunnels>,
) -> Result<Arc<ServerConfig>, NoTunnel> {
    let Some(tunnels) = tunnels else {
        return Err(NoTunnel(StatusCode::METHOD_NOT_ALLOWED, "this listener is no proxy.".to_owned()));
    };
    let target = request.uri().authority().filter(|it| !it.as_str().contains('@'));
    let Some((host, port)) = target.and_then(|it| Some((it.host(), it.port_u16()?))) else {
        return Err(NoTunnel(StatusCode::BAD_REQUEST, "CONNECT takes HOST:PORT.".to_owned()));
    };
    tunnels.open(host, port).map_err(|why| NoTunnel(StatusCode::FORBIDDEN, why))
}

/// The tunnel leads back to ourselves. Inside it there are no further tunnels. (Boxed, since the future of a connection
/// would otherwise contain itself.)
fn through<A, F, B>(
    upgrade: OnUpgrade,
    config: Arc<ServerConfig>,
    seat: Arc<Seat>,
    source: Source,
    answer: A,
) -> Pin<Box<dyn Future<Output = ()> + Send>>
where
    A: Fn(Request<Incoming>, Source) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    Box::pin(async move {
        match tokio::time::timeout(HEAD_PATIENCE, upgrade).await {
            Ok(Ok(upgraded)) => secured(TokioIo::new(upgraded), config, seat, source, None, answer).await,
            Ok(Err(err)) => tracing::debug!(%err, %source, "a tunnel was not begun"),
            Err(_) => tracing::debug!(%source, "a tunnel was not begun in time"),
        }
    })
}
