//! Answers of actions as HTTP responses.
use crate::call::Fault;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};
use signet_base::error::Chain;
use signet_base::{Error, Json, json};
use signet_core::Client;
use signet_core::page::Lasting;
use std::sync::Arc;

/// The response of a handler.
pub enum Reply {
    Json(StatusCode, Json),
    /// 204 without a body.
    Empty,
    /// A file or stream. With a name browsers store it, without they may show it.
    File {
        name: Option<String>,
        content_type: String,
        body: Body,
    },
    /// A text that does not change while the program runs.
    Lasting {
        content_type: &'static str,
        text: Arc<Lasting>,
    },
    /// The API browser page.
    Browser,
}
impl Reply {
    pub fn ok(body: impl Into<Json>) -> Self {
        Reply::Json(StatusCode::OK, body.into())
    }
    pub fn created(body: impl Into<Json>) -> Self {
        Reply::Json(StatusCode::CREATED, body.into())
    }
    /// An attachment.
    pub fn file(name: impl Into<String>, content_type: impl Into<String>, body: impl Into<Body>) -> Self {
        Reply::File { name: Some(name.into()), content_type: content_type.into(), body: body.into() }
    }
}

pub(crate) fn build(
    status: StatusCode,
    content_type: &str,
    body: impl Into<Body>,
    method: &Method,
) -> Response {
    let body = if *method == Method::HEAD { Body::empty() } else { body.into() };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let fallback = HeaderValue::from_static("application/octet-stream");
    let content_type = HeaderValue::from_str(content_type).unwrap_or(fallback);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
pub(crate) fn json_response(status: StatusCode, body: &Json, method: &Method) -> Response {
    build(status, "application/json", body.to_string(), method)
}

pub(crate) fn response(reply: Reply, method: &Method) -> Response {
    match reply {
        Reply::Json(status, body) => json_response(status, &body, method),
        Reply::Empty | Reply::Browser => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Reply::Lasting { content_type, .. } => build(StatusCode::OK, content_type, Body::empty(), method),
        Reply::File { name, content_type, body } => {
            let mut response = build(StatusCode::OK, &content_type, body, method);
            if let Some(name) = name {
                let name: String =
                    name.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '/')).collect();
                if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
                    response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
                }
            }
            response
        }
    }
}

pub(crate) fn fault_response(fault: Fault, client: &Client, method: &Method) -> Response {
    match fault {
        Fault::Reply(status, body) => json_response(status, &body, method),
        Fault::NoPage => json_response(StatusCode::NOT_FOUND, &json!({"detail": "Not found."}), method),
        Fault::Error(error) => error_response(&error, client, method),
    }
}

/// What an operation below `/api/` answers where it fails.
pub fn error_response(error: &Error, client: &Client, method: &Method) -> Response {
    let (status, body) = match error {
        Error::Invalid(fields) => (StatusCode::BAD_REQUEST, fields.to_json()),
        Error::Denied(why) => (StatusCode::FORBIDDEN, json!({"detail": why})),
        Error::NotFound => (StatusCode::NOT_FOUND, json!({"detail": "Not found."})),
        Error::Conflict(what) => {
            tracing::info!(request_id = %client.request_id, %what, "a write lost against another one");
            (
                StatusCode::BAD_REQUEST,
                json!({"non_field_errors": ["The object was changed at the same time. Read it again and repeat."]}),
            )
        }
        Error::Unavailable(_) => {
            tracing::warn!(request_id = %client.request_id, error = %Chain(error), "the API cannot answer now");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                json!({"detail": "The service is not available at the moment. Try again."}),
            )
        }
        Error::TooMany { wait } => {
            let mut response = json_response(
                StatusCode::TOO_MANY_REQUESTS,
                &json!({"detail": format!("Request was throttled. Expected available in {wait} seconds.")}),
                method,
            );
            response.headers_mut().insert(header::RETRY_AFTER, (*wait).into());
            return response;
        }
        Error::Internal(_) => {
            tracing::error!(request_id = %client.request_id, path = %client.shown_path(), error = %Chain(error), "the API failed");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                json!({"detail": "Something went wrong on our side.", "request_id": client.request_id}),
            )
        }
    };
    json_response(status, &body, method)
}
