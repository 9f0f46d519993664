//! How far the record of a decision has got: what an effect may have to wait for before it reaches production.

use std::{fmt, str::FromStr};

/// Ascending: whoever has reached one has reached those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Durable in the database, together with the state that it reports. What comes of it is answered before it is durable
    /// (the end of the process takes nothing, a power cut may, and then it is not known); at the other levels, after.
    #[default]
    Recorded,
    /// In the log, under a checkpoint that the installation has signed.
    Sequenced,
    /// Under a checkpoint that this many witnesses, at least one, have cosigned.
    Witnessed(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no level; use recorded, sequenced or witnessed(K) with K from 1 to 32")]
pub struct UnknownLevel(String);

impl Level {
    pub const MAX_WITNESSES: u8 = 32;
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recorded => f.write_str("recorded"),
            Self::Sequenced => f.write_str("sequenced"),
            Self::Witnessed(count) => write!(f, "witnessed({count})"),
        }
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        let unknown = || UnknownLevel(crate::sanitize(text, 40));
        match text {
            "recorded" => Ok(Self::Recorded),
            "sequenced" => Ok(Self::Sequenced),
            other => {
                let count = other.strip_prefix("witnessed(").and_then(|it| it.strip_suffix(')'));
                let count: u8 = count
                    .filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()) && !it.starts_with('0'))
                    .and_then(|it| it.parse().ok())
                    .ok_or_else(unknown)?;
                (count <= Self::MAX_WITNESSES).then_some(Self::Witnessed(count)).ok_or_else(unknown)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_written_as_they_are_read_and_rise() {
        let all = ["recorded", "sequenced", "witnessed(1)", "witnessed(2)", "witnessed(32)"];
        let read: Vec<Level> = all.iter().map(|text| text.parse().unwrap()).collect();
        assert!(read.is_sorted() && read.iter().map(ToString::to_string).eq(all));
        for text in [
            "",
            "Recorded",
            "witnessed",
            "witnessed()",
            "witnessed(0)",
            "witnessed(01)",
            "witnessed(33)",
            "witnessed(+1)",
        ] {
            assert!(text.parse::<Level>().is_err(), "{text}");
        }
    }
}
