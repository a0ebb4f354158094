//! Declaration of a variable: name, default, kind, help text, and use.
use signet_base::Json;
use signet_core::address::Origin;
use signet_core::system::are_footer_links;

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SettingKind {
    Text,
    /// `true` or `false`.
    Flag,
    Number(i64, i64),
    /// One or more `address:port`, separated by commas.
    Addresses,
    /// Networks as `address/prefix`, separated by commas.
    Networks,
    /// `hours=1;minutes=30`
    Duration,
    /// `30/hour`
    Rate,
    Word(&'static [&'static str]),
    /// `https://host[:port]`
    Url,
    /// `host[:port]`
    Host,
    /// Footer links: `[{"name": "Help", "href": "https://help.example.com"}]`
    Links,
}

impl SettingKind {
    /// The expected form, for messages and the manual.
    pub fn expected(self) -> String {
        match self {
            SettingKind::Text => "text".into(),
            SettingKind::Flag => "true or false".into(),
            SettingKind::Number(min, i64::MAX) => format!("a whole number from {min}"),
            SettingKind::Number(min, max) => format!("a whole number from {min} to {max}"),
            SettingKind::Addresses => "address:port, several separated by commas".into(),
            SettingKind::Networks => "networks as address/prefix, separated by commas".into(),
            SettingKind::Duration => "a duration as in hours=1;minutes=30".into(),
            SettingKind::Rate => "a rate as in 30/hour (second, minute, hour, day), or 0 for no limit".into(),
            SettingKind::Word(words) => format!("one of {}", words.join(", ")),
            SettingKind::Url => "an http or https address without a path".into(),
            SettingKind::Host => "a host name, with a port where it is not 443".into(),
            SettingKind::Links => "a JSON list of objects with name and href".into(),
        }
    }
    /// Whether a text is a valid value.
    pub fn fits(self, text: &str) -> bool {
        match self {
            SettingKind::Text => true,
            SettingKind::Flag => flag(text).is_some(),
            SettingKind::Number(min, max) => text.trim().parse::<i64>().is_ok_and(|n| n >= min && n <= max),
            SettingKind::Addresses => addresses(text).is_some(),
            SettingKind::Networks => networks(text).is_some(),
            SettingKind::Duration => signet_base::Span::parse(text).is_ok(),
            SettingKind::Rate => text.trim() == "0" || signet_core::budget::Rate::parse(text).is_some(),
            SettingKind::Word(words) => words.contains(&text.trim().to_ascii_lowercase().as_str()),
            SettingKind::Url => Origin::parse(text.trim()).is_some(),
            SettingKind::Host => Origin::https(text).is_some(),
            SettingKind::Links => links(text).is_some(),
        }
    }
}

/// The use of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Use {
    Now,
    /// Accepted, so that existing installations start; its feature does not exist yet.
    Later(&'static str),
    /// Accepted, and has no effect, for the given reason.
    Never(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name without prefix. `*` stands for a number.
    pub name: &'static str,
    pub default: &'static str,
    pub kind: SettingKind,
    pub doc: &'static str,
    /// Never shown.
    pub secret: bool,
    pub used: Use,
}

/// Parses a boolean.
pub fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}
/// Parses footer links; `None` if they are invalid.
pub fn links(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok().filter(|links: &Json| links.is_array() && are_footer_links(links))
}
/// Parses a list of addresses; `None` if one is invalid.
pub fn addresses(text: &str) -> Option<Vec<std::net::SocketAddr>> {
    let all: Option<Vec<_>> = text
        .split(',')
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(|p| match p.strip_prefix(':') {
            // `:9000` means all addresses of the machine.
            Some(port) => format!("[::]:{port}").parse().ok(),
            None => p.replace("localhost:", "127.0.0.1:").parse().ok(),
        })
        .collect();
    all.filter(|l| !l.is_empty())
}
/// Parses a list of networks; `None` if one is invalid.
pub fn networks(text: &str) -> Option<Vec<(std::net::IpAddr, u8)>> {
    text.split(',')
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(|p| {
            let (address, prefix) = p.split_once('/').map_or((p, None), |(a, b)| (a, Some(b)));
            let address: std::net::IpAddr = address.parse().ok()?;
            let widest = if address.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.map_or(Some(widest), |p| p.parse().ok().filter(|n| *n <= widest))?;
            Some((address, prefix))
        })
        .collect()
}
