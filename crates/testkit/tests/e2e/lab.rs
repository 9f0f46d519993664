//! One running installation over a mock AWS, with an operator, two approvers and an agent.

use anyhow::Result;
use tempfile::TempDir;
use testkit::{Installation, Key, Moto, Output, Serve, Session, Venv};

const OWNER: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "owner"), ("AWS_SECRET_ACCESS_KEY", "owner"), ("AWS_DEFAULT_REGION", "us-east-1")];

/// Fields end in the order they stand in.
pub(crate) struct Lab {
    pub(crate) serve: Serve,
    pub(crate) session: Session,
    pub(crate) installation: Installation,
    pub(crate) moto: Moto,
    pub(crate) venv: Venv,
    pub(crate) people: People,
}

pub(crate) struct People {
    pub(crate) olga: Key,
    pub(crate) ben: Key,
    pub(crate) carla: Key,
    _folder: TempDir,
}

impl People {
    pub(crate) fn enter() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let key = |name| Key::ed25519(folder.path(), name);
        Ok(Self { olga: key("olga")?, ben: key("ben")?, carla: key("carla")?, _folder: folder })
    }

    /// The flags of `init` that enrol them.
    pub(crate) fn flags(&self) -> Vec<String> {
        let person =
            |flag: &str, name: &str, key: &Key| [flag.to_owned(), format!("{name}={}", key.public.display())];
        let mut flags = Vec::new();
        flags.extend(person("--operator", "olga", &self.olga));
        flags.extend(person("--approver", "ben", &self.ben));
        flags.extend(person("--approver", "carla", &self.carla));
        flags.extend(["--agent", "fixer", "--environment", "production=123456789012"].map(str::to_owned));
        flags
    }
}

impl Lab {
    pub(crate) fn open() -> Result<Self> {
        let venv = Venv::of_checkout()?;
        let moto = Moto::start(&venv)?;
        let people = People::enter()?;
        let upstream = ["--aws-upstream".to_owned(), moto.url()];
        let installation = Installation::init(people.flags().into_iter().chain(upstream))?;
        let serve = Serve::start_with(installation.config(), &OWNER)?;
        let session = installation.session("fixer", "olga", &people.olga.private, "look around", &[])?;
        Ok(Self { serve, session, installation, moto, venv, people })
    }

    /// The agent in Python; `env` wins over what the session says.
    pub(crate) fn python(&self, script: &str, env: &[(&str, &str)]) -> Result<Output> {
        self.venv.python(script, &[self.session.env().as_slice(), env].concat())
    }

    /// `127.0.0.1:PORT` of the AWS gateway.
    pub(crate) fn gateway(&self) -> &str {
        self.serve.aws.trim_start_matches("http://").trim_end_matches('/')
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
}
