//! Somebody who is told things: an HTTP server that keeps what is sent to it, and answers as it is told to.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::until;

/// One request to it.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What it was answered.
    pub status: u16,
}

impl Received {
    pub fn header(&self, name: &str) -> Result<&str> {
        let found = self.headers.iter().find(|(held, _)| held == name);
        found.map(|(_, value)| value.as_str()).with_context(|| format!("no header {name}"))
    }

    pub fn json(&self) -> Result<serde_json::Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// Listens for as long as this process lives.
#[derive(Debug)]
pub struct Receiver {
    authority: String,
    answer: Arc<AtomicU16>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    /// Takes everything.
    pub fn start() -> Result<Self> {
        Self::at("127.0.0.1:0")
    }

    pub fn at(address: &str) -> Result<Self> {
        let listener = TcpListener::bind(address)?;
        let authority = listener.local_addr()?.to_string();
        let (answer, received) = (Arc::new(AtomicU16::new(200)), Arc::<Mutex<Vec<Received>>>::default());
        let (status, kept) = (Arc::clone(&answer), Arc::clone(&received));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (status, kept) = (Arc::clone(&status), Arc::clone(&kept));
                // A connection that breaks is the sender's to notice.
                std::thread::spawn(move || drop(serve(&client, &status, &kept)));
            }
        });
        Ok(Self { authority, answer, received })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// With this status, from now on.
    pub fn answer(&self, status: u16) {
        self.answer.store(status, Ordering::SeqCst);
    }

    /// Everything so far, what it refused included.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first that `wanted` is true of.
    pub fn until(&self, what: &str, wanted: impl Fn(&Received) -> bool) -> Result<Received> {
        until(what, Duration::from_secs(60), || Ok(self.received().into_iter().find(|it| wanted(it))))
            .with_context(|| format!("received: {:#?}", self.bodies()))
    }

    pub fn bodies(&self) -> Vec<String> {
        self.received().iter().map(|it| String::from_utf8_lossy(&it.body).into_owned()).collect()
    }
}

fn serve(client: &TcpStream, answer: &AtomicU16, kept: &Mutex<Vec<Received>>) -> Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(client);
    let mut line = || -> Result<String> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut parts = first.split(' ').map(str::to_owned);
    let (method, target) = (parts.next().context("no method")?, parts.next().context("no target")?);
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(Ok(0), |(_, value)| value.parse())?];
    reader.read_exact(&mut body)?;
    let status = answer.load(Ordering::SeqCst);
    let received = Received { method, target, headers, body, status };
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    let mut client = client;
    write!(client, "HTTP/1.1 {status} Told\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    Ok(())
}
