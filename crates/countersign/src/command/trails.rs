//! CloudTrail's files as they lie on disk: one, or a folder of them, each read on its own and within bounds.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use model::sanitize;
use trail::{
    Event,
    read::{self, MAX_FILE},
};

use crate::failure::Failure;

const MAX_FILES: usize = 100_000;

/// In order; links are not followed.
pub(super) fn files_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |path: &Path, err: std::io::Error| {
        Failure::usage(format!("{} cannot be read: {err}", path.display()))
            .hint("give a log file of CloudTrail, or a folder of them, that you may read")
    };
    if !fs::metadata(path).map_err(|err| unreadable(path, err))?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut found, mut open) = (Vec::new(), vec![path.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).map_err(|err| unreadable(&next, err))? {
            let entry = entry.map_err(|err| unreadable(&next, err))?;
            let kind = entry.file_type().map_err(|err| unreadable(&next, err))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() && (name.ends_with(".json") || name.ends_with(".json.gz")) {
                found.push(entry.path());
            }
            if found.len() + open.len() > MAX_FILES {
                let message = format!("{} holds more than {MAX_FILES} files", path.display());
                return Err(Failure::usage(message).hint("give fewer days at once"));
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(Failure::usage(format!("{} holds no .json or .json.gz", path.display())));
    }
    Ok(found)
}

/// Whatever cannot be read is named, with the file and the record, and the rest is read.
pub(super) fn records_of(file: &Path, mut each: impl FnMut(Result<Event, String>)) {
    let shown = sanitize(&file.display().to_string(), 400);
    match content(file) {
        Ok(bytes) => read::records(&bytes, |record| {
            each(record.map_err(|damage| {
                let place = damage.record.map_or_else(String::new, |number| format!(", record {number}"));
                format!("{shown}{place}: {}", damage.why)
            }));
        }),
        Err(why) => each(Err(format!("{shown}: {why}"))),
    }
}

fn content(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut opened = fs::File::open(file).map_err(|err| err.to_string())?.take(MAX_FILE + 1);
    opened.read_to_end(&mut bytes).map_err(|err| err.to_string())?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("it is larger than {MAX_FILE} bytes: refused"));
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        read::unpack(&bytes).map_err(|err| err.to_string())
    } else {
        Ok(bytes)
    }
}
