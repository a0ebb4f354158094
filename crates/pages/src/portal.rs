//! The top bar of the portal: places, the account menu, and who acts as whom.

use maud::{Markup, html};

use crate::icons::{Icon, icon, icon_s};
use crate::shell::Page;
use crate::ui::{hidden, monogram};
use crate::url::safe_href;

/// Who is signed in, for the menu in the top bar.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Name as shown.
    pub name: &'a str,
    /// Username.
    pub username: &'a str,
    /// Ways on beside signing out: address and words.
    pub links: &'a [(String, &'a str)],
    /// May administer: the way there stands in the top bar.
    pub is_admin: bool,
    /// The address among the places of the top bar where this page is.
    pub here: &'a str,
    /// Where signing out starts.
    pub sign_out_url: &'a str,
    /// Set while an administrator acts as this person.
    pub impersonation: Option<Impersonation<'a>>,
}

/// Who acts as the person of the page, and the form that stops it.
#[derive(Debug, Clone, Copy)]
pub struct Impersonation<'a> {
    /// Username of the administrator.
    pub by: &'a str,
    /// Address that the form posts to.
    pub url: &'a str,
    /// Token against forged posts.
    pub csrf: &'a str,
}

/// The top bar with the brand and, when somebody is signed in, their menu.
pub(crate) fn top_bar(page: &Page, account: Option<&Account>, home: &str) -> Markup {
    html! {
        header class="topbar" {
            @if let Some(home) = safe_href(home) {
                a class="topbar__brand" href=(home) { (page.brand.lockup(page.theme)) }
            } @else {
                span class="topbar__brand" { (page.brand.lockup(page.theme)) }
            }
            @if let Some(account) = account {
                (places(account))
                span class="grow" {}
                (menu(account))
            }
        }
        @if let Some((account, impersonation)) = account.and_then(|account| Some((account, account.impersonation?))) { (banner(&page.brand.title, account, &impersonation)) }
    }
}

/// Where one can go from everywhere; at the bottom of the window on phones.
fn places(account: &Account) -> Markup {
    let all = [
        ("/if/user/", "Applications", Icon::Apps, true),
        ("/if/user/security/", "Settings", Icon::Sliders, true),
        ("/if/admin/", "Admin", Icon::Code, account.is_admin),
    ];
    html! {
        nav class="places" aria-label="Places" {
            @for (href, words, drawing, _) in all.into_iter().filter(|(_, _, _, shown)| *shown) {
                a href=(href) aria-current=[(href == account.here).then_some("page")] { (icon_s(drawing)) span { (words) } }
            }
        }
    }
}

/// Says on every page as whom an administrator acts, and how to stop.
fn banner(brand: &str, account: &Account, impersonation: &Impersonation) -> Markup {
    html! {
        form class="acting notice notice--warn" method="post" action=[safe_href(impersonation.url)] aria-label="Acting as somebody else" {
            (icon(Icon::Alert))
            p class="grow" { b { "You are looking at " bdi { (brand) } " as " bdi { (account.username) } "." } " What you do is recorded under your own name, " bdi { (impersonation.by) } "." }
            (hidden("csrf", impersonation.csrf))
            button class="btn" type="submit" { span { "Back to " bdi { (impersonation.by) } } }
        }
    }
}

fn menu(account: &Account) -> Markup {
    let shown = if account.name.is_empty() { account.username } else { account.name };
    html! {
        details class="who-menu" {
            summary { (monogram("mono mono--s", shown, 2)) span class="vh" { "Account menu of " (shown) } }
            div class="menu" {
                p class="menu__who" {
                    b { bdi { (shown) } }
                    @if account.username != shown { span { bdi { (account.username) } } }
                }
                hr;
                @for (href, label) in account.links {
                    @if let Some(href) = safe_href(href) { a class="menu__item" href=(href) { (icon_s(drawing(href))) (label) } }
                }
                // The script shows these: without it the choice could not be kept.
                div data-theme-group hidden role="group" aria-labelledby="theme-h" {
                    p class="menu__head" id="theme-h" { "Light and dark" }
                    @for (word, drawing, label) in [
                        ("automatic", Icon::Monitor, "Automatic"),
                        ("light", Icon::Sun, "Light"),
                        ("dark", Icon::Moon, "Dark"),
                    ] {
                        button class="menu__item" type="button" data-theme-choice=(word) aria-pressed="false" { (icon_s(drawing)) (label) }
                    }
                    hr;
                }
                @if let Some(href) = safe_href(account.sign_out_url) {
                    a class="menu__item" href=(href) { (icon_s(Icon::Logout)) "Sign out" }
                }
            }
        }
    }
}

/// The drawing beside a way on, by where it leads.
fn drawing(href: &str) -> Icon {
    match href {
        href if href.starts_with("/if/user/security/") => Icon::Sliders,
        _ => Icon::Code,
    }
}
