//! Why something was let through: each permit carries its decision, and that follows from what the log said of the change
//! before. A log of an earlier version has permits that do not say it: the report tells of those, and convicts nobody by them.

use std::fmt;

use model::{ChangeId, Consent, Entry, EntryKind};
use serde::{Deserialize, Serialize};

use crate::{Code, auditor::Verdicts, entries::Placed};

/// Permits that do not say why they are ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undecided {
    pub permits: u64,
    /// The first entry among them, and the last.
    pub first: u64,
    pub last: u64,
    /// Those of changes that an entry before says were held for people, and that were let through as needing nobody; not more
    /// than a hundred are listed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub of_held: Vec<u64>,
}

const MOST: usize = 100;

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { permits, first, last, of_held } = self;
        write!(
            f,
            "{permits} permit(s) between entry {first} and entry {last} do not say why they were issued: an earlier version \
             wrote them, or somebody left it out"
        )?;
        if !of_held.is_empty() {
            let listed: Vec<String> = of_held.iter().map(ToString::to_string).collect();
            write!(
                f,
                "; of a change that was held for people and let through for nobody: entry {}",
                listed.join(", ")
            )?;
        }
        Ok(())
    }
}

/// What is told of them.
#[derive(Debug, Default)]
pub(crate) struct Lacking(Option<Undecided>);

impl Lacking {
    fn add(&mut self, index: u64, of_held: bool) {
        let nothing = || Undecided { permits: 0, first: index, last: index, of_held: Vec::new() };
        let known = self.0.get_or_insert_with(nothing);
        known.permits += 1;
        known.last = index;
        if of_held && known.of_held.len() < MOST {
            known.of_held.push(index);
        }
    }

    pub(crate) fn told(self) -> Option<Undecided> {
        self.0
    }
}

/// Whether a permit carries its decision: the verdict, why, the rules that asked for something, and for what nobody was asked
/// about the grants that let it through. Which of them there are depends on the bundle that it names.
pub(crate) fn says_why(permit: &Placed) -> bool {
    let said = |key: &str| permit.detail(key).is_some_and(|text| !text.is_empty());
    let by = match permit.detail("verdict") {
        Some("allow") => said("grants") || said("glass"),
        // The grants are written even where there are none, as of what Countersign does itself.
        Some("hold") => permit.detail("grants").is_some(),
        Some(_) | None => false,
    };
    by && said("why") && permit.detail("rules").is_some() && permit.entry.bundle.is_some()
}

/// What an entry says that its change needs from there on, where that is to be believed: to need less than `before` is a
/// judgement, which says why.
pub(crate) fn needs(placed: &Placed, before: Option<&Consent>) -> Option<Consent> {
    let consent = if placed.detail("verdict") == Some("allow") {
        Consent::default()
    } else {
        let people = placed.detail("people").and_then(|text| text.parse().ok())?;
        let words = placed.detail("requirement").and_then(Consent::read).unwrap_or_default();
        Consent { people, ..words }
    };
    let judged = placed.entry.kind == EntryKind::ChangeJudged
        && placed.detail("why").is_some_and(|why| !why.is_empty());
    (judged || before.is_none_or(|before| consent.covers(before))).then_some(consent)
}

#[derive(Debug, Default)]
pub(crate) struct Decisions {
    /// The log's genesis says that each permit has its decision.
    demanded: bool,
}

impl Decisions {
    pub(crate) fn take(&mut self, placed: &Placed) {
        let (key, says) = Entry::PERMITS_SAY_WHY;
        if placed.entry.kind == EntryKind::Genesis && placed.index == 0 {
            self.demanded = placed.detail(key) == Some(says);
        }
    }

    /// `held_for`: whose consent the change was last said to need, and where. Yields whether it needs nobody's from here on, as
    /// nothing says but this permit of an earlier version.
    pub(crate) fn permit(
        &self,
        placed: &Placed,
        change: ChangeId,
        held_for: Option<&(Consent, u64)>,
        lacking: &mut Lacking,
        verdicts: &mut Verdicts,
    ) -> bool {
        let index = placed.index;
        let mut wrong = |why: &str| {
            verdicts.add(Code::PermitUndecided, index, &format!("entry {index} permits {change} {why}"));
        };
        let allowed = placed.detail("verdict") == Some("allow");
        let held = held_for.filter(|(consent, _)| *consent != Consent::default());
        if !says_why(placed) {
            if self.demanded {
                wrong("and does not say why: no decision is in it");
            } else {
                lacking.add(index, allowed && held.is_some());
            }
            return !self.demanded && allowed && held.is_some();
        }
        match (allowed, held_for, held) {
            (true, _, Some((consent, at))) => wrong(&format!(
                "as what needs nobody, but entry {at} holds it for {consent}, and no entry says that it was judged anew"
            )),
            (true, _, None) if placed.detail("people") != Some("0") => {
                wrong("as what needs nobody, and says that it took people");
            }
            (false, None, _) => wrong("as what was held, and no entry before it holds it"),
            (true, _, None) | (false, Some(_), _) => {}
        }
        false
    }
}
