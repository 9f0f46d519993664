//! What is counted rather than recorded one by one: plain reads, and requests that nobody signed.
//!
//! Reads are recorded in batches, at most 100 ms after they were admitted, each under the bundle by which it was judged: when
//! another one comes into force, what was counted under the one before is recorded in that very operation. Failed
//! authentications are counted per source and minute into one entry.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use model::{Actors, Digest, Entry as Recorded, EntryKind, Fault, Session, SessionId, Timestamp, sanitize};
use serde_json::json;
use tokio::sync::{Mutex as Turn, MutexGuard as Held};

use crate::{Engine, decide::Drawn};

const READ_BATCH: Duration = Duration::from_millis(50);
/// An entry holds at most 65,535 bytes; this leaves room for what surrounds the reads.
const READ_BYTES: usize = 48_000;
/// Of one line, after escaping: a name made of escapes must not push out the others.
const LINE_CHARS: usize = 400;
/// Failures of one source in one minute past which it is refused before any cryptography.
const FAILURES_A_MINUTE: u32 = 120;
/// More sources than this are counted together: what an attacker can make us remember is bounded.
const SOURCES: usize = 10_000;
const OTHERS: &str = "other sources";

#[derive(Debug)]
pub(crate) struct Tallies {
    reads: Mutex<Reads>,
    failures: Mutex<BTreeMap<String, Failures>>,
    /// Whoever takes reads out holds it until they are on record, or back.
    recording: Turn<()>,
}

#[derive(Debug)]
struct Reads {
    /// The bundle by which they were judged.
    under: Digest,
    counted: HashMap<(SessionId, String), ReadRecord>,
}

/// Another bundle is in force than the one by which it was judged.
#[derive(Debug)]
pub(crate) struct Turned;

/// Reads on their way into the log.
#[derive(Debug)]
pub(crate) struct Taken {
    under: Digest,
    by_session: BTreeMap<SessionId, Vec<ReadRecord>>,
}

#[derive(Clone, Debug)]
struct ReadRecord {
    actors: Actors,
    line: String,
    /// Of the first.
    at: Timestamp,
    times: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    minute: i64,
    count: u32,
}

impl Tallies {
    pub(crate) fn new(under: Digest) -> Self {
        let reads = Mutex::new(Reads { under, counted: HashMap::new() });
        Self { reads, failures: Mutex::default(), recording: Turn::new(()) }
    }

    /// What no bundle has judged.
    pub(crate) fn unjudged(&self, session: &Session, line: &str, at: Timestamp) {
        let line = cut(line);
        self.reads().count(session, line, at);
    }

    /// What was judged under this bundle.
    pub(crate) fn judged(
        &self,
        session: &Session,
        line: &str,
        at: Timestamp,
        under: Digest,
    ) -> Result<(), Turned> {
        let line = cut(line);
        let mut reads = self.reads();
        if reads.under != under {
            return Err(Turned);
        }
        reads.count(session, line, at);
        Ok(())
    }

    /// Nobody else takes anything out meanwhile.
    pub(crate) async fn recording(&self) -> Held<'_, ()> {
        self.recording.lock().await
    }

    fn take(&self) -> Taken {
        self.reads().take()
    }

    /// Takes what was counted; from here on is counted what `next` judges.
    pub(crate) fn turn(&self, next: Digest) -> Taken {
        let mut reads = self.reads();
        let taken = reads.take();
        reads.under = next;
        taken
    }

    /// `next` did not come into force after all.
    pub(crate) fn turn_back(&self, taken: Taken) {
        let mut reads = self.reads();
        reads.under = taken.under;
        for (session, records) in &taken.by_session {
            reads.put_back(*session, records);
        }
    }

    fn reads(&self) -> std::sync::MutexGuard<'_, Reads> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a failure; the minute that just ended for this source, if it had any, is returned for recording.
    pub(crate) fn fail(&self, source: &str, now: Timestamp) -> Option<(i64, u32)> {
        let minute = now.seconds().div_euclid(60);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let source = counted_as(&failures, source).to_owned();
        let slot = failures.entry(source).or_default();
        if slot.minute == minute {
            slot.count = slot.count.saturating_add(1);
            None
        } else {
            let ended = (slot.count > 0).then_some((slot.minute, slot.count));
            *slot = Failures { minute, count: 1 };
            ended
        }
    }

    pub(crate) fn anybody_fails(&self) -> bool {
        !self.failures.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn is_flooding(&self, source: &str, now: Timestamp) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures
            .get(counted_as(&failures, source))
            .is_some_and(|it| it.minute == now.seconds().div_euclid(60) && it.count > FAILURES_A_MINUTE)
    }

    /// A minute that could not be recorded waits for the next try.
    fn put_back_failures(&self, source: &str, minute: i64, count: u32) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let source = counted_as(&failures, source).to_owned();
        let slot = failures.entry(source).or_insert(Failures { minute, count: 0 });
        slot.count = slot.count.saturating_add(count);
    }

    /// Takes out the minutes before `minute`.
    fn before(&self, minute: i64) -> Vec<(String, i64, u32)> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = failures.iter().filter(|(_, it)| it.minute < minute && it.count > 0);
        let ended: Vec<_> = ended.map(|(source, it)| (source.clone(), it.minute, it.count)).collect();
        failures.retain(|_, it| it.minute >= minute);
        ended
    }
}

impl Reads {
    fn count(&mut self, session: &Session, line: String, at: Timestamp) {
        match self.counted.entry((session.id, line)) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.times = known.times.saturating_add(1);
            }
            Entry::Vacant(new) => {
                let actors = Actors {
                    agent: Some(session.chain.agent.clone()),
                    operator: Some(session.chain.operator.clone()),
                    session: Some(session.id),
                    person: None,
                };
                let line = new.key().1.clone();
                new.insert(ReadRecord { actors, line, at, times: 1 });
            }
        }
    }

    /// By session, in the order in which each was first asked for.
    fn take(&mut self) -> Taken {
        let mut by_session: BTreeMap<SessionId, Vec<ReadRecord>> = BTreeMap::new();
        for ((session, _), record) in std::mem::take(&mut self.counted) {
            by_session.entry(session).or_default().push(record);
        }
        for records in by_session.values_mut() {
            records.sort_by(|one, other| (one.at, &one.line).cmp(&(other.at, &other.line)));
        }
        Taken { under: self.under, by_session }
    }

    /// Reads that could not be recorded wait for the next try; none pass meanwhile, so this cannot grow.
    fn put_back(&mut self, session: SessionId, records: &[ReadRecord]) {
        for record in records {
            let slot = self.counted.entry((session, record.line.clone()));
            let times = slot.or_insert(ReadRecord { times: 0, ..record.clone() });
            times.times = times.times.saturating_add(record.times);
        }
    }
}

/// As it stands in the log.
fn cut(line: &str) -> String {
    let mut line = sanitize(line, LINE_CHARS);
    if let Some((end, _)) = line.char_indices().nth(LINE_CHARS) {
        line.truncate(end);
    }
    line
}

impl Taken {
    /// As they stand in the log.
    pub(crate) fn entries(&self, drawn: &mut Drawn) -> Vec<Recorded> {
        let mut entries = Vec::new();
        for chunk in self.by_session.values().flat_map(|records| chunks(records)) {
            let Some(first) = chunk.first() else { continue };
            let mut entry = drawn.entry(EntryKind::ReadsAdmitted);
            entry.at = first.at;
            entry.actors = first.actors.clone();
            entry.bundle = Some(self.under);
            entry.detail = reads_of(chunk).into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            entries.push(entry);
        }
        entries
    }
}

fn reads_of(records: &[ReadRecord]) -> [(&'static str, String); 3] {
    let lines: Vec<&str> = records.iter().map(|it| it.line.as_str()).collect();
    let times: Vec<u64> = records.iter().map(|it| it.times).collect();
    let count = times.iter().fold(0u64, |sum, it| sum.saturating_add(*it));
    [("count", count.to_string()), ("reads", json!(lines).to_string()), ("times", json!(times).to_string())]
}

/// The name under which a source is counted.
fn counted_as<'s>(failures: &BTreeMap<String, Failures>, source: &'s str) -> &'s str {
    if failures.len() < SOURCES || failures.contains_key(source) { source } else { OTHERS }
}

/// Writes the tallies out until the engine is dropped.
pub(crate) async fn run(engine: Weak<Engine>) {
    let _last_words = LastWords(Weak::clone(&engine));
    let mut tick = tokio::time::interval(READ_BATCH);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(engine) = engine.upgrade() else { return };
        flush(&engine).await;
    }
}

/// However this ends, no read passes after it that nobody would write down.
struct LastWords(Weak<Engine>);

impl Drop for LastWords {
    fn drop(&mut self) {
        if let Some(engine) = self.0.upgrade() {
            let gone = "the writer of reads has stopped; restart the server";
            engine.note_tallies(Some(Fault::Storage(gone.to_owned())));
        }
    }
}

/// Writes out what has been counted so far.
pub(crate) async fn flush(engine: &Arc<Engine>) {
    {
        let _recording = engine.tallies.recording().await;
        let Taken { under, by_session } = engine.tallies.take();
        for (session, records) in by_session {
            for chunk in chunks(&records) {
                let Some(first) = chunk.first() else { continue };
                let (kind, actors) = (EntryKind::ReadsAdmitted, first.actors.clone());
                if !record(engine, kind, first.at, actors, under, reads_of(chunk)).await {
                    engine.tallies.reads().put_back(session, chunk);
                }
            }
        }
    }
    let now = engine.clock.now();
    failures_before(engine, now.seconds().div_euclid(60), now).await;
}

/// Also the minute that is not over: at an orderly end, when nothing more can be counted into it.
pub(crate) async fn flush_all(engine: &Arc<Engine>) {
    flush(engine).await;
    failures_before(engine, i64::MAX, engine.clock.now()).await;
}

async fn failures_before(engine: &Engine, minute: i64, now: Timestamp) {
    for (source, minute, count) in engine.tallies.before(minute) {
        failures(engine, &source, minute, count, now).await;
    }
}

pub(crate) async fn failures(engine: &Engine, source: &str, minute: i64, count: u32, now: Timestamp) {
    let detail = [
        ("source", sanitize(source, 100)),
        ("minute", Timestamp::from_seconds(minute.saturating_mul(60)).to_string()),
        ("count", count.to_string()),
    ];
    let (kind, under) = (EntryKind::AuthenticationFailed, engine.bundle().digest());
    if !record(engine, kind, now, Actors::default(), under, detail).await {
        engine.tallies.put_back_failures(source, minute, count);
    }
}

/// Runs of records that fit an entry, by what they take there: each line is escaped as JSON twice.
fn chunks(records: &[ReadRecord]) -> Vec<&[ReadRecord]> {
    let mut chunks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (record, nth) in records.iter().zip(0..) {
        // Its count takes a few digits more.
        let own = json!(json!([record.line]).to_string()).to_string().len().saturating_add(21);
        if bytes + own > READ_BYTES && nth > start {
            chunks.extend(records.get(start..nth));
            (start, bytes) = (nth, 0);
        }
        bytes += own;
    }
    chunks.extend(records.get(start..).filter(|rest| !rest.is_empty()));
    chunks
}

async fn record<const N: usize>(
    engine: &Engine,
    kind: EntryKind,
    at: Timestamp,
    actors: Actors,
    under: Digest,
    detail: [(&str, String); N],
) -> bool {
    let id = match engine.entry_id(at) {
        Ok(id) => id,
        Err(fault) => {
            engine.note_tallies(Some(fault));
            return false;
        }
    };
    let mut entry = model::Entry::new(id, at, kind);
    entry.actors = actors;
    entry.bundle = Some(under);
    entry.detail = detail.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let written = engine.store.write(move |tx| tx.record(entry)).await;
    if let Err(err) = &written {
        tracing::error!(%err, "reads could not be recorded; nothing passes until they can be");
    }
    let recorded = written.is_ok();
    let fault = written.err().map(|err| Fault::Storage(format!("reads could not be recorded: {err}")));
    engine.note_tallies(fault);
    recorded
}
