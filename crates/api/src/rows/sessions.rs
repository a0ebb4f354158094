//! `/core/authenticated_sessions/`
use super::{blank, user_agent};
use signet_base::{Json, Uuid, json};
use signet_core::directory::Transaction;
use signet_model::{FieldDef, FieldKind};
use signet_rest::list::{Filters, Paging};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::epoch::KeptSession;
use signet_store::sessions::{self, Session};

pub(crate) const FIELDS: &[FieldDef] = &[
    FieldDef::shown("uuid", FieldKind::Uuid),
    FieldDef::shown("current", FieldKind::Bool),
    FieldDef::shown("user_agent", FieldKind::Object),
    FieldDef::shown("geo_ip", FieldKind::Object).nullable(),
    FieldDef::shown("asn", FieldKind::Object).nullable(),
    FieldDef::shown("user", FieldKind::Int),
    blank(FieldDef::shown("last_ip", FieldKind::Text)),
    FieldDef::shown("last_user_agent", FieldKind::Text),
    FieldDef::shown("last_used", FieldKind::Time),
    FieldDef::shown("expires", FieldKind::Time),
];

fn show(call: &Call, s: &Session) -> Json {
    let current = call.session.as_ref().and_then(|own| own.uuid()) == Some(s.uuid);
    // Location and AS of the address, if databases are configured.
    let located = s.ip.parse().ok().and_then(|ip| call.core.geoip.look_up(ip).ok()).unwrap_or_default();
    let (place, network) = (located.place.map(|p| p.to_map()), located.network.map(|n| n.to_map()));
    json!({
        "uuid": s.uuid, "current": current, "user_agent": user_agent::parse(&s.user_agent), "geo_ip": place, "asn": network, "user": s.user_id,
        "last_ip": s.ip, "last_user_agent": s.user_agent, "last_used": s.last_used, "expires": s.expires,
    })
}

async fn find(call: &Call) -> Result<Session, Fault> {
    let id = Uuid::parse_str(&call.key).map_err(|_| Fault::not_found())?;
    let found = sessions::by_uuid(&call.core.db, id).await?;
    let alive = found.filter(|s| s.user_id.is_some() && !s.is_expired(call.core.now()));
    let session = alive.ok_or_else(|| Fault::missing("AuthenticatedSession"))?;
    call.reach(session.uuid, session.user_id, "AuthenticatedSession")?;
    Ok(session)
}

/// `GET /core/authenticated_sessions/`
pub(crate) async fn list(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut f = Filters::new(call);
    let q = paging.rows::<Session>(&mut f);
    f.done()?;
    let (page, total) = sessions::list(&call.core.db, &q, Some(call.core.now())).await?;
    paging.envelope(page.iter().map(|s| show(call, s)).collect(), total, json!({}))
}

/// `GET /core/authenticated_sessions/<uuid>/`
pub(crate) async fn retrieve(call: &mut Call) -> ApiResult {
    let session = find(call).await?;
    Ok(Reply::ok(show(call, &session)))
}

/// `DELETE /core/authenticated_sessions/<uuid>/`: ends the session and its grants.
pub(crate) async fn destroy(call: &mut Call) -> ApiResult {
    let session = find(call).await?;
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    all.end_session(&session).await?;
    all.commit().await?;
    Ok(Reply::Empty)
}

/// `DELETE /core/authenticated_sessions/bulk_delete/?user_pks=`: raises the epoch of these users, whether or
/// not they have sessions.
pub(crate) async fn bulk_delete(call: &mut Call) -> ApiResult {
    let mut f = Filters::new(call);
    let ids = f.ints("user_pks");
    f.done()?;
    if ids.is_empty() {
        return Err(Fault::invalid("user_pks", "This field is required."));
    }
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    for id in ids {
        all.end_all(id, &KeptSession::default()).await?;
    }
    all.commit().await?;
    Ok(Reply::Empty)
}

/// `GET /core/authenticated_sessions/<uuid>/used_by/`
pub(crate) async fn used_by(call: &mut Call) -> ApiResult {
    find(call).await?;
    Ok(Reply::ok(Vec::<Json>::new()))
}
