//! What can be done with a user beside changing data.
use super::{model, rights, users as people};
use crate::call::{Answer, Call, Fault, Reply};
use crate::form::{self, Members};
use signet_base::{Error, Json, Secret, Span, json};
use signet_core::{Principal, brand, hash, rows, session, setup};
use signet_model::{FieldDef, Kind};
use signet_store::tokens::{self, Token};
use signet_store::users;

const TEXTS: Kind = Kind::List(&Kind::Text);
pub(crate) const ME: &[FieldDef] = &[FieldDef::shown("user", Kind::Object), FieldDef::shown("users", Kind::List(&Kind::Object))];
pub(crate) const PATHS: &[FieldDef] = &[FieldDef::shown("paths", TEXTS)];
pub(crate) const PASSWORD: &[FieldDef] = &[FieldDef { secret: true, ..FieldDef::plain("password", Kind::Text).required() }];
pub(crate) const RECOVERY: &[FieldDef] = &[FieldDef::plain("token_duration", Kind::Duration)];
pub(crate) const RECOVERY_EMAIL: &[FieldDef] = &[FieldDef::plain("email_stage", Kind::Uuid).required(), FieldDef::plain("token_duration", Kind::Duration)];
pub(crate) const IMPERSONATE: &[FieldDef] = &[super::blank(FieldDef::plain("reason", Kind::Text))];

/// Rights on the system as a whole; superusers have all of them, nobody else has any.
const SYSTEM: &[&str] = &["view_system_info", "access_admin_interface", "view_system_settings", "edit_system_settings", "view_media_files", "manage_media_files"];

/// `GET /core/users/me/`
pub(crate) async fn me(call: &mut Call) -> Answer {
    let person = call.person()?;
    let user = &person.user;
    let attributes = rows::group_attributes(person);
    let teams: Vec<Json> = person.groups.iter().map(|g| json!({"name": g.name, "pk": g.id})).collect();
    let mut me = json!({
        "pk": user.id, "username": user.username, "name": user.name, "is_active": user.is_active, "is_superuser": person.is_superuser,
        "groups": teams, "roles": [], "email": user.email, "avatar": rows::avatar(&call.core, &user.name, &user.username, &user.email),
        "uid": person.uid, "settings": attributes.get("settings").cloned().unwrap_or_else(|| json!({})), "type": user.user_type,
        "system_permissions": if person.is_superuser { SYSTEM } else { &[] },
    });
    // Whose browser session it is; a token is nobody's browser.
    me["is_current"] = json!(call.session.is_some());
    Ok(Reply::ok(json!({"user": me, "users": []})))
}

/// `GET /core/users/paths/`
pub(crate) async fn paths(call: &mut Call) -> Answer {
    let paths = users::paths(&call.core.db, call.param("search").unwrap_or_default()).await?;
    Ok(Reply::ok(json!({"paths": paths})))
}

/// `POST /core/users/<id>/set_password/`
pub(crate) async fn set_password(call: &mut Call) -> Answer {
    let user = people::find(call).await?;
    rights::may_touch(call, &user).await?;
    let sent = form::read(call, PASSWORD, false).await?;
    let hash = call.core.hasher.hash(Secret::new(sent.text("password").unwrap_or_default())).await?;
    store_password(call, user, &hash).await
}

/// `POST /core/users/<id>/set_password_hash/`
pub(crate) async fn set_password_hash(call: &mut Call) -> Answer {
    let user = people::find(call).await?;
    rights::may_touch(call, &user).await?;
    let hash = form::read(call, PASSWORD, false).await?.text("password").unwrap_or_default();
    if !hash::is_well_formed(&hash) {
        return Err(Fault::invalid("password", "Invalid password hash format."));
    }
    store_password(call, user, &hash).await
}

/// A new password ends what was begun with the old one, the session that asks for it aside.
async fn store_password(call: &mut Call, user: users::User, hash: &str) -> Answer {
    users::set_password(&call.core.db, user.id, hash, call.core.now()).await?;
    let own = call.session.as_ref().and_then(|s| s.uuid());
    session::end_all(&call.core, user.id, own).await?;
    call.event("password_set", model("user", user.id, &user.username)).await;
    if Principal::of(&call.core, user).await?.is_superuser {
        setup::finish(&call.core).await?;
    }
    Ok(Reply::Empty)
}

/// `POST /core/users/<id>/recovery/`
pub(crate) async fn recovery(call: &mut Call) -> Answer {
    let user = people::find(call).await?;
    rights::may_touch(call, &user).await?;
    let sent = form::read(call, RECOVERY, false).await?;
    if brand::of(&call.world, call.client.domain()).and_then(|(_, b)| b.flow_recovery).is_none() {
        return Err(Fault::bad(json!({"non_field_errors": "No recovery flow set."})));
    }
    if !user.is_active {
        return Err(Fault::invalid("non_field_errors", "The account is not active."));
    }
    let system = call.core.system();
    let duration = sent.text("token_duration").unwrap_or_else(|| system.default_token_duration.clone());
    let duration = Span::parse(&duration).map_err(|why| Fault::invalid("token_duration", why))?;
    let core = &call.core;
    let identifier = format!("{}-password-reset", core.uid(user.id));
    if let Some(old) = tokens::by_identifier(&core.db, &identifier).await? {
        tokens::delete(&core.db, old.id).await?;
    }
    let mut token = Token::new(core.ports.uuid(), identifier, "recovery", user.id, core.now());
    (token.expiring, token.expires) = (true, Some(core.now().plus(duration)));
    let key = Secret::new(core.ports.alphanumeric(60));
    tokens::insert(&core.db, &core.vault, &token, &key).await?;
    call.record("secret_view", model("token", token.id, &token.identifier)).await?;
    Ok(Reply::ok(json!({"link": format!("{}/recovery/use-token/{}/", call.client.base_url(), key.reveal())})))
}

/// `POST /core/users/<id>/recovery_email/`
pub(crate) async fn recovery_email(call: &mut Call) -> Answer {
    let user = people::find(call).await?;
    if user.email.is_empty() {
        return Err(Fault::bad(json!({"non_field_errors": "User does not have an email address set."})));
    }
    form::read(call, RECOVERY_EMAIL, false).await?;
    // E-mail stages are not among the kinds that this release has.
    Err(Fault::bad(json!({"non_field_errors": "Email stage not found."})))
}

/// `POST /core/users/<id>/impersonate/`: needs a reason, and then is refused: sessions cannot act for two people.
pub(crate) async fn impersonate(call: &mut Call) -> Answer {
    people::find(call).await?;
    let sent = form::read(call, IMPERSONATE, false).await?;
    let system = call.core.system();
    if system.impersonation && system.impersonation_require_reason && sent.text("reason").unwrap_or_default().is_empty() {
        return Err(Fault::bad(json!({"reason": "This field is required."})));
    }
    Err(Fault::from(Error::denied("Impersonation is not available.")))
}

/// `GET /core/users/impersonate_end/`: always allowed, and there is never anything to end.
pub(crate) async fn impersonate_end(_: &mut Call) -> Answer {
    Ok(Reply::Empty)
}
