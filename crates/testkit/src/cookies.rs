//! When browsers keep and send a cookie (RFC 6265bis §5.6, §5.8): Domain, Path, Secure and SameSite.
use std::collections::BTreeMap;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// Our own page, the address bar, or a program.
    Here,
    /// A page of another site leads the whole window here; `reads`: by GET.
    Navigation { reads: bool },
    /// Within a page of another site.
    Embedded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SameSite {
    Strict,
    Lax,
    None,
}

#[derive(Debug, Clone)]
struct Rule {
    /// Without port.
    host: String,
    /// The hosts below it as well.
    below: bool,
    path: String,
    secure: bool,
    same_site: SameSite,
}

/// The rules of the cookies that servers have set, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct CookieRules(BTreeMap<String, Rule>);

impl CookieRules {
    /// Notes the attributes of a `Set-Cookie`; false: browsers refuse it.
    pub fn note(&mut self, name: &str, attributes: &str, host: &str, is_secure: bool) -> bool {
        let mut rule = Rule {
            host: without_port(host).to_owned(),
            below: false,
            path: "/".to_owned(),
            secure: false,
            same_site: SameSite::Lax,
        };
        for attribute in attributes.split(';').map(str::trim) {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match key.to_ascii_lowercase().as_str() {
                "domain" if !value.is_empty() => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    if !is_within(&rule.host, &domain) {
                        return false;
                    }
                    (rule.host, rule.below) = (domain, true);
                }
                "path" if value.starts_with('/') => rule.path = value.to_owned(),
                "secure" => rule.secure = true,
                "samesite" => {
                    rule.same_site = match value.to_ascii_lowercase().as_str() {
                        "strict" => SameSite::Strict,
                        "none" => SameSite::None,
                        _ => SameSite::Lax,
                    }
                }
                _ => {}
            }
        }
        if (rule.secure && !is_secure) || (rule.same_site == SameSite::None && !rule.secure) {
            return false;
        }
        self.0.insert(name.to_owned(), rule);
        true
    }

    /// Whether a request carries the cookie. One that no server has set is the test's own.
    pub fn allow(&self, name: &str, host: &str, path: &str, is_secure: bool, from: From) -> bool {
        let Some(rule) = self.0.get(name) else { return true };
        let host = without_port(host);
        let path = path.split('?').next().unwrap_or_default();
        let here = if rule.below { is_within(host, &rule.host) } else { host == rule.host };
        let same_site = match from {
            From::Here => true,
            From::Navigation { reads } => match rule.same_site {
                SameSite::Strict => false,
                SameSite::Lax => reads,
                SameSite::None => true,
            },
            From::Embedded => rule.same_site == SameSite::None,
        };
        here && is_below(path, &rule.path) && (is_secure || !rule.secure) && same_site
    }
}

fn without_port(host: &str) -> &str {
    host.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name)
}
fn is_within(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}
fn is_below(path: &str, of: &str) -> bool {
    path == of || path.strip_prefix(of).is_some_and(|rest| of.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(attributes: &str, host: &str, path: &str, is_secure: bool, from: From) -> bool {
        let mut rules = CookieRules::default();
        rules.note("a", attributes, "id.example.test:8443", true)
            && rules.allow("a", host, path, is_secure, from)
    }

    #[test]
    fn cookies_go_where_browsers_send_them() {
        let here = "id.example.test";
        for (attributes, host, path, is_secure, from, wanted) in [
            ("Path=/", here, "/x", false, From::Here, true),
            ("Path=/", "id.example.test:9000", "/", false, From::Here, true),
            ("Path=/", "www.example.test", "/", false, From::Here, false),
            ("Domain=example.test", "www.example.test", "/", false, From::Here, true),
            ("Domain=.example.test", "example.test", "/", false, From::Here, true),
            ("Domain=example.test", "badexample.test", "/", false, From::Here, false),
            ("Domain=other.test", here, "/", false, From::Here, false),
            ("Path=/a", here, "/a/b?c", false, From::Here, true),
            ("Path=/a", here, "/ab", false, From::Here, false),
            ("Secure", here, "/", true, From::Here, true),
            ("Secure", here, "/", false, From::Here, false),
            ("SameSite=Lax", here, "/", false, From::Navigation { reads: true }, true),
            ("SameSite=Lax", here, "/", false, From::Navigation { reads: false }, false),
            ("", here, "/", false, From::Navigation { reads: false }, false),
            ("SameSite=Strict", here, "/", false, From::Navigation { reads: true }, false),
            ("SameSite=Lax", here, "/", false, From::Embedded, false),
            ("SameSite=None; Secure", here, "/", true, From::Embedded, true),
            ("SameSite=None", here, "/", true, From::Embedded, false),
        ] {
            assert_eq!(
                sent(attributes, host, path, is_secure, from),
                wanted,
                "{attributes} {host} {path} {from:?}"
            );
        }
        assert!(!CookieRules::default().note("a", "Secure", here, false), "set without TLS");
    }
}
