//! What is told of a session is what its entries in the log tell, added up by somebody else: numbers from the database beside numbers from
//! the log that an auditor reads.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{Cli, Response, Session, Signer, until};

use crate::lab::{Lab, held, named};

/// A session that may do two things, and tries others.
struct Worker {
    lab: Lab,
    session: Session,
    agent: Signer,
}

impl Worker {
    fn open() -> Result<Self> {
        let lab = Lab::open()?;
        let scope = ["--scope", "service:ssm,service:cloudformation"];
        let session = lab.installation.session("fixer", "olga", &lab.people.olga.private, "renew", &scope)?;
        Ok(Self { agent: Signer::of(&session)?, session, lab })
    }

    fn call(&self, service: &str, target: &str, body: &Value) -> Result<Response> {
        self.agent.json(service, self.lab.gateway(), target, body).send(self.lab.gateway())
    }

    fn put(&self, name: &str, overwrite: bool) -> Result<Response> {
        let body = json!({ "Name": name, "Value": "new!", "Type": "String", "Overwrite": overwrite });
        self.call("ssm", "AmazonSSM.PutParameter", &body)
    }

    /// A held delete of a fresh stack. A person looks at it, so that the next one is a change of its own.
    fn hold(&self, stack: &str) -> Result<String> {
        self.lab.make_stack(stack)?;
        let fields = [("Action", "DeleteStack"), ("StackName", stack), ("Version", "2010-05-15")];
        let asked =
            self.agent.form("cloudformation", self.lab.gateway(), &fields).send(self.lab.gateway())?;
        held(&asked)
    }

    fn on_agent_listener(&self, target: &str, body: Option<&Value>) -> Result<Response> {
        let [_, host, _] = self.lab.serve.authorities();
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.agent.sign_at(testkit::now(), "countersign", host, "POST", target, &[], body).send(host)
    }

    /// As `GET /v1/sessions/{id}` has it.
    fn summary(&self) -> Result<Value> {
        let shown = self.lab.installation.run(["session", "show", &self.session.id])?.expect(0)?.json()?;
        Ok(shown["summary"].clone())
    }

    /// The session's own entries, as an auditor has them.
    fn log(&self) -> Result<Vec<Value>> {
        let config = self.lab.installation.config().to_str().context("a path that is not text")?;
        let exported = Cli::run(["audit", "export", "--config", config])?.expect(0)?.stdout;
        let lines: Vec<Value> = exported.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let entries = lines.into_iter().map(|mut line| line["entry"].take());
        Ok(entries.filter(|it| it["actors"]["session"] == self.session.id.as_str()).collect())
    }
}

/// What the entries of one session tell, counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    /// How often each operation read.
    read: BTreeMap<String, u64>,
    in_passing: u64,
    /// How each change ended, or stands.
    changes: BTreeMap<String, String>,
}

impl Counted {
    fn of(entries: &[Value]) -> Result<Self> {
        let mut counted = Self::default();
        for entry in entries {
            let detail = |name: &str| entry["detail"][name].as_str();
            if entry["kind"] == "reads_admitted" {
                let lines: Vec<String> = serde_json::from_str(detail("reads").context("no reads")?)?;
                let times: Vec<u64> = serde_json::from_str(detail("times").context("no times")?)?;
                for (line, times) in lines.iter().zip(times) {
                    match line.split(' ').next().unwrap_or_default() {
                        "denied" | "refused" => counted.in_passing += times,
                        operation => *counted.read.entry(operation.to_owned()).or_default() += times,
                    }
                }
            }
            let Some(change) = entry["change"].as_str() else { continue };
            let ran = || match detail("status").and_then(|status| status.parse::<u16>().ok()) {
                Some(200..400) => "executed",
                Some(_) | None => "failed",
            };
            let state = match entry["kind"].as_str().unwrap_or_default() {
                // What nobody needs to agree to waits for the agent.
                "change_held" if detail("verdict") == Some("allow") => "approved",
                "change_held" => "held",
                "change_judged" if detail("why") == Some("every signature it needs is there") => "approved",
                "change_judged" if detail("undone_by").is_some() => "undone",
                "change_rejected" => "rejected",
                "change_withdrawn" => "withdrawn",
                "permit_issued" => "executing",
                "outcome_recorded" => ran(),
                "action_denied" => "denied",
                _ => continue,
            };
            counted.changes.insert(change.to_owned(), state.to_owned());
        }
        Ok(counted)
    }

    fn reads(&self) -> u64 {
        self.read.values().sum()
    }

    fn in_state(&self, states: &[&str]) -> u64 {
        self.changes.values().filter(|state| states.contains(&state.as_str())).map(|_| 1).sum()
    }

    /// Whether the summary says the same.
    fn is_told_by(&self, summary: &Value) -> Result<()> {
        let one = |state: &str| self.in_state(&[state]);
        let ran = ["executing", "executed", "undone", "failed", "unknown"];
        let waited = ["held", "approved", "rejected", "expired", "withdrawn"];
        for (place, counted) in [
            ("/read/times", self.reads()),
            ("/refused/in_passing", self.in_passing),
            ("/refused/denied", one("denied")),
            ("/refused/rejected", one("rejected")),
            ("/held/held", one("held")),
            ("/held/approved", one("approved")),
            ("/changed/executing", one("executing")),
            ("/changed/executed", one("executed")),
            ("/changed/undone", one("undone")),
            ("/changed/failed", one("failed")),
            ("/changed/unknown", one("unknown")),
            ("/lapsed/expired", one("expired")),
            ("/lapsed/withdrawn", one("withdrawn")),
            ("/verdicts/allow", self.reads() + self.in_state(&ran)),
            ("/verdicts/hold", self.in_state(&waited)),
            ("/verdicts/deny", one("denied") + self.in_passing),
        ] {
            let told = summary.pointer(place).and_then(Value::as_u64);
            ensure!(
                told == Some(counted),
                "{place}: {told:?}, and {counted} in the log: {self:#?}\n{summary:#}"
            );
        }
        let mut read = BTreeMap::new();
        for service in summary["read"]["services"].as_array().context("no services")? {
            for operation in service["operations"].as_array().context("no operations")? {
                let text = |of: &Value| of.as_str().map(str::to_owned).context("no name");
                let name = format!("{}:{}", text(&service["service"])?, text(&operation["operation"])?);
                read.insert(name, operation["times"].as_u64().context("no number")?);
            }
        }
        ensure!(read == self.read, "{read:?}, and {:?} in the log", self.read);
        let lists: [(&str, &[&str]); 3] = [
            ("/changed/newest", &ran),
            ("/held/newest", &["held", "approved"]),
            ("/refused/newest", &["denied", "rejected"]),
        ];
        for (list, states) in lists {
            let told = summary.pointer(list).and_then(Value::as_array).context("no list")?;
            for it in told {
                let id = it["change"].as_str().context("no change")?;
                ensure!(self.changes.get(id).is_some_and(|state| it["state"] == state.as_str()), "{it:#}");
            }
            ensure!(told.len() as u64 == self.in_state(states), "{list}: {told:#?}");
        }
        Ok(())
    }
}

const READS: u64 = 6;
const IN_PASSING: u64 = 2;

#[test]
fn what_is_told_of_a_session_is_what_its_entries_in_the_log_tell() -> Result<()> {
    let mut worker = Worker::open()?;
    let lab = &worker.lab;
    for name in ["/one", "/two"] {
        let before = json!({ "Name": name, "Value": "old!", "Type": "String" });
        ensure!(lab.owner_call("ssm", "AmazonSSM.PutParameter", &before)?.status == 200);
    }
    for _ in 0..4 {
        ensure!(worker.call("ssm", "AmazonSSM.DescribeParameters", &json!({}))?.status == 200);
    }
    for _ in 0..2 {
        let asked = worker.call("ssm", "AmazonSSM.DescribeMaintenanceWindows", &json!({}))?;
        ensure!(asked.status == 200, "{}", asked.text());
        // Outside its scope.
        ensure!(worker.call("kms", "TrentService.ListKeys", &json!({}))?.status >= 400);
    }
    let secret = json!({ "SecretId": "x", "SecretString": "y" });
    ensure!(worker.call("secretsmanager", "secretsmanager.UpdateSecret", &secret)?.status >= 400);

    // Run, run and taken back, and asked for in a way that the cloud refuses.
    ensure!(worker.put("/one", true)?.status == 200);
    let written = worker.put("/two", true)?;
    ensure!(written.status == 200, "{}", written.text());
    ensure!(worker.put("/one", false)?.status == 400);
    lab.signs(&lab.people.olga, &["undo", &named(&written)?])?.expect(0)?;

    // Vetoed, withdrawn, approved, and one that waits; each decided before the next is asked for.
    let vetoed = worker.hold("bills")?;
    lab.signs(&lab.people.ben, &["change", "reject", &vetoed, "--reason", "not tonight"])?.expect(0)?;
    let withdrawn = worker.hold("carts")?;
    let answer = worker.on_agent_listener(&format!("/v1/changes/{withdrawn}/withdraw"), None)?;
    ensure!(answer.status == 200, "{}", answer.text());
    let approved = worker.hold("depots")?;
    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&approved, key)?.expect(0)?;
    }
    worker.hold("orders")?;
    let put = json!({ "Name": "/three", "Value": "new!", "Type": "String", "Overwrite": true });
    let action = json!({ "service": "ssm", "operation": "PutParameter", "parameters": put });
    let proposal = json!({ "intent": "one more", "actions": [action] });
    let answer = worker.on_agent_listener("/v1/changes", Some(&proposal))?;
    ensure!(answer.status == 200 && answer.text().contains("approved"), "{}", answer.text());

    // The log is written a moment after the answer, and what was read a moment after that.
    let counted = until("all of it to be in the log", Duration::from_secs(10), || {
        let counted = Counted::of(&worker.log()?)?;
        let whole =
            counted.reads() == READS && counted.in_passing == IN_PASSING && counted.changes.len() == 10;
        Ok((whole && counted.in_state(&["executing"]) == 0 && counted.in_state(&["undone"]) == 1)
            .then_some(counted))
    })?;
    let states = counted.changes.values().fold(BTreeMap::<&str, u64>::new(), |mut states, state| {
        *states.entry(state).or_default() += 1;
        states
    });
    let expected = [
        ("approved", 2),
        ("denied", 1),
        // The undo is a change of its own.
        ("executed", 2),
        ("failed", 1),
        ("held", 1),
        ("rejected", 1),
        ("undone", 1),
        ("withdrawn", 1),
    ];
    ensure!(states == BTreeMap::from(expected), "{states:?}");
    counted.is_told_by(&worker.summary()?)?;

    // By another process, too, and of a session that is over.
    worker.lab.restart()?;
    counted.is_told_by(&worker.summary()?)?;
    let olga = &worker.lab.people.olga;
    worker.lab.signs(olga, &["session", "stop", &worker.session.id])?.expect(0)?;
    let summary = worker.summary()?;
    ensure!(summary["ended"]["by"] == "olga", "{summary:#}");
    counted.is_told_by(&summary)?;
    worker.lab.verify()?.expect(0).map(drop)
}
