//! API actions of OAuth2 providers: endpoint URLs, and a preview of a user's claims.
use super::claims::{self, AuthContext, BaseClaims};
use super::clients::ClientCache;
use super::model::OAuth2Provider;
use super::scopes::Scopes;
use signet_base::{Error, FieldErrors, Json, Result, json};
use signet_core::models::{Application, application_of};
use signet_core::{Client, Core, Principal, address};
use signet_model::Object;
use std::sync::Arc;

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
