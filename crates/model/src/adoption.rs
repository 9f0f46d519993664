//! Adopting a bundle: the one action of a change of Countersign's own, by which the law is changed.

use serde::{Deserialize, Serialize};

use crate::{Digest, Operation, Value};

/// From one bundle in force to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// In force until then.
    pub from: Digest,
    /// In force from then on.
    pub to: Digest,
    /// SHA-256 of the roster that comes with it, as the log keeps it.
    pub roster: Digest,
    /// The operation table that it rests on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub table: Option<Digest>,
}

impl Adoption {
    /// Who agree to it, besides whoever asks, by the roster in force until then; no bundle asks for fewer.
    pub const PEOPLE: u32 = 2;
    /// How many recovery keys agree to it where there are no such people left; then nothing but the roster may differ,
    /// and whoever is left has had [`crate::Roster::recovery_delay_s`] to object.
    pub const RECOVERY_KEYS: usize = 2;

    /// Countersign's own operation, which no protocol has.
    pub fn operation() -> Operation {
        Operation::new("countersign", "AdoptBundle")
    }

    /// In the place of an action's digest.
    pub fn digest(&self) -> Digest {
        Value::map([
            ("from", Value::from(self.from)),
            ("to", Value::from(self.to)),
            ("roster", Value::from(self.roster)),
            ("table", self.table.map_or(Value::Null, Value::from)),
        ])
        .digest("countersign/adoption/v2")
    }
}

/// What a bundle's digest is made of, so that who knows no more than these can tell that another bundle differs from it
/// in nothing but its roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleParts {
    /// Of `roster.toml`.
    pub roster: Digest,
    /// Of all other files, and of the schema that they are written for.
    pub rest: Digest,
}

impl BundleParts {
    pub fn digest(&self) -> Digest {
        Value::map([("roster", Value::from(self.roster)), ("rest", Value::from(self.rest))])
            .digest("countersign/bundle/v2")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_digest_is_golden_and_covers_every_member() {
        let one = |text: &str| Digest::of(text.as_bytes());
        let adoption = Adoption { from: one("from"), to: one("to"), roster: one("roster"), table: None };
        expect!["b732f4b02dd00ea08ab0736145f0270fd0b9952e30f50208295c5d26ca1aa347"]
            .assert_eq(&adoption.digest().to_string());
        for other in [
            Adoption { from: one("x"), ..adoption },
            Adoption { to: one("x"), ..adoption },
            Adoption { roster: one("x"), ..adoption },
            Adoption { table: Some(one("x")), ..adoption },
        ] {
            assert_ne!(other.digest(), adoption.digest(), "{other:?}");
        }
    }
}
