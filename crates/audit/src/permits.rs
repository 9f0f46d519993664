//! What was let through, against what stood before it in the log: enough people outside the chain, no veto, each step
//! once, and no outcome of anything that was never let through.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use model::{Chain, ChangeId, EntryKind, Erasure, PersonId, Roster, change_digest};

use crate::{
    Code, bodies,
    entries::Placed,
    report::Findings,
    roots::Roots,
    signatures::{Signatures, Signed, checkpoint_of, same_matter},
};

pub(crate) fn check(
    entries: &[Placed],
    signatures: &Signatures,
    roots: Option<&Roots>,
    findings: &mut Findings,
) {
    let mut changes: BTreeMap<ChangeId, Life<'_>> = BTreeMap::new();
    let mut launchers = BTreeMap::new();
    for placed in entries {
        let (index, entry) = (placed.index, &placed.entry);
        let tells_session = match entry.kind {
            EntryKind::SessionIssued => true,
            EntryKind::RowCarried => entry.subject.as_ref().is_some_and(|it| it.table == "session"),
            _ => false,
        };
        if let (true, Some(session)) = (tells_session, entry.actors.session) {
            let launcher = placed.detail("launcher").and_then(|text| text.parse::<PersonId>().ok());
            launchers.insert(session, launcher);
        }
        let Some(change) = entry.change else {
            if entry.kind == EntryKind::PermitIssued {
                let message = format!("entry {index} permits something, but names no change");
                findings.add(Code::PermitMalformed, Some(index), message);
            }
            continue;
        };
        let life = changes.entry(change).or_default();
        if let (None, Some(agent), Some(operator)) =
            (&life.chain, &entry.actors.agent, &entry.actors.operator)
        {
            let launcher =
                entry.actors.session.and_then(|session| launchers.get(&session).cloned().flatten());
            life.chain =
                Some(Chain { agent: agent.clone(), operator: operator.clone(), launcher, owner: None });
        }
        match entry.kind {
            EntryKind::ChangeHeld
            | EntryKind::ChangeJoined
            | EntryKind::ChangeJudged
            | EntryKind::ChangeReopened => {
                if let Some(people) = placed.detail("people").and_then(|text| text.parse().ok()) {
                    life.held_for = Some((people, index));
                }
            }
            EntryKind::ApprovalGiven => {
                if let Some(signed) = signatures.at(index) {
                    life.approvals.push(signed);
                }
            }
            EntryKind::ChangeRejected => {
                if signatures.at(index).is_some() {
                    life.veto.get_or_insert(index);
                }
            }
            EntryKind::PermitIssued => permit(placed, change, life, signatures, roots, findings),
            EntryKind::ActionAllowed => life.allowed = true,
            EntryKind::OutcomeRecorded | EntryKind::OutcomeUnknown => {
                let permitted = match placed.detail("step") {
                    Some(step) => life.permitted.contains_key(step),
                    None => !life.permitted.is_empty(),
                };
                if !permitted && !life.allowed && !life.carried {
                    let message =
                        format!("entry {index} records an outcome of {change}, which nothing permitted");
                    findings.add(Code::OutcomeWithoutPermit, Some(index), message);
                }
            }
            // What was done of it stands in the log before.
            EntryKind::RowCarried => life.carried = true,
            EntryKind::BodyErased => erased(placed, change, life, signatures, roots, findings),
            EntryKind::Genesis
            | EntryKind::BundleAdopted
            | EntryKind::SessionIssued
            | EntryKind::SessionStopped
            | EntryKind::ReadsAdmitted
            | EntryKind::ActionDenied
            | EntryKind::ChangeSealed
            | EntryKind::ApprovalRefused
            | EntryKind::ChangeWithdrawn
            | EntryKind::ChangeExpired
            | EntryKind::BodyMoved
            | EntryKind::ContinuityBroken
            | EntryKind::AuthenticationFailed
            | EntryKind::CheckpointWitnessed
            | EntryKind::Alarm => {}
        }
    }
}

/// What the log has said of one change so far.
#[derive(Default)]
struct Life<'a> {
    chain: Option<Chain>,
    /// How many people it was last said to need, and where.
    held_for: Option<(u32, u64)>,
    /// Verified, in the order of the log.
    approvals: Vec<&'a Signed>,
    veto: Option<u64>,
    /// Each permitted step, and where.
    permitted: BTreeMap<String, u64>,
    /// Where it erased something.
    erased: Option<u64>,
    allowed: bool,
    /// It came over from the log before.
    carried: bool,
}

fn permit(
    placed: &Placed,
    change: ChangeId,
    life: &mut Life<'_>,
    signatures: &Signatures,
    roots: Option<&Roots>,
    findings: &mut Findings,
) {
    let index = placed.index;
    let Some(step) = placed.detail("step").filter(|text| text.parse::<u32>().is_ok()) else {
        let message = format!("entry {index} permits {change}, but does not say which step");
        findings.add(Code::PermitMalformed, Some(index), message);
        return;
    };
    if let Some(first) = life.permitted.insert(step.to_owned(), index) {
        let message =
            format!("entry {index} permits step {step} of {change}, which entry {first} permitted already");
        findings.add(Code::PermitTwice, Some(index), message);
    }
    if let Some(veto) = life.veto {
        let message = format!("entry {index} permits {change}, which entry {veto} had vetoed");
        findings.add(Code::PermitAfterVeto, Some(index), message);
    }
    let Some(people) = placed.detail("people").and_then(|text| text.parse::<u32>().ok()) else {
        let message = format!("entry {index} permits {change}, but does not say how many people it took");
        findings.add(Code::PermitMalformed, Some(index), message);
        return;
    };
    if let (Some("hold"), Some((held_for, at))) = (placed.detail("verdict"), life.held_for)
        && held_for > people
    {
        let message = format!(
            "entry {index} says that {change} took {people} of the people that entry {at} asks for: {held_for}"
        );
        findings.add(Code::PermitUnapproved, Some(index), message);
    }
    let stood = standing(placed, life, signatures, roots);
    if (stood.len() as u64) < u64::from(people) {
        let names: Vec<&str> = stood.iter().map(PersonId::as_str).collect();
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let message = format!(
            "entry {index} permits {change}, which took the approval of {people} outside its chain; \
             before it the log has those of {names}"
        );
        findings.add(Code::PermitUnapproved, Some(index), message);
    }
}

/// Whatever its permit says, erasing takes two people, who were told of these very bodies.
fn erased(
    placed: &Placed,
    change: ChangeId,
    life: &mut Life<'_>,
    signatures: &Signatures,
    roots: Option<&Roots>,
    findings: &mut Findings,
) {
    let index = placed.index;
    let mut wrong = |why: String| {
        findings.add(Code::ErasureUnapproved, Some(index), format!("entry {index} erases a body {why}"));
    };
    let Some(erasure) = erasure_of(placed) else {
        return wrong("and does not say which, whose and on what ground".to_owned());
    };
    if let Some(first) = life.erased.replace(index) {
        wrong(format!("as {change}, and so did entry {first}: an approval covers one erasure"));
    }
    if !life.permitted.contains_key("0") {
        wrong(format!("as {change}, which nothing permitted"));
    }
    let told = life.chain.as_ref().map(|chain| change_digest(chain, [erasure.digest()]));
    if told.is_none() || told != placed.entry.change_digest {
        wrong(format!("of {}, which is not what {change} asked for", erasure.of));
    }
    let stood = standing(placed, life, signatures, roots).len() as u64;
    if stood < u64::from(Erasure::PEOPLE) {
        wrong(format!(
            "of {}, which takes {} people besides whoever asked; before it the log has approvals of {stood}",
            erasure.of,
            Erasure::PEOPLE
        ));
    }
}

fn erasure_of(placed: &Placed) -> Option<Erasure> {
    Some(Erasure {
        of: placed.detail("of")?.parse().ok()?,
        step: placed.detail("step")?.parse().ok()?,
        bodies: bodies::commitments_of(placed)?,
        ground: placed.detail("ground")?.parse().ok()?,
    })
}

/// The people whose approvals stood when the permit was issued: over the matter as it was signed last, under the
/// roster in force then, not expired, and given by a client that had seen this very log.
fn standing(
    permit: &Placed,
    life: &Life<'_>,
    signatures: &Signatures,
    roots: Option<&Roots>,
) -> BTreeSet<PersonId> {
    let (Some(chain), Some(roster), Some(last)) =
        (&life.chain, signatures.roster_at(permit.index), life.approvals.last())
    else {
        return BTreeSet::new();
    };
    life.approvals
        .iter()
        .filter(|signed| {
            let said = &signed.verified.statement;
            same_matter(said, &last.verified.statement)
                && Some(said.digest) == permit.entry.change_digest
                && Some(said.bundle) == permit.entry.bundle
                && said.expires_at >= permit.entry.at
                && saw_this_log(&said.checkpoint, roots)
        })
        .filter_map(|signed| signer(signed, signatures, roster))
        .filter(|person| approval::may_approve(chain, roster, person).is_ok())
        .collect()
}

/// Who signed, by the roster in force now; the arithmetic is done again only where that is another one.
fn signer(signed: &Signed, signatures: &Signatures, roster: &Rc<Roster>) -> Option<PersonId> {
    let known = signatures.roster_at(signed.index).is_some_and(|then| Rc::ptr_eq(then, roster));
    if known {
        return Some(signed.verified.person.clone());
    }
    approval::verify(&signed.text, &signed.signature, roster).ok().map(|verified| verified.person)
}

/// Where the entries are not the log's own there is nothing to compare with, and the log is convicted already.
fn saw_this_log(line: &str, roots: Option<&Roots>) -> bool {
    let matches = |checkpoint: tlog::Checkpoint| {
        roots.is_none_or(|roots| roots.at(checkpoint.size) == Some(checkpoint.root))
    };
    checkpoint_of(line).is_some_and(matches)
}
