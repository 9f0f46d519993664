//! What was asked for in passing: plain reads, and what was denied without a change of its own; and what an agent reports of its own language
//! model. Counted as the ledger's entries tell
//! of it, so that a session of a hundred thousand reads takes as many rows as it asked for different things, and never more than a
//! bound. Nothing decides by it.

use std::collections::BTreeMap;

use model::{Entry, EntryKind};

use crate::rows::{Found, RowsMut};

/// Different things of one session; what comes after them is counted without its target.
pub(crate) const MOST_KINDS: u64 = 5_000;
/// Beyond that many it is counted with nothing but whether it passed.
const MOST_WITHOUT_TARGET: u64 = 6_000;

/// To be counted up when entries are read in another way.
pub(crate) const LOGIC: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Came {
    Read,
    Denied,
    /// By an agent of itself: what its own checks kept from its model, what that claimed, why it was asked no further.
    Reported,
}

impl Came {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Denied => "denied",
            Self::Reported => "reported",
        }
    }
}

/// One of the different things that a session asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    pub(crate) came: Came,
    /// Empty where its entry tells only in words what it was.
    pub(crate) operation: String,
    pub(crate) target: String,
    /// Why it was denied.
    pub(crate) why: String,
}

/// How often, and when first and last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) times: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Counted {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            times: self.times.saturating_add(other.times),
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

impl Asked {
    /// As the engine writes its line.
    fn read(line: &str) -> Self {
        let (came, what, why) = if let Some(rest) = line.strip_prefix("denied ") {
            let (what, why) = apart(rest);
            (Came::Denied, what, why)
        } else if let Some(rest) = line.strip_prefix("refused ") {
            let (what, why) = apart(rest);
            let (operation, target) = (String::new(), what.to_owned());
            return Self { came: Came::Denied, operation, target, why: why.to_owned() };
        } else {
            (Came::Read, line, "")
        };
        let (operation, target) = what.split_once(' ').unwrap_or((what, ""));
        Self { came, operation: operation.to_owned(), target: target.to_owned(), why: why.to_owned() }
    }

    fn without_target(self) -> Self {
        Self { target: String::new(), ..self }
    }

    const fn other(came: Came) -> Self {
        Self { came, operation: String::new(), target: String::new(), why: String::new() }
    }
}

/// What was asked for, and why it was denied.
fn apart(text: &str) -> (&str, &str) {
    text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")).unwrap_or((text, ""))
}

/// Adds what an entry tells of; most tell of nothing.
pub(crate) fn count(rows: &dyn RowsMut, entry: &Entry) -> Found<()> {
    let Some(session) = entry.actors.session else { return Ok(()) };
    let session = session.to_string();
    let mut kinds = None;
    for (asked, times) in all(entry) {
        let counted = Counted { times, first: entry.at.millis(), last: entry.at.millis() };
        let (asked, known) = slot(rows, &session, asked, &mut kinds)?;
        rows.put_asked(&session, &asked, known.map_or(counted, |known| known.and(counted)))?;
    }
    Ok(())
}

fn all(entry: &Entry) -> BTreeMap<Asked, i64> {
    if entry.kind == EntryKind::ReadsAdmitted {
        told(entry)
    } else if entry.kind == EntryKind::AgentReported {
        reported(entry)
    } else {
        BTreeMap::new()
    }
}

/// Each line by what it is (`refused`, `claimed`, `ended`) and its words; those that were left out without either.
fn reported(entry: &Entry) -> BTreeMap<Asked, i64> {
    let mut told = BTreeMap::new();
    let mut add = |asked: Asked, times: i64| {
        let slot: &mut i64 = told.entry(asked).or_default();
        *slot = slot.saturating_add(times);
    };
    for line in entry.detail.iter().filter(|(key, _)| key.starts_with("line_")).map(|(_, line)| line) {
        let (what, why) = line.split_once(": ").unwrap_or(("", line));
        let (operation, why) = (what.to_owned(), why.to_owned());
        add(Asked { came: Came::Reported, operation, target: String::new(), why }, 1);
    }
    let left_out = entry.detail.get("left_out").and_then(|count| count.parse::<i64>().ok());
    if let Some(count) = left_out.filter(|count| *count > 0) {
        add(Asked::other(Came::Reported), count);
    }
    told
}

fn told(entry: &Entry) -> BTreeMap<Asked, i64> {
    let detail = |key: &str| entry.detail.get(key).map(String::as_str).unwrap_or_default();
    let lines: Vec<String> = serde_json::from_str(detail("reads")).unwrap_or_default();
    // Once where an older log does not say how often.
    let times: Vec<u64> = serde_json::from_str(detail("times")).unwrap_or_default();
    let mut told = BTreeMap::new();
    for (line, times) in lines.iter().zip(times.into_iter().chain(std::iter::repeat(1))) {
        let slot: &mut i64 = told.entry(Asked::read(line)).or_default();
        *slot = slot.saturating_add(i64::try_from(times).unwrap_or(i64::MAX));
    }
    told
}

/// Under what it is counted, and what is counted there so far. `kinds`: how many there are, once that was asked.
fn slot(
    rows: &dyn RowsMut,
    session: &str,
    asked: Asked,
    kinds: &mut Option<u64>,
) -> Found<(Asked, Option<Counted>)> {
    let came = asked.came;
    for (asked, most) in [
        (asked.clone(), MOST_KINDS),
        (asked.without_target(), MOST_WITHOUT_TARGET),
        (Asked::other(came), u64::MAX),
    ] {
        let known = rows.asked(session, &asked)?;
        if known.is_some() {
            return Ok((asked, known));
        }
        let there = match *kinds {
            Some(there) => there,
            None => rows.kinds_asked(session)?,
        };
        *kinds = Some(there);
        if there < most {
            *kinds = Some(there.saturating_add(1));
            return Ok((asked, None));
        }
    }
    Ok((Asked::other(came), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        for (line, expected) in [
            ("ec2:DescribeInstances ", (Came::Read, "ec2:DescribeInstances", "", "")),
            ("s3:GetObject a bucket/a key (1)", (Came::Read, "s3:GetObject", "a bucket/a key (1)", "")),
            ("denied s3:GetObject b/k (secrets-stay)", (Came::Denied, "s3:GetObject", "b/k", "secrets-stay")),
            ("denied s3:GetObject b/k ()", (Came::Denied, "s3:GetObject", "b/k", "")),
            ("denied iam:Nonsense (CS106)", (Came::Denied, "iam:Nonsense", "", "CS106")),
            ("denied s3:GetObject b/k (secr", (Came::Denied, "s3:GetObject", "b/k (secr", "")),
            (
                "refused Delete stack a (b). (the session is stopped)",
                (Came::Denied, "", "Delete stack a (b).", "the session is stopped"),
            ),
            ("", (Came::Read, "", "", "")),
        ] {
            let Asked { came, operation, target, why } = Asked::read(line);
            assert_eq!((came, operation.as_str(), target.as_str(), why.as_str()), expected, "{line}");
        }
    }
}
