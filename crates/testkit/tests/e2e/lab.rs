//! One running installation over a mock AWS, with an operator, two approvers and an agent; and what each of them does,
//! through the door that is theirs.

use std::{collections::BTreeMap, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
pub(crate) use testkit::files_below;
use testkit::{Installation, Key, Moto, Output, Response, Serve, Session, Signed, Signer, Venv, until};

pub(crate) const OWNER: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "owner"), ("AWS_SECRET_ACCESS_KEY", "owner"), ("AWS_DEFAULT_REGION", "us-east-1")];

/// A program is given so long.
pub(crate) const CALL: Duration = Duration::from_secs(60);

/// No verdict may depend on the hour the tests run at.
const CALENDAR: &str = "timezone = \"UTC\"\npeak = []\nfreeze = []\n";

const TEMPLATE: &str =
    r#"{"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"VisibilityTimeout":30}}}}"#;

/// Fields end in the order they stand in.
pub(crate) struct Lab {
    pub(crate) serve: Serve,
    pub(crate) session: Session,
    pub(crate) agent: Signer,
    pub(crate) installation: Installation,
    pub(crate) moto: Moto,
    pub(crate) venv: Venv,
    pub(crate) people: People,
}

pub(crate) struct People {
    pub(crate) olga: Key,
    pub(crate) ben: Key,
    pub(crate) carla: Key,
    folder: TempDir,
}

impl People {
    pub(crate) fn enter() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let key = |name| Key::ed25519(folder.path(), name);
        Ok(Self { olga: key("olga")?, ben: key("ben")?, carla: key("carla")?, folder })
    }

    /// The flags of `init` that enrol them.
    pub(crate) fn flags(&self) -> Result<Vec<String>> {
        let calendar = self.folder.path().join("calendar.toml");
        std::fs::write(&calendar, CALENDAR)?;
        let mut flags = Vec::new();
        flags.extend(enrol("--operator", "olga", &self.olga));
        flags.extend(enrol("--approver", "ben", &self.ben));
        flags.extend(enrol("--approver", "carla", &self.carla));
        flags.extend(
            ["--agent", "fixer", "--agent", "tidier", "--environment", "production=123456789012"]
                .map(str::to_owned),
        );
        flags.extend(["--calendar".to_owned(), calendar.display().to_string()]);
        Ok(flags)
    }
}

pub(crate) fn enrol(flag: &str, name: &str, key: &Key) -> [String; 2] {
    [flag.to_owned(), format!("{name}={}", key.public.display())]
}

impl Lab {
    pub(crate) fn open() -> Result<Self> {
        Self::open_with(&[])
    }

    /// `more` are further flags of `init`.
    pub(crate) fn open_with(more: &[String]) -> Result<Self> {
        let people = People::enter()?;
        let installation = [people.flags()?, more.to_vec()].concat();
        Self::over(people, &installation, |config| Serve::start_with(config, &OWNER))
    }

    pub(crate) fn over(
        people: People,
        flags: &[String],
        start: impl FnOnce(&std::path::Path) -> Result<Serve>,
    ) -> Result<Self> {
        Self::behind(people, flags, |moto| Ok(moto.url()), start)
    }

    /// `upstream` may put something between Countersign and the mock AWS; its URL is what Countersign knows.
    pub(crate) fn behind(
        people: People,
        flags: &[String],
        upstream: impl FnOnce(&Moto) -> Result<String>,
        start: impl FnOnce(&std::path::Path) -> Result<Serve>,
    ) -> Result<Self> {
        let venv = Venv::of_checkout()?;
        let moto = Moto::start(&venv)?;
        moto.record()?;
        let upstream = ["--aws-upstream".to_owned(), upstream(&moto)?];
        let installation = Installation::init(flags.iter().cloned().chain(upstream))?;
        let serve = start(installation.config())?;
        let session = installation.session("fixer", "olga", &people.olga.private, "look around", &[])?;
        Ok(Self { serve, agent: Signer::of(&session)?, session, installation, moto, venv, people })
    }

    /// The agent in Python; `env` wins over what the session says.
    pub(crate) fn python(&self, script: &str, env: &[(&str, &str)]) -> Result<Output> {
        let here = [("AWS_ENDPOINT_URL", self.serve.aws.as_str())];
        self.venv.python(script, &[self.session.env().as_slice(), &here, env].concat())
    }

    /// `127.0.0.1:PORT` of the AWS gateway.
    pub(crate) fn gateway(&self) -> &str {
        let [aws, _, _] = self.serve.authorities();
        aws
    }

    /// Requests that reached the cloud so far; our own looks at it are none of the agent's.
    pub(crate) fn forwarded(&self) -> Result<usize> {
        Ok(self
            .moto
            .log()?
            .lines()
            .filter(|line| line.contains("HTTP/1.1\"") && !line.contains("/moto-api/"))
            .count())
    }

    /// The account's owner makes a stack, past Countersign.
    pub(crate) fn make_stack(&self, name: &str) -> Result<()> {
        let fields = [
            ("Action", "CreateStack"),
            ("Version", "2010-05-15"),
            ("StackName", name),
            ("TemplateBody", TEMPLATE),
        ];
        let made = self.owner(&Signer::owner().form("cloudformation", self.moto.authority(), &fields))?;
        ensure!(made.status == 200, "{}", made.text());
        Ok(())
    }

    /// What the cloud really holds.
    pub(crate) fn stack_stands(&self, name: &str) -> Result<bool> {
        let fields = [("Action", "DescribeStacks"), ("Version", "2010-05-15"), ("StackName", name)];
        let seen = self.owner(&Signer::owner().form("cloudformation", self.moto.authority(), &fields))?;
        Ok(seen.status == 200 && !seen.text().contains("DELETE_COMPLETE"))
    }

    /// How many deletes of this stack the cloud has received.
    pub(crate) fn deletes(&self, name: &str) -> Result<usize> {
        self.moto.recorded(&["Action=DeleteStack", &format!("StackName={name}&")])
    }

    pub(crate) fn delete_stack(&self, name: &str) -> Result<Response> {
        let fields = [("Action", "DeleteStack"), ("StackName", name), ("Version", "2010-05-15")];
        self.agent.form("cloudformation", self.gateway(), &fields).send(self.gateway())
    }

    /// The agent calls a JSON operation such as `AmazonSSM.PutParameter`.
    pub(crate) fn call(&self, service: &str, target: &str, body: &Value) -> Result<Response> {
        self.agent.json(service, self.gateway(), target, body).send(self.gateway())
    }

    /// The owner does, past Countersign.
    pub(crate) fn owner_call(&self, service: &str, target: &str, body: &Value) -> Result<Response> {
        self.owner(&Signer::owner().json(service, self.moto.authority(), target, body))
    }

    pub(crate) fn parameter(&self, name: &str) -> Result<Option<String>> {
        let seen = self.owner_call("ssm", "AmazonSSM.GetParameter", &json!({ "Name": name }))?;
        let told: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        Ok(told["Parameter"]["Value"].as_str().map(str::to_owned))
    }

    /// The agent on its own listener.
    pub(crate) fn on_agent_listener(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Response> {
        let [_, host, _] = self.serve.authorities();
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let signed = self.agent.sign_at(testkit::now(), "countersign", host, method, target, &[], body);
        signed.send(host)
    }

    /// A held delete of a fresh stack; its id.
    pub(crate) fn hold(&self, stack: &str) -> Result<String> {
        self.make_stack(stack)?;
        held(&self.delete_stack(stack)?)
    }

    pub(crate) fn change(&self, id: &str) -> Result<Value> {
        self.installation.run(["change", "show", id])?.expect(0)?.json()
    }

    pub(crate) fn state(&self, id: &str) -> Result<String> {
        Ok(self.change(id)?["state"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn approve(&self, id: &str, key: &Key) -> Result<Output> {
        self.signs(key, &["change", "approve", id])
    }

    /// Anything a person does with their key; what they approve they have looked at.
    pub(crate) fn signs(&self, key: &Key, args: &[&str]) -> Result<Output> {
        let private = key.private.to_str().context("a key whose path is not text")?;
        if let ["change", "approve", id] = args {
            return self.installation.approve(id, &["--key", private], &key.env());
        }
        self.installation.run_with(args.iter().copied().chain(["--key", private]), &key.env())
    }

    pub(crate) fn verify(&self) -> Result<Output> {
        self.installation.run(["audit", "verify", "--genesis", self.installation.genesis()])
    }

    /// How many entries of a kind are on record, by the kind's name in the log.
    pub(crate) fn entries(&self, kind: &str) -> Result<Vec<Value>> {
        let mut found = BTreeMap::new();
        let folder = self.installation.folder().join("log/tile/entries");
        for file in files_below(&folder)? {
            // A bundle is a row of entries, each after its length in two bytes.
            let bytes = std::fs::read(&file)?;
            let mut rest = bytes.as_slice();
            while let Some(([high, low], after)) = rest.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                let entry: Value =
                    serde_json::from_slice(after.get(..length).context("a bundle cut short")?)?;
                rest = &after[length..];
                found.insert(entry["id"].as_str().unwrap_or_default().to_owned(), entry);
            }
        }
        Ok(found.into_values().filter(|entry| entry["kind"] == kind).collect())
    }

    /// As [`Lab::entries`], once there are as many: the log is written a moment after the answer.
    pub(crate) fn entries_of(&self, kind: &str, count: usize) -> Result<Vec<Value>> {
        let found = until(&format!("{count} of {kind}"), Duration::from_secs(10), || {
            Ok(Some(self.entries(kind)?).filter(|it| it.len() >= count))
        })?;
        ensure!(found.len() == count, "{found:#?}");
        Ok(found)
    }

    /// Starts again; ports change, credentials and everything on record stay.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.serve.kill();
        self.serve = Serve::start_with(self.installation.config(), &OWNER)?;
        Ok(())
    }

    /// Starts again with another program in the place of `countersign`.
    pub(crate) fn restart_as(&mut self, program: Command, env: &[(&str, &str)]) -> Result<()> {
        self.serve.kill();
        let env = [OWNER.as_slice(), env].concat();
        self.serve = Serve::launch(program, self.installation.config(), &env)?;
        Ok(())
    }

    fn owner(&self, request: &Signed) -> Result<Response> {
        request.send(self.moto.authority())
    }
}

/// The change that an answer names, which must be a refusal.
pub(crate) fn held(answer: &Response) -> Result<String> {
    ensure!((400..500).contains(&answer.status), "not held: {} {}", answer.status, answer.text());
    named(answer)
}

pub(crate) fn named(answer: &Response) -> Result<String> {
    let id = answer.header("x-countersign-change").with_context(|| answer.text())?;
    Ok(id.to_owned())
}
