//! Whoever listens: a thread for each connection, which says when an event has come to it.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// As the beginning of an event goes over the wire.
const MARK: &[u8] = b"event: row\n";
const STACK: usize = 64 * 1024;

pub(crate) struct Audience {
    count: usize,
    say: Sender<Instant>,
    heard: Receiver<Instant>,
}

impl Default for Audience {
    fn default() -> Self {
        let (say, heard) = channel();
        Self { count: 0, say, heard }
    }
}

impl Audience {
    pub(crate) fn add(&mut self, socket: TcpStream) -> Result<()> {
        let say = self.say.clone();
        thread::Builder::new().stack_size(STACK).spawn(move || listen(socket, &say))?;
        self.count += 1;
        Ok(())
    }

    /// How long after `began` the last of them had heard of one event, in microseconds.
    pub(crate) fn all_heard(&self, began: Instant, patience: Duration) -> Result<f64> {
        let mut last = began;
        for nth in 0..self.count {
            let at = self.heard.recv_timeout(patience);
            last = last.max(at.with_context(|| format!("{nth} of {} heard of it", self.count))?);
        }
        Ok(last.duration_since(began).as_secs_f64() * 1e6)
    }
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
fn listen(mut socket: TcpStream, say: &Sender<Instant>) {
    let (mut held, mut piece) = (Vec::new(), vec![0; 16 * 1024]);
    while let Ok(read) = socket.read(&mut piece) {
        if read == 0 {
            return;
        }
        let at = Instant::now();
        held.extend_from_slice(piece.get(..read).unwrap_or_default());
        while let Some(place) = held.windows(MARK.len()).position(|window| window == MARK) {
            held.drain(..place + MARK.len());
            if say.send(at).is_err() {
                return;
            }
        }
        held.drain(..held.len().saturating_sub(MARK.len()));
    }
}

/// As many bare sockets, and whoever writes into them: what nobody could do faster.
pub(crate) struct Echo {
    audience: Audience,
    ends: Vec<TcpStream>,
}

impl Echo {
    pub(crate) fn open(count: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (mut audience, mut ends) = (Audience::default(), Vec::new());
        for _ in 0..count {
            audience.add(TcpStream::connect(listener.local_addr()?)?)?;
            let (end, _) = listener.accept()?;
            end.set_nodelay(true)?;
            ends.push(end);
        }
        Ok(Self { audience, ends })
    }

    #[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
    pub(crate) fn tell(&mut self, patience: Duration) -> Result<f64> {
        // About as long as one row of the inbox is.
        let event = [MARK, b"data: ", &[b'x'; 1000], b"\n\n"].concat();
        let began = Instant::now();
        for end in &mut self.ends {
            end.write_all(&event)?;
        }
        self.audience.all_heard(began, patience)
    }
}
