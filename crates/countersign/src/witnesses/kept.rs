//! What was cosigned, as files beside the log, for readers and for the next start.
//!
//! ```text
//! log/witnessed        the newest checkpoint that as many witnesses as the bundle asks for have cosigned, with their lines
//! log/witness/NAME     the newest checkpoint that this witness has cosigned, with its line
//! ```
//!
//! Each file is whole or not there, and none is believed unread: it is signed, and verified when it is read. So they are
//! not synced; what a power cut takes, the witnesses give again.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use engine::{CosignedError, CosignedFrom, Engine};
use model::WitnessId;

/// As long as a note may be.
const MAX_NOTE: u64 = 256 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Kept {
    log: PathBuf,
}

impl Kept {
    pub(super) fn at(log: &Path) -> Self {
        Self { log: log.to_owned() }
    }

    /// Hands the engine what was kept of the witnesses that the bundle in force names. Those come back whose word the log does
    /// not contain; the engine signs nothing more then.
    pub(super) async fn load(&self, engine: &Engine) -> Vec<WitnessId> {
        let (mut convicting, mut published) = (Vec::new(), None);
        for witness in engine.witnesses().names() {
            for text in self.notes(&witness) {
                let Some((note, line)) = split(&text, engine, &witness) else { continue };
                match engine.cosigned(&witness, &note, &line, CosignedFrom::Kept).await {
                    Ok(note) => published = note.or(published),
                    Err(err) => {
                        tracing::warn!(%witness, "a kept cosignature is not taken: {err}");
                        if let CosignedError::Contradiction(_) = err {
                            convicting.push(witness.clone());
                        }
                    }
                }
            }
        }
        // Under another quorum it may be another one.
        published.iter().for_each(|note| self.witnessed(note));
        convicting
    }

    /// The notes that may have a line of this witness; nothing in them has been verified.
    pub(super) fn notes(&self, witness: &WitnessId) -> Vec<String> {
        [self.of(witness), self.log.join("witnessed")].iter().filter_map(|path| read(path)).collect()
    }

    pub(super) fn cosigned(&self, witness: &WitnessId, note: &str) {
        self.put(&self.of(witness), note);
    }

    pub(super) fn witnessed(&self, note: &str) {
        self.put(&self.log.join("witnessed"), note);
    }

    fn of(&self, witness: &WitnessId) -> PathBuf {
        self.log.join("witness").join(witness.as_str())
    }

    /// A file that cannot be written is said, and missed by nobody but readers: the witness has it.
    fn put(&self, path: &Path, note: &str) {
        if let Err(err) = replace(path, note) {
            tracing::warn!(%err, path = %path.display(), "a cosigned checkpoint could not be kept");
        }
    }
}

fn read(path: &Path) -> Option<String> {
    let length = fs::metadata(path).ok()?.len();
    if length > MAX_NOTE { None } else { fs::read_to_string(path).ok() }
}

/// The log's own note, and the line of this witness.
fn split(text: &str, engine: &Engine, witness: &WitnessId) -> Option<(String, String)> {
    let (body, signatures) = text.split_once("\n\n")?;
    let mut signatures = signatures.split_inclusive('\n');
    let own = signatures.next()?;
    let note = format!("{body}\n\n{own}");
    let key = engine.witnesses().key_of(witness)?;
    let line = signatures.find(|line| tlog::open_cosigned(&format!("{note}{line}"), &key).is_ok())?;
    Some((note, line.to_owned()))
}

fn replace(path: &Path, note: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // No witness has a name that begins with a dot.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}"));
    let mut open = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    io::Write::write_all(&mut open, note.as_bytes())?;
    fs::rename(&aside, path)
}
