//! One receiver, for as long as the engine is there: told what stands in the log from its own place on, reminded of what waits.
//! One message at a time; what happens while it is away becomes one message.

use std::{
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use engine::{Clock as _, Engine, Entropy as _, SystemClock, SystemEntropy};
use model::{Change, ChangeId, ChangeState, Entry, PersonId, Timestamp};
use notify::{Event, FLOOD, Message, Sender, Subject, fold, schedule};
use store::{Filter, StorageError};
use tokio::sync::watch;

use super::{
    Receiver, follow,
    told::{Told, Trying},
};
use crate::config::Config;

/// What happens together is told together.
const SETTLES: Duration = Duration::from_millis(200);
/// Between two messages: nobody's limit of one a second is reached.
const APART: Duration = Duration::from_secs(1);
/// Where nothing happens, whether a change is to be brought to mind.
const LOOK: Duration = Duration::from_millis(LOOK_MS.unsigned_abs());
const LOOK_MS: i64 = 2000;
/// Where something here cannot be read or written.
const TROUBLE: Duration = Duration::from_secs(30);
/// Entries of nobody's interest that may be looked at again after a start.
const AGAIN: u64 = 1024;

pub(super) struct Teller {
    engine: Weak<Engine>,
    log: PathBuf,
    receiver: Receiver,
    sender: Sender,
    told: Told,
    /// As `told` is on disk.
    saved: u64,
    file: PathBuf,
    size: watch::Receiver<u64>,
    moved: watch::Receiver<u64>,
    /// When a change that waits is to be brought to mind next, as it was when somebody last looked.
    due: Option<Timestamp>,
    /// When that was.
    looked: Timestamp,
    stop_told: bool,
}

/// Why nothing can be told at the moment.
enum Trouble {
    /// The engine is gone.
    Over,
    Here(String),
}

impl Trouble {
    fn here(err: impl std::fmt::Display) -> Self {
        Self::Here(err.to_string())
    }
}

/// A change with what only the engine knows of it.
struct Known {
    change: Change,
    approved_by: Vec<PersonId>,
    could_sign: Vec<PersonId>,
}

impl Known {
    fn subject(&self) -> Subject<'_> {
        Subject { change: &self.change, approved_by: &self.approved_by, could_sign: &self.could_sign }
    }
}

/// What is to be told of the log.
struct News {
    messages: Vec<(u64, Message)>,
    /// How many more there are that nobody kept.
    beyond: u64,
    /// One past the last entry that was looked at.
    end: u64,
}

impl Teller {
    pub(super) fn begin(
        engine: &Arc<Engine>,
        config: &Config,
        receiver: Receiver,
        sender: Sender,
    ) -> Result<Self, String> {
        let (size, mut moved) = (engine.checkpoints(), engine.changes_moved());
        moved.mark_changed();
        let file = Told::file(&config.database(), &receiver.name);
        let wrong = |err: std::io::Error| format!("{}: {err}", file.display());
        let told = Told::load(&file, engine.installation(), *size.borrow()).map_err(wrong)?;
        told.save(&file).map_err(wrong)?;
        Ok(Self {
            engine: Arc::downgrade(engine),
            log: config.log(),
            receiver,
            sender,
            saved: told.next,
            told,
            file,
            size,
            moved,
            due: None,
            looked: Timestamp::from_seconds(0),
            stop_told: false,
        })
    }

    pub(super) async fn run(mut self) {
        loop {
            let rest = match self.round().await {
                Ok(()) => SETTLES,
                Err(Trouble::Over) => return,
                Err(Trouble::Here(why)) => {
                    tracing::error!(receiver = %self.receiver.name, "it cannot be told: {why}");
                    TROUBLE
                }
            };
            tokio::time::sleep(rest).await;
            tokio::select! {
                grown = self.size.changed() => if grown.is_err() { return },
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn round(&mut self) -> Result<(), Trouble> {
        let size = *self.size.borrow_and_update();
        while self.told.next < size {
            self.tell_of_log(size).await?;
        }
        self.remind().await?;
        self.tell_of_stop().await
    }

    async fn tell_of_log(&mut self, size: u64) -> Result<(), Trouble> {
        // What was on its way when the process ended goes again as it was.
        let begun = self.told.trying.as_ref().and_then(|it| it.through).filter(|it| *it < size);
        let News { messages, beyond, end } = self.news(begun.map_or(size, |it| it.saturating_add(1))).await?;
        let count = (messages.len() as u64).saturating_add(beyond);
        if begun.is_some() || count > FLOOD as u64 {
            let messages = messages.into_iter().map(|(_, message)| message).collect();
            if let Some(message) = fold(messages, beyond) {
                self.deliver(message, Some(end.saturating_sub(1))).await?;
            }
        } else {
            for (index, message) in messages {
                self.deliver(message, Some(index)).await?;
                self.taken(index.saturating_add(1)).await?;
            }
        }
        self.told.next = end;
        if begun.is_some() || count > FLOOD as u64 {
            self.taken(end).await?;
        } else if end.saturating_sub(self.saved) >= AGAIN {
            self.save()?;
        }
        Ok(())
    }

    /// Of the entries before `end`.
    async fn news(&self, end: u64) -> Result<News, Trouble> {
        let mut found = News { messages: Vec::new(), beyond: 0, end: self.told.next };
        while found.end < end {
            let (log, next) = (self.log.clone(), found.end);
            let read = tokio::task::spawn_blocking(move || follow::read(&log, next, end));
            for entry in read.await.map_err(Trouble::here)?.map_err(Trouble::Here)? {
                if found.end >= end {
                    break;
                }
                if let Some(message) = self.message(&entry, found.end).await? {
                    if found.messages.len() <= 2 * FLOOD {
                        found.messages.push((found.end, message));
                    } else {
                        found.beyond = found.beyond.saturating_add(1);
                    }
                }
                found.end = found.end.saturating_add(1);
            }
        }
        Ok(found)
    }

    async fn message(&self, entry: &Entry, index: u64) -> Result<Option<Message>, Trouble> {
        // Most entries are nobody's news, whatever they are about.
        if Event::of(entry, None, true).is_none() {
            return Ok(None);
        }
        let known = match entry.change {
            Some(change) => self.known(change).await?,
            None => None,
        };
        let subject = known.as_ref().map(Known::subject);
        let message = Message::of_entry(&self.sender, entry, index, subject, SystemClock.now());
        Ok(message.filter(|it| self.receiver.wants(it.event)))
    }

    /// A row that was tampered with is told of without it.
    async fn known(&self, change: ChangeId) -> Result<Option<Known>, Trouble> {
        let engine = self.engine()?;
        let read = engine.read(move |view| {
            let approvals = view.approvals(change)?;
            Ok(view.change(change)?.map(|it| (it, approvals)))
        });
        match read.await {
            Ok(found) => Ok(found.map(|(change, approvals)| Known {
                could_sign: engine.could_still_sign(&change, &approvals),
                approved_by: approvals.into_iter().map(|it| it.person).collect(),
                change,
            })),
            Err(StorageError::Tampered { .. }) => Ok(None),
            Err(err) => Err(Trouble::here(err)),
        }
    }

    /// Of each change that waits, once when half of its time is over and once when nine tenths are.
    async fn remind(&mut self) -> Result<(), Trouble> {
        let now = SystemClock.now();
        let moved = self.moved.has_changed().map_err(|_| Trouble::Over)?;
        let again = moved || self.due.is_some_and(|due| due <= now);
        if !again || now.since(self.looked) < LOOK_MS {
            return Ok(());
        }
        self.looked = now;
        self.moved.mark_unchanged();
        let waiting = Filter { states: vec![ChangeState::Held], limit: usize::MAX, ..Filter::default() };
        let waiting = self.engine()?.read(move |view| view.changes(&waiting)).await;
        let waiting = waiting.map_err(Trouble::here)?;
        self.due = waiting.iter().filter_map(|change| schedule::next(change, now)).min();

        let mut due = Vec::new();
        for change in &waiting {
            let Some(event) = schedule::due(change, now) else { continue };
            if self.receiver.wants(event) && self.told.reminded_of(change.id) < Some(event) {
                due.push((change.id, event));
            }
        }
        self.told.reminded.retain(|id, _| waiting.iter().any(|change| change.id.to_string() == *id));
        if due.is_empty() {
            return Ok(());
        }
        // The oldest first; a flood of them at once.
        due.reverse();
        for due in due.chunks(if due.len() > FLOOD { due.len() } else { 1 }) {
            let mut messages = Vec::new();
            for (id, event) in due.iter().take(2 * FLOOD) {
                if let Some(known) = self.known(*id).await? {
                    messages.push(Message::of_waiting(&self.sender, *event, known.subject(), now));
                }
            }
            let beyond = due.len().saturating_sub(2 * FLOOD) as u64;
            if let Some(message) = fold(messages, beyond) {
                self.deliver(message, None).await?;
            }
            self.told.reminded.extend(due.iter().map(|(id, event)| (id.to_string(), *event)));
            self.taken(self.told.next).await?;
        }
        Ok(())
    }

    /// On disk before anything else is sent.
    async fn taken(&mut self, next: u64) -> Result<(), Trouble> {
        self.told.next = next;
        self.told.trying = None;
        self.save()?;
        tokio::time::sleep(APART).await;
        Ok(())
    }

    /// A witness has shown that this disk must not be signed on: that can stand in no log.
    async fn tell_of_stop(&mut self) -> Result<(), Trouble> {
        let Some(fault) = self.engine()?.signing_stopped() else { return Ok(()) };
        if self.stop_told || !self.receiver.wants(Event::VerificationFailed) {
            return Ok(());
        }
        let id = format!("stopped-{}-{}", self.sender.installation, *self.size.borrow());
        let (now, said) = (SystemClock.now(), fault.to_string());
        let message = Message::plain(&self.sender, Event::VerificationFailed, now, id, said);
        self.deliver(message, None).await?;
        self.stop_told = true;
        Ok(())
    }

    /// Until it is taken, or a day is over.
    async fn deliver(&mut self, message: Message, through: Option<u64>) -> Result<(), Trouble> {
        let begun = self.told.trying.take().filter(|it| it.id == message.id).map(|it| it.since);
        let since = begun.unwrap_or_else(|| SystemClock.now());
        self.told.trying = Some(Trying { id: message.id.clone(), through, since });
        self.save()?;
        let name = &self.receiver.name;
        let mut failures = 0_u32;
        while let Err(why) = self.receiver.send(&self.sender, &message).await {
            if failures == 0 {
                tracing::warn!(receiver = %name, id = %message.id, "not taken: {why}; it is tried again and again");
            }
            failures = failures.saturating_add(1);
            if schedule::is_given_up(since, SystemClock.now()) {
                let said = format!(
                    "the receiver {name} took nothing for a day ({why}): it is not told of {}, {}, and whatever came with it",
                    message.id, message.event
                );
                tracing::error!(receiver = %name, "{said}");
                self.engine()?.alarm(&said).await.map_err(Trouble::here)?;
                return Ok(());
            }
            tokio::time::sleep(schedule::pause(failures, chance())).await;
            self.engine()?;
        }
        if failures > 0 {
            tracing::info!(receiver = %name, id = %message.id, "taken, after {failures} failures");
        }
        Ok(())
    }

    fn engine(&self) -> Result<Arc<Engine>, Trouble> {
        self.engine.upgrade().ok_or(Trouble::Over)
    }

    fn save(&mut self) -> Result<(), Trouble> {
        self.told.save(&self.file).map_err(Trouble::here)?;
        self.saved = self.told.next;
        Ok(())
    }
}

/// Without any, all senders come back at one moment: no reason not to come back.
fn chance() -> u8 {
    let mut byte = [0];
    let [drawn] = SystemEntropy.fill(&mut byte).map_or([u8::MAX], |()| byte);
    drawn
}
