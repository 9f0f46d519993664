//! A log that continues another ([`model::Continuity`]): entry 1 says which, and what of it is lost; the rows that came
//! over follow it without a gap. Anywhere else either kind of entry would put a row in place of what the log has of it.

use model::{Continuity, Digest, EntryKind, Genesis};
use serde::{Deserialize, Serialize};
use tlog::{Checkpoint, VerifierKey, open_checkpoint, open_note};

use crate::{Code, entries::Placed, report::Findings};

/// The log before, as this one tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continues {
    /// Its fingerprint.
    pub genesis: Digest,
    pub origin: String,
    /// How many of its entries the restored state goes with.
    pub restored: u64,
    /// How many of its entries were signed for and are not in that state; absent where nothing tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lost: Option<u64>,
    /// Whether its key vouches for this log.
    pub vouched: bool,
    /// How many bodies are said to have been erased there: by whom, only that log tells.
    pub erased: u64,
    pub ground: String,
}

/// What checkpoints of the log before are held against.
#[derive(Debug)]
pub(crate) struct Before {
    pub(crate) key: VerifierKey,
    /// The newest that it was signed for, as this log tells.
    signed: Option<Checkpoint>,
    restored: Checkpoint,
}

impl Before {
    /// What a checkpoint of that log, from outside, says against what is told of it.
    pub(crate) fn contradiction(&self, held: &Checkpoint) -> Option<String> {
        let known = [Some(&self.restored), self.signed.as_ref()];
        if known.into_iter().flatten().any(|it| it.size == held.size && it.root != held.root) {
            return Some(format!("is of another history of the log before, at {} entries", held.size));
        }
        let signed = self.signed.as_ref()?;
        (held.size > signed.size).then(|| {
            format!(
                "covers {} entries of the log before, which is said to have been signed for {}: more of it is lost",
                held.size, signed.size
            )
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Continuities {
    continues: Option<Continues>,
    before: Option<Before>,
    /// The index up to which rows may come over.
    next_row: Option<u64>,
}

impl Continuities {
    /// `genesis` is the fingerprint of this log's own.
    pub(crate) fn take(&mut self, placed: &Placed, genesis: Option<&Genesis>, findings: &mut Findings) {
        let index = placed.index;
        match placed.entry.kind {
            EntryKind::ContinuityBroken if index == 1 => {
                self.next_row = Some(2);
                match read(placed, genesis) {
                    Ok((continues, before)) => {
                        self.continues = Some(continues);
                        self.before = Some(before);
                    }
                    Err(why) => {
                        let message = format!("entry 1 says that this log continues another, but {why}");
                        findings.add(Code::ContinuityInvalid, Some(index), message);
                    }
                }
            }
            EntryKind::ContinuityBroken => {
                let message =
                    format!("entry {index} says that this log continues another, which only entry 1 can");
                findings.add(Code::ContinuityInvalid, Some(index), message);
            }
            EntryKind::RowCarried if self.next_row == Some(index) => {
                self.next_row = Some(index + 1);
                if let Some(continues) = &mut self.continues {
                    let bodies = placed.detail("bodies").map_or(0, |it| it.split(' ').count() as u64);
                    continues.erased = continues.erased.saturating_add(bodies);
                }
            }
            EntryKind::RowCarried => {
                let message = format!(
                    "entry {index} brings a row over from another log, which is only told right after entry 1"
                );
                findings.add(Code::ContinuityInvalid, Some(index), message);
            }
            _ => {}
        }
    }

    pub(crate) const fn before(&self) -> Option<&Before> {
        self.before.as_ref()
    }

    pub(crate) fn told(self) -> Option<Continues> {
        self.continues
    }
}

fn read(placed: &Placed, genesis: Option<&Genesis>) -> Result<(Continues, Before), String> {
    let continuity = Continuity::from_detail(&placed.entry.detail).map_err(|err| err.to_string())?;
    let before = &continuity.before;
    let key: VerifierKey =
        before.vkey.parse().map_err(|err| format!("the log before names no usable key: {err}"))?;
    if key.name() != before.origin {
        return Err(format!(
            "the log before has the origin {}, but its key is {}'s",
            before.origin,
            key.name()
        ));
    }
    if let Some(own) = genesis
        && (own.origin == before.origin || own.vkey == before.vkey)
    {
        return Err("the log before has this log's own origin or key".to_owned());
    }
    let opened = |what: &str, note: &str| -> Result<Checkpoint, String> {
        open_checkpoint(note, &key).map_err(|err| format!("the checkpoint {what} does not hold: {err}"))
    };
    let restored = opened("that was restored", &continuity.restored)?;
    let signed = continuity.signed.as_deref().map(|note| opened("that was signed last", note)).transpose()?;
    if let Some(signed) = &signed
        && (signed.size < restored.size || (signed.size == restored.size && signed.root != restored.root))
    {
        return Err(format!(
            "what was restored has {} entries, and what was signed last is no later state of it, of {}",
            restored.size, signed.size
        ));
    }
    let vouched = match (&continuity.vouched, genesis) {
        (None, _) => false,
        (Some(note), own) => {
            let text =
                open_note(note, &key).map_err(|err| format!("its key does not vouch for it: {err}"))?;
            if own.is_some_and(|own| text != continuity.succession(own.fingerprint())) {
                return Err("its key vouches for another log than this".to_owned());
            }
            own.is_some()
        }
    };
    let continues = Continues {
        genesis: before.fingerprint(),
        origin: before.origin.clone(),
        restored: restored.size,
        lost: signed.as_ref().map(|signed| signed.size - restored.size),
        vouched,
        erased: 0,
        ground: continuity.ground.to_string(),
    };
    Ok((continues, Before { key, signed, restored }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};
    use model::{Entry, EntryId, Timestamp};
    use tlog::{SigningKey, sign_checkpoint, sign_note};

    use super::*;

    fn key(origin: &str, seed: u8) -> SigningKey {
        SigningKey::from_seed(origin, &[seed; 32]).unwrap()
    }

    fn genesis(key: &SigningKey) -> Genesis {
        Genesis {
            origin: key.verifier().name().to_owned(),
            vkey: key.verifier().to_string(),
            installation: "00112233445566778899aabbccddeeff".into(),
            created_at: Timestamp::from_seconds(1_795_228_800),
            site: None,
        }
    }

    fn note(size: u8, key: &SigningKey) -> String {
        let leaves: Vec<_> = (0..size).map(|n| tlog::leaf_hash(&[n])).collect();
        let origin = key.verifier().name().to_owned();
        sign_checkpoint(&Checkpoint { origin, size: size.into(), root: tlog::root_of(&leaves) }, key)
    }

    /// Entry 1 of a log that continues one, of which five of eight entries are here.
    fn continuity() -> Continuity {
        let (old, new) = (key("log.example/old", 1), key("log.example/new", 2));
        let mut continuity = Continuity {
            before: genesis(&old),
            restored: note(5, &old),
            signed: Some(note(8, &old)),
            ground: "the disk was lost".parse().unwrap(),
            vouched: None,
        };
        continuity.vouched = Some(sign_note(&continuity.succession(genesis(&new).fingerprint()), &old));
        continuity
    }

    fn placed(index: u64, kind: EntryKind, detail: BTreeMap<String, String>) -> Placed {
        let mut entry = Entry::new(EntryId::new(1, [0; 10]), Timestamp::from_seconds(1), kind);
        entry.detail = detail;
        Placed { index, entry }
    }

    fn check(entries: &[Placed], expected: &Expect) {
        let own = genesis(&key("log.example/new", 2));
        let (mut continuities, mut findings) = (Continuities::default(), Findings::default());
        entries.iter().for_each(|placed| continuities.take(placed, Some(&own), &mut findings));
        let told = continuities.told().map(|it| {
            format!("{} of {}, lost {:?}, vouched {}\n", it.restored, it.origin, it.lost, it.vouched)
        });
        let problems = findings.into_report(true, 0, None).problems;
        let lines = problems.iter().map(|it| format!("{} {}\n", it.code, it.message));
        expected.assert_eq(&told.into_iter().chain(lines).collect::<String>());
    }

    fn first(change: fn(&mut Continuity)) -> [Placed; 1] {
        let mut continuity = continuity();
        change(&mut continuity);
        [placed(1, EntryKind::ContinuityBroken, continuity.to_detail())]
    }

    #[test]
    fn what_a_log_continues_is_told_and_checked() {
        check(&first(|_| {}), &expect!["5 of log.example/old, lost Some(3), vouched true\n"]);
        check(
            &first(|it| (it.signed, it.vouched) = (None, None)),
            &expect!["5 of log.example/old, lost None, vouched false\n"],
        );
        check(
            &first(|it| it.before = genesis(&key("log.example/new", 1))),
            &expect![[r#"
            continuity_invalid entry 1 says that this log continues another, but the log before has this log's own origin or key
        "#]],
        );
        check(
            &first(|it| it.restored = note(5, &key("log.example/old", 9))),
            &expect![[r#"
            continuity_invalid entry 1 says that this log continues another, but the checkpoint that was restored does not hold: the note has no signature by log.example/old
        "#]],
        );
        check(
            &first(|it| it.signed = Some(note(4, &key("log.example/old", 1)))),
            &expect![[r#"
            continuity_invalid entry 1 says that this log continues another, but what was restored has 5 entries, and what was signed last is no later state of it, of 4
        "#]],
        );
        check(
            &first(|it| it.vouched = Some(sign_note("anything\n", &key("log.example/old", 1)))),
            &expect![[r#"
            continuity_invalid entry 1 says that this log continues another, but its key vouches for another log than this
        "#]],
        );
        check(
            &first(|it| {
                let new = genesis(&key("log.example/new", 2)).fingerprint();
                it.vouched = Some(sign_note(&it.succession(new), &key("log.example/old", 9)));
            }),
            &expect![[r#"
                continuity_invalid entry 1 says that this log continues another, but its key does not vouch for it: the note has no signature by log.example/old
            "#]],
        );
        check(
            &[placed(1, EntryKind::ContinuityBroken, BTreeMap::new())],
            &expect![[r#"
            continuity_invalid entry 1 says that this log continues another, but it does not say `before`
        "#]],
        );
    }

    #[test]
    fn what_left_the_log_before_is_held_against_what_is_told_of_it() {
        let old = key("log.example/old", 1);
        let opened = |size: u8| open_checkpoint(&note(size, &old), &old.verifier()).unwrap();
        let other = Checkpoint { root: tlog::leaf_hash(b"other"), ..opened(5) };
        let told = |continuity: &Continuity, held: &Checkpoint| {
            let placed = placed(1, EntryKind::ContinuityBroken, continuity.to_detail());
            let (_, before) = read(&placed, None).unwrap();
            before.contradiction(held).unwrap_or_else(|| "nothing".to_owned())
        };
        let lost_lock = Continuity { signed: None, ..continuity() };
        for (continuity, held, says) in [
            (&continuity(), opened(3), "nothing"),
            (&continuity(), opened(8), "nothing"),
            (
                &continuity(),
                opened(9),
                "covers 9 entries of the log before, which is said to have been signed for 8",
            ),
            (&continuity(), other.clone(), "is of another history of the log before, at 5 entries"),
            (&lost_lock, opened(9), "nothing"),
            (&lost_lock, other, "is of another history"),
        ] {
            let told = told(continuity, &held);
            assert!(told.starts_with(says), "{told}");
        }
    }

    #[test]
    fn rows_come_over_at_the_beginning_alone() {
        let row = |index| placed(index, EntryKind::RowCarried, BTreeMap::new());
        let [begin] = first(|_| {});
        let later = placed(4, EntryKind::Alarm, BTreeMap::new());
        check(
            &[begin, row(2), row(3), later, row(5)],
            &expect![[r#"
            5 of log.example/old, lost Some(3), vouched true
            continuity_invalid entry 5 brings a row over from another log, which is only told right after entry 1
        "#]],
        );
        check(
            &[row(1), row(2)],
            &expect![[r#"
            continuity_invalid entry 1 brings a row over from another log, which is only told right after entry 1
            continuity_invalid entry 2 brings a row over from another log, which is only told right after entry 1
        "#]],
        );
        check(
            &[placed(2, EntryKind::ContinuityBroken, continuity().to_detail())],
            &expect![[r#"
            continuity_invalid entry 2 says that this log continues another, which only entry 1 can
        "#]],
        );
    }
}
