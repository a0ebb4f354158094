//! The HTML document around every page, and the policy it is sent with.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::assets::Assets;
use crate::brand::{Brand, Theme};
use crate::url::safe_image;

/// What every page needs.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    /// Whose page this is.
    pub brand: &'a Brand,
    /// Where the browser files are.
    pub assets: &'a dyn Assets,
    /// Language that is wished for, as a BCP 47 tag. The page names the one that it speaks.
    pub locale: &'a str,
    /// Person's choice, else the brand's, else automatic.
    pub theme: Theme,
    /// The value that allows our own `<style>` element; the same one goes into [`csp`].
    pub nonce: &'a str,
}

/// Shape of the `<body>`: its class and, on sign-in pages, its layout.
pub(crate) enum Frame<'a> {
    Flow { layout: &'a str },
    Plain,
}

/// One document.
pub struct Shell<'a> {
    /// What every page needs.
    pub page: Page<'a>,
    /// Title of the page; the brand's title follows it, or stands alone.
    pub title: &'a str,
    /// Logical names of the style sheet and the module, without their endings (`flow`, `portal`).
    pub style: &'a str,
    /// See `style`.
    pub script: &'a str,
    /// Address of a background image.
    pub background: Option<&'a str>,
    /// Follow this address at once; checked by the caller.
    pub refresh: Option<&'a str>,
    pub(crate) frame: Frame<'a>,
    /// Everything inside `<body>` after the skip link.
    pub body: Markup,
}

impl<'a> Shell<'a> {
    /// A document with the style and script of the portal.
    #[must_use]
    pub fn portal(page: Page<'a>, title: &'a str, body: Markup) -> Self {
        Self {
            page,
            title,
            style: "portal",
            script: "portal",
            background: None,
            refresh: None,
            frame: Frame::Plain,
            body,
        }
    }

    /// Writes the document.
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
                    // Applications that get a form post may check its origin, so other sites see that much
                    // and no more.
                    meta name="referrer" content="strict-origin-when-cross-origin";
                    title { (self.title) @if !self.title.is_empty() && !brand.title.is_empty() { " · " } (brand.title) }
                    @if let Some(url) = self.refresh {
                        meta http-equiv="refresh" content={ "0; url=" (url) };
                    }
                    @if let Some(icon) = safe_image(&brand.favicon) { link rel="icon" href=(icon); }
                    @if let Some(url) = assets.url(&format!("{}.css", self.style)) { link rel="stylesheet" href=(url); }
                    // Raw: the brand's rules are checked or made unable to end the element.
                    @if !style.is_empty() { style nonce=(nonce) { (PreEscaped(style)) } }
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

/// Languages in which there are words. A page never names another one: a reader would read English with its
/// voice.
const SPOKEN: &[&str] = &["en"];

/// The spoken language that comes nearest to the wish.
fn language(locale: &str) -> &'static str {
    let wished = locale.split(['-', '_']).next().unwrap_or_default();
    SPOKEN.iter().copied().find(|spoken| spoken.eq_ignore_ascii_case(wished)).unwrap_or("en")
}

/// What a page takes from other hosts, as origins. Most pages take nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExternalOrigins<'a> {
    /// Where the script of a captcha comes from.
    pub captcha: Option<&'a str>,
    /// What is shown in a frame.
    pub frame: Option<&'a str>,
}

/// The hosts that a well-known captcha calls beside its own: scripts, and frames. Another one gets its own
/// origin only.
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

/// The policy of a page that takes something from other hosts, otherwise the one of [`csp`].
///
/// A captcha's script is foreign code: it may load from its own host and from those that it is known to need,
/// and it draws with inline styles. It is not written for Trusted Types, so a page with a captcha goes
/// without them.
#[must_use]
pub fn csp_with(nonce: &str, form_action_extra: &[&str], external_origins: &ExternalOrigins) -> String {
    let mut policy = csp(nonce, form_action_extra);
    // Origins come from settings: only their plain letters get here.
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

/// The `Content-Security-Policy` of a page. `form_action_extra` names the origins that forms of this page may
/// reach beside our own (an auto-submitted form); entries that are no plain source expression are left out.
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
