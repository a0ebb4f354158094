//! Discovery documents (OpenID Connect Discovery 1.0, RFC 8414) and key sets. Rendered once, served as bytes.
use super::claims;
use super::clients::{ClientEntry, ClientIndex, Document};
use super::model::GrantType;
use super::scopes::{OPENID, Scopes};
use super::signing::key_set;
use axum::body::Bytes;
use signet_base::{Json, Map, Result, json};
use signet_core::{Client, Core, Principal, address};
use signet_store::users::User;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The discovery document of a client for this host.
pub async fn discovery(
    core: &Arc<Core>,
    index: &ClientIndex,
    client: &Client,
    entry: &Arc<ClientEntry>,
) -> Result<Bytes> {
    let base = address::of(core, client);
    if let Some(bytes) = index.document(entry, Document::Discovery, &base) {
        return Ok(bytes);
    }
    let mapped = entry.claim_names.get_or_try_init(|| mapped_claims(core, client, entry)).await?;
    let bytes = Bytes::from(serde_json::to_vec_pretty(&document(entry, &base, mapped))?);
    index.keep_document(entry, Document::Discovery, &base, bytes.clone());
    Ok(bytes)
}

/// The client's key set.
pub fn keys(index: &ClientIndex, entry: &Arc<ClientEntry>) -> Result<Bytes> {
    if let Some(bytes) = index.document(entry, Document::Keys, "") {
        return Ok(bytes);
    }
    let bytes = Bytes::from(serde_json::to_vec_pretty(&key_set(&entry.signer))?);
    index.keep_document(entry, Document::Keys, "", bytes.clone());
    Ok(bytes)
}

/// The claim names that the mappings return for a placeholder user.
async fn mapped_claims(core: &Arc<Core>, client: &Client, entry: &ClientEntry) -> Result<Vec<String>> {
    let nobody =
        Principal::of(core, User { email: "nobody@localhost".into(), ..User::new(&core.ports, "nobody") })
            .await?;
    let all: Scopes = entry.scope_names().collect();
    let auth = claims::AuthContext::machine(core.now());
    let grant = claims::TokenContext { person: &nobody, scopes: &all, auth: &auth, expires: core.now() };
    let claims = claims::of_scopes(core, client, entry, &grant, &Map::new()).await?;
    Ok(claims.into_iter().map(|(name, _)| name).collect())
}

const BUILT_IN: [&str; 9] = ["sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce"];

fn document(entry: &ClientEntry, base: &str, mapped: &[String]) -> Json {
    let settings = &entry.settings;
    let at = |path: &str| format!("{base}/application/o/{path}");
    let own = |path: &str| format!("{base}/application/o/{}/{path}", entry.slug());
    let mut scopes: BTreeSet<&str> = entry.scope_names().collect();
    scopes.insert(OPENID);
    let claims: BTreeSet<&str> = BUILT_IN.into_iter().chain(mapped.iter().map(String::as_str)).collect();
    let mut responses = Vec::new();
    if settings.allows(GrantType::AuthorizationCode) {
        responses.push("code");
    }
    if settings.allows(GrantType::Implicit) {
        responses.extend(["id_token", "id_token token"]);
    }
    if settings.allows(GrantType::Hybrid) {
        responses.extend(["code token", "code id_token", "code id_token token"]);
    }
    // Grants whose endpoints exist.
    let usable = [
        GrantType::AuthorizationCode,
        GrantType::RefreshToken,
        GrantType::Implicit,
        GrantType::ClientCredentials,
        GrantType::Password,
    ];
    let grants: Vec<GrantType> = usable.into_iter().filter(|g| settings.allows(*g)).collect();
    let mut methods = vec!["client_secret_post", "client_secret_basic"];
    if settings.is_public() {
        methods = vec!["none"];
    }
    json!({
        "issuer": entry.issuer(base),
        "authorization_endpoint": at("authorize/"),
        "token_endpoint": at("token/"),
        "userinfo_endpoint": at("userinfo/"),
        "end_session_endpoint": own("end-session/"),
        "introspection_endpoint": at("introspect/"),
        "revocation_endpoint": at("revoke/"),
        "response_types_supported": responses,
        "response_modes_supported": ["query", "fragment", "form_post"],
        "jwks_uri": own("jwks/"),
        "grant_types_supported": grants,
        "id_token_signing_alg_values_supported": [entry.signer.alg().as_str()],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": methods,
        "acr_values_supported": [claims::ACR],
        "scopes_supported": scopes,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "claims_supported": claims,
        "claims_parameter_supported": false,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": false,
    })
}
