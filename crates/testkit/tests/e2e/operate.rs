//! The installation as those see it who keep it running: whether it lives and is ready, its numbers, and how it ends.

use std::{fs, net::TcpStream, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{Cli, Response, Serve, Stall, send, until};

use crate::lab::{Lab, OWNER, People, named};

/// A lab whose cloud can be made slow, with a metrics listener; and where that is.
fn operated() -> Result<(Lab, Stall, String)> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let mut stall = None;
    let lab = Lab::behind(
        people,
        &flags,
        |moto| Ok(stall.insert(Stall::before(moto.authority())?).url()),
        |config| {
            let text = fs::read_to_string(config)?;
            ensure!(text.contains("# metrics = "), "{text}");
            fs::write(config, text.replace("# metrics = ", "metrics = "))?;
            Serve::start_with(config, &OWNER)
        },
    )?;
    let running: Value =
        serde_json::from_slice(&fs::read(lab.installation.folder().join("run/serve.json"))?)?;
    let url = running["metrics"].as_str().context("no metrics are served")?;
    let at = url.strip_prefix("http://").context("loopback speaks plain HTTP")?.to_owned();
    Ok((lab, stall.context("no relay was made")?, at))
}

fn get(at: &str, target: &str) -> Result<Response> {
    send(at, "GET", target, &[], b"")
}

/// The value of one sample, by its name and labels as they stand on the page.
fn sample(at: &str, name: &str) -> Result<f64> {
    let page = get(at, "/metrics")?;
    ensure!(page.status == 200 && page.header("content-type").is_some_and(|it| it.contains("version=0.0.4")));
    let text = page.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.with_context(|| format!("no {name} in\n{text}"))?.parse()?)
}

#[test]
fn numbers_move_as_decisions_are_made_and_name_nobody() -> Result<()> {
    let (lab, _stall, at) = operated()?;
    ensure!(get(&at, "/livez")?.status == 200);
    let ready = get(&at, "/readyz")?;
    ensure!(ready.status == 200 && ready.text().starts_with("ready\n"), "{}", ready.text());
    let held = "countersign_decisions_total{verdict=\"hold\"}";
    let allowed = "countersign_decisions_total{verdict=\"allow\"}";
    let waiting = "countersign_changes{state=\"held\"}";
    let before = [sample(&at, held)?, sample(&at, allowed)?];
    let id = lab.hold("night-batch")?;
    ensure!(lab.call("ssm", "AmazonSSM.DescribeParameters", &json!({}))?.status == 200);
    ensure!([sample(&at, held)?, sample(&at, allowed)?] == [before[0] + 1.0, before[1] + 1.0]);
    ensure!(sample(&at, waiting)? == 1.0 && sample(&at, "countersign_sessions")? == 1.0);
    let took = |part: &str| sample(&at, &format!("countersign_decision_seconds_count{{part=\"{part}\"}}"));
    ensure!(took("own")? >= 2.0 && took("upstream")? >= 1.0);
    for (key, approvals) in [(&lab.people.ben, 1.0), (&lab.people.carla, 2.0)] {
        lab.approve(&id, key)?.expect(0)?;
        let signed = sample(&at, "countersign_signatures_total{act=\"approve\",counts=\"true\"}")?;
        ensure!(signed == approvals, "{signed}");
    }
    ensure!(sample(&at, waiting)? == 0.0 && sample(&at, "countersign_changes{state=\"approved\"}")? == 1.0);

    // Somebody whom nobody knows.
    let strangers = "countersign_authentication_failures_total";
    let known = sample(&at, strangers)?;
    ensure!(get(lab.gateway(), "/")?.status >= 400);
    ensure!(sample(&at, strangers)? == known + 1.0);

    ensure!(sample(&at, "countersign_disk_free_bytes{of=\"log\"}")? > 0.0);
    until("everything to be signed", Duration::from_secs(10), || {
        Ok((sample(&at, "countersign_ledger_pending_entries")? == 0.0).then_some(()))
    })?;
    let page = get(&at, "/metrics")?.text();
    for name in ["fixer", "olga", "ben", "carla", "night-batch", lab.session.id.as_str(), id.as_str()] {
        ensure!(!page.contains(name), "{name} stands in\n{page}");
    }
    promtool(&page)?;

    // Nothing of it is anywhere else, and nothing else is there.
    for listener in lab.serve.authorities() {
        for target in ["/livez", "/readyz", "/metrics"] {
            ensure!(get(listener, target)?.status >= 400, "{target} at {listener}");
        }
    }
    for target in ["/", "/v1/genesis", "/v1/changes", "/inbox", "/checkpoint"] {
        ensure!(get(&at, target)?.status == 404, "{target}");
    }
    ensure!(send(&at, "POST", "/metrics", &[], b"")?.status == 405);
    Ok(())
}

/// What Prometheus's own checker says, where it is installed.
fn promtool(page: &str) -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), page)?;
    let checked =
        Command::new("promtool").args(["check", "metrics"]).stdin(fs::File::open(file.path())?).output();
    match checked {
        Ok(checked) => ensure!(
            checked.status.success(),
            "{}{}",
            String::from_utf8_lossy(&checked.stdout),
            String::from_utf8_lossy(&checked.stderr)
        ),
        Err(err) => eprintln!("SKIPPED: the page was not checked by promtool: {err}"),
    }
    Ok(())
}

#[test]
fn what_is_under_way_ends_before_the_process_does() -> Result<()> {
    let (mut lab, stall, at) = operated()?;
    let id = lab.hold("ending")?;
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    let host = lab.gateway().to_owned();
    let fields = [("Action", "DeleteStack"), ("StackName", "ending"), ("Version", "2010-05-15")];
    let signed = lab.agent.form("cloudformation", &host, &fields);
    stall.hold("Action=DeleteStack")?;
    let answer = std::thread::scope(|scope| -> Result<Response> {
        let answer = scope.spawn(|| signed.send(&host));
        stall.until_one_waits()?;
        lab.serve.terminate()?;
        let told = until("it to be not ready", Duration::from_secs(10), || {
            Ok(Some(get(&at, "/readyz")?).filter(|told| told.status == 503))
        })?;
        ensure!(told.text().contains("NO  serving: it is being stopped"), "{}", told.text());
        ensure!(get(&at, "/livez")?.status == 200);
        until("nobody to be taken on any more", Duration::from_secs(10), || {
            Ok(TcpStream::connect(&host).is_err().then_some(()))
        })?;
        ensure!(lab.serve.is_alive()?, "it waits for the cloud");
        stall.release()?;
        answer.join().ok().context("the agent panicked")?
    })?;
    ensure!(answer.status == 200 && named(&answer)? == id, "{}", answer.text());
    ensure!(lab.serve.ended()? == 0, "{}", lab.serve.log()?);
    ensure!(lab.deletes("ending")? == 1);

    // Nothing waited for the next start: the log has all of it.
    let outcomes = lab.entries("outcome_recorded")?;
    ensure!(outcomes.iter().any(|entry| entry.to_string().contains(&id)), "{outcomes:?}");
    lab.restart()?;
    ensure!(lab.state(&id)? == "executed");
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn whoever_asks_twice_is_not_kept_waiting_and_nothing_is_lost() -> Result<()> {
    let (mut lab, stall, at) = operated()?;
    let id = lab.hold("twice")?;
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    let host = lab.gateway().to_owned();
    let fields = [("Action", "DeleteStack"), ("StackName", "twice"), ("Version", "2010-05-15")];
    let signed = lab.agent.form("cloudformation", &host, &fields);
    stall.hold("Action=DeleteStack")?;
    std::thread::scope(|scope| -> Result<()> {
        let answer = scope.spawn(|| signed.send(&host));
        stall.until_one_waits()?;
        lab.serve.terminate()?;
        until("it to be not ready", Duration::from_secs(10), || {
            Ok((get(&at, "/readyz")?.status == 503).then_some(()))
        })?;
        lab.serve.terminate()?;
        ensure!(lab.serve.ended()? == 130, "{}", lab.serve.log()?);
        stall.release()?;
        let cut = answer.join().ok().context("the agent panicked")?;
        ensure!(cut.is_err(), "nobody was there to answer");
        Ok(())
    })?;
    lab.restart()?;
    ensure!(lab.state(&id)? == "unknown", "it is read back");
    lab.verify()?.expect(0).map(drop)
}

/// As docs/when-it-is-down.md has it: people act with a role of their own while nothing serves, and reconciling names what they did.
#[test]
fn what_people_did_while_it_was_down_is_named_afterwards() -> Result<()> {
    let (mut lab, _stall, _) = operated()?;
    let put = |name: &str| json!({ "Name": name, "Value": "1", "Type": "String" });
    ensure!(lab.call("ssm", "AmazonSSM.PutParameter", &put("/before"))?.status == 200);
    ensure!(lab.serve.stop()? == 0, "{}", lab.serve.log()?);
    let time = lab.entries("outcome_recorded")?[0]["at"].clone();
    lab.restart()?;
    let role = "arn:aws:iam::123456789012:role/emergency";
    let event = json!({
        "eventVersion": "1.11", "eventID": "night-1", "eventTime": time, "eventSource": "ssm.amazonaws.com",
        "eventName": "DeleteParameter", "awsRegion": "us-east-1", "recipientAccountId": "123456789012",
        "userIdentity": {
            "type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/emergency/ben",
            "sessionContext": { "sessionIssuer": { "type": "Role", "arn": role } }
        }
    });
    let trail = lab.installation.beside().join("trail.json");
    fs::write(&trail, json!({ "Records": [event] }).to_string())?;
    let trail = trail.to_str().context("a path that is not text")?;
    let told =
        lab.installation.run(["audit", "reconcile", "--cloudtrail", trail, "--ours", role])?.expect(20)?;
    let done = &told.json()?["without_permit"];
    ensure!(
        done[0]["id"] == "night-1" && done[0]["operation"] == "ssm.amazonaws.com:DeleteParameter",
        "{told}"
    );
    let observed = Cli::run(["observe", "--cloudtrail", trail])?;
    ensure!(observed.code == 0, "{observed}");
    Ok(())
}

#[test]
fn a_log_for_machines_is_json_line_by_line() -> Result<()> {
    let people = People::enter()?;
    let flags = people.flags()?;
    let mut lab = Lab::over(people, &flags, |config| {
        let mut program = Command::new(testkit::binary("countersign")?);
        program.args(["--output", "json"]);
        Serve::launch(program, config, &OWNER)
    })?;
    let id = lab.hold("told")?;
    ensure!(lab.serve.stop()? == 0);
    let log = lab.serve.log()?;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect::<Result<_>>()?;
    let of = |message: &str| lines.iter().find(|it| it["message"] == message);
    let serving = of("serving").with_context(|| log.clone())?;
    ensure!(serving["people"] == lab.serve.people && serving["environment"] == "production", "{serving:#}");
    ensure!(lines.iter().all(|it| it["timestamp"].is_string() && it["level"].is_string()), "{log}");
    ensure!(!id.is_empty() && !log.contains("owner"), "a credential is in the log");
    Ok(())
}
