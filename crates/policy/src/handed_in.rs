//! What is handed in with a bundle as the prover wrote it (certificate, comparison): JSON that nobody has signed, read within
//! bounds.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};

/// Of the form `schema`, in at most `most` bytes; why not, otherwise.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8], schema: &str, most: usize) -> Result<T, String> {
    if text.len() > most {
        return Err(format!("it is longer than {most} bytes"));
    }
    let head: Head = parsed(text)?;
    if head.schema != schema {
        let found = model::sanitize(&head.schema, 60);
        return Err(format!("it says it is {found}; this version reads {schema}"));
    }
    parsed(text)
}

/// Each program that had a part in it, and its version.
pub(crate) fn made_with(programs: &BTreeMap<String, String>) -> String {
    let programs: Vec<_> = programs.iter().map(|(what, which)| format!("{what} {which}")).collect();
    model::sanitize(&programs.join(", "), 300)
}

#[derive(Debug, Deserialize)]
struct Head {
    schema: String,
}

fn parsed<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|err| model::sanitize(&err.to_string(), 300))
}
