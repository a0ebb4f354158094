//! Reading objects.
use super::{filter, find, show, write};
use crate::actions::applications;
use crate::rbac;
use signet_base::json;
use signet_rest::list::Paging;
use signet_rest::{ApiResult, Call, Reply};

/// `GET /<model>/`
pub(crate) async fn list(call: &mut Call) -> ApiResult {
    let def = call.model()?;
    let paging = Paging::read(call)?;
    let wanted = filter::read(call, def)?;
    let mut all: Vec<_> = call
        .config
        .in_order(def)
        .filter(|o| {
            filter::passes(o, &wanted)
                && paging.scope.lets(&o.wire_key(), None)
                && filter::found(call, o, def.search, &paging.search)
        })
        .cloned()
        .collect();
    filter::certificates(call, &mut all);
    if def.is("authentik_core.application") {
        all = applications::visible(call, all).await?;
    }
    if def.is("authentik_rbac.role") {
        all = rbac::roles::held(call, all).await?;
    }
    filter::sort(call, &mut all, &paging.ordering);
    let (page, total) = paging.cut(all)?;
    let results = show::many(call, &page).await?;
    paging.envelope(results, total, json!({}))
}

/// `GET /<model>/<key>/`
pub(crate) async fn retrieve(call: &mut Call) -> ApiResult {
    let object = find(call, call.model()?)?;
    write::warn(call, &object, false).await;
    Ok(Reply::ok(show::one(call, &object).await?))
}
