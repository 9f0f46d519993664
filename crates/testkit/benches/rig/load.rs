//! The load: connections that stay open, each sending its next request when the answer to the last has come.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use testkit::Signed;

/// How long each request took, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Mutex<Vec<f64>>);

impl Latencies {
    /// The value below which that share of them lies.
    pub(crate) fn at(&self, share: f64) -> Result<f64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.sort_by(f64::total_cmp);
        let place = (all.len() as f64 * share) as usize;
        all.get(place.min(all.len().saturating_sub(1))).copied().context("nothing was measured")
    }

    pub(crate) fn extend(&self, more: Vec<f64>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(more);
    }
}

/// As it goes over the wire, on a connection that stays open.
pub(crate) fn bytes(signed: &Signed) -> Vec<u8> {
    let length = signed.body.len().to_string();
    [signed.head(&[("content-length", &length)]).as_bytes(), &signed.body].concat()
}

/// Sends all of them, each once, over so many connections; every answer must be 200.
pub(crate) fn run(
    authority: &str,
    connections: usize,
    requests: Vec<Vec<u8>>,
    into: &Latencies,
) -> Result<()> {
    through(authority, connections, &requests, "200", into)
}

/// The same where every answer must have this status.
pub(crate) fn through(
    authority: &str,
    connections: usize,
    requests: &[Vec<u8>],
    expected: &str,
    into: &Latencies,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let each: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| connection(authority, requests, &next, expected)))
            .collect();
        for it in each {
            into.extend(it.join().map_err(|_| anyhow::anyhow!("a connection fell over"))??);
        }
        Ok(())
    })
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
fn connection(authority: &str, requests: &[Vec<u8>], next: &AtomicUsize, expected: &str) -> Result<Vec<f64>> {
    let mut socket = TcpStream::connect(authority)?;
    socket.set_nodelay(true)?;
    let (mut took, mut buffer) = (Vec::new(), Vec::new());
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        let started = Instant::now();
        socket.write_all(request)?;
        answer(&mut socket, &mut buffer, expected)?;
        took.push(started.elapsed().as_secs_f64() * 1e6);
    }
    Ok(took)
}

/// Reads one answer; nothing of the next one is there yet.
fn answer(socket: &mut TcpStream, buffer: &mut Vec<u8>, expected: &str) -> Result<()> {
    buffer.clear();
    let mut piece = [0; 8192];
    loop {
        let read = socket.read(&mut piece)?;
        ensure!(read > 0, "the connection was closed: {}", String::from_utf8_lossy(buffer));
        buffer.extend(piece.get(..read).unwrap_or_default());
        if is_whole(buffer) {
            break;
        }
    }
    let status = buffer.get(9..12).unwrap_or_default();
    ensure!(status == expected.as_bytes(), "{}", String::from_utf8_lossy(buffer));
    Ok(())
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse::<usize>().ok());
    match length {
        Some(length) => answer.len() >= end + 4 + length,
        None => {
            head.contains("chunked") && answer.ends_with(b"0\r\n\r\n") || head.starts_with("http/1.1 204")
        }
    }
}
