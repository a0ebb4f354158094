//! Reputation of usernames and addresses: failed sign-ins lower the score, successful ones raise it.
use crate::budget::Prefix;
use crate::{Client, Core};
use signet_base::{Map, Result};
use signet_store::reputation::{self, Limits, Reputation};

/// Maximum length of a stored name; typed identifiers can be anything.
const MAX_NAME: usize = 150;

/// Adds `amount` to the score of the typed name and the client's address, within the limits of the system
/// settings. Written behind; a failure is only logged, since a sign-in must not fail because of it.
pub async fn signal(core: &Core, client: &Client, username: &str, amount: i64) {
    if client.dry_run.is_some() {
        return;
    }
    let now = core.now();
    let system = core.system();
    let life = core.settings.reputation_expiry;
    let located = core.geoip.look_up(client.ip).unwrap_or_default();
    let change = Reputation {
        id: core.ports.uuid_v7(),
        identifier: folded(username),
        ip: address(client),
        geo: located.place.map_or_else(Map::new, |p| p.to_map()),
        asn: located.network.map_or_else(Map::new, |n| n.to_map()),
        score: amount,
        updated: now,
        expires: (!life.is_zero()).then(|| now.plus(life)),
    };
    let limits =
        Limits { lower: system.reputation_lower_limit.min(0), upper: system.reputation_upper_limit.max(0) };
    if let Err(error) = reputation::add_behind(&core.db, &change, limits).await {
        tracing::warn!(%error, "a reputation score could not be written");
    }
}

/// The score that policies compare: of the address, the name, or both.
pub async fn score(core: &Core, client: &Client, username: Option<&str>, check_ip: bool) -> Result<i64> {
    let ip = check_ip.then(|| address(client));
    let name = username.map(folded);
    reputation::score(&core.db, ip.as_deref(), name.as_deref(), client.dry_run.unwrap_or_else(|| core.now()))
        .await
}

/// The address that counts; for IPv6 its network, since a host can choose addresses in it.
fn address(client: &Client) -> String {
    Prefix::of(client.ip).address().to_string()
}

fn folded(username: &str) -> String {
    signet_store::users::canonical(username).chars().take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn redteam_17_of_ipv6_the_network_is_judged() {
        let of = |ip: &str| address(&Client { ip: ip.parse().unwrap(), ..Client::internal() });
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("198.51.100.7"), "198.51.100.7");
    }
    #[test]
    fn names_are_folded_and_bounded() {
        assert_eq!(folded("  Ada "), "ada");
        assert_eq!(folded(&"x".repeat(10_000)).len(), MAX_NAME);
    }
}
