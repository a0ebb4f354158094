//! The library: the applications that a person may open.

use maud::{Markup, html};

use crate::icons::{Icon, icon, icon_s};
use crate::shell::{Page, Shell};
use crate::ui::{hidden, monogram};
use crate::url::{safe_href, safe_image};

/// Who is signed in, for the menu in the top bar.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// Name as shown.
    pub name: &'a str,
    /// Username.
    pub username: &'a str,
    /// Ways on beside signing out: address and words.
    pub links: &'a [(&'a str, &'a str)],
    /// Where signing out starts.
    pub sign_out_url: &'a str,
    /// Set while an administrator acts as this person.
    pub acting: Option<Acting<'a>>,
}

/// Who acts as the person of the page, and the form that stops it.
#[derive(Debug, Clone, Copy)]
pub struct Acting<'a> {
    /// Username of the administrator.
    pub by: &'a str,
    /// Address that the form posts to.
    pub url: &'a str,
    /// Token against forged posts.
    pub csrf: &'a str,
}

/// One application.
#[derive(Debug, Clone, Default)]
pub struct Tile {
    /// Its name.
    pub name: String,
    /// One line below the name.
    pub description: String,
    /// Where it opens.
    pub launch_url: String,
    /// Address of its picture; without one it gets a monogram.
    pub icon_url: Option<String>,
    /// Heading it stands under; empty is the group without a name.
    pub group: String,
    /// Opens in a tab of its own.
    pub new_tab: bool,
}

/// The library page.
pub struct LibraryPage<'a> {
    /// What every page needs.
    pub page: Page<'a>,
    /// Who is signed in.
    pub account: Account<'a>,
    /// The applications that match `query`, in the order shown.
    pub tiles: &'a [Tile],
    /// What was searched for; empty shows everything.
    pub query: &'a str,
    /// Address of this page.
    pub url: &'a str,
}

/// Writes the library.
#[must_use]
pub fn library_page(library: &LibraryPage) -> Markup {
    let LibraryPage { page, account, tiles, query, url } = library;
    let searched = !query.is_empty();
    let body = html! {
        (top_bar(page, Some(account), url))
        main class="portal" id="main" {
            div class="page-head" {
                div { h1 { "Applications" } }
                @if searched || !tiles.is_empty() { (search(query, tiles.len(), url)) }
            }
            @for (name, tiles) in groups(tiles) { (group(name, &tiles)) }
            @if tiles.is_empty() && !searched { (nothing_yet()) } @else { (nothing_found(query, !tiles.is_empty(), url)) }
            @if !tiles.is_empty() { (hints()) }
        }
    };
    Shell::portal(*page, "Applications", body).render()
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
            span class="grow" {}
            @if let Some(account) = account { (menu(account)) }
        }
        @if let Some((account, acting)) = account.and_then(|account| Some((account, account.acting?))) { (banner(account, &acting)) }
    }
}

/// Says on every page as whom an administrator acts, and how to stop.
fn banner(account: &Account, acting: &Acting) -> Markup {
    html! {
        form class="acting notice notice--warn" method="post" action=[safe_href(acting.url)] aria-label="Acting as somebody else" {
            (icon(Icon::Alert))
            p class="grow" { b { "You act as " bdi { (account.username) } "." } " What you do is recorded under your own name, " bdi { (acting.by) } "." }
            (hidden("csrf", acting.csrf))
            button class="btn" type="submit" { "Stop" }
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
                div data-theme-group hidden role="group" aria-label="Colours" {
                    @for (word, drawing, label) in [
                        ("automatic", Icon::Monitor, "As the system says"),
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
        href if href.starts_with("/if/user/security/") => Icon::Shield,
        href if href.starts_with("/if/flow/") => Icon::User,
        _ => Icon::Code,
    }
}

fn search(query: &str, count: usize, url: &str) -> Markup {
    html! {
        search {
            // `data-find` carries the query that the server has already applied.
            form class="input-wrap find" method="get" action=[safe_href(url)] data-find=(query) {
                (icon_s(Icon::Search))
                input class="input" type="search" name="q" value=(query) autocomplete="off" aria-label="Search applications"
                    placeholder={ "Search " (count) @if count == 1 { " application" } @else { " applications" } };
                span class="kbd" aria-hidden="true" { "/" }
            }
        }
    }
}

/// Tiles by group in the order of their first tile; the group without a name comes first.
fn groups(tiles: &[Tile]) -> Vec<(&str, Vec<&Tile>)> {
    let mut found: Vec<(&str, Vec<&Tile>)> = Vec::new();
    for tile in tiles {
        match found.iter_mut().find(|(name, _)| *name == tile.group) {
            Some((_, list)) => list.push(tile),
            None => found.push((&tile.group, vec![tile])),
        }
    }
    found.sort_by_key(|(name, _)| !name.is_empty());
    found
}

fn group(name: &str, tiles: &[&Tile]) -> Markup {
    let heading = if name.is_empty() { "My applications" } else { name };
    html! {
        section class="group" data-group {
            h2 { bdi { (heading) } span class="count" { (tiles.len()) } }
            ul class="tiles" { @for one in tiles { li data-text={ (one.name) " " (one.description) " " (one.group) } { (tile(one)) } } }
        }
    }
}

fn tile(tile: &Tile) -> Markup {
    let picture = tile.icon_url.as_deref().filter(|url| !url.is_empty()).and_then(safe_image);
    let inner = html! {
        @if let Some(url) = picture {
            img class="app-i" src=(url) alt="" width="40" height="40" loading="lazy" referrerpolicy="no-referrer";
        } @else {
            (monogram("mono mono--app mono--m", &tile.name, 2))
        }
        span class="tile__t" {
            b { bdi { (tile.name) } }
            @if !tile.description.is_empty() { span { bdi { (tile.description) } } }
        }
    };
    html! {
        @if let Some(href) = safe_href(&tile.launch_url) {
            a class="tile" href=(href) target=[tile.new_tab.then_some("_blank")] rel=[tile.new_tab.then_some("noopener")] {
                (inner)
                (icon_s(Icon::External))
                @if tile.new_tab { span class="vh" { "(opens a new tab)" } }
            }
        } @else {
            div class="tile tile--wait" { (inner) }
        }
    }
}

fn nothing_yet() -> Markup {
    html! {
        section class="panel" {
            div class="empty" {
                span class="empty__art" { (icon(Icon::Apps)) }
                h2 { "No applications yet" }
                p { "When an administrator gives you access to something, it appears here." }
            }
        }
    }
}

/// Repeats the query and offers to clear it. Waits hidden for the live search while there are results.
fn nothing_found(query: &str, hidden: bool, url: &str) -> Markup {
    html! {
        section class="panel" data-none hidden[hidden] {
            div class="empty" {
                h2 { "Nothing matches “" bdi data-none-query { (query) } "”" }
                p { "Check the spelling, or " @if let Some(url) = safe_href(url) { a href=(url) { "show all applications" } } "." }
            }
        }
    }
}

fn hints() -> Markup {
    html! {
        div class="hintbar" aria-hidden="true" data-hints hidden {
            span { @for key in ["↑", "↓", "←", "→"] { kbd class="kbd" { (key) } } " move" }
            span { kbd class="kbd" { "Enter" } " open" }
            span { kbd class="kbd" { "/" } " search" }
        }
    }
}
