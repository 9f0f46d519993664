//! The logs that a witness knows: for each origin the key or keys by which it signs.

use std::collections::BTreeMap;

use tlog::{KeyError, VerifierKey};

/// More lines than this are no list that somebody keeps.
const MAX_LOGS: usize = 100_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs(BTreeMap<String, Vec<VerifierKey>>);

/// A line of a list that is no log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {source}")]
pub struct LogsError {
    pub line: usize,
    pub source: KeyError,
}

impl Logs {
    /// A list: one verifier key (`name+id+key`) on each line; empty lines and those that begin with `#` are skipped.
    pub fn read(text: &str) -> Result<Self, LogsError> {
        let mut logs = Self::default();
        for (number, line) in (1..).zip(text.lines()).take(MAX_LOGS) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                logs.add(line.parse().map_err(|source| LogsError { line: number, source })?);
            }
        }
        Ok(logs)
    }

    /// The log that signs by `key`, whose name is the log's origin. A second key of one origin is trusted beside the
    /// first.
    pub fn add(&mut self, key: VerifierKey) {
        let keys = self.0.entry(key.name().to_owned()).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn keys_of(&self, origin: &str) -> &[VerifierKey] {
        self.0.get(origin).map(Vec::as_slice).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use tlog::SigningKey;

    use super::*;

    fn key(name: &str, seed: u8) -> VerifierKey {
        SigningKey::from_seed(name, &[seed; 32]).unwrap().verifier()
    }

    #[test]
    fn a_list_is_a_key_on_each_line() {
        let (one, two, other) = (key("a", 1), key("a", 2), key("b", 3));
        let logs = Logs::read(&format!("# ours\n{one}\n\n  {other}  \n{two}\n{one}\n")).unwrap();
        assert_eq!(logs.origins().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(logs.keys_of("a"), [one, two]);
        assert_eq!(logs.keys_of("c"), []);
        let wrong = Logs::read("# x\nnonsense\n").unwrap_err();
        assert_eq!(wrong, LogsError { line: 2, source: KeyError::Shape });
    }
}
