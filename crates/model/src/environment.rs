//! Where an action lands: account, partition, region, and the environment that the bundle's map makes of the account.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::EnvironmentName;

/// An account at a cloud (twelve digits at AWS) or whatever a protocol has in its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Account(pub String);

/// `aws`, `aws-cn`, `aws-us-gov`, …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(pub String);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Region(pub String);

macro_rules! shown {
    ($($name:ident),*) => {
        $(
            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&crate::sanitize(&self.0, 64))
                }
            }
        )*
    };
}

shown!(Account, Partition, Region);

/// An environment and whether the rules for production hold in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Environment {
    pub name: EnvironmentName,
    pub production: bool,
}

impl Environment {
    /// Where an environment is not known, it is production.
    pub fn unknown() -> Self {
        Self { name: EnvironmentName::production(), production: true }
    }

    /// The stricter of two: production wins; names and tags can raise an environment, never lower it.
    #[must_use]
    pub fn raise(self, other: Self) -> Self {
        if other.production && !self.production { other } else { self }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.production && !self.name.is_production() {
            write!(f, "{} (production)", self.name)
        } else {
            write!(f, "{}", self.name)
        }
    }
}

impl FromStr for Account {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}
