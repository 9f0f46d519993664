//! Where an edit leads, all in all.

use std::fmt;

use super::{Difference, Way};

/// From one bundle to the next, over everything that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tendency {
    /// Nothing that decides is otherwise.
    Neutral,
    Tightening,
    Loosening,
    /// Laxer in one thing, stricter in another.
    Both,
    /// To some question there is no answer; nothing may be made of the others.
    Unknown,
}

impl Tendency {
    /// Of what was found outside the rules. That a rule reads otherwise is no tendency: the proof says what that does.
    pub fn of(differences: &[Difference]) -> Self {
        let each = differences.iter().map(|it| match it.way {
            Way::Laxer => Self::Loosening,
            Way::Stricter => Self::Tightening,
            Way::Rules => Self::Neutral,
        });
        each.fold(Self::Neutral, Self::join)
    }

    #[must_use]
    pub const fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Neutral, it) | (it, Self::Neutral) => it,
            (Self::Tightening, Self::Tightening) => Self::Tightening,
            (Self::Loosening, Self::Loosening) => Self::Loosening,
            (
                Self::Both | Self::Tightening | Self::Loosening,
                Self::Both | Self::Tightening | Self::Loosening,
            ) => Self::Both,
        }
    }

    /// Whether it is sure that nothing becomes laxer.
    pub const fn loosens_nothing(self) -> bool {
        match self {
            Self::Neutral | Self::Tightening => true,
            Self::Loosening | Self::Both | Self::Unknown => false,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Tightening => "tightening",
            Self::Loosening => "loosening",
            Self::Both => "both",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Tendency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Tendency; 5] =
        [Tendency::Neutral, Tendency::Tightening, Tendency::Loosening, Tendency::Both, Tendency::Unknown];

    #[test]
    fn nothing_that_was_found_is_lost_by_joining() {
        use Tendency::{Both, Loosening, Neutral, Tightening};
        assert_eq!(Loosening.join(Tightening), Both);
        assert_eq!(Neutral.join(Loosening), Loosening);
        for one in ALL {
            assert_eq!(one.join(one), one);
            for other in ALL {
                assert_eq!(one.join(other), other.join(one));
                let safe = one.loosens_nothing() && other.loosens_nothing();
                assert_eq!(one.join(other).loosens_nothing(), safe, "{one} {other}");
                for third in ALL {
                    assert_eq!(one.join(other).join(third), one.join(other.join(third)));
                }
            }
        }
    }

    #[test]
    fn that_a_rule_reads_otherwise_is_no_tendency() {
        let of = |ways: &[Way]| {
            let told = |way: &Way| Difference { way: *way, file: "f", what: "w".to_owned() };
            Tendency::of(&ways.iter().map(told).collect::<Vec<_>>())
        };
        assert_eq!(of(&[Way::Rules]), Tendency::Neutral);
        assert_eq!(of(&[Way::Rules, Way::Stricter]), Tendency::Tightening);
        assert_eq!(of(&[Way::Laxer, Way::Stricter]), Tendency::Both);
    }
}
