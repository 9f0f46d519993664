//! Every signature the log carries, verified again: against the roster that was in force, and against the entry that
//! carries it. Nothing counts further on that does not pass here.

use std::{collections::BTreeMap, rc::Rc};

use approval::{Act, Statement, Verified};
use model::{ChangeId, Digest, EntryKind, Presence, Roster};
use tlog::{Checkpoint, Hash};

use crate::{Code, entries::Placed, report::Findings};

/// The verified signatures and the rosters, by place.
#[derive(Debug, Default)]
pub(crate) struct Signatures {
    by_entry: BTreeMap<u64, Signed>,
    rosters: BTreeMap<u64, Rc<Roster>>,
}

#[derive(Debug)]
pub(crate) struct Signed {
    /// Of the entry that carries it.
    pub(crate) index: u64,
    pub(crate) verified: Verified,
    /// Kept, to be verified again under a later roster.
    pub(crate) text: String,
    pub(crate) signature: String,
}

impl Signatures {
    pub(crate) fn at(&self, index: u64) -> Option<&Signed> {
        self.by_entry.get(&index)
    }

    /// The roster in force for the entry at `index`: of the newest genesis or adopted bundle before it.
    pub(crate) fn roster_at(&self, index: u64) -> Option<&Rc<Roster>> {
        self.rosters.range(..index).next_back().map(|(_, roster)| roster)
    }

    /// The checkpoints that people signed into their statements, with the entries that carry them.
    pub(crate) fn checkpoints(&self) -> impl Iterator<Item = (u64, Checkpoint)> {
        self.by_entry.iter().filter_map(|(index, signed)| {
            Some((*index, checkpoint_of(&signed.verified.statement.checkpoint)?))
        })
    }
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

pub(crate) fn check(entries: &[Placed], genesis: Option<Digest>, findings: &mut Findings) -> Signatures {
    let mut signatures = Signatures::default();
    for placed in entries {
        let wanted = match placed.entry.kind {
            EntryKind::Genesis | EntryKind::BundleAdopted => {
                if let Some(roster) = roster(placed, findings) {
                    signatures.rosters.insert(placed.index, Rc::new(roster));
                }
                continue;
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
            | EntryKind::BodyMoved
            | EntryKind::ContinuityBroken
            | EntryKind::RowCarried
            | EntryKind::AuthenticationFailed
            | EntryKind::CheckpointWitnessed
            | EntryKind::Alarm => continue,
        };
        if let Some(signed) = signature(placed, wanted, signatures.roster_at(placed.index), genesis, findings)
        {
            signatures.by_entry.insert(placed.index, signed);
        }
    }
    signatures
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
) -> Option<Signed> {
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
    let held = Signed { index, verified, text: text.to_owned(), signature: signature.to_owned() };
    differences.is_empty().then_some(held)
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

/// Whether two approvals were given to the same thing: they differ in nothing but who signed, how, and what they had
/// seen of the log.
pub(crate) fn same_matter(one: &Statement, other: &Statement) -> bool {
    one.differences(other).iter().all(|field| matches!(*field, "person" | "presence" | "checkpoint"))
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
