//! Credentials are taken out of every text before it can go to a model. What a credential looks like is data
//! (`data/secrets.toml`); here is its one interpreter. Where something is in doubt it goes out: a model that misses a word asks
//! again, a secret that left does not come back.
//!
//! What it does not find: a secret without a form of its own in a place that does not say what it is.

mod kinds;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt, ops::Range};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use regex::Regex;
use serde_json::{Map, Value};

pub use kinds::ScrubberError;
use kinds::{Kind, Kinds};

/// Text in which no credential was left. There is no other way into a request: see `Conversation`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    text: String,
    removed: BTreeSet<String>,
    is_cut: bool,
}

impl Scrubbed {
    /// Words of this program's own source.
    pub fn ours(text: &'static str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it was longer than any text for a model is.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Which kinds were found, for the record.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.removed.iter().map(String::as_str)
    }
}

/// Made once, and lent to everything that writes to a model.
pub struct Scrubber {
    kinds: Vec<Kind>,
    /// What could be base64 of something.
    encoded: Regex,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrubber({} kinds)", self.kinds.len())
    }
}

/// More than any one text for a model is; what is beyond is not looked at, and therefore not kept.
const MOST: usize = 1 << 18;

/// Base64 within base64 is looked into, once more is not.
const DEEPEST: u8 = 2;

/// Members that name the pair they are of.
const NAMES: [&str; 4] = ["name", "key", "parameterkey", "optionname"];

/// Found by its own rule and not by one of the kinds.
const ENCODED: &str = "encoded";

impl Scrubber {
    /// # Errors
    /// Where a pattern of the data is none.
    pub fn new() -> Result<Self, ScrubberError> {
        let Kinds { kinds } = Kinds::built_in()?;
        let encoded = r"[A-Za-z0-9+/_-]{20,}(?:(?:\r|\n|\\r|\\n)+[A-Za-z0-9+/_-]{4,})*={0,2}";
        Ok(Self { kinds, encoded: kinds::regex(ENCODED, encoded)? })
    }

    pub fn scrub(&self, text: &str) -> Scrubbed {
        let kept = within(text);
        let is_cut = kept.len() < text.len();
        let (text, removed) = self.clean(kept, DEEPEST);
        Scrubbed { text, removed, is_cut }
    }

    /// Every string of a JSON value, member names included. The strings themselves and not the text of the whole: escapes hide
    /// nothing there.
    pub fn scrub_json(&self, object: &Map<String, Value>) -> Map<String, Value> {
        // Clouds write pairs as two members, of which one names the other.
        let names = object.iter().filter(|(name, _)| NAMES.contains(&name.to_ascii_lowercase().as_str()));
        let name_of_pair = names.filter_map(|(_, name)| name.as_str()).next();
        let about = |member: &str| match name_of_pair {
            Some(name) if member.to_ascii_lowercase().ends_with("value") => name.to_owned(),
            _ => member.to_owned(),
        };
        object.iter().map(|(name, value)| (self.scrub(name).text, self.member(&about(name), value))).collect()
    }

    /// A member's name says what its value is, so they are looked at together.
    fn member(&self, name: &str, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let alone = self.scrub(text);
                // As a member of JSON, where a quotation mark within ends nothing.
                let label = format!("{}: ", Value::from(name));
                let joined = self.scrub(&format!("{label}{}", Value::from(alone.as_str())));
                let kept = joined.text.strip_prefix(&label).and_then(|kept| serde_json::from_str(kept).ok());
                Value::String(kept.unwrap_or_else(|| marker(ENCODED)))
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.member(name, item)).collect()),
            Value::Object(members) => Value::Object(self.scrub_json(members)),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn clean(&self, text: &str, depth: u8) -> (String, BTreeSet<String>) {
        let mut found = Vec::new();
        for kind in &self.kinds {
            kind.find(text, &mut found);
        }
        if let Some(below) = depth.checked_sub(1) {
            let hides = |run: &str| decodings(run).iter().any(|inner| !self.clean(inner, below).1.is_empty());
            let runs = self.encoded.find_iter(text).filter(|run| hides(run.as_str()));
            found.extend(runs.map(|run| Found { place: run.range(), kind: ENCODED }));
        }
        replace(text, found)
    }
}

/// One credential: where it stands, and what it is.
struct Found<'a> {
    place: Range<usize>,
    kind: &'a str,
}

/// Has no blank, so that no rule takes a part of it.
fn marker(kind: &str) -> String {
    format!("[removed:{kind}]")
}

/// What is looked at. Where it was cut, the last word goes, too: it may be the beginning of a secret.
fn within(text: &str) -> &str {
    if text.len() <= MOST {
        return text;
    }
    let cut = text.get(..text.floor_char_boundary(MOST)).unwrap_or_default();
    cut.rfind(char::is_whitespace).and_then(|last| cut.get(..last)).unwrap_or_default()
}

fn replace(text: &str, mut found: Vec<Found<'_>>) -> (String, BTreeSet<String>) {
    // The longest first where two begin together: its name says more.
    found.sort_by(|a, b| a.place.start.cmp(&b.place.start).then(b.place.end.cmp(&a.place.end)));
    let (mut out, mut removed) = (String::with_capacity(text.len()), BTreeSet::new());
    let mut done = 0;
    for Found { place, kind } in found {
        if place.start >= done {
            out.push_str(text.get(done..place.start).unwrap_or_default());
            out.push_str(&marker(kind));
            removed.insert(kind.to_owned());
        }
        done = done.max(place.end);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    (out, removed)
}

/// What a run could be base64 of: in either alphabet, and wherever in it that begins, for a word may stand right before it. What is no
/// text is kept as far as it is; the halves of UTF-16 are looked at as one.
fn decodings(run: &str) -> Vec<String> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    let run = run.replace("\\r", "").replace("\\n", "").replace('-', "+").replace('_', "/");
    let digits: String = run.chars().filter(|it| !it.is_ascii_whitespace() && *it != '=').collect();
    let decoded = (0..4).filter_map(|from| {
        let digits = digits.get(from..)?;
        // One digit alone is no byte: the run was cut there.
        let whole = if digits.len() % 4 == 1 { digits.get(..digits.len() - 1)? } else { digits };
        let mut bytes = engine.decode(whole).ok()?;
        bytes.retain(|byte| *byte != 0);
        Some(String::from_utf8_lossy(&bytes).into_owned())
    });
    decoded.collect()
}
