//! Bounds: what is too large, too old, sent twice, unknown or too often; and a disk that is full. Each is refused in
//! words, nothing is forwarded, and the process lives on.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Response, Serve, binary, send, until};

use crate::lab::{Lab, OWNER, People, held};

const PUT: &str = "AmazonSSM.PutParameter";

fn value(name: &str, value: &str) -> Value {
    json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true })
}

/// Refused with all of `words`, and nothing arrived.
fn refused(lab: &mut Lab, answer: &Response, name: &str, words: &[&str]) -> Result<()> {
    let text = answer.text();
    ensure!((400..500).contains(&answer.status), "{} {text}", answer.status);
    for word in words {
        ensure!(text.contains(word), "`{word}` is missing: {text}");
    }
    ensure!(lab.parameter(name)?.is_none(), "it was forwarded");
    ensure!(lab.serve.is_alive()?, "the process ended\n{}", lab.serve.log()?);
    Ok(())
}

#[test]
fn what_is_too_large_too_old_or_unknown_is_refused() -> Result<()> {
    let mut lab = Lab::open()?;
    let host = lab.gateway().to_owned();
    let now = testkit::now();

    let large = lab.call("ssm", PUT, &value("/large", &"x".repeat(7 << 20)))?;
    refused(&mut lab, &large, "/large", &["CS108"])?;

    for (name, at) in [("/old", now - 3600), ("/future", now + 3600)] {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", PUT)];
        let body = value(name, "1").to_string().into_bytes();
        let signed = lab.agent.sign_at(at, "ssm", &host, "POST", "/", &headers, body);
        refused(&mut lab, &signed.send(&host)?, name, &[])?;
    }

    let mut altered = lab.agent.json("ssm", &host, PUT, &value("/altered", "1"));
    altered.body = value("/altered", "2").to_string().into_bytes();
    refused(&mut lab, &altered.send(&host)?, "/altered", &[])?;

    let unknown = lab.call("ssm", "AmazonSSM.PutParameterTwice", &value("/unknown", "1"))?;
    refused(&mut lab, &unknown, "/unknown", &["CS106", "override"])?;
    let unknown = lab.call("nosuchservice", "NoSuch.PutParameter", &value("/unknown", "1"))?;
    refused(&mut lab, &unknown, "/unknown", &["CS10"])?;
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_write_sent_twice_is_a_replay_and_a_read_is_not() -> Result<()> {
    let lab = Lab::open()?;
    let host = lab.gateway().to_owned();
    let write = lab.agent.json("ssm", &host, PUT, &value("/once", "1"));
    let first = write.send(&host)?;
    ensure!(first.status == 200, "{}", first.text());
    let before = lab.moto.recorded(&[PUT, "/once"])?;
    let again = write.send(&host)?;
    ensure!((400..500).contains(&again.status) && again.text().contains("signature"), "{}", again.text());
    ensure!(lab.moto.recorded(&[PUT, "/once"])? == before && before == 1, "{before} writes arrived");
    // The same write signed anew, a second later, is a new write.
    let anew = lab.agent.sign_at(
        testkit::now() + 2,
        "ssm",
        &host,
        "POST",
        "/",
        &[("content-type", "application/x-amz-json-1.1"), ("x-amz-target", PUT)],
        value("/once", "1").to_string().into_bytes(),
    );
    ensure!(anew.send(&host)?.status == 200);

    let read = lab.agent.json("ssm", &host, "AmazonSSM.DescribeParameters", &json!({}));
    for _ in 0..3 {
        let answer = read.send(&host)?;
        ensure!(answer.status == 200, "a read may be sent as often as one likes: {}", answer.text());
    }
    Ok(())
}

#[test]
fn a_session_stopped_in_mid_flight_ends_at_once() -> Result<()> {
    let mut lab = Lab::open()?;
    let id = lab.hold("stopped")?;
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    let session = lab.session.id.clone();
    lab.signs(&lab.people.olga, &["session", "stop", &session])?.expect(0)?;
    // Approved, and yet: the session that asked is over.
    let answer = lab.delete_stack("stopped")?;
    ensure!(answer.status != 200 && answer.text().contains("stopped"), "{}", answer.text());
    ensure!(lab.deletes("stopped")? == 0 && lab.stack_stands("stopped")?);
    let write = lab.call("ssm", PUT, &value("/stopped", "1"))?;
    refused(&mut lab, &write, "/stopped", &["stopped"])?;
    let listed = lab.on_agent_listener("GET", "/v1/changes", None)?;
    ensure!(listed.status == 401, "{}", listed.text());
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_flood_without_signatures_is_throttled_and_counted() -> Result<()> {
    let mut lab = Lab::open()?;
    let host = lab.gateway().to_owned();
    let before = lab.forwarded()?;
    let body = b"Action=DeleteStack&StackName=flood&Version=2010-05-15";
    let mut throttled = 0;
    for _ in 0..300 {
        let answer =
            send(&host, "POST", "/", &[("content-type", "application/x-www-form-urlencoded")], body)?;
        ensure!((400..500).contains(&answer.status), "{answer:?}");
        throttled += usize::from(answer.text().contains("too many requests"));
    }
    // A minute may have ended in between: then some were counted anew.
    ensure!(throttled >= 300 - 2 * 121, "{throttled} of 300 were throttled");
    ensure!(lab.forwarded()? == before && lab.serve.is_alive()?);
    ensure!(lab.serve.stop()? == 0);
    let counted = lab.entries("authentication_failed")?;
    ensure!((1..=2).contains(&counted.len()), "{} entries: {counted:?}", counted.len());
    Ok(())
}

/// No file of the server may grow any more: what a full disk is to it, where one may not mount any.
#[test]
fn a_full_disk_is_said_and_survived() -> Result<()> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let mut lab = Lab::over(people, &flags, |config| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(binary("countersign")?);
        Serve::launch(shell, config, &OWNER)
    })?;
    ensure!(lab.call("ssm", PUT, &value("/before", "1"))?.status == 200);
    lab.make_stack("full")?;

    limit(&lab, "1")?;
    let write = lab.call("ssm", PUT, &value("/full", "1"))?;
    refused(&mut lab, &write, "/full", &["CS10"])?;
    let delete = lab.delete_stack("full")?;
    ensure!(held(&delete).is_err() && delete.status >= 400, "{}", delete.text());
    ensure!(delete.text().contains("CS102") || delete.text().contains("CS104"), "{}", delete.text());
    ensure!(lab.deletes("full")? == 0 && lab.serve.is_alive()?, "{}", lab.serve.log()?);

    limit(&lab, "unlimited")?;
    // Where the log itself was caught by it, it says so and stays closed until a restart has read it back: nothing is
    // ever signed after an error whose extent is not known.
    let works = |lab: &Lab| {
        until("writing to work again", Duration::from_secs(5), || {
            Ok((lab.call("ssm", PUT, &value("/after", "1"))?.status == 200).then_some(()))
        })
    };
    if works(&lab).is_err() {
        let closed = lab.call("ssm", PUT, &value("/after", "1"))?;
        ensure!(closed.text().contains("CS102"), "{}", closed.text());
        lab.restart()?;
        works(&lab)?;
    }
    ensure!(lab.parameter("/after")?.as_deref() == Some("1"));
    let id = held(&lab.delete_stack("full")?).context("holding works again")?;
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    let through = lab.delete_stack("full")?;
    ensure!(through.status == 200, "{}", through.text());
    ensure!(lab.serve.stop()? == 0);
    lab.verify()?.expect(0)?;
    lab.restart()
}

fn limit(lab: &Lab, bytes: &str) -> Result<()> {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &lab.serve.pid().to_string(), &format!("--fsize={bytes}:unlimited")]);
    testkit::run(command, Duration::from_secs(10))?.expect(0).map(drop)
}
