//! Every signature the log carries, verified again: against the roster that was in force, and against the entry that
//! carries it. Nothing counts further on that does not pass here.

use std::{collections::BTreeMap, rc::Rc};

use approval::{Act, Statement, Verified};
use model::{ChangeId, Digest, EnrolledKey, EntryKind, PersonId, Presence, Roster, Timestamp};
use tlog::{Checkpoint, Hash};

use crate::{Code, entries::Placed, report::Findings, standing::Takes};

/// The roster in force and those before it, by the bundle that they belong to.
#[derive(Debug)]
pub(crate) struct Signatures {
    genesis: Option<Digest>,
    roster: Option<Rc<Roster>>,
    of_bundles: BTreeMap<Digest, Rc<Roster>>,
    signers: BTreeMap<(PersonId, EnrolledKey), Rc<Signer>>,
}

/// A person, and the key that they signed with.
#[derive(Debug)]
pub(crate) struct Signer {
    pub(crate) person: PersonId,
    pub(crate) key: EnrolledKey,
}

/// What is kept of a verified signature.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) signer: Rc<Signer>,
    /// The roster that was in force.
    pub(crate) roster: Rc<Roster>,
    /// Equal for two statements that differ in nothing but who signed, how, and what they had seen of the log.
    pub(crate) matter: Digest,
    pub(crate) digest: Digest,
    pub(crate) bundle: Digest,
    pub(crate) expires_at: Timestamp,
    /// What the signer had seen of the log, where it can be read.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// How many actions it was about.
    pub(crate) actions: usize,
    pub(crate) presence: Presence,
    /// What the signer was told that it takes, where that can be read.
    pub(crate) takes: Option<Takes>,
}

impl Signed {
    fn of(verified: Verified, signer: Rc<Signer>, roster: &Rc<Roster>) -> Self {
        let (presence, said) = (verified.presence, verified.statement);
        Self {
            takes: Takes::told(&said),
            presence,
            signer,
            roster: Rc::clone(roster),
            matter: matter(&said),
            digest: said.digest,
            bundle: said.bundle,
            expires_at: said.expires_at,
            checkpoint: checkpoint_of(&said.checkpoint),
            actions: said.actions.len(),
        }
    }
}

/// A statement is its text, so one digest stands for all of its fields but three.
fn matter(said: &Statement) -> Digest {
    let said = Statement {
        person: said.operator.clone(),
        presence: Presence::File,
        checkpoint: String::new(),
        ..said.clone()
    };
    Digest::of(said.to_text().as_bytes())
}

/// `origin size root` on one line; the root as base64, or in hexadecimal.
pub(crate) fn checkpoint_of(line: &str) -> Option<Checkpoint> {
    let mut parts = line.split(' ');
    let (Some(origin), Some(size), Some(root), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let root = match root.parse::<Digest>() {
        Ok(digest) => Hash::from_bytes(*digest.as_bytes()),
        Err(_) => root.parse().ok()?,
    };
    Checkpoint::parse(&format!("{origin}\n{size}\n{root}\n")).ok()
}

impl Signatures {
    pub(crate) const fn new(genesis: Option<Digest>) -> Self {
        Self { genesis, roster: None, of_bundles: BTreeMap::new(), signers: BTreeMap::new() }
    }

    /// In force for the entry that was taken last: of the newest genesis or adopted bundle before it.
    pub(crate) const fn roster(&self) -> Option<&Rc<Roster>> {
        self.roster.as_ref()
    }

    /// Puts the roster of a bundle in force whose adoption was taken before.
    pub(crate) fn enforce(&mut self, bundle: Digest) {
        if let Some(roster) = self.of_bundles.get(&bundle) {
            self.roster = Some(Rc::clone(roster));
        }
    }

    /// The verified signature that an entry carries, if it carries one.
    pub(crate) fn take(&mut self, placed: &Placed, findings: &mut Findings) -> Option<Signed> {
        let wanted = match placed.entry.kind {
            EntryKind::Genesis | EntryKind::BundleAdopted => {
                let roster = Rc::new(roster(placed, findings)?);
                if let Some(bundle) = placed.entry.bundle {
                    self.of_bundles.insert(bundle, Rc::clone(&roster));
                }
                self.roster = Some(roster);
                return None;
            }
            EntryKind::ApprovalGiven => Act::Approve,
            EntryKind::ChangeRejected => Act::Reject,
            EntryKind::ChangeReopened => Act::Reopen,
            EntryKind::SessionIssued
            | EntryKind::SessionStopped
            | EntryKind::ReadsAdmitted
            | EntryKind::ActionAllowed
            | EntryKind::ActionDenied
            | EntryKind::ChangeHeld
            | EntryKind::ChangeJoined
            | EntryKind::ChangeSealed
            | EntryKind::ChangeJudged
            | EntryKind::ApprovalRefused
            | EntryKind::ChangeWithdrawn
            | EntryKind::ChangeExpired
            | EntryKind::PermitIssued
            | EntryKind::OutcomeRecorded
            | EntryKind::OutcomeUnknown
            | EntryKind::BodyErased
            | EntryKind::GlassBroken
            | EntryKind::BodyMoved
            | EntryKind::ContinuityBroken
            | EntryKind::RowCarried
            | EntryKind::SignedIn
            | EntryKind::AgentReported
            | EntryKind::AuthenticationFailed
            | EntryKind::CheckpointWitnessed
            | EntryKind::Alarm => return None,
        };
        let roster = self.roster.as_ref().map(Rc::clone);
        let verified = signature(placed, wanted, roster.as_ref(), self.genesis, findings)?;
        let (person, key) = (verified.person.clone(), verified.key.clone());
        let signer = self.signers.entry((person.clone(), key.clone()));
        let signer = Rc::clone(signer.or_insert_with(|| Rc::new(Signer { person, key })));
        Some(Signed::of(verified, signer, &roster?))
    }
}

fn roster(placed: &Placed, findings: &mut Findings) -> Option<Roster> {
    let index = placed.index;
    let read = match placed.detail("roster") {
        None => Err("carries no roster".to_owned()),
        Some(text) => serde_json::from_str::<Roster>(text)
            .map_err(|err| format!("carries a roster that cannot be read: {err}"))
            .and_then(|roster| match roster.check() {
                Ok(()) => Ok(roster),
                Err(err) => Err(format!("carries a roster that cannot be counted by: {err}")),
            }),
    };
    read.map_err(|why| findings.add(Code::RosterUnreadable, Some(index), format!("entry {index} {why}"))).ok()
}

fn signature(
    placed: &Placed,
    wanted: Act,
    roster: Option<&Rc<Roster>>,
    genesis: Option<Digest>,
    findings: &mut Findings,
) -> Option<Verified> {
    let index = placed.index;
    let mut invalid = |why: String| {
        findings.add(
            Code::SignatureInvalid,
            Some(index),
            format!("entry {index} carries no valid signature: {why}"),
        );
    };
    let (Some(text), Some(signature)) = (placed.detail("statement"), placed.detail("signature")) else {
        invalid("its statement or its signature is missing".to_owned());
        return None;
    };
    let Some(roster) = roster else {
        invalid("no roster was in force".to_owned());
        return None;
    };
    let verified = match approval::verify(text, signature, roster) {
        Ok(verified) => verified,
        Err(err) => {
            invalid(err.to_string());
            return None;
        }
    };
    let differences = differences(placed, wanted, &verified, genesis);
    for difference in &differences {
        let message = format!("entry {index} says otherwise than the statement signed in it: {difference}");
        findings.add(Code::StatementDiffers, Some(index), message);
    }
    differences.is_empty().then_some(verified)
}

/// What the entry and the statement disagree in, one phrase each.
fn differences(placed: &Placed, wanted: Act, verified: &Verified, genesis: Option<Digest>) -> Vec<String> {
    let (entry, said) = (&placed.entry, &verified.statement);
    let mut found = Vec::new();
    let mut compare = |what: &str, recorded: Option<String>, signed: String| {
        if recorded.as_ref() != Some(&signed) {
            let recorded = recorded.unwrap_or_else(|| "none".to_owned());
            found.push(format!("the {what} is recorded as {recorded}, signed as {signed}"));
        }
    };
    compare("act", Some(wanted.to_string()), said.act.to_string());
    if let Some(genesis) = genesis {
        compare("installation", Some(genesis.to_string()), said.installation.to_string());
    }
    compare("person", entry.actors.person.as_ref().map(ToString::to_string), verified.person.to_string());
    compare("agent", entry.actors.agent.as_ref().map(ToString::to_string), said.agent.to_string());
    compare("operator", entry.actors.operator.as_ref().map(ToString::to_string), said.operator.to_string());
    compare("change's digest", entry.change_digest.map(|it| it.to_string()), said.digest.to_string());
    match wanted {
        Act::Approve | Act::Reject => {
            compare("change", entry.change.map(|it| it.to_string()), said.change.to_string());
            compare("bundle", entry.bundle.map(|it| it.to_string()), said.bundle.to_string());
        }
        // A new change is opened; what was signed names the vetoed one.
        Act::Reopen => {
            let vetoed = placed.detail("vetoed").and_then(|text| text.parse::<ChangeId>().ok());
            compare("vetoed change", vetoed.map(|it| it.to_string()), said.change.to_string());
        }
    }
    if let (Act::Approve, Some(recorded)) = (wanted, placed.detail("presence")) {
        compare("presence", Some(recorded.to_owned()), presence_name(verified.presence).to_owned());
    }
    if let (Act::Reject, Some(recorded)) = (wanted, placed.detail("reason")) {
        let signed = model::sanitize(said.reason.as_deref().unwrap_or_default(), MAX_REASON);
        compare("reason", Some(model::sanitize(recorded, MAX_REASON)), signed);
    }
    found
}

/// The engine may cut a reason in the entry; the statement has all of it.
const MAX_REASON: usize = 900;

const fn presence_name(presence: Presence) -> &'static str {
    match presence {
        Presence::File => "file",
        Presence::Touched => "touched",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_checkpoint_line_has_three_parts() {
        let hash = tlog::leaf_hash(b"x");
        let hex: String = hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let expected = Checkpoint { origin: "log.example/1".into(), size: 7, root: hash };
        assert_eq!(checkpoint_of(&format!("log.example/1 7 {hash}")), Some(expected.clone()));
        assert_eq!(checkpoint_of(&format!("log.example/1 7 {hex}")), Some(expected));
        for line in ["", "none", "a 1", &format!("a 01 {hex}"), &format!("a 1 {hex} b"), &format!("a  {hex}")]
        {
            assert_eq!(checkpoint_of(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn reading_a_checkpoint_line_never_panics(line in "(.|\n){0,100}") {
            let _ = checkpoint_of(&line);
        }
    }
}
