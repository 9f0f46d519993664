//! The security token service, for the two calls that turn what we are into what we act as: a role by our own
//! credentials, and a role by a web identity.

use std::time::Duration;

use classify_aws::{
    endpoint,
    sigv4::{self, SigningCredentials},
};
use model::{Request, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::{CredentialError, Credentials, Http, json::moment};

const PATIENCE: Duration = Duration::from_secs(20);
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The shortest that the service gives, and the longest where one role is assumed with another's credentials.
const SECONDS: std::ops::RangeInclusive<u32> = 900..=3_600;

/// Where it is, and how it is reached.
#[derive(Clone, Debug)]
pub struct Sts {
    http: Http,
    region: String,
    partition: String,
    base: Option<String>,
}

/// A role as it is taken on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssumeRole {
    pub role: String,
    pub external_id: Option<String>,
    /// Stands in every event of the cloud's own trail.
    pub session_name: String,
    /// Who answers for it; cannot be changed by what is done with the session.
    pub source_identity: Option<String>,
    /// Takes away from what the role may do, and never adds.
    pub policy: Option<String>,
    pub seconds: u32,
}

/// Whom the cloud takes somebody for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: String,
    pub arn: String,
}

impl Sts {
    /// `base`: another address than AWS's own.
    pub fn new(http: Http, region: &str, partition: &str, base: Option<String>) -> Self {
        Self { http, region: region.to_owned(), partition: partition.to_owned(), base }
    }

    /// # Errors
    /// Where the service cannot be reached, or refuses.
    pub async fn assume(
        &self,
        by: &Credentials,
        asked: &AssumeRole,
        now: Timestamp,
    ) -> Result<Credentials, CredentialError> {
        let seconds = asked.seconds.clamp(*SECONDS.start(), *SECONDS.end()).to_string();
        let mut fields = vec![
            ("Action", "AssumeRole"),
            ("RoleArn", &asked.role),
            ("RoleSessionName", &asked.session_name),
            ("DurationSeconds", &seconds),
        ];
        let optional = [
            ("ExternalId", &asked.external_id),
            ("SourceIdentity", &asked.source_identity),
            ("Policy", &asked.policy),
        ];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        self.call(&asked.role, &fields, Some(by), now).await
    }

    /// `sts:GetCallerIdentity`: whom `credentials` belong to. `from`: what they are, for the error.
    ///
    /// # Errors
    /// Where the service cannot be reached, refuses, or does not say.
    pub async fn caller(
        &self,
        from: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Caller, CredentialError> {
        let answer = self.ask(from, &[("Action", "GetCallerIdentity")], Some(credentials), now).await?;
        let found = between(&answer, "Account").zip(between(&answer, "Arn"));
        let (account, arn) =
            found.ok_or_else(|| CredentialError::unusable(from, "the answer names no account"))?;
        Ok(Caller { account: account.to_owned(), arn: arn.to_owned() })
    }

    /// # Errors
    /// The same.
    pub async fn assume_with_web_identity(
        &self,
        role: &str,
        session_name: &str,
        token: &str,
        now: Timestamp,
    ) -> Result<Credentials, CredentialError> {
        let fields = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", role),
            ("RoleSessionName", session_name),
            ("WebIdentityToken", token),
        ];
        self.call(role, &fields, None, now).await
    }

    async fn call(
        &self,
        role: &str,
        fields: &[(&str, &str)],
        by: Option<&Credentials>,
        now: Timestamp,
    ) -> Result<Credentials, CredentialError> {
        let from = format!("the role {}", model::sanitize(role, 200));
        let answer = self.ask(&from, fields, by, now).await?;
        read(&answer).ok_or_else(|| CredentialError::unusable(from, "the answer holds no credentials"))
    }

    async fn ask(
        &self,
        from: &str,
        fields: &[(&str, &str)],
        by: Option<&Credentials>,
        now: Timestamp,
    ) -> Result<Zeroizing<String>, CredentialError> {
        let (base, region) = self.address(from)?;
        let authority = base.split_once("://").map_or(base.as_str(), |(_, authority)| authority).to_owned();
        let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
        let mut body = Zeroizing::new("Version=2011-06-15".to_owned());
        for (name, value) in fields {
            body.push_str(&format!("&{name}={}", encode(value)));
        }
        let mut request = Request {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            query: String::new(),
            headers: vec![
                ("host".to_owned(), authority),
                ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ],
            body: body.as_bytes().to_vec(),
        };
        if let Some(by) = by {
            let with = SigningCredentials {
                access_key: by.access_key.clone(),
                secret: by.secret.to_string(),
                session_token: by.session_token.as_ref().map(|token| token.to_string()),
            };
            sigv4::sign(&mut request, &with, "sts", &region, now)
                .map_err(|err| CredentialError::unusable(from, err))?;
        }
        let mut builder = http::Request::post(format!("{base}/"));
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let reply = self.http.ask(from, builder, request.body, PATIENCE).await?;
        if reply.status != 200 {
            let code = between(&reply.body, "Code").unwrap_or("no code");
            let why = format!("{} ({})", model::sanitize(code, 80), reply.status);
            return Err(CredentialError::Refused { from: from.to_owned(), why });
        }
        Ok(reply.body)
    }

    fn address(&self, from: &str) -> Result<(String, String), CredentialError> {
        if let Some(base) = &self.base {
            return Ok((base.trim_end_matches('/').to_owned(), self.region.clone()));
        }
        let to = endpoint::host("sts", &self.region, &self.partition, None)
            .map_err(|err| CredentialError::unusable(from, err))?;
        Ok((format!("https://{}", to.host), to.signing_region))
    }
}

fn read(answer: &str) -> Option<Credentials> {
    Some(Credentials {
        access_key: between(answer, "AccessKeyId")?.to_owned(),
        secret: Zeroizing::new(between(answer, "SecretAccessKey")?.to_owned()),
        session_token: Some(Zeroizing::new(between(answer, "SessionToken")?.to_owned())),
        expires: Some(moment(between(answer, "Expiration")?)?),
    })
}

fn between<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (found, _) = rest.split_once(&format!("</{name}>"))?;
    Some(found.trim()).filter(|found| !found.is_empty() && !found.contains(['<', '&']))
}
