//! A cloud that is gone, lies, breaks off or asks for patience: the agent is told in its own client's shape, nothing is sent
//! twice, and the record says what is known.

use std::{
    io::Write as _,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{Relayed, Serve, relay};

use crate::lab::{Lab, OWNER, People};

const PUT: &str = "AmazonSSM.PutParameter";

/// What the cloud does with the next write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Honest,
    /// Closes before it has answered; it did what was asked.
    Silent,
    Garbage,
    /// Announces more than comes.
    Short,
    EndlessHead,
    Huge,
    Throttles,
    /// Of the 5xx kind: nobody knows.
    Overloaded,
}

#[derive(Clone)]
struct Cloud(Arc<Mutex<(Mood, usize)>>);

impl Cloud {
    fn before(&self, upstream: &str) -> Result<String> {
        let cloud = self.clone();
        relay(upstream, move |request| cloud.pass(request))
    }

    fn pass(&self, mut request: Relayed) -> Result<()> {
        let mood = if request.head.contains(PUT) {
            let mut state = self.0.lock().unwrap();
            state.1 += 1;
            state.0
        } else {
            Mood::Honest
        };
        match mood {
            Mood::Throttles => request.refuse("400 Bad Request", "ThrottlingException", "Rate exceeded"),
            Mood::Overloaded => request.refuse("503 Service Unavailable", "ServiceUnavailable", "slow down"),
            Mood::Garbage => Ok(request.client.write_all(b"HTTP/9.9 banana\r\n\r\n\x00\xff")?),
            Mood::EndlessHead => {
                request.client.write_all(b"HTTP/1.1 200 OK\r\n")?;
                while request.client.write_all(&[b'x'; 4096]).is_ok() {}
                Ok(())
            }
            Mood::Huge => {
                request.client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8589934592\r\n\r\n")?;
                while request.client.write_all(&[b'x'; 65_536]).is_ok() {}
                Ok(())
            }
            Mood::Silent => request.forward().map(drop),
            Mood::Short => {
                let answer = request.forward()?;
                Ok(request.client.write_all(&answer[..answer.len() - 1])?)
            }
            Mood::Honest => Ok(request.client.write_all(&request.forward()?)?),
        }
    }

    fn is(&self, mood: Mood) {
        self.0.lock().unwrap().0 = mood;
    }

    fn writes(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

#[test]
fn a_cloud_that_lies_or_breaks_off_is_survived_and_nothing_is_doubled() -> Result<()> {
    let cloud = Cloud(Arc::new(Mutex::new((Mood::Honest, 0))));
    let people = People::enter()?;
    let flags = people.flags()?;
    let mut lab = Lab::behind(
        people,
        &flags,
        |moto| cloud.before(moto.authority()),
        |config| Serve::start_with(config, &OWNER),
    )?;
    let put = |name: &str| json!({ "Name": name, "Value": "1", "Type": "String" });
    for (mood, happened, status) in [
        (Mood::Honest, true, 200),
        (Mood::Silent, true, 0),
        (Mood::Garbage, false, 0),
        (Mood::Short, true, 0),
        (Mood::EndlessHead, false, 0),
        (Mood::Huge, false, 0),
        (Mood::Throttles, false, 400),
        (Mood::Overloaded, false, 503),
    ] {
        cloud.is(mood);
        let (name, before) = (format!("/{mood:?}"), cloud.writes());
        let answer = lab.call("ssm", PUT, &put(&name)).with_context(|| format!("{mood:?}"))?;
        let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match status {
            0 => {
                ensure!(answer.status >= 400, "{mood:?}: {}", answer.status);
                let text = answer.text();
                ensure!(told["__type"].is_string(), "{mood:?}: not in the client's shape: {text}");
                ensure!(text.contains("outcome is not known"), "{mood:?}: {text}");
            }
            // Passed on as it is: the client knows what to make of it.
            status => ensure!(answer.status == status, "{mood:?}: {}", answer.text()),
        }
        ensure!(lab.serve.is_alive()?, "{mood:?}: the process ended\n{}", lab.serve.log()?);
        ensure!(cloud.writes() == before + 1, "{mood:?}: {} writes", cloud.writes() - before);
        ensure!(lab.parameter(&name)?.is_some() == happened, "{mood:?}: what the cloud holds");

        // Whatever became of it, asking again does not do it a second time unawares.
        cloud.is(Mood::Honest);
        let again = lab.call("ssm", PUT, &put(&name))?;
        let sent = cloud.writes() - before - 1;
        match mood {
            Mood::Honest | Mood::Throttles => ensure!(sent <= 1, "{mood:?}: {sent}"),
            _ => {
                ensure!(sent == 0, "{mood:?}: sent {sent} times more: {}", again.text());
                ensure!(again.text().contains("read back"), "{mood:?}: {}", again.text());
            }
        }
        let read = lab.call("ssm", "AmazonSSM.DescribeParameters", &json!({}))?;
        ensure!(read.status == 200, "{mood:?}: {}", read.text());
    }
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_cloud_that_is_gone_is_said_to_be_and_nothing_counts_as_done() -> Result<()> {
    let mut lab = Lab::open()?;
    let put = json!({ "Name": "/gone", "Value": "1", "Type": "String" });
    let read = || lab.call("ssm", "AmazonSSM.DescribeParameters", &json!({}));
    ensure!(read()?.status == 200);
    // It goes away for good: whoever asks finds nobody at that address.
    let pid = lab.moto.pid().to_string();
    ensure!(std::process::Command::new("kill").args(["-9", &pid]).status()?.success());
    // A write whose target cannot be looked at is one that could not be undone: it waits for people.
    for (answer, says) in
        [(read()?, "CS109"), (lab.call("ssm", PUT, &put)?, "Nothing was done"), (read()?, "CS109")]
    {
        let text = answer.text();
        ensure!(answer.status >= 400 && text.contains(says), "{} {text}", answer.status);
        let told: Value = serde_json::from_slice(&answer.body)?;
        ensure!(told["__type"].is_string(), "not in the client's shape: {text}");
    }
    ensure!(lab.serve.is_alive()?, "{}", lab.serve.log()?);
    let listed = lab.on_agent_listener("GET", "/v1/changes", None)?;
    ensure!(listed.status == 200, "people and agents are answered all the same");
    lab.verify()?.expect(0).map(drop)
}
