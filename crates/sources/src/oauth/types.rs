//! Kinds of servers, as the API lists them.
use super::model::ProviderType;
use signet_base::{Json, json};
use signet_model::Choice;

/// One kind. Addresses that are the same for everybody are given; the others belong to the source.
pub(super) fn source_type(name: &str) -> Option<Json> {
    (name == ProviderType::OpenIdConnect.as_str()).then(|| {
        json!({
            "name": name, "verbose_name": "OpenID Connect", "urls_customizable": true, "request_token_url": null,
            "authorization_url": null, "access_token_url": null, "profile_url": null, "oidc_well_known_url": null,
            "oidc_jwks_url": null,
        })
    })
}

/// Every kind that can be used, or the one with this name.
pub fn source_types(name: Option<&str>) -> Vec<Json> {
    ProviderType::VALUES
        .iter()
        .filter(|known| name.is_none_or(|name| name == **known))
        .filter_map(|known| source_type(known))
        .collect()
}
