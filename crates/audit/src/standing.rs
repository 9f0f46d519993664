//! The approvals of one change as the log has them, and whose of them stand.

use std::{collections::BTreeSet, rc::Rc};

use approval::{FileRule, Manner, Statement};
use model::{Chain, Consent, Digest, Entry, PersonId, Presence, Roster, Tally, Timestamp};

use crate::{
    roots::Roots,
    signatures::{Signatures, Signed, Signer},
};

/// Those that were verified, in the order of the log.
#[derive(Debug, Default)]
pub(crate) struct Approvals {
    given: Vec<Approval>,
    /// What the last one was given to.
    last: Option<Matter>,
}

/// What a statement is about; approvals of the same matter differ in nothing of this.
#[derive(Debug)]
struct Matter {
    matter: Digest,
    digest: Digest,
    bundle: Digest,
    expires_at: Timestamp,
    actions: usize,
    takes: Option<Takes>,
}

/// What the people who sign are told that it takes.
#[derive(Clone, Debug)]
pub(crate) struct Takes {
    pub(crate) consent: Consent,
    pub(crate) files: FileRule,
}

impl Takes {
    pub(crate) fn told(said: &Statement) -> Option<Self> {
        let (consent, files) = (Consent::read(&said.requirement)?, FileRule::said(&said.presence_rule)?);
        Some(Self { consent, files })
    }
}

#[derive(Debug)]
struct Approval {
    matter: Digest,
    signer: Rc<Signer>,
    presence: Presence,
    /// In force when it was given.
    roster: Rc<Roster>,
    seen: Seen,
}

/// What the signer's client had seen of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Nothing,
    /// A tree that this log never was. No log can be the tree that a statement in it names for a later size: that
    /// one would have to have its own hash in it.
    Another,
    This,
}

impl Approvals {
    pub(crate) fn take(&mut self, signed: Signed, roots: &Roots) {
        let Signed {
            signer,
            presence,
            roster,
            matter,
            digest,
            bundle,
            expires_at,
            checkpoint,
            actions,
            takes,
        } = signed;
        let seen = match checkpoint {
            None => Seen::Nothing,
            Some(checkpoint) if roots.at(checkpoint.size) == Some(checkpoint.root) => Seen::This,
            Some(_) => Seen::Another,
        };
        // Who signs the same thing again counts once, and takes no more room.
        self.given.retain(|given| {
            given.matter != matter
                || given.seen != seen
                || given.presence != presence
                || !Rc::ptr_eq(&given.signer, &signer)
        });
        self.given.push(Approval { matter, signer, presence, roster, seen });
        self.last = Some(Matter { matter, digest, bundle, expires_at, actions, takes });
    }

    /// How many actions the last one was about.
    pub(crate) fn actions(&self) -> Option<usize> {
        self.last.as_ref().map(|last| last.actions)
    }

    /// What whoever signed last was told that it takes.
    pub(crate) fn takes(&self) -> Option<&Takes> {
        self.last.as_ref().and_then(|last| last.takes.as_ref())
    }

    /// The people whose approvals stood when `permit` was issued: over the matter as it was signed last, under the
    /// roster in force then, not expired, and given by a client that had seen this very log. Where the entries are not
    /// the log's own (not `sound`) there is nothing to compare with, and the log is convicted already.
    pub(crate) fn standing(
        &self,
        permit: &Entry,
        chain: Option<&Chain>,
        signatures: &Signatures,
        sound: bool,
    ) -> Standing {
        let (Some(chain), Some(roster)) = (chain, signatures.roster()) else { return Standing::default() };
        let Some(takes) = self.takes() else { return Standing::default() };
        let manner = |given: &Approval| Manner::of(&given.signer.key, given.presence);
        let shown = self.stand(permit, roster, sound).map(|given| (&given.signer.person, manner(given)));
        let (people, tally) = approval::counted(chain, roster, shown, takes.files);
        Standing { people: people.into_iter().cloned().collect(), tally }
    }

    /// How many recovery keys signed for what was carried out in `entry`, by the same rules.
    pub(crate) fn recovering(&self, entry: &Entry, signatures: &Signatures, sound: bool) -> usize {
        let Some(roster) = signatures.roster() else { return 0 };
        let signers = self.stand(entry, roster, sound).map(|given| &given.signer.person);
        approval::recovering(roster, signers).len()
    }

    fn stand<'a>(
        &'a self,
        permit: &'a Entry,
        roster: &'a Rc<Roster>,
        sound: bool,
    ) -> impl Iterator<Item = &'a Approval> {
        let last = self.last.iter().filter(|last| {
            Some(last.digest) == permit.change_digest
                && Some(last.bundle) == permit.bundle
                && last.expires_at >= permit.at
        });
        last.flat_map(|last| self.given.iter().filter(|given| given.matter == last.matter))
            .filter(move |given| given.seen == Seen::This || (!sound && given.seen == Seen::Another))
            .filter(|given| holds(given, roster))
    }
}

/// Who they are, and how many that makes of each kind.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) people: BTreeSet<PersonId>,
    pub(crate) tally: Tally,
}

/// Whether the signature would hold under the roster in force now as it did under its own.
fn holds(given: &Approval, roster: &Rc<Roster>) -> bool {
    let Signer { person, key } = given.signer.as_ref();
    Rc::ptr_eq(&given.roster, roster) || approval::holds_key(person, key, roster)
}
