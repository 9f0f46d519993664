//! Bodies on their way into the blob store and out of it. A salt is drawn for each before the transaction starts; what
//! lies there and is not what was committed to is an alarm, and nobody's answer.

use model::{
    Answer, Blob, BlobError, CapturedUndo, Change, Commitment, Content, EntryKind, Fault, Kept, KeptUndo,
    Request, Step,
};
use store::{Fetched, StorageError, Store, Tx, WriteError};

use crate::{
    Engine, Entropy,
    decide::{DecideError, Drawn},
    entropy, judge,
    record::about,
};

pub(crate) type Salt = [u8; Blob::SALT_BYTES];

/// A captured inverse as the document will have it, and its request as the blob store will.
pub(crate) fn keep(undo: CapturedUndo, salt: Salt) -> Result<(KeptUndo, Blob), BlobError> {
    let CapturedUndo { summary, service, region, request, removes_created } = undo;
    let blob = Blob::of(salt, &request)?;
    let request = Kept::Blob(blob.commitment());
    Ok((KeptUndo { summary, service, region, request, removes_created }, blob))
}

/// An answer without what it would expose, and without what is too large to keep: of that, the digest.
pub(crate) fn keep_answer(answer: Answer, exposes: bool, salt: Salt) -> Result<Blob, BlobError> {
    let bare = |answer: &Answer| Answer { headers: Vec::new(), body: None, ..answer.clone() };
    if exposes {
        return Blob::of(salt, &bare(&answer));
    }
    Blob::of(salt, &answer).or_else(|_| Blob::of(salt, &bare(&answer)))
}

/// A body, as far as it can be had.
pub(crate) enum Had<T> {
    Whole(T),
    /// Something else lies there, or nothing, and nobody erased it.
    Damaged(Commitment),
}

pub(crate) fn fetch<T: Content + Clone>(
    view: &store::View<'_>,
    kept: &Kept<T>,
) -> Result<Had<T>, StorageError> {
    let commitment = match kept {
        Kept::Inline(content) => return Ok(Had::Whole(content.clone())),
        Kept::Blob(commitment) => *commitment,
    };
    Ok(match view.body(commitment)? {
        Fetched::Whole(blob) => blob.content().map_or(Had::Damaged(commitment), Had::Whole),
        Fetched::Altered | Fetched::Absent => Had::Damaged(commitment),
    })
}

/// For the record: a body of the change is not the one that was committed to.
pub(crate) fn alarm(drawn: &mut Drawn, change: &Change, body: Commitment) -> model::Entry {
    let mut entry = about(drawn, EntryKind::Alarm, change);
    let said = "a body in the database is gone, or not the one that was recorded; nothing made use of it";
    entry.detail.insert("alarm".to_owned(), said.to_owned());
    entry.detail.insert("body".to_owned(), body.to_string());
    entry
}

/// Puts the stored inverse in the place of the same one captured again, since another salt alone voids no approval.
pub(crate) fn same_again(
    tx: &mut Tx<'_>,
    drawn: &mut Drawn,
    change: &Change,
    nth: usize,
    fresh: &mut Step,
    captured: Option<&Blob>,
) -> Result<(), DecideError> {
    let stored = change.steps.get(nth).and_then(|step| step.undo.as_ref());
    let (Some(stored), Some(new), Some(captured)) = (stored, &mut fresh.undo, captured) else {
        return Ok(());
    };
    let Kept::Blob(commitment) = stored.request else { return Ok(()) };
    let alike = KeptUndo { request: stored.request.clone(), ..new.clone() } == *stored;
    match tx.body(commitment)? {
        Fetched::Whole(blob) if alike && blob.body() == captured.body() => new.clone_from(stored),
        Fetched::Whole(_) => {}
        Fetched::Altered | Fetched::Absent => tx.record(alarm(drawn, change, commitment))?,
    }
    Ok(())
}

/// The steps of one change for another one, each body under a salt of its own; what was erased or damaged stays behind.
/// `salts`: two for each step.
pub(crate) fn copied(tx: &mut Tx<'_>, steps: &[Step], salts: &[Salt]) -> Result<Vec<Step>, DecideError> {
    let mut salts = salts.iter();
    let mut copies = Vec::with_capacity(steps.len());
    for step in steps {
        let mut copy = Step { erased: None, ..step.clone() };
        if let Some(undo) = &mut copy.undo {
            match again(tx, &undo.request, salts.next())? {
                Some(request) => undo.request = request,
                None => copy.undo = None,
            }
        }
        if let Some(outcome) = copy.execution.as_mut().and_then(|it| it.outcome.as_mut())
            && let Some(answer) = &outcome.answer
        {
            outcome.answer = again(tx, answer, salts.next())?;
        }
        if step.undo.is_some() && copy.undo.is_none() {
            judge::without_undo(&mut copy);
        }
        copies.push(copy);
    }
    Ok(copies)
}

fn again<T: Content + Clone>(
    tx: &mut Tx<'_>,
    kept: &Kept<T>,
    salt: Option<&Salt>,
) -> Result<Option<Kept<T>>, DecideError> {
    let (Had::Whole(content), Some(salt)) = (fetch(tx, kept)?, salt) else { return Ok(None) };
    let Ok(blob) = Blob::of(*salt, &content) else { return Ok(None) };
    let commitment = blob.commitment();
    tx.offer([blob]);
    Ok(Some(Kept::Blob(commitment)))
}

impl Engine {
    /// The request of a captured inverse.
    pub(crate) async fn inverse(&self, change: &Change, kept: KeptUndo) -> Result<CapturedUndo, Fault> {
        let KeptUndo { summary, service, region, request, removes_created } = kept;
        let read = self.store.read(move |view| fetch::<Request>(view, &request)).await;
        match read.map_err(|err| Fault::Storage(err.to_string()))? {
            Had::Whole(request) => Ok(CapturedUndo { summary, service, region, request, removes_created }),
            Had::Damaged(body) => {
                let mut drawn = self.draw_after_the_fact()?;
                let entry = alarm(&mut drawn, change, body);
                let recorded = self.store.write(move |tx| tx.record(entry)).await;
                recorded.map_err(|err| Fault::Storage(err.to_string()))?;
                Err(damaged(change))
            }
        }
    }

    pub(crate) fn salt(&self) -> Result<Salt, Fault> {
        entropy::draw(self.entropy.as_ref())
    }

    pub(crate) fn salts(&self, count: usize) -> Result<Vec<Salt>, Fault> {
        (0..count).map(|_| self.salt()).collect()
    }
}

pub(crate) fn damaged(change: &Change) -> Fault {
    Fault::Storage(format!(
        "a body of {} is gone from the database, or is not the one that was recorded; run `countersign audit verify`",
        change.id
    ))
}

/// How many documents are rewritten in one transaction.
const MOVED_AT_ONCE: usize = 50;

/// Documents of earlier versions had bodies in them: each moves into the blob store once, and the log tells of it.
pub(crate) async fn move_out(
    store: &Store,
    now: model::Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), Fault> {
    let storage = |err: StorageError| Fault::Storage(err.to_string());
    loop {
        let found = store.read(|view| view.holding_bodies(MOVED_AT_ONCE)).await.map_err(storage)?;
        if found.is_empty() {
            return Ok(());
        }
        let mut drawn = Drawn { now, random: entropy::draw(entropy)?, nonce: String::new(), used: 0 };
        let mut moved = Vec::with_capacity(found.len());
        for change in found {
            moved.push(moved_out(change, entropy)?);
        }
        let written = store.write(move |tx| -> Result<(), DecideError> {
            for (change, blobs) in moved {
                let entry = about(&mut drawn, EntryKind::BodyMoved, &change);
                tx.offer(blobs);
                tx.advance_change(&change, change.version, entry)?;
            }
            Ok(())
        });
        written.await.map_err(|err| match err {
            WriteError::Op(err) => err.into_fault(),
            WriteError::Storage(err) => storage(err),
        })?;
    }
}

fn moved_out(mut change: Change, entropy: &dyn Entropy) -> Result<(Change, Vec<Blob>), Fault> {
    let mut blobs = Vec::new();
    for step in &mut change.steps {
        if let Some(undo) = &mut step.undo {
            move_one(&mut undo.request, &mut blobs, entropy)?;
        }
        let outcome = step.execution.as_mut().and_then(|it| it.outcome.as_mut());
        if let Some(answer) = outcome.and_then(|it| it.answer.as_mut()) {
            move_one(answer, &mut blobs, entropy)?;
        }
    }
    Ok((change, blobs))
}

fn move_one<T: Content>(
    kept: &mut Kept<T>,
    blobs: &mut Vec<Blob>,
    entropy: &dyn Entropy,
) -> Result<(), Fault> {
    let Kept::Inline(content) = kept else { return Ok(()) };
    let blob = Blob::of(entropy::draw(entropy)?, content).map_err(|err| Fault::Storage(err.to_string()))?;
    *kept = Kept::Blob(blob.commitment());
    blobs.push(blob);
    Ok(())
}
