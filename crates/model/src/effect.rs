//! What an action does to the world, ordered by severity: combining is `max`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Exposure;

/// One effect. The order is the order of severity and is used: the strictest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Looks and changes nothing.
    Read,
    /// A message that cannot be recalled.
    Emit,
    /// Money committed.
    Spend,
    /// Undo captured, or purely additive and listed as such.
    Write,
    /// Code, or another API, run for the caller, now or later.
    Execute,
    /// Permissions, credentials, secrets, and whatever our own judgement reads.
    Privilege,
    /// Not undoable; includes whatever can interrupt production.
    Destroy,
}

impl Effect {
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Emit, Self::Spend, Self::Write, Self::Execute, Self::Privilege, Self::Destroy];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Emit => "emit",
            Self::Spend => "spend",
            Self::Write => "write",
            Self::Execute => "execute",
            Self::Privilege => "privilege",
            Self::Destroy => "destroy",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no effect; use read, emit, spend, write, execute, privilege or destroy")]
pub struct UnknownEffect(pub String);

impl FromStr for Effect {
    type Err = UnknownEffect;

    fn from_str(text: &str) -> Result<Self, UnknownEffect> {
        Self::ALL
            .into_iter()
            .find(|effect| effect.name() == text)
            .ok_or_else(|| UnknownEffect(text.to_owned()))
    }
}

impl Serialize for Effect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Effect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::wire::parsed(deserializer)
    }
}

/// A non-empty set of effects. Each is decided; the strictest verdict wins.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EffectSet(u8);

impl EffectSet {
    pub const fn of(effect: Effect) -> Self {
        Self(effect.bit())
    }

    #[must_use]
    pub const fn with(self, effect: Effect) -> Self {
        Self(self.0 | effect.bit())
    }

    /// The others, where there are any.
    #[must_use]
    pub const fn without(self, effect: Effect) -> Self {
        let others = self.0 & !effect.bit();
        if others == 0 { self } else { Self(others) }
    }

    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn contains(self, effect: Effect) -> bool {
        self.0 & effect.bit() != 0
    }

    /// Ascending by severity.
    pub fn iter(self) -> impl Iterator<Item = Effect> {
        Effect::ALL.into_iter().filter(move |effect| self.contains(*effect))
    }

    /// The most severe effect of the set.
    pub fn worst(self) -> Effect {
        self.iter().last().unwrap_or(Effect::Destroy)
    }

    /// What shows credentials hands on rights, whatever else it is.
    #[must_use]
    pub const fn showing(self, exposure: Exposure) -> Self {
        if exposure.credentials { self.with(Effect::Privilege) } else { self }
    }

    /// Nothing but a read.
    pub fn is_plain_read(self) -> bool {
        self == Self::of(Effect::Read)
    }
}

impl fmt::Debug for EffectSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for EffectSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, effect) in self.iter().enumerate() {
            if nth > 0 {
                f.write_str(", ")?;
            }
            f.write_str(effect.name())?;
        }
        Ok(())
    }
}

impl Serialize for EffectSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for EffectSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut effects = Vec::<Effect>::deserialize(deserializer)?.into_iter();
        let first =
            effects.next().ok_or_else(|| serde::de::Error::custom("an action has at least one effect"))?;
        Ok(effects.fold(Self::of(first), Self::with))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_effect_wins_and_names_round_trip() {
        let set = EffectSet::of(Effect::Write).with(Effect::Destroy).with(Effect::Read);
        assert_eq!(set.worst(), Effect::Destroy);
        assert_eq!(set.to_string(), "read, write, destroy");
        assert!(!set.is_plain_read());
        for effect in Effect::ALL {
            assert_eq!(effect.name().parse::<Effect>(), Ok(effect));
        }
        assert!(Effect::Read < Effect::Write && Effect::Write < Effect::Destroy);
        for (data, credentials) in [(false, false), (true, false), (false, true), (true, true)] {
            let shown = EffectSet::of(Effect::Read).showing(Exposure { data, credentials });
            assert_eq!(shown.contains(Effect::Privilege), credentials);
            assert!(shown.contains(Effect::Read));
        }
    }
}
