//! The operation table as it is pinned: all of our data that can change a verdict, as one text with one digest.
//!
//! A bundle names the table that its verdicts rest on by this digest (`tables.toml`), so whoever signs for a bundle signs
//! for the table too, and a newer binary, whose own table says something else, cannot make anything milder by being
//! started. It serves under both ([`crate::classify::Pinned`]), the stricter of the two for each request, until somebody
//! asks for its own to be adopted and two others agree.
//!
//! What is in it, a line each, columns apart by tabs, lines sorted within each part:
//!
//! ```text
//! countersign/aws-table/v1
//! noun SERVICE|* NOUN KIND                       what a resource is called (kinds.toml)
//! rule OPERATION RANK|- +EFFECTS|=EFFECTS|- FLAGS CONDITION…   what parameters add, or put in place (parameters.toml)
//! roles MARK                                     how roles that are handed over are looked at (rights.toml and others)
//! service NAME                                   and its operations:
//! NAME EFFECTS FLAGS NAMING UNDO QUANTITY LOOKS
//! ```
//!
//! Effects are letters (`r` read, `m` emit, `s` spend, `w` write, `x` execute, `p` privilege, `d` destroy). Flags of an
//! operation: `d` shows data, `c` shows credentials, `a` needs no inverse, `e` takes a stream of events, `h` no parameter
//! does more than the name says; of a rule: `h` hands over roles, `d`, `c`, `n` what an answer then shows. Naming: the members that
//! name resources. The last three are marks, the beginning of a digest or nothing: of how the operation is undone, of how much
//! of it a request asks for, and of how its targets and references are looked at. Of two marks nobody can say which is the
//! stricter, so where they differ the worst is taken: it cannot be undone, is beyond every budget, and counts as `destroy`.
//!
//! What is not in it: how requests are written and routed (a request that is read as another operation is judged as that
//! one), what is shown and said to people, which targets of what waits are looked for again (it only ever ends what waits),
//! the session policy that goes out with a change (it only ever narrows), and the program that interprets all of this, which
//! no table can pin.

mod differences;
mod own;
mod text;

use std::collections::BTreeMap;

use model::{Digest, EffectSet, Exposure, Value};

use crate::{
    classify::{effects::Judged, parameters::PinnedRule, pinned},
    kinds::Kinds,
};

pub use differences::{Difference, Differences, Turn};
pub use own::{own_digest, own_text};
pub use text::SheetError;

/// One table, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    kinds: Kinds,
    /// Sorted as they are written.
    rules: Vec<PinnedRule>,
    roles: Mark,
    /// By service, then by operation.
    services: BTreeMap<String, BTreeMap<String, Line>>,
}

/// What it says of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) effects: EffectSet,
    pub(crate) exposure: Exposure,
    pub(crate) additive: bool,
    pub(crate) events: bool,
    pub(crate) harmless: bool,
    /// In the table's notation, sorted.
    pub(crate) naming: String,
    pub(crate) undo: Mark,
    pub(crate) quantity: Mark,
    pub(crate) looks: Mark,
}

/// The beginning of a digest of something that can only be the same or not; or that there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark(String);

impl Mark {
    const DIGITS: usize = 16;

    fn of(value: &Value) -> Self {
        Self(value.digest("countersign/aws-table-mark/v1").to_string().chars().take(Self::DIGITS).collect())
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

impl Line {
    pub(crate) const fn judged(&self) -> Judged {
        Judged { effects: self.effects, exposure: self.exposure, additive: self.additive }
    }
}

impl Sheet {
    /// What a text has to be named by.
    pub fn digest_of(text: &str) -> Digest {
        Value::text(text).digest("countersign/aws-table/v1")
    }

    /// The text that is pinned, where it is the one that `digest` names.
    ///
    /// # Errors
    /// [`SheetError`]: it is another, or one that this version cannot read.
    pub fn read(text: &str, digest: Digest) -> Result<Self, SheetError> {
        let found = Self::digest_of(text);
        if found != digest {
            return Err(SheetError::Other { found, wanted: digest });
        }
        Self::parse(text)
    }

    /// How many operations it has.
    pub fn operations(&self) -> usize {
        self.services.values().map(BTreeMap::len).sum()
    }

    fn line(&self, service: &str, operation: &str) -> Option<&Line> {
        self.services.get(service)?.get(operation)
    }

    /// What it says otherwise than our own, for requests to be judged under both.
    pub fn pinned(&self) -> pinned::Pinned {
        self.beside(&Self::own())
    }

    fn beside(&self, own: &Self) -> pinned::Pinned {
        let mut pinned = pinned::Pinned::default();
        let mut gone = false;
        for (service, operations) in &own.services {
            for (operation, line) in operations {
                let otherwise = match self.line(service, operation) {
                    None => pinned::Otherwise::Unknown,
                    Some(theirs) if theirs == line => continue,
                    Some(theirs) => pinned::Otherwise::Line(Box::new(pinned::Other {
                        line: theirs.clone(),
                        names: theirs.naming != line.naming,
                        undo: theirs.undo != line.undo,
                        quantity: theirs.quantity != line.quantity,
                        looks: theirs.looks != line.looks,
                    })),
                };
                pinned.otherwise.entry(service.clone()).or_default().insert(operation.clone(), otherwise);
            }
        }
        for (service, operations) in &self.services {
            gone |= operations.keys().any(|operation| own.line(service, operation).is_none());
        }
        // A right that was an operation may match what it did not.
        pinned.roles_differ = gone || self.roles != own.roles;
        pinned.kinds = (self.kinds != own.kinds).then(|| self.kinds.clone());
        pinned.rules = (self.rules != own.rules).then(|| pinned::OtherRules::of(&self.rules, &own.rules));
        pinned
    }
}

#[cfg(test)]
mod tests;
