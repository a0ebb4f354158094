//! OpenID Connect Back-Channel Logout 1.0: a signed message to the application's `logout_uri`.
use super::claims::AuthContext;
use super::clients::ClientEntry;
use super::model::{LogoutMethod, OAuth2Provider};
use super::subject::subject;
use serde::{Deserialize, Serialize};
use signet_base::outbound::HttpRequest;
use signet_base::{Error, Map, Result, Uuid, json, query};
use signet_core::provider::SignOutMessage;
use signet_core::session::participants;
use signet_core::{Core, Principal, WebSession};
use signet_store::Batch;

/// §2.4
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Lifetime of a logout token in seconds: long enough for a slow clock, too short to be of use later.
const LIFETIME: i64 = 120;
/// Longest part of a refusal that the log keeps, in characters.
const LONGEST_REASON: usize = 200;

/// Whom the application knows.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    iss: String,
    sub: String,
}

/// Whether the application is told by us, and not by the browser.
pub fn is_told(settings: &OAuth2Provider) -> bool {
    settings.logout_method == LogoutMethod::Backchannel && !settings.logout_uri.is_empty()
}

/// The application takes part in the session: as part of the commit of what it gets.
pub fn take_part(
    core: &Core,
    session: &WebSession,
    entry: &ClientEntry,
    issuer: &str,
    person: &Principal,
    auth: &AuthContext,
) -> Result<Batch> {
    let (Some(sid), true) = (&auth.sid, is_told(&entry.settings)) else { return Ok(Batch::new()) };
    let known = Known { iss: issuer.to_owned(), sub: subject(entry.settings.sub_mode, person) };
    Ok(participants::take_part(core, session, entry.num(), sid, serde_json::to_value(known)?))
}

/// Sends the message of `id`.
pub async fn send(core: &Core, entry: &ClientEntry, message: &SignOutMessage, id: Uuid) -> Result<()> {
    let known: Known = serde_json::from_value(message.data.clone())?;
    let now = core.now().secs();
    let claims = json!({
        "iss": known.iss,
        "sub": known.sub,
        "aud": entry.settings.client_id,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": id,
        "sid": message.session_index,
        "events": {EVENT: {}},
    });
    let claims: Map = claims.as_object().cloned().unwrap_or_default();
    let token = entry.signer.logout_token(core, claims).await?;
    let form = query::build([("logout_token", token.as_str())]);
    let request = HttpRequest::new("POST", &entry.settings.logout_uri)
        .header("cache-control", "no-store")
        .body("application/x-www-form-urlencoded", form);
    let response = core.ports.http.send(request).await?;
    let reason = String::from_utf8_lossy(&response.body);
    let reason: String = reason.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect();
    match response.status {
        200..=299 => Ok(()),
        // Another attempt may be heard.
        408 | 425 | 429 | 500..=599 => {
            Err(Error::unavailable(format!("the application answers {}: {reason}", response.status)))
        }
        status => Err(Error::invalid("logout_uri", format!("The application answers {status}: {reason}"))),
    }
}

/// Whether an address may be told (§2.2): absolute, on the web, without a fragment.
pub fn is_address(url: &str) -> bool {
    crate::web::web_origin(url).is_some()
        && url.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'#' | b'\\' | b'"' | b'<' | b'>'))
}

#[cfg(test)]
mod tests {
    use super::is_address;
    #[test]
    fn messages_go_to_addresses_of_the_web() {
        assert!(is_address("https://app.test/logout?x=1") && is_address("http://127.0.0.1:8/"));
        for bad in [
            "",
            "/logout",
            "app.test/logout",
            "ftp://app.test/",
            "https://app.test/#x",
            "https://app.test/ x",
            "javascript:x",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
