//! The credentials to work with: those of the environment, or of a session that is made for it.

use std::collections::BTreeMap;

use api::types::{SessionIssued, SessionRequest, SessionView};
use serde_json::json;

use crate::{cli::ServerArgs, client::Client, failure::Failure, identity::variable, output};

const SECONDS: i64 = 4 * 3600;

/// What a session is for, where one is made.
pub(in crate::command) struct Asked<'a> {
    /// None: the session of the environment.
    pub(in crate::command) agent: Option<&'a str>,
    pub(in crate::command) operator: Option<&'a str>,
    pub(in crate::command) task: &'a str,
    pub(in crate::command) scope: &'a str,
    pub(in crate::command) autonomy: Option<&'a str>,
    pub(in crate::command) server: &'a ServerArgs,
}

/// The credentials, and the session to end where it was made for this.
pub(in crate::command) struct Session {
    pub(in crate::command) env: BTreeMap<String, String>,
    made: Option<(Client, String)>,
}

impl Session {
    pub(in crate::command) async fn open(asked: &Asked<'_>) -> Result<Self, Failure> {
        let Some(agent) = asked.agent else {
            let names = [
                "AWS_ENDPOINT_URL",
                "AWS_ACCESS_KEY_ID",
                "AWS_SECRET_ACCESS_KEY",
                "AWS_REGION",
                "AWS_CA_BUNDLE",
                "COUNTERSIGN_CA",
                "COUNTERSIGN_AGENT_URL",
            ];
            let env = names.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?)));
            return Ok(Self { env: env.collect(), made: None });
        };
        let operator = asked.operator.ok_or_else(|| {
            Failure::usage(
                "--agent opens a session, and a session has an operator: --operator NAME, with their key",
            )
        })?;
        let request = SessionRequest {
            agent: agent.to_owned(),
            operator: operator.to_owned(),
            task: asked.task.to_owned(),
            scope: asked.scope.to_owned(),
            autonomy: asked.autonomy.map(str::to_owned),
            ttl_seconds: SECONDS,
            proxy: false,
        };
        let client = Client::connect(asked.server).await?;
        let issued: SessionIssued = client.post("/v1/sessions", &request).await?;
        Ok(Self { env: issued.env.into_iter().collect(), made: Some((client, issued.id.to_string())) })
    }

    /// Where it was made for this: its id.
    pub(in crate::command) fn made(&self) -> Option<&str> {
        self.made.as_ref().map(|(_, id)| id.as_str())
    }

    /// What the server has on record of it, where it was made for this; who cannot be asked tells nothing.
    pub(in crate::command) async fn view(&self) -> Option<SessionView> {
        let (client, id) = self.made.as_ref()?;
        client.get(&format!("/v1/sessions/{id}")).await.ok()
    }

    pub(in crate::command) async fn close(self) {
        let Some((client, id)) = self.made else { return };
        let ended: Result<SessionView, Failure> =
            client.post(&format!("/v1/sessions/{id}/stop"), &json!({})).await;
        if let Err(failure) = ended {
            output::note(format!(
                "the session {id} could not be stopped ({}); it ends by itself",
                failure.message
            ));
        }
    }
}
