//! Network policy: the network of the client's address.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, FieldErrors, Result};
use signet_core::client::covers;
use signet_core::policy::{Policy, Question, Verdict};
use signet_model::def::Prepared;
use signet_model::{Change, Model, ModelDef, Object, Snapshot};
use std::net::IpAddr;
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[NetworkPolicy::DEF], kind: || Arc::new(Network), actions: signet_rest::none };

/// Passes when the request comes from one of the networks. Proxies in front of this server are seen through
/// only when they are trusted ones.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "signet_policies_network", path = "policies/network", base = Policy, label = "Network Policy", plural = "Network Policies", component = "ak-policy-network-form", search("name"), check = check, prepare = prepare)]
pub struct NetworkPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    /// Networks as address/prefix, or single addresses.
    #[field(nonempty, max = 100)]
    pub networks: Vec<String>,
}

type Networks = Vec<(IpAddr, u8)>;

/// `192.0.2.0/24` or `192.0.2.1`.
fn parse(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = match text.trim().split_once('/') {
        Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, Some(prefix)),
        None => (text.trim().parse::<IpAddr>().ok()?, None),
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().ok().filter(|p| *p <= longest)?
        }
        Some(_) => return None,
        None => longest,
    };
    Some((address, prefix))
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    for text in change
        .data
        .get("networks")
        .and_then(|n| n.as_array())
        .into_iter()
        .flatten()
        .filter_map(|n| n.as_str())
    {
        if parse(text).is_none() {
            errors
                .add("networks", format!("“{text}” is not a network. Write an address, or address/prefix."));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
fn prepare(policy: &NetworkPolicy) -> Result<Prepared, String> {
    let all: Option<Networks> = policy.networks.iter().map(|text| parse(text)).collect();
    all.map(|networks| Arc::new(networks) as Prepared).ok_or_else(|| "a network cannot be read".to_owned())
}

struct Network;

#[async_trait]
impl Policy for Network {
    fn def(&self) -> &'static ModelDef {
        NetworkPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let networks = policy.prepared::<Networks>()?;
        if networks.is_empty() {
            return Err(Error::internal("the policy names no network"));
        }
        let ip = question.client.ip;
        Ok(if networks.iter().any(|(network, prefix)| covers(*network, *prefix, ip)) {
            Verdict::pass()
        } else {
            Verdict::fail("Your network is not an allowed one.")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn networks_are_addresses_with_a_fitting_prefix() {
        assert_eq!(parse("192.0.2.0/24"), Some(("192.0.2.0".parse().unwrap(), 24)));
        assert_eq!(parse(" 2001:db8::1 "), Some(("2001:db8::1".parse().unwrap(), 128)));
        for wrong in [
            "",
            "/",
            "192.0.2.0/33",
            "192.0.2.0/-1",
            "192.0.2.0/+1",
            "192.0.2/24",
            "example.test",
            "2001:db8::/129",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
    #[test]
    fn mapped_addresses_are_the_ones_they_stand_for() {
        let (network, prefix) = parse("192.0.2.0/24").unwrap();
        assert!(
            covers(network, prefix, "192.0.2.255".parse().unwrap())
                && covers(network, prefix, "::ffff:192.0.2.1".parse().unwrap())
        );
        assert!(
            !covers(network, prefix, "192.0.3.0".parse().unwrap())
                && !covers(network, prefix, "2001:db8::1".parse().unwrap())
        );
        assert!(covers("0.0.0.0".parse().unwrap(), 0, "203.0.113.9".parse().unwrap()));
    }
}
