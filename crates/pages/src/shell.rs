//! The HTML document of every page, and its Content-Security-Policy.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::assets::Assets;
use crate::brand::{Brand, Theme};
use crate::url::safe_image;

/// Page data that every page needs.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    /// The brand.
    pub brand: &'a Brand,
    /// URLs of the browser files.
    pub assets: &'a dyn Assets,
    /// Preferred language, a BCP 47 tag. The page declares the supported language nearest to it.
    pub locale: &'a str,
    /// The user's theme, else the brand's, else automatic.
    pub theme: Theme,
    /// Nonce of the page's `<style>` element; the same value goes into [`csp`].
    pub nonce: &'a str,
}

/// Class of `<body>` and, on sign-in pages, the layout.
pub(crate) enum Frame<'a> {
    Flow { layout: &'a str },
    Plain,
}

/// A document.
pub struct Shell<'a> {
    /// Page data.
    pub page: Page<'a>,
    /// Title of the page, followed by the brand's title; empty for the brand's title alone.
    pub title: &'a str,
    /// Logical name of the style sheet, without extension (`flow`, `portal`).
    pub style: &'a str,
    /// Logical name of the script module, without extension.
    pub script: &'a str,
    /// The page contains times, which the script writes in the reader's zone before the first paint.
    pub times: bool,
    /// URL of a background image.
    pub background: Option<&'a str>,
    /// Redirect to this URL immediately. The caller has checked it.
    pub refresh: Option<&'a str>,
    pub(crate) frame: Frame<'a>,
    /// Content of `<body>` after the skip link.
    pub body: Markup,
}

impl<'a> Shell<'a> {
    /// A document with the portal's style and script.
    #[must_use]
    pub fn portal(page: Page<'a>, title: &'a str, body: Markup) -> Self {
        Self {
            page,
            title,
            style: "portal",
            script: "portal",
            times: false,
            background: None,
            refresh: None,
            frame: Frame::Plain,
            body,
        }
    }

    /// Renders the document.
    #[must_use]
    pub fn render(&self) -> Markup {
        let Page { brand, assets, locale, theme, nonce } = self.page;
        let style = brand.style(self.background);
        let (class, layout) = match self.frame {
            Frame::Flow { layout } => (Some("flow"), Some(layout)),
            Frame::Plain => (None, None),
        };
        html! {
            (DOCTYPE)
            html lang=(language(locale)) dir="ltr" data-theme=[theme.attribute()] {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                    meta name="robots" content="noindex";
                    // Sends the origin to other sites, since applications may check it on a form post; never
                    // the path.
                    meta name="referrer" content="strict-origin-when-cross-origin";
                    // The card is centred: painted before all of it has come, it would move. The element is the last one.
                    @if layout.is_some() { link rel="expect" href="#foot" blocking="render"; }
                    title { (self.title) @if !self.title.is_empty() && !brand.title.is_empty() { " · " } (brand.title) }
                    @if let Some(url) = self.refresh {
                        meta http-equiv="refresh" content={ "0; url=" (url) };
                    }
                    @if let Some(icon) = safe_image(&brand.favicon) { link rel="icon" href=(icon); }
                    @if let Some(url) = assets.url(&format!("{}.css", self.style)) { link rel="stylesheet" href=(url); }
                    // Raw: the brand's rules are validated or cannot end the element.
                    @if !style.is_empty() { style nonce=(nonce) { (PreEscaped(style)) } }
                    @if self.times && let Some(url) = assets.url("before-paint.js") {
                        script type="module" blocking="render" src=(url) {}
                    }
                    @if let Some(url) = assets.url(&format!("{}.js", self.script)) { script type="module" src=(url) {} }
                }
                body class=[class] data-layout=[layout] {
                    a class="skip" href="#main" { "Skip to content" }
                    (self.body)
                }
            }
        }
    }
}

/// Languages of the texts. `lang` must be the actual language, or screen readers would use another one's
/// voice.
const SPOKEN: &[&str] = &["en"];

/// The supported language nearest to the preferred one.
fn language(locale: &str) -> &'static str {
    let wished = locale.split(['-', '_']).next().unwrap_or_default();
    SPOKEN.iter().copied().find(|spoken| spoken.eq_ignore_ascii_case(wished)).unwrap_or("en")
}

/// Additional origins (scripts, frames) that known captcha services need. Other services get their own origin
/// only.
fn companions(origin: &str) -> (&'static str, &'static str) {
    match origin {
        "https://www.recaptcha.net" | "https://www.google.com" | "https://recaptcha.net" => (
            "https://www.gstatic.com https://www.google.com https://www.recaptcha.net",
            "https://www.google.com https://www.recaptcha.net https://recaptcha.google.com",
        ),
        "https://js.hcaptcha.com" | "https://hcaptcha.com" => {
            ("https://hcaptcha.com https://*.hcaptcha.com", "https://hcaptcha.com https://*.hcaptcha.com")
        }
        _ => ("", ""),
    }
}

/// What a page may beyond the usual, by its `Content-Security-Policy` (CSP 3). The members are origins (`https://app.test`) or
/// schemes (`app:`); anything else is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PagePolicy {
    /// Where its forms may be sent beside this server. Browsers apply it to redirects of the answer too.
    pub form_action: Vec<String>,
    /// Whose pages may frame it. Empty: nobody's.
    pub frame_ancestors: Vec<String>,
    /// What it may frame.
    pub frame_src: Vec<String>,
    /// Origin of a captcha's script. It may load from the known additional origins of its service too, and use inline styles.
    /// These scripts do not support Trusted Types, so a page with one does not require them.
    pub captcha: Option<String>,
}

impl PagePolicy {
    /// A page with a form that is sent to another origin.
    #[must_use]
    pub fn form_to(origin: Option<String>) -> Self {
        Self { form_action: origin.into_iter().collect(), ..Self::default() }
    }
    /// What either of them allows.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.form_action.extend_from_slice(&other.form_action);
        self.frame_ancestors.extend_from_slice(&other.frame_ancestors);
        self.frame_src.extend_from_slice(&other.frame_src);
        self.captcha = self.captcha.or_else(|| other.captcha.clone());
        self
    }
    /// The value of the header. `nonce` is that of the page's own style.
    #[must_use]
    pub fn header(&self, nonce: &str) -> String {
        let nonce: String = nonce
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '='))
            .collect();
        let captcha = self.captcha.as_deref().filter(|origin| is_source(origin));
        let (scripts, frames) = captcha.map(companions).unwrap_or_default();
        let from = |first: &'static str, captcha: Option<&str>, more: &str, list: &[String]| {
            let list = list.iter().map(String::as_str).filter(|source| is_source(source));
            let all = [first].into_iter().chain(captcha).chain(more.split_whitespace()).chain(list);
            all.filter(|source| !source.is_empty()).collect::<Vec<_>>().join(" ")
        };
        let own = from("'self'", captcha, scripts, &[]);
        let forms = from("'self'", None, "", &self.form_action);
        let ancestors = match from("", None, "", &self.frame_ancestors) {
            none if none.is_empty() => "'none'".to_owned(),
            some => some,
        };
        let mut policy = format!(
            "default-src 'none'; script-src {own}; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: https:; \
             connect-src {own}; form-action {forms}; frame-ancestors {ancestors}; base-uri 'none'"
        );
        if captcha.is_none() {
            policy.push_str("; require-trusted-types-for 'script'");
        }
        let framed = from("", captcha, frames, &self.frame_src);
        if !framed.is_empty() {
            policy.push_str(&format!("; frame-src {framed}"));
        }
        if captcha.is_some() {
            policy.push_str("; style-src-attr 'unsafe-inline'");
        }
        policy
    }
}

/// Whether it is a plain source expression: origins come from settings.
fn is_source(source: &str) -> bool {
    !source.is_empty()
        && source.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'.' | b'-' | b'_' | b'[' | b']' | b'+')
        })
}

#[cfg(test)]
mod tests {
    use super::{PagePolicy, language};

    fn captcha(origin: &str) -> String {
        PagePolicy { captcha: Some(origin.to_owned()), ..PagePolicy::default() }.header("n")
    }

    #[test]
    fn the_policy_takes_only_plain_sources() {
        let sources = ["https://app.test", "x; script-src *", "'unsafe-inline'", "*", "app:"];
        let list = || sources.map(str::to_owned).to_vec();
        let policy =
            PagePolicy { form_action: list(), frame_ancestors: list(), frame_src: list(), captcha: None };
        let policy = policy.header("abc");
        assert!(
            policy.contains(
                "; form-action 'self' https://app.test app:; frame-ancestors https://app.test app:; "
            ) && policy.ends_with("; frame-src https://app.test app:"),
            "{policy}"
        );
        assert!(policy.contains("'nonce-abc'"));
        assert!(!PagePolicy::default().header("a'; script-src *").contains("script-src *"));
    }

    #[test]
    fn a_page_may_nothing_unless_its_policy_says_so() {
        let plain = PagePolicy::default().header("n");
        assert!(
            plain.contains("form-action 'self'; frame-ancestors 'none';")
                && plain.ends_with("; require-trusted-types-for 'script'"),
            "{plain}"
        );
        let form = PagePolicy::form_to(Some("https://a.test".into()));
        let framed = PagePolicy { frame_ancestors: vec!["https://b.test".into()], ..PagePolicy::default() };
        let both = form.and(&framed).header("n");
        assert!(
            both.contains("form-action 'self' https://a.test; frame-ancestors https://b.test;"),
            "{both}"
        );
    }

    #[test]
    fn a_captcha_opens_the_policy_for_its_hosts_and_nothing_else() {
        let own = captcha("https://captcha.test");
        assert!(
            own.contains("script-src 'self' https://captcha.test;")
                && own.contains("frame-src https://captcha.test;")
                && !own.contains("trusted-types")
        );
        assert!(
            own.contains("default-src 'none'")
                && own.contains("frame-ancestors 'none'")
                && !own.contains("gstatic")
        );
        assert!(captcha("https://www.recaptcha.net").contains("https://www.gstatic.com"));
        assert_eq!(captcha("https://x; script-src *"), PagePolicy::default().header("n"));
    }

    #[test]
    fn pages_a5_no_language_is_named_that_is_not_spoken() {
        for wish in ["de", "ar-EG", "pt_BR", "\"><script>", "", "en-GB", "EN"] {
            assert_eq!(language(wish), "en", "{wish}");
        }
    }
}
