//! Query strings and URL encoding.
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: AsciiSet = UNRESERVED.remove(b'/');

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3).
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, &UNRESERVED).to_string()
}
/// Like `encode`, but keeps `/`.
pub fn encode_path(text: &str) -> String {
    utf8_percent_encode(text, &PATH).to_string()
}
/// Decodes `%XX`, and `+` as a space (form encoding).
pub fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}
/// The pairs of a query string or form body, in order.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|p| p.split_once('=').unwrap_or((p, "")))
        .map(|(k, v)| (decode(k), decode(v)))
        .collect()
}
/// The first value with this name.
pub fn value(query: &str, name: &str) -> Option<String> {
    pairs(query).into_iter().find(|(k, _)| k == name).map(|(_, v)| v)
}
/// Builds a query string.
pub fn build<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (k, v) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(&encode(k));
        out.push('=');
        out.push_str(&encode(v));
    }
    out
}
/// A path on this host that is safe as a redirect target: starts with a single `/`, contains no backslash and
/// no control character. `None` for anything with a scheme or host.
pub fn local_path(next: &str) -> Option<String> {
    if !next.starts_with('/') || next.starts_with("//") || next.chars().any(char::is_control) {
        return None;
    }
    Some(next.replace('\\', "%5C"))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn only_paths_on_this_host_are_local() {
        assert_eq!(local_path("/if/user/?a=b").as_deref(), Some("/if/user/?a=b"));
        assert_eq!(local_path("/\\evil.test").as_deref(), Some("/%5Cevil.test"));
        for bad in
            ["//evil.test", "https://evil.test/", "javascript:alert(1)", "", "if/user", "/a\nb", "\\\\evil"]
        {
            assert_eq!(local_path(bad), None, "{bad}");
        }
    }
    #[test]
    fn pairs_decode_plus_and_percent() {
        assert_eq!(value("a=1&next=%2Fx%3Fy%3D1&b=c+d", "next").as_deref(), Some("/x?y=1"));
        assert_eq!(value("b=c+d", "b").as_deref(), Some("c d"));
        assert_eq!(build([("a b", "c&d")]), "a%20b=c%26d");
    }
}
