//! The banner that every page shows during impersonation, and the form that ends it. Impersonation starts
//! through the API.
use crate::edge::{Edge, read_answer, redirect, unreadable};
use crate::library::to_sign_in;
use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use signet_base::Json;
use signet_core::session::impersonation;

pub async fn stop(mut edge: Edge, request: Request) -> Response {
    if edge.session.principal().is_none() {
        return to_sign_in(&edge);
    }
    let sent = match read_answer(request).await {
        Ok(sent) => sent,
        Err((status, text)) => return unreadable(&edge, status, text),
    };
    let csrf = sent.get("csrf").and_then(Json::as_str).unwrap_or_default();
    if edge.session.csrf_fits(&edge.core, csrf) {
        let (core, client) = (edge.core.clone(), edge.client.clone());
        if let Err(error) = impersonation::stop(&core, &client, &mut edge.session).await {
            return edge.fail(&error);
        }
    }
    edge.send(redirect(StatusCode::SEE_OTHER, "/if/user/")).await
}
