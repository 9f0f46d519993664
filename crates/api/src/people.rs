//! The people listener. Every route stands in [`ROUTES`] with who may call it; the router is built from that table and
//! from nothing else, so a route without a guard cannot exist.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use approval::Act;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, Request, State},
    http::HeaderValue,
    response::{IntoResponse as _, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use engine::{Adopt, Candidate, Engine, Erase, GlassRequest, NewSession, Signer as StatementSigner};
use model::{ChangeId, ChangeState, Digest, EnrolledKey, PersonId, Presence, SessionId};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use store::Filter;
use tokio::sync::Semaphore;

use crate::{
    ApiError, Endpoints, MAX_BODY, MAX_BUNDLE, Shared,
    auth::{self, Signer},
    types::{
        AdoptRequest, BreakGlassRequest, BundleView, ChangeList, ChangeView, ConsistencyView, EraseRequest,
        GenesisView, SessionIssued, SessionList, SessionRequest, SessionView, SignRequest, SignedView,
        SimulateRequest, SimulationView, StatementView, TableView, UndoRequest,
    },
};

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

#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub access: Access,
    handler: Handler,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send>>;
type Handler = fn(Call) -> Answer;

/// One authenticated call.
#[derive(Debug)]
pub struct Call {
    shared: Shared,
    caller: Option<Signer>,
    path: HashMap<String, String>,
    query: HashMap<String, String>,
    body: Bytes,
}

macro_rules! routes {
    ($($method:literal $path:literal $access:ident $handler:ident;)*) => {
        pub const ROUTES: &[Route] = &[$(
            Route { method: $method, path: $path, access: Access::$access, handler: |call| Box::pin($handler(call)) },
        )*];
    };
}

routes! {
    "GET" "/v1/genesis" Public genesis;
    "GET" "/v1/checkpoint" Public checkpoint;
    "GET" "/v1/witnessed" Public witnessed;
    "GET" "/v1/consistency" Public consistency;
    "GET" "/v1/nonce" Public nonce;
    "GET" "/v1/person" Public person;
    "GET" "/v1/changes" Reader list_changes;
    "GET" "/v1/changes/{id}" Reader show_change;
    "GET" "/v1/changes/{id}/wait" Reader wait_change;
    "GET" "/v1/changes/{id}/statement" Reader statement;
    "POST" "/v1/changes/{id}/signatures" Enrolled sign;
    "POST" "/v1/changes/{id}/undo" Person undo;
    "POST" "/v1/changes/{id}/erase" Person erase;
    "POST" "/v1/bundles" Enrolled adopt;
    "GET" "/v1/bundles/{id}" Reader bundle;
    "POST" "/v1/simulations" Person simulate;
    "GET" "/v1/tables/{id}" Reader table;
    "GET" "/v1/sessions" Reader list_sessions;
    "GET" "/v1/sessions/{id}" Reader show_session;
    "POST" "/v1/sessions" Person new_session;
    "POST" "/v1/sessions/{id}/stop" Person stop_session;
    "POST" "/v1/sessions/{id}/break-glass" Person break_glass;
}

/// The people listener's router.
pub fn router(shared: Shared) -> Router {
    let mut methods: HashMap<&str, MethodRouter<Shared>> = HashMap::new();
    for route in ROUTES {
        let filter = if route.method == "POST" { MethodFilter::POST } else { MethodFilter::GET };
        let service = on(
            filter,
            move |State(shared): State<Shared>,
                  Path(path): Path<HashMap<String, String>>,
                  Query(query): Query<HashMap<String, String>>,
                  request: Request| async move {
                let (caller, body) = guard(route, &shared, request).await?;
                let engine = Arc::clone(&shared.engine);
                let mut answer = (route.handler)(Call { shared, caller, path, query, body }).await?;
                if route.access != Access::Public {
                    notify(&engine, &mut answer).await?;
                }
                Ok::<_, ApiError>(answer)
            },
        );
        let known = methods.remove(route.path);
        methods
            .insert(route.path, known.map_or_else(|| service.clone(), |known| known.merge(service.clone())));
    }
    methods
        .into_iter()
        .fold(Router::new(), |router, (path, service)| router.route(path, service))
        .with_state(shared)
}

/// Who is calling, where anyone must be known, and the body, where one is of use.
async fn guard(
    route: &Route,
    shared: &Shared,
    request: Request,
) -> Result<(Option<Signer>, Bytes), ApiError> {
    let (parts, body) = request.into_parts();
    match route.access {
        Access::Public => Ok((None, Bytes::new())),
        Access::Reader if auth::is_reader(shared, &parts.headers) => {
            Ok((None, auth::receive(body, MAX_BODY).await?))
        }
        Access::Reader | Access::Person | Access::Enrolled => {
            let has_a_bundle = matches!(route.path, "/v1/bundles" | "/v1/simulations");
            let most = if has_a_bundle { MAX_BUNDLE } else { MAX_BODY };
            let (signer, body) = auth::person(shared, &parts, body, most).await?;
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

fn json<T: Serialize>(value: T) -> Result<Response, ApiError> {
    Ok(Json(value).into_response())
}

impl Call {
    fn id<T: std::str::FromStr>(&self) -> Result<T, ApiError>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.path.get("id").map(String::as_str).unwrap_or_default();
        text.parse().map_err(|err: T::Err| ApiError::not_found(err.to_string()))
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body)
            .map_err(|err| ApiError::usage(format!("the body is not what is expected: {err}")))
    }

    fn signer(&self) -> Result<&Signer, ApiError> {
        self.caller.as_ref().ok_or_else(|| ApiError::not_authenticated("this needs a person's signature"))
    }

    fn person(&self) -> Option<PersonId> {
        self.caller.as_ref().map(|signer| signer.person.clone())
    }

    fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }
}

async fn genesis(call: Call) -> Result<Response, ApiError> {
    let engine = &call.shared.engine;
    json(GenesisView {
        genesis: engine.installation(),
        document: String::from_utf8_lossy(&engine.genesis().to_json()).into_owned(),
        profile: engine.bundle().profile().to_string(),
        bundle: Some(engine.bundle().digest()),
        checkpoint: engine.checkpoint(),
    })
}

async fn checkpoint(call: Call) -> Result<Response, ApiError> {
    Ok(call.shared.engine.checkpoint().into_response())
}

/// With the cosignatures of as many witnesses as the bundle asks for.
async fn witnessed(call: Call) -> Result<Response, ApiError> {
    let newest = call.shared.engine.witnesses().newest();
    Ok(newest.ok_or_else(|| ApiError::not_found("no checkpoint has been witnessed yet"))?.into_response())
}

async fn consistency(call: Call) -> Result<Response, ApiError> {
    let from = call.asked("from").and_then(|it| it.parse().ok());
    let from = from.ok_or_else(|| ApiError::usage("`from` is the size of the tree that is known"))?;
    let (checkpoint, proof) = call
        .shared
        .engine
        .consistency(from)
        .ok_or_else(|| ApiError::not_found(format!("this log never had {from} entries")))?;
    json(ConsistencyView { checkpoint, proof: proof.iter().map(hex::encode).collect() })
}

async fn nonce(call: Call) -> Result<Response, ApiError> {
    let mut chance = [0; 16];
    hex::decode_to_slice(call.shared.engine.nonce()?, &mut chance)
        .map_err(|_| model::Fault::Storage("the system's randomness cannot be read".to_owned()))?;
    json(json!({ "nonce": call.shared.nonces.issue(chance, call.shared.engine.now()?) }))
}

/// Whose key this is; the key itself is what one must have to ask.
async fn person(call: Call) -> Result<Response, ApiError> {
    let key = call.asked("key").unwrap_or_default();
    let key = BASE64_URL_SAFE_NO_PAD.decode(key).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let key =
        EnrolledKey(key.ok_or_else(|| ApiError::usage("`key` is the base64url of a public key's line"))?);
    let bundle = call.shared.engine.bundle();
    match bundle.roster().person_of(&key) {
        Some(person) => json(json!({ "person": person })),
        None => Err(ApiError::not_authenticated("this key is not enrolled here")),
    }
}

async fn list_changes(call: Call) -> Result<Response, ApiError> {
    let states = match call.asked("state") {
        None => Vec::new(),
        Some(wanted) => wanted
            .split(',')
            .map(|name| {
                ChangeState::ALL
                    .into_iter()
                    .find(|state| state.name() == name)
                    .ok_or_else(|| ApiError::usage(format!("`{}` is no state", model::sanitize(name, 40))))
            })
            .collect::<Result<_, _>>()?,
    };
    let filter = Filter { states, agent: None, session: None, limit: 500 };
    let changes = call
        .shared
        .engine
        .read(move |view| {
            let changes = view.changes(&filter)?;
            changes.iter().map(|change| Ok(ChangeView::of(change, &view.approvals(change.id)?))).collect()
        })
        .await?;
    json(ChangeList { changes })
}

async fn show_change(call: Call) -> Result<Response, ApiError> {
    let id: ChangeId = call.id()?;
    // Whoever looks at it will decide on what they saw.
    if let Some(person) = call.person() {
        call.shared.engine.open(id, Some(person)).await?;
    }
    json(view(&call.shared, id).await?)
}

async fn view(shared: &Shared, id: ChangeId) -> Result<ChangeView, ApiError> {
    let found = shared
        .engine
        .read(move |view| match view.change(id)? {
            Some(change) => Ok(Some(ChangeView::of(&change, &view.approvals(id)?))),
            None => Ok(None),
        })
        .await?;
    found.ok_or_else(|| ApiError::not_found(format!("no change {id}")))
}

async fn wait_change(call: Call) -> Result<Response, ApiError> {
    let id: ChangeId = call.id()?;
    wait(&call.shared, id, &call.query).await?;
    json(view(&call.shared, id).await?)
}

/// Waits until the change is no longer in the state asked about, at most a minute.
pub(crate) async fn wait(
    shared: &Shared,
    id: ChangeId,
    query: &HashMap<String, String>,
) -> Result<(), ApiError> {
    let seconds = query.get("seconds").and_then(|it| it.parse().ok()).unwrap_or(30);
    let state = query.get("state").map_or("held", String::as_str);
    let (mut moved, mut ending) = (shared.engine.changes_moved(), shared.engine.standing_down());
    let patience = tokio::time::sleep(Duration::from_secs(seconds.min(60)));
    tokio::pin!(patience);
    loop {
        moved.borrow_and_update();
        let found = shared.engine.read(move |view| Ok(view.change(id)?.map(|change| change.state))).await?;
        let now = found.ok_or_else(|| ApiError::not_found(format!("no change {id}")))?;
        if now.name() != state {
            return Ok(());
        }
        tokio::select! {
            () = &mut patience => return Ok(()),
            // As it stands: whoever waits asks again, and finds the next process.
            _ = ending.wait_for(|ending| *ending) => return Ok(()),
            changed = moved.changed() => if changed.is_err() { return Ok(()) },
        }
    }
}

/// The statement as it stands, for the signer named to read and sign on their own machine.
async fn statement(call: Call) -> Result<Response, ApiError> {
    let id: ChangeId = call.id()?;
    let need = |name: &str| call.asked(name).ok_or_else(|| ApiError::usage(format!("`{name}` is missing")));
    let act: Act =
        need("act")?.parse().map_err(|err: approval::UnknownAct| ApiError::usage(err.to_string()))?;
    let person: PersonId = need("person")?.parse().map_err(|err| ApiError::usage(format!("{err}")))?;
    let presence = match need("presence")? {
        "touched" => Presence::Touched,
        "file" => Presence::File,
        _ => return Err(ApiError::usage("`presence` is touched or file")),
    };
    let signer = StatementSigner {
        act,
        person,
        presence,
        checkpoint: need("checkpoint")?.to_owned(),
        reason: call.asked("reason").map(|it| model::sanitize(it, approval::Statement::MAX_REASON)),
    };
    let engine = &call.shared.engine;
    let opened = engine.open(id, call.person()).await?;
    json(StatementView { statement: engine.statement(&opened, &signer).to_text() })
}

async fn sign(call: Call) -> Result<Response, ApiError> {
    let id: ChangeId = call.id()?;
    let request: SignRequest = call.parse()?;
    let signed = call.shared.engine.sign(id, request.statement, request.signature).await?;
    json(SignedView { id: signed.change.id, state: signed.change.state, note: signed.note })
}

async fn undo(call: Call) -> Result<Response, ApiError> {
    let id: ChangeId = call.id()?;
    let by = call.signer()?.person.clone();
    let asked = if call.body.is_empty() { UndoRequest::default() } else { call.parse()? };
    let done = call.shared.engine.undo(id, asked.action, by).await?;
    json(view(&call.shared, done).await?)
}

async fn erase(call: Call) -> Result<Response, ApiError> {
    let of: ChangeId = call.id()?;
    let EraseRequest { action, ground } = call.parse()?;
    let ground = ground.parse().map_err(|err: model::GroundError| ApiError::usage(err.to_string()))?;
    let signer = call.signer()?;
    let (by, signed) = (signer.person.clone(), signer.proof.clone());
    let change = call.shared.engine.erase(Erase { of, step: action, ground, by, signed }).await?;
    json(view(&call.shared, change.id).await?)
}

/// Compiling a bundle and running its examples takes a processor: one at a time.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

async fn adopt(call: Call) -> Result<Response, ApiError> {
    let AdoptRequest { files, certificate, comparison } = call.parse()?;
    let comparison = comparison.map(String::into_bytes);
    let signer = call.signer()?;
    let (by, signed) = (signer.person.clone(), signer.proof.clone());
    let files = files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    let turn = ONE_AT_A_TIME.acquire().await;
    let read = tokio::task::spawn_blocking(move || Candidate::read(files, certificate.into_bytes())).await;
    drop(turn);
    let broke = |_| ApiError::usage("the bundle could not be read");
    let candidate = Arc::new(read.map_err(broke)??);
    let change = call.shared.engine.adopt(Adopt { candidate, comparison, by, signed }).await?;
    json(view(&call.shared, change.id).await?)
}

/// What is on record, judged again under a bundle that may come into force. It changes nothing and asks nobody.
async fn simulate(call: Call) -> Result<Response, ApiError> {
    let SimulateRequest { files, since } = call.parse()?;
    let files = files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    let _turn = ONE_AT_A_TIME.acquire().await;
    let read = tokio::task::spawn_blocking(move || engine::draft(&files)).await;
    let broke = |_| ApiError::usage("the bundle could not be read");
    let found = call.shared.engine.simulate(read.map_err(broke)??, since).await?;
    json(SimulationView::of(&found))
}

/// The files of a bundle that is, was or may come into force, for whoever wants to look at them before signing.
async fn bundle(call: Call) -> Result<Response, ApiError> {
    let digest: Digest = call.id()?;
    let library = Arc::clone(&call.shared.engine);
    let found = tokio::task::spawn_blocking(move || library.kept(digest)).await;
    let broke = |_| ApiError::not_found("the bundle could not be read");
    let kept = found.map_err(broke)?.map_err(ApiError::not_found)?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (certificate, comparison) = kept.shown.map(|it| (it.certificate, it.comparison)).unzip();
    json(BundleView {
        bundle: digest,
        files: kept.files.into_iter().map(|(path, bytes)| (path, text(bytes))).collect(),
        certificate: certificate.map(text),
        comparison: comparison.flatten().map(text),
    })
}

/// The operation table that a bundle rests on, for whoever wants to know what falls with another.
async fn table(call: Call) -> Result<Response, ApiError> {
    let digest: Digest = call.id()?;
    let engine = Arc::clone(&call.shared.engine);
    let found = tokio::task::spawn_blocking(move || engine.table(digest)).await;
    let broke = |_| ApiError::not_found("the operation table could not be read");
    json(TableView { table: digest, text: found.map_err(broke)?.map_err(ApiError::not_found)? })
}

async fn list_sessions(call: Call) -> Result<Response, ApiError> {
    let now = call.shared.engine.now()?;
    let sessions = call.shared.engine.read(|view| view.sessions()).await?;
    json(SessionList { sessions: sessions.iter().map(|session| SessionView::of(session, now)).collect() })
}

async fn show_session(call: Call) -> Result<Response, ApiError> {
    let id: SessionId = call.id()?;
    let now = call.shared.engine.now()?;
    let found = call.shared.engine.read(move |view| view.session(id)).await?;
    let session = found.ok_or_else(|| ApiError::not_found(format!("no session {id}")))?;
    json(SessionView::of(&session, now))
}

async fn new_session(call: Call) -> Result<Response, ApiError> {
    let asked: SessionRequest = call.parse()?;
    let signer = call.signer()?;
    let usage = |text: String| ApiError::usage(text);
    let (session, secret) = call
        .shared
        .engine
        .issue(NewSession {
            agent: asked.agent.parse().map_err(|err| usage(format!("{err}")))?,
            operator: asked.operator.parse().map_err(|err| usage(format!("{err}")))?,
            launcher: signer.person.clone(),
            task: asked.task,
            scope: asked.scope.parse().map_err(|err| usage(format!("{err}")))?,
            autonomy: match asked.autonomy.as_deref() {
                None => model::Autonomy::default(),
                Some(text) => text.parse().map_err(|err| usage(format!("{err}")))?,
            },
            ttl_s: asked.ttl_seconds,
            signed: signer.proof.clone(),
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
    json(SessionIssued {
        id: session.id,
        agent: session.chain.agent.to_string(),
        operator: session.chain.operator.clone(),
        expires_at: session.expires_at,
        env: env.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
    })
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

async fn stop_session(call: Call) -> Result<Response, ApiError> {
    let id: SessionId = call.id()?;
    let by = call.signer()?.person.clone();
    let session = call.shared.engine.stop(id, by).await?;
    json(SessionView::of(&session, call.shared.engine.now()?))
}

async fn break_glass(call: Call) -> Result<Response, ApiError> {
    let session: SessionId = call.id()?;
    let asked: BreakGlassRequest = call.parse()?;
    let usage = |err: &dyn std::fmt::Display| ApiError::usage(err.to_string());
    let signer = call.signer()?;
    let request = GlassRequest {
        session,
        grant: asked.grant.map(|grant| grant.parse()).transpose().map_err(|err| usage(&err))?,
        waives: asked
            .waives
            .iter()
            .map(|rule| rule.parse())
            .collect::<Result<_, _>>()
            .map_err(|err| usage(&err))?,
        minutes: asked.minutes,
        ground: asked.ground.parse().map_err(|err| usage(&err))?,
        by: signer.person.clone(),
        signed: signer.proof.clone(),
    };
    let change = call.shared.engine.break_glass(request).await?;
    json(view(&call.shared, change.id).await?)
}
