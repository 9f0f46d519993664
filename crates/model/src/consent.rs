//! Whose consent a requirement asks for. Statements carry a requirement in words, and an auditor has nothing else to
//! hold a permit against: so what [`Requirement`] writes is read here again.

use std::{collections::BTreeSet, fmt};

use crate::{Requirement, Role, Tally};

/// The part of a requirement that people answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    pub people: u32,
    pub touched: u32,
    pub rendered: u32,
    pub roles: BTreeSet<Role>,
}

impl Consent {
    /// From the words of a requirement; `None` where they are not such.
    pub fn read(words: &str) -> Option<Self> {
        let mut consent = Self::default();
        let mut parts = words.split("; ").peekable();
        if let Some((people, touched)) = parts.peek().and_then(|first| counted(first)) {
            (consent.people, consent.touched) = (people, touched);
            parts.next();
            if let Some(rendered) = parts.peek().and_then(|next| next.strip_suffix(RENDERED)) {
                consent.rendered = rendered.parse().ok()?;
                parts.next();
            }
        }
        for part in parts {
            match part.strip_prefix(AS_ROLE) {
                Some(role) => drop(consent.roles.insert(role.parse().ok()?)),
                None if consent == Self::default() && part == NOTHING_MORE => {}
                None if part.starts_with(EVIDENCE) => {}
                // A window is somebody's words, to the end.
                None if part.starts_with(WINDOW) => break,
                None => return None,
            }
        }
        Some(consent)
    }

    /// Whether these people are enough.
    pub fn given_by(&self, tally: &Tally) -> bool {
        self.people <= tally.people
            && self.touched <= tally.touched
            && self.rendered <= tally.rendered
            && self.roles.is_subset(&tally.roles)
    }

    /// Whether it asks for all that `other` does.
    pub fn covers(&self, other: &Self) -> bool {
        self.people >= other.people
            && self.touched >= other.touched
            && self.rendered >= other.rendered
            && self.roles.is_superset(&other.roles)
    }
}

pub(crate) const AS_ROLE: &str = "one of them as ";
pub(crate) const EVIDENCE: &str = "evidence ";
pub(crate) const WINDOW: &str = "window ";
pub(crate) const NOTHING_MORE: &str = "nothing more";
pub(crate) const TOUCHED: &str = " of them with a touched key";
pub(crate) const RENDERED: &str = " of them by the command line, on a machine of their own";

/// `1 other person`, `N other people`, `N other people, M of them with a touched key`.
fn counted(part: &str) -> Option<(u32, u32)> {
    if part == "1 other person" {
        return Some((1, 0));
    }
    let (people, rest) = part.split_once(" other people")?;
    let touched = match rest.strip_suffix(TOUCHED) {
        Some(touched) => touched.strip_prefix(", ")?.parse().ok()?,
        None if rest.is_empty() => 0,
        None => return None,
    };
    Some((people.parse().ok()?, touched))
}

/// As the requirement says it.
impl fmt::Display for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { people, touched, rendered, roles } = self.clone();
        Requirement { people, touched, rendered, roles, ..Requirement::default() }.fmt(f)
    }
}

impl From<&Requirement> for Consent {
    fn from(it: &Requirement) -> Self {
        // Nobody is asked: of nobody nothing is.
        let (touched, rendered) = if it.people == 0 { (0, 0) } else { (it.touched, it.rendered) };
        Self { people: it.people, touched, rendered, roles: it.roles.clone() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::EvidenceKind;

    fn requirement() -> impl Strategy<Value = Requirement> {
        (
            0u32..5,
            0u32..5,
            0u32..3,
            prop::collection::btree_set("[a-z][a-z0-9-]{0,9}", 0..3),
            prop::sample::subsequence(EvidenceKind::ALL.to_vec(), 0..3),
            prop::option::of("[ -~]{0,40}(; one of them as dba)?"),
        )
            .prop_map(|(people, touched, rendered, roles, evidence, window)| Requirement {
                people,
                touched,
                rendered,
                roles: roles.into_iter().map(|role| role.parse().unwrap()).collect(),
                evidence: evidence.into_iter().collect(),
                window,
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(requirement in requirement()) {
            prop_assert_eq!(Consent::read(&requirement.to_string()), Some(Consent::from(&requirement)));
        }

        #[test]
        fn reading_never_panics(words in "(.|\n){0,80}") {
            let _ = Consent::read(&words);
        }
    }

    #[test]
    fn other_words_are_none() {
        let early = "1 of them by the command line, on a machine of their own; 2 other people";
        assert_eq!(Consent::read(early), None);
        for words in ["", "2 people", "two other people", "2 other people, 1", "one of them as ", "anything"]
        {
            assert_eq!(Consent::read(words), None, "{words}");
        }
    }
}
