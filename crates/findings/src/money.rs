//! Money: whole millionths of a unit of the price table's currency. No fractions of binary numbers: sums are exact.

use std::{fmt, iter::Sum, ops::Add};

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

/// Hours that a month is counted as.
pub(crate) const HOURS: i64 = 730;

impl Micros {
    /// `self` × `units` ÷ `per`, to the nearest millionth towards zero; at the end of what can be counted it stays there.
    #[must_use]
    pub(crate) fn times(self, units: u64, per: u64) -> Self {
        let exact = i128::from(self.0) * i128::from(units) / i128::from(per.max(1));
        Self(i64::try_from(exact).unwrap_or(i64::MAX))
    }

    /// What is saved where `self` is paid now and `then` later; nothing where that is more.
    #[must_use]
    pub(crate) fn less(self, then: Self) -> Self {
        Self(self.0.saturating_sub(then.0).max(0))
    }
}

impl Add for Micros {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Micros {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self(0), Self::add)
    }
}

/// With cents, rounded half away from zero: `12.35`.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = (self.0.unsigned_abs() + 5_000) / 10_000;
        let sign = if self.0 < 0 && cents > 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_are_rounded_and_sums_are_exact() {
        let check = |micros, shown: &str| assert_eq!(Micros(micros).to_string(), shown);
        check(0, "0.00");
        check(4_999, "0.00");
        check(5_000, "0.01");
        check(12_345_678, "12.35");
        check(-4_999, "0.00");
        check(-1_230_000, "-1.23");
        assert_eq!([Micros(1), Micros(2)].into_iter().sum::<Micros>(), Micros(3));
        assert_eq!(Micros(23_000).times(1_500_000_000, 1_000_000_000), Micros(34_500));
        assert_eq!(Micros(i64::MAX).times(2, 1), Micros(i64::MAX));
        assert_eq!(Micros(5).less(Micros(9)), Micros(0));
    }
}
