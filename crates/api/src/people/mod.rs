//! The people listener's API. Every route stands in [`ROUTES`] with who may call it, what it takes and what it answers; the
//! router and the description of the API ([`crate::openapi`]) are built from that table and from nothing else, so a route
//! without a guard cannot exist, and none that is described otherwise than it is.

mod bundles;
mod call;
mod changes;
mod record;
mod sessions;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    http::{HeaderValue, request::Parts},
    response::{IntoResponse as _, Response},
};
use engine::Engine;

use self::{
    bundles::{adopt, bundle, simulate, table},
    call::{Handler, Raw, handled},
    changes::{erase, list_changes, show_change, sign, statement, undo, wait_change},
    record::{checkpoint, consistency, genesis, nonce, openapi, person, witnessed},
    sessions::{break_glass, list_sessions, new_session, show_session, stop_session, stop_sessions},
};
use crate::{
    ApiError, MAX_BODY, Shared,
    auth::{self, Signer},
    routes,
    table::{self as tables, Asked},
};

pub(crate) use self::call::{Shape, understood};
pub(crate) use self::changes::{Wait, wait};
pub use self::sessions::look_at;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Says nothing of any change, person or session.
    Public,
    /// A signed request, or the token of whoever can read the installation's folder.
    Reader,
    /// A request signed by an enrolled person.
    Person,
    /// Likewise, or by a recovery key: what takes part in a recovery.
    Enrolled,
}

pub type Route = tables::Route<Access, Handler>;

routes! { Handler, handled {
    Get "/v1/openapi.json" Public openapi []
        "This description.";
    Get "/v1/genesis" Public genesis []
        "Which installation this is, and which bundle is in force.";
    Get "/v1/checkpoint" Public checkpoint []
        "The newest checkpoint of the log, as a signed note (C2SP tlog-checkpoint).";
    Get "/v1/witnessed" Public witnessed [404]
        "The newest checkpoint with the cosignatures of as many witnesses as the bundle asks for; none, where there is none yet.";
    Get "/v1/consistency" Public consistency [404]
        "That the log as it is now contains the log as somebody knew it.";
    Get "/v1/nonce" Public nonce []
        "What one signed request has to contain; for a minute, and once.";
    Get "/v1/person" Public person [401]
        "Whose key this is.";
    Get "/v1/changes" Reader list_changes []
        "Changes, the newest first.";
    Get "/v1/changes/{id}" Reader show_change []
        "One change. Whoever looks at it as a person will decide on what they saw: from then on nothing joins it.";
    Get "/v1/changes/{id}/wait" Reader wait_change []
        "The change once it is no longer in the state asked about, or once the time is over.";
    Get "/v1/changes/{id}/statement" Reader statement []
        "The statement as it stands, for the person named to read and to sign on a machine of their own.";
    Post "/v1/changes/{id}/signatures" Enrolled sign [403 409 429]
        "Takes a signature over a statement: an approval, a veto, or from its operator a reopening.";
    Post "/v1/changes/{id}/undo" Person undo [403 409]
        "Carries out the captured inverse of one action, under the operator's own grant. Without a body: of the only one.";
    Post "/v1/changes/{id}/erase" Person erase [403 409]
        "Asks for what is kept of an action (its answer, its inverse) to be erased. Two people have to agree.";
    Post "/v1/bundles" Enrolled adopt [403 409 422]
        "Asks for a bundle to come into force, or brings into force one that people have agreed to.";
    Get "/v1/bundles/{id}" Reader bundle []
        "The files of a bundle that is, was or may come into force.";
    Post "/v1/simulations" Person simulate [422]
        "What is on record, judged again under another bundle. It changes nothing and asks nobody.";
    Get "/v1/tables/{id}" Reader table []
        "An operation table that a bundle rests on.";
    Get "/v1/sessions" Reader list_sessions []
        "Every session there is, with how it stands.";
    Get "/v1/sessions/{id}" Reader show_session []
        "One session, with what it read, what came of what it asked for, and what it was refused.";
    Post "/v1/sessions" Person new_session [403 404]
        "Opens a session for an agent. The only answer that ever holds a secret.";
    Post "/v1/sessions/stop" Person stop_sessions [403 404]
        "Stops all live sessions of one agent, or everybody's, and tells which these were.";
    Post "/v1/sessions/{id}/stop" Person stop_session [403]
        "Stops a session: its credentials work nowhere any more.";
    Post "/v1/sessions/{id}/break-glass" Person break_glass [403 409]
        "Asks two others to give a session more than its own for a while. It is loud.";
}}

/// The router of the API.
pub fn router(shared: Shared) -> Router {
    tables::router(ROUTES, shared, answer)
}

async fn answer(route: &'static Route, shared: Shared, asked: Result<Asked, ApiError>) -> Response {
    match called(route, shared, asked).await {
        Ok(answer) => answer,
        Err(error) => error.into_response(),
    }
}

async fn called(route: &Route, shared: Shared, asked: Result<Asked, ApiError>) -> Result<Response, ApiError> {
    let Asked { path, parts, body } = asked?;
    let engine = Arc::clone(&shared.engine);
    let (caller, body) = guard(route, &shared, &parts, body).await?;
    let mut answer = (route.handler.answer)(Raw { shared, caller, path, uri: parts.uri, body }).await?;
    if route.access != Access::Public {
        notify(&engine, &mut answer).await?;
    }
    Ok(answer)
}

/// Who is calling, where anyone must be known, and the body, where one is of use.
async fn guard(
    route: &Route,
    shared: &Shared,
    parts: &Parts,
    body: axum::body::Body,
) -> Result<(Option<Signer>, Bytes), ApiError> {
    match route.access {
        Access::Public => Ok((None, Bytes::new())),
        Access::Reader if auth::is_reader(shared, &parts.headers) => {
            Ok((None, auth::receive(body, MAX_BODY).await?))
        }
        Access::Reader | Access::Person | Access::Enrolled => {
            let (signer, body) = auth::person(shared, parts, body, (route.handler.most)()).await?;
            if route.access == Access::Person {
                shared.engine.is_person(&signer.person).map_err(|why| ApiError::may_not(why.to_string()))?;
            }
            Ok((Some(signer), body))
        }
    }
}

/// What everybody must hear of who can still object, with whatever they asked.
async fn notify(engine: &Engine, answer: &mut Response) -> Result<(), ApiError> {
    for notice in engine.notices().await? {
        if let Ok(notice) = HeaderValue::from_str(&notice) {
            answer.headers_mut().append(NOTICE_HEADER, notice);
        }
    }
    Ok(())
}

/// A sentence that the client shows; one header each.
pub const NOTICE_HEADER: &str = "countersign-notice";
