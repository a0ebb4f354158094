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
    /// Language of the words on the page as a BCP 47 tag; sets the direction of writing too. The words are English.
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
        Self { page, title, style: "portal", script: "portal", background: None, refresh: None, frame: Frame::Plain, body }
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
            html lang=(language(locale)) dir=(direction(locale)) data-theme=[theme.attribute()] {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                    meta name="robots" content="noindex";
                    // Applications that get a form post may check its origin, so other sites see that much and no more.
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

/// The tag when it looks like one, else English.
fn language(locale: &str) -> String {
    let tag = locale.replace('_', "-");
    let fine = !tag.is_empty() && tag.len() <= 35 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fine { tag } else { "en".to_owned() }
}

/// Right to left for the languages written so.
fn direction(locale: &str) -> &'static str {
    match locale.split(['-', '_']).next().unwrap_or_default() {
        "ar" | "ckb" | "dv" | "fa" | "he" | "ps" | "sd" | "ug" | "ur" | "yi" => "rtl",
        _ => "ltr",
    }
}

/// The `Content-Security-Policy` of a page. `form_action_extra` names the origins that forms of this page may reach
/// beside our own (an auto-submitted form); entries that are no plain source expression are left out.
#[must_use]
pub fn csp(nonce: &str, form_action_extra: &[&str]) -> String {
    let nonce: String = nonce.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=')).collect();
    let mut forms = String::from("'self'");
    for source in form_action_extra {
        let plain = !source.is_empty() && source.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'.' | b'-' | b'_' | b'[' | b']' | b'+'));
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
    use super::{csp, direction, language};

    #[test]
    fn the_policy_takes_only_plain_sources() {
        let policy = csp("abc", &["https://app.test", "x; script-src *", "'unsafe-inline'"]);
        assert!(policy.contains("form-action 'self' https://app.test; frame-ancestors 'none'"));
        assert!(policy.contains("'nonce-abc'"));
        assert!(!csp("a'; script-src *", &[]).contains("script-src *"));
    }

    #[test]
    fn languages_are_checked() {
        assert_eq!(language("pt_BR"), "pt-BR");
        assert_eq!(language("\"><script>"), "en");
        assert_eq!(language(""), "en");
        assert_eq!(direction("ar-EG"), "rtl");
        assert_eq!(direction("de"), "ltr");
    }
}
