//! User actions beside CRUD.
use super::{model, users as people};
use http::StatusCode;
use signet_base::{Error, Json, Secret, Span, Uuid, json};
use signet_core::event::EventAction;
use signet_core::flow::plan::{Plan, plan};
use signet_core::flow::{Context, Link, keys, token};
use signet_core::permission::{Right, catalogue};
use signet_core::session::impersonation;
use signet_core::{Principal, address, brand, directory, hash, rows, setup};
use signet_model::{FieldDef, FieldKind, Object};
use signet_rest::form::{self, Members};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::users;
use std::sync::Arc;

const TEXTS: FieldKind = FieldKind::List(&FieldKind::Text);
pub(crate) const ME: &[FieldDef] = &[
    FieldDef::shown("user", FieldKind::Object),
    FieldDef::shown("users", FieldKind::List(&FieldKind::Object)),
];
pub(crate) const PATHS: &[FieldDef] = &[FieldDef::shown("paths", TEXTS)];
pub(crate) const PASSWORD: &[FieldDef] =
    &[FieldDef { secret: true, ..FieldDef::plain("password", FieldKind::Text).required() }];
pub(crate) const RECOVERY: &[FieldDef] = &[FieldDef::plain("token_duration", FieldKind::Duration)];
pub(crate) const RECOVERY_EMAIL: &[FieldDef] = &[
    FieldDef::plain("email_stage", FieldKind::Uuid).required(),
    FieldDef::plain("token_duration", FieldKind::Duration),
];
pub(crate) const IMPERSONATE: &[FieldDef] = &[super::blank(FieldDef::plain("reason", FieldKind::Text))];

/// `GET /core/users/me/`; `original` is the impersonating administrator.
pub(crate) async fn me(call: &mut Call) -> ApiResult {
    let person = call.person()?;
    let mut answer = json!({"user": oneself(call, person), "users": []});
    if let Some(by) = &person.impersonator
        && let Some(by) = Principal::load(&call.core, by.id).await?
    {
        answer["original"] = oneself(call, &by);
    }
    Ok(Reply::ok(answer))
}

fn oneself(call: &Call, person: &Principal) -> Json {
    let user = &person.user;
    let attributes = rows::group_attributes(person);
    let teams: Vec<Json> = person.groups.iter().map(|g| json!({"name": g.name, "pk": g.id})).collect();
    let named: Vec<Json> = person
        .roles
        .iter()
        .filter_map(|pk| Some(json!({"name": call.config.get(*pk)?.name(), "pk": pk})))
        .collect();
    json!({
        "pk": user.id, "username": user.username, "name": user.name, "is_active": user.is_active, "is_superuser": person.is_superuser,
        "groups": teams, "roles": named, "email": user.email, "avatar": rows::avatar(&call.core, &user.name, &user.username, &user.email),
        "uid": person.uid, "settings": attributes.get("settings").cloned().unwrap_or_else(|| json!({})), "type": user.user_type,
        "system_permissions": system_permissions(person),
        // Whether the client has a browser session; API tokens have none.
        "is_current": call.session.is_some(),
    })
}

/// System permissions.
fn system_permissions(person: &Principal) -> Vec<&'static str> {
    catalogue::system().filter(|code| person.may(&format!("authentik_rbac.{code}"))).collect()
}

/// `GET /core/users/paths/`
pub(crate) async fn paths(call: &mut Call) -> ApiResult {
    let paths = users::paths(&call.core.db, call.param("search").unwrap_or_default()).await?;
    Ok(Reply::ok(json!({"paths": paths})))
}

/// `POST /core/users/<id>/set_password/`
pub(crate) async fn set_password(call: &mut Call) -> ApiResult {
    let user = people::find(call).await?;
    call.may_give(&[Right::Account(user.id)]).await?;
    let sent = form::read(call, PASSWORD, false).await?;
    let hash = call.core.hasher.hash(Secret::new(sent.text("password").unwrap_or_default())).await?;
    store_password(call, user, &hash).await
}

/// `POST /core/users/<id>/set_password_hash/`
pub(crate) async fn set_password_hash(call: &mut Call) -> ApiResult {
    let user = people::find(call).await?;
    call.may_give(&[Right::Account(user.id)]).await?;
    let hash = form::read(call, PASSWORD, false).await?.text("password").unwrap_or_default();
    if !hash::is_well_formed(&hash) {
        return Err(Fault::invalid("password", "Invalid password hash format."));
    }
    call.core.hasher.learn(&hash);
    store_password(call, user, &hash).await
}

/// A new password raises the epoch; the requesting session stays.
async fn store_password(call: &mut Call, user: users::User, hash: &str) -> ApiResult {
    let spared = directory::spared(&call.core, &call.client, call.session.as_ref(), user.id);
    let epoch = directory::set_password(&call.core, &call.author(), &user, hash, &spared).await?;
    if let (Some(session), Some(_)) = (call.session.as_mut(), spared.session) {
        session.goes_on_at(epoch);
    }
    if Principal::of(&call.core, user).await?.is_superuser {
        setup::finish(&call.core).await?;
    }
    Ok(Reply::Empty)
}

/// The brand's recovery flow, planned for this account.
async fn recovery_plan(call: &Call, user: &users::User) -> Result<(Arc<Object>, Plan), Fault> {
    let none = || Fault::bad(json!({"non_field_errors": "No recovery flow set."}));
    let named = brand::of(&call.config, call.client.domain()).and_then(|(_, b)| b.flow_recovery);
    let flow = named.and_then(|pk| call.config.get(pk)).cloned().ok_or_else(none)?;
    if !user.is_active {
        return Err(Fault::invalid("non_field_errors", "The account is not active."));
    }
    let person = Principal::of(&call.core, user.clone()).await?;
    let mut context = Context::default();
    context.set(&keys::PENDING_USER, person.pending());
    context.set(&keys::IS_RESTORED, json!({"purpose": "recovery"}));
    // Planned for an anonymous user, who opens the link.
    match plan(&call.core, &call.client, &flow, None, context, true).await? {
        Ok(plan) => Ok((flow, plan)),
        Err(_) => Err(Fault::bad(json!({"non_field_errors": "Recovery flow not applicable to user"}))),
    }
}
fn lifetime(sent: &signet_base::Map) -> Result<Option<Span>, Fault> {
    let Some(text) = sent.text("token_duration").filter(|t| !t.is_empty()) else { return Ok(None) };
    match Span::parse(&text) {
        Ok(span) if span.secs() >= 1 => Ok(Some(span)),
        Ok(_) => Err(Fault::invalid("token_duration", "Enter a time of at least one second.")),
        Err(why) => Err(Fault::invalid("token_duration", why)),
    }
}

/// `POST /core/users/<id>/recovery/`: a link to the brand's recovery flow. Earlier links of the user for this
/// flow become invalid.
pub(crate) async fn recovery(call: &mut Call) -> ApiResult {
    let user = people::find(call).await?;
    call.may_give(&[Right::Account(user.id)]).await?;
    call.take_from_query(&["token_duration"]);
    let sent = form::read(call, RECOVERY, false).await?;
    let (flow, plan) = recovery_plan(call, &user).await?;
    // Checked before earlier links are invalidated: without an address there is no link.
    address::public(&call.core, &call.client)?;
    let lifetime = match lifetime(&sent)? {
        Some(span) => span,
        None => Span::parse(&call.core.system().default_token_duration).map_err(Error::internal)?,
    };
    let key = token::issue(
        &call.core,
        token::FlowTokenRequest {
            plan: &plan,
            lifetime,
            purpose: "recovery",
            replace: true,
            epoch: user.epoch,
        },
    )
    .await?;
    call.record(EventAction::SecretView, model("user", user.id, &user.username)).await?;
    Ok(Reply::ok(json!({"link": token::link(&call.core, &call.client, &flow, "", &key)?})))
}

/// `POST /core/users/<id>/recovery_email/`: the same link by email. The response does not wait for the mail
/// server.
pub(crate) async fn recovery_email(call: &mut Call) -> ApiResult {
    let user = people::find(call).await?;
    call.may_give(&[Right::Account(user.id)]).await?;
    if user.email.is_empty() {
        return Err(Fault::bad(json!({"non_field_errors": "User does not have an email address set."})));
    }
    call.take_from_query(&["email_stage", "token_duration"]);
    let sent = form::read(call, RECOVERY_EMAIL, false).await?;
    let none = || Fault::bad(json!({"non_field_errors": "Email stage not found."}));
    let named = sent.text("email_stage").and_then(|t| Uuid::parse_str(&t).ok());
    let stage = named.and_then(|pk| call.config.get(pk)).cloned().ok_or_else(none)?;
    let kind = call.core.families.stage(&stage.def.full_name()).ok_or_else(none)?;
    let (flow, plan) = recovery_plan(call, &user).await?;
    address::public(&call.core, &call.client)?;
    let link = Link { stage: stage.pk, flow, plan, user: user.id, lifetime: lifetime(&sent)? };
    let batch = kind.send_link(&call.core, &call.client, link)?.ok_or_else(none)?;
    call.record(EventAction::SecretView, model("user", user.id, &user.username)).await?;
    call.core.db.batch(batch).await?;
    Ok(Reply::Empty)
}

/// `POST /core/users/<id>/impersonate/`: the caller's browser session acts as this user. 401 if the setting
/// is off, or for the caller's own account, as clients expect.
pub(crate) async fn impersonate(call: &mut Call) -> ApiResult {
    let user = people::find(call).await?;
    let sent = form::read(call, IMPERSONATE, false).await?;
    let system = call.core.system();
    let reason = sent.text("reason").unwrap_or_default();
    if !system.impersonation || user.id == call.person()?.user.id {
        return Err(Fault::detail(
            StatusCode::UNAUTHORIZED,
            if system.impersonation { "You are this person." } else { "Impersonation is turned off." },
        ));
    }
    if system.impersonation_require_reason && reason.trim().is_empty() {
        return Err(Fault::bad(json!({"reason": "This field is required."})));
    }
    let person = Principal::of(&call.core, user).await?;
    let Some(session) = call.session.as_mut() else {
        return Err(Fault::invalid(
            "non_field_errors",
            "Only a browser session can act as somebody: a token stays who it is.",
        ));
    };
    session.act_as(&call.core, &call.client, person)?;
    // Recorded as the administrator, before the session changes.
    call.principal = session.principal().cloned();
    call.record(EventAction::ImpersonationStarted, json!({"reason": reason})).await?;
    Ok(Reply::Empty)
}

/// `GET /core/users/impersonate_end/`: always allowed; without impersonation it has no effect.
pub(crate) async fn impersonate_end(call: &mut Call) -> ApiResult {
    if call.client.from_elsewhere {
        return Err(Fault::detail(StatusCode::FORBIDDEN, "CSRF Failed: Origin checking failed."));
    }
    if let Some(session) = call.session.as_mut() {
        impersonation::stop(&call.core, &call.client, session).await?;
    }
    Ok(Reply::Empty)
}
