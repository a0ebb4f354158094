//! Pages that only say something: errors, first steps.

use maud::{Markup, html};

use crate::form::help_desk;
use crate::icons::{Icon, icon};
use crate::portal::top_bar;
use crate::shell::{Page, Shell};
use crate::ui;

/// Something that could not be shown.
pub struct ErrorPage<'a> {
    /// What every page needs.
    pub page: Page<'a>,
    /// Said in the window's title; clients of the wire look for the brand alone where there is nothing.
    pub window: &'a str,
    /// What happened.
    pub title: &'a str,
    /// What to do.
    pub text: &'a str,
    /// Id under which administrators find this request.
    pub request_id: Option<&'a str>,
    /// Way home.
    pub home_url: &'a str,
    /// The filled button, where something else than the way home helps: address and words.
    pub way_on: Option<(&'a str, &'a str)>,
    /// Name or address of the help desk.
    pub help: &'a str,
}

/// Writes an error page.
#[must_use]
pub fn error_page(error: &ErrorPage) -> Markup {
    let main = html! {
        @let (url, label) = error.way_on.unwrap_or((error.home_url, "Go to my applications"));
        (ui::link_primary(url, label))
        @if let Some(id) = error.request_id {
            (ui::trace(id))
            p class="help" { "Give this id to " (help_desk(error.help)) " if you need help." }
        }
    };
    message(error.page, error.window, error.title, error.text, Icon::Error, error.home_url, main)
}

/// Something to know before going on, with one way on.
pub struct NoticePage<'a> {
    /// What every page needs.
    pub page: Page<'a>,
    /// The fact.
    pub title: &'a str,
    /// What it means.
    pub text: &'a str,
    /// The way on: address and words of the button.
    pub action: Option<(&'a str, &'a str)>,
}

/// Writes a notice page.
#[must_use]
pub fn notice_page(notice: &NoticePage) -> Markup {
    let main = html! { @if let Some((href, label)) = notice.action { (ui::link_primary(href, label)) } };
    message(notice.page, notice.title, notice.title, notice.text, Icon::Info, "/", main)
}

fn message(
    page: Page,
    window: &str,
    title: &str,
    text: &str,
    drawing: Icon,
    home: &str,
    main: Markup,
) -> Markup {
    let body = html! {
        (top_bar(&page, None, home))
        main class="portal" id="main" {
            section class="panel message" {
                div class="empty" {
                    span class="empty__art" { (icon(drawing)) }
                    h1 dir="auto" { (title) }
                    p dir="auto" { (text) }
                    div class="stack" { (main) }
                }
            }
        }
    };
    Shell { script: "flow", ..Shell::portal(page, window, body) }.render()
}
