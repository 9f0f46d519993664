//! Every page and what it needs, as a table: who may ask for it, and whether it changes anything.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use api::{
    ApiError, Shared,
    health::Health,
    routes,
    table::{self as tables, Asked},
    types::{ChangeView, SessionView},
};
use approval::{
    Act, Statement,
    passkey::{RpId, RpIdError},
};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::Query,
    http::{HeaderMap, header::SET_COOKIE, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use engine::{Engine, IssueError, SignError, Signer};
use model::{
    AgentId, Approval, Change, ChangeId, ChangeState, PersonId, Presence, SessionId, Timestamp, Verdict,
};
use oidc::Provider;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{
    assets,
    estate::Estate,
    events::{Feed, Queue},
    faces::{ask, plan, runs},
    guard,
    log::{audit, entry, receipt},
    logins::{By, Logins, Who},
    pages::{
        Elsewhere, Frame, Said,
        change::{ChangePage, Sign},
        costs::CostsPage,
        entrance::{Enrol, SignIn},
        findings::FindingsPage,
        health::HealthPage,
        inbox::Inbox,
        policy::{Policy, Proof},
        render,
        session::SessionPage,
        sessions::{self, Sessions},
    },
    shelf::Shelf,
    sign_on::{SignOn, begin, come_back},
    text::Shown,
    timeline, what_if,
};

/// Who may ask for a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Says nothing of any change, person or session.
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
    Get "/audit/{id}/receipt" Viewer receipt;
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
    let mut answer = match called(route, console, asked).await {
        Ok(answer) => answer,
        Err(refused) => refused.shown(page),
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
    if guard::is_foreign(&parts.method, &parts.headers) {
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
    fn shown(self, page: bool) -> Response {
        let error = match self {
            Self::NotSignedIn if page => return Redirect::to("/signin").into_response(),
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

/// Whether a browser asks for a whole page, rather than a script for an answer.
fn wants_a_page(parts: &Parts) -> bool {
    let accepts = parts.headers.get("accept").and_then(|it| it.to_str().ok()).unwrap_or_default();
    accepts.contains("text/html")
}

impl Call {
    pub(crate) fn engine(&self) -> &Engine {
        &self.console.shared.engine
    }

    /// For work that goes on beside the request.
    pub(crate) fn own_engine(&self) -> Arc<Engine> {
        Arc::clone(&self.console.shared.engine)
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

    fn id<T: std::str::FromStr<Err: std::fmt::Display>>(&self) -> Result<T, Refused> {
        Ok(self.part("id").parse().map_err(|err: T::Err| ApiError::not_found(err.to_string()))?)
    }

    fn person(&self) -> Result<PersonId, Refused> {
        self.viewer.clone().ok_or(Refused::NotSignedIn)
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

async fn enrol_page(call: Call) -> Result<Response, Refused> {
    let genesis = call.console.shared.engine.installation().to_string();
    Ok(render(&Enrol { frame: call.frame("").await?, genesis }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    authenticator_data: String,
    site: String,
}

/// The line of a passkey that a browser has made. Nothing is kept of it: it counts once it stands in an adopted roster.
async fn enrol(call: Call) -> Result<Response, Refused> {
    let Made { authenticator_data, site } = parse(&call.body)?;
    let usage = |err: String| ApiError::usage(err);
    let data = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, authenticator_data)
        .map_err(|err| usage(format!("`authenticator_data` is no base64url: {err}")))?;
    let site: RpId = site.parse().map_err(|err: RpIdError| usage(err.to_string()))?;
    let own = call.engine().genesis().site.as_ref();
    if let Some(own) = own.filter(|own| RpId::from(*own) != site) {
        let why = format!("a passkey of `{site}` would be of no use: they work at `{own}` alone");
        return Err(usage(why).into());
    }
    let made = approval::passkey::made(site, &data).map_err(|err| usage(err.to_string()))?;
    Ok(Json(json!({ "line": made.to_key().0 })).into_response())
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    Ok(serde_json::from_slice(body)
        .map_err(|err| ApiError::usage(format!("the body is not what is expected: {err}")))?)
}

async fn inbox(call: Call) -> Result<Response, Refused> {
    let engine = &call.console.shared.engine;
    let before = match call.query.get("before") {
        Some(id) => Some(id.parse().map_err(|err: model::IdError| ApiError::usage(err.to_string()))?),
        None => None,
    };
    let queue = Queue::of(engine, before).await?;
    let older = queue.more.then(|| queue.end()).flatten();
    let frame = call.frame("Inbox").await?;
    let page = Inbox { frame, rows: queue.rows(engine), all: queue.all, older, newest: before.is_none() };
    Ok(render(&page))
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
    Ok(console.feed.listen(may))
}

async fn change(call: Call) -> Result<Response, Refused> {
    let (id, viewer): (ChangeId, _) = (call.id()?, call.person()?);
    let (engine, now) = (Arc::clone(&call.console.shared.engine), call.console.now()?);
    // Whoever looks at it will decide on what they saw.
    let opened = engine.open(id, Some(viewer.clone())).await?;
    let change = opened.as_change().clone();
    let (approvals, recorded) = {
        let change = change.clone();
        let both = move |view: &store::View<'_>| {
            let approvals = view.approvals(id)?;
            let recorded = view.recorded_of(id, &timeline::times(&change, &approvals))?;
            Ok((approvals, recorded))
        };
        engine.read(both).await?
    };
    let happened = timeline::timeline(&change, &recorded);
    let mut could = engine.could_sign(&change);
    could.retain(|person| !approvals.iter().any(|it| it.person == *person));
    let sign = matches!(change.state, ChangeState::Held | ChangeState::Approved).then(|| {
        let signer = signer(&call, Act::Approve, None, viewer.clone());
        let statement = engine.statement(&opened, &signer);
        let signed = approvals.iter().find(|it| it.person == viewer);
        let signed = signed.filter(|it| !adds_a_touch(&change, it));
        let signed = signed.map(|_| "you have approved it already".to_owned());
        let may_not = engine.may_sign(&change, &viewer).err().map(|why| why.to_string()).or(signed);
        let keys = engine.bundle().roster().people.get(&viewer).map(|it| it.keys.clone()).unwrap_or_default();
        let has_passkey = keys.iter().any(|key| key.0.starts_with("passkey "));
        Sign::of(&statement, &change, may_not, has_passkey)
    });
    if !matches!(change.state, ChangeState::Held | ChangeState::Approved) {
        could.clear();
    }
    let view = ChangeView::of(&change, &approvals);
    Ok(render(&ChangePage::of(call.frame("Inbox").await?, &change, &view, could, sign, &happened, now)))
}

/// Whether a passkey would show of somebody who has approved what they have not shown, and what is asked for.
fn adds_a_touch(change: &Change, given: &Approval) -> bool {
    let asked = matches!(&change.verdict, Verdict::Hold(hold) if hold.requirement.touched > 0);
    asked && given.given().iter().all(|it| it.presence == Presence::File)
}

/// With the checkpoint that the signer's own browser keeps, where it says which: a page's first request cannot. Whether it is
/// one of this log's is asked when it comes back signed.
fn signer(call: &Call, act: Act, reason: Option<String>, person: PersonId) -> Signer {
    let kept = call.query.get("checkpoint").cloned();
    let checkpoint = kept.unwrap_or_else(|| call.console.shared.engine.checkpoint_parts().join(" "));
    Signer { act, person, presence: Presence::Touched, checkpoint, reason }
}

/// For a veto, whose own words stand in it, and for an approval with what the browser keeps of the log.
async fn statement(call: Call) -> Result<Response, Refused> {
    let (id, viewer): (ChangeId, _) = (call.id()?, call.person()?);
    let asked = call.query.get("act").map(String::as_str).unwrap_or_default();
    let act: Act = asked.parse().map_err(|err: approval::UnknownAct| ApiError::usage(err.to_string()))?;
    let reason = call.query.get("reason").map(|it| model::sanitize(it, Statement::MAX_REASON));
    let engine = &call.console.shared.engine;
    let opened = engine.open(id, Some(viewer.clone())).await?;
    let statement = engine.statement(&opened, &signer(&call, act, reason, viewer)).to_text();
    Ok(Json(json!({ "statement": statement })).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    statement: String,
    signature: String,
}

/// The signature says who signs; being signed in is not asked what it is worth.
async fn sign(call: Call) -> Result<Response, Refused> {
    let id: ChangeId = call.id()?;
    let engine = Arc::clone(&call.console.shared.engine);
    let Signed { statement, signature } = parse(&call.body)?;
    let signed = engine.sign(id, statement, signature).await.map_err(|err: SignError| ApiError::from(err))?;
    Ok(Json(json!({ "id": id, "state": signed.change.state, "note": signed.note })).into_response())
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
