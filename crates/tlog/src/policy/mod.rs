//! Trust policies (C2SP `tlog-policy`): which logs an auditor takes, which witnesses are known, and which of their
//! cosignatures together are enough.
//!
//! ```text
//! log KEY [URL]
//! witness NAME KEY [URL]
//! group NAME all|any|K MEMBER…       witnesses and groups defined above; each name is a member at most once
//! quorum NAME                        exactly one line; `none` asks for no witness
//! ```
//!
//! Keys are Ed25519 (`key`). A policy that names a key of another kind, such as an ML-DSA witness's, is refused and not
//! read as if the witness were absent: who wrote it counted on a signature that we cannot check.
//!
//! **Size 0.** A checkpoint of the empty tree satisfies a policy as any other does, if its root is the root of the empty
//! tree; another root at size 0 is refused, as witnesses must refuse it.

mod open;
mod parse;

use std::fmt;

use crate::{VerifierKey, WitnessKey};

pub use open::{Cosigned, Missing, UnmetError, Vouched};
pub use parse::{LineFault, PolicyError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    /// `None` where no witness is asked for.
    quorum: Option<Member>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLog {
    pub key: VerifierKey,
    pub url: Option<Octets>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// What the policy calls it; its key has a name of its own.
    pub name: Octets,
    pub key: WitnessKey,
    pub url: Option<Octets>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: Octets,
    /// How many of the members must have witnessed.
    wanted: usize,
    members: Vec<Member>,
}

/// Place among the witnesses, or among the groups above the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

impl Policy {
    /// Empty where the log is known from elsewhere.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }
}

/// A name or URL as the file has it: octets that are compared as such, and mostly UTF-8. Shown without anything that a
/// terminal would obey.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Octets(Vec<u8>);

impl Octets {
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `None` where it is no UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<&[u8]> for Octets {
    fn from(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(&self.0).escape_debug())
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}
