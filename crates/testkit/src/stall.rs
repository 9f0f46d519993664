//! A cloud that is slow at one place: a relay before the mock AWS that keeps back every request with a given text in
//! it until it is told to let go. For whatever may happen while a request is on its way.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Stall {
    gate: Arc<Gate>,
    authority: String,
}

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What is kept back, while anything is.
    text: Option<String>,
    waiting: usize,
}

impl Stall {
    /// Relays to `upstream`, `127.0.0.1:PORT`, for as long as this process lives.
    pub fn before(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let authority = listener.local_addr()?.to_string();
        let (gate, upstream) = (Arc::new(Gate::default()), upstream.to_owned());
        let shared = Arc::clone(&gate);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (gate, upstream) = (Arc::clone(&shared), upstream.clone());
                // A connection that breaks is the client's to notice.
                std::thread::spawn(move || relay(&client, &upstream, &gate));
            }
        });
        Ok(Self { gate, authority })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// Keeps back what contains `text`, from now on.
    pub fn hold(&self, text: &str) -> Result<()> {
        self.gate.set(Some(text.to_owned()))
    }

    /// Returns once a request is kept back.
    pub fn until_one_waits(&self) -> Result<()> {
        let state = self.gate.state.lock().ok().context("a relay has panicked")?;
        let waited = self.gate.moved.wait_timeout_while(state, PATIENCE, |state| state.waiting == 0);
        let (state, _) = waited.ok().context("a relay has panicked")?;
        ensure!(state.waiting > 0, "no request came that is to be kept back");
        Ok(())
    }

    /// Lets go of everything.
    pub fn release(&self) -> Result<()> {
        self.gate.set(None)
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        // Nothing is left hanging of a test that has failed.
        let _ = self.gate.set(None);
    }
}

impl Gate {
    fn set(&self, text: Option<String>) -> Result<()> {
        self.state.lock().ok().context("a relay has panicked")?.text = text;
        self.moved.notify_all();
        Ok(())
    }

    /// Returns when these bytes may go on.
    fn pass(&self, bytes: &[u8]) -> Option<()> {
        let kept = |state: &State| {
            state.text.as_deref().is_some_and(|text| String::from_utf8_lossy(bytes).contains(text))
        };
        let mut state = self.state.lock().ok()?;
        while kept(&state) {
            state.waiting += 1;
            self.moved.notify_all();
            state = self.moved.wait(state).ok()?;
            state.waiting -= 1;
        }
        Some(())
    }
}

fn relay(client: &TcpStream, upstream: &str, gate: &Gate) -> Option<()> {
    let server = TcpStream::connect(upstream).ok()?;
    std::thread::scope(|scope| {
        scope.spawn(|| pump(&server, client, None));
        pump(client, &server, Some(gate));
    });
    Some(())
}

/// Bytes of one direction until either side closes.
fn pump(mut from: &TcpStream, mut to: &TcpStream, gate: Option<&Gate>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = buffer.get(..count).unwrap_or_default();
        if gate.is_some_and(|gate| gate.pass(bytes).is_none()) || to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
