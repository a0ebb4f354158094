//! A brand's part of every page: name, logo, colour, background, links.

use maud::{Markup, html};

use crate::icons::mark;
use crate::url::{css_url, safe_image};

/// The default logo of brands. Pages draw it as inline SVG in the brand's colour.
pub const DEFAULT_LOGO: &str = "/static/dist/assets/icons/icon_left_brand.svg";
/// The default background of brands; pages draw it as the rosette.
pub const DEFAULT_BACKGROUND: &str = "/static/dist/assets/images/flow_background.jpg";
/// The cookie with a user's theme.
pub const THEME_COOKIE: &str = "signet_theme";

/// Colour theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system prefers.
    #[default]
    Automatic,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// Parses `automatic`, `light` or `dark`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "automatic" => Some(Self::Automatic),
            "light" => Some(Self::Light),
            "dark" => Some(Self::Dark),
            _ => None,
        }
    }

    /// The theme in a `Cookie` header; `None` if there is none, so that the brand's setting applies.
    #[must_use]
    pub fn from_cookies(header: &str) -> Option<Self> {
        header.split(';').find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            if name == THEME_COOKIE { Self::parse(value) } else { None }
        })
    }

    /// The value of `data-theme`; `None` for the system's preference.
    pub(crate) fn attribute(self) -> Option<&'static str> {
        match self {
            Self::Automatic => None,
            Self::Light => Some("light"),
            Self::Dark => Some("dark"),
        }
    }
}

/// A link below the sign-in card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FooterLink {
    /// The label.
    pub name: String,
    /// The URL; empty shows the label without a link.
    pub href: String,
}

/// The data of a brand that pages show.
#[derive(Debug, Clone, Default)]
pub struct Brand {
    /// The name beside the logo and in the window's title.
    pub title: String,
    /// URL of the logo, shown at most 32 px high. `%(theme)s` is replaced by `light` or `dark`.
    pub logo: String,
    /// URL of the favicon.
    pub favicon: String,
    /// Whether the logo contains the name: the title is then for screen readers only.
    pub wordmark: bool,
    /// Accent colour: `#rgb`, `#rrggbb` or `oklch(…)`; other values are ignored.
    pub color: Option<String>,
    /// CSS added to every page.
    pub custom_css: String,
    /// Links below the sign-in card.
    pub footer_links: Vec<FooterLink>,
}

impl Brand {
    /// Logo and title, for cards and the top bar.
    pub(crate) fn lockup(&self, theme: Theme) -> Markup {
        html! {
            (self.logo(theme))
            span class=[self.stands_alone().then_some("vh")] dir="auto" { (self.title) }
        }
    }

    fn stands_alone(&self) -> bool {
        self.wordmark && self.logo != DEFAULT_LOGO && safe_image(&self.logo).is_some()
    }

    /// The logo; the default logo unless the brand has its own. It has no alternative text, since the title
    /// is beside it.
    pub(crate) fn logo(&self, theme: Theme) -> Markup {
        if self.logo.is_empty() || self.logo == DEFAULT_LOGO {
            return mark("mark mark--m");
        }
        let themed = |word: &str| self.logo.replace("%(theme)s", word);
        let (light, dark) = match theme {
            Theme::Light => (themed("light"), None),
            Theme::Dark => (themed("dark"), None),
            Theme::Automatic => (themed("light"), self.logo.contains("%(theme)s").then(|| themed("dark"))),
        };
        let Some(light) = safe_image(&light) else { return mark("mark mark--m") };
        html! {
            picture {
                @if let Some(dark) = dark.as_deref().and_then(safe_image) {
                    source srcset=(dark) media="(prefers-color-scheme: dark)";
                }
                img class="logo" src=(light) alt="";
            }
        }
    }

    /// The brand's style rules: colour, background image, custom CSS. Empty if there are none.
    ///
    /// `background` is a URL; the default one and an unsafe one leave the rosette.
    pub(crate) fn style(&self, background: Option<&str>) -> String {
        let mut root = String::new();
        if let Some(color) = self.color.as_deref().and_then(color) {
            root.push_str(&format!("--brand:{color};"));
            if let Some(ink) = rgb(color).map(on_accent) {
                root.push_str(&format!("--on-accent:light-dark({ink},oklch(0.17 0.01 70));"));
            }
        }
        if let Some(image) = picture(background).and_then(css_url) {
            root.push_str(&format!("--flow-image:{image};"));
        }
        let mut css = String::new();
        if !root.is_empty() {
            // `:root:root` has a higher specificity than the style sheet's rule, regardless of order.
            css.push_str(&format!(":root:root{{{root}}}"));
        }
        css.push_str(&close_safe(&self.custom_css));
        css
    }
}

/// The URL of a background image; `None` for the default and for an unsafe URL.
pub(crate) fn picture(background: Option<&str>) -> Option<&str> {
    background.filter(|url| !url.is_empty() && *url != DEFAULT_BACKGROUND && safe_image(url).is_some())
}

/// Whether the text is an accepted colour: `#rgb`, `#rrggbb` or `oklch(…)`.
#[must_use]
pub fn is_color(text: &str) -> bool {
    color(text).is_some()
}

/// Black or white, whichever contrasts more with the colour; white if the colour cannot be parsed.
#[must_use]
pub fn ink_on(color: &str) -> &'static str {
    rgb(color).map_or("#fff", on_accent)
}

/// `<\/` equals `</` in CSS, but does not end the style element in HTML.
fn close_safe(css: &str) -> String {
    css.replace("</", "<\\/")
}

/// The colour, if it has an accepted form.
fn color(text: &str) -> Option<&str> {
    let text = text.trim();
    if rgb(text).is_some() {
        return Some(text);
    }
    let inner = text.strip_prefix("oklch(")?.strip_suffix(')')?;
    let plain = inner.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ' ' | '%' | '-'));
    (plain && inner.split_whitespace().count() == 3).then_some(text)
}

/// The channels of `#rgb` or `#rrggbb`.
fn rgb(text: &str) -> Option<[u8; 3]> {
    let hex = text.trim().strip_prefix('#')?;
    if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let value = u32::from_str_radix(hex, 16).ok()?;
    match hex.len() {
        3 => Some([(value >> 8 & 15) as u8 * 17, (value >> 4 & 15) as u8 * 17, (value & 15) as u8 * 17]),
        6 => Some([(value >> 16 & 255) as u8, (value >> 8 & 255) as u8, (value & 255) as u8]),
        _ => None,
    }
}

/// Black or white, whichever has the higher WCAG contrast. One of them always reaches 4.58:1.
fn on_accent(channels: [u8; 3]) -> &'static str {
    let linear = |c: u8| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    let [r, g, b] = channels.map(linear);
    let luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 { "#fff" } else { "#000" }
}

#[cfg(test)]
mod tests {
    use super::{Brand, DEFAULT_BACKGROUND, Theme, color, on_accent, rgb};

    #[test]
    fn colours_are_checked() {
        for good in ["#0f766e", "#FFF", "oklch(0.37 0.085 266)", "oklch(37% 0.1 20)"] {
            assert!(color(good).is_some(), "{good}");
        }
        for bad in ["red;}", "#12", "#ggg", "#+1", "oklch(0 0)", "oklch(1 1 1);x:(1 1 1)", "url(x)", ""] {
            assert!(color(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn ink_on_the_colour_is_the_better_one() {
        assert_eq!(rgb("#f5c518").map(on_accent), Some("#000"));
        assert_eq!(rgb("#0f766e").map(on_accent), Some("#fff"));
        assert_eq!(rgb("#111").map(on_accent), Some("#fff"));
        assert_eq!(rgb("#fff").map(on_accent), Some("#000"));
    }

    #[test]
    fn custom_css_cannot_leave_its_element() {
        let brand = Brand { custom_css: "a{} </style><script>x</script>".into(), ..Brand::default() };
        assert!(!brand.style(None).contains("</"));
    }

    #[test]
    fn the_default_background_is_the_rosette() {
        let brand = Brand::default();
        assert_eq!(brand.style(Some(DEFAULT_BACKGROUND)), "");
        assert!(brand.style(Some("/media/hill.jpg")).contains("--flow-image:url(\"/media/hill.jpg\")"));
    }

    #[test]
    fn the_theme_comes_from_its_cookie() {
        assert_eq!(Theme::from_cookies("a=b; signet_theme=dark"), Some(Theme::Dark));
        assert_eq!(Theme::from_cookies("signet_theme=pink"), None);
        assert_eq!(Theme::from_cookies(""), None);
    }

    #[test]
    fn logos_follow_the_theme() {
        let brand = Brand { logo: "/l-%(theme)s.svg".into(), ..Brand::default() };
        assert!(brand.logo(Theme::Dark).into_string().contains("/l-dark.svg"));
        let both = brand.logo(Theme::Automatic).into_string();
        assert!(both.contains("/l-dark.svg") && both.contains("/l-light.svg"));
        let bad = Brand { logo: "javascript:x".into(), ..Brand::default() };
        assert!(bad.logo(Theme::Light).into_string().contains("<svg"));
    }
}
