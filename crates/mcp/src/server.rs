//! The server's half of the protocol: which tools there are, and what becomes of a call. A call that cannot be done is an answer that says
//! so (`isError`), for the agent to read; an error of the protocol is only what is none of our tools.

use std::{sync::Arc, time::Duration};

use llm::{Fence, Scrubber};
use model::{ChangeId, ChangeState};
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt as _,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, ListPromptsRequestMethod,
        ListPromptsResult, ListResourceTemplatesRequestMethod, ListResourceTemplatesResult,
        ListResourcesRequestMethod, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ProgressNotificationParam, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
    transport::async_rw::AsyncRwTransport,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};

use crate::{
    Told,
    arguments::{self, ChangeQuery, ProposeQuery, StatusQuery, WaitQuery},
    backend::{Action, Backend, Document, Proposal, Question, Reach, Refusal},
    bounds::Most,
    instructions::instructions,
    plans::Plans,
    standing::{self, Standing},
    told::Voice,
    tools::{self, Name},
};

/// How long one turn of waiting is: as often, progress is told, and a cancelled wait is let go of at once anyway.
const TURN_SECONDS: u64 = 5;
/// And this long at least, also where the control plane answers at once, as one that is standing down does.
const SHORTEST_TURN: Duration = Duration::from_millis(250);
/// Calls of a process at a time; more are told to come again.
const CALLS: usize = 64;
/// Of one message on standard input.
const LONGEST_LINE: usize = 1 << 20;

/// One for all clients of a process.
#[derive(Clone)]
pub struct Desk {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Box<dyn Backend>,
    reach: Reach,
    voice: Voice,
    plans: Plans,
    tools: Vec<Tool>,
    calls: Semaphore,
}

/// Why speaking over standard input ended otherwise than by the client's leaving.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    #[error("the client and this server did not come to terms")]
    Handshake(#[source] Box<rmcp::service::ServerInitializeError>),
    #[error("the server broke off")]
    Broken(#[source] tokio::task::JoinError),
}

impl Desk {
    /// `boundary`: sixteen random bytes, drawn for this process.
    pub fn new(backend: Box<dyn Backend>, scrubber: Scrubber, boundary: [u8; 16]) -> Self {
        let inner = Inner {
            reach: backend.reach(),
            backend,
            voice: Voice::new(Fence::new(boundary), scrubber),
            plans: Plans::default(),
            tools: tools::all(),
            calls: Semaphore::new(CALLS),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Until the client closes its side.
    ///
    /// # Errors
    /// Where no client begins, or the server's own task ends.
    pub async fn speak<R, W>(self, read: R, write: W) -> Result<(), StdioError>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let transport = AsyncRwTransport::new(read, write).with_max_line_length(LONGEST_LINE);
        let running = self.serve(transport).await.map_err(|err| StdioError::Handshake(Box::new(err)))?;
        running.waiting().await.map_err(StdioError::Broken)?;
        Ok(())
    }

    async fn called(
        &self,
        name: Name,
        given: Option<Document>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Told, Refusal> {
        let Ok(_call) = self.inner.calls.try_acquire() else {
            return Err(Refusal::usage("too many calls at a time").hint("call again in a moment"));
        };
        let question = Most::QUESTION;
        match name {
            Name::Inventory => self.look(Question::Inventory(arguments::parse(given, question)?)).await,
            Name::Findings => self.look(Question::Findings(arguments::parse(given, question)?)).await,
            Name::Costs => self.look(Question::Costs(arguments::parse(given, question)?)).await,
            Name::Plan => {
                let told = self.look(Question::Plan(arguments::parse(given, question)?)).await?;
                let plans = told.data.get("plans").and_then(|plans| plans.as_array());
                plans
                    .into_iter()
                    .flatten()
                    .filter_map(|plan| plan.as_object())
                    .for_each(|plan| self.inner.plans.keep(plan));
                Ok(told)
            }
            Name::Propose => self.propose(arguments::parse(given, Most::PROPOSAL)?).await,
            Name::Status => {
                let StatusQuery { id } = arguments::parse(given, question)?;
                match id {
                    Some(id) => standing::told(self.inner.backend.change(identified(&id)?).await?),
                    None => standing::list(self.inner.backend.changes().await?),
                }
            }
            Name::Wait => self.wait(arguments::parse(given, question)?, context).await,
            Name::Withdraw => {
                let ChangeQuery { id } = arguments::parse(given, question)?;
                standing::told(self.inner.backend.withdraw(identified(&id)?).await?)
            }
        }
    }

    async fn look(&self, question: Question) -> Result<Told, Refusal> {
        self.inner.backend.look(question).await
    }

    async fn propose(&self, query: ProposeQuery) -> Result<Told, Refusal> {
        let ProposeQuery { intent, actions, plan } = query;
        let (mut actions, own) = match plan {
            Some(_) if !actions.is_empty() => {
                return Err(Refusal::usage("give `actions` or `plan`, not both"));
            }
            Some(id) => {
                let planned = self.inner.plans.actions(&id).ok_or_else(|| {
                    Refusal::usage("no such plan was made here lately")
                        .hint("make it with `plan`, and take its `id`")
                })?;
                (planned, false)
            }
            None => (actions, true),
        };
        if actions.is_empty() {
            return Err(Refusal::usage("there is nothing to propose")
                .hint("give `actions`, as the steps of a finding have them, or the id of a plan"));
        }
        let marked = if own { self.mark(&mut actions).await } else { Vec::new() };
        let mut told = standing::told(self.inner.backend.propose(Proposal { intent, actions }).await?)?;
        if !marked.is_empty() {
            let are = if marked.len() == 1 {
                "1 of its calls is".to_owned()
            } else {
                format!("{} of its calls are", marked.len())
            };
            told.said.push_str(&format!(
                " {are} marked as not derived from what there is (`unverified` says why): it takes more people than a plan of `plan`."
            ));
            told.data.insert("unverified".to_owned(), marked.into());
        }
        Ok(told)
    }

    /// Calls of a client's own are the word of a language model: what the planner does not derive from the snapshot as well is marked, and so
    /// is everything where there is no snapshot. Why, for each that is. One that says no region is proposed in the one that it was judged in:
    /// the installation's own may be another.
    async fn mark(&self, actions: &mut [Action]) -> Vec<serde_json::Value> {
        let derived = match self.inner.reach.snapshot {
            true => self.look(Question::Derived(actions.to_vec())).await.ok(),
            false => None,
        };
        let why = derived.as_ref().and_then(|told| told.data.get("why")?.as_array());
        let judged_in = derived.as_ref().and_then(|told| told.data.get("region")?.as_str());
        let mut marked = Vec::new();
        for (nth, action) in actions.iter_mut().enumerate() {
            action.region = action.region.take().or_else(|| judged_in.map(str::to_owned));
            let why = match why.and_then(|all| all.get(nth)) {
                Some(serde_json::Value::Null) => continue,
                Some(why) => why.clone(),
                None => "there is no snapshot to derive it from".into(),
            };
            action.unverified = true;
            marked.push(serde_json::json!({ "action": nth + 1, "why": why }));
        }
        marked
    }

    async fn wait(&self, query: WaitQuery, context: &RequestContext<RoleServer>) -> Result<Told, Refusal> {
        let (id, seconds) = (identified(&query.id)?, query.seconds()?);
        let begun = tokio::time::Instant::now();
        let token = context.meta.get_progress_token();
        loop {
            let waited = begun.elapsed().as_secs();
            let turn = seconds.saturating_sub(waited).clamp(1, TURN_SECONDS);
            let turn_begun = tokio::time::Instant::now();
            let change = tokio::select! {
                () = context.ct.cancelled() => return Err(Refusal::usage("the client cancelled the wait")),
                change = self.inner.backend.wait(id, turn) => change?,
            };
            let waited = begun.elapsed();
            if Standing::of(&change)?.state != ChangeState::Held || waited >= Duration::from_secs(seconds) {
                return standing::told(change);
            }
            if let Some(token) = &token {
                let progress = ProgressNotificationParam::new(token.clone(), waited.as_secs_f64())
                    .with_total(Duration::from_secs(seconds).as_secs_f64())
                    .with_message(format!("{id} is held: waiting for people"));
                // Who does not hear it has gone, and is noticed by that.
                let _ = context.peer.notify_progress(progress).await;
            }
            tokio::time::sleep_until(turn_begun + SHORTEST_TURN).await;
        }
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Desk({:?})", self.inner.reach)
    }
}

impl ServerHandler for Desk {
    fn get_info(&self) -> ServerConfig {
        let who = Implementation::new("countersign", env!("CARGO_PKG_VERSION"))
            .with_title("Countersign: change control for AI agents");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(who)
            .with_instructions(instructions(self.inner.reach, &self.inner.voice.rule()))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.inner.tools.clone()))
    }

    // The library would answer these with empty lists, of servers that have none of it.
    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.inner.tools.iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(name) = tools::named(&request.name) else {
            let names: Vec<&str> = tools::names().collect();
            let told = format!("there is no such tool; there are: {}", names.join(", "));
            return Err(ErrorData::invalid_params(told, None));
        };
        let result: CallToolResult = match self.called(name, request.arguments, &context).await {
            Ok(told) => self.inner.voice.result(told),
            Err(refusal) => self.inner.voice.refusal(&refusal),
        };
        Ok(CallToolResponse::Complete(result))
    }
}

fn identified(id: &str) -> Result<ChangeId, Refusal> {
    id.parse().map_err(|_| {
        Refusal::usage("this is no id of a change")
            .hint("one is `chg-` and 26 letters and digits, as `propose` answers")
    })
}
