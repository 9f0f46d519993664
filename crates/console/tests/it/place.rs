//! An installation in this process with its people listener up: an operator, two approvers, an agent, and no cloud.

use std::{path::Path, sync::Arc};

use api::{Endpoints, Nonces, Shared, health::Health};
use console::{Entrance, Estate, Seen};
use engine::{Engine, Gathered, MasterKey, NewSession, Parts, Shelf, SystemClock, SystemEntropy};
use ledger::{Genesis, Ledger};
use model::{
    Account, Action, ActionParts, Autonomy, Change, Effect, EffectSet, Exposure, Operation, Partition,
    Quantity, Region, Request, Resource, Session, Timestamp, Undo, Value,
};
use policy::{Bundle, Profile, StarterOptions};
use store::Store;
use tempfile::TempDir;
use testkit::{Caller, Key, Response, send};
use tlog::SigningKey;
use tokio::{net::TcpListener, runtime::Runtime};

pub(crate) const READER: (&str, &str) = ("authorization", "Bearer the-reader-token");
/// The most that a bundle lets one session have.
pub(crate) const HELD_BY_SESSION: usize = 1000;

/// Fields end in the order they stand in.
pub(crate) struct Place {
    pub(crate) engine: Arc<Engine>,
    /// `127.0.0.1:PORT`.
    pub(crate) people: String,
    pub(crate) ben: Key,
    pub(crate) carla: Key,
    pub(crate) runtime: Runtime,
    genesis: String,
    _folder: TempDir,
}

impl Place {
    /// Over SQLite, as it is served.
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = |name| Key::ed25519(folder.path(), name).unwrap();
        let (olga, ben, carla) = (key("olga"), key("ben"), key("carla"));
        let runtime = Runtime::new().unwrap();
        let (engine, people) = runtime.block_on(async {
            let engine = start(folder.path(), &olga, [&ben, &carla]).await;
            let shared = Shared {
                engine: Arc::clone(&engine),
                nonces: Arc::new(Nonces::new([7; 32])),
                reader_token: "the-reader-token".into(),
                endpoints: Arc::new(Endpoints {
                    aws: String::new(),
                    proxy: String::new(),
                    ca: String::new(),
                    agent: String::new(),
                    region: "us-east-1".to_owned(),
                }),
            };
            let health = Arc::new(Health::new(Arc::clone(&engine), Vec::new()));
            let pages = console::router(
                shared.clone(),
                health,
                Entrance { address: "http://localhost".to_owned(), providers: Vec::new(), secret: [3; 32] },
                Arc::new(Estate::new(Seen::Nothing { folder: "snapshots".to_owned() })),
                None,
            );
            let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let people = socket.local_addr().unwrap().to_string();
            let doors = listener::Doors::plain(listener::Limits::API);
            let of_people = api::people::router(shared).merge(pages);
            tokio::spawn(api::listen(of_people, socket, doors, Arc::clone(&engine)));
            (engine, people)
        });
        let genesis = engine.installation().to_string();
        Self { engine, people, ben, carla, runtime, genesis, _folder: folder }
    }

    pub(crate) async fn session(&self) -> Arc<Session> {
        let asked = NewSession {
            agent: "fixer".parse().unwrap(),
            operator: "olga".parse().unwrap(),
            launcher: "olga".parse().unwrap(),
            task: "tidy up".to_owned(),
            scope: "".parse().unwrap(),
            autonomy: Autonomy::default(),
            ttl_s: 3600,
            signed: (String::new(), String::new()),
        };
        Arc::new(self.engine.issue(asked).await.unwrap().0)
    }

    pub(crate) fn get(&self, target: &str, headers: &[(&str, &str)]) -> Response {
        send(&self.people, "GET", target, headers, b"").unwrap()
    }

    /// A request that a person signs; `more` headers besides.
    pub(crate) fn posts(&self, name: &str, target: &str, body: &str, more: &[(&str, &str)]) -> Response {
        let caller = Caller { people: &self.people, person: name, genesis: &self.genesis };
        let headers =
            caller.headers(("POST", target, body), |text| self.key(name).sign(OF_REQUESTS, text.as_bytes()));
        let headers = headers.unwrap();
        let own = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = own.chain(more.iter().copied()).collect();
        send(&self.people, "POST", target, &headers, body.as_bytes()).unwrap()
    }

    /// Signs ben in; the cookie that his browser would hold.
    pub(crate) fn sign_in(&self) -> String {
        let origin = format!("http://{}", self.people);
        let answer = self.posts("ben", "/signin", "", &[("origin", &origin)]);
        let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{}", answer.text()));
        cookie.split(';').next().unwrap().to_owned()
    }

    pub(crate) fn key(&self, name: &str) -> &Key {
        if name == "ben" { &self.ben } else { &self.carla }
    }
}

/// The agent asks to delete this stack in production; people are asked.
pub(crate) async fn asks(engine: Arc<Engine>, session: Arc<Session>, stack: String) -> Change {
    let under = engine.bundle();
    let asked = vec![(deletes(&stack), Gathered::default(), model::Vouched::ByAgent)];
    engine.propose(session, asked, "tidy up".to_owned(), under).await.unwrap()
}

const OF_REQUESTS: &str = "countersign-request@v1";

pub(crate) fn deletes(stack: &str) -> Action {
    let parts = ActionParts {
        operation: Operation::new("cloudformation", "DeleteStack"),
        partition: Partition("aws".to_owned()),
        account: Account("123456789012".to_owned()),
        region: Region("eu-west-1".to_owned()),
        effects: EffectSet::of(Effect::Destroy),
        exposure: Exposure { data: false, credentials: false },
        resources: vec![Resource {
            service: "cloudformation".to_owned(),
            kind: "stack".parse().unwrap(),
            name: stack.to_owned(),
        }],
        undo: Undo::Unlisted,
        quantity: Quantity::one(),
        summary: format!("Deletes the stack {stack}."),
        shown: vec![("StackName".to_owned(), stack.to_owned())],
        unknowns: Vec::new(),
        acting_as: None,
        second_lock: None,
    };
    let request = Request {
        method: "POST".to_owned(),
        path: "/".to_owned(),
        query: String::new(),
        headers: Vec::new(),
        body: format!("Action=DeleteStack&StackName={stack}").into_bytes(),
    };
    Action::new(parts, &Value::map([("StackName", Value::text(stack))]), request)
}

async fn start(folder: &Path, olga: &Key, [ben, carla]: [&Key; 2]) -> Arc<Engine> {
    let enrolled = |key: &Key| vec![approval::parse_public_key(&key.public_line().unwrap()).unwrap()];
    let mut files = policy::starter(&StarterOptions {
        profile: Profile::Lab,
        operators: vec![("olga".parse().unwrap(), enrolled(olga))],
        recovery: Vec::new(),
        approvers: vec![
            ("ben".parse().unwrap(), Vec::new(), enrolled(ben)),
            ("carla".parse().unwrap(), Vec::new(), enrolled(carla)),
        ],
        agents: vec!["fixer".parse().unwrap()],
        environments: Vec::new(),
        calendar: None,
    })
    .unwrap();
    let settings = String::from_utf8(files["bundle.toml"].clone()).unwrap();
    let wide = format!("open_holds_per_session = {HELD_BY_SESSION}\n");
    let wide = settings.replace("open_holds_per_session = 10\n", &wide);
    assert_ne!(wide, settings, "the settings have another form");
    files.insert("bundle.toml".to_owned(), wide.into_bytes());
    let origin = "log.example/console";
    let log_key = SigningKey::from_seed(origin, &[1; 32]).unwrap();
    let genesis = Genesis {
        origin: origin.to_owned(),
        vkey: log_key.verifier().to_string(),
        installation: "0123456789abcdef0123456789abcdef".to_owned(),
        created_at: Timestamp::from_seconds(1_700_000_000),
        site: None,
    };
    let (log, lock) = (folder.join("log"), folder.join("lock"));
    let parts = Parts {
        store: Store::sqlite(&folder.join("countersign.db")).unwrap(),
        ledger: Ledger::create(&log, &lock, log_key, genesis.clone()).unwrap(),
        genesis,
        bundle: Bundle::load(&files).unwrap(),
        library: Arc::new(Shelf::default()),
        master: MasterKey::new([2; 32]),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    Engine::start(parts).await.unwrap()
}
