//! Safety checks of URLs from settings, applications and users.

/// Schemes that execute script, or read local content, in the page's context.
const REFUSED: [&str; 7] = ["javascript", "data", "vbscript", "file", "blob", "filesystem", "view-source"];

/// The scheme of an absolute URL in lower case; `None` for a relative one.
fn scheme(url: &str) -> Option<String> {
    let end = url.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))?;
    (end > 0 && url[end..].starts_with(':')).then(|| url[..end].to_ascii_lowercase())
}

/// A URL that links, forms and redirects may contain: relative, or with a scheme that cannot execute script.
///
/// Browsers ignore tabs and line breaks in a URL, and control characters and spaces before it, which could
/// hide a scheme from this check: a URL with any of them is refused.
#[must_use]
pub fn safe_href(url: &str) -> Option<&str> {
    if url.is_empty() || url.starts_with(' ') || url.chars().any(char::is_control) {
        return None;
    }
    match scheme(url) {
        Some(name) if REFUSED.contains(&name.as_str()) => None,
        Some(_) => Some(url),
        // Parsers disagree about a colon before the first slash that does not end a valid scheme ("ht_tp:…").
        None if url.split(['/', '?', '#']).next().is_some_and(|head| head.contains(':')) => None,
        None => Some(url),
    }
}

/// A URL that images may have: relative, http(s), or an image as a data URI.
#[must_use]
pub fn safe_image(url: &str) -> Option<&str> {
    if let Some(head) = url.get(..11)
        && head.eq_ignore_ascii_case("data:image/")
    {
        return (!url.chars().any(char::is_control)).then_some(url);
    }
    let url = safe_href(url)?;
    matches!(scheme(url).as_deref(), None | Some("http" | "https")).then_some(url)
}

/// The origin of an http(s) URL, if it consists of characters that a CSP source may have.
#[must_use]
pub fn origin(url: &str) -> Option<&str> {
    let url = safe_href(url)?;
    let name = scheme(url).filter(|name| name == "https" || name == "http")?;
    let rest = url[name.len()..].strip_prefix("://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let plain = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']'));
    plain.then(|| &url[..name.len() + 3 + host.len()])
}

/// The CSP source that lets a form be sent to a URL: its origin, or a custom scheme (`app:`).
#[must_use]
pub fn form_target(url: &str) -> Option<String> {
    let custom = || scheme(safe_href(url)?).filter(|name| name != "https" && name != "http");
    origin(url).map(str::to_owned).or_else(|| custom().map(|name| format!("{name}:")))
}

/// A URL that a frame may have: http(s) with a host.
#[must_use]
pub fn safe_frame(url: &str) -> Option<&str> {
    origin(url).map(|_| url)
}

/// The first value of `name` in the URL's query, decoded; `None` if it is not UTF-8.
#[must_use]
pub fn query_value(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1.split('#').next()?;
    let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))?.1;
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) =
                    (char::from(bytes.next()?).to_digit(16)?, char::from(bytes.next()?).to_digit(16)?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// `url("…")` for a style sheet. Characters that could end the string or the style element are
/// percent-encoded.
pub(crate) fn css_url(url: &str) -> Option<String> {
    let url = safe_image(url)?;
    let mut out = String::with_capacity(url.len() + 8);
    out.push_str("url(\"");
    for c in url.chars() {
        match c {
            '"' => out.push_str("%22"),
            '\\' => out.push_str("%5C"),
            '<' => out.push_str("%3C"),
            '>' => out.push_str("%3E"),
            c => out.push(c),
        }
    }
    out.push_str("\")");
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{css_url, form_target, origin, query_value, safe_href, safe_image};

    #[test]
    fn refuses_what_can_run() {
        for bad in [
            "",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " javascript:alert(1)",
            "java\tscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "blob:https://a/b",
            "view-source:x",
            "java_script:x",
        ] {
            assert_eq!(safe_href(bad), None, "{bad:?}");
        }
        for good in
            ["/if/user/", "?a=b:c", "https://app.test/a:b", "com.example.app:/callback", "#x", "a/b:c"]
        {
            assert_eq!(safe_href(good), Some(good));
        }
    }

    #[test]
    fn images_are_files_or_pictures() {
        assert!(safe_image("/media/a.png").is_some());
        assert!(safe_image("data:image/png;base64,AAAA").is_some());
        assert!(safe_image("data:text/html,<script>").is_none());
        assert!(safe_image("app:/x").is_none());
        assert!(safe_image("dätä:image/").is_none());
    }

    #[test]
    fn a_form_may_go_to_an_origin_or_a_custom_scheme() {
        for (url, target) in [
            ("https://app.test/acs?x=1", Some("https://app.test")),
            ("app.test:/callback", Some("app.test:")),
            ("https://u@app.test/", None),
            ("javascript:alert(1)", None),
            ("/own", None),
        ] {
            assert_eq!(form_target(url).as_deref(), target, "{url}");
        }
    }
    #[test]
    fn origins_are_plain() {
        assert_eq!(
            origin("https://www.recaptcha.net/recaptcha/api.js?x=1"),
            Some("https://www.recaptcha.net")
        );
        assert_eq!(origin("http://127.0.0.1:8000"), Some("http://127.0.0.1:8000"));
        for bad in [
            "",
            "/x",
            "javascript:1",
            "https://",
            "https://a b/",
            "https://x;script-src */",
            "https://u@x/",
            "app://x/",
            "//x/",
        ] {
            assert_eq!(origin(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn values_of_a_query_are_decoded() {
        let url = "otpauth://totp/Fern%20hill:ada?secret=ABC&issuer=Fern%20hill+x&digits=8#y";
        assert_eq!(query_value(url, "issuer").as_deref(), Some("Fern hill x"));
        assert_eq!(query_value(url, "digits").as_deref(), Some("8"));
        assert_eq!(query_value(url, "none"), None);
        assert_eq!(query_value("?a=%", "a"), None);
        assert_eq!(query_value("?a=%ff", "a"), None);
        assert_eq!(query_value("?a=%é1", "a"), None);
    }

    #[test]
    fn css_addresses_stay_inside_their_string() {
        assert_eq!(css_url("/a\"b\\c</style>").as_deref(), Some("url(\"/a%22b%5Cc%3C/style%3E\")"));
        assert_eq!(css_url("javascript:1"), None);
    }
}
