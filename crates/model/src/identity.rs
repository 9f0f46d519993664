//! Somebody's account elsewhere, by which they may sign in. It says who looks; it signs nothing.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::sanitize;

/// One account at one provider of identities, on one line: `ISSUER sub VALUE`, or `ISSUER email VALUE` where the provider
/// has verified the address. Compared as it is written: what a provider keeps apart is not one account here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Identity {
    issuer: String,
    claim: Claim,
    value: String,
}

/// What of a provider's word names the account (OpenID Connect Core §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// Never given to anybody else.
    Sub,
    /// Given to somebody else one day, perhaps; only one that the provider says is verified.
    Email,
}

impl Claim {
    const ALL: [Self; 2] = [Self::Sub, Self::Email];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Sub => "sub",
            Self::Email => "email",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("`{0}` is no account: write `ISSUER sub VALUE` or `ISSUER email ADDRESS`, with single spaces")]
    Form(String),
    #[error("`{0}` is no issuer: an https address without a query, as the provider writes it")]
    Issuer(String),
    #[error("`{0}` names no account: 1 to 255 characters, none of them a control character")]
    Value(String),
    #[error("`{0}` is no e-mail address")]
    Email(String),
}

/// Of an issuer's address, in bytes.
const MAX_ISSUER: usize = 200;
/// Of a subject (OpenID Connect Core §2).
const MAX_VALUE: usize = 255;

impl Identity {
    /// # Errors
    /// What cannot be part of such a line.
    pub fn new(issuer: &str, claim: Claim, value: &str) -> Result<Self, IdentityError> {
        if !is_issuer(issuer) {
            return Err(IdentityError::Issuer(sanitize(issuer, 100)));
        }
        let plain = value.trim() == value && !value.chars().any(char::is_control);
        if !(1..=MAX_VALUE).contains(&value.len()) || !plain {
            return Err(IdentityError::Value(sanitize(value, 100)));
        }
        let address = || {
            let (name, host) = value.split_once('@')?;
            (!name.is_empty() && !host.is_empty() && !value.contains(' ')).then_some(())
        };
        if claim == Claim::Email && address().is_none() {
            return Err(IdentityError::Email(sanitize(value, 100)));
        }
        Ok(Self { issuer: issuer.to_owned(), claim, value: value.to_owned() })
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}

/// Over TLS, or on this very machine.
fn is_issuer(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| {
        let rest = text.strip_prefix("http://")?;
        let host = rest.split('/').next()?;
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        matches!(host, "localhost" | "127.0.0.1" | "[::1]").then_some(rest)
    });
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@\"\\<>".contains(&byte));
    text.len() <= MAX_ISSUER && plain && rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let form = || IdentityError::Form(sanitize(text, 200));
        let (issuer, rest) = text.split_once(' ').ok_or_else(form)?;
        let (claim, value) = rest.split_once(' ').ok_or_else(form)?;
        let claim = Claim::ALL.into_iter().find(|it| it.name() == claim).ok_or_else(form)?;
        Self::new(issuer, claim, value)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.issuer, self.claim.name(), self.value)
    }
}

impl TryFrom<String> for Identity {
    type Error = IdentityError;

    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<Identity> for String {
    fn from(it: Identity) -> Self {
        it.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_is_written() {
        for line in [
            "https://idp.example sub 248289761001",
            "https://idp.example/tenant/v2.0 sub auth0|5f7c",
            "https://idp.example email ben@example.com",
            "http://localhost:4000 sub ben",
            "http://127.0.0.1:4000/a sub two words",
        ] {
            let read: Identity = line.parse().unwrap();
            assert_eq!(read.to_string(), line);
        }
    }

    #[test]
    fn what_is_none_says_why() {
        let long = format!("https://idp.example sub {}", "x".repeat(256));
        for (line, why) in [
            ("", "is no account"),
            ("https://idp.example sub", "is no account"),
            ("https://idp.example name ben", "is no account"),
            ("https://idp.example SUB ben", "is no account"),
            ("http://idp.example sub ben", "is no issuer"),
            ("http://localhost.idp.example sub ben", "is no issuer"),
            ("https://ben@idp.example sub ben", "is no issuer"),
            ("https://idp.example?a=b sub ben", "is no issuer"),
            ("https:// sub ben", "is no issuer"),
            ("idp.example sub ben", "is no issuer"),
            ("https://idp.example sub  ben", "names no account"),
            ("https://idp.example sub b\u{7}en", "names no account"),
            (long.as_str(), "names no account"),
            ("https://idp.example email ben", "is no e-mail address"),
            ("https://idp.example email @example.com", "is no e-mail address"),
            ("https://idp.example email a b@example.com", "is no e-mail address"),
        ] {
            let err = line.parse::<Identity>().unwrap_err().to_string();
            assert!(err.contains(why), "{line}: {err}");
        }
    }
}
