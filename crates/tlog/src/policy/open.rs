//! Checkpoints and receipts under a policy: signed by one of its logs, cosigned by enough of its witnesses, or what is
//! missing. A signature line under a known key that does not hold makes the whole note void, as `signed-note` has it: it
//! is not counted as absent.

use std::fmt;

use crate::{Checkpoint, NoteError, VerifierKey, empty_root, note::text_of, open_checkpoint, open_cosigned};

use super::{Member, Octets, Policy};

/// A checkpoint that satisfies a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    pub checkpoint: Checkpoint,
    /// Whose signature it bears.
    pub log: VerifierKey,
    /// Of every witness of the policy that saw it, in the policy's order; they may be more than the quorum takes.
    pub cosigned: Vec<Cosigned>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// What the policy calls the witness.
    pub witness: Octets,
    /// When it saw the checkpoint, in Unix seconds, as it says. The policy has no rule about it.
    pub time: u64,
}

/// Why a checkpoint does not count under a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnmetError {
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error("the checkpoint is of the log `{origin}`, which the policy does not list")]
    UnknownLog { origin: String },
    #[error("the policy lists no log: say with which key the log signs")]
    NoLogs,
    #[error("the checkpoint has size 0 and not the root of the empty tree")]
    EmptyRoot,
    #[error("the line of the witness `{witness}` does not hold: {source}")]
    Witness { witness: Octets, source: NoteError },
    #[error("too few witnesses have seen the checkpoint: {0}")]
    Quorum(Missing),
}

/// What a quorum, or a group in it, lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub name: Octets,
    /// Of its members; a witness has itself as the one member.
    pub wanted: usize,
    pub has: usize,
    /// The members that have not witnessed, each with what it lacks; any `wanted - has` of them suffice.
    pub without: Vec<Self>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, wanted, has, without } = self;
        if without.is_empty() {
            return write!(f, "`{name}`");
        }
        write!(f, "`{name}` wants {wanted} and has {has}, without ")?;
        for (nth, missing) in without.iter().enumerate() {
            let (comma, nested) = (if nth == 0 { "" } else { ", " }, !missing.without.is_empty());
            let (open, close) = if nested { ("(", ")") } else { ("", "") };
            write!(f, "{comma}{open}{missing}{close}")?;
        }
        Ok(())
    }
}

impl Policy {
    /// The checkpoint in `note`, where one of the policy's logs signed it and its quorum saw it.
    pub fn open(&self, note: &str) -> Result<Vouched, UnmetError> {
        if self.logs().is_empty() {
            return Err(UnmetError::NoLogs);
        }
        let origin = Checkpoint::parse(text_of(note)?).map_err(NoteError::from)?.origin;
        let mut refused = UnmetError::UnknownLog { origin: origin.clone() };
        for log in self.logs().iter().filter(|log| log.key.name() == origin) {
            match open_checkpoint(note, &log.key) {
                Ok(checkpoint) => return self.count(note, checkpoint, &log.key),
                // A log may have two keys; the other one's signature is as good.
                Err(err @ NoteError::NotSigned(_)) => refused = err.into(),
                Err(err) => return Err(err.into()),
            }
        }
        Err(refused)
    }

    /// As [`Self::open`] for the log that signs with `key`, known from elsewhere. Where the policy lists logs, it must be
    /// one of them.
    pub fn open_of(&self, note: &str, key: &VerifierKey) -> Result<Vouched, UnmetError> {
        if !self.logs().is_empty() && !self.logs().iter().any(|log| log.key == *key) {
            return Err(UnmetError::UnknownLog { origin: key.name().to_owned() });
        }
        self.count(note, open_checkpoint(note, key)?, key)
    }

    fn count(&self, note: &str, checkpoint: Checkpoint, log: &VerifierKey) -> Result<Vouched, UnmetError> {
        if checkpoint.size == 0 && checkpoint.root != empty_root() {
            return Err(UnmetError::EmptyRoot);
        }
        let mut seen = Vec::with_capacity(self.witnesses().len());
        for witness in self.witnesses() {
            seen.push(match open_cosigned(note, &witness.key) {
                Ok((_, time)) => Some(time),
                Err(NoteError::NotSigned(_)) => None,
                Err(source) => return Err(UnmetError::Witness { witness: witness.name.clone(), source }),
            });
        }
        if let Some(missing) = self.quorum.and_then(|quorum| self.lacks(quorum, &seen)) {
            return Err(UnmetError::Quorum(missing));
        }
        let cosigned = self.witnesses().iter().zip(seen);
        let cosigned =
            cosigned.filter_map(|(it, time)| Some(Cosigned { witness: it.name.clone(), time: time? }));
        Ok(Vouched { checkpoint, log: log.clone(), cosigned: cosigned.collect() })
    }

    /// `None` where the member has witnessed. A member is a group above or a witness, so this ends.
    fn lacks(&self, member: Member, seen: &[Option<u64>]) -> Option<Missing> {
        match member {
            Member::Witness(place) => {
                let witness = self.witnesses().get(place)?;
                let lacks = || Missing { name: witness.name.clone(), wanted: 1, has: 0, without: Vec::new() };
                seen.get(place).copied().flatten().is_none().then(lacks)
            }
            Member::Group(place) => {
                let group = self.groups.get(place)?;
                let without: Vec<Missing> =
                    group.members.iter().filter_map(|member| self.lacks(*member, seen)).collect();
                let has = group.members.len() - without.len();
                let lacks = || Missing { name: group.name.clone(), wanted: group.wanted, has, without };
                (has < group.wanted).then(lacks)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Receipt, SigningKey, WitnessSigningKey, cosign, inclusion_proof, leaf_hash, root_of, sign_checkpoint,
    };

    const SEEN: u64 = 1_679_315_147;

    fn log(name: &str) -> SigningKey {
        SigningKey::from_seed(name, &[7; 32]).unwrap()
    }

    fn witness(nth: u8) -> WitnessSigningKey {
        WitnessSigningKey::from_seed("w.example", &[100 + nth; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        let leaves = [leaf_hash(b"one"), leaf_hash(b"two")];
        Checkpoint { origin: "log.example/1".to_owned(), size: 2, root: root_of(&leaves) }
    }

    fn note(witnesses: &[u8]) -> String {
        let mut note = sign_checkpoint(&checkpoint(), &log("log.example/1"));
        for nth in witnesses {
            note += &cosign(&checkpoint(), SEEN + u64::from(*nth), &witness(*nth)).unwrap();
        }
        note
    }

    /// The specification's example: two of X1 to X3, and one of Y4 to Y6.
    fn policy(quorum: &str) -> Policy {
        let mut text = format!("log {}\n", log("log.example/1").verifier());
        for nth in 1..=6 {
            let name = if nth <= 3 { 'X' } else { 'Y' };
            text += &format!("witness {name}{nth} {}\n", witness(nth).verifier());
        }
        text += "group Xs 2 X1 X2 X3\ngroup Ys any Y4 Y5 Y6\ngroup both all Xs Ys\n";
        Policy::parse(format!("{text}quorum {quorum}\n").as_bytes()).unwrap()
    }

    fn check(policy: &Policy, note: &str, expected: &Expect) {
        let told = match policy.open(note) {
            Ok(vouched) => {
                assert_eq!(vouched.checkpoint, checkpoint());
                format!("seen by {:?}", vouched.cosigned.iter().map(|it| &it.witness).collect::<Vec<_>>())
            }
            Err(err) => err.to_string(),
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn a_quorum_is_met_or_what_it_lacks_is_said() {
        let both = policy("both");
        check(&both, &note(&[1, 3, 4]), &expect!["seen by [`X1`, `X3`, `Y4`]"]);
        check(&both, &note(&[1, 2, 3, 4, 5, 6]), &expect!["seen by [`X1`, `X2`, `X3`, `Y4`, `Y5`, `Y6`]"]);
        check(&both, &note(&[6, 9, 2, 1]), &expect!["seen by [`X1`, `X2`, `Y6`]"]);
        check(
            &both,
            &note(&[1, 2]),
            &expect![
                "too few witnesses have seen the checkpoint: `both` wants 2 and has 1, without (`Ys` wants 1 and has 0, without `Y4`, `Y5`, `Y6`)"
            ],
        );
        check(
            &both,
            &note(&[1, 4]),
            &expect![
                "too few witnesses have seen the checkpoint: `both` wants 2 and has 1, without (`Xs` wants 2 and has 1, without `X2`, `X3`)"
            ],
        );
        check(
            &both,
            &note(&[]),
            &expect![
                "too few witnesses have seen the checkpoint: `both` wants 2 and has 0, without (`Xs` wants 2 and has 0, without `X1`, `X2`, `X3`), (`Ys` wants 1 and has 0, without `Y4`, `Y5`, `Y6`)"
            ],
        );
        check(&policy("X2"), &note(&[2]), &expect!["seen by [`X2`]"]);
        check(&policy("X2"), &note(&[1, 3]), &expect!["too few witnesses have seen the checkpoint: `X2`"]);
        check(&policy("Ys"), &note(&[5]), &expect!["seen by [`Y5`]"]);
        check(&policy("none"), &note(&[]), &expect!["seen by []"]);
    }

    #[test]
    fn who_signs_must_be_a_log_of_the_policy() {
        let other = Checkpoint { origin: "other.example".to_owned(), ..checkpoint() };
        check(
            &policy("none"),
            &sign_checkpoint(&other, &log("other.example")),
            &expect!["the checkpoint is of the log `other.example`, which the policy does not list"],
        );
        let stranger = SigningKey::from_seed("log.example/1", &[8; 32]).unwrap();
        check(
            &policy("none"),
            &sign_checkpoint(&checkpoint(), &stranger),
            &expect!["the note has no signature by log.example/1"],
        );
        check(&policy("none"), "hello\n", &expect!["the note has no empty line with signatures below it"]);
        check(
            &policy("none"),
            &crate::sign_note("hello\n", &log("log.example/1")),
            &expect!["the note is no checkpoint: a checkpoint is three lines: origin, size, root"],
        );

        let any = Policy::parse(b"quorum none\n").unwrap();
        check(&any, &note(&[]), &expect!["the policy lists no log: say with which key the log signs"]);
        let key = log("log.example/1").verifier();
        assert_eq!(any.open_of(&note(&[]), &key).unwrap().checkpoint, checkpoint());
        assert_eq!(policy("none").open_of(&note(&[]), &key).unwrap().log, key);
        let unknown = UnmetError::UnknownLog { origin: "log.example/1".to_owned() };
        assert_eq!(policy("none").open_of(&note(&[]), &stranger.verifier()), Err(unknown));

        let rotated = format!("log {}\nlog {key}\nquorum none\n", stranger.verifier());
        let rotated = Policy::parse(rotated.as_bytes()).unwrap();
        check(&rotated, &note(&[]), &expect!["seen by []"]);
        check(&rotated, &sign_checkpoint(&checkpoint(), &stranger), &expect!["seen by []"]);
    }

    #[test]
    fn a_line_that_does_not_hold_is_not_taken_for_a_missing_one() {
        let line = |text: String| text.lines().last().unwrap().to_owned();
        let of_another = Checkpoint { size: 1, ..checkpoint() };
        let forged = line(cosign(&of_another, SEEN, &witness(4)).unwrap());
        let note = format!("{}{forged}\n", note(&[1, 2, 5]));
        check(
            &policy("both"),
            &note,
            &expect![
                "the line of the witness `Y4` does not hold: the signature by w.example does not belong to this text"
            ],
        );
    }

    #[test]
    fn the_empty_tree_has_one_root() {
        let policy = policy("none");
        let at = |root| Checkpoint { size: 0, root, ..checkpoint() };
        let signed = |checkpoint| sign_checkpoint(&checkpoint, &log("log.example/1"));
        assert!(policy.open(&signed(at(empty_root()))).is_ok());
        assert_eq!(policy.open(&signed(at(leaf_hash(b"")))), Err(UnmetError::EmptyRoot));
    }

    #[test]
    fn a_receipt_holds_under_a_policy_or_says_why_not() {
        let leaves = [leaf_hash(b"one"), leaf_hash(b"two")];
        let receipt = |witnesses: &[u8]| Receipt {
            extra: None,
            index: 1,
            proof: inclusion_proof(&leaves, 1, 2).unwrap(),
            checkpoint: note(witnesses),
        };
        let told = |receipt: Receipt, leaf| match receipt.verify_under(leaf, &policy("Ys")) {
            Ok(vouched) => format!("{:?}", vouched.cosigned),
            Err(err) => err.to_string(),
        };
        expect!["[Cosigned { witness: `Y5`, time: 1679315152 }]"].assert_eq(&told(receipt(&[5]), &leaves[1]));
        expect!["the receipt's checkpoint does not count: too few witnesses have seen the checkpoint: `Ys` wants 1 and has 0, without `Y4`, `Y5`, `Y6`"].assert_eq(&told(receipt(&[1]), &leaves[1]));
        expect!["the entry is not where the receipt says: the proof leads to another root"]
            .assert_eq(&told(receipt(&[5]), &leaves[0]));
    }

    proptest! {
        /// Counted plainly: who is there, against two of the first three and one of the others.
        #[test]
        fn any_set_of_witnesses_counts_as_the_rule_says(seen in proptest::collection::btree_set(1u8..10, 0..9)) {
            let witnesses: Vec<u8> = seen.iter().copied().collect();
            let (xs, ys) = (seen.range(1..=3).count(), seen.range(4..=6).count());
            prop_assert_eq!(policy("both").open(&note(&witnesses)).is_ok(), xs >= 2 && ys >= 1);
        }
    }
}
