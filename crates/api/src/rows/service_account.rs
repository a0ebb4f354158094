//! `POST /core/users/service_account/`
use super::tokens::SERVICE_ACCOUNT;
use super::{blank, model};
use crate::call::{ApiResult, Call, Fault, Reply};
use crate::form::{self, Members};
use signet_base::{Error, Json, Secret, Timestamp, json};
use signet_core::permission;
use signet_model::{FieldDef, FieldKind};
use signet_store::groups::{self, Group};
use signet_store::tokens::{self, Token};
use signet_store::users::{self, User};

pub(crate) const FIELDS: &[FieldDef] = &[
    FieldDef::plain("name", FieldKind::Text).required().max(150),
    FieldDef::plain("create_group", FieldKind::Bool),
    FieldDef::plain("expiring", FieldKind::Bool),
    blank(FieldDef::plain("expires", FieldKind::Time)),
];
pub(crate) const ANSWER: &[FieldDef] = &[
    FieldDef::shown("username", FieldKind::Text),
    FieldDef::shown("token", FieldKind::Text),
    FieldDef::shown("user_uid", FieldKind::Text),
    FieldDef::shown("user_pk", FieldKind::Int),
    FieldDef::shown("group_pk", FieldKind::Uuid),
];

fn taken() -> Fault {
    Fault::invalid("name", "This name is already taken.")
}

/// A user, an app password, and if wanted a group of the same name.
pub(crate) async fn create(call: &mut Call) -> ApiResult {
    let sent = form::read(call, FIELDS, false).await?;
    let core = call.core.clone();
    let now = core.now();
    let name = sent.text("name").unwrap_or_default();
    let (with_group, expiring) =
        (sent.flag("create_group").unwrap_or(false), sent.flag("expiring").unwrap_or(true));
    let expires = sent
        .text("expires")
        .and_then(|t| Timestamp::parse(&t).ok())
        .unwrap_or_else(|| now.plus_secs(360 * 86_400));
    let mut identifier = format!("{SERVICE_ACCOUNT}{name}-password");
    if tokens::by_identifier(&core.db, &identifier).await?.is_some() {
        // Somebody's token must not keep an account from being made.
        identifier = format!("{identifier}-{}", core.ports.alphanumeric(8).to_lowercase());
    }
    let known = users::by_username(&core.db, &name).await?.is_some();
    if known || (with_group && groups::by_name(&core.db, &name).await?.is_some()) {
        return Err(taken());
    }
    let mut user = User::new(&core.ports, &name);
    user.user_type = "service_account".into();
    user.path = "goauthentik.io/service-accounts".into();
    user.attributes.insert("goauthentik.io/user/token-expires".into(), Json::Bool(expiring));
    user.id = users::insert(&core.db, &user, &[])
        .await
        .map_err(|e| if matches!(e, Error::Conflict(_)) { taken() } else { e.into() })?;
    let rest = complete(call, &user, identifier, with_group, expiring, expires).await;
    let (key, group) = match rest {
        Ok(made) => made,
        Err(error) => {
            // Half an account is none.
            users::delete(&core.db, user.id).await?;
            return Err(if matches!(error, Error::Conflict(_)) { taken() } else { error.into() });
        }
    };
    permission::give_initial(&core, call.person()?, "authentik_core.user", &user.id.to_string()).await?;
    call.event("model_created", model("user", user.id, &user.username)).await;
    let mut answer = json!({"username": user.username, "user_uid": core.uid(user.id), "user_pk": user.id, "token": key.reveal()});
    if let Some(group) = group {
        answer["group_pk"] = json!(group.id);
    }
    Ok(Reply::ok(answer))
}

async fn complete(
    call: &Call,
    user: &User,
    identifier: String,
    with_group: bool,
    expiring: bool,
    expires: Timestamp,
) -> signet_base::Result<(Secret, Option<Group>)> {
    let core = &call.core;
    let mut token = Token::new(core.ports.uuid(), identifier, "app_password", user.id, core.now());
    (token.expiring, token.expires) = (expiring, Some(expires));
    let key = Secret::new(
        core.ports
            .alphanumeric(usize::try_from(core.system().default_token_length).unwrap_or(60).clamp(1, 1024)),
    );
    tokens::insert(&core.db, &core.vault, &token, &key).await?;
    if !with_group {
        return Ok((key, None));
    }
    let group = Group::new(&core.ports, &user.username);
    groups::insert(&core.db, &group, &[], &[user.id]).await?;
    Ok((key, Some(group)))
}
