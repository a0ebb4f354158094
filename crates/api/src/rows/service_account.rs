//! `POST /core/users/service_account/`
use super::blank;
use signet_base::{Error, Json, Secret, Timestamp, json};
use signet_core::directory::{self, GroupChange, TokenChange, Transaction, UserChange};
use signet_core::token::SERVICE_ACCOUNT;
use signet_model::{FieldDef, FieldKind};
use signet_rest::form::{self, Members};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::groups::{self, Group};
use signet_store::roles::Target;
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
    FieldDef::plain("group_pk", FieldKind::Uuid),
];

fn taken() -> Fault {
    Fault::invalid("name", "This name is already taken.")
}

/// Creates a user, an app password, and optionally a group with the same name.
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
        // An existing token with this name must not prevent the creation.
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
    user.id = directory::number::<User>(&core).await?;
    let mut token = Token::new(core.ports.uuid(), identifier, "app_password", user.id, now);
    (token.expiring, token.expires) = (expiring, Some(expires));
    let length = usize::try_from(core.system().default_token_length).unwrap_or(60).clamp(1, 1024);
    let key = Secret::new(core.ports.alphanumeric(length));
    let group = with_group.then(|| Group::new(&core.ports, &user.username));

    let author = call.author();
    let mut all = Transaction::new(&core, &author);
    if let Some(group) = &group {
        all.change(GroupChange::create(group.clone())).await?;
    }
    all.change(UserChange::create(user.clone()).join(group.iter().map(|g| g.id))).await?;
    all.change(TokenChange::create(token, key.clone())).await?;
    all.also(call.initial("authentik_core.user", &Target::Row(user.id.to_string()))?);
    if let Some(group) = &group {
        all.also(call.initial("authentik_core.group", &Target::Row(group.id.to_string()))?);
    }
    all.commit().await.map_err(|e| match e {
        Error::Conflict(_) => taken(),
        other => other.into(),
    })?;
    let mut answer = json!({"username": user.username, "user_uid": core.uid(user.id), "user_pk": user.id, "token": key.reveal()});
    if let Some(group) = group {
        answer["group_pk"] = json!(group.id);
    }
    Ok(Reply::ok(answer))
}
