//! The source's declaration, and that of its mappings.
use super::types;
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Ports, Secret, Uuid, json};
use signet_core::expression;
use signet_core::models::EngineMode;
use signet_core::source::{GroupMatchingMode, UserMatchingMode};
use signet_model::def::Prepared;
use signet_model::{Change, Choice, FieldDef, FieldKind, Model, Object, Snapshot};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum ProviderType {
    #[choice("openidconnect")]
    OpenIdConnect,
    Apple,
    Discord,
    #[choice("entraid")]
    EntraId,
    Facebook,
    #[choice("github")]
    GitHub,
    #[choice("gitlab")]
    GitLab,
    Google,
    Mailcow,
    Okta,
    Patreon,
    Reddit,
    Slack,
    Twitch,
    Twitter,
    #[choice("wechat")]
    WeChat,
}
/// Proof Key for Code Exchange (RFC 7636).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Pkce {
    None,
    Plain,
    #[choice("S256")]
    S256,
}
/// How this server authenticates at the token endpoint (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum ClientAuthentication {
    BasicAuth,
    PostBody,
}

fn empty(_: &Ports) -> Json {
    json!([])
}
const EXTRA: &[FieldDef] =
    &[FieldDef::shown("callback_url", FieldKind::Text), FieldDef::shown("type", FieldKind::Object)];

/// Signs people in by an OAuth2 or OpenID Connect server of somebody else.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_sources_oauth", path = "sources/oauth", base = Source, key = "slug", label = "OAuth Source", component = "ak-source-oauth-form", search("name", "slug"), ordering = "name", bindable, check = check, present = present, extra = EXTRA)]
pub struct OAuthSource {
    #[field(filter, max = 255)]
    pub name: String,
    /// Internal name, used in addresses.
    #[field(kind = "slug", unique, filter, max = 50)]
    pub slug: String,
    /// A source that is switched off lets nobody in.
    #[field(default = true, filter)]
    pub enabled: bool,
    /// Shown as a full button on the sign-in page.
    #[field(default = false)]
    pub promoted: bool,
    /// Flow for people who have an account.
    #[field(refers = "authentik_flows.flow", filter)]
    pub authentication_flow: Option<Uuid>,
    /// Flow for people who have none yet.
    #[field(refers = "authentik_flows.flow", filter)]
    pub enrollment_flow: Option<Uuid>,
    #[field(refers = "authentik_core.propertymapping", default_fn = empty)]
    #[serde(default)]
    pub user_property_mappings: Vec<Uuid>,
    #[field(refers = "authentik_core.propertymapping", default_fn = empty)]
    #[serde(default)]
    pub group_property_mappings: Vec<Uuid>,
    #[field(choice, default = "any", filter)]
    pub policy_engine_mode: EngineMode,
    /// Whose account somebody's is who has not come by this source before. Links by e-mail need an address that is proven
    /// there and here; administrators are never linked by a match.
    #[field(choice, default = "identifier", filter)]
    pub user_matching_mode: UserMatchingMode,
    /// Which group a group of the source is.
    #[field(choice, default = "identifier", filter)]
    pub group_matching_mode: GroupMatchingMode,
    /// Path of new accounts; `%(slug)s` is the source's slug.
    #[field(default = "goauthentik.io/sources/%(slug)s", blank)]
    pub user_path_template: String,
    /// Picture: an address, or a file of this server.
    #[field(default = "", blank)]
    pub icon: String,
    #[field(choice, filter)]
    pub provider_type: ProviderType,
    /// OAuth 1 only.
    #[field(filter, max = 255, gives = "everything")]
    pub request_token_url: Option<String>,
    /// Where people are sent. Empty: as the server publishes it.
    #[field(filter, max = 255, gives = "everything")]
    pub authorization_url: Option<String>,
    /// Where codes are exchanged. Empty: as the server publishes it.
    #[field(filter, max = 255, gives = "everything")]
    pub access_token_url: Option<String>,
    /// Where the person's data are read. Empty: as the server publishes it, else the ID token.
    #[field(filter, max = 255, gives = "everything")]
    pub profile_url: Option<String>,
    #[field(choice, default = "S256")]
    pub pkce: Pkce,
    /// The client's id at the server.
    #[field(max = 8192)]
    pub consumer_key: String,
    /// The client's secret at the server.
    #[field(write_only)]
    #[serde(default, skip_serializing)]
    pub consumer_secret: Secret,
    /// Scopes beside `openid email profile`, separated by spaces. Begins with `*`: instead of them.
    #[field(default = "", blank, filter)]
    pub additional_scopes: String,
    /// Where the server publishes its settings (OpenID Connect Discovery 1.0).
    #[field(default = "", blank, gives = "everything")]
    pub oidc_well_known_url: String,
    /// Where the server publishes its keys. Empty: as its settings say.
    #[field(default = "", blank, gives = "everything")]
    pub oidc_jwks_url: String,
    /// The server's keys, where it does not publish them.
    #[field(kind = "json", default_fn = |_| json!({}))]
    #[serde(default)]
    pub oidc_jwks: Json,
    #[field(choice, default = "basic_auth")]
    pub authorization_code_auth_method: ClientAuthentication,
}

/// Addresses that the secret, or what stands for it, is sent to.
const ADDRESSES: [&str; 6] = [
    "request_token_url",
    "authorization_url",
    "access_token_url",
    "profile_url",
    "oidc_well_known_url",
    "oidc_jwks_url",
];

fn check(change: &mut Change<'_>, config: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    for field in ADDRESSES {
        let text = change.text(field);
        if !text.is_empty() && !is_address(text) {
            errors.add(field, "Enter an address that begins with https:// or http://.");
        }
    }
    if change.text("provider_type") != ProviderType::OpenIdConnect.as_str() {
        errors.add("provider_type", "Only openidconnect is available.");
    }
    let typed = |field: &str| !change.text(field).is_empty();
    if !typed("oidc_well_known_url") {
        for field in ["authorization_url", "access_token_url", "profile_url"] {
            if !typed(field) {
                errors.add(
                    field,
                    "Enter the address, or that of the server's published settings (oidc_well_known_url).",
                );
            }
        }
    }
    if change.secret("consumer_secret").is_none_or(Secret::is_empty) && change.before.is_none() {
        errors.add("consumer_secret", "This field is required.");
    }
    // A secret that was entered for one server is not sent to another one.
    let moved = change.before.is_some_and(|before| {
        ADDRESSES.iter().any(|field| {
            host(before.text(field)) != host(change.text(field)) && !change.text(field).is_empty()
        })
    });
    if moved && !change.sent.contains(&"consumer_secret") {
        errors.add("consumer_secret", "The server has changed: enter the secret again.");
    }
    if !change.data.get("oidc_jwks").is_some_and(Json::is_object) {
        errors.add("oidc_jwks", "Enter a set of keys: {\"keys\": [...]}.");
    }
    for field in ["user_property_mappings", "group_property_mappings"] {
        let is_mapping = |value: &Json| {
            let pk = value.as_str().and_then(|text| Uuid::parse_str(text).ok());
            pk.and_then(|pk| config.get(pk)).is_some_and(|o| o.get::<OAuthSourcePropertyMapping>().is_some())
        };
        if change.data.get(field).and_then(Json::as_array).is_some_and(|all| !all.iter().all(is_mapping)) {
            errors.add(field, "Select property mappings of OAuth sources only.");
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !text.contains(['@', '#', '\\'])
}
/// Scheme, host and port of an address.
pub(super) fn host(address: &str) -> &str {
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find(['/', '?']).map_or(address.len(), |at| start + at);
    &address[..end]
}

fn present(source: &Object, _: &Snapshot, out: &mut Map) {
    out.insert("callback_url".into(), json!(callback_path(source.text("slug"))));
    out.insert("type".into(), types::source_type(source.text("provider_type")).unwrap_or_default());
}

/// Makes fields of an account, or of a group, from what an OAuth source says.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_sources_oauth", path = "propertymappings/source/oauth", base = PropertyMapping, label = "OAuth Source Property Mapping", component = "ak-property-mapping-source-oauth-form", search("name"), ordering = "name", check = check_mapping, prepare = prepare_mapping)]
pub struct OAuthSourcePropertyMapping {
    /// Objects that came with the server carry a key here.
    #[field(unique, filter)]
    pub managed: Option<String>,
    #[field(unique, filter)]
    pub name: String,
    /// Returns a dictionary. `info` is what the server says of the person, `group_id` the group.
    #[field(kind = "expression")]
    pub expression: String,
}
fn check_mapping(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    expression::check(change, "expression")
}
fn prepare_mapping(mapping: &OAuthSourcePropertyMapping) -> Result<Prepared, String> {
    let program = expression::parse_with(&mapping.expression, expression::SOURCE_INPUTS);
    program.map(|program| Arc::new(program) as Prepared).map_err(|why| format!("{}: {why}", mapping.name))
}

/// The redirect URI that is registered at the other server.
pub(crate) fn callback_path(slug: &str) -> String {
    format!("/source/oauth/callback/{slug}/")
}
