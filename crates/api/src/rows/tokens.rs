//! `/core/tokens/`: API tokens and app passwords.
use super::{USER, blank, users as people};
use signet_base::{Conflict, Error, FieldErrors, Json, Map, Result, Secret, Span, Timestamp, json};
use signet_core::directory::{self, TokenChange, token_model};
use signet_core::event::EventAction;
use signet_core::permission::Right;
use signet_core::token::{MOST, default_expiry, is_reserved, must_expire, new_key};
use signet_core::{Principal, rows};
use signet_model::{FieldDef, FieldKind};
use signet_rest::form::{self, Members};
use signet_rest::list::{Filters, Paging};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::tokens::{self, INTENTS, Token};

pub(crate) const FIELDS: &[FieldDef] = &[
    FieldDef::shown("pk", FieldKind::Uuid),
    FieldDef::shown("managed", FieldKind::Text).nullable(),
    FieldDef::plain("identifier", FieldKind::Slug).required().max(255),
    FieldDef::plain("intent", FieldKind::Choice(INTENTS)),
    FieldDef::plain("user", USER),
    FieldDef::shown("user_obj", FieldKind::Object),
    blank(FieldDef::plain("description", FieldKind::Text)),
    FieldDef::plain("expires", FieldKind::Time).nullable(),
    FieldDef::plain("expiring", FieldKind::Bool),
];
pub(crate) const KEY: &[FieldDef] =
    &[FieldDef { secret: true, ..FieldDef::plain("key", FieldKind::Text).required().max(1024) }];

async fn show(call: &Call, list: &[Token]) -> Result<Vec<Json>> {
    let ids: Vec<i64> = list.iter().map(|t| t.user_id).collect();
    let by_id = people::nested(call, &ids).await?;
    let one = |t: &Token| {
        json!({
            "pk": t.id, "managed": t.managed, "identifier": t.identifier, "intent": t.intent, "user": t.user_id, "user_obj": by_id.get(&t.user_id),
            "description": t.description, "expires": t.expires, "expiring": t.expiring,
        })
    };
    Ok(list.iter().map(one).collect())
}
async fn answer(call: &Call, token: Token) -> Result<Json> {
    Ok(show(call, &[token]).await?.pop().unwrap_or_default())
}

const ADD: &str = "authentik_core.add_token";
const CHANGE: &str = "authentik_core.change_token";

/// The token of the path, if the caller has the required permission.
async fn find(call: &Call) -> Result<Token, Fault> {
    let token =
        tokens::by_identifier(&call.core.db, &call.key).await?.ok_or_else(|| Fault::missing("Token"))?;
    call.reach(token.id, Some(token.user_id), "Token")?;
    Ok(token)
}
/// The holder of a token has the rights of its account.
async fn may_hold(call: &Call, owner: i64) -> Result<(), Fault> {
    if owner == call.person()?.user.id { Ok(()) } else { call.may_give(&[Right::Account(owner)]).await }
}

/// `GET /core/tokens/`
pub(crate) async fn list(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut f = Filters::new(call);
    let q = paging.rows::<Token>(&mut f);
    f.done()?;
    let (page, total) = signet_store::list::<Token>(&call.core.db, &q).await?;
    paging.envelope(show(call, &page).await?, total, json!({}))
}

/// `GET /core/tokens/<identifier>/`
pub(crate) async fn retrieve(call: &mut Call) -> ApiResult {
    let token = find(call).await?;
    Ok(Reply::ok(answer(call, token).await?))
}

/// `POST /core/tokens/`
pub(crate) async fn create(call: &mut Call) -> ApiResult {
    let (me, manages) = (call.person()?.user.id, call.may(ADD));
    if !manages {
        // The owner is not theirs to choose, and an error would reveal which users exist.
        call.body.remove("user");
        if call.body.get("identifier").and_then(Json::as_str).is_some_and(is_reserved) {
            return Err(Fault::invalid("identifier", "This beginning is kept for service accounts."));
        }
    }
    let (sent, mut errors) = form::judge(call, FIELDS, false).await?;
    let owner = if manages { sent.int("user").unwrap_or(me) } else { me };
    may_hold(call, owner).await?;
    let mut token = Token::new(call.core.ports.uuid(), "", "api", owner, call.core.now());
    token.expiring = true;
    fill(call, manages, &mut token, &sent, &mut errors, true).await?;
    let key = new_key(&call.core);
    let change = TokenChange::create(token.clone(), key).at_most((!manages).then_some(MOST));
    call.commit_new(change, "authentik_core.token", token.id, taken).await?;
    Ok(Reply::created(answer(call, token).await?))
}

/// `PUT /core/tokens/<identifier>/`
pub(crate) async fn update(call: &mut Call) -> ApiResult {
    change(call, false).await
}
/// `PATCH /core/tokens/<identifier>/`
pub(crate) async fn partial_update(call: &mut Call) -> ApiResult {
    change(call, true).await
}
async fn change(call: &mut Call, partial: bool) -> ApiResult {
    let before = find(call).await?;
    let mut token = before.clone();
    may_hold(call, token.user_id).await?;
    let manages = call.may_on(CHANGE, token.id);
    if !manages {
        call.body.remove("user");
    }
    let (sent, mut errors) = form::judge(call, FIELDS, partial).await?;
    let reserved = |name: &str| is_reserved(name) && name.trim() != token.identifier;
    if !manages && sent.text("identifier").is_some_and(|name| reserved(&name)) {
        errors.add("identifier", "This beginning is kept for service accounts.");
    }
    if sent.int("user").is_some_and(|id| id != token.user_id) {
        errors.add("user", "The owner of a token cannot be changed.");
    }
    fill(call, manages, &mut token, &sent, &mut errors, false).await?;
    commit(call, TokenChange::update(&before, token.clone())).await?;
    Ok(Reply::ok(answer(call, token).await?))
}

/// Applies the validated members. Users who do not manage tokens cannot choose whether theirs expire.
async fn fill(
    call: &Call,
    manages: bool,
    token: &mut Token,
    sent: &Map,
    errors: &mut FieldErrors,
    new: bool,
) -> Result<(), Fault> {
    if let Some(identifier) = sent.text("identifier") {
        if tokens::by_identifier(&call.core.db, &identifier).await?.is_some_and(|other| other.id != token.id)
        {
            errors.add("identifier", "This field must be unique.");
        }
        token.identifier = identifier;
    }
    let intent = sent.text("intent");
    if let Some(intent) = &intent {
        if intent != "api" && intent != "app_password" {
            errors.add("intent", format!("Invalid intent {intent}"));
        } else if !new && !["api", "app_password"].contains(&token.intent.as_str()) && *intent != token.intent
        {
            errors.add("intent", "The intent of this token cannot be changed.");
        }
    }
    std::mem::take(errors).into_result()?;
    token.description = sent.text("description").unwrap_or_else(|| token.description.clone());
    let other_kind = intent.as_ref().is_some_and(|i| *i != token.intent);
    token.intent = intent.unwrap_or_else(|| token.intent.clone());
    let owner = owner(call, token.user_id).await?;
    token.expiring = if manages {
        sent.flag("expiring").unwrap_or(token.expiring)
    } else if new {
        must_expire(&owner)
    } else {
        token.expiring || must_expire(&owner)
    };
    if new || other_kind || sent.contains_key("expires") || (token.expiring && token.expires.is_none()) {
        token.expires = expiry(call, token, &owner, sent)?;
    }
    Ok(())
}

async fn owner(call: &Call, id: i64) -> Result<Principal, Fault> {
    Principal::load_any(&call.core, id)
        .await?
        .ok_or_else(|| Fault::invalid("user", format!("Invalid pk \"{id}\" - object does not exist.")))
}
/// The expiry of an API token is set by the system; app passwords may choose one within the account's limit.
fn expiry(call: &Call, token: &Token, owner: &Principal, sent: &Map) -> Result<Option<Timestamp>, Fault> {
    let now = call.core.now();
    let default = default_expiry(&call.core)?;
    if token.intent != "app_password" {
        return Ok(Some(default));
    }
    if !token.expiring {
        return Ok(None);
    }
    let Some(wanted) = sent.text("expires").and_then(|t| Timestamp::parse(&t).ok()) else {
        return Ok(Some(default));
    };
    let longest = rows::group_attributes(owner)
        .get("goauthentik.io/user/token-maximum-lifetime")
        .and_then(Json::as_str)
        .and_then(|t| Span::parse(t).ok());
    let latest = longest.map_or(default, |span| now.plus(span));
    if wanted > latest {
        return Err(Fault::invalid("expires", format!("Token expires exceeds maximum lifetime ({latest}).")));
    }
    Ok(Some(wanted))
}

async fn commit(call: &Call, change: TokenChange) -> ApiResult {
    directory::commit(&call.core, &call.author(), change).await.map_err(taken)?;
    Ok(Reply::Empty)
}
fn taken(error: Error) -> Fault {
    match error {
        Error::NotFound => Fault::missing("Token"),
        Error::Conflict(Conflict::Unique(index)) if index == "token.identifier" => {
            Fault::invalid("identifier", "This field must be unique.")
        }
        Error::Conflict(Conflict::TooManyTokens) => Fault::invalid(
            "non_field_errors",
            format!("You have {MOST} tokens. Delete those that you do not need."),
        ),
        Error::Conflict(Conflict::Unique(index)) if index == "token.key_digest" => {
            Fault::invalid("key", "Choose another key.")
        }
        Error::Conflict(Conflict::ForeignKey) => {
            Fault::invalid("user", "The user was deleted at the same time.")
        }
        other => other.into(),
    }
}

/// `DELETE /core/tokens/<identifier>/`
pub(crate) async fn destroy(call: &mut Call) -> ApiResult {
    let token = find(call).await?;
    commit(call, TokenChange::delete(&token)).await
}

/// `GET /core/tokens/<identifier>/used_by/`
pub(crate) async fn used_by(call: &mut Call) -> ApiResult {
    find(call).await?;
    Ok(Reply::ok(Vec::<Json>::new()))
}

/// `GET /core/tokens/<identifier>/view_key/`: users may view the keys of tokens they could have created.
/// Others (without the required expiry, or managed by the system) are shown to superusers only.
pub(crate) async fn view_key(call: &mut Call) -> ApiResult {
    let token = find(call).await?;
    may_hold(call, token.user_id).await?;
    if !call.may_on("authentik_core.view_token_key", token.id) {
        let own = token.user_id == call.person()?.user.id
            && ["api", "app_password"].contains(&token.intent.as_str())
            && token.managed.is_none();
        if !own || (!token.expiring && must_expire(&owner(call, token.user_id).await?)) {
            return Err(Fault::forbidden());
        }
    }
    let key = token.key(&call.core.vault)?;
    call.record(EventAction::SecretView, json!({"secret": token_model(&token)})).await?;
    Ok(Reply::ok(json!({"key": key.reveal()})))
}

/// `POST /core/tokens/<identifier>/set_key/`
pub(crate) async fn set_key(call: &mut Call) -> ApiResult {
    let token = find(call).await?;
    may_hold(call, token.user_id).await?;
    let key = Secret::new(form::read(call, KEY, false).await?.text("key").unwrap_or_default());
    commit(call, TokenChange::update(&token, token.clone()).key(Some(key))).await
}
