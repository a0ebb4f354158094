//! `/if/user/`: the applications a user may open.
mod choices;

use self::choices::{Change, Choices};
use crate::edge::{Edge, read_answer, redirect, unreadable};
use crate::first_steps;
use crate::form_context::HOME;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use signet_base::{Error, Json, Result, Span, Uuid, query};
use signet_core::media;
use signet_core::models::Application;
use signet_core::page::{self, AccountMenu, PageContext};
use signet_core::permission::ADMIN_INTERFACE;
use signet_core::{Core, Principal, access, application};
use signet_pages::{LibraryPage, PagePolicy, Tile, View, library_page};
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

/// A view or a favourite is chosen. Scripts ask for JSON and get no page.
pub async fn post(edge: Edge, request: Request) -> Response {
    let Some(person) = edge.session.principal().cloned() else { return to_sign_in(&edge) };
    let sent = match read_answer(request).await {
        Ok(sent) => sent,
        Err((status, text)) => return unreadable(&edge, status, text),
    };
    let text = |name: &str| sent.get(name).and_then(Json::as_str);
    if !text("csrf").is_some_and(|token| edge.session.csrf_fits(&edge.core, token)) {
        return redirect(StatusCode::SEE_OTHER, HOME);
    }
    let change = match (text("view").map(View::parse), text("star"), text("unstar")) {
        (Some(Some(view)), None, None) => Change::View(view),
        (None, Some(pk), None) => Change::Favourite(pk, true),
        (None, None, Some(pk)) => Change::Favourite(pk, false),
        _ => return edge.fail(&Error::NotFound),
    };
    match choices::keep(&edge, &person, change).await {
        Ok(()) if edge.header("accept").contains("application/json") => {
            StatusCode::NO_CONTENT.into_response()
        }
        Ok(()) => redirect(StatusCode::SEE_OTHER, HOME),
        Err(error) => edge.fail(&error),
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
    let choices = Choices::of(&person.user);
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
            icon_url: Some(media::url(core, &app.meta_icon)).filter(|i| !i.is_empty()),
            group: app.group.clone(),
            new_tab: app.open_in_new_tab,
            id: object.pk.to_string(),
            favourite: choices.favourites.contains(&object.pk),
        });
    }
    if tiles.is_empty() && asked.is_empty() && person.may(ADMIN_INTERFACE) {
        return first_steps::page(edge, person).await;
    }
    let page_context = PageContext::of(core, &edge.client, &edge.cookies);
    let csrf = edge.session.csrf_if_known(core);
    let menu = AccountMenu::of(person, csrf.clone());
    let done = crate::form_context::done(&query::value(&edge.client.query, "done").unwrap_or_default());
    let place = |pk: &Uuid| keys.iter().position(|key| key == pk);
    let favourites: Vec<usize> = choices.favourites.iter().filter_map(place).collect();
    let mut recent = recent(core, person, &keys).await?;
    recent.retain(|at| !favourites.contains(at));
    recent.truncate(RECENT);
    let page = library_page(&LibraryPage {
        page: page_context.page(core),
        account: menu.account(HOME),
        tiles: &tiles,
        favourites: &favourites,
        recent: &recent,
        view: choices.view,
        csrf: csrf.as_deref(),
        query: asked.trim(),
        done,
        url: HOME,
    });
    let response = page_context.answer(StatusCode::OK, &PagePolicy::default(), page);
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
    Ok(opened.iter().filter_map(|pk| keys.iter().position(|key| key == pk)).collect())
}
