//! The library: the applications that a person may open.

use maud::{Markup, html};

use crate::icons::{Icon, icon, icon_s};
use crate::shell::{Page, Shell};
use crate::ui::{NoticeKind, hidden, monogram, notice_said};
use crate::url::{safe_href, safe_image};

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

impl Tile {
    /// Whether every word of a search stands in it.
    fn matches(&self, query: &str) -> bool {
        let inside = format!("{} {} {}", self.name, self.description, self.group).to_lowercase();
        query.to_lowercase().split_whitespace().all(|word| inside.contains(word))
    }
}

/// The library page.
pub struct LibraryPage<'a> {
    /// What every page needs.
    pub page: Page<'a>,
    /// Who is signed in.
    pub account: Account<'a>,
    /// All applications of the person, in the order shown.
    pub tiles: &'a [Tile],
    /// Places in `tiles` of those that the person has opened lately, the last one first.
    pub recent: &'a [usize],
    /// What was searched for: the others wait hidden, so that the search can go on in the page. Empty shows
    /// everything.
    pub query: &'a str,
    /// What was just done elsewhere, in words; empty for nothing.
    pub done: &'a str,
    /// Address of this page.
    pub url: &'a str,
}

/// Writes the library.
#[must_use]
pub fn library_page(library: &LibraryPage) -> Markup {
    let LibraryPage { page, account, tiles, recent, query, done, url } = library;
    let found = tiles.iter().filter(|tile| tile.matches(query)).count();
    let body = html! {
        (top_bar(page, Some(account), url))
        main class="portal" id="main" {
            div class="page-head" {
                div { h1 { "Applications" } }
                @if !tiles.is_empty() { (search(query, tiles.len(), url)) }
            }
            @if !done.is_empty() { (notice_said(NoticeKind::Ok, done, "")) }
            (self::recent(recent.iter().filter_map(|at| tiles.get(*at)).collect(), query))
            @let groups = groups(tiles);
            @for (name, tiles) in &groups { (group(name, groups.len() == 1, tiles, query)) }
            @if tiles.is_empty() { (nothing_yet()) } @else { (nothing_found(query, found > 0, url)) }
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
        ("/if/user/security/", "Settings", Icon::Shield, true),
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
        href if href.starts_with("/if/user/security/") => Icon::Shield,
        href if href.starts_with("/if/flow/") => Icon::User,
        _ => Icon::Code,
    }
}

fn search(query: &str, count: usize, url: &str) -> Markup {
    html! {
        search {
            form class="input-wrap find" method="get" action=[safe_href(url)] data-find {
                (icon_s(Icon::Search))
                input class="input" type="search" name="q" value=(query) autocomplete="off" aria-label="Search applications"
                    placeholder={ "Search " (count) @if count == 1 { " application" } @else { " applications" } };
                span class="kbd" aria-hidden="true" { "/" }
            }
        }
    }
}

/// Tiles by group in the order of their first tile; the group without a name comes last.
fn groups(tiles: &[Tile]) -> Vec<(&str, Vec<&Tile>)> {
    let mut found: Vec<(&str, Vec<&Tile>)> = Vec::new();
    for tile in tiles {
        match found.iter_mut().find(|(name, _)| *name == tile.group) {
            Some((_, list)) => list.push(tile),
            None => found.push((&tile.group, vec![tile])),
        }
    }
    found.sort_by_key(|(name, _)| name.is_empty());
    found
}

/// The group without a name is what stands beside the others.
fn group(name: &str, only: bool, tiles: &[&Tile], query: &str) -> Markup {
    let heading = match name {
        "" if only => "All",
        "" => "Others",
        name => name,
    };
    let shown = tiles.iter().filter(|tile| tile.matches(query)).count();
    html! {
        section class="group" data-group hidden[shown == 0] {
            h2 { bdi { (heading) } span class="count" { (shown) } }
            ul class="tiles" {
                @for one in tiles { li data-text={ (one.name) " " (one.description) " " (one.group) } hidden[!one.matches(query)] { (tile(one)) } }
            }
        }
    }
}

/// The way back to what was open a moment ago. A search is about all tiles: these are among them.
fn recent(tiles: Vec<&Tile>, query: &str) -> Markup {
    html! {
        @if !tiles.is_empty() {
            section class="group" data-recent hidden[!query.is_empty()] {
                h2 { "Recently used" }
                ul class="tiles" { @for one in tiles { li { (tile(one)) } } }
            }
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
                @if tile.new_tab { (icon_s(Icon::External)) span class="vh" { "(opens a new tab)" } }
            }
        } @else {
            div class="tile tile--wait" { (inner) span class="badge" { "Not ready" } }
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
