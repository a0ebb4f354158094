//! IP addresses and networks as values.
use crate::helpers::address_facts;
use crate::{HostObject, Value};
use std::any::Any;

const ADDRESS: &str = "IPAddress";
const NETWORK: &str = "IPNetwork";

/// An address or a network; for an address `first` equals `last`.
pub(super) struct Range {
    facts: Value,
    network: bool,
    version: i64,
    first: u128,
    last: u128,
}

pub(super) fn address(text: &str) -> Option<Value> {
    Range::read(text, false)
}
pub(super) fn network(text: &str) -> Option<Value> {
    Range::read(text, true)
}
/// The address or network of a value.
pub(super) fn range(value: &Value) -> Option<&Range> {
    value.as_object()?.as_any()?.downcast_ref()
}

impl Range {
    fn read(text: &str, network: bool) -> Option<Value> {
        let facts = address_facts(&[text.into(), network.into(), true.into()]).ok()?;
        let number = |name: &str| u128::from_str_radix(facts.as_dict()?.get(name)?.as_str()?, 16).ok();
        let first = number("first")?;
        let last = if network { number("last")? } else { first };
        let version = facts.as_dict()?.get("version")?.as_int()?;
        Some(Value::object(Self { facts, network, version, first, last }))
    }
    pub(super) fn is_network(&self) -> bool {
        self.network
    }
    pub(super) fn text(&self) -> Value {
        self.fact("text").unwrap_or_default()
    }
    /// `None` unless this is a network and the other an address.
    pub(super) fn contains(&self, other: &Range) -> Option<bool> {
        (self.network && !other.network)
            .then(|| self.version == other.version && (self.first..=self.last).contains(&other.first))
    }
    fn fact(&self, name: &str) -> Option<Value> {
        self.facts.as_dict()?.get(name).cloned()
    }
}

impl HostObject for Range {
    fn type_name(&self) -> &str {
        if self.network { NETWORK } else { ADDRESS }
    }
    fn identity(&self) -> String {
        self.text().as_str().unwrap_or_default().to_owned()
    }
    fn attr(&self, name: &str) -> Option<Value> {
        match name {
            "version" | "is_private" | "is_global" => self.fact(name),
            "compressed" => Some(self.text()),
            "exploded" | "is_loopback" | "is_link_local" | "is_multicast" | "is_reserved"
            | "is_unspecified"
                if !self.network =>
            {
                self.fact(name)
            }
            "prefixlen" if self.network => self.fact(name),
            _ => None,
        }
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
