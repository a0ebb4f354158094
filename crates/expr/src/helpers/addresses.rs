//! Properties of IP addresses and networks. The Python classes are in `library/ipaddress.py`.
use super::plain_text;
use crate::{CallError, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The function that the classes call: text, and whether it is a network.
pub(super) const FACTS: &str = "_signet_ip_facts";

/// Properties of an address, or of a network in CIDR notation (or with a netmask).
pub(crate) fn facts(args: &[Value]) -> Result<Value, CallError> {
    let [text, network, strict] = args else {
        return Err(CallError::Type("expected an address".into()));
    };
    if !matches!(text, Value::Str(_)) {
        return Err(CallError::Value("expected the text of an IP address".into()));
    }
    let text = plain_text(text)?;
    let bad = |what: &str| CallError::Value(format!("'{text}' does not appear to be an IPv4 or IPv6 {what}"));
    if !network.is_truthy() {
        let address: IpAddr = text.parse().map_err(|_| bad("address"))?;
        return Ok(address_facts(address));
    }
    let (address, prefix) = text.split_once('/').map_or((text.as_str(), None), |(a, p)| (a, Some(p)));
    let address: IpAddr = address.parse().map_err(|_| bad("network"))?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => width,
        Some(prefix) => prefix_length(prefix, width).ok_or_else(|| bad("network"))?,
    };
    network_facts(address, prefix, width, strict.is_truthy())
        .ok_or_else(|| CallError::Value(format!("{text} has host bits set")))
}

fn prefix_length(text: &str, width: u32) -> Option<u32> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().filter(|prefix| *prefix <= width);
    }
    let mask = u32::from(text.parse::<Ipv4Addr>().ok()?);
    (width == 32 && mask.leading_ones() + mask.trailing_zeros() >= 32).then(|| mask.leading_ones())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

fn from_number(number: u128, width: u32) -> IpAddr {
    // The number of an IPv4 address fits into 32 bits.
    if width == 32 { Ipv4Addr::from(number as u32).into() } else { Ipv6Addr::from(number).into() }
}

fn address_facts(address: IpAddr) -> Value {
    let mapped = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    };
    let judged = mapped.map_or(address, IpAddr::V4);
    let exploded = match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => v6.segments().map(|part| format!("{part:04x}")).join(":"),
    };
    let link_local = match judged {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let private = is_private(judged);
    Value::dict([
        ("version", Value::Int(if address.is_ipv4() { 4 } else { 6 })),
        ("text", Value::from(address.to_string())),
        ("exploded", Value::from(exploded)),
        ("first", Value::from(format!("{:x}", number(address)))),
        ("mapped", Value::from(mapped.map(|v4| v4.to_string()))),
        ("is_private", Value::Bool(private)),
        ("is_global", Value::Bool(!private && !is_shared(judged))),
        ("is_loopback", Value::Bool(judged.is_loopback())),
        ("is_link_local", Value::Bool(link_local)),
        ("is_multicast", Value::Bool(judged.is_multicast())),
        ("is_reserved", Value::Bool(is_reserved(judged))),
        ("is_unspecified", Value::Bool(judged.is_unspecified())),
    ])
}

fn network_facts(address: IpAddr, prefix: u32, width: u32, strict: bool) -> Option<Value> {
    let all = if width == 32 { u128::from(u32::MAX) } else { u128::MAX };
    let hosts = all.checked_shr(prefix).unwrap_or(0);
    let (first, last) = (number(address) & !hosts, number(address) | hosts);
    if strict && first != number(address) {
        return None;
    }
    let (network, broadcast) = (from_number(first, width), from_number(last, width));
    Some(Value::dict([
        ("version", Value::Int(if width == 32 { 4 } else { 6 })),
        ("text", Value::from(format!("{network}/{prefix}"))),
        ("prefixlen", Value::Int(prefix.into())),
        ("first", Value::from(format!("{first:x}"))),
        ("last", Value::from(format!("{last:x}"))),
        ("network", Value::from(network.to_string())),
        ("broadcast", Value::from(broadcast.to_string())),
        ("netmask", Value::from(from_number(all & !hosts, width).to_string())),
        ("is_private", Value::Bool(is_private_range(network, broadcast))),
        ("is_global", Value::Bool(!is_private_range(network, broadcast) && !is_shared(network))),
    ]))
}

/// 100.64.0.0/10 is neither private nor global (RFC 6598).
fn is_shared(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if within(v4.into(), 32, &[("100.64.0.0", 10)]))
}

fn is_reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => within(address, 32, &[("240.0.0.0", 4)]),
        // Everything outside the assigned unicast, multicast, link-local and unique-local blocks.
        IpAddr::V6(_) => {
            !within(address, 128, &[("2000::", 3), ("fc00::", 7), ("fe80::", 10), ("ff00::", 8)])
        }
    }
}

/// Blocks that the IANA special-purpose registries mark as not globally reachable (RFC 6890 and later).
const PRIVATE_V4: &[(&str, u32)] = &[
    ("0.0.0.0", 8),
    ("10.0.0.0", 8),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("192.168.0.0", 16),
    ("198.18.0.0", 15),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("240.0.0.0", 4),
];
const OPEN_V4: &[(&str, u32)] = &[("192.0.0.9", 32), ("192.0.0.10", 32)];
const PRIVATE_V6: &[(&str, u32)] = &[
    ("::", 127),
    ("::ffff:0:0", 96),
    ("64:ff9b:1::", 48),
    ("100::", 64),
    ("2001::", 23),
    ("2001:db8::", 32),
    ("2002::", 16),
    ("3fff::", 20),
    ("fc00::", 7),
    ("fe80::", 10),
];
const OPEN_V6: &[(&str, u32)] = &[
    ("2001:1::1", 128),
    ("2001:1::2", 128),
    ("2001:3::", 32),
    ("2001:4:112::", 48),
    ("2001:20::", 28),
    ("2001:30::", 28),
];

fn is_private(address: IpAddr) -> bool {
    is_private_range(address, address)
}

/// Both ends are in the same private block, and not in an exception of it.
fn is_private_range(first: IpAddr, last: IpAddr) -> bool {
    let (width, private, open) = match first {
        IpAddr::V4(_) => (32, PRIVATE_V4, OPEN_V4),
        IpAddr::V6(_) => (128, PRIVATE_V6, OPEN_V6),
    };
    private.iter().any(|block| within(first, width, &[*block]) && within(last, width, &[*block]))
        && !open.iter().any(|block| within(first, width, &[*block]) && within(last, width, &[*block]))
}

fn within(address: IpAddr, width: u32, blocks: &[(&str, u32)]) -> bool {
    blocks.iter().any(|(block, prefix)| {
        let shift = width - prefix;
        // The tables parse; a typing error would only make a block match nothing.
        block
            .parse::<IpAddr>()
            .is_ok_and(|block| number(address).checked_shr(shift) == number(block).checked_shr(shift))
    })
}
