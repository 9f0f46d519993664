//! Who is told of what happens (`[[notify]]` of the configuration), from opening them to telling them ([`start`]). What is told
//! follows the ledger: each receiver is at a place of its own in it, which is kept on disk, so nothing is lost, nothing that was
//! taken is sent again, and one that is away holds nobody else up.

mod door;
mod follow;
mod tell;
mod told;

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use engine::{Clock as _, Engine, SystemClock};
use notify::{Event, Message, Secret, Sender};

use crate::{
    config::{Config, Form, Notify},
    failure::Failure,
};
use door::Door;
use tell::Teller;

pub(crate) use door::NotTaken;
pub(crate) use told::Told;

#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(crate) name: String,
    door: Door,
    events: BTreeSet<Event>,
}

/// All of them, or what is wrong with the first that cannot be one.
pub(crate) fn receivers(config: &Config) -> Result<Vec<Receiver>, Failure> {
    let mut names = BTreeSet::new();
    let open = |notify: &Notify| {
        if !names.insert(notify.name.clone()) {
            return Err(Failure::usage(format!("[[notify]] {}: there are two of this name", notify.name)));
        }
        Receiver::open(config, notify).map_err(|failure| Failure {
            message: format!("[[notify]] {}: {}", notify.name, failure.message),
            ..failure
        })
    };
    config.notify.iter().map(open).collect()
}

impl Receiver {
    fn open(config: &Config, notify: &Notify) -> Result<Self, Failure> {
        let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=40).contains(&notify.name.len()) || !notify.name.bytes().all(named) {
            return Err(Failure::usage("a name is 1 to 40 lower-case letters, digits and dashes"));
        }
        let secret = match (notify.form, &notify.secret) {
            (Form::Webhook, Some(file)) => Some(secret(&config.dir.join(file))?),
            (Form::Webhook, None) => {
                let failure = Failure::usage("a webhook is signed, so it takes `secret = \"FILE\"`");
                return Err(failure.hint("`countersign notify secret` makes one"));
            }
            (Form::Slack, None) => None,
            (Form::Slack, Some(_)) => {
                return Err(Failure::usage("a Slack-compatible receiver knows no secret but its address"));
            }
        };
        let ca = notify.ca.as_ref().map(|file| config.dir.join(file));
        let events = match (&notify.events, notify.escalate) {
            (Some(events), false) => events.iter().copied().collect(),
            (Some(events), true) => events.iter().copied().chain([Event::ChangeEscalated]).collect(),
            (None, false) => Event::ALL.into(),
            (None, true) => BTreeSet::from([Event::ChangeEscalated]),
        };
        Ok(Self { name: notify.name.clone(), door: Door::open(&notify.url, secret, ca.as_deref())?, events })
    }

    pub(crate) fn wants(&self, event: Event) -> bool {
        self.events.contains(&event)
    }

    /// Scheme and host alone: the rest of an address may be a secret.
    pub(crate) fn place(&self) -> &str {
        self.door.place()
    }

    pub(crate) async fn send(&self, sender: &Sender, message: &Message) -> Result<(), NotTaken> {
        self.door.send(sender, message, SystemClock.now()).await
    }

    /// Whether anything answers there; nothing is told.
    pub(crate) async fn answers(&self) -> Result<(), NotTaken> {
        self.door.answers().await
    }
}

fn secret(file: &Path) -> Result<Secret, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", file.display()));
    let mode = fs::metadata(file).map_err(|err| wrong(&err))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(wrong(&format!("can be read by others (mode {mode:03o})"))
            .hint(format!("chmod 600 {}", file.display())));
    }
    Secret::read(&fs::read_to_string(file).map_err(|err| wrong(&err))?).map_err(|err| wrong(&err))
}

/// Tells each of them, each in a task of its own, for as long as the engine is there. `console`: where the pages are.
pub(crate) fn start(engine: &Arc<Engine>, config: &Config, receivers: Vec<Receiver>, console: &str) {
    let sender = sender(engine.installation(), console);
    for receiver in receivers {
        let (name, place) = (receiver.name.clone(), receiver.place().to_owned());
        match Teller::begin(engine, config, receiver, sender.clone()) {
            Ok(teller) => {
                tracing::info!(receiver = %name, "{place} is told of what happens");
                tokio::spawn(teller.run());
            }
            Err(why) => tracing::error!(receiver = %name, "nobody is told at {place}: {why}"),
        }
    }
}

pub(crate) fn sender(installation: model::Digest, console: &str) -> Sender {
    Sender { installation, console: console.trim_end_matches('/').to_owned() }
}

/// What cannot stand in the log, since the log is what is wrong: told once, to whoever can be reached soon.
pub(crate) async fn last_words(config: &Config, why: &str) {
    let Ok(receivers) = receivers(config) else { return };
    let Ok(genesis) = fs::read(config.log().join("genesis.json")) else { return };
    let Ok(genesis) = model::Genesis::from_json(&genesis) else { return };
    let sender = sender(genesis.fingerprint(), &crate::tls::url(config, config.listen.people));
    let now = SystemClock.now();
    let id = format!("verification-failed-{}", now.millis());
    let message = Message::plain(&sender, Event::VerificationFailed, now, id, why.to_owned());
    let mut told = tokio::task::JoinSet::new();
    for receiver in receivers.into_iter().filter(|it| it.wants(Event::VerificationFailed)) {
        let (sender, message) = (sender.clone(), message.clone());
        told.spawn(async move {
            if let Err(why) = receiver.send(&sender, &message).await {
                tracing::warn!(receiver = %receiver.name, "it could not be told: {why}");
            }
        });
    }
    while told.join_next().await.is_some() {}
}
