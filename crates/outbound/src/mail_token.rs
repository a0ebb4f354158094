//! Access tokens for mail servers, kept until they expire.
use signet_base::outbound::{Http, HttpRequest, MailOAuth};
use signet_base::{Clock, Error, Json, Result, Secret};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Seconds before its end at which a token is no longer used.
const MARGIN: i64 = 60;
/// Validity of a token whose answer names none, in seconds.
const UNKNOWN: i64 = 300;

struct Kept {
    token: Secret,
    /// Seconds since the Unix epoch.
    until: i64,
}

#[derive(Default)]
struct Tokens {
    kept: HashMap<(String, String), Kept>,
    /// Refresh tokens that replaced the configured ones (RFC 6749 §6).
    refreshed: HashMap<(String, String), Secret>,
}

pub(crate) struct MailTokens {
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    tokens: Mutex<Tokens>,
}

impl MailTokens {
    pub(crate) fn new(http: Arc<dyn Http>, clock: Arc<dyn Clock>) -> Self {
        Self { http, clock, tokens: Mutex::default() }
    }

    /// The token that is kept, else a new one. Letters that are sent together wait for the same one.
    pub(crate) async fn get(&self, oauth: &MailOAuth) -> Result<Secret> {
        let mut tokens = self.tokens.lock().await;
        let (name, now) = (name(oauth), self.clock.now().secs());
        if let Some(kept) = tokens.kept.get(&name).filter(|kept| now < kept.until) {
            return Ok(kept.token.clone());
        }
        let refresh = tokens.refreshed.get(&name).unwrap_or(&oauth.refresh_token).clone();
        let answer = self.ask(oauth, &refresh).await?;
        let text = |field: &str| answer.get(field).and_then(Json::as_str).filter(|text| !text.is_empty());
        let usable = |token: &&str| token.bytes().all(|b| b.is_ascii_graphic());
        let token = text("access_token")
            .filter(usable)
            .map(Secret::new)
            .ok_or_else(|| unavailable(oauth, "it sends no access token"))?;
        if let Some(next) = text("refresh_token").filter(|_| !refresh.is_empty()) {
            tokens.refreshed.insert(name.clone(), Secret::new(next));
        }
        let valid = match answer.get("expires_in") {
            Some(Json::String(seconds)) => seconds.parse().ok(),
            other => other.and_then(Json::as_i64),
        };
        let until = now + valid.unwrap_or(UNKNOWN) - MARGIN;
        tokens.kept.insert(name, Kept { token: token.clone(), until });
        Ok(token)
    }

    /// Drops a token that the mail server refused.
    pub(crate) async fn forget(&self, oauth: &MailOAuth) {
        self.tokens.lock().await.kept.remove(&name(oauth));
    }

    async fn ask(&self, oauth: &MailOAuth, refresh: &Secret) -> Result<Json> {
        let request = HttpRequest::new("POST", oauth.token_url.as_str())
            .header("accept", "application/json")
            .body("application/x-www-form-urlencoded", form(oauth, refresh));
        let answer = self.http.send(request).await?;
        let json: Option<Json> = serde_json::from_slice(&answer.body).ok();
        match (answer.status, json) {
            (200, Some(json)) => Ok(json),
            (status, json) => {
                // A code of RFC 6749 §5.2. Anything else could repeat what was sent.
                let code = json.as_ref().and_then(|j| j.get("error")?.as_str()).filter(|c| is_code(c));
                Err(unavailable(
                    oauth,
                    format!("it answers {status} {}", code.unwrap_or_default()).trim_end(),
                ))
            }
        }
    }
}

fn form(oauth: &MailOAuth, refresh: &Secret) -> String {
    let grant = if refresh.is_empty() { "client_credentials" } else { "refresh_token" };
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", grant).append_pair("client_id", &oauth.client_id);
    for (field, value) in [
        ("client_secret", oauth.client_secret.reveal()),
        ("scope", oauth.scope.as_str()),
        ("refresh_token", refresh.reveal()),
    ] {
        if !value.is_empty() {
            form.append_pair(field, value);
        }
    }
    form.finish()
}
fn name(oauth: &MailOAuth) -> (String, String) {
    (oauth.token_url.clone(), oauth.client_id.clone())
}
fn is_code(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}
fn unavailable(oauth: &MailOAuth, why: &str) -> Error {
    let host = url::Url::parse(&oauth.token_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    Error::unavailable(format!("the token endpoint {} of the mail server: {why}", host.unwrap_or_default()))
}
