//! The real credentials of `serve`: from a role, from a web identity, from a process; and what happens when the cloud
//! calls them expired.

use std::{
    fs,
    io::Write as _,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, Result};
use serde_json::json;
use testkit::{Cli, Serve, relay};

use crate::lab::{Lab, OWNER, People};

const ROLE: &str = "arn:aws:iam::123456789012:role/gateway";

/// Between Countersign and the mock: refuses what is signed with a key that it was told has ended.
#[derive(Clone, Default)]
struct Relay {
    ended: Arc<Mutex<Option<String>>>,
    refused: Arc<Mutex<usize>>,
}

impl Relay {
    fn before(&self, upstream: &str) -> Result<String> {
        let it = self.clone();
        relay(upstream, move |mut request| {
            let ended = it.ended.lock().unwrap().clone();
            if ended.is_some_and(|key| request.head.contains(&format!("Credential={key}/"))) {
                *it.refused.lock().unwrap() += 1;
                return request.refuse("400 Bad Request", "ExpiredTokenException", "the token has expired");
            }
            Ok(request.client.write_all(&request.forward()?)?)
        })
    }
}

#[test]
fn expired_credentials_are_fetched_anew_once_and_nothing_is_doubled() -> Result<()> {
    let relay = Relay::default();
    let home = tempfile::tempdir()?;
    let calls = home.path().join("calls");
    let out = r#"{"Version":1,"AccessKeyId":"ASIA'$(wc -l < CALLS)'","SecretAccessKey":"real-secret","SessionToken":"real-token"}"#;
    let line = format!("echo x >> CALLS; echo '{out}'").replace("CALLS", &calls.display().to_string());
    let config = home.path().join("config");
    fs::write(&config, format!("[default]\ncredential_process = {line}\n"))?;
    let config = config.to_str().context("a path that is not text")?.to_owned();
    let people = People::enter()?;
    let flags = people.flags()?;
    let lab = Lab::behind(
        people,
        &flags,
        |moto| relay.before(moto.authority()),
        |path| Serve::start_with(path, &[("AWS_CONFIG_FILE", &config)]),
    )?;
    assert_eq!(fs::read_to_string(&calls)?, "x\n");
    *relay.ended.lock().unwrap() = Some("ASIA1".to_owned());

    let put = json!({ "Name": "orders", "Value": "1", "Type": "String" });
    let answer = lab.call("ssm", "AmazonSSM.PutParameter", &put)?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(lab.parameter("orders")?.as_deref(), Some("1"));
    assert_eq!(lab.moto.recorded(&["AmazonSSM.PutParameter"])?, 1, "the cloud carried it out once");
    assert_eq!(fs::read_to_string(&calls)?, "x\nx\n", "and one fetch was enough");
    let refused = *relay.refused.lock().unwrap();
    assert!(refused >= 1);

    let told = lab.serve.log()?;
    for secret in ["real-secret", "real-token", "ASIA1", "ASIA2"] {
        assert!(!told.contains(secret), "{secret} is in {told}");
        for file in crate::lab::files_below(&lab.installation.folder())? {
            // What was there only between two steps of a write has gone by now.
            let Ok(bytes) = fs::read(&file) else { continue };
            assert!(!bytes.windows(secret.len()).any(|it| it == secret.as_bytes()), "{}", file.display());
        }
    }
    Ok(())
}

#[test]
fn a_role_by_profile_and_a_role_by_web_identity_sign_what_is_forwarded() -> Result<()> {
    let home = tempfile::tempdir()?;
    fs::create_dir(home.path().join(".aws"))?;
    fs::write(
        home.path().join(".aws/config"),
        format!("[profile gate]\nrole_arn = {ROLE}\nsource_profile = base\nexternal_id = ex-1\n"),
    )?;
    fs::write(
        home.path().join(".aws/credentials"),
        "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = base-secret\n",
    )?;
    fs::write(home.path().join("token"), "ey.web.identity")?;
    let here = home.path().display().to_string();
    let token = home.path().join("token").display().to_string();
    let profile = [("HOME", here.as_str()), ("AWS_PROFILE", "gate")];
    let web = [("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()), ("AWS_ROLE_ARN", ROLE)];
    for (env, action) in
        [(profile.as_slice(), "Action=AssumeRole&"), (web.as_slice(), "Action=AssumeRoleWithWebIdentity&")]
    {
        let people = People::enter()?;
        let flags = people.flags()?;
        let lab = Lab::over(people, &flags, |config| Serve::start_with(config, env))?;
        assert_eq!(lab.moto.recorded(&[action])?, 1);
        let read = lab.call("ssm", "AmazonSSM.DescribeParameters", &json!({}))?;
        assert_eq!(read.status, 200, "{}", read.text());
        assert_eq!(lab.moto.recorded(&["AmazonSSM.DescribeParameters", "Credential=ASIA"])?, 1);
        assert_eq!(lab.moto.recorded(&["AmazonSSM", "Credential=AKIABASE"])?, 0);
    }
    Ok(())
}

#[test]
fn credentials_that_cannot_be_had_stop_the_start() -> Result<()> {
    let lab = Lab::open()?;
    let config = lab.installation.config().display().to_string();
    drop(lab.serve);
    for (env, why) in [
        ([OWNER[0], ("AWS_REGION", "eu-central-1")], "must both be set"),
        ([("AWS_PROFILE", "nobody"), ("HOME", "none")], "the profile `nobody`"),
        ([("AWS_WEB_IDENTITY_TOKEN_FILE", "none"), ("AWS_ROLE_ARN", ROLE)], "none"),
    ] {
        let refused = Cli::run_with(["serve", "--config", &config], &env)?.expect(2)?;
        assert!(refused.stderr.contains(why), "{refused}");
    }
    Ok(())
}
