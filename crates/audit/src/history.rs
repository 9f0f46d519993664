//! What the entries say one after the other: the genesis first and once, times that go forward, and one digest to a
//! change.

use std::collections::HashMap;

use model::{ChangeId, Digest, EntryKind, Timestamp};

use crate::{Code, entries::Placed, report::Findings};

/// Operations run side by side and are written in the order in which they commit, so an entry may be a little older
/// than the one before it. More than this no queue explains.
const SLACK_MS: i64 = 60_000;

pub(crate) fn check(entries: &[Placed], genesis: Option<Digest>, findings: &mut Findings) {
    first(entries, genesis, findings);
    times(entries, findings);
    digests(entries, findings);
}

fn first(entries: &[Placed], genesis: Option<Digest>, findings: &mut Findings) {
    for placed in entries {
        let is_genesis = placed.entry.kind == EntryKind::Genesis;
        let index = placed.index;
        match (index, is_genesis) {
            (0, true) => {
                let named = placed.detail("genesis").and_then(|text| text.parse::<Digest>().ok());
                if let Some(genesis) = genesis.filter(|genesis| named != Some(*genesis)) {
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

fn times(entries: &[Placed], findings: &mut Findings) {
    let mut latest: Option<(Timestamp, u64)> = None;
    for Placed { index, entry } in entries {
        match latest {
            Some((time, at)) if time.since(entry.at) > SLACK_MS => {
                let message =
                    format!("entry {index} is of {}, but entry {at} before it is of {time}", entry.at);
                findings.add(Code::EntryOutOfOrder, Some(*index), message);
                // Whichever of the two is misplaced, those that follow are measured by this one.
                latest = Some((entry.at, *index));
            }
            Some((time, _)) if time >= entry.at => {}
            Some(_) | None => latest = Some((entry.at, *index)),
        }
    }
}

fn digests(entries: &[Placed], findings: &mut Findings) {
    let mut known: HashMap<ChangeId, (Digest, u64)> = HashMap::new();
    for Placed { index, entry } in entries {
        let (Some(change), Some(digest)) = (entry.change, entry.change_digest) else { continue };
        let (first, at) = *known.entry(change).or_insert((digest, *index));
        if first != digest {
            let message = format!(
                "entry {index} says that {change} is {}, entry {at} that it is {}",
                digest.short(),
                first.short()
            );
            findings.add(Code::ChangeAltered, Some(*index), message);
        }
    }
}
