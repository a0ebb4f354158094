//! `/recovery/use-token/<key>/`: signs in once with a recovery key created on the command line. GET only asks
//! for confirmation, so that link scanners do not consume the key; POST signs in.
use crate::edge::{Edge, here, read_answer, redirect, unreadable};
use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::html;
use signet_base::{Error, Json, Map, Result, Span, json};
use signet_core::directory::{self, Author, TokenChange};
use signet_core::page::PageContext;
use signet_core::{Principal, login, token};
use signet_pages::challenge::question;
use signet_pages::{FormContext, PagePolicy, challenge_page, ui};
use signet_store::tokens::Token;

pub async fn ask(Path(key): Path<String>, mut edge: Edge) -> Response {
    match find(&edge, &key).await {
        Ok(Some((_, person))) => {
            let core = edge.core.clone();
            let csrf = edge.session.csrf(&core);
            let page_context = PageContext::of(&core, &edge.client, &edge.cookies);
            let challenge = json!({
                "component": "ak-stage-consent", "pending_user": person.user.username, "header_text": "The link works once. Continue to sign in.",
                "flow_info": {"title": "Sign in with a recovery link", "layout": "stacked", "background": page_context.background},
            });
            let action = here(&edge.client);
            let form = FormContext {
                request_id: Some(&edge.client.request_id),
                help: &page_context.help,
                ..FormContext::new(&action, &csrf)
            };
            let body = form.form(&challenge, html! { (ui::button_primary("Sign in", "Signing in")) });
            let page = challenge_page(
                page_context.page(&core),
                &challenge,
                &form,
                question(&challenge, &form, body),
            );
            let answer = page_context.answer(StatusCode::OK, &PagePolicy::default(), page).into_response();
            edge.send(answer).await
        }
        Ok(None) => gone(&edge),
        Err(error) => edge.fail(&error),
    }
}

pub async fn use_up(Path(key): Path<String>, mut edge: Edge, request: Request) -> Response {
    let sent = match read_answer(request).await {
        Ok(sent) => sent,
        Err((status, text)) => return unreadable(&edge, status, text),
    };
    if !edge.session.csrf_fits(&edge.core, sent.get("csrf").and_then(Json::as_str).unwrap_or_default()) {
        return redirect(StatusCode::SEE_OTHER, &here(&edge.client));
    }
    match sign_in(&mut edge, &key).await {
        Ok(true) => edge.send(redirect(StatusCode::SEE_OTHER, "/if/user/")).await,
        Ok(false) => gone(&edge),
        Err(error) => edge.fail(&error),
    }
}

/// The key and its account, if valid: unused, not expired, and created at the account's current epoch.
async fn find(edge: &Edge, key: &str) -> Result<Option<(Token, Principal)>> {
    let Some(token) = token::by_key(&edge.core, key, "recovery").await? else { return Ok(None) };
    let person =
        Principal::load(&edge.core, token.user_id).await?.filter(|person| token.epoch >= person.user.epoch);
    Ok(person.map(|person| (token, person)))
}

async fn sign_in(edge: &mut Edge, key: &str) -> Result<bool> {
    let Some((token, person)) = find(edge, key).await? else { return Ok(false) };
    let core = edge.core.clone();
    // The key is deleted before the session starts: of two concurrent requests one signs in.
    let author = Author::request(&edge.client, Some(&person), "authentik_recovery");
    match directory::commit(&core, &author, TokenChange::delete(&token)).await {
        Ok(_) => {}
        Err(Error::NotFound) => return Ok(false),
        Err(error) => return Err(error),
    }
    login::sign_in(&core, &edge.client, &mut edge.session, person, "recovery", Map::new(), Span::ZERO)
        .await?;
    Ok(true)
}

fn gone(edge: &Edge) -> Response {
    let text = "Recovery links work once and for a limited time. Ask for a new one.";
    signet_core::page::error(
        &edge.core,
        &edge.client,
        &edge.cookies,
        StatusCode::NOT_FOUND,
        "This link is no longer good",
        text,
    )
    .into_response()
}
