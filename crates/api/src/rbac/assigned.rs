//! `/rbac/permissions/assigned_by_roles/` and `assigned_by_users/`: who has permissions on a model or an object, and giving
//! and taking them.
use super::{on_all, on_object, target};
use crate::objects;
use crate::rows::users as people;
use signet_base::{Json, Map, Uuid, json};
use signet_core::models::Role;
use signet_core::{permission, rows};
use signet_model::{Base, FieldDef, FieldKind, Model};
use signet_rest::form::{self, Members};
use signet_rest::list::{Filters, Paging};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::roles::{self, RolePermission};
use signet_store::{ListQuery, groups, list, users};
use std::collections::HashMap;

pub(super) const ASSIGNMENT: &[FieldDef] = &[
    FieldDef::plain("permissions", FieldKind::List(&FieldKind::Text)).required(),
    FieldDef::plain("model", FieldKind::Text),
    FieldDef::plain("object_pk", FieldKind::Text),
];
pub(super) const OF_ROLE: &[FieldDef] = &[
    super::text("role_pk"),
    super::text("name"),
    FieldDef::shown("object_permissions", FieldKind::Items(super::ROLE_OBJECT_PERMISSION)),
    FieldDef::shown("model_permissions", FieldKind::Items(super::ROLE_MODEL_PERMISSION)),
];
pub(super) const OF_USER: &[FieldDef] = &[
    FieldDef::shown("pk", FieldKind::Int),
    super::text("username"),
    super::text("name"),
    FieldDef::shown("is_active", FieldKind::Bool),
    FieldDef::shown("last_login", FieldKind::Time).nullable(),
    super::text("email"),
    FieldDef::shown("attributes", FieldKind::Object),
    super::text("uid"),
    FieldDef::shown("permissions", FieldKind::Items(super::ROLE_OBJECT_PERMISSION)),
    FieldDef::shown("is_superuser", FieldKind::Bool),
];
/// Permissions on single objects that a role is listed with.
const MOST: u64 = 1_000;

/// The model and the object that a list is about.
struct About {
    model: String,
    /// As permissions name it.
    object: Option<String>,
}
fn about(call: &Call) -> Result<About, Fault> {
    let mut filters = Filters::new(call);
    let (model, object) = (filters.text("model").unwrap_or_default(), filters.text("object_pk"));
    if model.is_empty() {
        filters.errors.add("model", "This field is required.");
    } else if !call.core.permissions.has_model(&model) {
        filters.errors.add("model", not_a_choice(&model));
    }
    filters.done()?;
    let key = |key: String| Uuid::parse_str(&key).map_or(key, |id| id.to_string());
    Ok(About { object: object.map(|k| permission::stored_key(&call.core, &model, &key(k))), model })
}
fn not_a_choice(text: &str) -> String {
    format!("\"{text}\" is not a valid choice.")
}

/// The permissions of roles on what the list is about: on all objects, and on single ones.
async fn permissions(call: &Call, about: &About, role: Uuid) -> Result<(Vec<Json>, Vec<Json>), Fault> {
    let of = |object: &str| {
        ListQuery::first(MOST).equal("role", role).equal("model", &*about.model).equal("object_pk", object)
    };
    let rows = |q: ListQuery| async move { list::<RolePermission>(&call.core.db, &q).await };
    let (everywhere, _) = rows(of("")).await?;
    let (single, _) = match &about.object {
        Some(key) => rows(of(key)).await?,
        None => {
            let q = ListQuery::first(MOST).equal("role", role).equal("model", &*about.model);
            rows(q.narrow("object_pk", signet_model::FilterOp::Greater, "")).await?
        }
    };
    let shown = |rows: &[RolePermission], show: fn(&signet_core::Core, &RolePermission) -> Option<Json>| {
        rows.iter().filter_map(|row| show(&call.core, row)).collect()
    };
    Ok((shown(&everywhere, on_all), shown(&single, on_object)))
}

/// `GET /rbac/permissions/assigned_by_roles/`
pub(super) async fn by_roles(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let about = about(call)?;
    let holders = roles::about(&call.core.db, &about.model, about.object.as_deref()).await?;
    let found = |pk: &Uuid| call.config.get(*pk).filter(|role| call.sees(role)).cloned();
    let search = paging.search.to_lowercase();
    let mut all: Vec<_> = holders
        .iter()
        .filter_map(found)
        .filter(|role| role.name().to_lowercase().contains(&search))
        .collect();
    all.sort_by(|a, b| (a.name(), a.pk).cmp(&(b.name(), b.pk)));
    if paging.ordering.trim() == "-name" {
        all.reverse();
    }
    let (page, total) = paging.cut(all)?;
    let mut results = Vec::new();
    for role in page {
        let (everywhere, single) = permissions(call, &about, role.pk).await?;
        results.push(json!({
            "role_pk": role.pk, "name": role.name(), "object_permissions": single, "model_permissions": everywhere,
        }));
    }
    paging.envelope(results, total, json!({}))
}

/// `GET /rbac/permissions/assigned_by_users/`: those who have them alone, by the role of their own.
pub(super) async fn by_users(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let about = about(call)?;
    let mut of_users: HashMap<i64, Uuid> = HashMap::new();
    for role in roles::about(&call.core.db, &about.model, about.object.as_deref()).await? {
        let managed = call.config.get(role).map(|role| role.text("managed").to_owned()).unwrap_or_default();
        let user = managed.strip_prefix("ak-managed-role--user-").and_then(|id| id.parse::<i64>().ok());
        of_users.extend(user.filter(|id| paging.scope.lets(&id.to_string(), None)).map(|id| (id, role)));
    }
    let mut ids: Vec<i64> = of_users.keys().copied().collect();
    ids.sort_unstable();
    let (page, total) = paging.cut(ids)?;
    let superusers = groups::is_superuser(&call.core.db, &page).await?;
    let mut results = Vec::new();
    for user in users::by_ids(&call.core.db, &page).await? {
        let Some(role) = of_users.get(&user.id) else { continue };
        let (_, single) = permissions(call, &about, *role).await?;
        let mut one = rows::partial_user(&call.core, &user);
        one["permissions"] = json!(single);
        one["is_superuser"] = json!(superusers.contains(&user.id));
        results.push(one);
    }
    paging.envelope(results, total, json!({}))
}

/// What a body gives or takes.
struct Wanted {
    /// `authentik_core.view_user`
    permissions: Vec<String>,
    object: Option<String>,
}

/// Names may leave out the app where the model says it. An object must be there, and visible: it would otherwise be guessed
/// by the answer.
async fn wanted(call: &Call, partial: bool) -> Result<Wanted, Fault> {
    let (sent, mut errors) = form::judge(call, ASSIGNMENT, partial).await?;
    let (model, key) = (text(&sent, "model"), text(&sent, "object_pk"));
    let catalogue = &call.core.permissions;
    if let Some(model) = model.as_ref().filter(|model| !catalogue.has_model(model)) {
        errors.add("model", not_a_choice(model));
    } else if key.is_some() && model.is_none() {
        errors.add("model", "This field is required.");
    }
    let family =
        model.as_ref().and_then(|m| call.core.registry.find(m)).and_then(|d| d.base).map(Base::label);
    let mut permissions = Vec::new();
    for item in sent.get("permissions").and_then(Json::as_array).into_iter().flatten() {
        let name = item.as_str().unwrap_or_default();
        let about = [model.as_deref(), family].into_iter().flatten();
        let candidates = about.filter_map(|model| Some(format!("{}.{name}", model.split_once('.')?.0)));
        let found = std::iter::once(name.to_owned()).chain(candidates).find_map(|name| catalogue.find(&name));
        match found {
            None => errors.add("permissions", not_a_choice(name)),
            Some(def)
                if key.is_some()
                    && model.as_ref() != Some(&def.model)
                    && family != Some(def.model.as_str()) =>
            {
                errors.add(
                    "permissions",
                    format!("{} is no permission on {}.", def.name(), model.as_deref().unwrap_or_default()),
                );
            }
            Some(def) => permissions.push(def.name()),
        }
    }
    let mut object = None;
    if let (Some(model), Some(key)) = (&model, &key)
        && errors.is_empty()
    {
        object = target::find(call, model, key).await?;
        if object.is_none() {
            errors.add("object_pk", format!("Invalid pk \"{key}\" - object does not exist."));
        }
    }
    errors.into_result()?;
    Ok(Wanted { permissions, object })
}
fn text(sent: &Map, name: &str) -> Option<String> {
    sent.text(name).filter(|text| !text.is_empty())
}

/// `POST /rbac/permissions/assigned_by_roles/<uuid>/assign/`
pub(super) async fn assign_to_role(call: &mut Call) -> ApiResult {
    let role = objects::find(call, Role::DEF)?;
    let wanted = wanted(call, false).await?;
    permission::assign(&call.core, &call.author(), role.pk, &wanted.permissions, wanted.object.as_deref())
        .await?;
    given(call, role.pk, &wanted).await
}
/// `PATCH /rbac/permissions/assigned_by_roles/<uuid>/unassign/`
pub(super) async fn unassign_from_role(call: &mut Call) -> ApiResult {
    let role = objects::find(call, Role::DEF)?;
    let wanted = wanted(call, true).await?;
    permission::unassign(&call.core, &call.author(), role.pk, &wanted.permissions, wanted.object.as_deref())
        .await?;
    Ok(Reply::Empty)
}
/// `POST /rbac/permissions/assigned_by_users/<id>/assign/`
pub(super) async fn assign_to_user(call: &mut Call) -> ApiResult {
    let user = people::find(call).await?;
    let wanted = wanted(call, false).await?;
    let (author, object) = (call.author(), wanted.object.as_deref());
    let role = permission::assign_to_user(&call.core, &author, user.id, &wanted.permissions, object).await?;
    given(call, role, &wanted).await
}
/// `PATCH /rbac/permissions/assigned_by_users/<id>/unassign/`
pub(super) async fn unassign_from_user(call: &mut Call) -> ApiResult {
    let user = people::find(call).await?;
    let wanted = wanted(call, true).await?;
    let role = permission::managed_role(&call.config, &permission::role_of_user(user.id));
    if let Some(role) = role {
        let (author, object) = (call.author(), wanted.object.as_deref());
        permission::unassign(&call.core, &author, role, &wanted.permissions, object).await?;
    }
    Ok(Reply::Empty)
}

/// The numbers of what the role has now.
async fn given(call: &Call, role: Uuid, wanted: &Wanted) -> ApiResult {
    let model = wanted.permissions.first().and_then(|name| call.core.permissions.find(name));
    let model = model.map(|def| def.model.as_str()).unwrap_or_default();
    let key =
        wanted.object.as_ref().map(|key| permission::stored_key(&call.core, model, key)).unwrap_or_default();
    let rows = roles::permissions(&call.core.db, role).await?;
    let id = |name: &String| {
        rows.iter().find(|row| row.permission == *name && row.object == key).map(|row| row.id)
    };
    let ids = wanted.permissions.iter().filter_map(id);
    Ok(Reply::ok(ids.map(|id| json!({"id": id.to_string()})).collect::<Vec<_>>()))
}
