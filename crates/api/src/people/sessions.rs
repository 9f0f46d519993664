//! Sessions: opening, looking, stopping, and breaking the glass.

use axum::Json;
use engine::{Engine, GlassRequest, NewSession};
use model::{AgentId, SessionId};

use super::{call::Call, changes::view};
use crate::{
    ApiError, Endpoints,
    types::{
        BreakGlassRequest, ChangeView, SessionIssued, SessionList, SessionRequest, SessionSummary,
        SessionView, StopRequest,
    },
};

pub(super) async fn list_sessions(call: Call) -> Result<Json<SessionList>, ApiError> {
    let now = call.shared.engine.now()?;
    let sessions = call.shared.engine.read(|view| view.sessions()).await?;
    let sessions = sessions.iter().map(|session| SessionView::of(session, now)).collect();
    Ok(Json(SessionList { sessions }))
}

pub(super) async fn show_session(call: Call<SessionId>) -> Result<Json<SessionView>, ApiError> {
    Ok(Json(look_at(&call.shared.engine, call.of).await?))
}

/// A session with what it did.
///
/// # Errors
/// Where there is no such session, or it cannot be read.
pub async fn look_at(engine: &Engine, id: SessionId) -> Result<SessionView, ApiError> {
    let now = engine.now()?;
    let found = engine.read(move |view| {
        let Some(session) = view.session(id)? else { return Ok(None) };
        let activity = view.activity(&session, SessionSummary::MOST)?;
        Ok(Some((session, activity)))
    });
    let (session, activity) = found.await?.ok_or_else(|| ApiError::not_found(format!("no session {id}")))?;
    let roles = engine.roles_taken_on(id);
    let summary = SessionSummary::of(&session, &activity, roles.iter().map(|role| &**role), now);
    Ok(SessionView { summary: Some(summary), ..SessionView::of(&session, now) })
}

pub(super) async fn new_session(call: Call<(), (), SessionRequest>) -> Result<Json<SessionIssued>, ApiError> {
    let signer = call.signer()?.clone();
    let asked = call.given;
    let usage = |text: String| ApiError::usage(text);
    let (session, secret) = call
        .shared
        .engine
        .issue(NewSession {
            agent: asked.agent.parse().map_err(|err| usage(format!("{err}")))?,
            operator: asked.operator.parse().map_err(|err| usage(format!("{err}")))?,
            launcher: signer.person,
            task: asked.task,
            scope: asked.scope.parse().map_err(|err| usage(format!("{err}")))?,
            autonomy: match asked.autonomy.as_deref() {
                None => model::Autonomy::default(),
                Some(text) => text.parse().map_err(|err| usage(format!("{err}")))?,
            },
            ttl_s: asked.ttl_seconds,
            signed: signer.proof,
        })
        .await?;
    let to = &call.shared.endpoints;
    let mut env = vec![
        ("AWS_ACCESS_KEY_ID", session.access_key.clone()),
        ("AWS_SECRET_ACCESS_KEY", secret.expose().to_owned()),
        ("AWS_REGION", to.region.clone()),
        ("AWS_DEFAULT_REGION", to.region.clone()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("COUNTERSIGN_AGENT_URL", to.agent.clone()),
        ("COUNTERSIGN_SESSION", session.id.to_string()),
    ];
    env.extend(way(to, asked.proxy));
    Ok(Json(SessionIssued {
        id: session.id,
        agent: session.chain.agent.to_string(),
        operator: session.chain.operator.clone(),
        expires_at: session.expires_at,
        env: env.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    }))
}

/// How the agent's clients find us: as the endpoint of every service, or as the proxy before AWS's own hosts.
fn way(to: &Endpoints, proxy: bool) -> Vec<(&'static str, String)> {
    let mut env = if proxy {
        vec![
            ("HTTPS_PROXY", to.proxy.clone()),
            // Our own listeners are reached directly, and so is everything else on this machine.
            ("NO_PROXY", "localhost,127.0.0.1,::1".to_owned()),
            // Node.js asks the variables above only where told to.
            ("NODE_USE_ENV_PROXY", "1".to_owned()),
        ]
    } else {
        vec![("AWS_ENDPOINT_URL", to.aws.clone()), ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true".to_owned())]
    };
    if proxy || to.aws.starts_with("https://") {
        env.push(("AWS_CA_BUNDLE", to.ca.clone()));
        env.push(("NODE_EXTRA_CA_CERTS", to.ca.clone()));
    }
    env
}

pub(super) async fn stop_session(call: Call<SessionId>) -> Result<Json<SessionView>, ApiError> {
    let by = call.signer()?.person.clone();
    let session = call.shared.engine.stop(call.of, by).await?;
    Ok(Json(SessionView::of(&session, call.shared.engine.now()?)))
}

pub(super) async fn stop_sessions(call: Call<(), (), StopRequest>) -> Result<Json<SessionList>, ApiError> {
    let by = call.signer()?.person.clone();
    let agent = match call.given {
        StopRequest { agent: Some(agent), all: false } => Some(agent),
        StopRequest { agent: None, all: true } => None,
        StopRequest { agent: Some(_), all: true } | StopRequest { agent: None, all: false } => {
            return Err(ApiError::usage("say whose sessions to stop: either an `agent`, or `all`"));
        }
    };
    let agent = agent.map(|it| it.parse::<AgentId>()).transpose();
    let agent = agent.map_err(|err| ApiError::usage(format!("`agent`: {err}")))?;
    let engine = &call.shared.engine;
    let (stopped, now) = (engine.stop_every(agent.as_ref(), by).await?, engine.now()?);
    Ok(Json(SessionList { sessions: stopped.iter().map(|it| SessionView::of(it, now)).collect() }))
}

pub(super) async fn break_glass(
    call: Call<SessionId, (), BreakGlassRequest>,
) -> Result<Json<ChangeView>, ApiError> {
    let usage = |err: &dyn std::fmt::Display| ApiError::usage(err.to_string());
    let signer = call.signer()?.clone();
    let asked = call.given;
    let request = GlassRequest {
        session: call.of,
        grant: asked.grant.map(|grant| grant.parse()).transpose().map_err(|err| usage(&err))?,
        waives: asked
            .waives
            .iter()
            .map(|rule| rule.parse())
            .collect::<Result<_, _>>()
            .map_err(|err| usage(&err))?,
        minutes: asked.minutes,
        ground: asked.ground.parse().map_err(|err| usage(&err))?,
        by: signer.person,
        signed: signer.proof,
    };
    let change = call.shared.engine.break_glass(request).await?;
    view(&call.shared, change.id).await
}
