//! Address prefixes, by which rate limits count.
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4: the address. IPv6: the /64 of a household or machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Prefix {
    V4(u32),
    /// `/64`
    V6(u64),
    /// A /48: the usual size of a customer's network.
    Site(u64),
}

/// The limit of a /48 as a multiple of that of a /64.
const SITE_SHARE: f64 = 4.0;

impl Prefix {
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Prefix::V4(ip.into()),
            IpAddr::V6(ip) => Prefix::V6(high(ip.into())),
        }
    }
    /// The first address.
    pub fn address(self) -> IpAddr {
        match self {
            Prefix::V4(ip) => Ipv4Addr::from(ip).into(),
            Prefix::V6(net) => Ipv6Addr::from(u128::from(net) << 64).into(),
            Prefix::Site(site) => Ipv6Addr::from(u128::from(site) << 80).into(),
        }
    }
    /// All prefixes that an address counts for, with the multiple of the limit.
    pub fn all_of(ip: IpAddr) -> Vec<(Self, f64)> {
        match Self::of(ip) {
            Prefix::V6(net) => vec![(Prefix::V6(net), 1.0), (Prefix::Site(net >> 16), SITE_SHARE)],
            own => vec![(own, 1.0)],
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = match self {
            Prefix::V4(_) => 32,
            Prefix::V6(_) => 64,
            Prefix::Site(_) => 48,
        };
        write!(f, "{}/{length}", self.address())
    }
}

/// The first 64 bits.
fn high(ip: u128) -> u64 {
    u64::try_from(ip >> 64).unwrap_or_default()
}
