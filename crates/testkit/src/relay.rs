//! A place between Countersign and its upstream: what comes is read whole, and the test says what becomes of it.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

use anyhow::{Context as _, Result};

/// A request, each on a connection of its own.
#[derive(Debug)]
pub struct Relayed {
    /// For the answer.
    pub client: TcpStream,
    pub head: String,
    body: Vec<u8>,
    upstream: String,
}

/// Listens before `upstream` (`host:port`) and hands over each request that comes; yields its base URL. An error of
/// `handle` breaks the connection off, which the test sees as an answer that never came.
pub fn relay(
    upstream: &str,
    handle: impl Fn(Relayed) -> Result<()> + Send + Sync + 'static,
) -> Result<String> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let base = format!("http://{}", socket.local_addr()?);
    let (upstream, handle) = (upstream.to_owned(), Arc::new(handle));
    std::thread::spawn(move || {
        for client in socket.incoming().flatten() {
            let (upstream, handle) = (upstream.clone(), Arc::clone(&handle));
            std::thread::spawn(move || drop(Relayed::read(client, upstream).and_then(|it| handle(it))));
        }
    });
    Ok(base)
}

impl Relayed {
    fn read(mut client: TcpStream, upstream: String) -> Result<Self> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let head = String::from_utf8(head)?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let mut body = vec![0; length.trim().parse().context("a length that is no number")?];
        client.read_exact(&mut body)?;
        Ok(Self { client, head, body, upstream })
    }

    /// All that upstream answers.
    pub fn forward(&self) -> Result<Vec<u8>> {
        let mut cloud = TcpStream::connect(&self.upstream)?;
        let lines = self.head.lines().filter(|line| !line.starts_with("connection:") && !line.is_empty());
        let head: String = lines.map(|line| format!("{line}\r\n")).collect();
        cloud.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
        cloud.write_all(&self.body)?;
        let mut answer = Vec::new();
        cloud.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// Answers in upstream's place, with an error of the JSON protocols.
    pub fn refuse(&mut self, status: &str, code: &str, message: &str) -> Result<()> {
        let body = format!(r#"{{"__type":"{code}","message":"{message}"}}"#);
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close");
        Ok(write!(self.client, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())?)
    }
}
