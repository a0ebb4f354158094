//! `/if/user/`: the applications a user may open.
use crate::edge::{Edge, redirect};
use crate::first_steps;
use crate::form_context::HOME;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use signet_base::{Result, Span, Uuid, query};
use signet_core::models::Application;
use signet_core::page::{self, AccountMenu, PageContext};
use signet_core::permission::ADMIN_INTERFACE;
use signet_core::{Core, Principal, access, application};
use signet_pages::{LibraryPage, Tile, library_page};
use signet_store::events;

pub async fn get(edge: Edge) -> Response {
    if edge.session.principal().is_none() {
        return to_sign_in(&edge);
    }
    match library(&edge).await {
        Ok(mut response) => {
            set_csrf(&edge, &mut response);
            edge.send(response).await
        }
        Err(e) => edge.fail(&e),
    }
}

pub fn to_sign_in(edge: &Edge) -> Response {
    let here = if edge.client.query.is_empty() {
        edge.client.path.clone()
    } else {
        format!("{}?{}", edge.client.path, edge.client.query)
    };
    redirect(
        StatusCode::FOUND,
        &format!("/flows/-/default/authentication/?next={}", query::encode_path(&here)),
    )
}

/// Sets the CSRF cookie with every page, since a script may have lost it.
pub fn set_csrf(edge: &Edge, response: &mut Response) {
    if edge.session.has_key()
        && let Ok(value) = http::HeaderValue::from_str(&edge.session.csrf_cookie(&edge.core, &edge.client))
    {
        response.headers_mut().append(http::header::SET_COOKIE, value);
    }
}

async fn library(edge: &Edge) -> Result<Response> {
    let core = &edge.core;
    let Some(person) = edge.session.principal() else { return Ok(to_sign_in(edge)) };
    let config = core.config();
    let asked = query::value(&edge.client.query, "q").unwrap_or_default();
    let (mut tiles, mut keys) = (Vec::new(), Vec::new());
    let mut all: Vec<_> = config.all::<Application>().filter(|(_, a)| !a.meta_hide).collect();
    all.sort_by_key(|(_, a)| (a.group.to_lowercase(), a.name.to_lowercase()));
    for (object, app) in all {
        let Some(launch_url) = application::launch_url(core, &config, object, Some(person)) else { continue };
        if !access::is_shown(core, &edge.client, person, object).await? {
            continue;
        }
        keys.push(object.pk);
        tiles.push(Tile {
            name: app.name.clone(),
            description: app.meta_description.clone(),
            launch_url,
            icon_url: Some(app.meta_icon.clone()).filter(|i| !i.is_empty()),
            group: app.group.clone(),
            new_tab: app.open_in_new_tab,
        });
    }
    if tiles.is_empty() && asked.is_empty() && person.may(ADMIN_INTERFACE) {
        return first_steps::page(edge, person).await;
    }
    let page_context = PageContext::of(core, &edge.client, &edge.cookies);
    let menu = AccountMenu::of(core, &edge.client, person, edge.session.csrf_if_known(core));
    let done = crate::form_context::done(&query::value(&edge.client.query, "done").unwrap_or_default());
    let recent = recent(core, person, &keys).await?;
    let page = library_page(&LibraryPage {
        page: page_context.page(core),
        account: menu.account(HOME),
        tiles: &tiles,
        recent: &recent,
        query: asked.trim(),
        done,
        url: HOME,
    });
    let response = page_context.answer(StatusCode::OK, &[], page);
    // A search term and a CSRF token must not share a compressed page (BREACH).
    let mixed = !asked.is_empty() || person.impersonator.is_some();
    Ok(if mixed { response.into_response() } else { page::packed(&edge.headers, response).map(Body::from) })
}

/// From this number of tiles on, the recently used ones are shown first.
const MANY: usize = 5;
/// Number of recently used tiles, and the period in seconds.
const RECENT: usize = 4;
const PERIOD: i64 = 30 * 86_400;

/// Indexes of the tiles the user was signed in to last.
async fn recent(core: &Core, person: &Principal, keys: &[Uuid]) -> Result<Vec<usize>> {
    if keys.len() < MANY {
        return Ok(Vec::new());
    }
    let since = core.now().minus(Span::from_secs(PERIOD));
    let opened = events::opened_by(&core.db, &person.user.username, since).await?;
    Ok(opened.iter().filter_map(|pk| keys.iter().position(|key| key == pk)).take(RECENT).collect())
}
