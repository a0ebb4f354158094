//! Message pages: errors and notices.

use maud::{Markup, html};

use crate::form::help_desk;
use crate::icons::{Icon, icon};
use crate::portal::{Account, top_bar};
use crate::shell::{Page, Shell};
use crate::ui;

/// An error page.
pub struct ErrorPage<'a> {
    /// Page data.
    pub page: Page<'a>,
    /// The signed-in user, if known: for the account menu.
    pub account: Option<Account<'a>>,
    /// Window title; empty for the brand's title alone, which clients of the wire expect.
    pub window: &'a str,
    /// What happened.
    pub title: &'a str,
    /// What to do.
    pub text: &'a str,
    /// Request id, by which administrators find the request in log and events.
    pub request_id: Option<&'a str>,
    /// URL of the library.
    pub home_url: &'a str,
    /// URL and label of the primary button, if it is not the library.
    pub way_on: Option<(&'a str, &'a str)>,
    /// Name or address of the help desk.
    pub help: &'a str,
}

/// Renders an error page.
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
    message(
        error.page,
        error.account,
        error.window,
        error.title,
        error.text,
        Icon::Error,
        error.home_url,
        main,
    )
}

/// A notice with one action.
pub struct NoticePage<'a> {
    /// Page data.
    pub page: Page<'a>,
    /// Title.
    pub title: &'a str,
    /// Explanation.
    pub text: &'a str,
    /// URL and label of the button.
    pub action: Option<(&'a str, &'a str)>,
}

/// Renders a notice page.
#[must_use]
pub fn notice_page(notice: &NoticePage) -> Markup {
    let main = html! { @if let Some((href, label)) = notice.action { (ui::link_primary(href, label)) } };
    message(notice.page, None, notice.title, notice.title, notice.text, Icon::Info, "/", main)
}

fn message(
    page: Page,
    account: Option<Account>,
    window: &str,
    title: &str,
    text: &str,
    drawing: Icon,
    home: &str,
    main: Markup,
) -> Markup {
    let body = html! {
        (top_bar(&page, account.as_ref(), home))
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
    Shell::portal(page, window, body).render()
}
