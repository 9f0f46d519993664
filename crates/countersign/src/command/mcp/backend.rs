//! What the tools rest on: the snapshot's thread, and the agent listener by the session's own credentials.

use api::types::{ChangeList, ChangeView};
use mcp::{Backend, Boxed, Document, Proposal, Question, Reach, Refusal, Told};
use model::ChangeId;
use serde::Serialize;

use super::shelf::Shelf;
use crate::{agent::Agent, failure::Failure};

/// What this process was given.
pub(super) struct Ours {
    pub(super) shelf: Option<Shelf>,
    pub(super) agent: Option<Agent>,
}

impl Ours {
    fn agent(&self) -> Result<&Agent, Refusal> {
        self.agent.as_ref().ok_or_else(|| {
            Refusal::new("CS202", "this server has no session, so it can propose nothing")
            .hint("a person starts one (countersign session new … --output env) and `countersign mcp` in its environment")
        })
    }

    async fn change(&self, method: &str, target: &str, body: Vec<u8>) -> Result<Document, Refusal> {
        let change: ChangeView =
            self.agent()?.send(method, target, body).await.map_err(|failure| refusal(&failure))?;
        document(&change)
    }
}

/// The listener's own words, which may name what a cloud has.
fn refusal(failure: &Failure) -> Refusal {
    let hint = failure.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    Refusal::new(failure.code.clone(), "the control plane does not do it")
        .told(format!("{}{hint}", failure.message))
}

fn document<T: Serialize>(change: &T) -> Result<Document, Refusal> {
    match serde_json::to_value(change) {
        Ok(serde_json::Value::Object(document)) => Ok(document),
        Ok(_) | Err(_) => Err(Refusal::usage("the server's answer cannot be told")),
    }
}

impl Backend for Ours {
    fn reach(&self) -> Reach {
        Reach { snapshot: self.shelf.is_some(), session: self.agent.is_some() }
    }

    fn look(&self, question: Question) -> Boxed<'_, Result<Told, Refusal>> {
        Box::pin(async move {
            match &self.shelf {
                Some(shelf) => shelf.ask(question).await,
                None => Err(Refusal::usage("this server has no snapshot")
                    .hint("`countersign scan` makes one; start `countersign mcp --from FILE`")),
            }
        })
    }

    fn propose(&self, proposal: Proposal) -> Boxed<'_, Result<Document, Refusal>> {
        Box::pin(async move {
            let body = serde_json::to_vec(&proposal).map_err(|err| Refusal::usage(err.to_string()))?;
            self.change("POST", "/v1/changes", body).await
        })
    }

    fn changes(&self) -> Boxed<'_, Result<Vec<Document>, Refusal>> {
        Box::pin(async move {
            let list: ChangeList = self
                .agent()?
                .send("GET", "/v1/changes", Vec::new())
                .await
                .map_err(|failure| refusal(&failure))?;
            list.changes.iter().map(document).collect()
        })
    }

    fn change(&self, id: ChangeId) -> Boxed<'_, Result<Document, Refusal>> {
        Box::pin(async move { self.change("GET", &format!("/v1/changes/{id}"), Vec::new()).await })
    }

    fn wait(&self, id: ChangeId, seconds: u64) -> Boxed<'_, Result<Document, Refusal>> {
        Box::pin(async move {
            self.change("GET", &format!("/v1/changes/{id}/wait?seconds={seconds}"), Vec::new()).await
        })
    }

    fn withdraw(&self, id: ChangeId) -> Boxed<'_, Result<Document, Refusal>> {
        Box::pin(async move { self.change("POST", &format!("/v1/changes/{id}/withdraw"), Vec::new()).await })
    }
}
