//! `/sources/user_connections/` and `/sources/group_connections/`: what accounts and groups of sources are here. And
//! `/sources/all/user_settings/`, from which people connect theirs.
use crate::objects::show;
use http::Method;
use signet_base::{Conflict, Error, Json, Map, Result, Uuid, json};
use signet_core::directory::{self, Transaction, row_model};
use signet_core::permission::Right;
use signet_core::source::{self, SourceSettings};
use signet_model::{Base, FieldDef, FieldKind, OnDelete, Verb};
use signet_rest::form::{self, Members};
use signet_rest::list::{Filters, Paging};
use signet_rest::{Action, ApiResult, Call, Fault, Output, Permission, Reply, run};
use signet_store::group_connections::{self, GroupConnection};
use signet_store::roles::Target;
use signet_store::source_connections::{self, UserConnection};
use signet_store::table::Record;
use signet_store::{ListQuery, Value, groups, table, users};
use std::sync::Arc;

const USER: &str = "authentik_core.usersourceconnection";
const GROUP: &str = "authentik_core.groupsourceconnection";
const SOURCE: FieldKind = FieldKind::Ref { target: "authentik_core.source", on_delete: OnDelete::Cascade };

const fn fields(owner: &'static str, kind: FieldKind) -> [FieldDef; 7] {
    [
        FieldDef::shown("pk", FieldKind::Int),
        FieldDef::shown(owner, kind),
        FieldDef::plain("source", SOURCE).required(),
        FieldDef::shown("source_obj", FieldKind::Object),
        FieldDef::plain("identifier", FieldKind::Text).required().max(1024),
        FieldDef::shown("created", FieldKind::Time),
        FieldDef::shown("last_updated", FieldKind::Time),
    ]
}
pub(crate) const USER_FIELDS: &[FieldDef] = &fields("user", FieldKind::Int);
pub(crate) const GROUP_FIELDS: &[FieldDef] = &fields("group", FieldKind::Uuid);
/// Of OAuth sources.
pub(crate) const OAUTH_FIELDS: &[FieldDef] = &{
    let [pk, user, source, source_obj, identifier, created, last_updated] = fields("user", FieldKind::Int);
    let expires = FieldDef::shown("expires", FieldKind::Time).nullable();
    [pk, user, source, source_obj, identifier, created, last_updated, expires]
};

/// The kinds of sources that have a list of their own, and their model.
const KINDS: [(&str, &str); 1] = [("oauth", "authentik_sources_oauth.oauthsource")];

pub(crate) fn register(rows: &mut Vec<Action>) {
    use Permission::{Model, Own};
    use Verb::{Add, Change, Delete, View};
    for kind in ["all", "oauth"] {
        let (path, one) =
            (format!("sources/user_connections/{kind}"), format!("sources/user_connections/{kind}/{{id}}"));
        let class = if kind == "all" { "UserSourceConnection" } else { "UserOAuthSourceConnection" };
        let mut add = |action: Action| rows.push(action.about(USER));
        add(Action::get(&path, Own(View), "Lists connections of accounts.", run!(list_users)).gives(class));
        add(Action::get(&one, Own(View), "One connection of an account.", run!(retrieve_user)).gives(class));
        for (method, run) in [(Method::PUT, run!(update_user)), (Method::PATCH, run!(update_user))] {
            let doc = "Changes what the source calls the account.";
            add(Action::new(method, &one, Model(Change), doc, run).takes(class).gives(class));
        }
        let doc = "Ends a connection: the source signs the account in no more.";
        add(Action::new(Method::DELETE, &one, Own(Delete), doc, run!(destroy_user)).output(Output::Nothing));
        add(Action::get(
            format!("{one}/used_by"),
            Own(View),
            "Lists what refers to the object.",
            run!(used_by_user),
        )
        .output(Output::Plain("UsedBy")));
        if kind != "all" {
            let doc = "Connects the caller's own account.";
            add(Action::post(&path, Model(Add), doc, run!(create_user)).takes(class).gives(class));
        }
        let (path, one) =
            (format!("sources/group_connections/{kind}"), format!("sources/group_connections/{kind}/{{id}}"));
        let class = if kind == "all" { "GroupSourceConnection" } else { "GroupOAuthSourceConnection" };
        let mut add = |action: Action| rows.push(action.about(GROUP));
        add(Action::get(&path, Model(View), "Lists connections of groups.", run!(list_groups)).gives(class));
        add(Action::get(&one, Model(View), "One connection of a group.", run!(retrieve_group)).gives(class));
        for (method, run) in [(Method::PUT, run!(update_group)), (Method::PATCH, run!(update_group))] {
            let doc = "Changes what the source calls the group.";
            add(Action::new(method, &one, Model(Change), doc, run).takes(class).gives(class));
        }
        let doc = "Ends the connection of a group.";
        add(Action::new(Method::DELETE, &one, Model(Delete), doc, run!(destroy_group))
            .output(Output::Nothing));
        add(Action::get(
            format!("{one}/used_by"),
            Model(View),
            "Lists what refers to the object.",
            run!(used_by_group),
        )
        .output(Output::Plain("UsedBy")));
    }
    rows.push(
        Action::get(
            "sources/all/user_settings",
            Permission::SignedIn,
            "Sources that people connect their account with.",
            run!(user_settings),
        )
        .output(Output::Plain("UserSetting")),
    );
}

/// The kind of the path; `None` for all.
fn kind_of(call: &Call) -> Option<&'static str> {
    let segment = call.client.path.split('/').rev().find(|part| ["all", "oauth"].contains(part))?;
    KINDS.iter().find(|(kind, _)| *kind == segment).map(|(_, model)| *model)
}
/// Sources of the path's kind, narrowed by `source__slug`; `None`: no condition.
fn sources(call: &Call) -> Option<Vec<Value>> {
    let (kind, slug) = (kind_of(call), call.param("source__slug").filter(|slug| !slug.is_empty()));
    if kind.is_none() && slug.is_none() {
        return None;
    }
    let fits = |o: &&Arc<signet_model::Object>| {
        kind.is_none_or(|kind| o.def.is(kind)) && slug.is_none_or(|slug| o.text("slug") == slug)
    };
    Some(call.config.family(Base::Source).filter(fits).map(|o| Value::from(o.pk)).collect())
}

/// The source as part of a connection.
fn source_obj(call: &Call, pk: Uuid) -> Json {
    call.config.get(pk).map_or(Json::Null, |source| Json::Object(show::family(call, source)))
}
fn show_user(call: &Call, c: &UserConnection) -> Json {
    let mut out = json!({"pk": c.id, "user": c.user_id, "source": c.source, "source_obj": source_obj(call, c.source),
        "identifier": c.identifier, "created": c.created, "last_updated": c.updated});
    if kind_of(call).is_some() {
        out["expires"] = json!(c.expires);
    }
    out
}
fn show_group(call: &Call, c: &GroupConnection) -> Json {
    json!({"pk": c.id, "group": c.group_id, "source": c.source, "source_obj": source_obj(call, c.source),
        "identifier": c.identifier, "created": c.created, "last_updated": c.updated})
}

/// A list of one of the two tables.
async fn page<T: Record>(call: &mut Call, show: fn(&Call, &T) -> Json) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut filters = Filters::new(call);
    let mut q: ListQuery = paging.rows::<T>(&mut filters);
    filters.done()?;
    if let Some(sources) = sources(call) {
        q = q.any("source", sources);
    }
    let (rows, total) = signet_store::list::<T>(&call.core.db, &q).await?;
    paging.envelope(rows.iter().map(|row| show(call, row)).collect(), total, json!({}))
}
fn key(call: &Call) -> Result<i64, Fault> {
    call.key.parse().map_err(|_| Fault::not_found())
}
/// Whether the connection is one of the path's kind.
fn is_of_kind(call: &Call, source: Uuid) -> bool {
    kind_of(call).is_none_or(|kind| call.config.get(source).is_some_and(|source| source.def.is(kind)))
}
async fn find_user(call: &Call) -> Result<UserConnection, Fault> {
    let found = source_connections::user_by_id(&call.core.db, key(call)?).await?;
    let found =
        found.filter(|c| is_of_kind(call, c.source)).ok_or_else(|| Fault::missing("UserSourceConnection"))?;
    call.reach(found.id, Some(found.user_id), "UserSourceConnection")?;
    Ok(found)
}
async fn find_group(call: &Call) -> Result<GroupConnection, Fault> {
    let found = group_connections::group_by_id(&call.core.db, key(call)?).await?;
    let found = found
        .filter(|c| is_of_kind(call, c.source))
        .ok_or_else(|| Fault::missing("GroupSourceConnection"))?;
    call.reach(found.id, None, "GroupSourceConnection")?;
    Ok(found)
}
/// What was sent: a source of the path's kind, and an identifier.
async fn sent(call: &Call, fields: &'static [FieldDef]) -> Result<(Option<Uuid>, Option<String>), Fault> {
    let sent: Map = form::read(call, fields, call.client.method == "PATCH").await?;
    let source = sent.text("source").and_then(|text| Uuid::parse_str(&text).ok());
    if source.is_some_and(|pk| !is_of_kind(call, pk)) {
        return Err(Fault::invalid("source", "This source is of another kind."));
    }
    Ok((source, sent.text("identifier")))
}
fn taken(error: Error) -> Fault {
    match error {
        Error::Conflict(Conflict::Unique(index)) if index.contains("source_connection") => Fault::invalid(
            "non_field_errors",
            "The source is connected with this identifier, or this owner, already.",
        ),
        error => error.into(),
    }
}

async fn list_users(call: &mut Call) -> ApiResult {
    page::<UserConnection>(call, show_user).await
}
async fn retrieve_user(call: &mut Call) -> ApiResult {
    let found = find_user(call).await?;
    Ok(Reply::ok(show_user(call, &found)))
}
/// The account is always the caller's: nobody connects somebody else (CVE-2026-49443).
async fn create_user(call: &mut Call) -> ApiResult {
    let (source, identifier) = sent(call, USER_FIELDS).await?;
    let person = call.person()?.clone();
    if person.impersonator.is_some() {
        return Err(Fault::forbidden());
    }
    let source = source.and_then(|pk| call.config.get(pk).cloned()).ok_or_else(Fault::not_found)?;
    let now = call.core.now();
    let made = UserConnection {
        id: directory::number::<UserConnection>(&call.core).await?,
        user_id: person.user.id,
        source: source.pk,
        identifier: identifier.unwrap_or_default(),
        tokens: String::new(),
        expires: None,
        created: now,
        updated: now,
    };
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    all.also(source_connections::insert_user(&made));
    all.also(call.initial(USER, &Target::Row(made.id.to_string()))?);
    source::event_of_link(&mut all, &source, &person.user);
    all.commit().await.map_err(taken)?;
    Ok(Reply::created(show_user(call, &made)))
}
async fn update_user(call: &mut Call) -> ApiResult {
    let before = find_user(call).await?;
    // Whoever names the account there lets that account in here.
    call.may_give(&[Right::Account(before.user_id)]).await?;
    let (source, identifier) = sent(call, USER_FIELDS).await?;
    let after = UserConnection {
        source: source.unwrap_or(before.source),
        identifier: identifier.unwrap_or_else(|| before.identifier.clone()),
        updated: call.core.now(),
        // They belong to the account that it was there.
        tokens: String::new(),
        expires: None,
        ..before.clone()
    };
    let owner = users::by_id(&call.core.db, before.user_id).await?.ok_or_else(Fault::not_found)?;
    update(call, before.id, &owner.username, (&before, &after)).await?;
    Ok(Reply::ok(show_user(call, &after)))
}
async fn destroy_user(call: &mut Call) -> ApiResult {
    let found = find_user(call).await?;
    source::unlink(&call.core, &call.author(), &found).await?;
    Ok(Reply::Empty)
}
async fn used_by_user(call: &mut Call) -> ApiResult {
    find_user(call).await?;
    Ok(Reply::ok(Vec::<Json>::new()))
}

async fn list_groups(call: &mut Call) -> ApiResult {
    page::<GroupConnection>(call, show_group).await
}
async fn retrieve_group(call: &mut Call) -> ApiResult {
    let found = find_group(call).await?;
    Ok(Reply::ok(show_group(call, &found)))
}
async fn update_group(call: &mut Call) -> ApiResult {
    let before = find_group(call).await?;
    call.may_give(&[Right::Membership(vec![before.group_id])]).await?;
    let (source, identifier) = sent(call, GROUP_FIELDS).await?;
    let after = GroupConnection {
        source: source.unwrap_or(before.source),
        identifier: identifier.unwrap_or_else(|| before.identifier.clone()),
        updated: call.core.now(),
        ..before.clone()
    };
    let group = groups::by_id(&call.core.db, before.group_id).await?.ok_or_else(Fault::not_found)?;
    update(call, before.id, &group.name, (&before, &after)).await?;
    Ok(Reply::ok(show_group(call, &after)))
}
async fn destroy_group(call: &mut Call) -> ApiResult {
    let found = find_group(call).await?;
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    let model = row_model(GroupConnection::TABLE, found.id, &found.identifier);
    all.delete_row(&model, group_connections::delete_group(found.id));
    all.commit().await.map_err(taken)?;
    Ok(Reply::Empty)
}
async fn used_by_group(call: &mut Call) -> ApiResult {
    find_group(call).await?;
    Ok(Reply::ok(Vec::<Json>::new()))
}
/// A change with its event.
async fn update<T: Record>(
    call: &Call,
    id: i64,
    label: &str,
    (before, after): (&T, &T),
) -> Result<(), Fault> {
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    let model = row_model(T::TABLE, id, label);
    all.update_row(&model, &before.writable(), &after.writable(), table::update_changed(before, after));
    all.commit().await.map(drop).map_err(taken)
}

/// Enabled sources, by name.
async fn user_settings(call: &mut Call) -> ApiResult {
    let all =
        call.config.family(Base::Source).filter(|source| call.core.families.source(source.def).is_some());
    let mut all: Vec<(SourceSettings, &str)> = all
        .filter_map(|source| Some((SourceSettings::of(source).ok().filter(|s| s.enabled)?, source.def.app)))
        .collect();
    all.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let one = |(settings, app): &(SourceSettings, &str)| {
        let kind = app.strip_prefix("authentik_sources_").unwrap_or(app);
        json!({"object_uid": settings.slug, "title": settings.name, "component": format!("ak-user-settings-source-{kind}"),
            "configure_url": "/if/user/security/#connections", "icon_url": settings.icon_url(&call.core)})
    };
    Ok(Reply::ok(all.iter().map(one).collect::<Vec<_>>()))
}
