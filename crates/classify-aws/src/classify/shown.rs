//! The parameters as lines for people's eyes, who sign what they read here: bounded, harmless to a terminal, secrets
//! redacted. Whatever is cut, redacted or left out is named among the unknowns.

mod layout;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use model::{Value, sanitize};

use crate::{overrides::Overrides, table::Row};

/// What all lines of an action may take up in a statement, in bytes; the statement has room for twice as much.
const MAX_TOTAL: usize = 14_000;
/// Of it, one value.
const MAX_VALUE: usize = 6_000;
/// Of it, what each rank leaves for those behind it.
const RESERVE: usize = 2_000;
/// What a line takes up beside its name and its value.
const FRAME: usize = 16;
const MAX_LABEL: usize = 200;
const MAX_CUTS: usize = 10;
const REDACTED: &str = "(redacted)";
/// Names of what gives rights or runs: these get their room first. Compared in lower case, by containment.
const CONTENT_WORDS: [&str; 15] = [
    "policy",
    "document",
    "template",
    "definition",
    "rule",
    "permission",
    "grant",
    "principal",
    "statement",
    "acl",
    "cidr",
    "command",
    "script",
    "role",
    "code",
];
/// Names that hold secrets whatever a model says of them; compared in lower case, by containment.
const SECRET_WORDS: [&str; 11] = [
    "password",
    "secret",
    "passphrase",
    "privatekey",
    "accesskey",
    "sessiontoken",
    "authtoken",
    "authparameters",
    "credential",
    "userdata",
    "apikey",
];

/// Names that say what the value beside them is, and the names of such values.
const KEYS: [&str; 7] = ["ParameterKey", "Key", "key", "Name", "name", "OptionName", "ParameterName"];
const VALUES: [&str; 4] = ["ParameterValue", "Value", "value", "Values"];

/// What people are shown of a request, and what they are not.
pub(super) struct Shown {
    pub(super) lines: Vec<(String, String)>,
    pub(super) unknowns: Vec<String>,
}

/// Names and values of a canonical parse, and the body where that is a text of its own (a bucket's policy). Without a
/// row, every value is redacted: nobody said which of them is secret.
pub(super) fn of<'a>(params: &'a Value, body: &'a [u8], row: Option<&'a Row>) -> Shown {
    let names = row.map(|row| {
        let revealed: Vec<&str> = Overrides::shared()
            .map(|overrides| overrides.revealed(row.service, row.operation).collect())
            .unwrap_or_default();
        row.sensitive
            .split(',')
            .filter(|name| !name.is_empty() && !revealed.contains(name))
            .collect::<BTreeSet<_>>()
    });
    let judged = names.is_some();
    let payload = match row.and_then(|row| row.payload.split_once(':')) {
        Some((name, "string")) => std::str::from_utf8(body).ok().map(|text| (name, text)),
        Some(_) | None => None,
    };
    let mut found = Found { names, payload, lines: Vec::new(), unread: Vec::new() };
    found.visit("", params, false);
    let Found { mut lines, unread, .. } = found;
    let left_out = fit(&mut lines);
    let mut shown = Shown { lines: Vec::with_capacity(lines.len()), unknowns: unread };
    let (mut redacted, mut cut) = (Vec::new(), 0_usize);
    for Line { label, raw, limit, .. } in lines {
        let Some(limit) = limit else { continue };
        let laid = match raw {
            Raw::Secret => {
                redacted.push(label.clone());
                shown.lines.push((label, REDACTED.to_owned()));
                continue;
            }
            Raw::Text(text) => layout::text(&text, limit),
            Raw::Bytes(bytes) => layout::bytes(bytes, limit),
        };
        if let Some(sha256) = laid.sha256 {
            cut += 1;
            if cut <= MAX_CUTS {
                let missing = laid.missing;
                shown.unknowns.push(format!("{missing} bytes of {label} are not shown, sha256 {sha256}"));
            }
        }
        shown.lines.push((label, laid.text));
    }
    if cut > MAX_CUTS {
        shown.unknowns.push(format!("{} more values are not shown whole", cut - MAX_CUTS));
    }
    if left_out > 0 {
        shown.lines.push(("…".to_owned(), format!("and {left_out} more")));
        shown.unknowns.push(format!("{left_out} parameters are not shown: there are too many"));
    }
    shown.unknowns.extend(not_shown(&redacted, judged));
    shown
}

fn not_shown(redacted: &[String], judged: bool) -> Option<String> {
    let first = redacted.first()?;
    let why =
        if judged { "may be secret" } else { "are of an operation that nobody has listed the secrets of" };
    Some(match redacted.len() - 1 {
        0 => format!("the value of {first} is not shown: it may be secret"),
        more => format!("the values of {first} and {more} more parameters are not shown: they {why}"),
    })
}

/// Gives every line its room and says how many get none. Rank by rank, so that nothing an agent can add as much of as
/// it likes takes room from what gives rights; within a rank a little for each, then the longest are cut first.
fn fit(lines: &mut [Line<'_>]) -> usize {
    let (mut room, mut left_out) = (MAX_TOTAL, 0);
    for (rank, kept_back) in [(Rank::Content, RESERVE), (Rank::Part, RESERVE), (Rank::Other, 0)] {
        let mut own = room.saturating_sub(kept_back);
        room -= own;
        let mut admitted = Vec::new();
        for line in lines.iter_mut().filter(|line| line.rank == rank) {
            let least = line.cost.min(layout::SHORTEST);
            match own.checked_sub(FRAME + line.label.len() + least) {
                Some(rest) => {
                    own = rest;
                    line.limit = Some(least);
                    admitted.push(line);
                }
                None => left_out += 1,
            }
        }
        admitted.sort_by_key(|line| line.cost);
        let mut waiting = admitted.len();
        for line in admitted {
            let least = line.limit.unwrap_or_default();
            let more = line.cost.min(MAX_VALUE).saturating_sub(least).min(own / waiting.max(1));
            line.limit = Some(least + more);
            own -= more;
            waiting -= 1;
        }
        room += own;
    }
    left_out
}

/// Whose room comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// A whole parameter that gives rights or runs; an operation has few.
    Content,
    /// A part of one: as many as the agent likes.
    Part,
    Other,
}

fn rank(label: &str, raw: &Raw<'_>) -> Rank {
    let lowered = label.to_ascii_lowercase().replace("description", "");
    let is_content = CONTENT_WORDS.iter().any(|word| lowered.contains(word))
        || matches!(raw, Raw::Text(text) if text.len() > layout::SHORTEST && layout::is_document(text));
    match (is_content, label.contains(['.', '['])) {
        (true, false) => Rank::Content,
        (true, true) => Rank::Part,
        (false, _) => Rank::Other,
    }
}

struct Found<'a> {
    names: Option<BTreeSet<&'a str>>,
    /// The body's name and text where it is one.
    payload: Option<(&'a str, &'a str)>,
    lines: Vec<Line<'a>>,
    /// One phrase for a body that stands for itself and is no text.
    unread: Vec<String>,
}

struct Line<'a> {
    label: String,
    raw: Raw<'a>,
    rank: Rank,
    cost: usize,
    /// How much of the value is shown; `None` where not even its name is.
    limit: Option<usize>,
}

enum Raw<'a> {
    Secret,
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
}

impl<'a> Found<'a> {
    fn visit(&mut self, label: &str, value: &'a Value, secret: bool) {
        // Long names in deep trees must not add up: beyond the cut nothing of a label is shown anyway.
        let label = label
            .char_indices()
            .nth(2 * MAX_LABEL)
            .map_or(label, |(end, _)| label.get(..end).unwrap_or(label));
        match value {
            Value::Map(map) if map.is_empty() && !label.is_empty() => {
                self.line(label, Raw::Text("{}".into()), secret);
            }
            Value::List(items) if items.is_empty() && !label.is_empty() => {
                self.line(label, Raw::Text("[]".into()), secret);
            }
            Value::Map(map) => {
                if let (2, Some(sha256), Some(length)) =
                    (map.len(), map.get("body_sha256"), map.get("length"))
                {
                    self.body(sha256, length);
                }
                for (name, inner) in map {
                    let secret = secret || self.is_secret(name) || is_value_of_secret(map, name);
                    if name.starts_with('$') && label.is_empty() {
                        self.visit("", inner, secret);
                    } else if label.is_empty() {
                        self.visit(name, inner, secret);
                    } else {
                        self.visit(&format!("{label}.{name}"), inner, secret);
                    }
                }
            }
            Value::List(items) => {
                for (nth, inner) in items.iter().enumerate() {
                    self.visit(&format!("{label}[{nth}]"), inner, secret);
                }
            }
            Value::Null if label.is_empty() => {}
            Value::Null => self.line(label, Raw::Text("null".into()), secret),
            Value::Bool(flag) => {
                self.line(label, Raw::Text(if *flag { "true" } else { "false" }.into()), secret);
            }
            Value::Int(number) => self.line(label, Raw::Text(number.to_string().into()), secret),
            Value::Number(text) | Value::Text(text) => self.line(label, Raw::Text(text.into()), secret),
            Value::Bytes(bytes) => self.line(label, Raw::Bytes(bytes), secret),
        }
    }

    /// Of a body that is not read for parameters the parse holds the digest and the length only.
    fn body(&mut self, sha256: &Value, length: &Value) {
        if let Some((name, text)) = self.payload.take() {
            let secret = self.is_secret(name);
            self.line(name, Raw::Text(text.into()), secret);
        } else if let (Value::Bytes(sha256), Value::Int(length), true) =
            (sha256, length, self.unread.is_empty())
        {
            let sha256: String = hex::encode(sha256).chars().take(64).collect();
            self.unread.push(format!("{length} bytes of the body are not shown, sha256 {sha256}"));
        }
    }

    fn line(&mut self, label: &str, raw: Raw<'a>, secret: bool) {
        let raw = if secret || self.names.is_none() { Raw::Secret } else { raw };
        let cost = match &raw {
            Raw::Secret => REDACTED.len(),
            Raw::Text(text) => layout::cost(text, MAX_VALUE),
            Raw::Bytes(bytes) => bytes.len().saturating_mul(2),
        };
        self.lines.push(Line { label: cut_label(label), rank: rank(label, &raw), raw, cost, limit: None });
    }

    /// A member or, in a form, any step of its flat name.
    fn is_secret(&self, name: &str) -> bool {
        let listed = |step: &str| self.names.as_ref().is_some_and(|names| names.contains(step));
        listed(name) || name.split('.').any(listed) || sounds_secret(name)
    }
}

/// `SecretString` does; `SecretId` names one and does not.
fn sounds_secret(name: &str) -> bool {
    let lowered = name.to_ascii_lowercase();
    let refers =
        ["arn", "id", "name"].iter().any(|ending| lowered.ends_with(ending)) && !lowered.contains("password");
    lowered != "body_sha256" && !refers && SECRET_WORDS.iter().any(|word| lowered.contains(word))
}

/// `ParameterValue` beside `ParameterKey: DbPassword`, nested or as the steps of flat names.
fn is_value_of_secret(map: &BTreeMap<String, Value>, name: &str) -> bool {
    let (prefix, last) = name.rsplit_once('.').map_or(("", name), |(prefix, last)| (prefix, last));
    VALUES.contains(&last)
        && KEYS.iter().any(|key| {
            let beside = if prefix.is_empty() { map.get(*key) } else { map.get(&format!("{prefix}.{key}")) };
            beside.and_then(Value::as_text).is_some_and(|text| text.len() <= 512 && sounds_secret(text))
        })
}

/// A character that a terminal would obey becomes several: the cut counts what is shown.
fn cut_label(label: &str) -> String {
    let clean = sanitize(label, MAX_LABEL);
    if clean.chars().count() <= MAX_LABEL {
        return clean;
    }
    clean.chars().take(MAX_LABEL - 1).chain(['…']).collect()
}
