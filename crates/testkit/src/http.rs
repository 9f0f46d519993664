//! One HTTP request over a plain socket, byte for byte as the caller wrote it: for the mock's controls, and for
//! requests that no well-behaved client would send.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result};

#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// As received: a chunked body keeps its chunk lines.
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends to `authority` (`127.0.0.1:8080`) and reads until the other side closes. `Host`, `Connection: close` and the
/// length are added where the caller gave none.
pub fn send(
    authority: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let length = body.len().to_string();
    let added = [("host", authority), ("connection", "close"), ("content-length", length.as_str())];
    let absent = added
        .into_iter()
        .filter(|(name, _)| !headers.iter().any(|(held, _)| held.eq_ignore_ascii_case(name)));
    let mut request = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in headers.iter().copied().chain(absent) {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let bytes = [request.as_bytes(), body].concat();
    exchange(authority, &bytes).with_context(|| format!("{method} {target} at {authority}"))
}

fn exchange(authority: &str, request: &[u8]) -> Result<Response> {
    let mut socket = TcpStream::connect(authority)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    // A server that refuses early closes before it has read everything; its answer is what counts.
    let written = socket.write_all(request);
    let mut answer = Vec::new();
    let read = socket.read_to_end(&mut answer);
    match parse(&answer) {
        Some(response) => Ok(response),
        None => {
            written?;
            read?;
            anyhow::bail!("no HTTP answer, but {} bytes", answer.len())
        }
    }
}

fn parse(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, rest) = answer.split_at_checked(end)?;
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Response { status, headers, body: rest.get(4..)?.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let response = parse(b"HTTP/1.1 403 Forbidden\r\nX-Id: 7\r\nb: c:d\r\n\r\nno").unwrap();
        assert_eq!(
            (response.status, response.header("x-id"), response.header("b")),
            (403, Some("7"), Some("c:d"))
        );
        assert_eq!(response.text(), "no");
        for broken in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 many\r\n\r\n", b"\r\n\r\n"] {
            assert!(parse(broken).is_none());
        }
    }
}
