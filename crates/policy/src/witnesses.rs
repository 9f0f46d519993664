//! `witnesses.toml`: whose cosignatures of this log's checkpoints count, and how many make one witnessed. Where they are
//! reached is no matter of verdicts and stands in `countersign.toml`.

use std::{collections::BTreeMap, fmt, str::FromStr};

use model::{WitnessId, sanitize};

use crate::reader::Section;

/// More than this nobody waits for.
const MOST: i64 = 32;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witnesses {
    /// From 1 to as many as there are; 0 where there are none.
    pub quorum: u32,
    pub keys: BTreeMap<WitnessId, WitnessVkey>,
}

/// The verifier key of a witness, `name+id+key` as C2SP `tlog-cosignature` has it for Ed25519. Only its form is known
/// here; whether id and key belong together is for whoever verifies with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessVkey(String);

impl WitnessVkey {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two keys have in common that are one key under two names.
    fn point(&self) -> &str {
        self.0.rsplit('+').next().unwrap_or_default()
    }
}

impl fmt::Display for WitnessVkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for WitnessVkey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '+');
        let (name, id, key) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
        let named = name.is_some_and(|name| {
            let plain = |character: char| !character.is_whitespace() && !character.is_control();
            (1..=255).contains(&name.len()) && name.chars().all(plain)
        });
        let identified = id.is_some_and(|id| {
            id.len() == 8 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
        // Base64 of the type, 4, and 32 bytes: 44 digits of which the first says 4 and the second begins with 0.
        let digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let typed = matches!(key.as_bytes(), [b'B', b'A'..=b'P', ..]);
        if named && identified && typed && key.len() == 44 && key.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            let text = sanitize(text, 100);
            Err(format!("`{text}` is no witness's key, such as \"witness.example/w1+1234abcd+BA…\""))
        }
    }
}

pub(crate) fn read_witnesses(root: &Section<'_>) -> Witnesses {
    let mut keys: BTreeMap<WitnessId, WitnessVkey> = BTreeMap::new();
    let named = root.named::<WitnessId>("witnesses");
    let there = u32::try_from(named.len()).unwrap_or(u32::MAX);
    for (name, section) in named {
        match section.parsed::<WitnessVkey>("key") {
            Some(key) => {
                if let Some((twin, _)) = keys.iter().find(|(_, known)| known.point() == key.point()) {
                    let message = format!("it is the key of {twin} too: two names do not make two witnesses");
                    section.wrong("key", message, None);
                }
                keys.insert(name, key);
            }
            None if section.has("key") => {}
            None => section.missing("key", "the line that `countersign witness` prints"),
        }
        section.finish();
    }
    let quorum = root.count("quorum", 1..MOST + 1).and_then(|count| u32::try_from(count).ok());
    match quorum {
        Some(quorum) if quorum > there => {
            let message = format!("{quorum} of {there} witnesses can never be had");
            root.wrong("quorum", message, None);
        }
        Some(_) => {}
        None if root.has("quorum") || there == 0 => {}
        None => root.missing("quorum", "how many witnesses make a checkpoint witnessed"),
    }
    Witnesses { quorum: quorum.unwrap_or_default(), keys }
}
