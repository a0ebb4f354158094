//! `/rbac/permissions/`: the permissions that there are.
use crate::actions::admin;
use signet_base::{Json, json};
use signet_core::permission::catalogue::{self, PermissionDef};
use signet_model::{FieldDef, FieldKind, Verb};
use signet_rest::list::{Filters, Paging};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::roles;
use std::collections::HashSet;

pub(super) const PERMISSION: &[FieldDef] = &[
    FieldDef::shown("id", FieldKind::Int),
    super::text("name"),
    super::text("codename"),
    super::text("model"),
    super::text("app_label"),
    super::text("app_label_verbose"),
    super::text("model_verbose"),
];

pub(crate) fn show(def: &PermissionDef) -> Json {
    json!({
        "id": def.id(), "name": def.label, "codename": def.codename, "model": def.model_name(), "app_label": def.app(),
        "app_label_verbose": admin::title(def.app()), "model_verbose": def.model_label,
    })
}

/// `permissions_obj` of initial permissions.
pub(crate) fn named(call: &Call, ids: &Json) -> Json {
    let known =
        ids.as_array().into_iter().flatten().filter_map(|id| call.core.permissions.by_id(id.as_i64()?));
    known.map(show).collect()
}

/// What a column of the order says of a permission; none for names that are no column.
fn order_key(def: &PermissionDef, name: &str) -> Option<String> {
    Some(match name {
        "name" => def.label.clone(),
        "codename" => def.codename.clone(),
        "content_type__app_label" => def.app().to_owned(),
        "content_type__model" => def.model_name().to_owned(),
        "id" => format!("{:010}", def.id()),
        _ => return None,
    })
}

/// `GET /rbac/permissions/`; `role`: those that the role has on all objects.
pub(super) async fn list(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut filters = Filters::new(call);
    let role = filters.uuid("role");
    let texts = |name: &str| filters.text(name);
    let (codename, app, model) =
        (texts("codename"), texts("content_type__app_label"), texts("content_type__model"));
    filters.done()?;
    let mut of_role: Option<HashSet<String>> = None;
    if let Some(role) = role {
        let is_seen = call.may_on(&Verb::View.on(super::ROLE), role);
        let rows = if is_seen { roles::permissions(&call.core.db, role).await? } else { Vec::new() };
        of_role = Some(rows.into_iter().filter(|r| r.object.is_empty()).map(|r| r.permission).collect());
    }
    let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
    let words: Vec<String> = paging.search.split_whitespace().map(str::to_lowercase).collect();
    let found = |def: &&PermissionDef| {
        let text = format!("{} {} {} {}", def.label, def.codename, def.model, def.model_label).to_lowercase();
        is(&codename, &def.codename)
            && is(&app, def.app())
            && is(&model, def.model_name())
            && of_role.as_ref().is_none_or(|names| names.contains(&def.name()))
            && words.iter().all(|word| text.contains(word))
    };
    let mut all: Vec<&PermissionDef> = call.core.permissions.all().iter().filter(found).collect();
    let (name, down) =
        paging.ordering.strip_prefix('-').map_or((paging.ordering.as_str(), false), |n| (n, true));
    let name = if all.first().is_some_and(|def| order_key(def, name).is_some()) { name } else { "name" };
    all.sort_by_cached_key(|def| (order_key(def, name), catalogue::id(&def.name())));
    if down {
        all.reverse();
    }
    let (page, total) = paging.cut(all)?;
    paging.envelope(page.into_iter().map(show).collect(), total, json!({}))
}

/// `GET /rbac/permissions/<id>/`
pub(super) async fn retrieve(call: &mut Call) -> ApiResult {
    let id: i64 = call.key.parse().map_err(|_| Fault::not_found())?;
    let def = call.core.permissions.by_id(id).ok_or_else(|| Fault::missing("Permission"))?;
    Ok(Reply::ok(show(def)))
}
