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

/// Origins of other hosts that a page loads from. Most pages have none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExternalOrigins<'a> {
    /// Origin of a captcha's script.
    pub captcha: Option<&'a str>,
    /// Origin of a frame.
    pub frame: Option<&'a str>,
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

/// The Content-Security-Policy of a page with resources of other hosts; the one of [`csp`] for a page
/// without.
///
/// A captcha's script may load from its own origin and the known additional ones, and may use inline styles.
/// These scripts do not support Trusted Types, so pages with a captcha do not require them.
#[must_use]
pub fn csp_with(nonce: &str, form_action_extra: &[&str], external_origins: &ExternalOrigins) -> String {
    let mut policy = csp(nonce, form_action_extra);
    // Origins come from settings: anything but plain origin characters is refused.
    let plain = |origin: &&str| {
        !origin.is_empty()
            && origin
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'.' | b'-' | b'[' | b']'))
    };
    if let Some(captcha) = external_origins.captcha.filter(plain) {
        let (scripts, frames) = companions(captcha);
        let join = |rest: &str| format!("{captcha} {rest}").trim_end().to_owned();
        policy = policy
            .replace("; require-trusted-types-for 'script'", "")
            .replace("script-src 'self'", &format!("script-src 'self' {}", join(scripts)))
            .replace("connect-src 'self'", &format!("connect-src 'self' {}", join(scripts)));
        policy.push_str(&format!("; frame-src {}; style-src-attr 'unsafe-inline'", join(frames)));
    } else if let Some(frame) = external_origins.frame.filter(plain) {
        policy.push_str(&format!("; frame-src {frame}"));
    }
    policy
}

/// The `Content-Security-Policy` of a page. `form_action_extra`: origins that forms of this page may post to
/// beside this one (self-submitting forms); entries that are not plain source expressions are dropped.
#[must_use]
pub fn csp(nonce: &str, form_action_extra: &[&str]) -> String {
    let nonce: String = nonce
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '='))
        .collect();
    let mut forms = String::from("'self'");
    for source in form_action_extra {
        let plain = !source.is_empty()
            && source.bytes().all(|b| {
                b.is_ascii_alphanumeric()
                    || matches!(b, b':' | b'/' | b'.' | b'-' | b'_' | b'[' | b']' | b'+')
            });
        if plain {
            forms.push(' ');
            forms.push_str(source);
        }
    }
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: https:; \
         connect-src 'self'; form-action {forms}; frame-ancestors 'none'; base-uri 'none'; \
         require-trusted-types-for 'script'"
    )
}

#[cfg(test)]
mod tests {
    use super::{ExternalOrigins, csp, csp_with, language};

    #[test]
    fn the_policy_takes_only_plain_sources() {
        let policy = csp("abc", &["https://app.test", "x; script-src *", "'unsafe-inline'"]);
        assert!(policy.contains("form-action 'self' https://app.test; frame-ancestors 'none'"));
        assert!(policy.contains("'nonce-abc'"));
        assert!(!csp("a'; script-src *", &[]).contains("script-src *"));
    }

    #[test]
    fn a_captcha_opens_the_policy_for_its_hosts_and_nothing_else() {
        let plain = csp("n", &[]);
        assert_eq!(csp_with("n", &[], &ExternalOrigins::default()), plain);
        let own = csp_with("n", &[], &ExternalOrigins { captcha: Some("https://captcha.test"), frame: None });
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
        assert!(
            csp_with("n", &[], &ExternalOrigins { captcha: Some("https://www.recaptcha.net"), frame: None })
                .contains("https://www.gstatic.com")
        );
        assert_eq!(
            csp_with("n", &[], &ExternalOrigins { captcha: Some("https://x; script-src *"), frame: None }),
            plain
        );
        let frame =
            csp_with("n", &[], &ExternalOrigins { captcha: None, frame: Some("https://device.test") });
        assert!(frame.ends_with("require-trusted-types-for 'script'; frame-src https://device.test"));
    }

    #[test]
    fn pages_a5_no_language_is_named_that_is_not_spoken() {
        for wish in ["de", "ar-EG", "pt_BR", "\"><script>", "", "en-GB", "EN"] {
            assert_eq!(language(wish), "en", "{wish}");
        }
    }
}
