//! The library: the applications that a person may open.

use maud::{Markup, html};

use crate::icons::{Icon, icon, icon_s};
use crate::portal::{Account, top_bar};
use crate::shell::{Page, Shell};
use crate::ui::{NoticeKind, hidden, monogram, notice_said};
use crate::url::{safe_href, safe_image};

/// How the applications are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// Side by side.
    #[default]
    Tiles,
    /// One below the other.
    List,
}

impl View {
    /// Parses `tiles` or `list`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Tiles, Self::List].into_iter().find(|view| view.word() == word)
    }

    /// As it is stored and posted.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tiles => "tiles",
            Self::List => "list",
        }
    }
}

/// One application.
#[derive(Debug, Clone, Default)]
pub struct Tile {
    /// Its primary key.
    pub id: String,
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
    /// Marked by the person.
    pub favourite: bool,
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
    /// Places in `tiles` of the favourites, in the person's order.
    pub favourites: &'a [usize],
    /// Places in `tiles` of those that the person has opened lately, the last one first.
    pub recent: &'a [usize],
    /// How the applications are shown.
    pub view: View,
    /// Token of the forms for view and favourites; without one there are none.
    pub csrf: Option<&'a str>,
    /// What was searched for: the others wait hidden, so that the search can go on in the page. Empty shows
    /// everything.
    pub query: &'a str,
    /// What was just done elsewhere, in words; empty for nothing.
    pub done: &'a str,
    /// Address of this page.
    pub url: &'a str,
}

/// From this number of applications on the tiles are compact, and the groups are listed beside them.
const MANY: usize = 16;
/// Id of the form that the stars post.
const STARS: &str = "stars";

impl LibraryPage<'_> {
    fn is_long(&self) -> bool {
        self.tiles.len() >= MANY
    }
    fn at<'a>(&'a self, places: &'a [usize]) -> Vec<&'a Tile> {
        places.iter().filter_map(|at| self.tiles.get(*at)).collect()
    }
}

/// Writes the library.
#[must_use]
pub fn library_page(library: &LibraryPage) -> Markup {
    let LibraryPage { page, account, tiles, query, done, url, .. } = library;
    let found = tiles.iter().filter(|tile| tile.matches(query)).count();
    let groups = groups(tiles);
    let all = html! {
        (front(library, "Favourites", "favourites", &library.at(library.favourites)))
        @let recent = library.at(library.recent);
        @if !recent.is_empty() { (front(library, "Recently used", "recent", &recent)) }
        @for (at, (name, tiles)) in groups.iter().enumerate() { (group(library, at, heading(name, groups.len() == 1), tiles)) }
        @if tiles.is_empty() { (nothing_yet()) } @else { (nothing_found(query, found > 0, url)) }
    };
    let body = html! {
        (top_bar(page, Some(account), url))
        main class="portal" id="main" data-view=(library.view.word()) {
            div class="page-head" {
                div { h1 { "Applications" } }
                @if !tiles.is_empty() { (views(library)) (search(query, tiles.len(), url)) }
            }
            @if !done.is_empty() { (notice_said(NoticeKind::Ok, done, "")) }
            @if let Some(csrf) = library.csrf.filter(|_| !tiles.is_empty()) {
                form id=(STARS) method="post" action=[safe_href(url)] hidden { (hidden("csrf", csrf)) }
            }
            @if library.is_long() && groups.len() > 1 {
                div class="lib" { (list_of_groups(library, &groups)) div class="lib__all" { (all) } }
            } @else { (all) }
            @if !tiles.is_empty() { (hints(library.csrf.is_some())) }
        }
    };
    Shell::portal(*page, "Applications", body).render()
}

/// Tiles or rows.
fn views(library: &LibraryPage) -> Markup {
    html! {
        @if let Some(csrf) = library.csrf {
            form method="post" action=[safe_href(library.url)] data-views {
                (hidden("csrf", csrf))
                div class="seg" role="group" aria-label="View" {
                    @for (view, label) in [(View::Tiles, "Tiles"), (View::List, "List")] {
                        button type="submit" name="view" value=(view.word()) aria-pressed=(pressed(library.view == view)) { (label) }
                    }
                }
            }
        }
    }
}

fn pressed(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

/// Links to the groups, with the number of their applications.
fn list_of_groups(library: &LibraryPage, groups: &[(&str, Vec<&Tile>)]) -> Markup {
    let link = |id: String, name: &str, count: usize, hide: bool| {
        html! { a href={ "#" (id) } hidden[hide] { span class="grow" { bdi { (name) } } span class="n" { (count) } } }
    };
    let searching = !library.query.is_empty();
    html! {
        nav class="sidenav" aria-label="Groups" data-sections {
            (link("favourites".to_owned(), "Favourites", library.favourites.len(), library.favourites.is_empty() || searching))
            @for (at, (name, tiles)) in groups.iter().enumerate() {
                @let shown = tiles.iter().filter(|tile| tile.matches(library.query)).count();
                (link(format!("group-{at}"), heading(name, false), shown, shown == 0))
            }
        }
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
fn heading(name: &str, only: bool) -> &str {
    match name {
        "" if only => "All",
        "" => "Others",
        name => name,
    }
}

fn group(library: &LibraryPage, at: usize, heading: &str, tiles: &[&Tile]) -> Markup {
    let shown = tiles.iter().filter(|tile| tile.matches(library.query)).count();
    html! {
        section class="group" id={ "group-" (at) } data-group hidden[shown == 0] {
            h2 { bdi { (heading) } span class="count" { (shown) } }
            ul class=(list_class(library)) {
                @for one in tiles {
                    li class="at" data-text={ (one.name) " " (one.description) " " (one.group) } hidden[!one.matches(library.query)] { (tile(one)) (star(library, one)) }
                }
            }
        }
    }
}

fn list_class(library: &LibraryPage) -> &'static str {
    if library.is_long() { "tiles tiles--s" } else { "tiles" }
}

/// Some of the tiles once more, in front. A search is about all tiles: these are among them.
fn front(library: &LibraryPage, heading: &str, id: &str, tiles: &[&Tile]) -> Markup {
    html! {
        section class="group" id=(id) data-front=(id) hidden[tiles.is_empty() || !library.query.is_empty()] {
            h2 { (heading) @if id == "favourites" { span class="count" { (tiles.len()) } } }
            ul class=(list_class(library)) { @for one in tiles { li class="at" { (tile(one)) (star(library, one)) } } }
        }
    }
}

/// Marks an application as a favourite, or no longer. The button says which: a form sent twice does no more.
fn star(library: &LibraryPage, tile: &Tile) -> Markup {
    html! {
        @if library.csrf.is_some() {
            button class="btn btn--quiet btn--icon btn--s star" type="submit" form=(STARS) name=(if tile.favourite { "unstar" } else { "star" }) value=(tile.id)
                aria-pressed=(pressed(tile.favourite)) aria-label={ "Favourite: " (tile.name) } { (icon_s(Icon::Star)) }
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

fn hints(stars: bool) -> Markup {
    html! {
        div class="hintbar" aria-hidden="true" data-hints hidden {
            span { @for key in ["↑", "↓", "←", "→"] { kbd class="kbd" { (key) } } " move" }
            span { kbd class="kbd" { "Enter" } " open" }
            @if stars { span { kbd class="kbd" { "F" } " favourite" } }
            span { kbd class="kbd" { "/" } " search" }
        }
    }
}
