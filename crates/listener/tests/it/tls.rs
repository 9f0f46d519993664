//! TLS and plain HTTP on one socket, and tunnels that lead back to it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use listener::{Authority, Doors, Identity, Limits, Plain, Tunnels, new_authority};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::{Duration, Instant},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{Server, WHOLE, until, until_closed};

#[expect(clippy::disallowed_methods, reason = "a client looks at the real clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

pub(crate) fn authority() -> Arc<Authority> {
    let (certificate, key) = new_authority(now()).unwrap();
    Arc::new(Authority::load(&certificate, &key, Arc::new(now)).unwrap())
}

pub(crate) fn doors(authority: &Arc<Authority>, plain: Plain) -> Doors {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()].into();
    Doors::with_tls(Limits::API, Identity::Own { authority: Arc::clone(authority), names }, plain)
}

struct Only(Arc<Authority>);

impl Tunnels for Only {
    fn open(&self, host: &str, port: u16) -> Result<Arc<ServerConfig>, String> {
        if (host, port) != ("aws.test", 443) {
            return Err(format!("{host} is elsewhere"));
        }
        self.0.server(&[host.to_owned()]).map_err(|err| err.to_string())
    }
}

pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    name: &'static str,
    believes: &Authority,
) -> std::io::Result<TlsStream<S>> {
    handshake_for(&[], stream, name, believes).await
}

/// Asking for one of `protocols`.
pub(crate) async fn handshake_for<S: AsyncRead + AsyncWrite + Unpin>(
    protocols: &[&str],
    stream: S,
    name: &'static str,
    believes: &Authority,
) -> std::io::Result<TlsStream<S>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(believes.pem().as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name).unwrap(), stream).await
}

pub(crate) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8(answer[..length].to_vec()).unwrap()
}

#[tokio::test]
async fn one_socket_speaks_tls_and_plain_http_where_it_may() {
    let ours = authority();
    for (plain, expected) in [(Plain::Spoken, "HTTP/1.1 200"), (Plain::Refused, "HTTP/1.1 400")] {
        let server = Server::start_with(doors(&ours, plain)).await;
        assert!(server.ask().await.starts_with(expected));
        for name in ["localhost", "127.0.0.1"] {
            let mut stream = handshake(server.send("").await, name, &ours).await.unwrap();
            for _ in 0..2 {
                assert!(ask(&mut stream, WHOLE).await.ends_with("whole"), "twice on one connection");
            }
        }
        assert!(
            handshake(server.send("").await, "localhost", &authority()).await.is_err(),
            "another authority"
        );
        assert!(handshake(server.send("").await, "elsewhere", &ours).await.is_err(), "another name");
        let refused = until_closed(server.send("\u{16}nonsense that is no handshake").await).await;
        assert!(!refused.starts_with("HTTP"), "{refused}");
        let reached = server.begun.load(Ordering::SeqCst);
        assert_eq!(reached, if plain == Plain::Spoken { 5 } else { 4 }, "what was refused reached nobody");
    }
}

#[tokio::test]
async fn a_tunnel_leads_back_to_the_same_listener() {
    let ours = authority();
    let doors = doors(&ours, Plain::Spoken).with_tunnels(Arc::new(Only(Arc::clone(&ours))));
    let server = Server::start_with(doors).await;
    let connect = |target: &str| format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
    for (target, expected) in [
        ("aws.test:80", "403"),
        ("elsewhere:443", "403"),
        ("aws.test", "400"),
        ("aws.test:99999", "400"),
        ("/aws.test:443", "400"),
    ] {
        let answer = ask(&mut server.send("").await, &connect(target)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{target}: {answer}");
    }
    let mut outside = server.send("").await;
    assert!(ask(&mut outside, &connect("aws.test:443")).await.starts_with("HTTP/1.1 200"));
    let mut inside = handshake(outside, "aws.test", &ours).await.unwrap();
    assert!(ask(&mut inside, WHOLE).await.ends_with("whole"));
    let nested = ask(&mut inside, &connect("aws.test:443")).await;
    assert!(nested.starts_with("HTTP/1.1 405"), "{nested}");

    // To the proxy itself by TLS, and through it by TLS again.
    let mut outside = handshake(server.send("").await, "localhost", &ours).await.unwrap();
    assert!(ask(&mut outside, &connect("aws.test:443")).await.starts_with("HTTP/1.1 200"));
    let mut inside = handshake(outside, "aws.test", &ours).await.unwrap();
    assert!(ask(&mut inside, WHOLE).await.ends_with("whole"));

    let plain = Server::start(Limits::API).await;
    let answer = ask(&mut plain.send("").await, &connect("aws.test:443")).await;
    assert!(answer.starts_with("HTTP/1.1 405"), "no proxy: {answer}");
}

#[tokio::test(start_paused = true)]
async fn handshakes_and_tunnels_that_never_come_give_up_their_place() {
    let ours = authority();
    let doors = doors(&ours, Plain::Spoken).with_tunnels(Arc::new(Only(Arc::clone(&ours))));
    let server = Server::start_with(doors).await;
    for sent in ["", "\u{16}", "\u{16}\u{3}\u{1}\u{2}", "CONNECT aws.test:443 HTTP/1.1\r\nhost: h\r\n\r\n"] {
        let begun = Instant::now();
        until_closed(server.send(sent).await).await;
        let took = begun.elapsed().as_secs();
        assert!((20..=21).contains(&took), "{sent:?} was open for {took} s");
    }
    let mut hostile: Vec<TcpStream> = Vec::new();
    for nth in 0..Limits::API.per_source + 40 {
        let sent = if nth % 2 == 0 { "\u{16}" } else { "CONNECT aws.test:443 HTTP/1.1\r\nhost: h\r\n\r\n" };
        hostile.push(server.send(sent).await);
    }
    let begun = server.begun.load(Ordering::SeqCst);
    let answer = tokio::time::timeout(Duration::from_secs(1), server.ask()).await.unwrap();
    assert!(answer.ends_with("whole"));
    until(&server.begun, begun + 1).await;
}
