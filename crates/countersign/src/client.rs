//! The people's client: finds the server, checks that it is the installation it should be, keeps its last checkpoint
//! and alarms when the next one is not consistent with it, and signs requests with the person's key.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use api::types::{ConsistencyView, GenesisView};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::HeaderMap;
use ledger::Genesis;
use model::{Digest, PersonId, Site};
use serde::{Serialize, de::DeserializeOwned};
use tlog::{Checkpoint, VerifierKey};

use crate::{
    cli::ServerArgs,
    config::Config,
    failure::{Failure, VERIFICATION},
    identity::Identity,
    memory,
    output::{self, WARN, styled},
    transport::{self, Http},
};

const MAX_ANSWER: usize = 32 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(90);
const MAX_NOTICES: usize = 10;

pub(crate) struct Client {
    http: Http,
    base: String,
    installation: Digest,
    /// Where its passkeys work; of the genesis that was verified.
    site: Option<Site>,
    reader_token: Option<String>,
    key: Option<PathBuf>,
    /// `origin size root` of the newest checkpoint that this client has verified.
    checkpoint: String,
    noticed: AtomicBool,
}

/// What `serve` writes into `DIR/run/serve.json`.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Running {
    pub(crate) aws: String,
    pub(crate) agent: String,
    pub(crate) people: String,
    /// What `HTTPS_PROXY` is set to for clients that cannot be pointed at `aws`.
    #[serde(default)]
    pub(crate) proxy: String,
    /// The certificate of our own authority, for those clients and wherever TLS is spoken.
    #[serde(default)]
    pub(crate) ca: PathBuf,
    /// The log's files, where they are served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<String>,
    /// Liveness, readiness and numbers, where they are served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<String>,
    pub(crate) pid: u32,
}

impl Client {
    pub(crate) async fn connect(args: &ServerArgs) -> Result<Self, Failure> {
        let mut ca = args.ca.clone();
        let (base, expected, reader_token) = match (&args.config, &args.server) {
            (Some(config), _) => {
                let config = Config::load(config)?;
                ca = ca.or_else(|| Some(config.key("ca.pem")).filter(|file| file.exists()));
                from_config(&config)?
            }
            (None, Some(server)) => {
                let genesis = args.genesis.as_deref().unwrap_or_default();
                let expected = genesis.parse().map_err(|err| Failure::usage(format!("--genesis: {err}")))?;
                (server.trim_end_matches('/').to_owned(), expected, None)
            }
            (None, None) => {
                return Err(Failure::usage(
                    "which installation? give --config FILE, or --server URL --genesis FINGERPRINT",
                ));
            }
        };
        let mut client = Self {
            http: transport::http(ca.as_deref())?,
            base,
            installation: expected,
            site: None,
            reader_token,
            key: args.key.clone(),
            checkpoint: String::new(),
            noticed: AtomicBool::new(false),
        };
        client.verify().await?;
        Ok(client)
    }

    pub(crate) const fn installation(&self) -> Digest {
        self.installation
    }

    pub(crate) const fn site(&self) -> Option<&Site> {
        self.site.as_ref()
    }

    pub(crate) fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// The identity that is enrolled here, and whose it is.
    ///
    /// # Errors
    /// Exit 3 where there is no key, or none of them is enrolled.
    pub(crate) async fn identity(&self) -> Result<(Identity, PersonId), Failure> {
        let mut refused = Failure::not_authenticated("no key to sign with")
            .hint("give --key FILE, set $COUNTERSIGN_KEY, or load a key into an ssh-agent");
        for identity in Identity::candidates(self.key.as_deref())? {
            let key = BASE64_URL_SAFE_NO_PAD.encode(&identity.public().0);
            match self.send("GET", &format!("/v1/person?key={key}"), Vec::new(), &[]).await {
                Ok(body) => {
                    let found: std::collections::BTreeMap<String, PersonId> = parse(&body)?;
                    if let Some(person) = found.get("person") {
                        return Ok((identity, person.clone()));
                    }
                }
                Err(failure) => refused = failure,
            }
        }
        Err(refused)
    }

    /// A read: signed where a key was named, otherwise with the folder's token where it can be read.
    pub(crate) async fn get<T: DeserializeOwned>(&self, target: &str) -> Result<T, Failure> {
        let body = match &self.reader_token {
            Some(token) if self.key.is_none() => {
                let header = [("authorization", format!("Bearer {token}"))];
                self.send("GET", target, Vec::new(), &header).await?
            }
            Some(_) | None => self.signed("GET", target, Vec::new()).await?,
        };
        parse(&body)
    }

    /// A write, signed by the person.
    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        target: &str,
        body: &B,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(Failure::unexpected)?;
        parse(&self.signed("POST", target, body).await?)
    }

    async fn signed(&self, method: &str, target: &str, body: Vec<u8>) -> Result<Bytes, Failure> {
        let (identity, person) = self.identity().await?;
        let nonce: std::collections::BTreeMap<String, String> =
            parse(&self.send("GET", "/v1/nonce", Vec::new(), &[]).await?)?;
        let nonce = nonce.get("nonce").cloned().unwrap_or_default();
        let proof = approval::request::Proof {
            person: person.clone(),
            method: method.to_owned(),
            target: target.to_owned(),
            body: Digest::of(&body),
            nonce: nonce.clone(),
            installation: self.installation,
        };
        let armored = identity.sign(approval::request::NAMESPACE, &proof.to_text())?;
        let headers = [
            (api::PERSON_HEADER, person.to_string()),
            (api::NONCE_HEADER, nonce),
            (api::SIGNATURE_HEADER, BASE64_STANDARD.encode(armored)),
        ];
        self.send(method, target, body, &headers).await
    }

    async fn send(
        &self,
        method: &str,
        target: &str,
        body: Vec<u8>,
        headers: &[(&str, String)],
    ) -> Result<Bytes, Failure> {
        let (headers, body) = exchange(&self.http, &self.base, method, target, body, headers).await?;
        let mut notices = headers.get_all(api::NOTICE_HEADER).iter().peekable();
        if notices.peek().is_some() && !self.noticed.swap(true, Ordering::Relaxed) {
            for notice in notices.filter_map(|it| it.to_str().ok()).take(MAX_NOTICES) {
                output::note(format!("{} {}", styled(WARN, "note:"), model::sanitize(notice, 500)));
            }
        }
        Ok(body)
    }

    /// That the server is the installation it should be, and that its log still contains what it once showed us.
    async fn verify(&mut self) -> Result<(), Failure> {
        let shown: GenesisView = parse(&self.send("GET", "/v1/genesis", Vec::new(), &[]).await?)?;
        let genesis = Genesis::from_json(shown.document.as_bytes()).map_err(|err| {
            Failure::verification(format!("the server's genesis document cannot be read: {err}"))
        })?;
        if genesis.fingerprint() != self.installation {
            return Err(Failure::verification(format!(
                "the server is another installation: expected {}, found {}",
                self.installation,
                genesis.fingerprint()
            )));
        }
        self.site.clone_from(&genesis.site);
        let vkey: VerifierKey =
            genesis.vkey.parse().map_err(|err| Failure::verification(format!("{err}")))?;
        let opened = |note: &str| {
            tlog::open_checkpoint(note, &vkey).map_err(|err| {
                Failure::verification(format!("the checkpoint is not signed by this log: {err}"))
            })
        };
        let kept_file = memory::checkpoint_of(self.installation);
        let kept = kept_file.as_deref().map_or(Ok(None), memory::read)?;
        let note = match &kept {
            Some(old_note) => {
                let old = opened(old_note)?;
                let target = format!("/v1/consistency?from={}", old.size);
                let answer: ConsistencyView = parse(
                    &self
                        .send("GET", &target, Vec::new(), &[])
                        .await
                        .map_err(|failure| lost(&old, &failure))?,
                )?;
                let new = opened(&answer.checkpoint)?;
                consistent(&old, &new, &answer.proof)?;
                answer.checkpoint
            }
            None => shown.checkpoint,
        };
        let checkpoint = opened(&note)?;
        self.checkpoint =
            format!("{} {} {}", checkpoint.origin, checkpoint.size, hex::encode(checkpoint.root));
        if let Some(file) = kept_file {
            let newer = |other: &str| opened(other).is_ok_and(|other| other.size > checkpoint.size);
            memory::keep_unless(&file, &note, newer)?;
        }
        Ok(())
    }
}

/// One HTTP exchange; errors of the API become failures with its own exit codes.
pub(crate) async fn send(
    http: &Http,
    base: &str,
    method: &str,
    target: &str,
    body: Vec<u8>,
    headers: &[(&str, String)],
) -> Result<Bytes, Failure> {
    Ok(exchange(http, base, method, target, body, headers).await?.1)
}

async fn exchange(
    http: &Http,
    base: &str,
    method: &str,
    target: &str,
    body: Vec<u8>,
    headers: &[(&str, String)],
) -> Result<(HeaderMap, Bytes), Failure> {
    let mut request = hyper::Request::builder().method(method).uri(format!("{base}{target}"));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let request =
        request.body(Full::new(Bytes::from(body))).map_err(|err| Failure::usage(format!("{base}: {err}")))?;
    let unreachable = |why: &dyn std::fmt::Display| Failure::unreachable_server(base, why);
    let answer = match tokio::time::timeout(PATIENCE, http.request(request)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(err)) => return Err(unreachable(&err)),
        Err(_) => return Err(unreachable(&"it did not answer in time")),
    };
    let status = answer.status();
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|err| unreachable(&err))?.to_bytes();
    if status.is_success() {
        return Ok((head.headers, body));
    }
    match serde_json::from_slice::<api::ErrorBody>(&body) {
        Ok(error) => {
            Err(Failure { busy: status == hyper::StatusCode::TOO_MANY_REQUESTS, ..Failure::from(error) })
        }
        Err(_) => Err(Failure::unexpected(format!(
            "the server answered {status}: {}",
            model::sanitize(&String::from_utf8_lossy(&body), 300)
        ))),
    }
}

pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|err| Failure::unexpected(format!("the server's answer cannot be read: {err}")))
}

fn from_config(config: &Config) -> Result<(String, Digest, Option<String>), Failure> {
    let genesis = fs::read(config.log().join("genesis.json"))
        .map_err(|err| Failure::usage(format!("{} holds no installation: {err}", config.dir.display())))?;
    let genesis =
        Genesis::from_json(&genesis).map_err(|err| Failure::usage(format!("genesis.json: {err}")))?;
    let running = fs::read(config.run("serve.json")).map_err(|_| {
        Failure::new(crate::failure::UNEXPECTED, "CS003", "the server is not running")
            .hint("start it: countersign serve --config FILE")
    })?;
    let running: Running = parse(&running)?;
    let token = fs::read_to_string(config.run("reader.token")).ok().map(|it| it.trim().to_owned());
    Ok((running.people, genesis.fingerprint(), token))
}

fn consistent(old: &Checkpoint, new: &Checkpoint, proof: &[String]) -> Result<(), Failure> {
    let hashes: Option<Vec<tlog::Hash>> = proof
        .iter()
        .map(|text| {
            hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok()).map(tlog::Hash::from_bytes)
        })
        .collect();
    let holds = hashes.is_some_and(|hashes| {
        old.origin == new.origin
            && (old.size == 0
                || tlog::verify_consistency(old.size, new.size, &old.root, &new.root, &hashes).is_ok())
    });
    if holds {
        return Ok(());
    }
    Err(alarm(format!(
        "the log was rewritten: its {} entries do not contain the {} that it showed before",
        new.size, old.size
    )))
}

fn lost(old: &Checkpoint, failure: &Failure) -> Failure {
    if failure.exit == crate::failure::NOT_FOUND {
        alarm(format!("the log was cut: it showed {} entries before and has fewer now", old.size))
    } else {
        failure.clone()
    }
}

fn alarm(message: String) -> Failure {
    Failure::new(VERIFICATION, "CS211", message)
        .hint("sign nothing; keep your copy of the checkpoint and tell the other approvers")
}
