//! The one host name by which people's browsers open the console. Passkeys belong to it (it is their relying party identifier).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::sanitize;

/// A domain of at least two labels in lower-case ASCII, such as `countersign.example.com`; or `localhost`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Site(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no site: give a whole DNS name in lower case (`xn--` where it is not ASCII), without scheme, port or final \
     dot, or localhost; an address of numbers is none, nor is a single word"
)]
pub struct SiteError(String);

impl Site {
    /// The machine itself.
    pub const LOCALHOST: &str = "localhost";

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether browsers open it without TLS, and on the machine itself only.
    pub fn is_localhost(&self) -> bool {
        self.0 == Self::LOCALHOST
    }
}

impl FromStr for Site {
    type Err = SiteError;

    fn from_str(text: &str) -> Result<Self, SiteError> {
        let whole = text == Self::LOCALHOST || text.contains('.');
        if whole && is_domain(text) { Ok(Self(text.to_owned())) } else { Err(SiteError(sanitize(text, 64))) }
    }
}

impl TryFrom<String> for Site {
    type Error = SiteError;

    fn try_from(text: String) -> Result<Self, SiteError> {
        text.parse()
    }
}

impl From<Site> for String {
    fn from(site: Site) -> Self {
        site.0
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether it is a name that a browser looks up: lower-case labels of ASCII, and no address.
pub fn is_domain(text: &str) -> bool {
    const MAX: usize = 253;
    text.len() <= MAX && text.split('.').all(is_label) && !ends_in_a_number(text)
}

fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(plain)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Such a host is an IPv4 address to every browser (URL standard, "ends in a number").
fn ends_in_a_number(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    let hexadecimal =
        last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_a_whole_name() {
        for name in ["localhost", "a.b", "countersign.example.com", "xn--bcher-kva.example", "a-1.example"] {
            assert_eq!(name.parse::<Site>().unwrap().to_string(), name);
        }
        let long = format!("{}.example", "a".repeat(64));
        for other in [
            "",
            "com",
            "intranet",
            "Countersign.example",
            "countersign.example.",
            ".example",
            "a..b",
            "https://a.b",
            "a.b:443",
            "a.b/c",
            "127.0.0.1",
            "10.1",
            "0x7f.0x1",
            "[::1]",
            "::1",
            "-a.example",
            "a_b.example",
            "b\u{fc}cher.example",
            "*.example",
            " a.b",
            &long,
        ] {
            assert!(other.parse::<Site>().is_err(), "{other}");
        }
    }
}
