//! Sign-in before authorization: whether it is due, and the way to the sign-in flow and back.
use super::{AuthorizationRequest, Demands, PendingAuthorization};
use crate::flow::plan::plan;
use crate::flow::{Context, Executor, keys};
use crate::models::Designation;
use crate::session::Authentication;
use crate::{Client, Core, WebSession, brand};
use signet_base::{Error, Json, Result, Timestamp, Uuid, json, query, vault};
use signet_model::{Object, Snapshot};
use std::sync::Arc;

/// Lifetime of the note that a request asked for a new sign-in, in seconds.
const ASKED_FOR: i64 = 3600;
/// Maximum number of such notes per session.
const MAX_ASKED: usize = 16;

/// Whether a signed-in person must authenticate again for this request.
pub fn is_due(
    demands: &Demands,
    authentication: Option<&Authentication>,
    asked: Option<&Json>,
    now: Timestamp,
) -> bool {
    let Some(authentication) = authentication else { return true };
    let too_old =
        demands.max_age.is_some_and(|secs| now.secs() - authentication.at.secs() > secs || secs == 0);
    if !demands.force_authentication && !too_old {
        return false;
    }
    // The person has authenticated again since the request asked for it: the sign-in event differs, and is not older.
    let done = asked.is_some_and(|asked| {
        let at = asked.get("at").and_then(Json::as_i64).unwrap_or(i64::MAX);
        let event = asked.get("event").and_then(Json::as_str).unwrap_or_default();
        authentication.event.to_string() != event
            && authentication.at.0 >= at
            && now.0 - at <= ASKED_FOR * 1_000_000
    });
    !done
}

/// Identifies a request within a session, before and after the sign-in.
pub fn request_key(url: &str) -> String {
    vault::sha256_hex(url.as_bytes())[..16].to_owned()
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

/// The flow that a provider names in this field.
pub fn flow_of<'a>(provider: &Object, field: &str, config: &'a Snapshot) -> Option<&'a Arc<Object>> {
    Uuid::parse_str(provider.text(field)).ok().and_then(|pk| config.get(pk))
}

/// The URL of the sign-in flow, which returns to this request. The flow is planned here, so that its context contains the
/// application.
pub async fn to_login(
    core: &Arc<Core>,
    client: &Client,
    session: &mut WebSession,
    request: &dyn AuthorizationRequest,
) -> Result<String> {
    let config = core.config();
    let flow = match flow_of(request.provider(), "authentication_flow", &config) {
        Some(flow) => flow.clone(),
        None => brand::flow_for(core, client, session.principal(), Designation::Authentication)
            .await?
            .ok_or(Error::NotFound)?,
    };
    let back = request.url();
    let next = format!("next={}", query::encode(&back));
    let query = match back.split_once('?') {
        Some((_, own)) if !own.is_empty() => format!("{own}&{next}"),
        _ => next,
    };
    let mut context = Context::default();
    context.set(&keys::APPLICATION, request.application().pk);
    if let Some(person) = session.principal() {
        context.set(&keys::PENDING_USER, person.pending());
    }
    // A flow that is not applicable to this person shows that on its page.
    if let Ok(mut plan) = plan(core, client, &flow, session.principal(), context, false).await? {
        plan.authorization = Some(PendingAuthorization::of(request, None));
        Executor { core, client, session, query: &query }.start(plan);
    }
    Ok(format!("/if/flow/{}/?{query}", flow.text("slug")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demands(force_authentication: bool, max_age: Option<i64>) -> Demands {
        Demands { force_authentication, max_age, ..Demands::default() }
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
        assert!(!is_due(&demands(false, None), Some(&old), None, now));
        assert!(
            is_due(&demands(true, None), Some(&old), None, now)
                && is_due(&demands(false, None), None, None, now)
        );
        let asked = json!({"event": Uuid::from_u128(1).to_string(), "at": Timestamp::from_secs(950).0});
        assert!(is_due(&demands(true, None), Some(&old), Some(&asked), now));
        assert!(!is_due(&demands(true, None), Some(&signed_in(960, 2)), Some(&asked), now));
        // A sign-in before the request, or long after it, does not count.
        assert!(is_due(&demands(true, None), Some(&signed_in(940, 2)), Some(&asked), now));
        let late = Timestamp::from_secs(10_000);
        assert!(is_due(&demands(true, None), Some(&signed_in(960, 2)), Some(&asked), late));
    }
    #[test]
    fn max_age_counts_from_the_sign_in_and_zero_means_now() {
        let now = Timestamp::from_secs(1000);
        assert!(!is_due(&demands(false, Some(100)), Some(&signed_in(900, 1)), None, now));
        assert!(is_due(&demands(false, Some(99)), Some(&signed_in(900, 1)), None, now));
        assert!(is_due(&demands(false, Some(0)), Some(&signed_in(1000, 1)), None, now));
        assert!(!is_due(&demands(false, Some(i64::MAX)), Some(&signed_in(0, 1)), None, now));
    }
}
