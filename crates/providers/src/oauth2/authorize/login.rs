//! Sign-in before authorization: whether it is required (`prompt=login`, `max_age`), and the redirect to the
//! sign-in flow.
use super::checks::CheckedRequest;
use crate::oauth2::clients::ClientEntry;
use crate::oauth2::params::Params;
use crate::oauth2::subject::subject;
use signet_base::{Error, Json, Result, Timestamp, json, query, vault};
use signet_core::flow::plan::plan;
use signet_core::flow::{Context, Executor, keys};
use signet_core::models::Designation;
use signet_core::session::Authentication;
use signet_core::{Client, Core, Principal, WebSession, brand};
use std::sync::Arc;

/// Lifetime of the note that a request asked for a new sign-in, in seconds.
const ASKED_FOR: i64 = 3600;
/// Maximum number of such notes per session.
const MAX_ASKED: usize = 16;

/// Whether a signed-in user must authenticate again for this request.
pub fn is_due(
    ask: &CheckedRequest,
    authentication: Option<&Authentication>,
    asked: Option<&Json>,
    now: Timestamp,
) -> bool {
    let Some(authentication) = authentication else { return true };
    let too_old = ask.max_age.is_some_and(|secs| now.secs() - authentication.at.secs() > secs || secs == 0);
    if !ask.prompt.login && !too_old {
        return false;
    }
    // The user has authenticated again since the request asked for it: the sign-in event differs, and is not
    // older.
    let done = asked.is_some_and(|asked| {
        let at = asked.get("at").and_then(Json::as_i64).unwrap_or(i64::MAX);
        let event = asked.get("event").and_then(Json::as_str).unwrap_or_default();
        authentication.event.to_string() != event
            && authentication.at.0 >= at
            && now.0 - at <= ASKED_FOR * 1_000_000
    });
    !done
}

/// The result of comparing `id_token_hint` with the signed-in user (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    None,
    Fits,
    /// The hint names another user.
    Other,
    /// Not an ID token of this client, or signed with a replaced key.
    Unreadable,
}

pub fn hint(core: &Core, client: &Client, entry: &ClientEntry, params: &Params, person: &Principal) -> Hint {
    let Some(token) = params.get("id_token_hint") else { return Hint::None };
    match entry.read_hint(core, client, token) {
        None => Hint::Unreadable,
        Some(claims) if claims.sub() == Some(subject(entry.settings.sub_mode, person).as_str()) => Hint::Fits,
        Some(_) => Hint::Other,
    }
}

/// Identifies a request within a session, before and after the sign-in.
pub fn request_key(params: &Params) -> String {
    vault::sha256_hex(params.query_without(&["next"]).as_bytes())[..16].to_owned()
}

/// Stores in the session that this request asked for a sign-in.
pub fn remember(session: &mut WebSession, key: &str, now: Timestamp) {
    let event = session.authentication().map(|a| a.event.to_string()).unwrap_or_default();
    let asked = &mut session.state.asked;
    asked.retain(|_, v| {
        v.get("at").and_then(Json::as_i64).is_some_and(|at| now.0 - at <= ASKED_FOR * 1_000_000)
    });
    while asked.len() >= MAX_ASKED {
        let Some(oldest) =
            asked.iter().min_by_key(|(_, v)| v.get("at").and_then(Json::as_i64)).map(|(k, _)| k.clone())
        else {
            break;
        };
        asked.remove(&oldest);
    }
    asked.insert(key.to_owned(), json!({"event": event, "at": now.0}));
    session.touch();
}

/// The URL of the sign-in flow, which returns to this request. The flow is planned here, so that its context
/// contains the application.
pub async fn to_login(
    core: &Arc<Core>,
    client: &Client,
    session: &mut WebSession,
    entry: &ClientEntry,
    params: &Params,
) -> Result<String> {
    let config = core.config();
    let flow = match entry.settings.authentication_flow.and_then(|pk| config.get(pk)) {
        Some(flow) => flow.clone(),
        None => brand::flow_for(core, client, session.principal(), Designation::Authentication)
            .await?
            .ok_or(Error::NotFound)?,
    };
    let own = params.query_without(&["next"]);
    let back = format!("/application/o/authorize/?{own}");
    let query = format!("{own}&next={}", query::encode(&back));
    let mut context = Context::default();
    context.set(&keys::APPLICATION, entry.application.pk);
    if let Some(person) = session.principal() {
        context.set(&keys::PENDING_USER, person.pending());
    }
    // A flow that is not applicable to this user shows that on its page.
    if let Ok(plan) = plan(core, client, &flow, session.principal(), context, false).await? {
        Executor { core, client, session, query: &query }.start(plan);
    }
    Ok(format!("/if/flow/{}/?{query}", flow.text("slug")))
}

#[cfg(test)]
mod tests {
    use super::super::checks::{Prompt, blank};
    use super::*;
    use signet_base::Uuid;
    fn ask(login: bool, max_age: Option<i64>) -> CheckedRequest {
        CheckedRequest {
            prompt: Prompt { login, ..Prompt::default() },
            max_age,
            ..blank(&Params::default(), "https://a.test/")
        }
    }
    fn signed_in(at: i64, event: u128) -> Authentication {
        Authentication {
            method: "password".into(),
            at: Timestamp::from_secs(at),
            event: Uuid::from_u128(event),
            ..Authentication::default()
        }
    }
    #[test]
    fn a_second_sign_in_is_asked_for_once() {
        let now = Timestamp::from_secs(1000);
        let old = signed_in(900, 1);
        assert!(!is_due(&ask(false, None), Some(&old), None, now));
        assert!(
            is_due(&ask(true, None), Some(&old), None, now) && is_due(&ask(false, None), None, None, now)
        );
        let asked = json!({"event": Uuid::from_u128(1).to_string(), "at": Timestamp::from_secs(950).0});
        assert!(is_due(&ask(true, None), Some(&old), Some(&asked), now));
        assert!(!is_due(&ask(true, None), Some(&signed_in(960, 2)), Some(&asked), now));
        // A sign-in before the request, or long after it, does not count.
        assert!(is_due(&ask(true, None), Some(&signed_in(940, 2)), Some(&asked), now));
        assert!(is_due(
            &ask(true, None),
            Some(&signed_in(960, 2)),
            Some(&asked),
            Timestamp::from_secs(10_000)
        ));
    }
    #[test]
    fn max_age_counts_from_the_sign_in_and_zero_means_now() {
        let now = Timestamp::from_secs(1000);
        assert!(!is_due(&ask(false, Some(100)), Some(&signed_in(900, 1)), None, now));
        assert!(is_due(&ask(false, Some(99)), Some(&signed_in(900, 1)), None, now));
        assert!(is_due(&ask(false, Some(0)), Some(&signed_in(1000, 1)), None, now));
        assert!(!is_due(&ask(false, Some(i64::MAX)), Some(&signed_in(0, 1)), None, now));
    }
}
