//! API actions of OAuth2 providers: endpoint URLs, and a preview of a user's claims.
use super::claims::{self, AuthContext, BaseClaims};
use super::clients::ClientCache;
use super::model::OAuth2Provider;
use super::scopes::Scopes;
use signet_base::{Error, FieldErrors, Json, Result, json};
use signet_core::models::{Application, application_of};
use signet_core::{Client, Core, Principal, address};
use signet_model::{Model, Object, Verb};
use signet_rest::{Action, ApiResult, Call, Fault, Permission, Reply, run};
use std::sync::Arc;

pub fn actions() -> Vec<Action> {
    vec![
        Action::get(
            "providers/oauth2/{id}/setup_urls",
            Permission::Model(Verb::View),
            "Addresses to set a client up with.",
            run!(show_setup_urls),
        )
        .about(OAuth2Provider::DEF.full_name()),
        Action::get(
            "providers/oauth2/{id}/preview_user",
            Permission::Model(Verb::View),
            "Claims that a person's tokens would have.",
            run!(show_preview),
        )
        .about(OAuth2Provider::DEF.full_name()),
    ]
}

fn provider(call: &Call) -> Result<Arc<Object>, Fault> {
    let found = call
        .key
        .parse::<i64>()
        .ok()
        .and_then(|num| call.config.by_num(num))
        .filter(|o| o.def.is(&OAuth2Provider::DEF.full_name()));
    let found = found.cloned().ok_or_else(|| Fault::missing("OAuth2Provider"))?;
    call.reach_object(&found)?;
    Ok(found)
}

async fn show_setup_urls(call: &mut Call) -> ApiResult {
    let provider = provider(call)?;
    Ok(Reply::ok(setup_urls(&call.core, &provider, &call.client).await?))
}

async fn show_preview(call: &mut Call) -> ApiResult {
    let provider = provider(call)?;
    let for_user = match call.param("for_user") {
        None => None,
        Some(text) => Some(
            text.parse::<i64>().map_err(|_| Fault::invalid("for_user", "A valid integer is required."))?,
        ),
    };
    let caller = call.person()?.clone();
    if for_user.is_some_and(|id| id != caller.user.id && !call.may_on("authentik_core.preview_user", id)) {
        return Err(Fault::forbidden());
    }
    Ok(Reply::ok(preview_user(&call.core, &provider, &call.client, &caller, for_user).await?))
}

/// `providers/oauth2/<id>/setup_urls/`
pub async fn setup_urls(core: &Core, provider: &Object, client: &Client) -> Result<Json> {
    let settings = provider.get::<OAuth2Provider>().ok_or(Error::NotFound)?;
    let base = address::of(core, client);
    let shared = |path: &str| format!("{base}/application/o/{path}/");
    let config = core.config();
    let application = provider.num.and_then(|num| application_of(&config, num)?.get::<Application>());
    let mut out = json!({"issuer": null, "authorize": shared("authorize"), "token": shared("token"), "user_info": shared("userinfo"), "provider_info": null, "logout": null});
    if let (Some(application), Json::Object(map)) = (application, &mut out) {
        let own = |path: &str| json!(format!("{base}/application/o/{}/{path}", application.slug));
        let issuer = match settings.issuer_mode {
            super::IssuerMode::PerProvider => own(""),
            super::IssuerMode::Global => json!(format!("{base}/")),
        };
        map.insert("issuer".into(), issuer);
        map.insert("provider_info".into(), own(".well-known/openid-configuration"));
        map.insert("logout".into(), own("end-session/"));
        map.insert("jwks".into(), own("jwks/"));
    }
    Ok(out)
}

/// `providers/oauth2/<id>/preview_user/`: the claims of a user's tokens. The API checks the permission for
/// `for_user`.
pub async fn preview_user(
    core: &Arc<Core>,
    provider: &Arc<Object>,
    client: &Client,
    caller: &Principal,
    for_user: Option<i64>,
) -> Result<Json> {
    let person = match for_user {
        None => caller.clone(),
        Some(id) => Principal::load_any(core, id).await?.ok_or_else(|| {
            let mut errors = FieldErrors::new();
            errors.set("for_user", json!("User not found"));
            Error::Invalid(errors)
        })?,
    };
    let entry = ClientCache::default()
        .index(core)
        .entry(provider)?
        .ok_or_else(|| Error::invalid("non_field_errors", "Assign the provider to an application first."))?;
    let now = core.now();
    let auth = AuthContext::machine(now);
    let issuer = entry.issuer_for(core, client);
    let base = BaseClaims {
        entry: &entry,
        issuer: &issuer,
        person: &person,
        auth: &auth,
        now,
        expires: now.plus(entry.settings.access_token_validity),
    };
    let mut preview = base.claims(core.ports.hex(16));
    let all: Scopes = entry.scope_names().collect();
    let grant = claims::TokenContext { person: &person, scopes: &all, auth: &auth, expires: base.expires };
    let mapped = claims::of_scopes(core, client, &entry, &grant, &preview).await?;
    claims::add(&mut preview, &mapped);
    Ok(json!({"preview": preview}))
}
