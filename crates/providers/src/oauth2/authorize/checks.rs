//! The checks of an authorization request, as a table. They run when the request arrives and again before the
//! response, since settings may change during the sign-in.
use crate::oauth2::clients::ClientEntry;
use crate::oauth2::errors::OAuthError;
use crate::oauth2::model::GrantType;
use crate::oauth2::params::Params;
use crate::oauth2::scopes::{OFFLINE_ACCESS, OPENID, Scopes};
use signet_base::query;

/// `response_type` (OAuth 2.0 Multiple Response Types).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResponseType {
    pub code: bool,
    pub id_token: bool,
    pub token: bool,
}
impl ResponseType {
    fn parse(text: &str) -> Option<Self> {
        let mut out = Self::default();
        for word in text.split(' ') {
            let place = match word {
                "code" => &mut out.code,
                "id_token" => &mut out.id_token,
                "token" => &mut out.token,
                _ => return None,
            };
            if std::mem::replace(place, true) {
                return None;
            }
        }
        // `token` alone is refused: an access token without a code or an ID token is not bound to a sign-in.
        (out.code || out.id_token).then_some(out)
    }
    pub fn grant(self) -> GrantType {
        match (self.code, self.id_token || self.token) {
            (true, false) => GrantType::AuthorizationCode,
            (true, true) => GrantType::Hybrid,
            (false, _) => GrantType::Implicit,
        }
    }
    /// Whether tokens are returned through the browser (implicit and hybrid).
    fn is_front_channel(self) -> bool {
        self.id_token || self.token
    }
}

/// `response_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prompt {
    pub none: bool,
    pub login: bool,
    pub consent: bool,
}

/// A validated authorization request.
#[derive(Debug, Clone)]
pub struct CheckedRequest {
    pub redirect_uri: String,
    pub response: ResponseType,
    pub mode: ResponseMode,
    pub scopes: Scopes,
    pub state: Option<String>,
    pub nonce: Option<String>,
    /// The S256 code challenge (RFC 7636).
    pub challenge: Option<String>,
    pub prompt: Prompt,
    /// Seconds.
    pub max_age: Option<i64>,
}

/// A check. It reads the parameters and fills in its part of the request.
type Check = fn(&Params, &ClientEntry, &mut CheckedRequest) -> Result<(), OAuthError>;

/// The checks; the first failure is reported.
pub const CHECKS: &[(&str, Check)] = &[
    ("response_type", response_type),
    ("request_object", request_object),
    ("grant_type", grant_type),
    ("prompt", prompt),
    ("max_age", max_age),
    ("scope", scope),
    ("nonce", nonce),
    ("pkce", pkce),
];

/// Checks all parameters except `client_id` and `redirect_uri`, which are checked before because they decide
/// where errors are sent. An error carries the redirect for it.
pub fn check(
    params: &Params,
    entry: &ClientEntry,
    redirect_uri: &str,
) -> Result<CheckedRequest, Box<(OAuthError, CheckedRequest)>> {
    let mut ask = blank(params, redirect_uri);
    for (name, rule) in CHECKS {
        if let Err(error) = rule(params, entry, &mut ask) {
            tracing::debug!(rule = name, code = error.code, "an authorization request was refused");
            return Err(Box::new((error, ask)));
        }
    }
    Ok(ask)
}

/// A request with nothing but the redirect for an error.
pub fn blank(params: &Params, redirect_uri: &str) -> CheckedRequest {
    let response = params.get("response_type").and_then(ResponseType::parse).unwrap_or_default();
    let mode = match params.get("response_mode") {
        Some("form_post") => ResponseMode::FormPost,
        Some("fragment") => ResponseMode::Fragment,
        // Tokens must not be sent in a query string.
        _ if response.is_front_channel() => ResponseMode::Fragment,
        _ => ResponseMode::Query,
    };
    CheckedRequest {
        redirect_uri: redirect_uri.to_owned(),
        response,
        mode,
        scopes: Scopes::default(),
        state: params.get("state").map(str::to_owned),
        nonce: params.get("nonce").map(str::to_owned),
        challenge: None,
        prompt: Prompt::default(),
        max_age: None,
    }
}

fn response_type(params: &Params, _: &ClientEntry, ask: &mut CheckedRequest) -> Result<(), OAuthError> {
    ask.response = params
        .get("response_type")
        .and_then(ResponseType::parse)
        .ok_or_else(OAuthError::unsupported_response_type)?;
    Ok(())
}

fn request_object(params: &Params, _: &ClientEntry, _: &mut CheckedRequest) -> Result<(), OAuthError> {
    if params.get("request").is_some() {
        return Err(OAuthError::request_not_supported());
    }
    // OpenID Connect Core §6.2: unsupported, so it must be refused; ignoring it would drop its parameters.
    if params.get("request_uri").is_some() {
        return Err(OAuthError::request_uri_not_supported());
    }
    Ok(())
}

fn grant_type(_: &Params, entry: &ClientEntry, ask: &mut CheckedRequest) -> Result<(), OAuthError> {
    if entry.settings.allows(ask.response.grant()) { Ok(()) } else { Err(OAuthError::unauthorized_client()) }
}

fn prompt(params: &Params, _: &ClientEntry, ask: &mut CheckedRequest) -> Result<(), OAuthError> {
    let words: Vec<&str> = params.get("prompt").unwrap_or_default().split_ascii_whitespace().collect();
    ask.prompt = Prompt {
        none: words.contains(&"none"),
        login: words.contains(&"login") || words.contains(&"select_account"),
        consent: words.contains(&"consent"),
    };
    // OpenID Connect Core §3.1.2.1: `none` excludes other values.
    if ask.prompt.none && words.len() > 1 { Err(OAuthError::invalid_request()) } else { Ok(()) }
}

fn max_age(params: &Params, _: &ClientEntry, ask: &mut CheckedRequest) -> Result<(), OAuthError> {
    ask.max_age = match params.get("max_age").map(str::parse::<i64>) {
        None => None,
        Some(Ok(secs)) if secs >= 0 => Some(secs),
        Some(_) => {
            return Err(
                OAuthError::invalid_request().because("The parameter max_age must be a number of seconds")
            );
        }
    };
    Ok(())
}

fn scope(params: &Params, entry: &ClientEntry, ask: &mut CheckedRequest) -> Result<(), OAuthError> {
    let asked = Scopes::parse(params.get("scope").unwrap_or_default());
    let configured = || entry.scope_names().chain([OPENID]);
    // Without `scope` all configured scopes are granted.
    let granted = if asked.is_empty() { entry.scope_names().collect() } else { asked.among(configured()) };
    ask.scopes = if ask.response.code { granted } else { granted.without(OFFLINE_ACCESS) };
    let needs_openid = ask.response.is_front_channel();
    if needs_openid && !ask.scopes.has(OPENID) { Err(OAuthError::invalid_scope()) } else { Ok(()) }
}

fn nonce(_: &Params, _: &ClientEntry, ask: &mut CheckedRequest) -> Result<(), OAuthError> {
    if ask.response.id_token && ask.nonce.is_none() { Err(OAuthError::invalid_request()) } else { Ok(()) }
}

fn pkce(params: &Params, entry: &ClientEntry, ask: &mut CheckedRequest) -> Result<(), OAuthError> {
    let method = params.get("code_challenge_method");
    match (params.get("code_challenge"), method) {
        (None, Some(_)) => {
            Err(OAuthError::invalid_request().because("The parameter code_challenge is missing"))
        }
        // A public client's code is bound to nothing but PKCE (RFC 9700 §2.1.1).
        (None, None) if ask.response.code && entry.settings.is_public() => {
            Err(OAuthError::invalid_request().because("Public clients must send a code_challenge"))
        }
        (None, None) => Ok(()),
        (Some(challenge), Some("S256")) if is_s256(challenge) => {
            ask.challenge = Some(challenge.to_owned());
            Ok(())
        }
        (Some(_), Some("S256")) => {
            Err(OAuthError::invalid_request().because("The parameter code_challenge is malformed"))
        }
        // RFC 7636 §4.3: the default method is `plain`, which does not protect against an attacker who reads
        // the request.
        (Some(_), other) => {
            let shown: String =
                other.unwrap_or("plain").chars().filter(char::is_ascii_alphanumeric).take(40).collect();
            Err(OAuthError::invalid_request().because(format!("Unsupported challenge method {shown}")))
        }
    }
}

/// Whether it is the Base64url form of a SHA-256 digest.
fn is_s256(challenge: &str) -> bool {
    challenge.len() == 43 && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl CheckedRequest {
    /// The redirect URI with the parameters in query or fragment, by the response mode. `form_post` has none
    /// in its URI.
    pub fn location(&self, parameters: &[(&str, &str)]) -> String {
        let extra = query::build(parameters.iter().copied());
        let uri = &self.redirect_uri;
        match self.mode {
            ResponseMode::Fragment => format!("{uri}#{extra}"),
            _ if uri.ends_with('?') || uri.ends_with('&') => format!("{uri}{extra}"),
            _ if uri.contains('?') => format!("{uri}&{extra}"),
            _ => format!("{uri}?{extra}"),
        }
    }
    /// The parameters of an error response.
    pub fn error_parameters(&self, error: &OAuthError, issuer: String) -> Vec<(String, String)> {
        let mut out = vec![
            ("error".to_owned(), error.code.to_owned()),
            ("error_description".to_owned(), error.description.to_string()),
        ];
        out.extend(self.state.clone().map(|state| ("state".to_owned(), state)));
        // RFC 9207: issuer identification.
        out.push(("iss".to_owned(), issuer));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn ask(query: &str) -> CheckedRequest {
        blank(&Params::parse(query).0, "https://app.example/cb")
    }
    #[test]
    fn response_types_are_sets_of_known_words() {
        let parsed = |text| ResponseType::parse(text).map(ResponseType::grant);
        assert_eq!(parsed("code"), Some(GrantType::AuthorizationCode));
        assert_eq!(parsed("token id_token"), Some(GrantType::Implicit));
        assert_eq!(parsed("id_token code"), Some(GrantType::Hybrid));
        for bad in ["", "token", "bogus", "code code", "code  token", "none", "CODE"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
    #[test]
    fn errors_go_back_the_way_the_answer_would() {
        let error = OAuthError::login_required();
        let to = |ask: &CheckedRequest| {
            let all = ask.error_parameters(&error, "https://id.test/".into());
            ask.location(&all.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>())
        };
        assert_eq!(
            to(&ask("response_type=code&state=a%26b")),
            "https://app.example/cb?error=login_required&error_description=The%20Authorization%20Server%20requires%20End-User%20authentication&state=a%26b&iss=https%3A%2F%2Fid.test%2F"
        );
        assert!(
            to(&ask("response_type=id_token")).starts_with("https://app.example/cb#error=login_required&")
        );
        assert!(to(&ask("response_type=bogus")).starts_with("https://app.example/cb?error="));
        // Tokens are never sent in a query, even when `response_mode=query`.
        assert_eq!(ask("response_type=id_token&response_mode=query").mode, ResponseMode::Fragment);
        let mut with_query = ask("response_type=code");
        with_query.redirect_uri.push_str("?a=1");
        assert_eq!(with_query.location(&[("code", "x")]), "https://app.example/cb?a=1&code=x");
    }
    #[test]
    fn challenges_are_digests() {
        assert!(is_s256(&signet_jose::pkce_s256("a")) && !is_s256("x") && !is_s256(&"=".repeat(43)));
    }
}
