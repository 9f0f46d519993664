//! What the entries say one after the other: the genesis first and once, times that go forward, and one digest to a
//! change.

use std::{collections::HashMap, fmt::Display};

use model::{Chain, ChangeId, Digest, EntryKind, Timestamp, change_digest};

use crate::{Code, entries::Placed, report::Findings};

/// Operations run side by side and are written in the order in which they commit, so an entry may be a little older
/// than the one before it. More than this no queue explains.
pub(crate) const SLACK_MS: i64 = 60_000;

/// The genesis stands first, and once.
#[derive(Debug)]
pub(crate) struct First {
    genesis: Option<Digest>,
}

impl First {
    pub(crate) const fn new(genesis: Option<Digest>) -> Self {
        Self { genesis }
    }

    pub(crate) fn take(&self, placed: &Placed, findings: &mut Findings) {
        let is_genesis = placed.entry.kind == EntryKind::Genesis;
        let index = placed.index;
        match (index, is_genesis) {
            (0, true) => {
                let named = placed.detail("genesis").and_then(|text| text.parse::<Digest>().ok());
                if let Some(genesis) = self.genesis.filter(|genesis| named != Some(*genesis)) {
                    let named =
                        named.map_or_else(|| "no fingerprint".to_owned(), |digest| digest.to_string());
                    let message = format!("entry 0 stands for {named}, but genesis.json has {genesis}");
                    findings.add(Code::GenesisEntry, Some(0), message);
                }
            }
            (0, false) => {
                let message = "entry 0 is no genesis: the beginning of the log is gone".to_owned();
                findings.add(Code::GenesisEntry, Some(0), message);
            }
            (_, true) => {
                let message = format!("entry {index} is a second genesis");
                findings.add(Code::GenesisEntry, Some(index), message);
            }
            (_, false) => {}
        }
    }
}

/// Times go forward, and nothing is said of what was not there yet.
#[derive(Debug, Default)]
pub(crate) struct Times {
    latest: Option<(Timestamp, u64)>,
}

impl Times {
    pub(crate) const fn after(latest: Option<(Timestamp, u64)>) -> Self {
        Self { latest }
    }

    pub(crate) fn take(&mut self, placed: &Placed, findings: &mut Findings) {
        let Placed { index, entry } = placed;
        match self.latest {
            Some((time, at)) if time.since(entry.at) > SLACK_MS => {
                let message =
                    format!("entry {index} is of {}, but entry {at} before it is of {time}", entry.at);
                findings.add(Code::EntryOutOfOrder, Some(*index), message);
                // Whichever of the two is misplaced, those that follow are measured by this one.
                self.latest = Some((entry.at, *index));
            }
            Some((time, _)) if time >= entry.at => {}
            Some(_) | None => self.latest = Some((entry.at, *index)),
        }
        Self::not_before_it_was(placed, entry.change.map(|id| (id.made_at(), id)), findings);
        Self::not_before_it_was(placed, entry.actors.session.map(|id| (id.made_at(), id)), findings);
    }

    /// An id has the time that it was made at. Who looks for what was said of it looks no further back than that.
    fn not_before_it_was<Id: Display>(
        placed: &Placed,
        made: Option<(Timestamp, Id)>,
        findings: &mut Findings,
    ) {
        let Placed { index, entry } = placed;
        if let Some((made_at, id)) = made.filter(|(made_at, _)| made_at.since(entry.at) > SLACK_MS) {
            let message = format!("entry {index} is of {}, but {id} was made at {made_at}", entry.at);
            findings.add(Code::EntryOutOfOrder, Some(*index), message);
        }
    }
}

/// A change is one digest for all its life, except that others may join one which nobody has opened.
#[derive(Debug, Default)]
pub(crate) struct Digests {
    known: HashMap<ChangeId, Known>,
}

impl Digests {
    pub(crate) fn take(&mut self, placed: &Placed, findings: &mut Findings) {
        let Placed { index, entry } = placed;
        let (Some(change), Some(digest)) = (entry.change, entry.change_digest) else { return };
        let known = self.known.entry(change).or_insert(Known { digest, at: *index, settled: None });
        let altered = if entry.kind == EntryKind::ChangeJoined {
            let altered = joined(placed, known, digest).err();
            (known.digest, known.at) = (digest, *index);
            altered
        } else {
            (known.digest != digest).then(|| {
                let (first, at) = (known.digest.short(), known.at);
                format!("says that {change} is {}, entry {at} that it is {first}", digest.short())
            })
        };
        if let Some(why) = altered {
            findings.add(Code::ChangeAltered, Some(*index), format!("entry {index} {why}"));
        }
        if settles(entry.kind) {
            known.settled.get_or_insert(*index);
        }
    }
}

#[derive(Debug)]
struct Known {
    digest: Digest,
    /// The entry that says so.
    at: u64,
    /// Since this entry nothing joins it.
    settled: Option<u64>,
}

/// The list of actions must be the one known before and one more.
fn joined(placed: &Placed, known: &Known, digest: Digest) -> Result<(), String> {
    let change = placed.entry.change.map(|it| it.to_string()).unwrap_or_default();
    if let Some(at) = known.settled {
        return Err(format!("puts an action into {change}, which entry {at} has closed to others"));
    }
    let (chain, actions) = listed(placed).map_err(|why| format!("puts an action into {change} {why}"))?;
    let before = actions.split_last().map(|(_, before)| before).unwrap_or_default();
    if change_digest(&chain, before.iter().copied()) != known.digest {
        return Err(format!(
            "puts an action into {change} whose others are not those of entry {at}",
            at = known.at
        ));
    }
    if change_digest(&chain, actions.iter().copied()) != digest {
        return Err(format!("lists other actions of {change} than it has the digest of"));
    }
    Ok(())
}

/// The actions of its change that an entry lists, and whose they are.
pub(crate) fn listed(placed: &Placed) -> Result<(Chain, Vec<Digest>), &'static str> {
    let actors = &placed.entry.actors;
    let (Some(agent), Some(operator)) = (actors.agent.clone(), actors.operator.clone()) else {
        return Err("for nobody");
    };
    let actions = placed.detail("actions").unwrap_or_default().split(' ').map(str::parse);
    let actions = actions.collect::<Result<Vec<Digest>, _>>().map_err(|_| "and does not list them all")?;
    Ok((Chain { agent, operator, launcher: None, owner: None }, actions))
}

/// Whether somebody has seen it as it is, or it is over.
const fn settles(kind: EntryKind) -> bool {
    match kind {
        EntryKind::ChangeSealed
        | EntryKind::ApprovalGiven
        | EntryKind::ChangeRejected
        | EntryKind::ChangeReopened
        | EntryKind::ChangeWithdrawn
        | EntryKind::ChangeExpired
        | EntryKind::PermitIssued
        | EntryKind::RowCarried => true,
        EntryKind::Genesis
        | EntryKind::BundleAdopted
        | EntryKind::SessionIssued
        | EntryKind::SessionStopped
        | EntryKind::ReadsAdmitted
        | EntryKind::ActionAllowed
        | EntryKind::ActionDenied
        | EntryKind::ChangeHeld
        | EntryKind::ChangeJoined
        | EntryKind::ChangeJudged
        | EntryKind::ApprovalRefused
        | EntryKind::OutcomeRecorded
        | EntryKind::OutcomeUnknown
        | EntryKind::BodyErased
        | EntryKind::GlassBroken
        | EntryKind::BodyMoved
        | EntryKind::ContinuityBroken
        | EntryKind::SignedIn
        | EntryKind::AgentReported
        | EntryKind::AuthenticationFailed
        | EntryKind::CheckpointWitnessed
        | EntryKind::Alarm => false,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use model::{Actors, Entry, EntryId};

    use super::*;

    const CHANGE: &str = "chg-00000000000000000000000001";

    fn chain() -> Chain {
        let (agent, operator) = ("kiro".parse().unwrap(), "ana".parse().unwrap());
        Chain { agent, operator, launcher: None, owner: None }
    }

    fn action(n: u8) -> Digest {
        Digest::of(&[n])
    }

    /// An entry of each kind: the actions that the change's digest is of, and those that are listed.
    fn check(life: &[(EntryKind, &[u8], &[u8])], expected: &Expect) {
        let placed = |(index, (kind, of, listed)): (u64, &(EntryKind, &[u8], &[u8]))| {
            let at = Timestamp::from_seconds(1);
            let mut entry = Entry::new(EntryId::new(1, [0; 10]), at, *kind);
            let (agent, operator) = (Some(chain().agent), Some(chain().operator));
            entry.actors = Actors { agent, operator, session: None, person: None };
            entry.change = Some(CHANGE.parse().unwrap());
            entry.change_digest = Some(change_digest(&chain(), of.iter().map(|n| action(*n))));
            let listed: Vec<String> = listed.iter().map(|n| action(*n).to_string()).collect();
            entry.detail.insert("actions".to_owned(), listed.join(" "));
            Placed { index, entry }
        };
        let entries: Vec<Placed> = (0..).zip(life).map(placed).collect();
        let (mut digests, mut findings) = (Digests::default(), Findings::default());
        entries.iter().for_each(|placed| digests.take(placed, &mut findings));
        let problems = findings.into_report(true, 0, None).problems;
        let lines = problems.iter().map(|it| format!("{} {}\n", it.code, it.message.replace(CHANGE, "it")));
        expected.assert_eq(&lines.collect::<String>());
    }

    #[test]
    fn others_join_a_change_only_at_its_end_and_before_anybody_opened_it() {
        use EntryKind::{ApprovalGiven, ChangeHeld, ChangeJoined, ChangeJudged, ChangeSealed, PermitIssued};
        type Told = (EntryKind, &'static [u8], &'static [u8]);
        let held: Told = (ChangeHeld, &[1], &[]);
        let second: Told = (ChangeJoined, &[1, 2], &[1, 2]);
        let third: Told = (ChangeJoined, &[1, 2, 3], &[1, 2, 3]);
        let honest = [
            held,
            second,
            third,
            (ChangeSealed, &[1, 2, 3], &[]),
            (ApprovalGiven, &[1, 2, 3], &[]),
            (PermitIssued, &[1, 2, 3], &[]),
        ];
        check(&honest, &expect![""]);
        check(
            &[held, (ChangeJudged, &[1, 2], &[])],
            &expect![[r#"
            change_altered entry 1 says that it is b49d06f5f6a6, entry 0 that it is 780e876a2123
        "#]],
        );
        check(
            &[held, (ChangeJoined, &[2, 1], &[2, 1])],
            &expect![[r#"
            change_altered entry 1 puts an action into it whose others are not those of entry 0
        "#]],
        );
        check(
            &[held, second, (ChangeJoined, &[1, 3], &[1, 3])],
            &expect![[r#"
            change_altered entry 2 puts an action into it whose others are not those of entry 1
        "#]],
        );
        check(
            &[held, (ChangeJoined, &[1, 2, 3], &[1, 2, 3])],
            &expect![[r#"
            change_altered entry 1 puts an action into it whose others are not those of entry 0
        "#]],
        );
        check(
            &[held, (ChangeJoined, &[1, 2, 3], &[1, 2])],
            &expect![[r#"
            change_altered entry 1 lists other actions of it than it has the digest of
        "#]],
        );
        check(
            &[held, (ChangeJoined, &[1, 2], &[])],
            &expect![[r#"
            change_altered entry 1 puts an action into it and does not list them all
        "#]],
        );
        for closing in [ChangeSealed, ApprovalGiven, PermitIssued] {
            let late = [held, second, (closing, &[1, 2], &[]), third];
            check(
                &late,
                &expect![
                    "change_altered entry 3 puts an action into it, which entry 2 has closed to others\n"
                ],
            );
        }
    }
}
