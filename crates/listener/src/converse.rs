//! One connection from its first byte: TLS or not, request after request, and where a client asks for a tunnel, the
//! same again inside it, under the name it asked for.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Method, Request, Response, StatusCode, Version,
    body::{Body, Incoming},
    header::{HOST, HeaderValue},
    server::conn::{http1, http2},
    service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Doors, HEAD_BYTES, HEAD_PATIENCE, Plain, Secured, Source, Tunnels,
    doors::TLS_HANDSHAKE,
    seats::{self, Seat, Turn},
};

/// One connection, and all that its requests are answered with.
#[derive(Clone)]
pub(crate) struct Conversation<A> {
    pub(crate) seat: Arc<Seat>,
    pub(crate) source: Source,
    pub(crate) doors: Doors,
    pub(crate) answer: A,
}

const HTTP2: &[u8] = b"h2";
/// Requests of one connection at a time: more pages than anybody has open.
const STREAMS: u32 = 100;
/// Of one answer that its client does not read.
const SEND_BYTES: usize = 64 * 1024;

const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 75\r\nconnection: close\r\n\r\n\
    Countersign: this listener is not on loopback and speaks TLS; use https://\n";

impl<A, F, B> Conversation<A>
where
    A: Fn(Request<Incoming>, Source) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    pub(crate) async fn converse(self, mut stream: TcpStream) {
        // Latency only; a socket that refuses it works all the same.
        let _ = stream.set_nodelay(true);
        let Some(tls) = self.doors.tls.clone() else { return self.speak(stream, Secured(false)).await };
        let mut first = [0];
        let peeked = tokio::select! {
            () = self.seat.asked_to_leave() => return,
            () = self.doors.closing() => return,
            peeked = tokio::time::timeout(HEAD_PATIENCE, stream.peek(&mut first)) => peeked,
        };
        match (peeked, self.doors.plain) {
            (Ok(Ok(1..)), _) if first == [TLS_HANDSHAKE] => match tls.server() {
                Ok(config) => self.secured(stream, config).await,
                Err(err) => tracing::error!(%err, "no certificate to show"),
            },
            (Ok(Ok(1..)), Plain::Spoken) => self.speak(stream, Secured(false)).await,
            (Ok(Ok(1..)), Plain::Refused) => {
                // Whether the client reads it is its own affair.
                let _ = stream.write_all(SPEAK_TLS).await;
                let _ = stream.shutdown().await;
            }
            (Ok(Ok(0) | Err(_)) | Err(_), _) => {}
        }
    }

    async fn secured<S>(self, stream: S, config: Arc<ServerConfig>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = if self.doors.http2 { offering_http2(&config) } else { config };
        let handshake = tokio::time::timeout(HEAD_PATIENCE, TlsAcceptor::from(config).accept(stream));
        let source = self.source;
        let stream = tokio::select! {
            () = self.seat.asked_to_leave() => return,
            () = self.doors.closing() => return,
            done = handshake => match done {
                Ok(Ok(stream)) => stream,
                Ok(Err(err)) => return tracing::debug!(%err, %source, "a TLS handshake failed"),
                Err(_) => return tracing::debug!(%source, "a TLS handshake took too long"),
            },
        };
        if stream.get_ref().1.alpn_protocol() == Some(HTTP2) {
            return self.speak_http2(stream).await;
        }
        self.speak(stream, Secured(true)).await;
    }

    async fn speak<S>(self, stream: S, by: Secured)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (seat, source, doors) = (Arc::clone(&self.seat), self.source, self.doors.clone());
        let service = service_fn(move |request| self.respond(request, by));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let (mut served, closing) = (std::pin::pin!(served), doors.closing());
        let ended = tokio::select! {
            () = seat.asked_to_leave() => {
                return tracing::debug!(%source, "an idle connection made room for a newer one");
            }
            () = closing => {
                // The request under way, where there is one, is its last.
                served.as_mut().graceful_shutdown();
                served.await
            }
            ended = &mut served => ended,
        };
        if let Err(err) = ended {
            tracing::debug!(%err, "a connection ended badly");
        }
    }

    /// Bounded as the other is: heads in bytes, bodies by who reads them, and how many requests there are at a time.
    async fn speak_http2<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (seat, source, doors) = (Arc::clone(&self.seat), self.source, self.doors.clone());
        let begun = Arc::new(AtomicBool::new(false));
        let first = Arc::clone(&begun);
        let service = service_fn(move |mut request: Request<Incoming>| {
            first.store(true, Ordering::SeqCst);
            name_host(&mut request);
            self.respond(request, Secured(true))
        });
        let served = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
            .max_send_buf_size(SEND_BYTES)
            .keep_alive_interval(Some(HEAD_PATIENCE))
            .keep_alive_timeout(HEAD_PATIENCE)
            .serve_connection(TokioIo::new(stream), service);
        let (mut served, closing) = (std::pin::pin!(served), doors.closing());
        // Whoever shook hands and asks for nothing.
        let idle = async {
            tokio::time::sleep(HEAD_PATIENCE).await;
            if begun.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
        };
        let ended = tokio::select! {
            () = seat.asked_to_leave() => {
                return tracing::debug!(%source, "an idle connection made room for a newer one");
            }
            () = idle => return tracing::debug!(%source, "a connection on which nothing was asked"),
            () = closing => {
                // The requests under way are its last.
                served.as_mut().graceful_shutdown();
                served.await
            }
            ended = &mut served => ended,
        };
        if let Err(err) = ended {
            tracing::debug!(%err, "a connection ended badly");
        }
    }

    fn respond(
        &self,
        mut request: Request<Incoming>,
        by: Secured,
    ) -> JoinHandle<Response<Either<B, Full<Bytes>>>> {
        request.extensions_mut().insert(by);
        let answered = if request.method() == Method::CONNECT {
            Err(self.tunnel(request))
        } else {
            Ok((self.answer)(request, self.source))
        };
        let turn = Arc::new(Turn::on(Arc::clone(&self.seat)));
        // The seat goes along: work that outlives its connection still counts.
        tokio::spawn(async move {
            let response = match answered {
                Ok(answered) => seats::TURN.scope(Arc::clone(&turn), answered).await.map(Either::Left),
                Err(own) => own.map(Either::Right),
            };
            turn.rest();
            response
        })
    }

    fn tunnel(&self, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        match tunnel_to(&request, self.doors.tunnels.as_deref()) {
            Ok(config) => {
                tokio::spawn(self.clone().through(hyper::upgrade::on(&mut request), config));
                Response::new(Full::default())
            }
            Err(NoTunnel(status, why)) => {
                let mut response = Response::new(Full::from(format!("Countersign: {why}\n")));
                *response.status_mut() = status;
                response
            }
        }
    }

    /// The tunnel leads back to ourselves. Inside it there are no further tunnels. (Boxed, since the future of a
    /// connection would otherwise contain itself.)
    fn through(
        mut self,
        upgrade: OnUpgrade,
        config: Arc<ServerConfig>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.doors.tunnels = None;
        Box::pin(async move {
            let source = self.source;
            match tokio::time::timeout(HEAD_PATIENCE, upgrade).await {
                Ok(Ok(upgraded)) => self.secured(TokioIo::new(upgraded), config).await,
                Ok(Err(err)) => tracing::debug!(%err, %source, "a tunnel was not begun"),
                Err(_) => tracing::debug!(%source, "a tunnel was not begun in time"),
            }
        })
    }
}

fn offering_http2(config: &ServerConfig) -> Arc<ServerConfig> {
    let mut config = config.clone();
    config.alpn_protocols.insert(0, HTTP2.to_vec());
    Arc::new(config)
}

/// RFC 9113 §8.3.1: the host that was asked for stands in a field of its own, and whoever looks for it looks in `Host`.
fn name_host(request: &mut Request<Incoming>) {
    let named = request.uri().authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok());
    if let Some(host) = named.filter(|_| request.version() == Version::HTTP_2) {
        request.headers_mut().insert(HOST, host);
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
