//! `/if/user/`: the applications a user may open.
use crate::edge::{Edge, redirect};
use crate::first_steps;
use crate::form_context::HOME;
use crate::impersonation;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use signet_base::{Result, query};
use signet_core::models::Application;
use signet_core::page::{self, PageContext};
use signet_core::permission::ADMIN_INTERFACE;
use signet_core::{Principal, access, application};
use signet_pages::{Account, LibraryPage, Tile, library_page};

/// The sign-out URL.
pub const SIGN_OUT: &str = "/flows/-/default/invalidation/";

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
    let mut tiles = Vec::new();
    let mut all: Vec<_> = config.all::<Application>().filter(|(_, a)| !a.meta_hide).collect();
    all.sort_by_key(|(_, a)| (a.group.to_lowercase(), a.name.to_lowercase()));
    for (object, app) in all {
        let Some(launch_url) = application::launch_url(core, &config, object, Some(person)) else { continue };
        if !access::is_shown(core, &edge.client, person, object).await? {
            continue;
        }
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
    let name = if person.user.name.is_empty() { &person.user.username } else { &person.user.name };
    let page_context = PageContext::of(core, &edge.client, &edge.cookies);
    let links = account_links(edge, person);
    let links: Vec<(&str, &str)> = links.iter().map(|(url, words)| (url.as_str(), *words)).collect();
    let csrf = edge.session.csrf_if_known(core).unwrap_or_default();
    let done = crate::form_context::done(&query::value(&edge.client.query, "done").unwrap_or_default());
    let account = Account {
        name,
        username: &person.user.username,
        links: &links,
        is_admin: person.may(ADMIN_INTERFACE),
        here: HOME,
        sign_out_url: SIGN_OUT,
        impersonation: impersonation::banner(person, &csrf),
    };
    let page = library_page(&LibraryPage {
        page: page_context.page(core),
        account,
        tiles: &tiles,
        query: asked.trim(),
        done,
        url: HOME,
    });
    let response = page_context.answer(StatusCode::OK, &[], page);
    // A search term and a CSRF token must not share a compressed page (BREACH).
    let mixed = !asked.is_empty() || person.impersonator.is_some();
    Ok(if mixed { response.into_response() } else { page::packed(&edge.headers, response).map(Body::from) })
}

/// The links of the user menu: URL and label.
pub fn account_links(edge: &Edge, person: &Principal) -> Vec<(String, &'static str)> {
    let mut links = vec![("/if/user/security/".to_owned(), "Settings")];
    if let Some(url) = details_url(edge, "/if/user/security/") {
        links.push((url, "Your details"));
    }
    if person.may(ADMIN_INTERFACE) {
        links.push(("/api/v3/".to_owned(), "API browser"));
    }
    links
}

/// The URL of the flow in which users change their own details; it returns to `next`.
pub fn details_url(edge: &Edge, next: &str) -> Option<String> {
    let config = edge.core.config();
    let flow = signet_core::brand::of(&config, edge.client.domain())
        .and_then(|(_, b)| signet_core::brand::slug(&config, b.flow_user_settings))?;
    Some(format!("/if/flow/{flow}/?next={next}"))
}
