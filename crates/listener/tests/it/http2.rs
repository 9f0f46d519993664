//! HTTP/2 where a client asks for it in the handshake, with hyper's own client; and those who ask for it and do nothing.

use std::sync::atomic::Ordering;

use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use listener::{Authority, Limits, Plain};
use tokio::time::Instant;

use crate::{
    Server, WHOLE,
    tls::{ask, authority, doors, handshake, handshake_for},
    until, until_closed,
};

const BOTH: &[&str] = &["h2", "http/1.1"];

async fn connected(server: &Server, ours: &Authority) -> http2::SendRequest<Full<Bytes>> {
    let stream = handshake_for(BOTH, server.send("").await, "localhost", ours).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut client = http2::Builder::new(TokioExecutor::new());
    client.timer(TokioTimer::new());
    let (requests, connection) = client.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    requests
}

fn request(path: &str) -> Request<Full<Bytes>> {
    let body = Full::from("whole");
    Request::builder().method("POST").uri(format!("https://localhost{path}")).body(body).unwrap()
}

#[tokio::test]
async fn many_requests_share_a_connection_where_it_is_asked_for() {
    let ours = authority();
    let server = Server::start_with(doors(&ours, Plain::Spoken).with_http2()).await;
    let mut requests = connected(&server, &ours).await;
    let held: Vec<_> = (0..20).map(|_| tokio::spawn(requests.send_request(request("/held")))).collect();
    until(&server.begun, 20).await;
    let answer = requests.send_request(request("/")).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "whole", "beside twenty that wait");
    for _ in 0..20 {
        server.go.notify_one();
        tokio::task::yield_now().await;
    }
    for answer in held {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    // Who does not ask for it is spoken to as before.
    let mut old = handshake(server.send("").await, "localhost", &ours).await.unwrap();
    assert!(ask(&mut old, WHOLE).await.ends_with("whole"));
    let other = Server::start_with(doors(&ours, Plain::Spoken)).await;
    let stream = handshake_for(BOTH, other.send("").await, "localhost", &ours).await.unwrap();
    assert_eq!(
        stream.get_ref().1.alpn_protocol(),
        Some(&b"http/1.1"[..]),
        "a listener that does not offer it"
    );
}

#[tokio::test(start_paused = true)]
async fn who_shakes_hands_for_http2_and_asks_nothing_gives_up_its_place() {
    let ours = authority();
    let server = Server::start_with(doors(&ours, Plain::Spoken).with_http2()).await;
    for preface in
        ["", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0"]
    {
        let mut stream = handshake_for(BOTH, server.send("").await, "localhost", &ours).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, preface.as_bytes()).await.unwrap();
        let begun = Instant::now();
        let mut rest = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
        let took = begun.elapsed().as_secs();
        assert!((20..=21).contains(&took), "{preface:?} was open for {took} s");
    }
    // As many as there are places, and one more who has something to ask.
    let mut idle = Vec::new();
    for _ in 0..Limits::API.per_source + 10 {
        idle.push(handshake_for(BOTH, server.send("").await, "localhost", &ours).await.unwrap());
    }
    let mut requests = connected(&server, &ours).await;
    assert_eq!(requests.send_request(request("/")).await.unwrap().status(), 200);
    drop(idle);
}

#[tokio::test]
async fn heads_and_bodies_are_bounded_in_http2_too() {
    let ours = authority();
    let server = Server::start_with(doors(&ours, Plain::Spoken).with_http2()).await;
    let mut requests = connected(&server, &ours).await;
    let mut large = request("/");
    *large.body_mut() = Full::from(vec![b'x'; 65]);
    assert_eq!(requests.send_request(large).await.unwrap().status(), 413);
    let mut long = request("/");
    long.headers_mut().insert("x-long", "x".repeat(70 * 1024).parse().unwrap());
    let told = requests.send_request(long).await;
    assert!(told.as_ref().map_or(true, |answer| answer.status() == 431), "{told:?}");
    let begun = server.begun.load(Ordering::SeqCst);
    let mut again = connected(&server, &ours).await;
    assert_eq!(again.send_request(request("/")).await.unwrap().status(), 200, "others are served");
    assert_eq!(server.begun.load(Ordering::SeqCst), begun + 1);
    let nonsense = until_closed(server.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await).await;
    assert!(!nonsense.starts_with("HTTP/2"), "without TLS it is not spoken: {nonsense}");
}
