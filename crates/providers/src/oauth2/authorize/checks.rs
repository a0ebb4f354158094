//! The authorization request as a table of named checks. They run when it arrives and again when it is
//! answered, since settings may have changed while a person was signing in.
use crate::oauth2::clients::ClientEntry;
use crate::oauth2::errors::OAuthError;
use crate::oauth2::model::GrantType;
use crate::oauth2::params::Params;
use crate::oauth2::scopes::{OFFLINE_ACCESS, OPENID, Scopes};
use signet_base::query;

/// What is to be returned (OAuth 2.0 Multiple Response Types).
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
        // A bare access token belongs to nobody's sign-in.
        (out.code || out.id_token).then_some(out)
    }
    pub fn grant(self) -> GrantType {
        match (self.code, self.id_token || self.token) {
            (true, false) => GrantType::AuthorizationCode,
            (true, true) => GrantType::Hybrid,
            (false, _) => GrantType::Implicit,
        }
    }
    /// Whether tokens travel through the browser.
    fn is_front_channel(self) -> bool {
        self.id_token || self.token
    }
}

/// How the answer travels.
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

/// A checked request.
#[derive(Debug, Clone)]
pub struct CheckedRequest {
    pub redirect_uri: String,
    pub response: ResponseType,
    pub mode: ResponseMode,
    pub scopes: Scopes,
    pub state: Option<String>,
    pub nonce: Option<String>,
    /// S256 challenge (RFC 7636).
    pub challenge: Option<String>,
    pub prompt: Prompt,
    /// In seconds.
    pub max_age: Option<i64>,
}

/// One rule. It reads the parameters and fills in its part of the request.
type Check = fn(&Params, &ClientEntry, &mut CheckedRequest) -> Result<(), OAuthError>;

/// The rules in the order in which the first broken one is reported.
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

/// Judges all parameters but `client_id` and `redirect_uri`, which decide where an error may go and are
/// judged before. An error comes with the way back for it.
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

/// A request of which only the way back is known.
pub fn blank(params: &Params, redirect_uri: &str) -> CheckedRequest {
    let response = params.get("response_type").and_then(ResponseType::parse).unwrap_or_default();
    let mode = match params.get("response_mode") {
        Some("form_post") => ResponseMode::FormPost,
        Some("fragment") => ResponseMode::Fragment,
        // Tokens never travel in a query string.
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
    // OpenID Connect Core §6.2: an unsupported one must be refused, or its parameters would be silently
    // missing.
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
    // OpenID Connect Core §3.1.2.1: `none` stands alone.
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
    // Nothing asked for is everything configured.
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
        // A client without a secret has nothing else to bind its code to (RFC 9700 §2.1.1).
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
        // RFC 7636 §4.3: without a method it is plain, which protects nothing from who can read the request.
        (Some(_), other) => {
            let shown: String =
                other.unwrap_or("plain").chars().filter(char::is_ascii_alphanumeric).take(40).collect();
            Err(OAuthError::invalid_request().because(format!("Unsupported challenge method {shown}")))
        }
    }
}

/// Base64url of a SHA-256 digest.
fn is_s256(challenge: &str) -> bool {
    challenge.len() == 43 && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl CheckedRequest {
    /// The client's address with parameters, in the query or the fragment as the mode says. A form carries
    /// them itself.
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
    /// Parameters of an error answer.
    pub fn error_parameters(&self, error: &OAuthError, issuer: String) -> Vec<(String, String)> {
        let mut out = vec![
            ("error".to_owned(), error.code.to_owned()),
            ("error_description".to_owned(), error.description.to_string()),
        ];
        out.extend(self.state.clone().map(|state| ("state".to_owned(), state)));
        // RFC 9207: who answers.
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
        // Tokens are never put into a query, whatever is asked for.
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
