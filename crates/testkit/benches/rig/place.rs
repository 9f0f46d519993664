//! The release binary on a processor of its own, with an operator and an agent, before a cloud that answers at once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use testkit::{Installation, Key, Serve, Session, Signed, Signer, binary};

const OWNER: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "owner"), ("AWS_SECRET_ACCESS_KEY", "owner"), ("AWS_DEFAULT_REGION", "us-east-1")];

/// An installation before the stub, and who acts in it. Fields end in the order they stand in.
pub(crate) struct Place {
    pub(crate) serve: Serve,
    pub(crate) installation: Installation,
    operator: PathBuf,
    _keys: Option<tempfile::TempDir>,
}

impl Place {
    /// `settings` is what is made of `bundle.toml` before it is pinned.
    pub(crate) fn new(
        stub: &str,
        env: &[(&str, &str)],
        settings: impl FnOnce(&str) -> String,
    ) -> Result<Self> {
        let keys = tempfile::tempdir()?;
        let place = Self::over(keys.path(), stub, env, settings)?;
        Ok(Self { _keys: Some(keys), ..place })
    }

    /// With the keys of the operator `olga` and of the approvers `ben` and `carla` in a folder of the caller's.
    pub(crate) fn over(
        keys: &Path,
        stub: &str,
        env: &[(&str, &str)],
        settings: impl FnOnce(&str) -> String,
    ) -> Result<Self> {
        let key = |name| Key::ed25519(keys, name);
        let (olga, ben, carla) = (key("olga")?, key("ben")?, key("carla")?);
        let calendar = keys.join("calendar.toml");
        fs::write(&calendar, "timezone = \"UTC\"\npeak = []\nfreeze = []\n")?;
        let enrol = |name: &str, key: &Key| format!("{name}={}", key.public.display());
        let installation = Installation::init([
            "--operator".to_owned(),
            enrol("olga", &olga),
            "--approver".to_owned(),
            enrol("ben", &ben),
            "--approver".to_owned(),
            enrol("carla", &carla),
            "--agent".to_owned(),
            "fixer".to_owned(),
            "--environment".to_owned(),
            "production=123456789012".to_owned(),
            "--calendar".to_owned(),
            calendar.display().to_string(),
            "--aws-upstream".to_owned(),
            format!("http://{stub}"),
        ])?;
        let file = installation.folder().join("bundle/bundle.toml");
        fs::write(&file, settings(&fs::read_to_string(&file)?))?;
        let mut program = Command::new("taskset");
        program.args(["--cpu-list", "0"]).arg(binary("countersign")?);
        let serve = Serve::launch(program, installation.config(), &[OWNER.as_slice(), env].concat())?;
        Ok(Self { serve, installation, operator: olga.private, _keys: None })
    }

    fn session(&self) -> Result<Session> {
        self.installation.session("fixer", "olga", &self.operator, "be measured", &[])
    }

    pub(crate) fn agent(&self) -> Result<Signer> {
        Signer::of(&self.session()?)
    }
}

/// One that production lets through because it only adds, and that differs from every other.
pub(crate) fn write(agent: &Signer, authority: &str, nth: u64) -> Signed {
    let value = nth.to_string();
    let fields = [
        ("Action", "PutMetricData"),
        ("Version", "2010-08-01"),
        ("Namespace", "bench"),
        ("MetricData.member.1.MetricName", "nth"),
        ("MetricData.member.1.Value", value.as_str()),
    ];
    agent.form("monitoring", authority, &fields)
}
