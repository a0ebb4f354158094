//! `/core/user_consent/`
use super::users as people;
use crate::objects::show as objects;
use signet_base::{Json, Result, json};
use signet_core::directory::{Transaction, row_model};
use signet_model::{FieldDef, FieldKind};
use signet_rest::list::{Filters, Paging};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::consents::{self, Consent};
use signet_store::table::Record;

pub(crate) const FIELDS: &[FieldDef] = &[
    FieldDef::shown("pk", FieldKind::Int),
    FieldDef::shown("expires", FieldKind::Time).nullable(),
    FieldDef::shown("expiring", FieldKind::Bool),
    FieldDef::shown("user", FieldKind::Object),
    FieldDef::shown("application", FieldKind::Object),
    FieldDef::shown("permissions", FieldKind::Text),
];

async fn show(call: &Call, list: &[Consent]) -> Result<Vec<Json>> {
    let ids: Vec<i64> = list.iter().map(|c| c.user_id).collect();
    let by_id = people::nested(call, &ids).await?;
    let mut out = Vec::with_capacity(list.len());
    for c in list {
        let application = match call.config.get(c.application) {
            Some(object) => objects::one(call, object).await?,
            None => Json::Null,
        };
        out.push(
            json!({"pk": c.id, "expires": c.expires, "expiring": c.expires.is_some(), "user": by_id.get(&c.user_id), "application": application, "permissions": c.permissions}),
        );
    }
    Ok(out)
}

async fn find(call: &Call) -> Result<Consent, Fault> {
    let id: i64 = call.key.parse().map_err(|_| Fault::not_found())?;
    let found = consents::by_id(&call.core.db, id).await?.ok_or_else(|| Fault::missing("UserConsent"))?;
    call.reach(id, Some(found.user_id), "UserConsent")?;
    Ok(found)
}

/// `GET /core/user_consent/`
pub(crate) async fn list(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut f = Filters::new(call);
    let q = paging.rows::<Consent>(&mut f);
    f.done()?;
    let (page, total) = signet_store::list::<Consent>(&call.core.db, &q).await?;
    paging.envelope(show(call, &page).await?, total, json!({}))
}
/// `GET /core/user_consent/<id>/`
pub(crate) async fn retrieve(call: &mut Call) -> ApiResult {
    let consent = find(call).await?;
    Ok(Reply::ok(show(call, &[consent]).await?.pop().unwrap_or_default()))
}
/// `DELETE /core/user_consent/<id>/`
pub(crate) async fn destroy(call: &mut Call) -> ApiResult {
    let consent = find(call).await?;
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    all.delete_row(
        &row_model(Consent::TABLE, consent.id, &consent.permissions),
        consents::delete_batch(consent.id),
    );
    all.commit().await?;
    Ok(Reply::Empty)
}
/// `GET /core/user_consent/<id>/used_by/`
pub(crate) async fn used_by(call: &mut Call) -> ApiResult {
    find(call).await?;
    Ok(Reply::ok(Vec::<Json>::new()))
}
