//! The site that a passkey belongs to (its relying party identifier), and which origins are that site's.

use std::{fmt, str::FromStr};

use model::{Digest, Site, is_domain, sanitize};

/// A domain in lower-case ASCII, such as `countersign.example.com`, or `localhost`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RpId(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no site that a passkey can belong to: give its domain in lower case, with `xn--` where it is not \
     ASCII, without scheme, port or final dot; an address of numbers is none"
)]
pub struct RpIdError(String);

impl RpId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a page of this origin is the site's own: `https://`, exactly this host, and any port;
    /// `http://localhost` and any port where the site is `localhost`.
    ///
    /// WebAuthn lets every subdomain of a site use its passkeys, and advises a site of one host to take only that host's
    /// (§13.4.8, §13.4.9). Here it matters more than for signing in: whoever runs `old.example.com` could put words of
    /// their own before an approver and have another text signed than the one shown. The port is free because passkeys
    /// do not know of ports, and because an auditor knows the site from the roster but no listener's address.
    pub fn is_home_of(&self, origin: &str) -> bool {
        let after = |scheme| origin.strip_prefix(scheme).and_then(|rest| rest.strip_prefix(self.as_str()));
        match (after("https://"), after("http://")) {
            (Some(rest), _) => is_port(rest, 443),
            (None, Some(rest)) => self.0 == "localhost" && is_port(rest, 80),
            (None, None) => false,
        }
    }

    /// `rpIdHash` (§6.1).
    pub(crate) fn hash(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

impl FromStr for RpId {
    type Err = RpIdError;

    fn from_str(text: &str) -> Result<Self, RpIdError> {
        if is_domain(text) { Ok(Self(text.to_owned())) } else { Err(RpIdError(sanitize(text, 64))) }
    }
}

impl From<&Site> for RpId {
    fn from(site: &Site) -> Self {
        Self(site.as_str().to_owned())
    }
}

impl fmt::Display for RpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Nothing, or a port as browsers write it into an origin: never the scheme's own.
fn is_port(rest: &str, schemes: u16) -> bool {
    let Some(port) = rest.strip_prefix(':') else { return rest.is_empty() };
    port.parse::<u16>().is_ok_and(|number| number != 0 && number != schemes && number.to_string() == port)
}
