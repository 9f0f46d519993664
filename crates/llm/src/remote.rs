//! A model at the other end of a connection. The protocols are `genai`'s; this file and those below are all that knows it, and what
//! opens a connection is here: to the one address of the settings, with no proxy, no redirect and our own TLS.
//!
//! What the client logs nobody hears: it would repeat what servers say, and with it what they were sent.
//!
//! What it is not trusted with: putting together the arguments of calls (it takes broken ones for none in one protocol, and makes room
//! for as many calls as a server says in another), saying that an answer ended (in one protocol every answer does), and not to panic.

mod failed;
mod pieces;
mod told;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use genai::{
    Client, ModelIden, ServiceTarget,
    adapter::AdapterKind,
    chat::{ChatOptions, ChatStream},
    resolver::{AuthData, Endpoint},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tracing::{instrument::WithSubscriber as _, subscriber::NoSubscriber};

use crate::{
    chat::{Boxed, ChatModel, Events},
    conversation::Request,
    event::Event,
    failure::FailedTurn,
    key::Key,
    scrub::Scrubber,
    settings::{Provider, Settings, SettingsError},
};
use failed::Reader;
use pieces::Pieces;

pub struct Remote {
    client: Client,
    target: ServiceTarget,
    provider: Provider,
    reader: Reader,
}

#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("the settings of the model")]
    Settings(#[from] SettingsError),
    #[error("setting up TLS")]
    Tls(#[from] rustls::Error),
    #[error("setting up the model's client: {0}")]
    Client(String),
}

/// Servers that ask for no key are sent this, for the client insists on one.
const NO_KEY: &str = "none";

const CONNECT: Duration = Duration::from_secs(10);

/// Pieces that wait to be looked at; a server that sends faster waits.
const WAITING: usize = 32;

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({:?} {})", self.provider, self.target.model.model_name)
    }
}

impl Remote {
    /// # Errors
    /// Where the settings cannot be used. Nothing is sent yet.
    pub fn new(settings: &Settings, key: Option<Key>, scrubber: Arc<Scrubber>) -> Result<Self, RemoteError> {
        let endpoint = settings.endpoint()?;
        let kind = match settings.provider {
            Provider::Anthropic => AdapterKind::Anthropic,
            Provider::Openai => AdapterKind::OpenAI,
            Provider::Bedrock => AdapterKind::BedrockApi,
            Provider::Ollama => AdapterKind::Ollama,
        };
        let secret = key.as_ref().map_or(NO_KEY, Key::expose);
        let target = ServiceTarget {
            endpoint: Endpoint::from_owned(endpoint.as_str()),
            auth: AuthData::from_single(secret),
            model: ModelIden::new(kind, settings.name.as_str()),
        };
        let client = Client::builder().with_reqwest(http()?).build();
        let client = client.map_err(|err| RemoteError::Client(err.to_string()))?;
        Ok(Self { client, target, provider: settings.provider, reader: Reader::new(scrubber, key) })
    }
}

impl ChatModel for Remote {
    fn open<'a>(&'a self, request: Request<'a>) -> Boxed<'a, Result<Box<dyn Events>, FailedTurn>> {
        Box::pin(async move {
            let options = ChatOptions::default()
                .with_max_tokens(request.max_output())
                .with_capture_usage(true)
                .with_capture_content(false)
                .with_capture_tool_calls(false);
            let told = told::told(request);
            let answer = self.client.exec_chat_stream(self.target.clone(), told, Some(&options));
            let answer = answer.with_subscriber(NoSubscriber::new()).await;
            let stream = answer.map_err(|err| self.reader.failed(&err))?.stream;
            Ok(Box::new(Line::new(stream, Pieces::new(self.provider), self.reader.clone()))
                as Box<dyn Events>)
        })
    }
}

/// One answer. It is read by a task of its own, so that a panic in the client is a failed turn and no more.
struct Line {
    events: mpsc::Receiver<Result<Event, FailedTurn>>,
    task: Option<JoinHandle<()>>,
}

impl Line {
    fn new(mut stream: ChatStream, mut pieces: Pieces, reader: Reader) -> Self {
        let (send, events) = mpsc::channel(WAITING);
        let reading = async move {
            while let Some(item) = stream.next().await {
                let event = match item {
                    Ok(event) => pieces.event(event).map(Ok),
                    Err(err) => Some(Err(reader.failed(&err))),
                };
                let Some(event) = event else { continue };
                if send.send(event).await.is_err() {
                    return;
                }
            }
        };
        let task = tokio::spawn(reading.with_subscriber(NoSubscriber::new()));
        Self { events, task: Some(task) }
    }
}

impl Events for Line {
    fn next(&mut self) -> Boxed<'_, Option<Result<Event, FailedTurn>>> {
        Box::pin(async {
            if let Some(event) = self.events.recv().await {
                return Some(event);
            }
            let ended = match self.task.take() {
                Some(task) => task.await,
                None => Ok(()),
            };
            ended.err().map(|_| Err(FailedTurn::Broken { why: "its client failed".to_owned() }))
        })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn http() -> Result<reqwest::Client, RemoteError> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_gzip()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .build()
        .map_err(|err| RemoteError::Client(err.to_string()))
}
