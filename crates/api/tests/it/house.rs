//! An installation in this process with both listeners up, and everyone who may try a door.

use std::{fmt::Write as _, sync::Arc};

use api::{Endpoints, NONCE_HEADER, Nonces, PERSON_HEADER, SIGNATURE_HEADER, Shared};
use approval::request::{NAMESPACE, Proof};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use engine::{Engine, MasterKey, NewSession, Parts, Shelf, SystemClock, SystemEntropy};
use ledger::{Genesis, Ledger};
use model::{Autonomy, Digest, EnrolledKey, Timestamp};
use policy::{Bundle, Profile, StarterOptions};
use store::Store;
use tempfile::TempDir;
use testkit::{Authenticator, Key, Response, Session, Signer, send};
use tlog::SigningKey;
use tokio::{net::TcpListener, runtime::Runtime};

pub(crate) const READER_TOKEN: &str = "the-reader-token";

/// Fields end in the order they stand in.
pub(crate) struct House {
    pub(crate) people: String,
    pub(crate) agents: String,
    /// A live session's own credentials.
    pub(crate) agent: Signer,
    pub(crate) olga: Key,
    pub(crate) ben: Key,
    pub(crate) bens_passkey: Authenticator,
    /// In the roster as an operator only.
    pub(crate) nils: Key,
    /// A recovery key.
    pub(crate) north: Key,
    installation: Digest,
    _runtime: Runtime,
    _folder: TempDir,
}

impl House {
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = |name| Key::ed25519(folder.path(), name).unwrap();
        let (olga, ben, nils) = (key("olga"), key("ben"), key("nils"));
        let safes = [key("north"), key("south"), key("west")];
        let runtime = Runtime::new().unwrap();
        let (engine, people, agents, session) = runtime.block_on(async {
            let engine = start(&folder, [&olga, &ben, &nils], &safes).await;
            let asked = NewSession {
                agent: "fixer".parse().unwrap(),
                operator: "olga".parse().unwrap(),
                launcher: "olga".parse().unwrap(),
                task: "look around".to_owned(),
                scope: "".parse().unwrap(),
                autonomy: Autonomy::default(),
                ttl_s: 3600,
                signed: (String::new(), String::new()),
            };
            let (session, secret) = engine.issue(asked).await.unwrap();
            let told = [
                ("AWS_ACCESS_KEY_ID", session.access_key.clone()),
                ("AWS_SECRET_ACCESS_KEY", secret.expose().to_owned()),
                ("AWS_REGION", "us-east-1".to_owned()),
            ];
            let session = Session {
                id: session.id.to_string(),
                env: told.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            };
            let shared = Shared {
                engine: Arc::clone(&engine),
                nonces: Arc::new(Nonces::new([7; 32])),
                reader_token: READER_TOKEN.into(),
                endpoints: Arc::new(Endpoints {
                    aws: "http://127.0.0.1:1".to_owned(),
                    proxy: String::new(),
                    ca: String::new(),
                    agent: "http://127.0.0.1:2".to_owned(),
                    region: "us-east-1".to_owned(),
                }),
            };
            let (people, agents) = (socket().await, socket().await);
            let at = |socket: &TcpListener| socket.local_addr().unwrap().to_string();
            let told = (at(&people), at(&agents));
            tokio::spawn(api::listen(
                api::people::router(shared.clone()),
                people,
                listener::Doors::plain(listener::Limits::API),
                Arc::clone(&engine),
            ));
            tokio::spawn(api::listen(
                api::agent::router(shared),
                agents,
                listener::Doors::plain(listener::Limits::API),
                Arc::clone(&engine),
            ));
            (engine, told.0, told.1, session)
        });
        let [north, ..] = safes;
        Self {
            people,
            agents,
            agent: Signer::of(&session).unwrap(),
            olga,
            ben,
            bens_passkey: bens_passkey(),
            nils,
            north,
            installation: engine.installation(),
            _runtime: runtime,
            _folder: folder,
        }
    }

    pub(crate) fn nonce(&self) -> String {
        let told = send(&self.people, "GET", "/v1/nonce", &[], b"").unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
        told["nonce"].as_str().unwrap().to_owned()
    }

    /// A request signed as a person signs it.
    pub(crate) fn signed(&self, name: &str, key: &Key, nonce: &str, request: (&str, &str, &str)) -> Response {
        self.signed_with(name, nonce, request, |text| key.sign(NAMESPACE, text.as_bytes()).unwrap())
    }

    /// As [`House::signed`], with whatever makes a signature of a text.
    pub(crate) fn signed_with(
        &self,
        name: &str,
        nonce: &str,
        request: (&str, &str, &str),
        sign: impl Fn(&str) -> String,
    ) -> Response {
        let (method, target, body) = request;
        let proof = Proof {
            person: name.parse().unwrap(),
            method: method.to_owned(),
            target: target.to_owned(),
            body: Digest::of(body.as_bytes()),
            nonce: nonce.to_owned(),
            installation: self.installation,
        };
        let signature = BASE64_STANDARD.encode(sign(&proof.to_text()));
        let headers = [(PERSON_HEADER, name), (NONCE_HEADER, nonce), (SIGNATURE_HEADER, &signature)];
        send(&self.people, method, target, &headers, body.as_bytes()).unwrap()
    }
}

fn bens_passkey() -> Authenticator {
    Authenticator::p256(3, "localhost")
}

async fn socket() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn start(folder: &TempDir, [olga, ben, nils]: [&Key; 3], safes: &[Key; 3]) -> Arc<Engine> {
    let line = |key: &Key| approval::parse_public_key(&key.public_line().unwrap()).unwrap();
    let enrolled = |key: &Key| -> Vec<EnrolledKey> { vec![line(key)] };
    let bens = approval::parse_public_key(&bens_passkey().roster_line()).unwrap();
    let names = ["north", "south", "west"].map(|name| name.parse().unwrap());
    let files = policy::starter(&StarterOptions {
        profile: Profile::Lab,
        operators: vec![("olga".parse().unwrap(), enrolled(olga)), ("nils".parse().unwrap(), enrolled(nils))],
        recovery: names.into_iter().zip(safes.iter().map(line)).collect(),
        approvers: vec![("ben".parse().unwrap(), Vec::new(), [enrolled(ben), vec![bens]].concat())],
        agents: vec!["fixer".parse().unwrap()],
        environments: Vec::new(),
        calendar: None,
    })
    .unwrap();
    let origin = "log.example/api";
    let log_key = SigningKey::from_seed(origin, &[1; 32]).unwrap();
    let genesis = Genesis {
        origin: origin.to_owned(),
        vkey: log_key.verifier().to_string(),
        installation: (0..16).fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        }),
        created_at: Timestamp::from_seconds(1_700_000_000),
        site: None,
    };
    let ledger =
        Ledger::create(&folder.path().join("log"), &folder.path().join("lock"), log_key, genesis.clone());
    let parts = Parts {
        store: Store::memory(),
        ledger: ledger.unwrap(),
        genesis,
        bundle: Bundle::load(&files).unwrap(),
        library: Arc::new(Shelf::default()),
        master: MasterKey::new([2; 32]),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    Engine::start(parts).await.unwrap()
}
