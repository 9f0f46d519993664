//! Who is asking: a person by a signature over their request, the folder's reader by a token, an agent by SigV4.
//!
//! The order is everywhere the same: who it claims to be (by table lookup), whether too many such claims failed, how
//! much it sends (bounded), and only then cryptography. Failures count for the key or person claimed where we know
//! it, and for the address where we do not, so that strangers cannot lock out whoever shares their address. A person's
//! name is no secret, and stopping a session must not wait for an attacker to tire: under a name that failed too often
//! signatures are verified still, one at a time.

use std::sync::Arc;

use approval::request::Proof;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, request::Parts},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use listener::Source;
use model::{Digest, EnrolledKey, PersonId, Request, Session};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::{ApiError, MAX_BODY, Shared, nonce::Nonce};

pub const PERSON_HEADER: &str = "x-countersign-person";
pub const NONCE_HEADER: &str = "x-countersign-nonce";
/// The armored SSHSIG, or the text of a passkey's assertion, in base64 so that it fits on one line.
pub const SIGNATURE_HEADER: &str = "x-countersign-signature";

/// The service name an agent signs for on its own listener.
pub(crate) const AGENT_SERVICE: &str = "countersign";

/// Whose name is misused waits for the others of whom that is true, each for as long as a signature takes to verify.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// A person, proved by their own key.
#[derive(Clone, Debug)]
pub struct Signer {
    pub person: PersonId,
    pub key: EnrolledKey,
    /// The text and its signature, for the record.
    pub proof: (String, String),
}

/// The person who signed this request; with a body that is not looked at.
///
/// # Errors
/// That nobody did who is enrolled here, or too many have tried.
pub async fn authenticated(shared: &Shared, parts: &Parts, body: Body) -> Result<Signer, ApiError> {
    Ok(person(shared, parts, body, 0).await?.0)
}

/// The person who signed this request, and its body.
pub(crate) async fn person(
    shared: &Shared,
    parts: &Parts,
    body: Body,
    most: usize,
) -> Result<(Signer, Bytes), ApiError> {
    let source = source_of(parts);
    let claimed = header(&parts.headers, PERSON_HEADER).and_then(|it| it.parse::<PersonId>().ok());
    let known = claimed.filter(|person| shared.engine.bundle().roster().people.contains_key(person));
    let counted = known.as_ref().map_or_else(|| source.clone(), |person| format!("{person} from {source}"));
    let found = async {
        let is_flooded = shared.engine.is_flooding(&counted);
        if is_flooded && known.is_none() {
            return Err(ApiError::throttled());
        }
        let claim = Claim::read(shared, &parts.headers, known)?;
        let body = receive(body, most).await?;
        let turn = if is_flooded { ONE_AT_A_TIME.acquire().await.ok() } else { None };
        let signer = claim.verify(shared, parts, &body)?;
        drop(turn);
        Ok((signer, body))
    };
    counting(shared, &counted, found.await).await
}

const SIGNATURE_FORM: &str = "the signature is no base64 of an armored SSHSIG or of a passkey's assertion";

/// What a person's request says of itself; nothing is verified but that we drew the nonce.
struct Claim {
    person: PersonId,
    text: String,
    nonce: Nonce,
    armored: String,
}

impl Claim {
    fn read(shared: &Shared, headers: &HeaderMap, person: Option<PersonId>) -> Result<Self, ApiError> {
        let missing = || ApiError::not_authenticated("this needs a person's signature");
        header(headers, PERSON_HEADER).ok_or_else(missing)?;
        let text = header(headers, NONCE_HEADER).ok_or_else(missing)?;
        let signature =
            header(headers, SIGNATURE_HEADER).filter(|it| it.len() <= 16 * 1024).ok_or_else(missing)?;
        let person = person.ok_or_else(|| ApiError::not_authenticated("no such person is enrolled here"))?;
        let armored = BASE64_STANDARD
            .decode(signature)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| ApiError::not_authenticated(SIGNATURE_FORM))?;
        let nonce = shared.nonces.open(text, shared.engine.now()?).ok_or_else(spent)?;
        Ok(Self { person, text: text.to_owned(), nonce, armored })
    }

    fn verify(self, shared: &Shared, parts: &Parts, body: &[u8]) -> Result<Signer, ApiError> {
        let proof = Proof {
            person: self.person,
            method: parts.method.as_str().to_owned(),
            target: parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned(),
            body: Digest::of(body),
            nonce: self.text,
            installation: shared.engine.installation(),
        };
        let bundle = shared.engine.bundle();
        let by = approval::request::verify(&proof, &self.armored, bundle.roster())
            .map_err(|err| ApiError::not_authenticated(err.to_string()))?;
        // Looked at again: the body may have been long in coming.
        let now = shared.engine.now()?;
        if shared.nonces.open(&proof.nonce, now).is_none() || !shared.nonces.spend(self.nonce, now) {
            return Err(spent());
        }
        Ok(Signer { person: by.person, key: by.key, proof: (proof.to_text(), self.armored) })
    }
}

fn spent() -> ApiError {
    ApiError::not_authenticated("the nonce is unknown, used or older than a minute; ask for a new one")
}

/// Whoever can read the installation's folder: reads only.
pub(crate) fn is_reader(shared: &Shared, headers: &HeaderMap) -> bool {
    let given =
        header(headers, "authorization").and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
    given.as_bytes().ct_eq(shared.reader_token.as_bytes()).into()
}

/// The session whose key signed this request for our own service name, and the request's body.
pub(crate) async fn agent(
    shared: &Shared,
    parts: &Parts,
    body: Body,
) -> Result<(Arc<Session>, Bytes), ApiError> {
    let source = source_of(parts);
    let presented = head(parts).and_then(|request| {
        let presented = classify_aws::sigv4::present(&request).map_err(|err| refuse(err.to_string()))?;
        Ok((request, presented))
    });
    let known = match &presented {
        Ok((_, presented)) => shared.engine.session_of(presented.access_key()),
        Err(_) => None,
    };
    let counted = match &known {
        Some((session, _)) => format!("{} from {source}", session.id),
        None => source,
    };
    let found = async {
        if shared.engine.is_flooding(&counted) {
            return Err(ApiError::throttled());
        }
        let (mut request, presented) = presented?;
        let (_, service) = presented.scope();
        if service != AGENT_SERVICE {
            return Err(refuse(format!("sign for the service `{AGENT_SERVICE}`, not for another")));
        }
        let (session, secret) = known.ok_or_else(|| refuse("this access key is none of ours"))?;
        let body = receive(body, MAX_BODY).await?;
        request.body = body.to_vec();
        let skew = shared.engine.bundle().limits().clock_skew_s;
        classify_aws::sigv4::verify(&request, &presented, secret.expose(), shared.engine.now()?, skew)
            .map_err(|err| refuse(err.to_string()))?;
        Ok((session, body))
    };
    let (session, body) = counting(shared, &counted, found.await).await?;
    match session.closed(shared.engine.now()?) {
        Some(why) => Err(refuse(format!("session {} is {why}", session.id))),
        None => Ok((session, body)),
    }
}

fn head(parts: &Parts) -> Result<Request, ApiError> {
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| ApiError::usage("a header is no plain text"))?;
    Ok(Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: Vec::new(),
    })
}

/// The body of a request, bounded; what is never read of it costs nothing.
pub(crate) async fn receive(body: Body, most: usize) -> Result<Bytes, ApiError> {
    Ok(listener::collect(body, most).await?)
}

fn refuse(message: impl Into<String>) -> ApiError {
    ApiError::not_authenticated(message)
}

/// Counts what was not authenticated; what was refused for failing too often already counted then.
async fn counting<T>(shared: &Shared, counted: &str, found: Result<T, ApiError>) -> Result<T, ApiError> {
    if let Err(err) = &found
        && err.is_strangers()
    {
        shared.engine.authentication_failed(counted).await;
    }
    found
}

/// Under which failures of a request are counted. Where the router runs without a listener, nobody's address is known, and all
/// share one count.
pub fn source_of(parts: &Parts) -> String {
    parts.extensions.get::<Source>().map_or_else(|| "unknown address".to_owned(), Source::to_string)
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    //! Both listeners on real sockets, over a real engine: who is let in, who is refused, and whom that shuts out.

    use std::{
        net::SocketAddr,
        sync::{
            Arc,
            atomic::{AtomicI64, AtomicU64, Ordering},
        },
    };

    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use classify_aws::sigv4::{SigningCredentials, sign};
    use engine::{Clock, Engine, Entropy, MasterKey, NewSession, Parts, Shelf};
    use ledger::{Genesis, Ledger};
    use model::{Digest, Fault, Request, Timestamp};
    use policy::{Bundle, Profile, StarterOptions};
    use ssh_key::{LineEnding, PrivateKey, private::Ed25519Keypair};
    use tlog::SigningKey;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    use super::{NONCE_HEADER, PERSON_HEADER, SIGNATURE_HEADER};
    use crate::{Endpoints, Nonces, Shared, agent, people};

    /// As many failures of one source as are still answered for what they are, and one more.
    const FLOOD: usize = 121;

    struct World {
        engine: Arc<Engine>,
        clock: Arc<Hands>,
        agent: SocketAddr,
        people: SocketAddr,
        _folder: tempfile::TempDir,
    }

    struct Hands(AtomicI64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    struct Counted(AtomicU64);

    impl Entropy for Counted {
        fn fill(&self, out: &mut [u8]) -> Result<(), Fault> {
            let next = Digest::of(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes()).to_string();
            let bytes = hex::decode(next).unwrap();
            out.copy_from_slice(&bytes[..out.len()]);
            Ok(())
        }
    }

    impl World {
        async fn start() -> Self {
            let start = Timestamp::from_seconds(1_795_228_800);
            let key = approval::parse_public_key(&ana().public_key().to_openssh().unwrap()).unwrap();
            let files = policy::starter(&StarterOptions {
                profile: Profile::Lab,
                operators: vec![("ana".parse().unwrap(), vec![key.clone()])],
                recovery: Vec::new(),
                approvers: vec![("ana".parse().unwrap(), Vec::new(), vec![key])],
                agents: vec!["kiro".parse().unwrap()],
                environments: Vec::new(),
                calendar: None,
            })
            .unwrap();
            let folder = tempfile::tempdir().unwrap();
            let log_key = || SigningKey::from_seed("log.example/api", &[5; 32]).unwrap();
            let genesis = Genesis {
                origin: "log.example/api".to_owned(),
                vkey: log_key().verifier().to_string(),
                installation: "0123456789abcdef0123456789abcdef".to_owned(),
                created_at: start,
                site: None,
            };
            let (log, checkpoint) = (folder.path().join("log"), folder.path().join("run").join("checkpoint"));
            let clock = Arc::new(Hands(AtomicI64::new(start.millis())));
            let engine = Engine::start(Parts {
                store: store::Store::memory(),
                ledger: Ledger::create(&log, &checkpoint, log_key(), genesis.clone()).unwrap(),
                genesis,
                bundle: Bundle::load(&files).unwrap(),
                library: Arc::new(Shelf::default()),
                master: MasterKey::new([9; 32]),
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                entropy: Arc::new(Counted(AtomicU64::new(0))),
            })
            .await
            .unwrap();
            let shared = Shared {
                engine: Arc::clone(&engine),
                nonces: Arc::new(Nonces::new([3; 32])),
                reader_token: "reader".into(),
                endpoints: Arc::new(Endpoints {
                    aws: String::new(),
                    proxy: String::new(),
                    ca: String::new(),
                    agent: String::new(),
                    region: "eu-west-1".to_owned(),
                }),
            };
            let bind = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (for_agents, for_people) = (bind().await, bind().await);
            let (agent, people) = (for_agents.local_addr().unwrap(), for_people.local_addr().unwrap());
            tokio::spawn(crate::listen(
                agent::router(shared.clone()),
                for_agents,
                listener::Doors::plain(listener::Limits::API),
                Arc::clone(&engine),
            ));
            tokio::spawn(crate::listen(
                people::router(shared),
                for_people,
                listener::Doors::plain(listener::Limits::API),
                Arc::clone(&engine),
            ));
            Self { engine, clock, agent, people, _folder: folder }
        }

        async fn session(&self) -> SigningCredentials {
            let asked = NewSession {
                agent: "kiro".parse().unwrap(),
                operator: "ana".parse().unwrap(),
                launcher: "ana".parse().unwrap(),
                task: "look".to_owned(),
                scope: "".parse().unwrap(),
                autonomy: model::Autonomy::default(),
                ttl_s: 3600,
                signed: (String::new(), String::new()),
            };
            let (session, secret) = self.engine.issue(asked).await.unwrap();
            SigningCredentials {
                access_key: session.access_key,
                secret: secret.expose().to_owned(),
                session_token: None,
            }
        }

        /// The status with which an agent's list is answered.
        async fn as_agent(&self, credentials: &SigningCredentials) -> u16 {
            let mut request = Request {
                method: "GET".to_owned(),
                path: "/v1/changes".to_owned(),
                query: String::new(),
                headers: vec![("host".to_owned(), "here".to_owned())],
                body: Vec::new(),
            };
            sign(&mut request, credentials, super::AGENT_SERVICE, "eu-west-1", self.clock.now()).unwrap();
            ask(self.agent, "GET /v1/changes", &request.headers, "").await.0
        }

        async fn nonce(&self) -> String {
            let (status, body) = ask(self.people, "GET /v1/nonce", &host(), "").await;
            assert_eq!(status, 200, "{body}");
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            body["nonce"].as_str().unwrap().to_owned()
        }

        async fn as_person(&self, person: &str, key: &PrivateKey, nonce: &str) -> u16 {
            let proof = approval::request::Proof {
                person: person.parse().unwrap(),
                method: "GET".to_owned(),
                target: "/v1/sessions".to_owned(),
                body: Digest::of(b""),
                nonce: nonce.to_owned(),
                installation: self.engine.installation(),
            };
            let file = key.to_openssh(LineEnding::LF).unwrap();
            let armored =
                approval::sign::with_key_file(&file, None, approval::request::NAMESPACE, &proof.to_text())
                    .unwrap();
            let signed = [
                (PERSON_HEADER, person.to_owned()),
                (NONCE_HEADER, nonce.to_owned()),
                (SIGNATURE_HEADER, BASE64_STANDARD.encode(armored)),
            ];
            let mut headers = host();
            headers.extend(signed.map(|(name, value)| (name.to_owned(), value)));
            ask(self.people, "GET /v1/sessions", &headers, "").await.0
        }

        async fn as_ana(&self) -> u16 {
            self.as_person("ana", &ana(), &self.nonce().await).await
        }

        async fn flood(&self, what: impl AsyncFn() -> u16) {
            for turn in 0..FLOOD {
                assert_eq!(what().await, 401, "failure {turn}");
            }
            assert_eq!(what().await, 429);
        }
    }

    fn ana() -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[1; 32]))
    }

    fn host() -> Vec<(String, String)> {
        vec![("host".to_owned(), "here".to_owned())]
    }

    fn stranger() -> SigningCredentials {
        SigningCredentials {
            access_key: "AKCSAAAAAAAAAAAAAAAA".to_owned(),
            secret: "guess".to_owned(),
            session_token: None,
        }
    }

    async fn ask(to: SocketAddr, line: &str, headers: &[(String, String)], body: &str) -> (u16, String) {
        let mut text = format!("{line} HTTP/1.1\r\nconnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    #[tokio::test]
    async fn strangers_lock_out_strangers_and_nobody_who_is_known() {
        let world = World::start().await;
        let known = world.session().await;
        world.flood(async || world.as_agent(&stranger()).await).await;
        assert_eq!(world.as_agent(&known).await, 200, "behind the same address");
        let mallory = PrivateKey::from(Ed25519Keypair::from_seed(&[66; 32]));
        let nonce = world.nonce().await;
        assert_eq!(
            world.as_person("mallory", &mallory, &nonce).await,
            429,
            "strangers are one, wherever they knock"
        );
        assert_eq!(world.as_ana().await, 200);
        world.clock.0.fetch_add(60_000, Ordering::SeqCst);
        assert_eq!(world.as_agent(&stranger()).await, 401, "a new minute");
    }

    #[tokio::test]
    async fn bad_signatures_count_for_the_key_or_person_they_claim() {
        let world = World::start().await;
        let (known, other) = (world.session().await, world.session().await);
        let forged = SigningCredentials {
            access_key: known.access_key.clone(),
            secret: "guess".to_owned(),
            session_token: None,
        };
        world.flood(async || world.as_agent(&forged).await).await;
        assert_eq!(world.as_agent(&known).await, 429, "nothing of this key is verified any more");
        assert_eq!(world.as_agent(&other).await, 200);

        let mallory = PrivateKey::from(Ed25519Keypair::from_seed(&[66; 32]));
        let nonce = world.nonce().await;
        for _ in 0..=FLOOD {
            assert_eq!(world.as_person("ana", &mallory, &nonce).await, 401);
        }
        assert_eq!(world.as_ana().await, 200, "a name is no secret: misusing it takes nobody's veto away");
        assert_eq!(world.as_agent(&other).await, 200);
        assert_eq!(world.as_agent(&stranger()).await, 401, "strangers have their own count");
    }

    #[tokio::test]
    async fn asking_for_nonces_costs_nobody_anything_and_each_works_once() {
        let world = World::start().await;
        let first = world.nonce().await;
        for _ in 0..200 {
            assert_ne!(world.nonce().await, first);
        }
        assert_eq!(world.as_person("ana", &ana(), &first).await, 200);
        assert_eq!(world.as_person("ana", &ana(), &first).await, 401, "used");
        let failed = world.nonce().await;
        let mallory = PrivateKey::from(Ed25519Keypair::from_seed(&[66; 32]));
        assert_eq!(world.as_person("ana", &mallory, &failed).await, 401);
        assert_eq!(world.as_person("ana", &ana(), &failed).await, 200, "a forgery uses nothing up");
        let old = world.nonce().await;
        world.clock.0.fetch_add(60_000, Ordering::SeqCst);
        assert_eq!(world.as_person("ana", &ana(), &old).await, 401, "a minute old");
    }

    #[tokio::test]
    async fn no_body_is_awaited_from_whoever_is_unknown() {
        let world = World::start().await;
        let never = ("content-length".to_owned(), "1000000".to_owned());
        for (to, line) in [(world.agent, "POST /v1/changes"), (world.people, "POST /v1/sessions")] {
            let headers = [host(), vec![never.clone()]].concat();
            let (status, body) = ask(to, line, &headers, "half").await;
            assert_eq!(status, 401, "{body}");
        }
    }
}
