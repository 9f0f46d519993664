//! Every page and what it needs, as a table: who may ask for it, and whether it changes anything.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use api::{
    ApiError, Shared,
    health::Health,
    routes,
    table::{self as tables, Asked},
    types::SessionView,
};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::Query,
    http::{HeaderMap, Method, header::SET_COOKIE, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use engine::{Engine, IssueError, SignError};
use model::{AgentId, PersonId, SessionId, Timestamp};
use oidc::Provider;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{
    assets,
    changes::{change, sign, statement},
    enrolling::{enrol, enrol_page},
    estate::Estate,
    events::{Feed, Queue},
    faces::{ask, plan, runs},
    guard,
    log::{audit, entry, entry_receipt},
    logins::{By, Logins, Who},
    pages::{
        Elsewhere, Frame, Said,
        costs::CostsPage,
        entrance::SignIn,
        findings::FindingsPage,
        health::HealthPage,
        inbox::{Inbox, MOST},
        policy::{Policy, Proof},
        render,
        session::SessionPage,
        sessions::{self, Sessions},
    },
    shelf::Shelf,
    sign_on::{SignOn, begin, come_back},
    text::Shown,
    what_if,
};

/// Who may ask for a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Says nothing of any change or session; of people only what a browser needs that makes a key: the identifiers of their passkeys.
    Public,
    /// A person who is signed in.
    Viewer,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response, Refused>> + Send>>;

/// What answers a route.
#[derive(Clone, Copy, Debug)]
pub struct Handler(fn(Call) -> Answer);

pub type Route = tables::Route<Access, Handler>;

macro_rules! page {
    ($name:ident) => {
        Handler(|call| Box::pin($name(call)))
    };
}

routes! { Handler, page {
    Get "/" Public home;
    Get "/assets/{digest}/{name}" Public asset;
    Get "/signin" Public sign_in_page;
    Post "/signin" Public sign_in;
    Get "/signin/with/{provider}" Public begin;
    Get "/signin/with/{provider}/return" Public come_back;
    Post "/signout" Viewer sign_out;
    Get "/enrol" Public enrol_page;
    Post "/enrol" Public enrol;
    Get "/inbox" Viewer inbox;
    Get "/events" Viewer events;
    Get "/changes/{id}" Viewer change;
    Get "/changes/{id}/statement" Viewer statement;
    Post "/changes/{id}/sign" Viewer sign;
    Get "/sessions" Viewer sessions;
    Get "/sessions/{id}" Viewer session;
    Post "/sessions/stop" Viewer stop_every;
    Post "/sessions/{id}/stop" Viewer stop;
    Get "/findings" Viewer findings;
    Get "/costs" Viewer costs;
    Get "/plan" Viewer plan;
    Get "/ask" Viewer ask;
    Get "/runs" Viewer runs;
    Get "/policy" Viewer policy;
    Get "/audit" Viewer audit;
    Get "/audit/{id}" Viewer entry;
    Get "/audit/{id}/receipt" Viewer entry_receipt;
    Get "/health" Viewer health;
}}

#[derive(Debug)]
struct Console {
    shared: Shared,
    health: Arc<Health>,
    logins: Logins,
    sign_on: SignOn,
    feed: Arc<Feed>,
    address: String,
    estate: Arc<Estate>,
    shelf: Option<Arc<dyn Shelf>>,
    /// Whose turn it is to take a snapshot or a folder apart.
    desk: Arc<Semaphore>,
}

/// How people come in.
#[derive(Debug)]
pub struct Entrance {
    /// Where their browsers have the console, without a path.
    pub address: String,
    /// Ways to sign in besides a passkey.
    pub providers: Vec<Provider>,
    /// Drawn anew at each start.
    pub secret: [u8; 32],
}

/// One request.
pub(crate) struct Call {
    console: Arc<Console>,
    /// Of an [`Access::Viewer`] route, always.
    viewer: Option<PersonId>,
    path: HashMap<String, String>,
    pub(crate) query: HashMap<String, String>,
    pub(crate) parts: Parts,
    body: Bytes,
}

/// The console's part of the people listener. `shelf`: where the agent's specifications lie, if somebody has said so.
pub fn router(
    shared: Shared,
    health: Arc<Health>,
    entrance: Entrance,
    estate: Arc<Estate>,
    shelf: Option<Arc<dyn Shelf>>,
) -> Router {
    let Entrance { address, providers, secret } = entrance;
    let feed = Arc::new(Feed::of(&shared.engine));
    let sign_on = SignOn::of(providers, secret);
    let (logins, desk) = (Logins::default(), Arc::new(Semaphore::new(1)));
    let console = Arc::new(Console { shared, health, logins, sign_on, feed, address, estate, shelf, desk });
    tables::router(ROUTES, console, answer)
}

async fn answer(route: &'static Route, console: Arc<Console>, asked: Result<Asked, ApiError>) -> Response {
    let page = asked.as_ref().is_ok_and(|asked| wants_a_page(&asked.parts));
    let way = asked.as_ref().ok().and_then(|asked| way(&asked.parts));
    let mut answer = match called(route, console, asked).await {
        Ok(answer) => answer,
        Err(refused) => refused.shown(page, way),
    };
    guard::harden(answer.headers_mut());
    answer
}

async fn called(
    route: &Route,
    console: Arc<Console>,
    asked: Result<Asked, ApiError>,
) -> Result<Response, Refused> {
    let Asked { path, parts, body } = asked?;
    if guard::is_foreign(&parts.method, &parts.headers, &console.address) {
        return Err(Refused::Foreign);
    }
    let viewer = match route.access {
        Access::Public => None,
        Access::Viewer => Some(console.viewer(&parts.headers)?),
    };
    let query = Query::try_from_uri(&parts.uri);
    let Query(query) = query.map_err(|err| ApiError::usage(format!("the query cannot be read: {err}")))?;
    let body = listener::collect(body, MAX_BODY).await.map_err(ApiError::from)?;
    (route.handler.0)(Call { console, viewer, path, query, parts, body }).await
}

impl Console {
    /// Who is signed in, where the roster still has them as a person.
    fn viewer(&self, headers: &HeaderMap) -> Result<PersonId, Refused> {
        let now = self.now()?;
        let who = guard::token(headers).and_then(|token| self.logins.used(token, now));
        let who = who.filter(|it| it.stands_in(self.shared.engine.bundle().roster()));
        Ok(who.ok_or(Refused::NotSignedIn)?.person)
    }

    fn now(&self) -> Result<Timestamp, Refused> {
        self.shared.engine.now().map_err(|fault| Refused::Api(fault.into()))
    }
}

/// Why there is no answer.
pub(crate) enum Refused {
    NotSignedIn,
    /// Another site's page may have sent it.
    Foreign,
    Api(ApiError),
}

impl<E: Into<ApiError>> From<E> for Refused {
    fn from(err: E) -> Self {
        Self::Api(err.into())
    }
}

impl Refused {
    /// As a page, or for a script.
    /// `way`: of where they were going, to come back to once they are signed in.
    fn shown(self, page: bool, way: Option<String>) -> Response {
        let error = match self {
            Self::NotSignedIn if page => {
                let way = way.map(|cookie| [(SET_COOKIE, cookie)]);
                return (way, Redirect::to("/signin")).into_response();
            }
            Self::NotSignedIn => ApiError::not_authenticated("nobody is signed in here: sign in again"),
            Self::Foreign => ApiError::may_not("this was not sent from a page of this site"),
            Self::Api(error) => error,
        };
        if !page {
            return error.into_response();
        }
        let status = error.status();
        let body = error.into_body();
        let said = Said {
            frame: Frame::new(None, ""),
            title: "That did not work".to_owned(),
            message: Shown::of(body.message),
            hint: body.hint.map(Shown::of),
        };
        (status, render(&said)).into_response()
    }
}

/// A cookie that remembers this page; the inbox is where everybody comes to anyway. Whom another site's page led here comes back as
/// somebody who was led.
fn way(parts: &Parts) -> Option<String> {
    let place = guard::place(parts);
    if parts.method != Method::GET || ["/", "/inbox"].contains(&place) {
        return None;
    }
    if guard::was_led(parts) {
        let joint = if place.contains('?') { '&' } else { '?' };
        return guard::set_way(&format!("{place}{joint}{}", guard::LED));
    }
    guard::set_way(place)
}

/// Whether a browser asks for a whole page, rather than a script for an answer.
fn wants_a_page(parts: &Parts) -> bool {
    let accepts = parts.headers.get("accept").and_then(|it| it.to_str().ok()).unwrap_or_default();
    accepts.contains("text/html")
}

impl Call {
    pub(crate) fn engine(&self) -> &Engine {
        &self.console.shared.engine
    }

    pub(crate) fn sign_on(&self) -> &SignOn {
        &self.console.sign_on
    }

    pub(crate) fn now(&self) -> Result<Timestamp, Refused> {
        self.console.now()
    }

    /// Of the path, by its name in the route.
    pub(crate) fn part(&self, name: &str) -> &str {
        self.path.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The cookie of a login that begins now.
    pub(crate) fn begin_login(&self, who: Who) -> Result<String, Refused> {
        let chance = [self.engine().nonce()?, self.engine().nonce()?].concat();
        self.console.logins.begin(&chance, who, self.now()?);
        Ok(guard::set_cookie(&chance))
    }

    /// The body, as JSON.
    pub(crate) fn sent<T: serde::de::DeserializeOwned>(&self) -> Result<T, Refused> {
        parse(&self.body)
    }

    pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Display>>(&self) -> Result<T, Refused> {
        Ok(self.part("id").parse().map_err(|err: T::Err| ApiError::not_found(err.to_string()))?)
    }

    pub(crate) fn person(&self) -> Result<PersonId, Refused> {
        self.viewer.clone().ok_or(Refused::NotSignedIn)
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn shared_engine(&self) -> Arc<Engine> {
        Arc::clone(&self.console.shared.engine)
    }

    pub(crate) fn estate(&self) -> &Estate {
        &self.console.estate
    }

    pub(crate) fn shelf(&self) -> Option<&Arc<dyn Shelf>> {
        self.console.shelf.as_ref()
    }

    /// Beside the requests and one at a time, whoever asks: what a large account takes of memory and time, it takes once.
    pub(crate) async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        let broken = |err: String| Refused::Api(ApiError::unexpected(format!("the page broke off: {err}")));
        let turn = Arc::clone(&self.console.desk).acquire_owned().await;
        let turn = turn.map_err(|err| broken(err.to_string()))?;
        // The turn lasts as long as the work, whether or not anybody still waits for it.
        let worked = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        worked.await.map_err(|err| broken(err.to_string()))
    }

    /// With what everybody must hear.
    pub(crate) async fn frame(&self, here: &'static str) -> Result<Frame, Refused> {
        let engine = &self.console.shared.engine;
        let mut frame = Frame::new(self.viewer.clone(), here);
        if self.viewer.is_some() {
            frame.notices = crate::text::all(engine.notices().await?);
        }
        frame.foot = Shown::of(format!(
            "{} · checkpoint {}",
            engine.installation().short(),
            engine.checkpoint_parts().join(" ")
        ));
        frame.checkpoint = Some(engine.checkpoint_line());
        frame.site.clone_from(&engine.genesis().site);
        let elsewhere = frame.site.as_ref().and_then(|site| guard::elsewhere(&self.parts, site));
        frame.elsewhere = elsewhere.map(|host| Elsewhere {
            host: Shown::of(host),
            there: format!("{}{}", self.console.address, guard::place(&self.parts)),
        });
        Ok(frame)
    }
}

/// A statement and a signature; forms are shorter.
const MAX_BODY: usize = 256 * 1024;

async fn home(_: Call) -> Result<Response, Refused> {
    Ok(Redirect::to("/inbox").into_response())
}

async fn asset(call: Call) -> Result<Response, Refused> {
    let found = assets::serve(call.parts.uri.path());
    Ok(found.ok_or_else(|| ApiError::not_found("no such file"))?)
}

async fn sign_in_page(call: Call) -> Result<Response, Refused> {
    let installation = call.console.shared.engine.installation();
    let page = SignIn {
        frame: call.frame("").await?,
        genesis: installation.to_string(),
        genesis_short: installation.short(),
        providers: call.sign_on().names(),
    };
    Ok(render(&page))
}

/// The request is signed as any that a person makes, and goes on record before they see anything.
async fn sign_in(call: Call) -> Result<Response, Refused> {
    let body = Body::from(call.body.clone());
    let api::Signer { person, key, proof } =
        api::authenticated(&call.console.shared, &call.parts, body).await?;
    let signed_in = call.engine().sign_in(person.clone(), proof).await;
    signed_in.map_err(|err: SignError| ApiError::from(err))?;
    let cookie = call.begin_login(Who { person: person.clone(), by: By::Key(key) })?;
    tracing::info!(%person, "signed in to the console");
    Ok(([(SET_COOKIE, cookie)], Json(json!({ "person": person }))).into_response())
}

async fn sign_out(call: Call) -> Result<Response, Refused> {
    let (person, logins) = (call.person()?, &call.console.logins);
    if call.query.contains_key("everywhere") {
        logins.end_all(&person);
    } else if let Some(token) = guard::token(&call.parts.headers) {
        logins.end(token);
    }
    Ok(([(SET_COOKIE, guard::clear_cookie())], Redirect::to("/signin")).into_response())
}

pub(crate) fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    Ok(serde_json::from_slice(body)
        .map_err(|err| ApiError::usage(format!("the body is not what is expected: {err}")))?)
}

async fn inbox(call: Call) -> Result<Response, Refused> {
    // Whoever was going somewhere else when they had to sign in goes there now.
    if let Some(way) = guard::way(&call.parts.headers).filter(|_| wants_a_page(&call.parts)) {
        return Ok(([(SET_COOKIE, guard::clear_way())], Redirect::to(&way)).into_response());
    }
    let engine = &call.console.shared.engine;
    let before = match call.query.get("before") {
        Some(id) => Some(id.parse().map_err(|err: model::IdError| ApiError::usage(err.to_string()))?),
        None => None,
    };
    // Whatever moves from here on, the page's stream of events tells it.
    let seen = call.console.feed.number();
    let queue = Queue::of(engine, before).await?;
    let (older, rows) = (queue.more.then(|| queue.end()).flatten(), queue.rows(engine));
    let more = queue.all > u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let (frame, now) = (call.frame("Inbox").await?, call.now()?.millis());
    Ok(render(&Inbox { frame, rows, all: queue.all, more, older, before, seen, most: MOST, now }))
}

async fn events(call: Call) -> Result<Response, Refused> {
    let console = Arc::clone(&call.console);
    let token = guard::token(&call.parts.headers).unwrap_or_default().to_owned();
    let of = Arc::clone(&console);
    let may = move || {
        let now = of.shared.engine.now().ok();
        let who = now.and_then(|now| of.logins.holds(&token, now));
        who.is_some_and(|it| it.stands_in(of.shared.engine.bundle().roster()))
    };
    // After a break the browser says by itself what it heard last (HTML §9.2.4); what is no number is none of ours.
    let last = call.parts.headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let last = last.or_else(|| call.query.get("seen").map(String::as_str));
    Ok(console.feed.listen(last.map(|it| it.parse().unwrap_or(0)), may))
}

async fn sessions(call: Call) -> Result<Response, Refused> {
    let now = call.console.now()?;
    let read = move |view: &store::View<'_>| {
        let all = view.sessions()?;
        let live: Vec<SessionId> = all.iter().filter(|it| it.closed(now).is_none()).map(|it| it.id).collect();
        let mut lately = HashMap::new();
        for id in live.into_iter().rev().take(sessions::MOST) {
            lately.insert(id, view.changes(&sessions::lately(id))?);
        }
        Ok((all, lately))
    };
    let (all, lately) = call.console.shared.engine.read(read).await?;
    let views = all.iter().map(|session| SessionView::of(session, now)).collect();
    Ok(render(&Sessions::of(call.frame("Sessions").await?, views, &lately, now)))
}

async fn session(call: Call) -> Result<Response, Refused> {
    let (id, now): (SessionId, _) = (call.id()?, call.console.now()?);
    let session = api::people::look_at(call.engine(), id).await?;
    Ok(render(&SessionPage::of(call.frame("Sessions").await?, &session, now)))
}

/// Taking something away from an agent needs no signature; who did it is on the record.
async fn stop(call: Call) -> Result<Response, Refused> {
    let (id, by): (SessionId, _) = (call.id()?, call.person()?);
    let stopped = call.console.shared.engine.stop(id, by).await;
    stopped.map_err(|err: IssueError| ApiError::from(err))?;
    Ok(Redirect::to("/sessions").into_response())
}

/// Those of one agent, or of all.
async fn stop_every(call: Call) -> Result<Response, Refused> {
    let by = call.person()?;
    let agent = call.query.get("agent").map(|it| it.parse::<AgentId>()).transpose();
    let agent = agent.map_err(|err| ApiError::usage(format!("`agent`: {err}")))?;
    let stopped = call.console.shared.engine.stop_every(agent.as_ref(), by).await;
    stopped.map_err(|err: IssueError| ApiError::from(err))?;
    Ok(Redirect::to("/sessions").into_response())
}

async fn findings(call: Call) -> Result<Response, Refused> {
    let (seen, now) = (call.console.estate.seen(), call.now()?);
    Ok(render(&FindingsPage::of(call.frame("Findings").await?, &seen, now)))
}

async fn costs(call: Call) -> Result<Response, Refused> {
    let (seen, now) = (call.console.estate.seen(), call.now()?);
    let by = call.query.get("by").map_or("service", String::as_str);
    Ok(render(&CostsPage::of(call.frame("Findings").await?, &seen, by, now)))
}

async fn policy(call: Call) -> Result<Response, Refused> {
    let (bundle, now) = (call.console.shared.engine.bundle(), call.console.now()?);
    let proof = Proof::of(call.console.shared.engine.proof_at_hand().await);
    let mut page = Policy::of(call.frame("Policy").await?, &bundle, proof);
    page.account = call.query.get("account").map(|it| model::sanitize(it.trim(), 64)).unwrap_or_default();
    if let Some(asked) = call.query.get("request") {
        page.asked.clone_from(asked);
        page.answered = what_if::answered(&bundle, asked, &page.account, now);
    }
    Ok(render(&page))
}

async fn health(call: Call) -> Result<Response, Refused> {
    let report = call.console.health.report().await;
    Ok(render(&HealthPage::of(call.frame("Health").await?, &report)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What each answers to whom, and leaves in the ledger, is tried from outside over that list.
    #[test]
    fn every_route_is_listed() {
        let listed = include_str!("../../testkit/tests/e2e/routes.txt");
        let listed = listed.lines().filter_map(|line| {
            let mut parts = line.split_whitespace();
            Some((parts.next()?, parts.next()?))
        });
        let listed: BTreeSet<_> = listed
            .filter(|(method, path)| ["GET", "POST"].contains(method) && !path.starts_with("/v1/"))
            .collect();
        let routes: BTreeSet<_> = ROUTES.iter().map(|route| (route.method.name(), route.path)).collect();
        assert_eq!(routes, listed);
        for route in ROUTES {
            let opens = matches!(route.path, "/enrol" | "/" | "/assets/{digest}/{name}")
                || route.path.starts_with("/signin");
            assert_eq!(route.access == Access::Public, opens, "{}", route.path);
        }
    }
}
