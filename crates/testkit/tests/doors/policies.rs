//! What pages may, by answer and by route. The slice is the worked one of docs/adding-a-slice.md: it answers a SAML service
//! provider by a form that submits itself, and shows a page within the frames of others.
use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use maud::html;
use signet_base::{Error, json};
use signet_core::page::{self, PageContext};
use signet_core::{Client, Core};
use signet_pages::{FormContext, challenge, challenge_page};
use signet_rest::{PagePolicy, with_page_policy};
use signet_testkit::{DbKind, Setup};
use std::sync::Arc;

fn routes(core: &Arc<Core>) -> Router {
    let framed = Router::new().route("/memo/framed/{name}/", get(show));
    let policy = PagePolicy { frame_ancestors: vec!["https://portal.test".into()], ..PagePolicy::default() };
    Router::new()
        .route("/memo/respond/", get(respond))
        .merge(with_page_policy(framed, policy))
        .with_state(core.clone())
}

/// An answer to a service provider: its address is known only now.
async fn respond(State(core): State<Arc<Core>>, Extension(client): Extension<Arc<Client>>) -> Response {
    let context = PageContext::of(&core, &client, "");
    let form = json!({"component": "ak-stage-autosubmit", "url": "https://sp.test/acs", "attrs": {"SAMLResponse": "x"}});
    let around = FormContext::new("", "");
    let Some(drawn) = challenge::draw(&form, &around) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let policy = drawn.policy.clone();
    let body = challenge_page(context.page(&core), &form, &around, drawn);
    context.answer(StatusCode::OK, &policy, body).into_response()
}

async fn show(
    State(core): State<Arc<Core>>,
    Extension(client): Extension<Arc<Client>>,
    Path(name): Path<String>,
) -> Response {
    let context = PageContext::of(&core, &client, "");
    match name.as_str() {
        "page" => {
            let policy = PagePolicy::form_to(Some("https://sp.test".into()));
            context.answer(StatusCode::OK, &policy, html! { p { "Hello" } }).into_response()
        }
        "data" => axum::Json(json!({"name": name})).into_response(),
        _ => page::failure(&core, &client, "", &Error::denied("Not you.")).into_response(),
    }
}

#[tokio::test]
async fn core_page_policy_is_that_of_the_answer_and_of_the_route() {
    let app = Setup::new(DbKind::Sqlite).await.routing(routes).start().await.unwrap();
    let mut browser = app.browser();
    let page = browser.get("/memo/respond/").await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self' https://sp.test; frame-ancestors 'none'"), "{policy}");
    let page = browser.get("/memo/framed/page/").await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' https://sp.test; frame-ancestors https://portal.test;"),
        "{policy}"
    );
    assert!(!page.headers.contains_key("x-frame-options"));
    let refused = browser.get("/memo/framed/else/").await;
    let policy = refused.header("content-security-policy");
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(policy.contains("form-action 'self'; frame-ancestors https://portal.test;"), "{policy}");
    // What is no page has no policy, and is in no frame; nor is any other page.
    assert_eq!(browser.get("/memo/framed/data/").await.header("x-frame-options"), "DENY");
    let other = browser.get("/memo/unknown/").await;
    assert!(other.header("content-security-policy").contains("frame-ancestors 'none'"));
    app.stop().await;
}
