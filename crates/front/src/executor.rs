//! `/api/v3/flows/executor/<slug>/`: the flow executor in JSON, for scripts, outposts and other front ends.
use crate::edge::{Edge, read_answer, redirect};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use signet_base::error::Chain;
use signet_base::{Error, Json, Map, json, query};
use signet_core::event::EventAction;
use signet_core::flow::arrival::is_too_long;
use signet_core::flow::{Executor, Reply};
use signet_core::session::CSRF_HEADER;
use signet_core::{Core, address, budget};
use std::sync::Arc;

const ALLOW: &str = "GET, POST, HEAD, OPTIONS";

pub async fn options(State(_): State<Arc<Core>>) -> Response {
    allowed(StatusCode::OK.into_response())
}

pub async fn get(Path(slug): Path<String>, edge: Edge) -> Response {
    run(edge, &slug, None).await
}

pub async fn post(Path(slug): Path<String>, edge: Edge, request: Request) -> Response {
    // Cross-site requests can carry any content type that needs no preflight, so only JSON is accepted.
    match edge.headers.get(header::CONTENT_TYPE) {
        Some(kind) if is_json(kind) => {}
        Some(_) => return allowed(flow_error(&edge, None).into_response()),
        None => return allowed(refused(&edge, "Send JSON with the Content-Type application/json.")),
    }
    if let Err(why) = address::is_from_us(&edge.core, &edge.client, &edge.headers) {
        return allowed(refused(&edge, &format!("CSRF Failed: {why}")));
    }
    match read_answer(request).await {
        Ok(answer) => run(edge, &slug, Some(answer)).await,
        Err((status, detail)) => allowed((status, axum::Json(json!({"detail": detail}))).into_response()),
    }
}

/// Whether the body is JSON. Forms belong to the pages (`/if/flow/`), which check a CSRF token.
fn is_json(content_type: &HeaderValue) -> bool {
    content_type.to_str().is_ok_and(|t| {
        t.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
    })
}

async fn run(mut edge: Edge, slug: &str, answer: Option<Map>) -> Response {
    let core = edge.core.clone();
    let Ok(flow) = Executor::flow(&core, slug) else { return edge.not_found() };
    // The page's own query string is passed in the parameter `query`.
    let inner = query::value(&edge.client.query, "query")
        .filter(|q| !q.is_empty())
        .unwrap_or_else(|| edge.session.state.query_for(flow.pk));
    if is_too_long(&inner) {
        return allowed(
            (StatusCode::URI_TOO_LONG, axum::Json(json!({"detail": "The query of this flow is too long."})))
                .into_response(),
        );
    }
    if edge.session.principal().is_none()
        && let Err(Error::TooMany { wait }) = budget::spend_request(&core, &edge.client).await
    {
        return allowed(too_many(wait));
    }
    if answer.is_some()
        && edge.session.principal().is_some()
        && !edge.session.csrf_fits(&core, edge.header(CSRF_HEADER))
    {
        return allowed(flow_error(&edge, None).into_response());
    }
    let client = edge.client.clone();
    let mut executor = Executor { core: &core, client: &client, session: &mut edge.session, query: &inner };
    let reply = match &answer {
        None => executor.get(&flow).await,
        Some(answer) => executor.post(&flow, answer).await,
    };
    let response = match reply {
        Ok(Reply::NotApplicable(refusal)) => return edge.send(axum::Json(refusal)).await,
        Ok(reply) => show(reply, &client.path, &inner, is_of_2024(&client.user_agent)),
        Err(error @ Error::Unavailable(_)) => {
            tracing::warn!(error = %Chain(&error), "a flow step was refused");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                [(header::RETRY_AFTER, "2")],
                axum::Json(json!({"detail": "Signing in is not possible right now. Try again in a moment."})),
            )
                .into_response()
        }
        Err(Error::TooMany { wait }) => too_many(wait),
        Err(error) => {
            tracing::error!(request_id = %client.request_id, %error, %slug, "a flow step failed");
            report(&edge, slug, &error).await;
            flow_error(&edge, Some(&error)).into_response()
        }
    };
    allowed(edge.send(response).await)
}

/// Whether the client was generated for release 2024 (`OpenAPI-Generator/2024.2.2/python`), or is a
/// PowerShell script of that time.
fn is_of_2024(user_agent: &str) -> bool {
    user_agent.contains("/2024.") || user_agent.contains("PowerShell/")
}

/// Clients of 2024 need `type` in each challenge.
fn show(reply: Reply, path: &str, inner: &str, old_client: bool) -> Response {
    let mut challenge = match reply {
        Reply::Challenge(challenge) | Reply::NotApplicable(challenge) => challenge,
        Reply::Again => {
            return redirect(StatusCode::FOUND, &format!("{path}?query={}", query::encode(inner)));
        }
        Reply::Done(to) => json!({"component": "xak-flow-redirect", "final_redirect": true, "to": to})
            .as_object()
            .cloned()
            .unwrap_or_default(),
        Reply::Away(to) => {
            json!({"component": "xak-flow-redirect", "to": to}).as_object().cloned().unwrap_or_default()
        }
    };
    if old_client {
        let kind = match challenge.get("component").and_then(Json::as_str) {
            Some("xak-flow-redirect") => "redirect",
            Some("xak-flow-shell") => "shell",
            _ => "native",
        };
        challenge.insert("type".into(), json!(kind));
    }
    axum::Json(challenge).into_response()
}

/// Records a server fault as an event.
pub(crate) async fn report(edge: &Edge, slug: &str, error: &Error) {
    let context = json!({"message": error.to_string(), "flow": slug, "request_id": edge.client.request_id});
    edge.core
        .event(
            &edge.client,
            edge.session.principal(),
            EventAction::SystemException,
            "authentik_flows",
            context,
        )
        .await;
}

/// A 4xx response about the request itself; it discloses nothing about the flow.
fn refused(edge: &Edge, why: &str) -> Response {
    axum::Json(
        json!({"component": "ak-stage-flow-error", "request_id": edge.client.request_id, "error": why}),
    )
    .into_response()
}

fn flow_error(edge: &Edge, error: Option<&Error>) -> axum::Json<Json> {
    let mut out = json!({"component": "ak-stage-flow-error", "request_id": edge.client.request_id});
    let administrator = edge.session.principal().is_some_and(|p| p.is_superuser);
    if let (true, Some(error), Json::Object(map)) = (administrator, error, &mut out) {
        map.insert("error".into(), json!(error.to_string()));
    }
    axum::Json(out)
}

/// 429: the rate limit of the client's network is exceeded.
fn too_many(wait: i64) -> Response {
    let mut response = (
        StatusCode::TOO_MANY_REQUESTS,
        axum::Json(json!({"detail": "Too many attempts came from your network. Try again later."})),
    )
        .into_response();
    response.headers_mut().insert(header::RETRY_AFTER, wait.into());
    response
}

fn allowed(mut response: Response) -> Response {
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    response
}
