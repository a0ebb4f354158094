//! `/core/users/`
use super::{GROUP, UUIDS, declared};
use crate::objects::used_by as references;
use signet_base::{Conflict, Error, FieldErrors, Json, Map, Result, Uuid, json};
use signet_core::directory::{self, UserChange};
use signet_core::models::Role;
use signet_core::permission::{Right, flows};
use signet_core::{compat, rows};
use signet_model::{FieldDef, FieldKind};
use signet_rest::OUTPOST;
use signet_rest::form::{self, Members};
use signet_rest::list::{Filters, Paging, autocomplete};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::table::Record;
use signet_store::users::{self, TYPES, User, UserQuery};
use signet_store::{groups, roles};
use std::collections::HashMap;
use std::sync::LazyLock;

const RELATED: &[FieldDef] =
    &[FieldDef::shown("pk", FieldKind::Uuid), FieldDef::shown("name", FieldKind::Text)];

/// Members that are no columns.
const EXTRA: &[FieldDef] = &[
    FieldDef::shown("is_superuser", FieldKind::Bool),
    FieldDef::plain("groups", FieldKind::List(&GROUP)),
    FieldDef::shown("groups_obj", FieldKind::List(&FieldKind::Object)).nullable(),
    FieldDef::plain("roles", UUIDS),
    FieldDef::shown("roles_obj", FieldKind::Items(RELATED)).nullable(),
    FieldDef::shown("avatar", FieldKind::Text),
    FieldDef::shown("uid", FieldKind::Text),
];
/// The order of the wire; columns that it does not name follow.
const LAYOUT: &[&str] = &[
    "pk",
    "username",
    "name",
    "is_active",
    "last_login",
    "date_joined",
    "is_superuser",
    "groups",
    "groups_obj",
    "roles",
    "roles_obj",
    "email",
    "avatar",
    "attributes",
    "uid",
    "path",
    "type",
    "uuid",
    "password_change_date",
    "last_updated",
];
/// The members of a user: the columns of its table, and what is made of other rows.
pub(crate) fn fields() -> &'static [FieldDef] {
    static FIELDS: LazyLock<Vec<FieldDef>> = LazyLock::new(|| declared::fields(User::TABLE, LAYOUT, EXTRA));
    &FIELDS
}

/// Users for the API, with two queries for any number. Groups and roles that the caller does not see are named by their keys
/// only.
pub(crate) async fn show(
    call: &Call,
    people: &[User],
    with_groups: bool,
    with_roles: bool,
) -> Result<Vec<Json>> {
    let core = &call.core;
    let me = call.principal.as_ref().map(|person| person.user.id);
    let ids: Vec<i64> = people.iter().map(|u| u.id).collect();
    let own_roles = roles::of_users(&core.db, &ids).await?;
    let (direct, superusers) =
        (groups::direct_groups_of_many(&core.db, &ids).await?, groups::is_superuser(&core.db, &ids).await?);
    let one = |u: &User| {
        let of: &[groups::Group] = direct.get(&u.id).map_or(&[], Vec::as_slice);
        let extra = [
            ("is_superuser", json!(superusers.contains(&u.id))),
            ("groups", of.iter().map(|g| json!(g.id)).collect()),
            (
                "groups_obj",
                json!(with_groups.then(|| {
                    let seen = of.iter().filter(|g| Some(u.id) == me || call.sees_group(g.id));
                    seen.map(rows::partial_group).collect::<Vec<_>>()
                })),
            ),
            ("roles", json!(own_roles.get(&u.id).map_or(&[][..], Vec::as_slice))),
            (
                "roles_obj",
                json!(with_roles.then(|| shown_roles(call, own_roles.get(&u.id), Some(u.id) == me))),
            ),
            ("avatar", json!(rows::avatar(core, &u.name, &u.username, &u.email))),
            ("uid", json!(core.uid(u.id))),
        ];
        declared::arranged(fields(), u.shown(), extra)
    };
    Ok(people.iter().map(one).collect())
}

/// Users as part of other rows. Of whom the caller does not see, nothing but the number is shown, in the form that clients
/// parse.
pub(crate) async fn nested(call: &Call, ids: &[i64]) -> Result<HashMap<i64, Json>> {
    let people = users::by_ids(&call.core.db, ids).await?;
    let shown = show(call, &people, true, true).await?;
    let one = |(user, mut json): (&User, Json)| {
        if let Some(map) = json.as_object_mut().filter(|_| !call.sees_user(user.id)) {
            mask(map);
        }
        (user.id, json)
    };
    Ok(people.iter().zip(shown).map(one).collect())
}
/// A user as part of a device.
pub(crate) fn partial(call: &Call, user: &User) -> Json {
    let mut json = rows::partial_user(&call.core, user);
    if let Some(map) = json.as_object_mut().filter(|_| !call.sees_user(user.id)) {
        mask(map);
    }
    json
}
fn mask(user: &mut Map) {
    for (name, value) in user.iter_mut() {
        match name.as_str() {
            "pk" | "uuid" | "type" | "date_joined" | "password_change_date" | "last_updated" => {}
            "avatar" => *value = json!(rows::NO_AVATAR),
            "path" => *value = json!("users"),
            _ => match value {
                Json::String(text) => text.clear(),
                Json::Array(list) => list.clear(),
                Json::Object(map) => map.clear(),
                Json::Bool(flag) => *flag = false,
                Json::Null | Json::Number(_) => {}
            },
        }
    }
}

/// Roles of a user or group: those that the caller sees, or all.
pub(crate) fn shown_roles(call: &Call, list: Option<&Vec<Uuid>>, all: bool) -> Vec<Json> {
    let named = |pk: &Uuid| {
        let role = call.config.get(*pk).filter(|role| all || call.sees(role))?;
        Some(json!({"pk": pk, "name": role.name()}))
    };
    list.into_iter().flatten().filter_map(named).collect()
}

async fn answer(call: &Call, user: User) -> Result<Json> {
    Ok(show(call, &[user], true, true).await?.pop().unwrap_or_default())
}

/// The user of the path.
pub(crate) async fn find(call: &Call) -> Result<User, Fault> {
    let id = call.key.parse().map_err(|_| Fault::not_found())?;
    let user = users::by_id(&call.core.db, id).await?.ok_or_else(|| Fault::missing("User"))?;
    call.reach(id, None, "User")?;
    Ok(user)
}

async fn query(call: &Call, paging: &Paging) -> Result<UserQuery, Fault> {
    let mut f = Filters::new(call);
    let mut roles = Vec::new();
    if call.param("roles_by_pk").is_some_and(|pk| !pk.is_empty()) {
        let mut named = f.uuids("roles_by_pk");
        named.retain(|pk| call.config.get(*pk).is_some_and(|role| call.sees(role)));
        roles.push(named);
    }
    let names = f.texts("roles_by_name");
    if !names.is_empty() {
        let all = call.config.all::<Role>();
        let named = all.filter(|(object, role)| names.contains(&role.name) && call.sees(object));
        roles.push(named.map(|(object, _)| object.pk).collect());
    }
    let mut q = UserQuery {
        list: paging.rows::<User>(&mut f),
        is_superuser: f.flag("is_superuser"),
        path_startswith: f.text("path_startswith"),
        groups_by_pk: f.uuids("groups_by_pk"),
        groups_by_name: f.texts("groups_by_name"),
        roles,
        attributes: None,
    };
    f.done()?;
    attributes(call, |text| q.attributes_text(text))?;
    // By a group that the caller does not see nobody is found.
    let asks = !(q.groups_by_pk.is_empty() && q.groups_by_name.is_empty());
    if asks && !call.may("authentik_core.view_group") {
        let names: Vec<&str> = q.groups_by_name.iter().map(String::as_str).collect();
        let named = groups::by_names(&call.core.db, &names).await?;
        let seen: Vec<&str> =
            named.iter().filter(|g| call.sees_group(g.id)).map(|g| g.name.as_str()).collect();
        let hides_names = !names.is_empty() && seen.is_empty();
        let before = q.groups_by_pk.len();
        q.groups_by_pk.retain(|id| call.sees_group(*id));
        if hides_names || (before > 0 && q.groups_by_pk.is_empty()) {
            q.list.only = Some(Vec::new());
        }
        q.groups_by_name = seen.into_iter().map(str::to_owned).collect();
    }
    Ok(q)
}

/// The `attributes` filter; invalid JSON gives a list of errors.
pub(crate) fn attributes(call: &Call, mut set: impl FnMut(&str) -> Result<()>) -> Result<(), Fault> {
    let Some(text) = call.param("attributes").filter(|t| !t.is_empty()) else { return Ok(()) };
    if serde_json::from_str::<Json>(text).is_err() {
        return Err(Fault::bad(json!(["Value must be valid JSON."])));
    }
    Ok(set(text)?)
}

/// `GET /core/users/`
pub(crate) async fn list(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let (people, total) = users::list(&call.core.db, &query(call, &paging).await?).await?;
    let results = show(
        call,
        &people,
        call.flag("include_groups").unwrap_or(true),
        call.flag("include_roles").unwrap_or(true),
    )
    .await?;
    let help = autocomplete(
        "authentik_core.user",
        &[
            ("username", "str", None),
            ("path", "str", None),
            ("name", "str", None),
            ("email", "str", None),
            ("is_active", "bool", None),
            ("type", "str", Some(TYPES)),
            ("attributes", "relation", None),
        ],
    );
    paging.envelope(results, total, help)
}

/// `GET /core/users/<id>/`
pub(crate) async fn retrieve(call: &mut Call) -> ApiResult {
    let user = find(call).await?;
    Ok(Reply::ok(answer(call, user).await?))
}

/// Converts requests of older clients.
async fn lenient(call: &mut Call) -> Result<(), Fault> {
    let mut keys = HashMap::new();
    for name in compat::person(&mut call.body) {
        if let Some(group) = groups::by_name(&call.core.db, &name).await? {
            keys.insert(name, json!(group.id));
        }
    }
    compat::name_groups(&mut call.body, &keys);
    Ok(())
}

/// `POST /core/users/`
pub(crate) async fn create(call: &mut Call) -> ApiResult {
    lenient(call).await?;
    let (sent, mut errors) = form::judge(call, fields(), false).await?;
    let mut user = User::new(&call.core.ports, "");
    if sent.text("type").as_deref() == Some(OUTPOST) {
        errors.add("type", "Setting a user to internal service account is not allowed.");
    }
    let teams = fill(call, &mut user, &sent, &mut errors).await?.unwrap_or_default();
    let own_roles = named_roles(call, &sent)?;
    call.may_give(&[Right::Membership(teams.clone()), Right::Roles(own_roles.clone().unwrap_or_default())])
        .await?;
    let id = directory::number::<User>(&call.core).await?;
    user.id = id;
    let change =
        UserChange::create(user).email_verified("administrator").groups(Some(teams)).roles(own_roles);
    call.commit_new(change, "authentik_core.user", id, taken).await?;
    let user = users::by_id(&call.core.db, id).await?.ok_or(Error::NotFound)?;
    Ok(Reply::created(answer(call, user).await?))
}

/// `PUT /core/users/<id>/`
pub(crate) async fn update(call: &mut Call) -> ApiResult {
    change(call, false).await
}
/// `PATCH /core/users/<id>/`
pub(crate) async fn partial_update(call: &mut Call) -> ApiResult {
    change(call, true).await
}

async fn change(call: &mut Call, partial: bool) -> ApiResult {
    find(call).await?;
    lenient(call).await?;
    for attempt in 0..3 {
        let before = find(call).await?;
        call.may_give(&[Right::Account(before.id)]).await?;
        let (sent, mut errors) = form::judge(call, fields(), partial).await?;
        if before.user_type == OUTPOST {
            return Err(Fault::invalid("non_field_errors", "Internal service accounts cannot be changed."));
        }
        let mut user = before.clone();
        let teams = fill(call, &mut user, &sent, &mut errors).await?;
        let own_roles = named_roles(call, &sent)?;
        let given = [
            Right::Membership(teams.clone().unwrap_or_default()),
            Right::Roles(own_roles.clone().unwrap_or_default()),
        ];
        call.may_give(&given).await?;
        if user.user_type == OUTPOST {
            // Outposts are free of the limits by address.
            call.may_give(&[Right::Everything]).await?;
        }
        if before.is_active && !user.is_active && call.person()?.user.id == before.id {
            return Err(Fault::invalid("is_active", "You cannot deactivate your own account."));
        }
        let mut written = UserChange::update(&before, user.clone()).groups(teams).roles(own_roles);
        if users::canonical(&before.email) != users::canonical(&user.email) {
            written = written.email_verified("administrator");
        }
        match directory::commit(&call.core, &call.author(), written).await {
            Ok(_) => {}
            Err(Error::Conflict(Conflict::Stale)) if attempt < 2 => continue,
            Err(error) => return Err(taken(error)),
        }
        let user = find(call).await?;
        return Ok(Reply::ok(answer(call, user).await?));
    }
    Err(Error::Conflict(Conflict::Stale).into())
}

/// Applies the validated members; returns the direct groups, if they were sent.
async fn fill(
    call: &Call,
    user: &mut User,
    sent: &Map,
    errors: &mut FieldErrors,
) -> Result<Option<Vec<Uuid>>, Fault> {
    if let Some(name) = sent.text("username")
        && users::by_username(&call.core.db, &name).await?.is_some_and(|other| other.id != user.id)
    {
        errors.add("username", "This field must be unique.");
    }
    if let Some(path) = sent.text("path") {
        if path.starts_with('/') || path.ends_with('/') {
            errors.add("path", "No leading or trailing slashes allowed.");
        } else if path.split('/').any(str::is_empty) {
            errors.add("path", "No empty segments in user path allowed.");
        }
    }
    if sent.text("name").is_some_and(|name| !signet_model::check::person_name(&name)) {
        errors.add("name", "Use at most 150 characters on one line.");
    }
    for (name, value) in sent {
        user.set(name, value);
    }
    std::mem::take(errors).into_result()?;
    Ok(sent.uuids("groups"))
}

/// The roles of a body; each must exist.
pub(crate) fn named_roles(call: &Call, sent: &Map) -> Result<Option<Vec<Uuid>>, Fault> {
    let Some(list) = sent.uuids("roles") else { return Ok(None) };
    let unknown = list.iter().find(|pk| call.config.get_typed::<Role>(**pk).is_none());
    match unknown {
        Some(pk) => Err(Fault::invalid("roles", format!("Invalid pk \"{pk}\" - object does not exist."))),
        None => Ok(Some(list)),
    }
}

/// Maps a uniqueness violation to its field.
fn taken(error: Error) -> Fault {
    match error {
        Error::Conflict(Conflict::Unique(index)) if index == "users.username_key" => {
            Fault::invalid("username", "This field must be unique.")
        }
        Error::Conflict(Conflict::ForeignKey) => {
            Fault::invalid("groups", "A group was deleted at the same time.")
        }
        other => other.into(),
    }
}

/// `DELETE /core/users/<id>/`
pub(crate) async fn destroy(call: &mut Call) -> ApiResult {
    let user = find(call).await?;
    call.may_give(&[Right::Account(user.id)]).await?;
    if call.person()?.user.id == user.id {
        return Err(Fault::invalid("non_field_errors", "You cannot delete your own account."));
    }
    call.may_give(&flows::of_row_deletion(&call.config, &format!("user:{}", user.id))).await?;
    match directory::commit(&call.core, &call.author(), UserChange::delete(&user)).await {
        Ok(_) => Ok(Reply::Empty),
        Err(Error::NotFound) => Err(Fault::missing("User")),
        Err(error) => Err(error.into()),
    }
}

/// `GET /core/users/<id>/used_by/`
pub(crate) async fn used_by(call: &mut Call) -> ApiResult {
    let user = find(call).await?;
    let mut out = references::of_row(call, &format!("user:{}", user.id));
    for group in groups::direct_groups(&call.core.db, user.id).await? {
        if !call.may_on("authentik_core.view_group", group.id) {
            continue;
        }
        out.push(json!({"app": "authentik_core", "model_name": "group", "pk": group.id, "name": format!("Group {}", group.name), "action": "cascade_many"}));
    }
    Ok(Reply::ok(out))
}
