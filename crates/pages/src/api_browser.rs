//! The API browser: the operations of the OpenAPI document, with a form to try those that only read.

use maud::{Markup, html};

use crate::icons::{Icon, icon_s};
use crate::portal::{Account, top_bar};
use crate::shell::{Page, Shell};
use crate::ui;

/// Renders the page. Its module loads the OpenAPI document from `schema_url`, a URL on this host.
#[must_use]
pub fn api_browser_page(page: Page, account: Option<Account>, schema_url: &str) -> Markup {
    let body = html! {
        (top_bar(&page, account.as_ref(), "/"))
        main class="portal" id="main" {
            div class="page-head" {
                div {
                    h1 { "API" }
                    p { "All operations by subject. " (ui::link(schema_url, "Get the OpenAPI document")) }
                }
                div class="input-wrap find" {
                    (icon_s(Icon::Search))
                    input class="input" type="search" aria-label="Search operations" placeholder="Search operations" autocomplete="off" data-api-search;
                }
            }
            p class="muted" {
                "Programs send " code { "Authorization: Bearer " i { "token" } } ". A token is made with " code { "POST /core/tokens/" } ", its key is read with "
                code { "GET /core/tokens/{identifier}/view_key/" } ". Here, requests that only read are sent with the session of this browser."
            }
            noscript { (ui::notice(ui::NoticeKind::Info, "The list needs JavaScript.", "The OpenAPI document above holds the same without it.")) }
            p class="muted" role="status" data-api-status { "Loading…" }
            div class="ops" data-schema=(schema_url) {}
        }
    };
    Shell { script: "api", ..Shell::portal(page, "API", body) }.render()
}
