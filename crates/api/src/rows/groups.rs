//! `/core/groups/`
use super::{GROUP, USER, UUIDS, labelled, told};
use crate::objects::used_by as references;
use crate::rows::users::{attributes, named_roles, shown_roles};
use signet_base::{Conflict, Error, FieldErrors, Json, Map, Result, Uuid, json};
use signet_core::directory::{self, GroupChange};
use signet_core::permission::{Right, flows};
use signet_core::{compat, rows};
use signet_model::{FieldDef, FieldKind};
use signet_rest::form::{self, Members};
use signet_rest::list::{Filters, Paging, autocomplete};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::groups::{self, Group, GroupQuery};
use signet_store::{roles, users};
use std::collections::{HashMap, HashSet};

const ROLE: &[FieldDef] = &[
    labelled(FieldDef::shown("pk", FieldKind::Uuid), "Uuid"),
    FieldDef::plain("name", FieldKind::Text).required(),
];
pub(crate) const FIELDS: &[FieldDef] = &[
    labelled(FieldDef::shown("pk", FieldKind::Uuid), "Group uuid"),
    FieldDef::shown("num_pk", FieldKind::Int),
    FieldDef::plain("name", FieldKind::Text).required(),
    told(FieldDef::plain("is_superuser", FieldKind::Bool), "Members of this group are superusers."),
    FieldDef::plain("parents", FieldKind::List(&GROUP)),
    FieldDef::shown("parents_obj", FieldKind::List(&FieldKind::Object)).nullable(),
    FieldDef::plain("users", FieldKind::List(&USER)),
    FieldDef::shown("users_obj", FieldKind::List(&FieldKind::Object)).nullable(),
    FieldDef::plain("attributes", FieldKind::Object),
    FieldDef::plain("roles", UUIDS),
    FieldDef::shown("roles_obj", FieldKind::Items(ROLE)),
    FieldDef::shown("inherited_roles_obj", FieldKind::List(&FieldKind::Object)).nullable(),
    FieldDef::shown("children", UUIDS),
    FieldDef::shown("children_obj", FieldKind::List(&FieldKind::Object)).nullable(),
];
pub(crate) const MEMBER: &[FieldDef] = &[FieldDef::plain("pk", FieldKind::Int).required()];

/// Limit of `users_obj`; `core/users/?groups_by_pk=` lists all members.
const MOST_MEMBERS: i64 = 1_000;

/// Groups for the API. `include_…` selects relations to include as objects.
async fn show(call: &Call, list: &[Group]) -> Result<Vec<Json>> {
    let db = &call.core.db;
    let ids: Vec<Uuid> = list.iter().map(|g| g.id).collect();
    let (parents, children) =
        (groups::parents_of_many(db, &ids).await?, groups::children_of_many(db, &ids).await?);
    let own_roles = roles::of_many_groups(db, &ids).await?;
    let mut inherited: HashMap<Uuid, Vec<Json>> = HashMap::new();
    if call.flag("include_inherited_roles") == Some(true) {
        for id in &ids {
            let above: Vec<Uuid> = groups::ancestors(db, &[*id]).await?.into_iter().collect();
            let held = roles::of_groups(db, &above).await?.roles.iter().copied().collect();
            inherited.insert(*id, shown_roles(call, Some(&held), false));
        }
    }
    let with_users = call.flag("include_users").unwrap_or(true);
    let (with_children, with_parents) =
        (call.flag("include_children").unwrap_or(false), call.flag("include_parents").unwrap_or(false));
    let members =
        if with_users { groups::members_of_many(db, &ids, MOST_MEMBERS).await? } else { HashMap::new() };
    let member_ids = groups::member_ids_of_many(db, &ids).await?;
    // Whom and what the caller does not see is named by its key only.
    let related = |list: &[Group]| -> Vec<Json> {
        let seen = list.iter().filter(|g| call.sees_group(g.id));
        seen.map(|g| json!({"pk": g.id, "group_uuid": g.id, "name": g.name, "is_superuser": g.is_superuser, "attributes": g.attributes}))
            .collect()
    };
    let one = |g: &Group| {
        let (above, below) = (
            parents.get(&g.id).map_or(&[][..], Vec::as_slice),
            children.get(&g.id).map_or(&[][..], Vec::as_slice),
        );
        let people = members.get(&g.id).map_or(&[][..], Vec::as_slice);
        let ids = member_ids.get(&g.id).map_or(&[][..], Vec::as_slice);
        json!({
            "pk": g.id, "num_pk": rows::num_pk(g), "name": g.name, "is_superuser": g.is_superuser,
            "parents": above.iter().map(|p| p.id).collect::<Vec<_>>(), "parents_obj": with_parents.then(|| related(above)),
            "users": ids, "users_obj": with_users.then(|| people.iter().filter(|u| call.sees_user(u.id)).map(|u| rows::partial_user(&call.core, u)).collect::<Vec<_>>()),
            "attributes": g.attributes, "roles": own_roles.get(&g.id).map_or(&[][..], Vec::as_slice),
            "roles_obj": shown_roles(call, own_roles.get(&g.id), false),
            "inherited_roles_obj": inherited.get(&g.id),
            "children": below.iter().map(|c| c.id).collect::<Vec<_>>(), "children_obj": with_children.then(|| related(below)),
        })
    };
    Ok(list.iter().map(one).collect())
}
async fn answer(call: &Call, id: Uuid) -> Result<Json, Fault> {
    let group = groups::by_id(&call.core.db, id).await?.ok_or_else(|| Fault::missing("Group"))?;
    Ok(show(call, &[group]).await?.pop().unwrap_or_default())
}

async fn find(call: &Call) -> Result<Group, Fault> {
    let id = Uuid::parse_str(&call.key).map_err(|_| Fault::not_found())?;
    let group = groups::by_id(&call.core.db, id).await?.ok_or_else(|| Fault::missing("Group"))?;
    call.reach(id, None, "Group")?;
    Ok(group)
}

/// `GET /core/groups/`
pub(crate) async fn list(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut f = Filters::new(call);
    let mut q = GroupQuery {
        list: paging.rows::<Group>(&mut f),
        members_by_pk: f.ints("members_by_pk"),
        members_by_username: f.texts("members_by_username"),
        attributes: None,
    };
    f.done()?;
    attributes(call, |text| q.attributes_text(text))?;
    // By a person whom the caller does not see no group is found.
    let asks = !(q.members_by_pk.is_empty() && q.members_by_username.is_empty());
    if asks && call.people().is_some() {
        let (people, mut names) = (q.members_by_pk.len(), Vec::new());
        for name in &q.members_by_username {
            let user = users::by_username(&call.core.db, name).await?;
            names.extend(user.filter(|u| call.sees_user(u.id)).map(|_| name.clone()));
        }
        q.members_by_pk.retain(|id| call.sees_user(*id));
        let hides_names = !q.members_by_username.is_empty() && names.is_empty();
        if hides_names || (people > 0 && q.members_by_pk.is_empty()) {
            q.list.only = Some(Vec::new());
        }
        q.members_by_username = names;
    }
    let (page, total) = groups::list(&call.core.db, &q).await?;
    let results = show(call, &page).await?;
    paging.envelope(
        results,
        total,
        autocomplete(
            "authentik_core.group",
            &[("name", "str", None), ("is_superuser", "bool", None), ("attributes", "relation", None)],
        ),
    )
}

/// `GET /core/groups/<uuid>/`
pub(crate) async fn retrieve(call: &mut Call) -> ApiResult {
    let group = find(call).await?;
    Ok(Reply::ok(show(call, &[group]).await?.pop().unwrap_or_default()))
}

const OWN_ANCESTOR: &str = "A group cannot be its own ancestor.";

struct Relations {
    parents: Option<Vec<Uuid>>,
    members: Option<Vec<i64>>,
    roles: Option<Vec<Uuid>>,
}

/// `POST /core/groups/`
pub(crate) async fn create(call: &mut Call) -> ApiResult {
    compat::group(&mut call.body);
    let (sent, mut errors) = form::judge(call, FIELDS, false).await?;
    let mut group = Group::new(&call.core.ports, "");
    let with = fill(call, &mut group, &sent, &mut errors, None).await?;
    let id = group.id;
    let change = GroupChange::create(group).parents(with.parents).members(with.members).roles(with.roles);
    call.commit_new(change, "authentik_core.group", id, taken).await?;
    Ok(Reply::created(answer(call, id).await?))
}

/// `PUT /core/groups/<uuid>/`
pub(crate) async fn update(call: &mut Call) -> ApiResult {
    change(call, false).await
}
/// `PATCH /core/groups/<uuid>/`
pub(crate) async fn partial_update(call: &mut Call) -> ApiResult {
    change(call, true).await
}
async fn change(call: &mut Call, partial: bool) -> ApiResult {
    let before = find(call).await?;
    compat::group(&mut call.body);
    let (sent, mut errors) = form::judge(call, FIELDS, partial).await?;
    let mut group = before.clone();
    let with = fill(call, &mut group, &sent, &mut errors, Some(&before)).await?;
    let change =
        GroupChange::update(&before, group).parents(with.parents).members(with.members).roles(with.roles);
    commit(call, change).await?;
    Ok(Reply::ok(answer(call, before.id).await?))
}

async fn fill(
    call: &Call,
    group: &mut Group,
    sent: &Map,
    errors: &mut FieldErrors,
    before: Option<&Group>,
) -> Result<Relations, Fault> {
    let db = &call.core.db;
    if let Some(name) = sent.text("name") {
        if groups::by_name(db, &name).await?.is_some_and(|other| other.id != group.id) {
            errors.add("name", "Group with this name already exists.");
        }
        group.name = name;
    }
    group.is_superuser = sent.flag("is_superuser").unwrap_or(group.is_superuser);
    group.attributes = sent.map("attributes").unwrap_or_else(|| group.attributes.clone());
    let with = Relations {
        parents: sent.uuids("parents"),
        members: sent.ints("users"),
        roles: named_roles(call, sent)?,
    };
    if let Some(parents) = &with.parents {
        let mut above: HashSet<Uuid> = groups::ancestors(db, parents).await?;
        above.extend(parents);
        if above.contains(&group.id) {
            errors.add("parents", OWN_ANCESTOR);
        }
    }
    if let (Some(members), Some(_)) = (&with.members, call.people()) {
        let have = groups::member_ids_of_many(db, &[group.id]).await?.remove(&group.id).unwrap_or_default();
        if let Some(id) = members.iter().find(|id| !have.contains(id) && !call.sees_user(**id)) {
            errors.add("users", format!("Invalid pk \"{id}\" - object does not exist."));
        }
    }
    std::mem::take(errors).into_result()?;
    // Superuser status (by flag or parent) and roles are rights that members get.
    let mut given = vec![
        Right::Membership(with.parents.clone().unwrap_or_default()),
        Right::Roles(with.roles.clone().unwrap_or_default()),
    ];
    if group.is_superuser != before.is_some_and(|b| b.is_superuser) {
        given.push(Right::Everything);
    }
    if before.is_some() {
        given.push(Right::Membership(vec![group.id]));
    }
    call.may_give(&given).await?;
    Ok(with)
}

async fn commit(call: &Call, change: GroupChange) -> ApiResult {
    directory::commit(&call.core, &call.author(), change).await.map_err(taken)?;
    Ok(Reply::Empty)
}
fn taken(error: Error) -> Fault {
    match error {
        Error::NotFound => Fault::missing("Group"),
        Error::Conflict(Conflict::Unique(index)) if index == "user_group.name" => {
            Fault::invalid("name", "Group with this name already exists.")
        }
        Error::Conflict(Conflict::GroupCycle) => Fault::invalid("parents", OWN_ANCESTOR),
        Error::Conflict(Conflict::NoRow) => Fault::missing("Group"),
        Error::Conflict(Conflict::ForeignKey) => {
            Fault::invalid("non_field_errors", "A parent or a member was deleted at the same time.")
        }
        other => other.into(),
    }
}

/// `DELETE /core/groups/<uuid>/`
pub(crate) async fn destroy(call: &mut Call) -> ApiResult {
    let group = find(call).await?;
    call.may_give(&[Right::Membership(vec![group.id])]).await?;
    call.may_give(&flows::of_row_deletion(&call.config, &group.id.to_string())).await?;
    commit(call, GroupChange::delete(&group)).await
}

/// `GET /core/groups/<uuid>/used_by/`
pub(crate) async fn used_by(call: &mut Call) -> ApiResult {
    let group = find(call).await?;
    Ok(Reply::ok(references::of_row(call, &group.id.to_string())))
}

async fn member(call: &Call) -> Result<users::User, Fault> {
    let id = form::read(call, MEMBER, false).await?.int("pk").unwrap_or_default();
    let user = users::by_id(&call.core.db, id).await?;
    user.filter(|_| call.may_on("authentik_core.view_user", id)).ok_or_else(Fault::not_found)
}
/// `POST /core/groups/<uuid>/add_user/`
pub(crate) async fn add_user(call: &mut Call) -> ApiResult {
    let group = find(call).await?;
    let user = member(call).await?;
    call.may_give(&[Right::Membership(vec![group.id])]).await?;
    commit(call, GroupChange::of(&group).join([user.id])).await
}
/// `POST /core/groups/<uuid>/remove_user/`
pub(crate) async fn remove_user(call: &mut Call) -> ApiResult {
    let group = find(call).await?;
    let user = member(call).await?;
    call.may_give(&[Right::Membership(vec![group.id])]).await?;
    commit(call, GroupChange::of(&group).leave([user.id])).await
}
