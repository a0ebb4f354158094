//! Authentication (API key, else session, else anonymous) and the permission gate.
use crate::Bearer;
use crate::call::Fault;
use crate::route::{Action, Permission};
use http::{HeaderMap, Method, StatusCode, header};
use signet_base::query;
use signet_core::address::{self, Origin};
use signet_core::{Client, Core, Principal, WebSession, session, token};
use std::sync::Arc;

/// The result of authentication.
#[derive(Default)]
pub(crate) struct Identity {
    pub principal: Option<Principal>,
    pub session: Option<WebSession>,
}

/// Reads the `Authorization` header, else the session cookie. An invalid key is refused; another scheme or an
/// empty credential is ignored.
pub(crate) async fn identify(
    core: &Arc<Core>,
    oauth: Option<&Bearer>,
    client: &Client,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Identity, Fault> {
    if let Some(key) = bearer(headers) {
        let found = match token::authenticate(core, key).await? {
            Some(person) => Some(person),
            None => match oauth {
                Some(oauth) => oauth(core, client, key).await?.filter(|p| p.user.is_active),
                None => None,
            },
        };
        return match found {
            Some(person) => Ok(Identity { principal: Some(person), session: None }),
            None => Err(Fault::detail(StatusCode::FORBIDDEN, "Token invalid/expired")),
        };
    }
    let cookies =
        headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join("; ");
    if cookies.is_empty() {
        return Ok(Identity::default());
    }
    let web = WebSession::load(core, client, &cookies).await?;
    let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let Some(person) = web.principal().cloned() else {
        // A session without a user is not available to other sites either.
        return match address::is_from_us(core, client, headers) {
            Err(why) if changes => Err(Fault::detail(StatusCode::FORBIDDEN, format!("CSRF Failed: {why}"))),
            _ => Ok(Identity::default()),
        };
    };
    if changes {
        same_site(core, &web, client, headers)?;
    }
    Ok(Identity { principal: Some(person), session: Some(web) })
}

/// The credential of a `Bearer` header (RFC 6750 §2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

/// CSRF check of state-changing requests authenticated by cookie: the token header must match, and an
/// `Origin` must be this server's.
fn same_site(core: &Core, web: &WebSession, client: &Client, headers: &HeaderMap) -> Result<(), Fault> {
    let refuse = |why: &str| Fault::detail(StatusCode::FORBIDDEN, format!("CSRF Failed: {why}"));
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("null"));
    address::is_from_us(core, client, headers).map_err(refuse)?;
    if text("origin").is_none()
        && let Some(referrer) = text("referer")
        && !Origin::of_page(referrer)
            .is_some_and(|origin| address::is_own_origin(core, client, &origin.to_string()))
    {
        return Err(refuse("Referer checking failed."));
    }
    match text(session::CSRF_HEADER) {
        Some(sent) if web.csrf_fits(core, sent) => Ok(()),
        Some(_) => Err(refuse("CSRF token incorrect.")),
        None => Err(refuse("CSRF token missing.")),
    }
}

/// Whether the caller has the permission of a row.
pub fn gate(action: &Action, principal: Option<&Principal>) -> Result<(), Fault> {
    match principal {
        _ if action.permission == Permission::Anyone => Ok(()),
        None => Err(Fault::stranger()),
        Some(person) if action.lets(person) => Ok(()),
        Some(_) => Err(Fault::forbidden()),
    }
}

/// The pairs of a query string, at most 200.
pub(crate) fn pairs(text: Option<&str>) -> Vec<(String, String)> {
    let mut all = query::pairs(text.unwrap_or_default());
    all.truncate(200);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_model::Verb;
    fn with(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, http::HeaderValue::from_static(value))])
    }
    #[test]
    fn only_a_bearer_credential_is_read() {
        assert_eq!(bearer(&with("Bearer abc")), Some("abc"));
        assert_eq!(bearer(&with("bearer abc")), Some("abc"));
        for other in ["Bearer", "Bearer ", "Basic YTpi", "abc", ""] {
            assert_eq!(bearer(&with(other)), None, "{other}");
        }
    }
    #[test]
    fn strangers_pass_only_where_anyone_may() {
        let row = |permission| Action::get("x", permission, "", crate::route::Run::Plain(|_| unreachable!()));
        assert!(gate(&row(Permission::Anyone), None).is_ok());
        for permission in [
            Permission::SignedIn,
            Permission::Own(Verb::View),
            Permission::Model(Verb::View),
            Permission::Named(&[]),
        ] {
            assert!(gate(&row(permission), None).is_err(), "{permission:?}");
        }
    }
}
