//! The agent's side of the agent listener: requests signed with the session's own virtual credentials, as the environment has them.

use std::path::PathBuf;

use classify_aws::sigv4::{self, SigningCredentials};
use engine::{Clock as _, SystemClock};
use model::Request;
use serde::de::DeserializeOwned;

use crate::{
    client,
    failure::Failure,
    identity::variable,
    transport::{self, Http},
};

pub(crate) struct Agent {
    http: Http,
    base: String,
    credentials: SigningCredentials,
}

impl Agent {
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        Self::from(variable)
    }

    /// `variable`: what the environment of the session says.
    pub(crate) fn from(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let need = |name: &str| {
            variable(name).ok_or_else(|| {
                Failure::not_authenticated(format!("${name} is not set"))
                    .hint("this is the agent's side: eval \"$(countersign session new … --output env)\"")
            })
        };
        let ca = variable("COUNTERSIGN_CA").or_else(|| variable("AWS_CA_BUNDLE")).map(PathBuf::from);
        Ok(Self {
            http: transport::http(ca.as_deref())?,
            base: need("COUNTERSIGN_AGENT_URL")?,
            credentials: SigningCredentials {
                access_key: need("AWS_ACCESS_KEY_ID")?,
                secret: need("AWS_SECRET_ACCESS_KEY")?,
                session_token: None,
            },
        })
    }

    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        target: &str,
        body: Vec<u8>,
    ) -> Result<T, Failure> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let host = self.base.split_once("://").map_or(self.base.as_str(), |(_, host)| host).to_owned();
        let mut request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![("host".to_owned(), host)],
            body,
        };
        sigv4::sign(&mut request, &self.credentials, "countersign", "us-east-1", SystemClock.now())
            .map_err(Failure::unexpected)?;
        let headers: Vec<(&str, String)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        client::parse(
            &client::send(&self.http, &self.base, method, target, request.body.clone(), &headers).await?,
        )
    }
}
