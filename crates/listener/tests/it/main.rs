//! A real socket with hostile clients on it. Time is the runtime's: where nothing more can happen, it jumps to the next
//! deadline, so nobody waits and nothing depends on how fast the machine is.

#![cfg(test)]

mod http2;
mod tls;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
};
use listener::{BodyError, Doors, Limits, Source, collect};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{Duration, Instant},
};

const HALF_HEAD: &str = "POST /a HTTP/1.1\r\nhost: ";
const HALF_BODY: &str = "POST /a HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\nhalf";
const WHOLE: &str = "POST /a HTTP/1.1\r\nhost: here\r\ncontent-length: 5\r\n\r\nwhole";
const HELD: &str = "POST /held HTTP/1.1\r\nhost: here\r\ncontent-length: 5\r\n\r\nwhole";

/// Answers with the body that came; requests for `/held` only when told to.
struct Server {
    address: std::net::SocketAddr,
    go: Arc<Notify>,
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        Self::start_with(Doors::plain(limits)).await
    }

    async fn start_with(doors: Doors) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: socket.local_addr().unwrap(),
            go: Arc::default(),
            begun: Arc::default(),
            ended: Arc::default(),
        };
        let (go, begun, ended) =
            (Arc::clone(&server.go), Arc::clone(&server.begun), Arc::clone(&server.ended));
        tokio::spawn(listener::serve(socket, doors, move |request, source| {
            answer(request, source, Arc::clone(&go), Arc::clone(&begun), Arc::clone(&ended))
        }));
        server
    }

    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// What an honest client gets.
    async fn ask(&self) -> String {
        let mut stream = self.send(WHOLE).await;
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        String::from_utf8(answer[..length].to_vec()).unwrap()
    }
}

async fn answer(
    request: Request<Incoming>,
    _: Source,
    go: Arc<Notify>,
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
) -> Response<Full<Bytes>> {
    let held = request.uri().path() == "/held";
    match collect(request.into_body(), 64).await {
        Ok(body) => {
            begun.fetch_add(1, Ordering::SeqCst);
            if held {
                go.notified().await;
            }
            ended.fetch_add(1, Ordering::SeqCst);
            Response::new(Full::new(body))
        }
        Err(err) => {
            let status = match err {
                BodyError::TooLarge { .. } => 413,
                BodyError::TooSlow => 408,
                BodyError::Broken(_) | BodyError::MadeRoom => 400,
            };
            Response::builder().status(status).body(Full::from(err.to_string())).unwrap()
        }
    }
}

/// What the server says before it closes; a reset closes too.
async fn until_closed(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

async fn until(what: &AtomicUsize, count: usize) {
    while what.load(Ordering::SeqCst) < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn half_open_heads_and_bodies_are_closed() {
    let server = Server::start(Limits::API).await;
    for (sent, seconds, answered) in [
        ("", 20, ""),
        (HALF_HEAD, 20, ""),
        (HALF_BODY, 30, "408"),
        // An answer first, and then a connection that rests too long.
        (WHOLE, 20, "200"),
    ] {
        let begun = Instant::now();
        let stream = server.send(sent).await;
        let answer = until_closed(stream).await;
        let took = begun.elapsed().as_secs();
        assert!((seconds..=seconds + 1).contains(&took), "{sent:?} was open for {took} s");
        assert!(answer.contains(answered), "{sent:?}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn dripping_a_byte_at_a_time_buys_no_time() {
    let server = Server::start(Limits::API).await;
    for (start, drip, seconds) in [(HALF_HEAD, "x", 20), (HALF_BODY, "x", 30)] {
        let begun = Instant::now();
        let mut stream = server.send(start).await;
        let mut answer = [0; 512];
        loop {
            tokio::select! {
                _ = stream.read(&mut answer) => break,
                () = tokio::time::sleep(Duration::from_secs(7)) => {
                    // The body has room for five more bytes; it gets four.
                    let _ = stream.write_all(drip.as_bytes()).await;
                }
            }
        }
        let took = begun.elapsed().as_secs();
        assert!((seconds..=seconds + 1).contains(&took), "{start:?} was open for {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn heads_and_bodies_are_bounded_in_bytes() {
    let server = Server::start(Limits::API).await;
    let long_head = format!("GET / HTTP/1.1\r\nhost: here\r\nx: {}\r\n\r\n", "x".repeat(140_000));
    let many = format!("GET / HTTP/1.1\r\nhost: here\r\n{}\r\n", "x: y\r\n".repeat(200));
    for (sent, answered) in [
        (long_head.as_str(), "431"),
        (many.as_str(), "431"),
        ("POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 65\r\n\r\n", "413"),
        (
            "POST / HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n\
             41\r\n0123456789012345678901234567890123456789012345678901234567890123x\r\n",
            "413",
        ),
    ] {
        let answer = until_closed(server.send(sent).await).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {answered}")), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn half_sent_requests_shut_nobody_out() {
    let limits = Limits { connections: 16, per_source: 8 };
    let server = Server::start(limits).await;
    let begun = Instant::now();
    let mut hostile = Vec::new();
    for text in [HALF_HEAD, HALF_BODY, ""].repeat(40) {
        hostile.push(server.send(text).await);
        if hostile.len().is_multiple_of(10) {
            assert!(server.ask().await.ends_with("whole"), "after {} of them", hostile.len());
        }
    }
    assert_eq!(begun.elapsed().as_secs(), 0, "and nobody had to wait");
    let mut open = 0;
    for stream in hostile {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(1), async {
            let mut stream = stream;
            stream.read(&mut byte).await
        });
        open += usize::from(read.await.is_err());
    }
    assert!(open <= limits.per_source, "{open} are open");
}

#[tokio::test(start_paused = true)]
async fn what_is_worked_on_keeps_its_place() {
    let server = Server::start(Limits { connections: 4, per_source: 2 }).await;
    let first = server.send(HELD).await;
    until(&server.begun, 1).await;
    // Hung up, and still at work.
    drop(server.send(HELD).await);
    until(&server.begun, 2).await;
    assert_eq!(until_closed(server.send(WHOLE).await).await, "", "this source has all its places at work");
    server.go.notify_waiters();
    until(&server.ended, 2).await;
    assert!(server.ask().await.ends_with("whole"));
    assert!(until_closed(first).await.ends_with("whole"));
}

#[tokio::test(start_paused = true)]
async fn a_request_runs_to_its_end_without_its_client() {
    let server = Server::start(Limits::API).await;
    let stream = server.send(HELD).await;
    until(&server.begun, 1).await;
    drop(stream);
    assert!(server.ask().await.ends_with("whole"));
    server.go.notify_one();
    until(&server.ended, 2).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_ends_and_nothing_new_begins() {
    let closing = tokio::sync::watch::Sender::new(false);
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (go, begun, ended) =
        (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let doors = Doors::plain(Limits::API).until(closing.subscribe());
    let answering = (Arc::clone(&go), Arc::clone(&begun), Arc::clone(&ended));
    let serving = tokio::spawn(listener::serve(socket, doors, move |request, source| {
        let (go, begun, ended) = answering.clone();
        answer(request, source, go, begun, ended)
    }));
    let send = async |text: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    };
    // One that rests between two requests, one that was never used, one that is worked on.
    let mut resting = send(WHOLE).await;
    let mut answered = vec![0; 4096];
    assert!(resting.read(&mut answered).await.unwrap() > 0);
    let unused = send("").await;
    let held = send(HELD).await;
    until(&begun, 2).await;

    closing.send_replace(true);
    assert_eq!(until_closed(resting).await, "");
    assert_eq!(until_closed(unused).await, "");
    assert!(TcpStream::connect(address).await.is_err(), "nobody is taken on");
    assert!(!serving.is_finished());
    go.notify_one();
    let last = until_closed(held).await;
    assert!(last.starts_with("HTTP/1.1 200") && last.ends_with("whole"), "{last}");
    serving.await.unwrap();
    assert_eq!(ended.load(Ordering::SeqCst), 2);
}
