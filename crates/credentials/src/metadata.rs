//! Credentials of a machine, from its metadata service, version 2 alone: a token is asked for first, and where none is
//! given nothing else is asked. Version 1 answers whoever can make the machine fetch a URL.

use std::time::Duration;

use crate::{CredentialError, Credentials, Http, Surroundings, json};

const FROM: &str = "the machine's metadata service";
const PATIENCE: Duration = Duration::from_secs(2);
const ADDRESS: &str = "http://169.254.169.254";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// `None` where there is no machine to ask.
pub(crate) fn base(around: &Surroundings) -> Option<String> {
    let named = around.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let asked = !around.is_on("AWS_EC2_METADATA_DISABLED") && (around.on_a_machine || named.is_some());
    asked.then(|| named.unwrap_or_else(|| ADDRESS.to_owned()).trim_end_matches('/').to_owned())
}

pub(crate) async fn load(http: &Http, base: &str) -> Result<Credentials, CredentialError> {
    let token = http::Request::put(format!("{base}/latest/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", "21600")
        .header("content-length", "0");
    let token = fetch(http, token).await?;
    let token = http::HeaderValue::from_str(token.trim())
        .map_err(|_| CredentialError::unusable(FROM, "its token is no header"))?;
    let get = |path: &str| {
        http::Request::get(format!("{base}{path}")).header("x-aws-ec2-metadata-token", token.clone())
    };
    let roles = fetch(http, get(ROLES)).await?;
    let role = roles.lines().next().map(str::trim).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if role.is_empty() || role.len() > 128 || !role.bytes().all(plain) {
        return Err(CredentialError::unusable(FROM, "this machine has no role"));
    }
    json::read(FROM, &fetch(http, get(&format!("{ROLES}{role}"))).await?, None)
}

async fn fetch(
    http: &Http,
    request: http::request::Builder,
) -> Result<zeroize::Zeroizing<String>, CredentialError> {
    let reply = http.ask(FROM, request, Vec::new(), PATIENCE).await?;
    if reply.status == 200 {
        return Ok(reply.body);
    }
    Err(CredentialError::Refused { from: FROM.to_owned(), why: format!("it answered {}", reply.status) })
}
