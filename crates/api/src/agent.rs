//! The agent listener: propose, status, wait, withdraw, list own, undo what the session ran, report. Authenticated by the session's own virtual key
//! (SigV4 for the service `countersign`); every answer is about this session's agent and nobody else.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Path, Request, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use engine::{Proposed, RefusalKind, Report};
use model::{Approval, Change, ChangeId, Resource, Session, Step, Value, Vouched};
use store::Filter;

use crate::{
    ApiError, Shared, auth,
    people::{self, Wait},
    types::{ChangeList, ChangeView, Proposal, ReportRequest, Reported, UndoRequest},
    waiting::Waiting,
};

/// Every route there is, for the test that tries each with every kind of caller.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/v1/changes"),
    ("POST", "/v1/changes"),
    ("GET", "/v1/changes/{id}"),
    ("GET", "/v1/changes/{id}/wait"),
    ("POST", "/v1/changes/{id}/withdraw"),
    ("POST", "/v1/changes/{id}/undo"),
    ("POST", "/v1/reports"),
];

const MAX_ACTIONS: usize = Change::MAX_STEPS;
const MAX_DEPTH: u32 = 32;

/// The agent listener's router.
pub fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v1/changes", get(list).post(propose))
        .route("/v1/changes/{id}", get(show))
        .route("/v1/changes/{id}/wait", get(wait))
        .route("/v1/changes/{id}/withdraw", post(withdraw))
        .route("/v1/changes/{id}/undo", post(undo))
        .route("/v1/reports", post(report))
        .layer(Extension(Waiting::default()))
        .with_state(shared)
}

async fn list(State(shared): State<Shared>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let (session, _) = auth::agent(&shared, &parts, body).await?;
    let filter =
        Filter { states: Vec::new(), agent: None, session: Some(session.root()), before: None, limit: 200 };
    let changes: Vec<(Change, Vec<Approval>)> = shared
        .engine
        .read(move |view| {
            let changes = view.changes(&filter)?.into_iter();
            changes
                .map(|change| {
                    let approvals = view.approvals(change.id)?;
                    Ok((change, approvals))
                })
                .collect()
        })
        .await?;
    let reading = shared.engine.reading(&session);
    let may_read = |step: &Step, resource: &Resource| reading.may_read(step, resource);
    let changes = changes
        .iter()
        .map(|(change, approvals)| ChangeView::for_agent(change, approvals, &may_read))
        .collect();
    Ok(Json(ChangeList { changes }).into_response())
}

async fn show(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let (session, _) = auth::agent(&shared, &parts, body).await?;
    Ok(Json(view(&shared, &session, named(&id)?).await?).into_response())
}

async fn wait(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Extension(waiting): Extension<Waiting>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let (session, _) = auth::agent(&shared, &parts, body).await?;
    let asked: Wait = people::understood(&parts.uri)?;
    let change = own(&shared, &session, &id).await?;
    let turn = waiting.begin(session.id).ok_or_else(ApiError::too_many_waiting)?;
    people::wait(&shared, change, &asked).await?;
    drop(turn);
    Ok(Json(view(&shared, &session, change).await?).into_response())
}

async fn withdraw(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let (session, _) = auth::agent(&shared, &parts, body).await?;
    let change = own(&shared, &session, &id).await?;
    shared.engine.withdraw(&session, change).await?;
    Ok(Json(view(&shared, &session, change).await?).into_response())
}

/// The captured inverse of one action, through the same door as everything; the answer is of the change that undoes.
async fn undo(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let (session, body) = auth::agent(&shared, &parts, body).await?;
    let asked = if body.is_empty() { Ok(UndoRequest::default()) } else { serde_json::from_slice(&body) };
    let UndoRequest { action } =
        asked.map_err(|err| ApiError::usage(format!("an undo is {{action?}}: {err}")))?;
    let change = own(&shared, &session, &id).await?;
    let undoing = shared.engine.undo_own(&session, change, action).await?;
    Ok(Json(view(&shared, &session, undoing).await?).into_response())
}

/// Goes on record as the agent's word.
async fn report(State(shared): State<Shared>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let (session, body) = auth::agent(&shared, &parts, body).await?;
    let report: ReportRequest = serde_json::from_slice(&body)
        .map_err(|err| ApiError::usage(format!("a report is {{asked, lines[{{outcome, why}}]}}: {err}")))?;
    if report.lines.is_empty() {
        return Err(ApiError::usage("a report has a line at least"));
    }
    let lines = report.lines.into_iter().map(|line| (line.outcome, line.why)).collect();
    let entry = shared.engine.report(&session, &Report { asked: report.asked, lines }).await?;
    Ok(Json(Reported { entry }).into_response())
}

async fn propose(State(shared): State<Shared>, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let (session, body) = auth::agent(&shared, &parts, body).await?;
    let proposal: Proposal = serde_json::from_slice(&body)
        .map_err(|err| ApiError::usage(format!("a proposal is {{intent, actions[]}}: {err}")))?;
    if proposal.actions.is_empty() || proposal.actions.len() > MAX_ACTIONS {
        return Err(ApiError::usage(format!("a proposal has 1 to {MAX_ACTIONS} actions")));
    }
    if proposal.intent.trim().is_empty() || proposal.intent.chars().count() > 2000 {
        return Err(ApiError::usage("an intent is 1 to 2000 characters"));
    }
    let mut asked = Vec::with_capacity(proposal.actions.len());
    for (action, nth) in proposal.actions.into_iter().zip(1..) {
        let vouched = if action.unverified { Vouched::ByModelAlone } else { Vouched::ByAgent };
        let one = Proposed {
            service: action.service,
            operation: action.operation,
            region: action.region.unwrap_or_else(|| shared.endpoints.region.clone()),
            parameters: value(action.parameters, MAX_DEPTH)
                .ok_or_else(|| ApiError::usage(format!("action {nth}: parameters nest too deeply")))?,
        };
        asked.push((one, vouched));
    }
    let change = loop {
        let under = shared.engine.bundle();
        let mut actions = Vec::with_capacity(asked.len());
        for (one, vouched) in &asked {
            let (action, gathered) = shared.engine.prepare(&session, one.clone()).await?;
            actions.push((action, gathered, *vouched));
        }
        let intent = proposal.intent.clone();
        match shared.engine.propose(Arc::clone(&session), actions, intent, under).await {
            Ok(change) => break change,
            // Another bundle came into force: all of it is classified anew.
            Err(refusal) if refusal.kind == RefusalKind::Turned => {}
            Err(refusal) => return Err(refusal.into()),
        }
    };
    Ok(Json(view(&shared, &session, change.id).await?).into_response())
}

/// A change of the caller's own agent; anything else does not exist for them.
async fn own(shared: &Shared, session: &Session, id: &str) -> Result<ChangeId, ApiError> {
    let (id, chain) = (named(id)?, session.chain.clone());
    let is_own = shared
        .engine
        .read(move |view| Ok(view.change(id)?.is_some_and(|change| change.chain == chain)))
        .await?;
    if is_own { Ok(id) } else { Err(missing()) }
}

/// The same as it stands, whole.
async fn view(shared: &Shared, session: &Session, id: ChangeId) -> Result<ChangeView, ApiError> {
    let chain = session.chain.clone();
    let found = shared
        .engine
        .read(move |view| match view.change(id)?.filter(|change| change.chain == chain) {
            Some(change) => Ok(Some((change, view.approvals(id)?))),
            None => Ok(None),
        })
        .await?;
    let (change, approvals): (Change, Vec<Approval>) = found.ok_or_else(missing)?;
    let reading = shared.engine.reading(session);
    Ok(ChangeView::for_agent(&change, &approvals, &|step, resource| reading.may_read(step, resource)))
}

fn named(id: &str) -> Result<ChangeId, ApiError> {
    id.parse().map_err(|_| missing())
}

fn missing() -> ApiError {
    ApiError::not_found("no such change of yours")
}

fn value(json: serde_json::Value, depth: u32) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    Some(match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(it) => Value::Bool(it),
        serde_json::Value::Number(it) => {
            it.as_i64().map_or_else(|| Value::Number(it.to_string()), Value::Int)
        }
        serde_json::Value::String(it) => Value::Text(it),
        serde_json::Value::Array(items) => {
            Value::List(items.into_iter().map(|item| value(item, depth)).collect::<Option<_>>()?)
        }
        serde_json::Value::Object(members) => Value::Map(
            members.into_iter().map(|(key, item)| Some((key, value(item, depth)?))).collect::<Option<_>>()?,
        ),
    })
}
