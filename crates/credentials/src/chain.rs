//! The standard chain: environment, profile, web identity, container, machine. The first place that is configured is
//! the one that must work; a later one never makes up for it, or a typing error would decide what we act as.

use std::{future::Future, pin::Pin};

use model::Timestamp;
use zeroize::Zeroizing;

use crate::{
    AssumeRole, CredentialError, Credentials, Http, Sts, Surroundings, container, metadata, process,
    profile::{DEEPEST, Profile, Profiles},
    surroundings,
};

/// As AWS calls the session of a program that gave none.
const SESSION_NAME: &str = "countersign";

#[derive(Clone, Debug)]
pub struct Chain {
    around: Surroundings,
    http: Http,
    sts: Sts,
    otherwise: Option<Credentials>,
}

impl Chain {
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(around: Surroundings) -> Result<Self, CredentialError> {
        let http = Http::new()?;
        let named = around.variable("AWS_ENDPOINT_URL_STS").or_else(|| around.variable("AWS_ENDPOINT_URL"));
        let base = around.sts.clone().or(named);
        let sts = Sts::new(http.clone(), &around.region, partition(&around.region), base);
        Ok(Self { around, http, sts, otherwise: None })
    }

    /// What serves where no place is configured: an emulator takes anything.
    #[must_use]
    pub fn or(mut self, otherwise: Credentials) -> Self {
        self.otherwise = Some(otherwise);
        self
    }

    pub const fn sts(&self) -> &Sts {
        &self.sts
    }

    /// Goes through the chain once.
    ///
    /// # Errors
    /// [`CredentialError::Nowhere`] where no place is configured; any other where one is and does not work.
    pub async fn load(&self, now: Timestamp) -> Result<Credentials, CredentialError> {
        match (self.first(now).await, &self.otherwise) {
            (Err(CredentialError::Nowhere), Some(otherwise)) => Ok(otherwise.clone()),
            (found, _) => found,
        }
    }

    async fn first(&self, now: Timestamp) -> Result<Credentials, CredentialError> {
        if self.around.variable("AWS_PROFILE").is_none()
            && let Some(found) = environment(&self.around)
        {
            return found;
        }
        if let Some(found) = self.profile(now).await? {
            return Ok(found);
        }
        if let Some(file) = self.around.variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
            let role = self
                .around
                .variable("AWS_ROLE_ARN")
                .ok_or_else(|| CredentialError::unusable("the web identity", "AWS_ROLE_ARN is not set"))?;
            let name = self.around.variable("AWS_ROLE_SESSION_NAME");
            return self.web_identity(&file, &role, name.as_deref(), now).await;
        }
        if let Some(address) = container::address(&self.around) {
            return container::load(&self.around, &self.http, address?).await;
        }
        match metadata::base(&self.around) {
            Some(base) => match metadata::load(&self.http, &base).await {
                // Nobody configured a metadata service; there is none.
                Err(CredentialError::Unanswered { .. })
                    if self.around.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").is_none() =>
                {
                    Err(CredentialError::Nowhere)
                }
                loaded => loaded,
            },
            None => Err(CredentialError::Nowhere),
        }
    }

    async fn profile(&self, now: Timestamp) -> Result<Option<Credentials>, CredentialError> {
        let profiles = Profiles::read(&self.around)?;
        let named = self.around.variable("AWS_PROFILE");
        let name = named.clone().unwrap_or_else(|| "default".to_owned());
        match self.of_profile(&profiles, &name, DEEPEST, now).await {
            Ok(None) if named.is_some() => {
                Err(CredentialError::unusable(called(&name), "it is not there, or holds no credentials"))
            }
            found => found,
        }
    }

    /// `None` where the profile says nothing of credentials.
    fn of_profile<'a>(
        &'a self,
        profiles: &'a Profiles,
        name: &'a str,
        depth: usize,
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Credentials>, CredentialError>> + Send + 'a>> {
        Box::pin(async move {
            let wrong = |why: &str| CredentialError::unusable(called(name), why);
            let Some(profile) = profiles.get(name) else { return Ok(None) };
            let setting =
                |key: &str| profile.get(key).map(|value| value.as_str()).filter(|it| !it.is_empty());
            if let Some(role) = setting("role_arn") {
                if let Some(file) = setting("web_identity_token_file") {
                    let session = setting("role_session_name");
                    return self.web_identity(file, role, session, now).await.map(Some);
                }
                let by = match (setting("source_profile"), setting("credential_source")) {
                    // A role upon the keys of its own profile.
                    (Some(source), None) if source == name => keys(name, profile)?,
                    (Some(source), None) => {
                        let deeper = depth.checked_sub(1).ok_or_else(|| wrong("too many profiles deep"))?;
                        self.of_profile(profiles, source, deeper, now).await?
                    }
                    (None, Some("Environment")) => environment(&self.around).transpose()?,
                    (None, Some("EcsContainer")) => match container::address(&self.around) {
                        Some(address) => Some(container::load(&self.around, &self.http, address?).await?),
                        None => None,
                    },
                    (None, Some("Ec2InstanceMetadata")) => match metadata::base(&self.around) {
                        Some(base) => Some(metadata::load(&self.http, &base).await?),
                        None => None,
                    },
                    _ => {
                        return Err(wrong(
                            "a role needs `source_profile` or a known `credential_source`, and not both",
                        ));
                    }
                };
                let by = by.ok_or_else(|| wrong("what its role is assumed with is not there"))?;
                if setting("mfa_serial").is_some() {
                    return Err(wrong("its role asks for a second factor, which a server has not"));
                }
                let asked = AssumeRole {
                    role: role.to_owned(),
                    external_id: setting("external_id").map(str::to_owned),
                    session_name: setting("role_session_name").unwrap_or(SESSION_NAME).to_owned(),
                    seconds: setting("duration_seconds").and_then(|it| it.parse().ok()).unwrap_or(3_600),
                    ..AssumeRole::default()
                };
                return self.sts.assume(&by, &asked, now).await.map(Some);
            }
            if let Some(found) = keys(name, profile)? {
                return Ok(Some(found));
            }
            if let Some(line) = setting("credential_process") {
                return process::load(name, line).await.map(Some);
            }
            if setting("sso_session").or(setting("sso_start_url")).is_some() {
                return Err(wrong("a person's single sign-on is no identity for a server; give it a role"));
            }
            Ok(None)
        })
    }

    async fn web_identity(
        &self,
        file: &str,
        role: &str,
        session_name: Option<&str>,
        now: Timestamp,
    ) -> Result<Credentials, CredentialError> {
        let path =
            self.around.path(file).ok_or_else(|| CredentialError::unusable(file, "there is no home"))?;
        let token = surroundings::read(&path)?;
        self.sts.assume_with_web_identity(role, session_name.unwrap_or(SESSION_NAME), token.trim(), now).await
    }
}

/// `None` where neither half is set; one without the other is an error and not a reason to look elsewhere.
fn environment(around: &Surroundings) -> Option<Result<Credentials, CredentialError>> {
    let session_token = around.variable("AWS_SESSION_TOKEN").map(Zeroizing::new);
    match (around.variable("AWS_ACCESS_KEY_ID"), around.variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(access_key), Some(secret)) => {
            Some(Ok(Credentials { session_token, ..Credentials::lasting(&access_key, &secret) }))
        }
        (None, None) => None,
        _ => Some(Err(CredentialError::unusable(
            "the environment",
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must both be set",
        ))),
    }
}

fn keys(name: &str, profile: &Profile) -> Result<Option<Credentials>, CredentialError> {
    match (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")) {
        (Some(access_key), Some(secret)) => Ok(Some(Credentials {
            session_token: profile.get("aws_session_token").cloned(),
            ..Credentials::lasting(access_key, secret)
        })),
        (None, None) => Ok(None),
        _ => Err(CredentialError::unusable(
            called(name),
            "aws_access_key_id and aws_secret_access_key must both be there",
        )),
    }
}

fn called(name: &str) -> String {
    format!("the profile `{}`", model::sanitize(name, 80))
}

fn partition(region: &str) -> &'static str {
    match region.split('-').take(2).collect::<Vec<_>>().as_slice() {
        ["cn", ..] => "aws-cn",
        ["us", "gov"] => "aws-us-gov",
        _ => "aws",
    }
}
