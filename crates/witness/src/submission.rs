//! What a witness does with a request: first what can be said without knowing the past ([`Submission::receive`]), then
//! against what it cosigned last ([`Submission::step`]). The second and the keeping of its result are one for each log;
//! otherwise two requests at a time could roll it back.

use tlog::{
    Checkpoint, Hash, NoteError, WitnessSigningKey, cosign_text, empty_root, open_note, verify_growth,
};

use crate::{Fork, Logs, Record, Refusal, Request, record::head_of, request::Malformed};

/// The same checkpoint asked for again within so many seconds gets the same cosignature: everybody may replay what is
/// public, and must not be able to make us write.
const SAME_FOR: u64 = 60;

/// A checkpoint that a known log signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    old: u64,
    proof: Vec<Hash>,
    checkpoint: Checkpoint,
    text: String,
    /// The log's own signature lines; nobody else's are kept.
    signatures: String,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is what was cosigned a moment ago: the answer is that cosignature.
    Known,
    /// To be kept, durably, before its cosignature leaves.
    Next(Record),
}

impl Submission {
    /// The body of a request, as far as it can be judged alone.
    pub fn receive(body: &[u8], logs: &Logs) -> Result<Self, Refusal> {
        let Request { old, proof, note } = Request::parse(body)?;
        let (lines, _) = note.split_once("\n\n").ok_or(Malformed::Note)?;
        let text = format!("{lines}\n");
        let checkpoint = head_of(&text).map_err(|_| Malformed::Checkpoint)?;
        let keys = logs.keys_of(&checkpoint.origin);
        if keys.is_empty() {
            return Err(Refusal::UnknownLog);
        }
        let mut signatures = String::new();
        let mut missing = None;
        for key in keys {
            match open_note(note, key) {
                Ok(signed) if signed == text => signatures.extend(own_line(note, &text, key)),
                Ok(_) => return Err(Malformed::Note.into()),
                Err(NoteError::NotSigned(name)) => missing = Some(NoteError::NotSigned(name)),
                Err(wrong @ NoteError::WrongSignature(_)) => return Err(Refusal::NotSigned(wrong)),
                Err(_) => return Err(Malformed::Note.into()),
            }
        }
        if let Some(missing) = missing.filter(|_| signatures.is_empty()) {
            return Err(Refusal::NotSigned(missing));
        }
        if old > checkpoint.size {
            return Err(Refusal::Shrinks { old, new: checkpoint.size });
        }
        Ok(Self { old, proof, checkpoint, text, signatures })
    }

    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }

    /// Against `last`, the newest checkpoint of this origin that was cosigned. `now` is in Unix seconds; where the
    /// clock has gone back, the time of `last` is stated again: a later tree must not be seen earlier.
    pub fn step(self, last: Option<&Record>, now: u64, key: &WitnessSigningKey) -> Result<Step, Refusal> {
        let nothing = Checkpoint { origin: self.checkpoint.origin.clone(), size: 0, root: empty_root() };
        let known = last.map_or(&nothing, Record::checkpoint);
        if self.old != known.size {
            return Err(Refusal::Conflict { size: known.size });
        }
        if let Err(wrong) = verify_growth(known, &self.checkpoint, &self.proof) {
            return Err(self.fork(last).map_or(Refusal::NotProved(wrong), Refusal::Forked));
        }
        if last.is_some_and(|last| last.text() == self.text && now < last.time().saturating_add(SAME_FOR)) {
            return Ok(Step::Known);
        }
        let time = now.max(last.map_or(0, Record::time));
        let line = cosign_text(&self.text, time, key).ok_or(Refusal::NoTime)?;
        Ok(Step::Next(Record::new(self.checkpoint, &self.text, time, &self.signatures, &line)))
    }

    fn fork(&self, last: Option<&Record>) -> Option<Box<Fork>> {
        let last = last.filter(|last| {
            last.size() == self.checkpoint.size && last.root() != self.checkpoint.root && last.size() > 0
        })?;
        Some(Box::new(Fork {
            origin: self.checkpoint.origin.clone(),
            size: self.checkpoint.size,
            root: self.checkpoint.root,
            cosigned: last.note().to_owned(),
            refused: format!("{}\n{}", self.text, self.signatures),
        }))
    }
}

/// The line of a note by which `key` signed it.
fn own_line(note: &str, text: &str, key: &tlog::VerifierKey) -> Option<String> {
    let (_, lines) = note.split_once("\n\n")?;
    let line = lines.lines().find(|line| open_note(&format!("{text}\n{line}\n"), key).is_ok())?;
    Some(format!("{line}\n"))
}
