//! Servers that are no model: what they send is an error, never a turn, a panic or a longer wait than ours.

use std::{
    io::{Read as _, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use llm::{FailedTurn, Provider, Stopped};
use testkit::{FakeLlm, Scenario};

use crate::fixture::{KEY, PROVIDERS, Rig};

/// A server that answers every request with these bytes.
fn server(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                drop(client.read(&mut [0; 1 << 16]));
                drop(client.write_all(&answer));
            });
        }
    });
    url
}

async fn asked(provider: Provider, answer: &[u8]) -> Stopped {
    let nobody = FakeLlm::start(Scenario::parse("turns = []").unwrap()).unwrap();
    let url = server(answer.to_vec());
    let mut rig = Rig::towards(provider, nobody, &url);
    rig.ask().await.unwrap_err()
}

fn last(stopped: Stopped) -> FailedTurn {
    match stopped {
        Stopped::Failed { last, .. } => last,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure() {
    let stream = |kind: &str, body: &[u8]| {
        let mut out =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n").into_bytes();
        out.extend(body);
        out
    };
    let bodies: [&[u8]; 8] = [
        b"",
        b"<html>",
        b"data: {\n\n",
        b"data: [DONE]\n\n",
        b"event: message_stop\ndata: {}\n\n",
        b"{\"done\": true}\n",
        b"\xff\xfe\x00\x00",
        &[0, 0, 0, 16, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    for provider in PROVIDERS {
        for body in bodies {
            let failure = last(asked(provider, &stream("text/event-stream", body)).await);
            let known = matches!(
                failure,
                FailedTurn::EndedEarly
                    | FailedTurn::Broken { .. }
                    | FailedTurn::Empty
                    | FailedTurn::UnclearStop
            );
            assert!(known, "{provider:?} {:?} {failure:?}", String::from_utf8_lossy(body));
        }
    }
}

/// A call's place is a number that a server chooses; no room is made for the calls before it.
#[tokio::test]
async fn a_call_far_behind_takes_no_room() {
    let piece = r#"{"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 4294967295, "id": "c", "function": {"name": "list_all", "arguments": "{}"}}]}}]}"#;
    let end = r#"{"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}"#;
    let script = format!("data: {piece}\n\ndata: {end}\n\ndata: [DONE]\n\n");
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{script}",
        script.len()
    );
    let nobody = FakeLlm::start(Scenario::parse("turns = []").unwrap()).unwrap();
    let mut rig = Rig::towards(Provider::Openai, nobody, &server(answer.into_bytes()));
    let turn = rig.ask().await.unwrap();
    assert_eq!(turn.calls().len(), 1);
}

/// Where everything that is logged goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A server that repeats what it was sent, in each way in which it can say that something is wrong.
#[tokio::test]
async fn what_a_server_says_is_not_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    tracing::info!("it is on");
    let said = format!("you sent {KEY}");
    let bodies = [
        format!(
            "event: error\ndata: {{\"type\": \"error\", \"error\": {{\"type\": \"{said}\", \"message\": \"{said}\"}}}}\n\n"
        ),
        format!("event: {said}\ndata: {{\"error\": {{\"message\": \"{said}\"}}}}\n\n"),
        format!("{{\"error\": \"{said}\"}}\n"),
    ];
    for provider in PROVIDERS {
        for status in ["200 OK", "401 No", "400 No"] {
            for body in &bodies {
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}"
                );
                let shown = format!("{:?}", asked(provider, answer.as_bytes()).await);
                // Ollama was given none.
                assert!(
                    provider == Provider::Ollama || !shown.contains(KEY),
                    "{provider:?} {status} {shown}"
                );
            }
        }
    }
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("it is on") && !log.contains("you sent"), "{log}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for provider in PROVIDERS {
        let elsewhere = FakeLlm::start(Scenario::parse("[[turns]]\nsay = ['here']\n").unwrap()).unwrap();
        let answer = format!(
            "HTTP/1.1 307 Over There\r\nlocation: {}/v1/messages\r\ncontent-length: 0\r\n\r\n",
            elsewhere.url()
        );
        let url = server(answer.into_bytes());
        let mut rig = Rig::towards(provider, elsewhere, &url);
        let failure = last(rig.ask().await.unwrap_err());
        assert!(matches!(failure, FailedTurn::Refused { status: 307, .. }), "{provider:?} {failure:?}");
        assert!(rig.fake.heard().is_empty(), "{provider:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for provider in PROVIDERS {
        let nobody = FakeLlm::start(Scenario::parse("turns = []").unwrap()).unwrap();
        let mut rig = Rig::towards(provider, nobody, &format!("http://{gone}"));
        let failure = last(rig.ask().await.unwrap_err());
        assert!(matches!(failure, FailedTurn::Unreachable { .. }), "{provider:?} {failure:?}");
    }
}
