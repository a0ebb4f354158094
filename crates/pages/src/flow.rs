//! The page of a flow stage: one card with a fixed order of parts.

use std::fmt::Write;
use std::sync::LazyLock;

use maud::{Markup, PreEscaped, html};

use crate::brand::{Brand, picture};
use crate::shell::{Frame, Page, Shell};
use crate::ui::{Person, person_chip};
use crate::url::safe_href;

/// Position of the card. Below 960 px all layouts are `Stacked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Centred.
    #[default]
    Stacked,
    /// Left half.
    ContentLeft,
    /// Right half.
    ContentRight,
    /// A full-height column at the left.
    SidebarLeft,
    /// A full-height column at the right.
    SidebarRight,
    /// Left column beside a framed background.
    SidebarLeftFrameBackground,
    /// Right column beside a framed background.
    SidebarRightFrameBackground,
}

impl Layout {
    /// All layouts, in the order of the API.
    pub const ALL: [Self; 7] = [
        Self::Stacked,
        Self::ContentLeft,
        Self::ContentRight,
        Self::SidebarLeft,
        Self::SidebarRight,
        Self::SidebarLeftFrameBackground,
        Self::SidebarRightFrameBackground,
    ];

    /// Parses the API's value; an unknown one is `Stacked`.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        Self::ALL.into_iter().find(|layout| layout.word() == word).unwrap_or_default()
    }

    /// The API's value.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stacked => "stacked",
            Self::ContentLeft => "content_left",
            Self::ContentRight => "content_right",
            Self::SidebarLeft => "sidebar_left",
            Self::SidebarRight => "sidebar_right",
            Self::SidebarLeftFrameBackground => "sidebar_left_frame_background",
            Self::SidebarRightFrameBackground => "sidebar_right_frame_background",
        }
    }
}

/// Title and sentence of a card.
#[derive(Debug, Clone)]
pub struct Heading {
    /// The title without markup, for `<title>`.
    pub plain: String,
    /// The title; names in it are in `<bdi>`.
    pub title: Markup,
    /// A sentence below the title.
    pub sentence: Option<Markup>,
}

impl Heading {
    /// A title without names in it.
    #[must_use]
    pub fn new(title: &str) -> Self {
        Self { plain: title.to_owned(), title: html! { (title) }, sentence: None }
    }

    /// A title with a name between `before` and `after`.
    #[must_use]
    pub fn with_name(before: &str, name: &str, after: &str) -> Self {
        Self {
            plain: format!("{before}{name}{after}"),
            title: html! { (before) bdi { (name) } (after) },
            sentence: None,
        }
    }

    /// Adds the sentence.
    #[must_use]
    pub fn sentence(mut self, sentence: Markup) -> Self {
        self.sentence = Some(sentence);
        self
    }

    /// Adds "Continue to" and the application's name, if there is one.
    #[must_use]
    pub fn continue_to(self, application: Option<&str>) -> Self {
        match application.filter(|name| !name.is_empty()) {
            Some(name) => self.sentence(html! { "Continue to " b { bdi { (name) } } }),
            None => self,
        }
    }

    pub(crate) fn header(&self) -> Markup {
        html! {
            header class="card__head" {
                h1 id="h" dir="auto" { (self.title) }
                @if let Some(sentence) = &self.sentence { p dir="auto" { (sentence) } }
            }
        }
    }
}

/// A stage of a flow.
pub struct FlowPage<'a> {
    /// Page data.
    pub page: Page<'a>,
    /// Layout.
    pub layout: Layout,
    /// URL of the background; empty or the default shows the rosette.
    pub background: &'a str,
    /// Title and sentence.
    pub heading: Heading,
    /// False if the body has its own title ("Opening …").
    pub show_heading: bool,
    /// Content above the title.
    pub above: Option<Markup>,
    /// The user who signs in.
    pub person: Option<Person<'a>>,
    /// The form, alternatives, and links out.
    pub body: Markup,
    /// A card of 480 px instead of 400.
    pub wide: bool,
    /// Redirect to this URL immediately (`<meta http-equiv="refresh">`).
    pub refresh: Option<&'a str>,
}

/// Renders a stage as a document.
#[must_use]
pub fn flow_page(flow: FlowPage) -> Markup {
    let Page { brand, theme, .. } = flow.page;
    let title = flow.heading.plain.clone();
    let class = if flow.wide { "card card--wide" } else { "card" };
    let body = html! {
        div class="flow__bg" aria-hidden="true" { @if picture(Some(flow.background)).is_none() { (rosette()) } }
        main class="flow__main" id="main" {
            section class=(class) aria-labelledby="h" {
                div class="card__brand" { (brand.lockup(theme)) }
                @if let Some(above) = flow.above { (above) }
                @if flow.show_heading { (flow.heading.header()) }
                @if let Some(person) = &flow.person { (person_chip(person)) }
                (flow.body)
            }
        }
        (footer(brand))
    };
    Shell {
        page: flow.page,
        title: &title,
        style: "flow",
        script: "flow",
        times: false,
        background: Some(flow.background),
        refresh: flow.refresh.and_then(safe_href),
        frame: Frame::Flow { layout: flow.layout.word() },
        body,
    }
    .render()
}

fn footer(brand: &Brand) -> Markup {
    html! {
        footer class="flow__foot" id="foot" {
            @for link in &brand.footer_links {
                @if let Some(href) = safe_href(&link.href) { a href=(href) { bdi { (link.name) } } } @else { span { bdi { (link.name) } } }
            }
        }
    }
}

/// The rosette: three rings of rotated ellipses, 72 in all. Each ring draws one fan and repeats it, which
/// needs a third of the bytes.
fn rosette() -> Markup {
    static DRAWING: LazyLock<String> = LazyLock::new(|| {
        let mut out = String::with_capacity(2000);
        // Semi-axes, first angle and step in tenths of a degree, ellipses per fan, fans.
        for (ring, (rx, ry, first, step, fan, fans)) in
            [(560, 250, 0, 60, 5, 6), (390, 150, 30, 75, 4, 6), (250, 66, 50, 100, 3, 6)]
                .into_iter()
                .enumerate()
        {
            let _ = write!(out, r#"<g id="fan{ring}">"#);
            for turn in 0..fan {
                // Writing to a String cannot fail.
                let _ = write!(
                    out,
                    r#"<ellipse rx="{rx}" ry="{ry}" transform="rotate({})"/>"#,
                    degrees(first + turn * step)
                );
            }
            out.push_str("</g>");
            for turn in 1..fans {
                let _ = write!(
                    out,
                    r##"<use href="#fan{ring}" transform="rotate({})"/>"##,
                    degrees(turn * fan * step)
                );
            }
        }
        out
    });
    // Raw: a constant drawing.
    html! { svg class="rosette" viewBox="-620 -620 1240 1240" width="0" height="0" aria-hidden="true" { (PreEscaped(DRAWING.as_str())) } }
}

fn degrees(tenths: i32) -> f64 {
    f64::from(tenths) / 10.0
}

#[cfg(test)]
mod tests {
    use super::{Layout, rosette};

    #[test]
    fn the_rosette_has_72_ellipses() {
        let drawing = rosette().into_string();
        let of_ring = |ring: &str| {
            let (_, rest) = drawing.split_once(&format!("<g id=\"{ring}\">")).unwrap();
            let (fan, _) = rest.split_once("</g>").unwrap();
            fan.matches("<ellipse").count() * (1 + drawing.matches(&format!("href=\"#{ring}\"")).count())
        };
        assert_eq!(["fan0", "fan1", "fan2"].map(of_ring), [30, 24, 18]);
        assert!(drawing.contains("rotate(10.5)") && drawing.contains("rotate(150)"));
        assert!(drawing.len() < 2000, "{} bytes", drawing.len());
    }

    #[test]
    fn unknown_layouts_are_stacked() {
        for layout in Layout::ALL {
            assert_eq!(Layout::parse(layout.word()), layout);
        }
        assert_eq!(Layout::parse("<x>"), Layout::Stacked);
    }
}
