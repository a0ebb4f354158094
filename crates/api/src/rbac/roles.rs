//! Whose roles are: filters of `/rbac/roles/`, members, and who has a role.
use super::USER;
use crate::objects::{self, used_by as references};
use signet_base::{Uuid, json};
use signet_core::directory::{self, UserChange};
use signet_core::models::Role;
use signet_core::permission::Right;
use signet_model::{FieldDef, FieldKind, Model, Object, Verb};
use signet_rest::form::{self, Members};
use signet_rest::list::Filters;
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::users::User;
use signet_store::{groups, roles, users};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) const MEMBER: &[FieldDef] = &[FieldDef::plain("pk", FieldKind::Int).required()];
/// Users and groups of each kind that `used_by` names.
const MOST: i64 = 1_000;
const GROUP: &str = "authentik_core.group";

/// `users`, `groups` and `inherited`: the roles of a user or a group. People and groups that the caller does not see are no
/// valid choice.
pub(crate) async fn held(call: &Call, mut all: Vec<Arc<Object>>) -> Result<Vec<Arc<Object>>, Fault> {
    let mut filters = Filters::new(call);
    let (user, group) = (filters.int("users"), filters.uuid("groups"));
    let choice = |what: String| format!("Select a valid choice. {what} is not one of the available choices.");
    if let Some(id) = user.filter(|id| !call.may_on(&Verb::View.on(USER), id)) {
        filters.errors.add("users", choice(id.to_string()));
    }
    if let Some(id) = group.filter(|id| !call.may_on(&Verb::View.on(GROUP), id)) {
        filters.errors.add("groups", choice(id.to_string()));
    }
    filters.done()?;
    let (db, inherited) = (&call.core.db, call.flag("inherited") == Some(true));
    if let Some(id) = user {
        let of: BTreeSet<Uuid> = match inherited {
            true => (*roles::of_user(db, id).await?.roles).clone(),
            false => roles::of_users(db, &[id]).await?.into_values().flatten().collect(),
        };
        all.retain(|role| of.contains(&role.pk));
    }
    if let Some(id) = group {
        let of: BTreeSet<Uuid> = match inherited {
            true => (*roles::of_groups(db, &[id]).await?.roles).clone(),
            false => roles::of_many_groups(db, &[id]).await?.into_values().flatten().collect(),
        };
        all.retain(|role| of.contains(&role.pk));
    }
    Ok(all)
}

/// The user of the body, if the caller sees them.
async fn member(call: &Call) -> Result<User, Fault> {
    let id = form::read(call, MEMBER, false).await?.int("pk").unwrap_or_default();
    let user = users::by_id(&call.core.db, id).await?;
    user.filter(|_| call.may_on(&Verb::View.on(USER), id)).ok_or_else(Fault::not_found)
}

/// `POST /rbac/roles/<uuid>/add_user/`
pub(super) async fn add_user(call: &mut Call) -> ApiResult {
    let role = objects::find(call, Role::DEF)?;
    let user = member(call).await?;
    commit(call, &user, role.pk, UserChange::of(&user).give_role(role.pk)).await
}
/// `POST /rbac/roles/<uuid>/remove_user/`
pub(super) async fn remove_user(call: &mut Call) -> ApiResult {
    let role = objects::find(call, Role::DEF)?;
    let user = member(call).await?;
    commit(call, &user, role.pk, UserChange::of(&user).take_role(role.pk)).await
}
async fn commit(call: &Call, user: &User, role: Uuid, change: UserChange) -> ApiResult {
    call.may_give(&[Right::Roles(vec![role]), Right::Account(user.id)]).await?;
    directory::commit(&call.core, &call.author(), change).await?;
    Ok(Reply::Empty)
}

/// `GET /rbac/roles/<uuid>/used_by/`
pub(super) async fn used_by(call: &mut Call) -> ApiResult {
    let role = objects::find(call, Role::DEF)?;
    let mut out = references::of_object(call, &role);
    let (people, teams) = roles::holders(&call.core.db, role.pk, MOST).await?;
    let entry = |model: &str, pk: String, name: &str| json!({"app": "authentik_core", "model_name": model, "pk": pk, "name": name, "action": "cascade_many"});
    for group in groups::many(&call.core.db, &teams).await? {
        if call.may_on(&Verb::View.on(GROUP), group.id) {
            out.push(entry("group", group.id.to_string(), &format!("Group {}", group.name)));
        }
    }
    for user in users::by_ids(&call.core.db, &people).await? {
        if call.may_on(&Verb::View.on(USER), user.id) {
            out.push(entry("user", user.id.to_string(), &user.username));
        }
    }
    Ok(Reply::ok(out))
}
