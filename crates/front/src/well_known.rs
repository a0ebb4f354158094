//! Well-known addresses, and the pages shown after a session has ended.
use crate::edge::{Edge, redirect};
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use signet_base::Uuid;
use signet_core::page::PageContext;
use signet_model::Base;
use signet_pages::{NoticePage, PagePolicy, notice_page};

/// `/.well-known/change-password` (W3C "A Well-Known URL for Changing Passwords").
pub async fn change_password(edge: Edge) -> Response {
    let config = edge.core.config();
    let mut stages: Vec<_> = config
        .family(Base::Stage)
        .filter(|o| {
            o.def.name == "passwordstage"
                && Uuid::parse_str(o.text("configure_flow")).is_ok_and(|pk| config.get(pk).is_some())
        })
        .collect();
    stages.sort_by_key(|o| (o.name().to_owned(), o.pk));
    let next = "/if/user/security/";
    match stages.first() {
        Some(stage) => redirect(StatusCode::FOUND, &format!("/flows/-/configure/{}/?next={next}", stage.pk)),
        None => redirect(StatusCode::FOUND, next),
    }
}

/// `/favicon.ico`: the icon of the brand.
pub async fn favicon(edge: Edge) -> Response {
    let icon = signet_core::brand::look(&edge.core, &edge.client).favicon;
    // Only a path on this host: the redirect must not leave it.
    match signet_base::query::local_path(&icon) {
        Some(icon) => redirect(StatusCode::FOUND, &icon),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `/robots.txt`: disallows all crawling.
pub async fn robots() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "User-agent: *\nDisallow: /\n").into_response()
}

/// `/if/ended/<what>/`: after sign-out or account deletion.
pub async fn ended(Path(what): Path<String>, edge: Edge) -> Response {
    let (title, text) = match what.as_str() {
        _ if edge.session.principal().is_some() => return redirect(StatusCode::FOUND, "/"),
        "signed-out" => ("You are signed out", "You can close this window."),
        "deleted" => {
            ("Your account is deleted", "What was stored about you here is gone. You can close this window.")
        }
        _ => return edge.not_found(),
    };
    let page_context = PageContext::of(&edge.core, &edge.client, &edge.cookies);
    let action =
        (what == "signed-out").then_some(("/flows/-/default/authentication/?next=/", "Sign in again"));
    let page = notice_page(&NoticePage { page: page_context.page(&edge.core), title, text, action });
    page_context.answer(StatusCode::OK, &PagePolicy::default(), page).into_response()
}
