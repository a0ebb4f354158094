//! Protocol errors, as JSON of the token endpoint and as parameters of a redirect.
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use signet_base::error::Chain;
use signet_base::{Error, json};
use std::borrow::Cow;

/// An error code with its description. Descriptions in redirects are part of the API contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthError {
    pub code: &'static str,
    pub description: Cow<'static, str>,
    pub status: StatusCode,
}

macro_rules! known {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        impl OAuthError { $($(#[$doc])* pub fn $name() -> Self { Self::new($code, $text) })* }
    };
}
known! {
    invalid_request = "invalid_request", "The request is otherwise malformed";
    invalid_client = "invalid_client", "Client authentication failed";
    invalid_grant = "invalid_grant", "The grant or refresh token is invalid, expired, revoked, or was issued to another client";
    unsupported_grant_type = "unsupported_grant_type", "The authorization grant type is not supported by the authorization server";
    unauthorized_client = "unauthorized_client", "The client is not allowed to use this way of asking";
    invalid_scope = "invalid_scope", "The requested scope is invalid, unknown, or malformed";
    unsupported_response_type = "unsupported_response_type", "The authorization server does not support obtaining an authorization code using this method";
    request_not_supported = "request_not_supported", "The provider does not support use of the request parameter";
    request_uri_not_supported = "request_uri_not_supported", "The provider does not support use of the request_uri parameter";
    login_required = "login_required", "The Authorization Server requires End-User authentication";
    consent_required = "consent_required", "The Authorization Server requires End-User consent";
    interaction_required = "interaction_required", "The Authorization Server requires End-User interaction of some form to proceed";
    temporarily_unavailable = "temporarily_unavailable", "The server is busy. Try again in a moment";
    access_denied = "access_denied", "The resource owner or authorization server denied the request";
    /// For bearer tokens (RFC 6750 §3.1).
    invalid_token = "invalid_token", "The access token provided is expired, revoked, malformed, or invalid for other reasons";
    insufficient_scope = "insufficient_scope", "The request requires higher privileges than provided by the access token";
}

impl OAuthError {
    pub fn new(code: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into(), status: StatusCode::BAD_REQUEST }
    }
    /// The same error with another description.
    #[must_use]
    pub fn because(self, description: impl Into<Cow<'static, str>>) -> Self {
        Self { description: description.into(), ..self }
    }
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
    /// The JSON of RFC 6749 §5.2, with `Cache-Control: no-store`.
    pub fn into_json(self, request_id: &str) -> Response {
        let unauthorized = self.status == StatusCode::UNAUTHORIZED;
        let body = axum::Json(
            json!({"error": self.code, "error_description": self.description, "request_id": request_id}),
        );
        let mut response =
            (self.status, [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], body)
                .into_response();
        if unauthorized {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"oauth2\""));
        }
        response
    }
}

/// The failure of an endpoint.
#[derive(Debug)]
pub enum Failure {
    Protocol(OAuthError),
    Server(Error),
}
impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        Failure::Protocol(error)
    }
}
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Server(error)
    }
}
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// Server faults are logged; the response does not contain their text.
    pub fn into_oauth(self, request_id: &str) -> OAuthError {
        match self {
            Failure::Protocol(error) => error,
            Failure::Server(error @ Error::Unavailable(_)) => {
                tracing::warn!(%request_id, error = %Chain(&error), "a protocol request was put off");
                OAuthError::temporarily_unavailable().status(StatusCode::SERVICE_UNAVAILABLE)
            }
            Failure::Server(Error::TooMany { .. }) => OAuthError::new(
                "temporarily_unavailable",
                "Too many requests came from your network. Try again later",
            )
            .status(StatusCode::TOO_MANY_REQUESTS),
            Failure::Server(error) => {
                tracing::error!(%request_id, %error, "a protocol request failed");
                OAuthError::new("server_error", "The server met an unexpected condition")
                    .status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
    pub fn into_json(self, request_id: &str) -> Response {
        self.into_oauth(request_id).into_json(request_id)
    }
}
