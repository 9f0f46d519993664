//! `allow` < `hold` (with what is missing) < `deny` (with why, and what would be allowed instead).

use std::{cmp::Ordering, collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    EvidenceKind, Role, RuleId,
    consent::{AS_ROLE, EVIDENCE, NOTHING_MORE, RENDERED, TOUCHED, WINDOW},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    Allow,
    Hold(Hold),
    Deny(Denial),
}

/// What a held change still needs, and the rules that ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub requirement: Requirement,
    pub rules: Vec<RuleRef>,
    pub alternatives: Vec<Alternative>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// Set where nothing was judged because something was broken; the agent is told which.
    pub fault: Option<Fault>,
    pub rules: Vec<RuleRef>,
    pub alternatives: Vec<Alternative>,
}

/// Why nothing could be judged (promise 1). Every one of them is a denial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    NoPolicy(String),
    NoLedger(String),
    NoClock(String),
    Storage(String),
    Evaluation(String),
    UnknownOperation(String),
    Undecodable(String),
    Oversized(String),
    Upstream(String),
    /// The bundle has the effect wait for witnesses, and too few have cosigned its record.
    NotWitnessed(String),
}

impl Fault {
    /// The stable code that `countersign explain` knows.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoPolicy(_) => "CS101",
            Self::NoLedger(_) => "CS102",
            Self::NoClock(_) => "CS103",
            Self::Storage(_) => "CS104",
            Self::Evaluation(_) => "CS105",
            Self::UnknownOperation(_) => "CS106",
            Self::Undecodable(_) => "CS107",
            Self::Oversized(_) => "CS108",
            Self::Upstream(_) => "CS109",
            Self::NotWitnessed(_) => "CS110",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, detail) = match self {
            Self::NoPolicy(detail) => ("no policy in force", detail),
            Self::NoLedger(detail) => ("the ledger cannot record", detail),
            Self::NoClock(detail) => ("no trustworthy clock", detail),
            Self::Storage(detail) => ("the store cannot record", detail),
            Self::Evaluation(detail) => ("a policy could not be evaluated", detail),
            Self::UnknownOperation(detail) => ("unknown operation", detail),
            Self::Undecodable(detail) => ("the request cannot be understood", detail),
            Self::Oversized(detail) => ("the request is too large to judge", detail),
            Self::Upstream(detail) => ("the upstream cannot be reached", detail),
            Self::NotWitnessed(detail) => ("the record is not witnessed", detail),
        };
        write!(f, "{what}: {}", crate::sanitize(detail, 400))
    }
}

/// The rule that decided, where it stands, and its author's sentence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RuleRef {
    pub id: RuleId,
    pub reason: String,
    pub file: String,
    pub line: u32,
}

/// The nearest thing that would be allowed, in a sentence an agent can act on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alternative(pub String);

/// The least that would turn a hold into an allow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// Distinct persons outside the delegation chain.
    pub people: u32,
    /// How many of them with proved presence.
    pub touched: u32,
    /// How many of them over what a machine of their own showed them: by the command line, not on a page.
    #[serde(default, skip_serializing_if = "crate::people::none")]
    pub rendered: u32,
    /// Roles of which at least one of them must hold each.
    pub roles: BTreeSet<Role>,
    pub evidence: BTreeSet<EvidenceKind>,
    /// The window it must run in, in words; absent where any time will do.
    pub window: Option<String>,
}

impl Requirement {
    /// The least requirement that covers both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            people: self.people.max(other.people),
            touched: self.touched.max(other.touched),
            rendered: self.rendered.max(other.rendered),
            roles: self.roles.into_iter().chain(other.roles).collect(),
            evidence: self.evidence.into_iter().chain(other.evidence).collect(),
            window: match (self.window, other.window) {
                (Some(one), Some(two)) if one != two => Some(format!("{one}; and {two}")),
                (Some(one), _) | (None, Some(one)) => Some(one),
                (None, None) => None,
            },
        }
    }
}

/// In words, for statements and answers; [`crate::Consent::read`] reads them again.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (self.people, self.touched) {
            (0, _) => {}
            (1, 0) => parts.push("1 other person".to_owned()),
            (people, 0) => parts.push(format!("{people} other people")),
            (people, touched) => parts.push(format!("{people} other people, {touched}{TOUCHED}")),
        }
        if self.people > 0 && self.rendered > 0 {
            parts.push(format!("{}{RENDERED}", self.rendered));
        }
        parts.extend(self.roles.iter().map(|role| format!("{AS_ROLE}{role}")));
        parts.extend(self.evidence.iter().map(|kind| format!("{EVIDENCE}{kind}")));
        parts.extend(self.window.iter().map(|window| format!("{WINDOW}{window}")));
        if parts.is_empty() { f.write_str(NOTHING_MORE) } else { f.write_str(&parts.join("; ")) }
    }
}

impl Verdict {
    const fn severity(&self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Hold(_) => 1,
            Self::Deny(_) => 2,
        }
    }

    pub const fn fault(fault: Fault) -> Self {
        Self::Deny(Denial { fault: Some(fault), rules: Vec::new(), alternatives: Vec::new() })
    }

    /// The stricter verdict; two of the same kind are joined, so nothing that either asks for is lost.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Hold(one), Self::Hold(two)) => Self::Hold(Hold {
                requirement: one.requirement.union(two.requirement),
                rules: merge(one.rules, two.rules),
                alternatives: merge(one.alternatives, two.alternatives),
            }),
            (Self::Deny(one), Self::Deny(two)) => Self::Deny(Denial {
                fault: one.fault.or(two.fault),
                rules: merge(one.rules, two.rules),
                alternatives: merge(one.alternatives, two.alternatives),
            }),
            (one, two) => match one.severity().cmp(&two.severity()) {
                Ordering::Less => two,
                Ordering::Equal | Ordering::Greater => one,
            },
        }
    }

    pub const fn name(&self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold(_) => "hold",
            Self::Deny(_) => "deny",
        }
    }

    pub fn rules(&self) -> &[RuleRef] {
        match self {
            Self::Allow => &[],
            Self::Hold(hold) => &hold.rules,
            Self::Deny(denial) => &denial.rules,
        }
    }
}

fn merge<T: Ord>(one: Vec<T>, two: Vec<T>) -> Vec<T> {
    one.into_iter().chain(two).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(people: u32) -> Verdict {
        Verdict::Hold(Hold {
            requirement: Requirement { people, ..Requirement::default() },
            rules: Vec::new(),
            alternatives: Vec::new(),
        })
    }

    #[test]
    fn the_strictest_wins_and_holds_add_up() {
        let deny = Verdict::fault(Fault::NoClock("behind".into()));
        assert_eq!(Verdict::Allow.join(hold(1)), hold(1));
        assert_eq!(hold(1).join(hold(2)), hold(2));
        assert_eq!(hold(2).join(deny.clone()), deny);
        assert_eq!(deny.clone().join(Verdict::Allow), deny);
    }
}
