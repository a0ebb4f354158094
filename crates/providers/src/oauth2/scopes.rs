//! Scopes in the order of the request, without repetition.
use std::fmt;

pub const OPENID: &str = "openid";
pub const OFFLINE_ACCESS: &str = "offline_access";
/// Allows a token to be used at this server's API.
pub const API: &str = "goauthentik.io/api";

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Scopes {
    pub fn parse(text: &str) -> Self {
        text.split_ascii_whitespace().collect()
    }
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|s| s == name)
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
    /// The scopes that are configured too. Unknown ones are ignored (RFC 6749 §3.3).
    #[must_use]
    pub fn among<'a>(&self, configured: impl Iterator<Item = &'a str> + Clone) -> Self {
        self.iter().filter(|asked| configured.clone().any(|c| c == *asked)).collect()
    }
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        self.iter().filter(|s| *s != name).collect()
    }
    pub fn is_within(&self, other: &Scopes) -> bool {
        self.iter().all(|s| other.has(s))
    }
}
impl<'a> FromIterator<&'a str> for Scopes {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut all: Vec<String> = Vec::new();
        for name in names {
            if !all.iter().any(|s| s == name) {
                all.push(name.to_owned());
            }
        }
        Self(all)
    }
}
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// `scope-token` of RFC 6749 §3.3.
pub fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn granted_scopes_are_asked_for_and_configured() {
        let asked = Scopes::parse("openid  bogus profile openid");
        assert_eq!(asked.among(["profile", "openid", "email"].into_iter()).to_string(), "openid profile");
        assert!(
            Scopes::parse("a").is_within(&Scopes::parse("b a"))
                && !Scopes::parse("a c").is_within(&Scopes::parse("b a"))
        );
        assert_eq!(asked.without("openid").to_string(), "bogus profile");
    }
    #[test]
    fn scope_words_have_no_spaces_or_quotes() {
        assert!(
            is_scope_token("goauthentik.io/api")
                && !is_scope_token("a b")
                && !is_scope_token("")
                && !is_scope_token("a\"")
                && !is_scope_token("é")
        );
    }
}
