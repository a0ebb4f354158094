//! `/policies/reputation/scores/`
use crate::call::{ApiResult, Call, Fault, Reply};
use crate::list::{Filters, Paging};
use signet_base::{Json, Uuid, json};
use signet_core::event::EventAction;
use signet_model::{FieldDef, FieldKind};
use signet_store::reputation::{self, Reputation};

pub(crate) const FIELDS: &[FieldDef] = &[
    FieldDef::shown("pk", FieldKind::Uuid),
    FieldDef::shown("identifier", FieldKind::Text),
    FieldDef::shown("ip", FieldKind::Text),
    FieldDef::shown("ip_geo_data", FieldKind::Object),
    FieldDef::shown("ip_asn_data", FieldKind::Object),
    FieldDef::shown("score", FieldKind::Int),
    FieldDef::shown("updated", FieldKind::Time),
];

fn show(r: &Reputation) -> Json {
    json!({"pk": r.id, "identifier": r.identifier, "ip": r.ip, "ip_geo_data": r.geo, "ip_asn_data": r.asn, "score": r.score, "updated": r.updated})
}

async fn find(call: &Call) -> Result<Reputation, Fault> {
    let id = Uuid::parse_str(&call.key).map_err(|_| Fault::not_found())?;
    let found = reputation::by_id(&call.core.db, id).await?;
    let alive = found.filter(|r| r.expires.is_none_or(|at| at > call.core.now()));
    let score = alive.ok_or_else(|| Fault::missing("Reputation"))?;
    call.reach(id, None, "Reputation")?;
    Ok(score)
}

/// `GET /policies/reputation/scores/`
pub(crate) async fn list(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut f = Filters::new(call);
    let q = paging.rows::<Reputation>(&mut f);
    f.done()?;
    let (page, total) = reputation::list(&call.core.db, &q, call.core.now()).await?;
    paging.envelope(page.iter().map(show).collect(), total, json!({}))
}
/// `GET /policies/reputation/scores/<uuid>/`
pub(crate) async fn retrieve(call: &mut Call) -> ApiResult {
    Ok(Reply::ok(show(&find(call).await?)))
}
/// `DELETE /policies/reputation/scores/<uuid>/`
pub(crate) async fn destroy(call: &mut Call) -> ApiResult {
    let score = find(call).await?;
    reputation::delete(&call.core.db, score.id).await?;
    let model = json!({"model": {"app": "authentik_policies_reputation", "model_name": "reputation", "pk": score.id.simple().to_string(), "name": score.identifier}});
    call.event(EventAction::ModelDeleted, model).await;
    Ok(Reply::Empty)
}
/// `GET /policies/reputation/scores/<uuid>/used_by/`
pub(crate) async fn used_by(call: &mut Call) -> ApiResult {
    find(call).await?;
    Ok(Reply::ok(Vec::<Json>::new()))
}
