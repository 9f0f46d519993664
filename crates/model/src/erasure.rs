//! Taking bodies out of the blob store: what is asked for, and what a document says afterwards. It names commitments, and
//! only bodies have one: there is no way to name a statement, a signature, a decision or a bundle.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ChangeId, Commitment, Digest, Operation, PersonId, Timestamp, Value};

/// Why a body is to be erased, in the words of who asks: signed, logged and never erased itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ground(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ground is 1 to {max} characters of plain text on one line", max = Ground::MAX_CHARS)]
pub struct GroundError;

impl Ground {
    pub const MAX_CHARS: usize = 500;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Ground {
    type Err = GroundError;

    fn from_str(text: &str) -> Result<Self, GroundError> {
        let text = text.trim();
        let plain = crate::sanitize(text, usize::MAX) == text && !text.contains('\n');
        let bounded = !text.is_empty() && text.chars().count() <= Self::MAX_CHARS;
        if plain && bounded { Ok(Self(text.to_owned())) } else { Err(GroundError) }
    }
}

impl TryFrom<String> for Ground {
    type Error = GroundError;

    fn try_from(text: String) -> Result<Self, GroundError> {
        text.parse()
    }
}

impl From<Ground> for String {
    fn from(ground: Ground) -> Self {
        ground.0
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The one action of a change that erases: all bodies of one action of another change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    pub of: ChangeId,
    /// Counted from 0.
    pub step: usize,
    /// Ascending, each once.
    pub bodies: Vec<Commitment>,
    pub ground: Ground,
}

impl Erasure {
    /// Who agree to it, besides whoever asks; no bundle asks for fewer.
    pub const PEOPLE: u32 = 2;

    /// Countersign's own operation, which no protocol has.
    pub fn operation() -> Operation {
        Operation::new("countersign", "EraseBody")
    }

    /// In the place of an action's digest.
    pub fn digest(&self) -> Digest {
        Value::map([
            ("of", Value::text(self.of.to_string())),
            ("step", Value::Int(i64::try_from(self.step).unwrap_or(i64::MAX))),
            ("bodies", Value::List(self.bodies.iter().map(|it| Value::from(it.digest())).collect())),
            ("ground", Value::text(self.ground.as_str())),
        ])
        .digest("countersign/erasure/v1")
    }
}

/// What a step says once its bodies are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    pub at: Timestamp,
    /// The change that erased them.
    pub by: ChangeId,
    /// Who had asked for it.
    pub asked_by: PersonId,
    pub ground: Ground,
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_ground_is_some_words_on_one_line() {
        let long = "x".repeat(Ground::MAX_CHARS);
        for text in ["a person asked for it (Art. 17 GDPR)", "  trimmed ", &long] {
            assert_eq!(text.parse::<Ground>().unwrap().as_str(), text.trim());
        }
        let longer = format!("{long}x");
        for text in ["", "   ", "two\nlines", "a\u{1b}[2K", "\u{202e}turned", &longer] {
            assert_eq!(text.parse::<Ground>(), Err(GroundError), "{text:?}");
            assert!(serde_json::from_value::<Ground>(text.into()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn its_digest_is_golden_and_covers_all_of_it() {
        let erasure = Erasure {
            of: "chg-00000000000000000000000001".parse().unwrap(),
            step: 0,
            bodies: vec![Commitment::to(&[1; 32], b"x")],
            ground: "wrongly kept".parse().unwrap(),
        };
        expect!["03e2631f1751d131fb444255ca9557b171240e2a6ab9219624be263b8379de5e"]
            .assert_eq(&erasure.digest().to_string());
        let others = [
            Erasure { of: "chg-00000000000000000000000002".parse().unwrap(), ..erasure.clone() },
            Erasure { step: 1, ..erasure.clone() },
            Erasure { bodies: Vec::new(), ..erasure.clone() },
            Erasure { ground: "another".parse().unwrap(), ..erasure.clone() },
        ];
        for other in others {
            assert_ne!(other.digest(), erasure.digest(), "{other:?}");
        }
    }
}
