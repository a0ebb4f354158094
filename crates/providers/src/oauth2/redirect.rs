//! Redirect URI matching (RFC 9700 §2.1, RFC 8252 §7.3). No other code compares redirect URIs.
use super::model::{MatchingMode, RedirectUri, UriType};
use super::pattern::Pattern;
use crate::web::{scheme, web_origin};

/// Schemes that execute script or show content of the URI itself.
const DANGEROUS: [&str; 8] =
    ["javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source"];
/// Maximum length of a URI in bytes.
const MAX_LENGTH: usize = 2048;

enum Rule {
    Exact(String),
    /// The part of a registered `http://127.0.0.1/…` after the host: any port matches (RFC 8252 §7.3).
    Loopback {
        host: &'static str,
        rest: String,
    },
    Pattern(Pattern),
}

/// The redirect URIs of one provider, compiled.
pub struct Matcher {
    rules: Vec<(UriType, Rule)>,
    /// Origins allowed by CORS: those of the exact redirect URIs.
    origins: Vec<String>,
}

impl Matcher {
    pub fn new(uris: &[RedirectUri]) -> Result<Self, String> {
        let mut rules = Vec::new();
        let mut origins = Vec::new();
        for uri in uris {
            let rule = match uri.matching_mode {
                MatchingMode::Regex => {
                    let pattern = Pattern::new(&uri.url)?;
                    if pattern.is_loose() {
                        tracing::warn!(pattern = %uri.url, "a pattern of addresses does not say where the host ends: it may take a path for a host");
                    }
                    Rule::Pattern(pattern)
                }
                MatchingMode::Strict => {
                    if let Some(origin) = web_origin(&uri.url)
                        && !origins.contains(&origin)
                    {
                        origins.push(origin);
                    }
                    loopback(&uri.url).unwrap_or_else(|| Rule::Exact(uri.url.clone()))
                }
            };
            rules.push((uri.redirect_uri_type, rule));
        }
        Ok(Self { rules, origins })
    }
    /// Whether `given` matches. Without rules nothing matches.
    pub fn fits(&self, kind: UriType, given: &str) -> bool {
        if !is_sound(given) {
            return false;
        }
        self.rules.iter().filter(|(k, _)| *k == kind).any(|(_, rule)| match rule {
            Rule::Exact(registered) => registered == given,
            Rule::Loopback { host, rest } => given
                .strip_prefix(host)
                .is_some_and(|after| after == rest || any_port(after).is_some_and(|after| after == rest)),
            Rule::Pattern(pattern) => is_plain(given) && pattern.fits(given, head_and_rest(given)),
        })
    }
    /// Whether scripts of this origin may read responses.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|o| o == origin)
    }
}

/// Whether a URI may be registered; the error says what to change.
pub fn acceptable(uri: &RedirectUri) -> Result<(), String> {
    match uri.matching_mode {
        MatchingMode::Regex => Pattern::new(&uri.url).map(drop).and_then(|()| {
            let lower = uri.url.trim_start_matches(['^', '(']).to_ascii_lowercase();
            match DANGEROUS.iter().find(|s| lower.starts_with(&format!("{s}:"))) {
                Some(scheme) => Err(format!("Addresses with the scheme {scheme} are refused.")),
                None => Ok(()),
            }
        }),
        MatchingMode::Strict => match scheme(&uri.url) {
            None => Err(format!("Enter a whole address, with its scheme: {}", uri.url)),
            Some(s) if DANGEROUS.contains(&s.as_str()) => {
                Err(format!("Addresses with the scheme {s} are refused."))
            }
            Some(_) if uri.url.contains('#') => Err(format!("An address may have no fragment: {}", uri.url)),
            Some(_) if !is_sound(&uri.url) => {
                Err(format!("The address has characters that are not allowed: {}", uri.url))
            }
            Some(_) => Ok(()),
        },
    }
}

/// A URI that all parsers read alike: a safe scheme, visible ASCII, no backslash, no fragment.
fn is_sound(url: &str) -> bool {
    url.len() <= MAX_LENGTH
        && scheme(url).is_some_and(|s| !DANGEROUS.contains(&s.as_str()))
        && url.bytes().all(|b| {
            b.is_ascii_graphic()
                && !matches!(b, b'\\' | b'#' | b'<' | b'>' | b'"' | b'`' | b'{' | b'}' | b'|' | b'^')
        })
}

/// Whether a pattern may be applied: nothing in the URI can change its host or path after the check.
fn is_plain(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return true };
    let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if web && scheme.bytes().any(|b| b.is_ascii_uppercase()) {
        return false;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    let path = after.split('?').next().unwrap_or_default();
    let climbs = path.split('/').any(|segment| {
        let name = segment
            .split(';')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
            .replace("%25", "%")
            .replace("%2e", ".");
        name == "." || name == ".."
    });
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some(parts) => parts,
            None => return false,
        },
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port_fine = port.is_empty()
        || port.strip_prefix(':').is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    let host_fine = !host.is_empty() && !host.ends_with('.') && !authority.contains(['@', '%']);
    !web || (host_fine && port_fine && !climbs)
}

/// An http(s) URI split into `scheme://host[:port]` and the rest.
fn head_and_rest(url: &str) -> Option<(&str, &str)> {
    let start = ["http://", "https://"].into_iter().find(|scheme| url.starts_with(scheme))?.len();
    let end = url[start..].find(['/', '?']).map_or(url.len(), |end| start + end);
    Some(url.split_at(end))
}

fn loopback(url: &str) -> Option<Rule> {
    ["http://127.0.0.1", "http://[::1]"].into_iter().find_map(|host| {
        let rest = url.strip_prefix(host)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| Rule::Loopback { host, rest: rest.to_owned() })
    })
}
/// The part after `:<port>`.
fn any_port(after: &str) -> Option<&str> {
    let digits = after.strip_prefix(':')?;
    let end = digits.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse::<u16>().ok().filter(|_| !digits.starts_with('0')).map(|_| &digits[end..])
}

#[cfg(test)]
#[path = "redirect_tests.rs"]
mod tests;
