//! Where a connection comes from, as far as limits are concerned. Not an identity: nothing is allowed because of it.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

/// What one customer of a network is given: an IPv4 address, or the 64 bits of an IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpAddr);

impl Source {
    pub fn of(address: SocketAddr) -> Self {
        Self(match address.ip().to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)))
            }
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(ip) if !ip.is_loopback() => write!(f, "{ip}/64"),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_has_one_source() {
        for (address, source) in [
            ("192.0.2.7:443", "192.0.2.7"),
            ("[::ffff:192.0.2.7]:443", "192.0.2.7"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:1", "::1"),
            ("[2001:db8:1:2:3:4:5:6]:1", "2001:db8:1:2::/64"),
            ("[2001:db8:1:2:ffff::1]:1", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(Source::of(address.parse().unwrap()).to_string(), source, "{address}");
        }
    }
}
