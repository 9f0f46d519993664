//! The snapshot of `countersign mcp`, held by a thread of its own: what is read of a snapshot lies in its text, and both stay where they
//! are. Questions come one after the other; where the file has changed since, it is read again first.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    time::SystemTime,
};

use engine::{Clock as _, SystemClock};
use findings::{Parameters, Prices, Report, analyse};
use mcp::{Held, Question, Refusal, Told};
use model::Digest;
use snapshot::Snapshot;
use tokio::sync::oneshot;

use crate::{cli::findings::SnapshotArgs, command::findings as from_files, failure::Failure};

/// More than that at a time are not kept waiting, but told to come again.
const WAITING: usize = 32;
/// What depends on the hour, such as whether a grace is over, is as old as this at most.
const STALE_MILLIS: i64 = 60_000;

pub(super) struct Shelf {
    questions: SyncSender<Asked>,
}

struct Asked {
    question: Question,
    answer: oneshot::Sender<Result<Told, Refusal>>,
}

struct Source {
    file: PathBuf,
    parameters: Parameters,
    prices: Prices,
    /// What was before, with the file it is of; it does not change.
    before: Option<(PathBuf, String)>,
}

/// By which a file is known to be another than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    length: u64,
    modified: Option<SystemTime>,
}

/// What was read of the file, and when.
struct Text {
    mark: Mark,
    text: String,
}

impl Shelf {
    /// Reads it once, so that what cannot be read is said at the start.
    pub(super) fn open(args: &SnapshotArgs, before: Option<&Path>) -> Result<Self, Failure> {
        let before = match before {
            Some(file) => {
                let text = from_files::snapshot_text(file)?;
                from_files::snapshot(&text, SystemClock.now(), file)?;
                Some((file.to_owned(), text))
            }
            None => None,
        };
        let source = Source {
            file: args.from.clone(),
            parameters: from_files::parameters(args.parameters.as_deref())?,
            prices: from_files::prices(args.prices.as_deref())?,
            before,
        };
        let first = source.read()?;
        from_files::snapshot(&first.text, SystemClock.now(), &args.from)?;
        let (questions, asked) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("snapshot".to_owned())
            .spawn(move || source.answer(first, &asked))
            .map_err(|err| Failure::unexpected(format!("no thread can be started: {err}")))?;
        Ok(Self { questions })
    }

    pub(super) async fn ask(&self, question: Question) -> Result<Told, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.questions.try_send(Asked { question, answer }).map_err(|err| match err {
            TrySendError::Full(_) => {
                Refusal::usage("too many questions at a time").hint("ask again in a moment")
            }
            TrySendError::Disconnected(_) => gone(),
        })?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> Refusal {
    Refusal::new("CS000", "the snapshot is no longer held").hint("start `countersign mcp` again")
}

impl Source {
    fn mark(&self) -> Option<Mark> {
        let about = fs::metadata(&self.file).ok()?;
        Some(Mark { length: about.len(), modified: about.modified().ok() })
    }

    fn read(&self) -> Result<Text, Failure> {
        // Before the text: a file that is written meanwhile is another one the next time.
        let mark = self.mark().unwrap_or(Mark { length: 0, modified: None });
        Ok(Text { mark, text: from_files::snapshot_text(&self.file)? })
    }

    /// Until nobody asks any more.
    fn answer(self, first: Text, asked: &Receiver<Asked>) {
        let mut text = first;
        let mut waiting = None;
        loop {
            match self.of_one(&text, waiting.take(), asked) {
                // Another file than before: what was asked of it comes first.
                Some(next) => match self.read() {
                    Ok(read) => {
                        text = read;
                        waiting = Some(next);
                    }
                    Err(failure) => {
                        let _ = next.answer.send(Err(refusal(&failure)));
                    }
                },
                None => return,
            }
        }
    }

    /// Questions of one text; the one for which it is too old, or nothing where nobody asks.
    fn of_one(&self, text: &Text, first: Option<Asked>, asked: &Receiver<Asked>) -> Option<Asked> {
        let mut made: Option<Report> = None;
        let digest = Digest::of(text.text.as_bytes());
        let parsed = from_files::snapshot(&text.text, SystemClock.now(), &self.file);
        let before = self.before.as_ref();
        let before = before.and_then(|(file, text)| from_files::snapshot(text, SystemClock.now(), file).ok());
        let mut next = first;
        loop {
            let is_first = next.is_some();
            let Asked { question, answer } = match next.take() {
                Some(first) => first,
                None => asked.recv().ok()?,
            };
            if !is_first && self.mark().is_some_and(|mark| mark != text.mark) {
                return Some(Asked { question, answer });
            }
            let told = match &parsed {
                Ok(snapshot) => {
                    let made_before = made.take();
                    let report = made.insert(self.report(snapshot, made_before));
                    let held = Held {
                        snapshot,
                        digest,
                        report,
                        prices: &self.prices,
                        parameters: &self.parameters,
                        before: before.as_ref(),
                    };
                    mcp::answer(&held, &question)
                }
                Err(failure) => Err(refusal(failure)),
            };
            // Who does not wait for it any more does not need it.
            let _ = answer.send(told);
        }
    }

    /// The one that was made before, while it is not too old.
    fn report(&self, snapshot: &Snapshot<'_>, before: Option<Report>) -> Report {
        let now = SystemClock.now();
        match before {
            Some(report) if (0..STALE_MILLIS).contains(&now.since(report.now)) => report,
            Some(_) | None => analyse(snapshot, &self.parameters, &self.prices, now),
        }
    }
}

fn refusal(failure: &Failure) -> Refusal {
    let refusal =
        Refusal::new(failure.code.clone(), "the snapshot cannot be read").told(failure.message.clone());
    refusal.hint("countersign scan makes one anew")
}
