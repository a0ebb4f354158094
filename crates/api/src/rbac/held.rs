//! `/rbac/permissions/roles/` and `/users/`: permissions on single objects.
use super::{ROLE, USER, on_object, target};
use crate::actions::admin;
use signet_base::{Json, Uuid, json};
use signet_core::permission::{managed_role, role_of_user};
use signet_model::{FieldDef, FieldKind, FilterOp, Scope, Verb};
use signet_rest::list::{Filters, Paging};
use signet_rest::{ApiResult, Call};
use signet_store::roles::RolePermission;
use signet_store::{ListQuery, list};
use std::collections::{BTreeMap, HashMap};

pub(super) const FIELDS: &[FieldDef] = &[
    FieldDef::shown("id", FieldKind::Int),
    super::text("codename"),
    super::text("model"),
    super::text("app_label"),
    super::text("object_pk"),
    super::text("name"),
    super::text("app_label_verbose"),
    super::text("model_verbose"),
    super::text("object_description").nullable(),
];

/// `GET /rbac/permissions/roles/`; `uuid`: of this role.
pub(super) async fn of_roles(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut filters = Filters::new(call);
    let role = filters.uuid("uuid");
    filters.done()?;
    let roles = match (role, &paging.scope) {
        (Some(role), _) if call.may_on(&Verb::View.on(ROLE), role) => Some(vec![role]),
        (Some(_), _) => Some(Vec::new()),
        (None, Scope::All) => None,
        (None, Scope::Only(keys) | Scope::Own(_, keys)) => {
            Some(keys.iter().filter_map(|key| Uuid::parse_str(key).ok()).collect())
        }
    };
    page(call, &paging, roles).await
}

/// `GET /rbac/permissions/users/`; `user_id`: whose.
pub(super) async fn of_user(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut filters = Filters::new(call);
    let user = filters.int("user_id");
    if user.is_none() && filters.errors.is_empty() {
        filters.errors.add("user_id", "This field is required.");
    }
    filters.done()?;
    let user = user.filter(|id| call.may_on(&Verb::View.on(USER), id));
    let role = user.and_then(|id| managed_role(&call.config, &role_of_user(id)));
    page(call, &paging, Some(role.into_iter().collect())).await
}

async fn page(call: &Call, paging: &Paging, roles: Option<Vec<Uuid>>) -> ApiResult {
    if roles.as_ref().is_some_and(Vec::is_empty) {
        return paging.envelope(Vec::new(), 0, json!({}));
    }
    // The scope is of roles, not of their permissions.
    let mut q = ListQuery { search: paging.search.clone(), ..paging.query() };
    q.page.scope = Scope::All;
    q = q.narrow("object_pk", FilterOp::Greater, "");
    if let Some(roles) = roles {
        q = q.any("role", roles);
    }
    let (rows, total) = list::<RolePermission>(&call.core.db, &q).await?;
    let mut keys: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in &rows {
        keys.entry(&row.model).or_default().push(row.object.clone());
    }
    let mut names: HashMap<(&str, String), String> = HashMap::new();
    for (model, keys) in keys {
        let found = target::names(call, model, &keys).await?;
        names.extend(found.into_iter().map(|(key, name)| ((model, key), name)));
    }
    let shown = rows.iter().filter_map(|row| {
        let mut one = on_object(&call.core, row)?;
        let def = call.core.permissions.find(&row.permission)?;
        one["app_label_verbose"] = json!(admin::title(def.app()));
        one["model_verbose"] = json!(def.model_label);
        one["object_description"] = json!(names.get(&(row.model.as_str(), row.object.clone())));
        Some(one)
    });
    let shown: Vec<Json> = shown.collect();
    paging.envelope(shown, total, json!({}))
}
