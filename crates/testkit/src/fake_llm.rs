//! A language model that says what a script tells it to, over the protocols of the real ones: Anthropic's messages and OpenAI's chat
//! completions as server-sent events, Bedrock's converse stream as binary frames with their checksums, Ollama's lines. It keeps every
//! request, holds it against what the script expects, and breaks off where the script says so.
//!
//! It is made of the vendors' documentation, not of recordings: what a real server does beyond that it does not do.

mod anthropic;
mod bedrock;
mod heard;
mod ollama;
mod openai;
mod scenario;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use serde_json::Value;

pub use heard::{Heard, Protocol};
use scenario::{Beat, Turn};
pub use scenario::{Fault, Scenario};

/// Listens for as long as this process lives.
#[derive(Debug)]
pub struct FakeLlm {
    authority: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    scenario: Scenario,
    next: usize,
    answered: usize,
    heard: Vec<Heard>,
    problems: Vec<String>,
}

impl FakeLlm {
    pub fn start(scenario: Scenario) -> Result<Self> {
        Self::at("127.0.0.1:0", scenario)
    }

    pub fn at(address: &str, scenario: Scenario) -> Result<Self> {
        let listener = TcpListener::bind(address)?;
        let authority = listener.local_addr()?.to_string();
        let state = State { scenario, next: 0, answered: 0, heard: Vec::new(), problems: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // A client that hangs up is part of many scripts.
                    drop(serve(&client, &state));
                });
            }
        });
        Ok(Self { authority, state })
    }

    pub fn from_file(path: &Path) -> Result<Self> {
        Self::start(Scenario::read(path)?)
    }

    /// `http://127.0.0.1:PORT`; each protocol has its paths below.
    pub fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// Every request so far, those included that were turned away.
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.state).heard.clone()
    }

    /// What was otherwise than the script expects.
    pub fn problems(&self) -> Vec<String> {
        lock(&self.state).problems.clone()
    }

    /// Turns of the script that nobody asked for yet.
    pub fn left(&self) -> usize {
        let state = lock(&self.state);
        state.scenario.turns.len().saturating_sub(state.next)
    }

    /// Whether the last of the script was sent, or something else was asked for.
    pub fn is_over(&self) -> bool {
        let state = lock(&self.state);
        state.answered >= state.scenario.turns.len() || !state.problems.is_empty()
    }

    /// Fails with everything that was not as expected, and where the script has not come to its end.
    pub fn finished(&self) -> Result<()> {
        let problems = self.problems();
        ensure!(problems.is_empty(), "the model's script: {}", problems.join("; "));
        ensure!(self.left() == 0, "the model's script has {} turns left", self.left());
        Ok(())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(client: &TcpStream, state: &Mutex<State>) -> Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client);
    while let Some(heard) = receive(&mut reader)? {
        let turn = {
            let mut state = lock(state);
            let turn = state.scenario.turns.get(state.next).cloned();
            state.next += 1;
            let nth = state.next;
            let problems = match &turn {
                Some(turn) => turn.expect.problems(&heard),
                None => vec!["the script has no turn left".to_owned()],
            };
            state.problems.extend(problems.iter().map(|it| format!("request {nth}: {it}")));
            state.heard.push(heard.clone());
            turn.filter(|_| problems.is_empty())
        };
        let Some(turn) = turn else {
            return refuse(client, 400, None, "not what the script expects");
        };
        let stays = answer(client, heard.protocol, &turn);
        lock(state).answered += 1;
        if !stays? {
            break;
        }
    }
    Ok(())
}

/// Whether the connection stays open.
fn answer(client: &TcpStream, protocol: Protocol, turn: &Turn) -> Result<bool> {
    if let Some(Fault::Status { code, retry_after }) = turn.fault {
        refuse(client, code, retry_after, "overloaded")?;
        return Ok(false);
    }
    let mut out = client;
    let kind = protocol.content_type();
    let open_ended = matches!(turn.fault, Some(Fault::Cut));
    let framing = if open_ended { "connection: close" } else { "transfer-encoding: chunked" };
    write!(out, "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{framing}\r\n\r\n")?;
    for beat in turn.beats() {
        let mut bytes = match protocol {
            Protocol::Anthropic => anthropic::bytes(turn, &beat),
            Protocol::Openai => openai::bytes(turn, &beat),
            Protocol::Bedrock => bedrock::bytes(turn, &beat),
            Protocol::Ollama => ollama::bytes(turn, &beat),
        };
        if bytes.is_empty() {
            continue;
        }
        if matches!(turn.fault, Some(Fault::Corrupt)) && matches!(beat, Beat::End) {
            // The last byte of the last frame is of a checksum, or the end of its JSON.
            bytes.pop();
            bytes.push(b'!');
        }
        if open_ended {
            out.write_all(&bytes)?;
        } else {
            write!(out, "{:x}\r\n", bytes.len())?;
            out.write_all(&bytes)?;
            out.write_all(b"\r\n")?;
        }
        out.flush()?;
    }
    match turn.fault {
        Some(Fault::Stall) => {
            // Until the client has had enough; what it sends then is that it goes.
            let _ = out.read(&mut [0; 1]);
            Ok(false)
        }
        Some(Fault::Cut | Fault::Break) => Ok(false),
        _ => {
            out.write_all(b"0\r\n\r\n")?;
            Ok(true)
        }
    }
}

fn refuse(mut client: &TcpStream, status: u16, retry_after: Option<u64>, why: &str) -> Result<()> {
    let wait = retry_after.map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
    let body = serde_json::json!({"type": "error", "error": {"type": "refused", "message": why}}).to_string();
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status} No\r\ncontent-type: application/json\r\n{wait}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    Ok(())
}

/// A member of an object, which all of the callers' values are.
fn add(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// `None` where the client has gone.
fn receive(reader: &mut BufReader<&TcpStream>) -> Result<Option<Heard>> {
    let mut line = || -> Result<String> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut parts = first.split(' ');
    let (Some("POST"), Some(target)) = (parts.next(), parts.next()) else { bail!("not a POST: {first}") };
    let target = target.to_owned();
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").context("no content-length")?;
    let mut body = vec![0; length.1.parse()?];
    reader.read_exact(&mut body)?;
    Ok(Some(Heard::new(target, headers, String::from_utf8(body)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send;

    #[test]
    fn it_answers_by_its_script_and_tells_what_it_heard() {
        let scenario = Scenario::parse(
            "[[turns]]\nsay = ['a', 'b']\nexpect = { says = ['why'] }\n[[turns]]\nfault = { status = { code = 529, retry_after = 2 } }\n",
        )
        .unwrap();
        let fake = FakeLlm::start(scenario).unwrap();
        let authority = fake.url().split_off("http://".len());
        let ask = |words: &str| {
            let body = serde_json::json!({"messages": [{"role": "user", "content": words}]}).to_string();
            send(&authority, "POST", "/v1/messages", &[("x-api-key", "k")], body.as_bytes()).unwrap()
        };
        let first = ask("why?");
        assert_eq!(first.status, 200);
        assert!(
            first.text().contains("text_delta") && first.text().contains("message_stop"),
            "{}",
            first.text()
        );
        let second = ask("and?");
        assert_eq!((second.status, second.header("retry-after")), (529, Some("2")));
        fake.finished().unwrap();
        assert_eq!(fake.heard().len(), 2);
        assert_eq!(fake.heard()[0].key(), Some("k"));
        assert_eq!(ask("more?").status, 400);
        assert_eq!(fake.problems(), ["request 3: the script has no turn left"]);
    }
}
