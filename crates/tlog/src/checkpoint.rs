//! Checkpoints (C2SP `tlog-checkpoint`): what a log commits itself to, as a signed note. Our log writes no extension
//! lines and reads none, so that every checkpoint has exactly one text.

use std::fmt;

use crate::{
    Hash, NoteError, ProofError, SigningKey, VerifierKey, empty_root,
    key::check_name,
    note::{open_note, sign_note},
    verify_consistency,
};

const MAX_TEXT: usize = 512;
/// Digits of `u64::MAX`.
const MAX_DIGITS: usize = 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: the name its key signs under.
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("a checkpoint is three lines: origin, size, root")]
    Lines,
    #[error("the origin is 1 to 255 bytes without spaces, control characters or `+`")]
    Origin,
    #[error("the size is a decimal number without leading zeros")]
    Size,
    #[error("the root is the base64 of 32 bytes")]
    Root,
}

impl Checkpoint {
    /// The signed text; also [`fmt::Display`].
    pub fn to_text(&self) -> String {
        self.to_string()
    }

    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        if text.len() > MAX_TEXT {
            return Err(CheckpointError::Lines);
        }
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        check_name(origin).map_err(|_| CheckpointError::Origin)?;
        Ok(Self {
            origin: origin.to_owned(),
            size: parse_size(size).ok_or(CheckpointError::Size)?,
            root: root.parse().map_err(|_| CheckpointError::Root)?,
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

/// The checkpoint as a signed note; `checkpoint.origin` is the key's name, or nobody can open it.
pub fn sign_checkpoint(checkpoint: &Checkpoint, key: &SigningKey) -> String {
    sign_note(&checkpoint.to_text(), key)
}

/// The checkpoint in `note`, where `key` signed it and it is of the log that the key is named after.
pub fn open_checkpoint(note: &str, key: &VerifierKey) -> Result<Checkpoint, NoteError> {
    let checkpoint = Checkpoint::parse(open_note(note, key)?)?;
    if checkpoint.origin == key.name() {
        Ok(checkpoint)
    } else {
        Err(NoteError::Origin { found: checkpoint.origin, expected: key.name().to_owned() })
    }
}

/// Whether `new` extends `old`, by the rule of witnesses: from size 0 the empty proof is accepted and no other, and a
/// checkpoint of size 0 has the root of the empty tree. Both checkpoints have been opened, so they are of one log if their origins agree.
pub fn verify_growth(old: &Checkpoint, new: &Checkpoint, proof: &[Hash]) -> Result<(), ProofError> {
    if old.origin != new.origin {
        return Err(ProofError::Root);
    }
    let sound = |checkpoint: &Checkpoint| checkpoint.size > 0 || checkpoint.root == empty_root();
    if !sound(old) || !sound(new) {
        return Err(ProofError::Root);
    }
    if old.size == 0 {
        return if proof.is_empty() { Ok(()) } else { Err(ProofError::Length) };
    }
    verify_consistency(old.size, new.size, &old.root, &new.root, proof)
}

fn parse_size(text: &str) -> Option<u64> {
    let leading_zero = text.len() > 1 && text.starts_with('0');
    let decimal = (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if decimal && !leading_zero { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;
    use crate::{consistency_proof, leaf_hash, root_of};

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example/1", &[7; 32]).unwrap()
    }

    fn check(text: &str, expected: &Result<(), CheckpointError>) {
        let parsed = Checkpoint::parse(text);
        assert_eq!(&parsed.clone().map(drop), expected, "{text:?}");
        if let Ok(parsed) = parsed {
            assert_eq!(parsed.to_text(), text);
        }
    }

    #[test]
    fn only_one_text_is_a_checkpoint() {
        check(&format!("log.example/1\n0\n{ROOT}\n"), &Ok(()));
        check(&format!("log.example/1\n{}\n{ROOT}\n", u64::MAX), &Ok(()));
        check(&format!("log.example/1\n18446744073709551616\n{ROOT}\n"), &Err(CheckpointError::Size));
        for size in ["", "00", "01", "+1", "-1", " 1", "1 ", "1e3", "0x1", "١"] {
            check(&format!("log.example/1\n{size}\n{ROOT}\n"), &Err(CheckpointError::Size));
        }
        for root in
            ["", "AAAA", &ROOT.replace("I=", "J="), ROOT.trim_end_matches('='), &ROOT.replace('/', "_")]
        {
            check(&format!("log.example/1\n1\n{root}\n"), &Err(CheckpointError::Root));
        }
        for origin in ["", "a b", "a+b", "a\u{2028}b", &"a".repeat(256)] {
            check(&format!("{origin}\n1\n{ROOT}\n"), &Err(CheckpointError::Origin));
        }
        check(&format!("log.example/1\n1\n{ROOT}"), &Err(CheckpointError::Lines));
        check(&format!("log.example/1\n1\n{ROOT}\nextension\n"), &Err(CheckpointError::Lines));
        check(&format!("log.example/1\n1\n{ROOT}\n\n"), &Err(CheckpointError::Lines));
        check("", &Err(CheckpointError::Lines));
    }

    #[test]
    fn a_signed_checkpoint_reads_like_this() {
        let leaves = [leaf_hash(b"one"), leaf_hash(b"two")];
        let checkpoint = Checkpoint { origin: "log.example/1".into(), size: 2, root: root_of(&leaves) };
        let note = sign_checkpoint(&checkpoint, &key());
        expect![[r#"
            log.example/1
            2
            T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=

            — log.example/1 5zPlqSFvSguoQHOjo7DqpKcW/dCuAYulbyjcigrKDN6Fx9IkbZ9nL/WyUFdcsesnj2m6ZNVZuqhdVOW4+hsqFjUqQwY=
        "#]]
        .assert_eq(&note);
        assert_eq!(open_checkpoint(&note, &key().verifier()), Ok(checkpoint));
    }

    #[test]
    fn a_checkpoint_of_another_log_is_refused_though_signed() {
        let other = Checkpoint { origin: "other.example".into(), size: 0, root: empty_root() };
        let error = open_checkpoint(&sign_checkpoint(&other, &key()), &key().verifier()).unwrap_err();
        expect!["the checkpoint is of the log `other.example`, not of `log.example/1`"]
            .assert_eq(&error.to_string());
        let note = sign_note("hello\n", &key());
        assert_eq!(
            open_checkpoint(&note, &key().verifier()),
            Err(NoteError::Checkpoint(CheckpointError::Lines))
        );
    }

    #[test]
    fn growth_from_nothing_needs_no_proof_and_every_other_growth_does() {
        let leaves: Vec<Hash> = (0u8..9).map(|n| leaf_hash(&[n])).collect();
        let at = |size: usize| Checkpoint {
            origin: "log.example/1".into(),
            size: size as u64,
            root: root_of(&leaves[..size]),
        };
        for new in 0..=9 {
            assert_eq!(verify_growth(&at(0), &at(new), &[]), Ok(()), "0 to {new}");
            for old in 1..=new {
                let proof = consistency_proof(&leaves, old as u64, new as u64).unwrap();
                assert_eq!(verify_growth(&at(old), &at(new), &proof), Ok(()), "{old} to {new}");
            }
        }
        let fork = Checkpoint { root: leaf_hash(b"fork"), ..at(5) };
        assert_eq!(verify_growth(&fork, &at(5), &[]), Err(ProofError::Root));
        assert_eq!(verify_growth(&at(5), &at(9), &[]), Err(ProofError::Length));
        assert_eq!(verify_growth(&at(9), &at(5), &[]), Err(ProofError::SizesOutOfOrder { old: 9, new: 5 }));
        assert_eq!(
            verify_growth(&Checkpoint { root: leaf_hash(b""), ..at(0) }, &at(5), &[]),
            Err(ProofError::Root)
        );
        let hollow = Checkpoint { root: leaf_hash(b""), ..at(0) };
        assert_eq!(verify_growth(&hollow, &hollow, &[]), Err(ProofError::Root));
        assert_eq!(verify_growth(&at(0), &hollow, &[]), Err(ProofError::Root));
        assert_eq!(verify_growth(&at(5), &hollow, &[]), Err(ProofError::Root));
        assert_eq!(verify_growth(&at(5), &at(0), &[]), Err(ProofError::SizesOutOfOrder { old: 5, new: 0 }));
        assert_eq!(verify_growth(&at(0), &at(0), &[leaf_hash(b"")]), Err(ProofError::Length));
        assert_eq!(
            verify_growth(&Checkpoint { origin: "x".into(), ..at(5) }, &at(5), &[]),
            Err(ProofError::Root)
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_text_is_unique(text in "[a-z+ ]{0,4}\n[0-9]{0,22}\n[A-Za-z0-9+/=]{40,46}\n?(.|\n){0,3}") {
            if let Ok(parsed) = Checkpoint::parse(&text) {
                prop_assert_eq!(parsed.to_text(), text);
            }
        }

        #[test]
        fn checkpoints_round_trip(size: u64, root: [u8; 32]) {
            let checkpoint = Checkpoint { origin: "log.example/1".into(), size, root: Hash::from_bytes(root) };
            prop_assert_eq!(Checkpoint::parse(&checkpoint.to_text()), Ok(checkpoint));
        }
    }
}
