//! Typed identifiers: 128 bits handed in by the engine (time-ordered), shown as a prefix and 26 Crockford base-32 digits.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: usize = 26;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}; it looks like {prefix}-01j9… (26 characters after the dash)")]
pub struct IdError {
    text: String,
    what: &'static str,
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            const PREFIX: [u8; 4] = match concat!($prefix, "-").as_bytes().first_chunk() {
                Some(prefix) => *prefix,
                None => [b'-'; 4],
            };

            /// From 48 bits of Unix milliseconds and 80 bits of randomness: later ids sort later.
            pub const fn new(millis: i64, random: [u8; 10]) -> Self {
                Self(compose(millis, random))
            }

            /// The time that it was made of.
            pub const fn made_at(self) -> crate::Timestamp {
                crate::Timestamp::from_millis((self.0 >> 80) as i64)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                text(Self::PREFIX, self.0, |text| f.write_str(text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "-"))
                    .and_then(parse_digits)
                    .map(Self)
                    .ok_or_else(|| IdError { text: crate::sanitize(text, 64), what: $what, prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                text(Self::PREFIX, self.0, |text| serializer.serialize_str(text))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::wire::parsed(deserializer)
            }
        }
    };
}

id!(
    /// A change: one or more actions asked for together.
    ChangeId, "chg", "change"
);
id!(
    /// A session: one agent, one operator, one task.
    SessionId, "ses", "session"
);

impl SessionId {
    /// Under which Countersign asks for what it does itself: nobody issues it, and it does not end.
    pub const OWN: Self = Self::new(0, [0; 10]);
}

id!(
    /// One entry of the ledger.
    EntryId, "ent", "ledger entry"
);

const fn compose(millis: i64, random: [u8; 10]) -> u128 {
    let [a, b, c, d, e, f, g, h, i, j] = random;
    let low = u128::from_be_bytes([0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h, i, j]);
    ((millis as u128 & 0xffff_ffff_ffff) << 80) | low
}

/// Every entry of the ledger is written with some ids: no allocation.
fn text<T>(prefix: [u8; 4], value: u128, with: impl FnOnce(&str) -> T) -> T {
    let mut text = [b'0'; 4 + DIGITS];
    text.iter_mut().zip(prefix).for_each(|(byte, of_prefix)| *byte = of_prefix);
    for (nth, digit) in text.iter_mut().rev().take(DIGITS).enumerate() {
        if let Some(known) = ALPHABET.get((value >> (5 * nth)) as usize & 31) {
            *digit = *known;
        }
    }
    with(std::str::from_utf8(&text).unwrap_or_default())
}

/// The value of each byte that is a digit; every other has one past them all.
#[expect(clippy::indexing_slicing, reason = "in a constant a bad index does not compile")]
const VALUES: [u8; 256] = {
    let mut values = [32; 256];
    let mut digit = 0;
    while digit < ALPHABET.len() {
        values[ALPHABET[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

fn parse_digits(text: &str) -> Option<u128> {
    if text.len() != DIGITS || text.as_bytes().first().is_some_and(|first| *first > b'7') {
        return None;
    }
    text.bytes().try_fold(0u128, |value, byte| {
        let digit = VALUES.get(usize::from(byte)).copied().filter(|digit| *digit < 32)?;
        Some((value << 5) | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_round_trip_and_sort_by_time(millis in 0i64..1 << 47, random: [u8; 10], later in 1i64..1000) {
            let id = ChangeId::new(millis, random);
            prop_assert_eq!(id.to_string().parse::<ChangeId>(), Ok(id));
            prop_assert!(id < ChangeId::new(millis + later, [0; 10]));
            prop_assert!(id.to_string() < ChangeId::new(millis + later, [0; 10]).to_string());
            prop_assert_eq!(id.made_at().millis(), millis);
        }

        #[test]
        fn parsing_never_panics(text in ".{0,40}") {
            let _ = text.parse::<ChangeId>();
        }
    }

    #[test]
    fn only_one_text_names_an_id() {
        let id = ChangeId::new(1, [7; 10]).to_string();
        assert!(id.to_uppercase().parse::<ChangeId>().is_err());
        assert!(id.replace("chg", "ses").parse::<ChangeId>().is_err());
        assert!("chg-80000000000000000000000000".parse::<ChangeId>().is_err());
    }
}
