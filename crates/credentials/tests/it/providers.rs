//! What each place gives, what wins, and that no error says a secret.

use std::{collections::BTreeMap, fs};

use credentials::{Chain, CredentialError, Credentials, Surroundings};
use model::Timestamp;
use tempfile::TempDir;

use crate::server::Server;

const HANDED: &str = r#"{"Code":"Success","AccessKeyId":"ASIAHANDED","SecretAccessKey":"hush","Token":"token","Expiration":"2030-01-01T00:00:00Z"}"#;
const OF_PROCESS: &str =
    r#"{"Version":1,"AccessKeyId":"ASIAPROCESS","SecretAccessKey":"hush","SessionToken":"token"}"#;

struct Place {
    home: TempDir,
    variables: BTreeMap<String, String>,
}

impl Place {
    fn new(variables: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        let mut variables: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        variables.insert("HOME".to_owned(), home.path().display().to_string());
        Self { home, variables }
    }

    fn with(self, file: &str, content: &str) -> Self {
        fs::write(self.home.path().join(file), content).unwrap();
        self
    }

    async fn load(self) -> Result<Credentials, CredentialError> {
        let variables = self.variables;
        let mut around = Surroundings::new("eu-central-1", move |name| variables.get(name).cloned());
        // No test asks an address that only a machine has.
        around = around.with_sts("http://127.0.0.1:9").off_machine();
        let loaded = Chain::new(around).unwrap().load(Timestamp::from_seconds(1_800_000_000)).await;
        if let Err(err) = &loaded {
            assert!(!format!("{err} {err:?}").contains("hush"), "a secret is in {err}");
        }
        loaded
    }

    /// The same, with the security token service at `base`.
    async fn load_from(self, base: &str) -> Result<Credentials, CredentialError> {
        let variables = self.variables;
        let around = Surroundings::new("eu-central-1", move |name| variables.get(name).cloned());
        let chain = Chain::new(around.with_sts(base).off_machine()).unwrap();
        chain.load(Timestamp::from_seconds(1_800_000_000)).await
    }
}

#[track_caller]
fn is(loaded: Result<Credentials, CredentialError>, expected: Result<(&str, Option<&str>), &str>) {
    match (loaded, expected) {
        (Ok(found), Ok((key, token))) => {
            assert_eq!(found.access_key, key);
            assert_eq!(found.session_token.as_ref().map(|it| it.as_str()), token);
        }
        (Err(err), Err(why)) => assert!(err.to_string().contains(why), "{err}"),
        (loaded, expected) => panic!("{loaded:?} and not {expected:?}"),
    }
}

#[tokio::test]
async fn keys_in_the_environment_come_first() {
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "hush")];
    let file = "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = hush\n";
    is(Place::new(&keys).with(".aws/credentials", file).load().await, Ok(("AKIAENV", None)));
    let session = [keys.as_slice(), &[("AWS_SESSION_TOKEN", "t")]].concat();
    is(Place::new(&session).load().await, Ok(("AKIAENV", Some("t"))));
    is(Place::new(&keys[..1]).with(".aws/credentials", file).load().await, Err("must both be set"));
    let named = [keys.as_slice(), &[("AWS_PROFILE", "default")]].concat();
    is(Place::new(&named).with(".aws/credentials", file).load().await, Ok(("AKIAFILE", None)));
    is(Place::new(&[]).load().await, Err("no AWS credentials were found"));
}

#[tokio::test]
async fn a_profile_holds_keys_or_a_process() {
    let file = "[prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = hush\naws_session_token = t\n\
                [half]\naws_access_key_id = A\n";
    let prod = |name| Place::new(&[("AWS_PROFILE", name)]).with(".aws/credentials", file);
    is(prod("prod").load().await, Ok(("AKIAPROD", Some("t"))));
    is(prod("half").load().await, Err("must both be there"));
    is(prod("other").load().await, Err("the profile `other`"));
    let process = |line: &str| {
        let config = format!("[profile p]\ncredential_process = {line}\n");
        Place::new(&[("AWS_PROFILE", "p")]).with(".aws/config", &config).with("out", OF_PROCESS)
    };
    let place = process("placeholder");
    let line = format!("cat '{}'", place.home.path().join("out").display());
    let config = format!("[profile p]\ncredential_process = {line}\n");
    is(place.with(".aws/config", &config).load().await, Ok(("ASIAPROCESS", Some("token"))));
    is(process("echo hush; exit 3").load().await, Err("exit status: 3"));
    is(process("echo '{\"hush\"'").load().await, Err("not the JSON"));
    is(process("head -c 100000 /dev/zero").load().await, Err("credential_process"));
    let person = Place::new(&[]).with(".aws/config", "[default]\nsso_session = x\n");
    is(person.load().await, Err("single sign-on"));
}

fn sts_answer(key: &str) -> String {
    format!(
        "<R><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></R>"
    )
}

#[tokio::test]
async fn a_role_is_assumed_with_what_its_profile_stands_upon() {
    let sts = Server::start(|asked| match asked {
        asked if asked.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fno") => {
            (403, "<E><Code>AccessDenied</Code><Message>hush</Message></E>".to_owned())
        }
        asked if asked.contains("Credential=AKIABASE/") => (200, sts_answer("ASIAONE")),
        asked if asked.contains("Credential=ASIAONE/") => (200, sts_answer("ASIATWO")),
        _ => (400, "<E><Code>Else</Code></E>".to_owned()),
    });
    let config = "[profile one]\nrole_arn = arn:aws:iam::1:role/one\nsource_profile = base\nexternal_id = e&1\n\
                  [profile two]\nrole_arn = arn:aws:iam::1:role/two\nsource_profile = one\nrole_session_name = me\n\
                  [profile no]\nrole_arn = arn:aws:iam::1:role/no\nsource_profile = base\n\
                  [profile loop]\nrole_arn = arn:x\nsource_profile = pool\n[profile pool]\nrole_arn = arn:x\nsource_profile = loop\n\
                  [profile both]\nrole_arn = arn:x\nsource_profile = base\ncredential_source = Environment\n\
                  [profile mfa]\nrole_arn = arn:x\nsource_profile = base\nmfa_serial = x\n";
    let keys = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = hush\n";
    let place = |name| {
        Place::new(&[("AWS_PROFILE", name)]).with(".aws/config", config).with(".aws/credentials", keys)
    };
    is(place("two").load_from(&sts.base).await, Ok(("ASIATWO", Some("t"))));
    let asked = sts.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].contains("&ExternalId=e%261"), "{}", asked[0]);
    assert!(asked[0].contains("&RoleSessionName=countersign&"), "{}", asked[0]);
    assert!(asked[1].contains("&RoleSessionName=me&") && asked[1].contains("x-amz-security-token: t"));
    is(place("no").load_from(&sts.base).await, Err("AccessDenied (403)"));
    is(place("loop").load_from(&sts.base).await, Err("profiles deep"));
    is(place("both").load_from(&sts.base).await, Err("not both"));
    is(place("mfa").load_from(&sts.base).await, Err("second factor"));
}

#[tokio::test]
async fn a_web_identity_is_read_anew_and_sent_without_a_signature() {
    let sts = Server::start(|_| (200, sts_answer("ASIAWEB")));
    let place =
        Place::new(&[("AWS_ROLE_ARN", "arn:aws:iam::1:role/web"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "~/jwt")]);
    is(place.with("jwt", "ey.j.w\n").load_from(&sts.base).await, Ok(("ASIAWEB", Some("t"))));
    let asked = sts.asked().concat();
    assert!(asked.contains("Action=AssumeRoleWithWebIdentity") && asked.contains("WebIdentityToken=ey.j.w"));
    assert!(!asked.to_ascii_lowercase().contains("authorization:"), "{asked}");
    let half = Place::new(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "~/jwt")]);
    is(half.load().await, Err("AWS_ROLE_ARN"));
    let gone = Place::new(&[("AWS_ROLE_ARN", "a"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "~/none")]);
    is(gone.load().await, Err("none"));
}

#[tokio::test]
async fn a_container_hands_them_out_for_its_token() {
    let agent = Server::start(|asked| {
        let known = asked.starts_with("GET /creds?x=1 ") && asked.contains("authorization: Basic 1\r\n");
        if known { (200, HANDED.to_owned()) } else { (401, "hush".to_owned()) }
    });
    let url = format!("{}/creds?x=1", agent.base);
    let full = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str());
    let plain = Place::new(&[full, ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic 1")]);
    is(plain.load().await, Ok(("ASIAHANDED", Some("token"))));
    let place = Place::new(&[full]).with("token", "Basic 1\n");
    let file = place.home.path().join("token").display().to_string();
    let mut place = place;
    place.variables.insert("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE".to_owned(), file);
    is(place.load().await, Ok(("ASIAHANDED", Some("token"))));
    is(Place::new(&[full]).load().await, Err("401"));
    is(
        Place::new(&[full, ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\nb")]).load().await,
        Err("authorization token"),
    );
}

#[tokio::test]
async fn a_machine_is_asked_by_version_2_alone() {
    let role = "/latest/meta-data/iam/security-credentials/";
    let machine = Server::start(move |asked| {
        let token = asked.contains("x-aws-ec2-metadata-token: tok\r\n");
        match asked.split(' ').nth(1) {
            Some("/latest/api/token") if asked.starts_with("PUT ") => (200, "tok".to_owned()),
            Some(path) if path == role && token => (200, "ours\n".to_owned()),
            Some(path) if path == format!("{role}ours") && token => (200, HANDED.to_owned()),
            _ => (401, "hush".to_owned()),
        }
    });
    let at = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine.base.as_str())];
    is(Place::new(&at).load().await, Ok(("ASIAHANDED", Some("token"))));
    let off = [at[0], ("AWS_EC2_METADATA_DISABLED", "true")];
    is(Place::new(&off).load().await, Err("no AWS credentials were found"));

    // A service that gives no token is not asked for anything more: version 1 is never spoken.
    let old = Server::start(|_| (404, HANDED.to_owned()));
    let at = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", old.base.as_str())];
    is(Place::new(&at).load().await, Err("404"));
    assert_eq!(old.asked().len(), 1);
    assert!(old.asked()[0].starts_with("PUT "));
}

#[tokio::test]
async fn what_answers_without_end_or_sense_is_an_error() {
    for (status, body, why) in [
        (200, "x".repeat(400_000), "broke off"),
        (200, "[]".to_owned(), "not the JSON"),
        (200, String::new(), "not the JSON"),
        (302, HANDED.to_owned(), "302"),
        (500, HANDED.to_owned(), "500"),
    ] {
        let agent = Server::start(move |_| (status, body.clone()));
        let full = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.base.as_str())];
        is(Place::new(&full).load().await, Err(why));
    }
}
