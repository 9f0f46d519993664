//! From a file's bytes to its records. Every bound refuses, and what is broken is named and does not hide the rest.

use std::io::Read as _;

use model::sanitize;
use serde_json::Value;

use crate::Event;

/// Of a file, after it was unpacked.
pub const MAX_FILE: u64 = 64 * 1024 * 1024;
/// Of one record; CloudTrail's own bound.
pub const MAX_RECORD: usize = 256 * 1024;
/// How every record begins: where the next one is found after a broken one. In a string its quotes would be escaped.
const BEGINNING: &[u8] = br#"{"eventVersion""#;

#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("it is larger than {MAX_FILE} bytes once unpacked: refused")]
    TooLarge,
    #[error("it cannot be unpacked: {0}")]
    Broken(#[source] std::io::Error),
}

/// What could not be read: of which record (from 1), or of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub record: Option<usize>,
    pub why: String,
}

/// The content of a gzip file, of bounded size.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let mut out = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(MAX_FILE + 1);
    reader.read_to_end(&mut out).map_err(UnpackError::Broken)?;
    if out.len() as u64 > MAX_FILE { Err(UnpackError::TooLarge) } else { Ok(out) }
}

/// The records of a file, in order, each read or named as damaged.
pub fn records(bytes: &[u8], mut each: impl FnMut(Result<Event, Damage>)) {
    let whole = |why: &str| Damage { record: None, why: why.to_owned() };
    let Some(mut rest) = opened(bytes) else {
        return each(Err(whole("it does not begin as a log of CloudTrail does: {\"Records\": [")));
    };
    for number in 1.. {
        rest = rest.trim_ascii_start();
        if number > 1 && !rest.starts_with(b"{") {
            rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        }
        if let Some(after) = rest.strip_prefix(b"]") {
            if after.trim_ascii() != b"}" {
                each(Err(whole("something stands after its records")));
            }
            return;
        }
        let damage = |why: String| Damage { record: Some(number), why };
        let found = object(rest)
            .ok_or_else(|| damage("it does not end".to_owned()))
            .and_then(|record| parse(record).map_err(damage).map(|event| (event, record.len())));
        match found {
            Ok((event, length)) => {
                each(Ok(event));
                rest = rest.get(length..).unwrap_or_default();
            }
            Err(damage) => {
                each(Err(damage));
                match next(rest) {
                    Some(later) => rest = later,
                    // A record that is whole but wrong leaves the closing bracket to be read.
                    None => match object(rest) {
                        Some(record) => rest = rest.get(record.len()..).unwrap_or_default(),
                        None => return,
                    },
                }
            }
        }
    }
}

fn opened(bytes: &[u8]) -> Option<&[u8]> {
    let after = |bytes, token: &[u8]| <[u8]>::trim_ascii_start(bytes).strip_prefix(token);
    after(after(after(after(bytes, b"{")?, b"\"Records\"")?, b":")?, b"[")
}

fn parse(record: &[u8]) -> Result<Event, String> {
    if record.len() > MAX_RECORD {
        return Err(format!("it has {} bytes, more than a record can", record.len()));
    }
    let value: Value = serde_json::from_slice(record).map_err(|err| sanitize(&err.to_string(), 200))?;
    Event::of(&value).map_err(|name| format!("it has no usable `{name}`"))
}

/// The object that `bytes` begin with, by its braces.
fn object(bytes: &[u8]) -> Option<&[u8]> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, byte) in (0..).zip(bytes) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return bytes.get(..=at);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn next(bytes: &[u8]) -> Option<&[u8]> {
    let later = bytes.get(1..)?;
    let at = later.windows(BEGINNING.len()).position(|window| window == BEGINNING)?;
    later.get(at..)
}
