//! Receipts (C2SP `tlog-proof`): that one entry is in a log, in one text that is checked without the log.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra BASE64          left out where there is none; authenticated by nothing
//! index N
//! BASE64                one line for each hash of the inclusion proof, the leaf's sibling first
//!
//! the checkpoint, a signed note, as it is
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Checkpoint, Hash, NoteError, Policy, ProofError, UnmetError, VerifierKey, Vouched, open_checkpoint,
    verify_inclusion,
};

const VERSION: &str = "c2sp.org/tlog-proof@v1";
/// As deep as a tree of 2^63 entries.
const MAX_PROOF: usize = 63;
/// An entry of the ledger and what it takes to read it, and room.
const MAX_EXTRA: usize = 512 * 1024;
/// Of the whole text: the note has a bound of its own.
const MAX_TEXT: usize = 1024 * 1024;
/// Digits of `u64::MAX`.
const MAX_DIGITS: usize = 20;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What an application needs beside it, such as the entry itself. Nothing vouches for it.
    pub extra: Option<Vec<u8>>,
    /// Of the entry, from 0.
    pub index: u64,
    pub proof: Vec<Hash>,
    /// A signed note.
    pub checkpoint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    #[error("the receipt is longer than {MAX_TEXT} bytes")]
    TooLong,
    #[error("line {line} of the receipt is not {expected}")]
    Line { line: usize, expected: &'static str },
    #[error("the receipt's checkpoint does not hold: {0}")]
    Checkpoint(#[from] NoteError),
    #[error("the receipt's checkpoint does not count: {0}")]
    Policy(#[from] UnmetError),
    #[error("the entry is not where the receipt says: {0}")]
    Proof(#[from] ProofError),
}

impl Receipt {
    /// Whether the entry with this leaf hash is in the log of `key`, under the receipt's checkpoint; yields that.
    pub fn verify(&self, leaf: &Hash, key: &VerifierKey) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = open_checkpoint(&self.checkpoint, key)?;
        verify_inclusion(leaf, self.index, checkpoint.size, &self.proof, &checkpoint.root)?;
        Ok(checkpoint)
    }

    /// As [`Self::verify`], where the checkpoint must satisfy `policy`.
    pub fn verify_under(&self, leaf: &Hash, policy: &Policy) -> Result<Vouched, ReceiptError> {
        let vouched = policy.open(&self.checkpoint)?;
        let Checkpoint { size, root, .. } = &vouched.checkpoint;
        verify_inclusion(leaf, self.index, *size, &self.proof, root)?;
        Ok(vouched)
    }

    pub fn to_text(&self) -> String {
        let mut text = format!("{VERSION}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", STANDARD.encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.proof {
            text.push_str(&format!("{hash}\n"));
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Accepts exactly what [`Self::to_text`] writes. The checkpoint is looked at by [`Self::verify`].
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        if text.len() > MAX_TEXT {
            return Err(ReceiptError::TooLong);
        }
        let wrong = |line: usize, expected: &'static str| ReceiptError::Line { line, expected };
        let mut lines = Lines { rest: text, line: 0 };
        if lines.next() != Some(VERSION) {
            return Err(wrong(1, "`c2sp.org/tlog-proof@v1`"));
        }
        let mut line = lines.next();
        let mut extra = None;
        if let Some(encoded) = line.and_then(|line| line.strip_prefix("extra ")) {
            if encoded.len() > MAX_EXTRA {
                return Err(ReceiptError::TooLong);
            }
            extra = Some(STANDARD.decode(encoded).map_err(|_| wrong(lines.line, "`extra` and base64"))?);
            line = lines.next();
        }
        let index = line.and_then(|line| number(line.strip_prefix("index ")?));
        let index = index.ok_or_else(|| wrong(lines.line, "`index` and a decimal number"))?;
        let mut proof = Vec::new();
        loop {
            match lines.next() {
                Some("") => break,
                Some(hash) if proof.len() < MAX_PROOF => {
                    proof.push(hash.parse().map_err(|_| wrong(lines.line, "the base64 of 32 bytes"))?);
                }
                Some(_) | None => {
                    return Err(wrong(lines.line, "a hash of a proof, or the empty line behind it"));
                }
            }
        }
        Ok(Self { extra, index, proof, checkpoint: lines.rest.to_owned() })
    }
}

/// Lines that each end in a newline, counted from 1.
struct Lines<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Lines<'t> {
    fn next(&mut self) -> Option<&'t str> {
        self.line += 1;
        let (line, rest) = self.rest.split_once('\n')?;
        self.rest = rest;
        Some(line)
    }
}

fn number(digits: &str) -> Option<u64> {
    let plain = (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
    let canonical = digits == "0" || !digits.starts_with('0');
    if plain && canonical { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::{SigningKey, inclusion_proof, leaf_hash, root_of, sign_checkpoint};

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example/receipts", &[3; 32]).unwrap()
    }

    fn leaves(size: u64) -> Vec<Hash> {
        (0..size).map(|nth| leaf_hash(&nth.to_be_bytes())).collect()
    }

    fn receipt(index: u64, size: u64) -> Receipt {
        let leaves = leaves(size);
        let checkpoint = Checkpoint { origin: "log.example/receipts".into(), size, root: root_of(&leaves) };
        Receipt {
            extra: Some(index.to_be_bytes().to_vec()),
            index,
            proof: inclusion_proof(&leaves, index, size).unwrap(),
            checkpoint: sign_checkpoint(&checkpoint, &key()),
        }
    }

    #[test]
    fn a_receipt_is_one_text() {
        expect![[r#"
            c2sp.org/tlog-proof@v1
            extra AAAAAAAAAAU=
            index 5
            mJkwf510d0YSJXXt7rOWPHyDwCkkH4Kj0XuZlyh42w4=
            Bje24eorWsiEY4qjO/YaWRkQjUY+TPN4hTU0muCsjxM=
            sV0rGwetramxO1VcCAYrGueK0bC36Z2X2ULJNqYkRDk=

            log.example/receipts
            7
            Rc6n7cqVQ+5VdaV3TQ2PqTIai+CEs/tlf6T20HGjyUw=

            — log.example/receipts U7UhUIPo2hdoigChJvTVvDC5ApO4WRA+wiiuLLLy3i16PYI+dO/vkuojKpHynuY9Hm9zalyTXRhmBV/pa8dTJzPVMw0=
        "#]].assert_eq(&receipt(5, 7).to_text());
    }

    #[test]
    fn an_entry_is_where_its_receipt_says_and_nowhere_else() {
        for size in [1, 2, 3, 7, 8, 100] {
            for index in 0..size {
                let receipt = receipt(index, size);
                let leaf = leaf_hash(&index.to_be_bytes());
                let checkpoint = receipt.verify(&leaf, &key().verifier()).unwrap();
                assert_eq!(checkpoint.size, size);
                for wrong in [
                    Receipt { index: index + 1, ..receipt.clone() },
                    Receipt { proof: [receipt.proof.clone(), vec![leaf]].concat(), ..receipt.clone() },
                    Receipt { checkpoint: receipt.checkpoint.replacen('\n', "x\n", 1), ..receipt.clone() },
                ] {
                    assert!(wrong.verify(&leaf, &key().verifier()).is_err(), "{index} of {size}");
                }
                assert!(receipt.verify(&leaf_hash(b"another"), &key().verifier()).is_err());
            }
        }
        let stranger = SigningKey::from_seed("log.example/receipts", &[4; 32]).unwrap();
        assert!(receipt(0, 1).verify(&leaf_hash(&0u64.to_be_bytes()), &stranger.verifier()).is_err());
    }

    #[test]
    fn what_is_no_receipt_is_named() {
        let text = receipt(5, 7).to_text();
        let check = |altered: String, expected: Expect| {
            let told = match Receipt::parse(&altered) {
                Ok(receipt) => {
                    format!("{:?}", receipt.verify(&leaf_hash(&5u64.to_be_bytes()), &key().verifier()))
                }
                Err(err) => err.to_string(),
            };
            expected.assert_eq(&told);
        };
        check(String::new(), expect!["line 1 of the receipt is not `c2sp.org/tlog-proof@v1`"]);
        check(
            text.replacen("@v1", "@v2", 1),
            expect!["line 1 of the receipt is not `c2sp.org/tlog-proof@v1`"],
        );
        check(
            text.replacen("extra ", "extra  ", 1),
            expect!["line 2 of the receipt is not `extra` and base64"],
        );
        check(
            text.replacen("index 5", "index 05", 1),
            expect!["line 3 of the receipt is not `index` and a decimal number"],
        );
        check(
            text.replacen("index 5", "index -5", 1),
            expect!["line 3 of the receipt is not `index` and a decimal number"],
        );
        check(text.replacen("index 5", "index 4", 1), expect!["Err(Proof(Root))"]);
        check(text.replacen("\n\n", "\n", 1), expect!["line 7 of the receipt is not the base64 of 32 bytes"]);
        check(
            text.split("\n\n").next().unwrap().to_owned(),
            expect!["line 6 of the receipt is not a hash of a proof, or the empty line behind it"],
        );
        check("x".repeat(MAX_TEXT + 1), expect!["the receipt is longer than 1048576 bytes"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(index in any::<u64>(), extra in proptest::option::of(any::<Vec<u8>>()), proof in proptest::collection::vec(any::<[u8; 32]>(), 0..63), checkpoint in "(.|\n){0,200}") {
            let receipt = Receipt { extra, index, proof: proof.into_iter().map(Hash::from_bytes).collect(), checkpoint };
            prop_assert_eq!(Receipt::parse(&receipt.to_text()), Ok(receipt));
        }

        #[test]
        fn whatever_comes_is_a_receipt_of_one_text_or_an_error(text in "(.|\n){0,300}") {
            if let Ok(receipt) = Receipt::parse(&text) {
                prop_assert_eq!(receipt.to_text(), text);
            }
        }
    }
}
