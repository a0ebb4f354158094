//! Session binding: to an address, its network (AS) or its location.
use crate::geoip::Located;
use crate::{Client, Core};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The binding that a sign-in requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestedBinding {
    pub asn: bool,
    pub network: bool,
    pub ip: bool,
    pub continent: bool,
    pub country: bool,
    pub city: bool,
}

/// The known location of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientLocation {
    pub asn: Option<i64>,
    pub network: Option<String>,
    pub continent: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
}

impl ClientLocation {
    /// Looks the address up. Without a readable database nothing is known.
    fn of(core: &Core, ip: IpAddr) -> Self {
        let located = core.geoip.look_up(ip).unwrap_or_else(|error| {
            tracing::warn!(%error, "an address could not be looked up");
            Located::default()
        });
        let known = |text: String| Some(text).filter(|t| !t.is_empty());
        let (asn, network) = located.network.map_or((None, None), |n| (Some(n.asn), known(n.network)));
        let (continent, country, city) = located
            .place
            .map_or((None, None, None), |p| (known(p.continent), known(p.country), known(p.city)));
        Self { asn, network, continent, country, city }
    }
}

/// The binding of a session; part of its state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Binding {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asn: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
}

impl Binding {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
    /// The binding of a new session.
    pub fn of(core: &Core, client: &Client, wanted: RequestedBinding) -> Self {
        if wanted == RequestedBinding::default() {
            return Self::default();
        }
        Self::at(client.ip, &ClientLocation::of(core, client.ip), wanted)
    }
    /// A requested property that is unknown for the address (no database, private network) is replaced by the
    /// address itself, so that the binding is never weaker than requested.
    fn at(ip: IpAddr, here: &ClientLocation, wanted: RequestedBinding) -> Self {
        let unknown = wanted.asn && here.asn.is_none()
            || wanted.network && here.network.is_none()
            || wanted.continent && here.continent.is_none()
            || wanted.country && here.country.is_none()
            || wanted.city && here.city.is_none();
        if unknown && !wanted.ip {
            tracing::warn!(%ip, "the network or place of an address is not known: the session is bound to the address itself");
        }
        Self {
            ip: (wanted.ip || unknown).then_some(ip),
            asn: here.asn.filter(|_| wanted.asn),
            network: here.network.clone().filter(|_| wanted.network),
            continent: here.continent.clone().filter(|_| wanted.continent),
            country: here.country.clone().filter(|_| wanted.country),
            city: here.city.clone().filter(|_| wanted.city),
        }
    }
    /// The violated binding; `None` if the session is valid for the request. A property known at sign-in and
    /// unknown now is violated.
    pub fn broken_by(&self, core: &Core, client: &Client) -> Option<&'static str> {
        if self.is_none() {
            return None;
        }
        if self.ip.is_some_and(|ip| ip != client.ip) {
            return Some("ip");
        }
        let only_ip = Self { ip: self.ip, ..Self::default() };
        if *self == only_ip {
            return None;
        }
        self.broken_at(&ClientLocation::of(core, client.ip))
    }
    fn broken_at(&self, here: &ClientLocation) -> Option<&'static str> {
        let differs = |bound: &Option<String>, now: &Option<String>| bound.is_some() && bound != now;
        if self.asn.is_some() && self.asn != here.asn {
            return Some("asn");
        }
        let all = [
            ("network", &self.network, &here.network),
            ("continent", &self.continent, &here.continent),
            ("country", &self.country, &here.country),
            ("city", &self.city, &here.city),
        ];
        all.into_iter().find(|(_, bound, now)| differs(bound, now)).map(|(name, _, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> ClientLocation {
        ClientLocation {
            asn: Some(64500),
            network: Some("192.0.2.0/24".into()),
            continent: Some("EU".into()),
            country: Some("DE".into()),
            city: Some("Berlin".into()),
        }
    }
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn each_level_is_broken_by_its_own_change() {
        let everything = RequestedBinding {
            asn: true,
            network: true,
            ip: false,
            continent: true,
            country: true,
            city: true,
        };
        let bound = Binding::at(HERE, &berlin(), everything);
        assert_eq!((bound.ip, bound.broken_at(&berlin())), (None, None));
        let moves = [
            ("asn", ClientLocation { asn: Some(64501), ..berlin() }),
            ("network", ClientLocation { network: Some("198.51.100.0/24".into()), ..berlin() }),
            ("continent", ClientLocation { continent: Some("AS".into()), ..berlin() }),
            ("country", ClientLocation { country: Some("FR".into()), ..berlin() }),
            ("city", ClientLocation { city: None, ..berlin() }),
            // Without the database: what was known at sign-in must be known now.
            ("asn", ClientLocation::default()),
        ];
        for (name, there) in moves {
            assert_eq!(bound.broken_at(&there), Some(name));
        }
        let country = Binding::at(
            HERE,
            &berlin(),
            RequestedBinding { continent: true, country: true, ..RequestedBinding::default() },
        );
        assert_eq!(
            country.broken_at(&ClientLocation { city: Some("Bonn".into()), asn: None, ..berlin() }),
            None
        );
    }
    #[test]
    fn what_is_not_known_binds_to_the_address() {
        let bound = Binding::at(
            HERE,
            &ClientLocation::default(),
            RequestedBinding { asn: true, ..RequestedBinding::default() },
        );
        assert_eq!(bound, Binding { ip: Some(HERE), ..Binding::default() });
        assert!(Binding::at(HERE, &berlin(), RequestedBinding::default()).is_none());
    }
}
