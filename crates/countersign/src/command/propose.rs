//! `countersign propose` and `countersign wait`: the agent's side, with the session's own credentials.

use std::{fs, io::Read as _, process::ExitCode};

use api::types::{ChangeView, Proposal, ProposedAction};
use classify_aws::sigv4::{self, SigningCredentials};
use engine::{Clock as _, SystemClock};
use model::Request;
use serde::de::DeserializeOwned;

use super::{
    change,
    session::{safe, seconds},
};
use crate::{
    cli::{Format, ProposeArgs, WaitArgs},
    client,
    failure::Failure,
    identity::variable,
    output,
    transport::{self, Http},
};

pub(super) async fn propose(args: &ProposeArgs, format: Format) -> Result<ExitCode, Failure> {
    let unreadable =
        |err: &dyn std::fmt::Display| Failure::usage(format!("{}: {err}", args.actions.display()));
    let text = if args.actions.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|err| unreadable(&err))?;
        text
    } else {
        fs::read_to_string(&args.actions).map_err(|err| unreadable(&err))?
    };
    let actions: Vec<ProposedAction> = serde_json::from_str(&text).map_err(|err| unreadable(&err))?;
    let proposal = Proposal { intent: args.intent.clone(), actions };
    let body = serde_json::to_vec(&proposal).map_err(Failure::unexpected)?;
    let change: ChangeView = AgentSide::from_environment()?.send("POST", "/v1/changes", body).await?;
    show(&change, format)
}

pub(super) async fn wait(args: &WaitArgs, format: Format) -> Result<ExitCode, Failure> {
    let agent = AgentSide::from_environment()?;
    let id = safe(&args.id)?;
    let until = SystemClock.now().plus_seconds(seconds(&args.timeout)?);
    loop {
        let left = until.since(SystemClock.now()).div_euclid(1000).clamp(1, 50);
        let change: ChangeView =
            agent.send("GET", &format!("/v1/changes/{id}/wait?seconds={left}"), Vec::new()).await?;
        if change.state != model::ChangeState::Held || SystemClock.now() >= until {
            return show(&change, format);
        }
    }
}

fn show(view: &ChangeView, format: Format) -> Result<ExitCode, Failure> {
    match format {
        Format::Json => output::json(view)?,
        Format::Human => change::row(view),
    }
    Ok(change::ended(view.state))
}

/// The agent listener, by a session's own credentials.
pub(super) struct AgentSide {
    http: Http,
    base: String,
    credentials: SigningCredentials,
}

impl AgentSide {
    pub(super) fn from_environment() -> Result<Self, Failure> {
        Self::from(variable)
    }

    /// `variable`: what the environment of the session says.
    pub(super) fn from(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let need = |name: &str| {
            variable(name).ok_or_else(|| {
                Failure::not_authenticated(format!("${name} is not set"))
                    .hint("this is the agent's side: eval \"$(countersign session new … --output env)\"")
            })
        };
        Ok(Self {
            http: transport::http(None)?,
            base: need("COUNTERSIGN_AGENT_URL")?,
            credentials: SigningCredentials {
                access_key: need("AWS_ACCESS_KEY_ID")?,
                secret: need("AWS_SECRET_ACCESS_KEY")?,
                session_token: None,
            },
        })
    }

    pub(super) async fn send<T: DeserializeOwned>(
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
