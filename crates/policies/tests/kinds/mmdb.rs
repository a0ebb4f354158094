//! Writes small GeoIP databases in MaxMind DB format (version 2.0, IPv4).
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// A value of the format.
pub enum Value {
    Text(&'static str),
    Double(f64),
    U16(u16),
    U32(u32),
    U64(u64),
    Map(Vec<(&'static str, Value)>),
    List(Vec<Value>),
}
use Value::{Double, List, Map, Text, U16, U32, U64};

fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    assert!(size < 29 + 256, "a small value");
    let low = if size < 29 { u8::try_from(size).unwrap() } else { 29 };
    if kind < 8 {
        out.push(kind << 5 | low);
    } else {
        out.extend([low, kind - 7]);
    }
    if size >= 29 {
        out.push(u8::try_from(size - 29).unwrap());
    }
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Text(text) => {
            control(out, 2, text.len());
            out.extend(text.as_bytes());
        }
        Double(number) => {
            control(out, 3, 8);
            out.extend(number.to_be_bytes());
        }
        U16(n) => {
            control(out, 5, 2);
            out.extend(n.to_be_bytes());
        }
        U32(n) => {
            control(out, 6, 4);
            out.extend(n.to_be_bytes());
        }
        U64(n) => {
            control(out, 9, 8);
            out.extend(n.to_be_bytes());
        }
        Map(members) => {
            control(out, 7, members.len());
            for (name, member) in members {
                encode(&Text(name), out);
                encode(member, out);
            }
        }
        List(items) => {
            control(out, 11, items.len());
            items.iter().for_each(|item| encode(item, out));
        }
    }
}

#[derive(Clone, Copy)]
enum Record {
    None,
    Node(usize),
    Data(usize),
}

fn database(kind: &'static str, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut nodes = vec![[Record::None; 2]];
    let mut data = Vec::new();
    for (network, value) in networks {
        let (address, prefix) = network.split_once('/').unwrap();
        let (address, prefix): (Ipv4Addr, u32) = (address.parse().unwrap(), prefix.parse().unwrap());
        let offset = data.len();
        encode(value, &mut data);
        let mut here = 0;
        for n in 0..prefix {
            let bit = usize::from(u32::from(address) >> (31 - n) & 1 == 1);
            if n + 1 == prefix {
                nodes[here][bit] = Record::Data(offset);
            } else if let Record::Node(next) = nodes[here][bit] {
                here = next;
            } else {
                nodes.push([Record::None; 2]);
                let next = nodes.len() - 1;
                nodes[here][bit] = Record::Node(next);
                here = next;
            }
        }
    }
    let count = nodes.len();
    let mut out = Vec::new();
    for record in nodes.iter().flatten() {
        let number = match record {
            Record::None => count,
            Record::Node(n) => *n,
            Record::Data(offset) => count + 16 + offset,
        };
        out.extend(u32::try_from(number).unwrap().to_be_bytes());
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    let description = Map(vec![("en", Text("for tests"))]);
    let metadata = Map(vec![
        ("binary_format_major_version", U16(2)),
        ("binary_format_minor_version", U16(0)),
        ("build_epoch", U64(1_700_000_000)),
        ("database_type", Text(kind)),
        ("description", description),
        ("ip_version", U16(4)),
        ("languages", List(vec![Text("en")])),
        ("node_count", U32(u32::try_from(count).unwrap())),
        ("record_size", U16(32)),
    ]);
    encode(&metadata, &mut out);
    out
}

fn city(
    continent: &'static str,
    country: &'static str,
    name: &'static str,
    latitude: f64,
    longitude: f64,
) -> Value {
    Map(vec![
        ("city", Map(vec![("names", Map(vec![("en", Text(name))]))])),
        ("continent", Map(vec![("code", Text(continent))])),
        ("country", Map(vec![("iso_code", Text(country))])),
        ("location", Map(vec![("latitude", Double(latitude)), ("longitude", Double(longitude))])),
    ])
}
fn asn(number: u32, organisation: &'static str) -> Value {
    Map(vec![
        ("autonomous_system_number", U32(number)),
        ("autonomous_system_organization", Text(organisation)),
    ])
}

/// Berlin 192.0.2.0/25, Potsdam 192.0.2.128/25, New York 198.51.100.0/24; AS 64496 and 64497. Returns both
/// paths.
pub fn write(folder: &Path) -> (PathBuf, PathBuf) {
    let places = [
        ("192.0.2.0/25", city("EU", "DE", "Berlin", 52.52, 13.405)),
        ("192.0.2.128/25", city("EU", "DE", "Potsdam", 52.39, 13.06)),
        ("198.51.100.0/24", city("NA", "US", "New York", 40.7128, -74.006)),
    ];
    let networks =
        [("192.0.2.0/24", asn(64_496, "Example Net")), ("198.51.100.0/24", asn(64_497, "Other Net"))];
    let (city, asn) = (folder.join("city.mmdb"), folder.join("asn.mmdb"));
    std::fs::write(&city, database("GeoLite2-City", &places)).unwrap();
    std::fs::write(&asn, database("GeoLite2-ASN", &networks)).unwrap();
    (city, asn)
}
