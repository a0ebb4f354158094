//! Settings of OAuth2 providers and scope mappings, with their validation.
use super::back_channel_logout;
use super::redirect::{self, Matcher};
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Ports, Secret, Span, Uuid, json};
use signet_core::models::PreparedCertificate;
use signet_model::def::Prepared;
use signet_model::{Change, Choice, FieldDef, FieldKind, Model, Snapshot};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum ClientType {
    Confidential,
    Public,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum GrantType {
    AuthorizationCode,
    Implicit,
    Hybrid,
    RefreshToken,
    ClientCredentials,
    Password,
    #[choice("urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    #[choice("urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum SubMode {
    HashedUserId,
    UserId,
    UserUuid,
    UserUsername,
    UserEmail,
    UserUpn,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum IssuerMode {
    PerProvider,
    Global,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum LogoutMethod {
    Backchannel,
    Frontchannel,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum MatchingMode {
    Strict,
    Regex,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum UriType {
    Authorization,
    Logout,
}

/// One registered address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectUri {
    pub matching_mode: MatchingMode,
    pub url: String,
    #[serde(default = "authorization")]
    pub redirect_uri_type: UriType,
}
fn authorization() -> UriType {
    UriType::Authorization
}

const REDIRECT_URI: &[FieldDef] = &[
    FieldDef::plain("matching_mode", FieldKind::Choice(MatchingMode::VALUES)).required(),
    FieldDef::plain("url", FieldKind::Text).required().max(2048),
    FieldDef {
        default: Some(|_| json!("authorization")),
        ..FieldDef::plain("redirect_uri_type", FieldKind::Choice(UriType::VALUES))
    },
];

/// Default grants: those that send no token through the browser and take no password.
fn default_grants(_: &Ports) -> Json {
    json!([GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials])
}
/// Minimum length in bytes of an HS256 key (RFC 7518 §3.2).
const LEAST_KEY: usize = 32;
fn empty(_: &Ports) -> Json {
    json!([])
}

/// Lets an application sign people in by OAuth2 or OpenID Connect.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_providers_oauth2", path = "providers/oauth2", base = Provider, numbered, label = "OAuth2/OpenID Provider", component = "ak-provider-oauth2-form", search("name", "client_id"), ordering = "name", check = check_provider, prepare = prepare_provider)]
pub struct OAuth2Provider {
    #[field(unique, filter)]
    pub name: String,
    /// Flow for people who open the application without being signed in. None: the brand's.
    #[field(refers = "authentik_flows.flow", filter)]
    pub authentication_flow: Option<Uuid>,
    /// Flow that decides whether a signed-in person goes on to the application.
    #[field(refers = "authentik_flows.flow", filter)]
    pub authorization_flow: Uuid,
    /// Flow that runs when a person signs out of the application.
    #[field(refers = "authentik_flows.flow")]
    pub invalidation_flow: Uuid,
    /// Scopes that the application may ask for.
    #[field(refers = "authentik_core.propertymapping", default_fn = empty, filter)]
    #[serde(default)]
    pub property_mappings: Vec<Uuid>,
    /// Confidential clients keep a secret. Public ones (browser and mobile code) cannot.
    #[field(choice, default = "confidential", filter)]
    pub client_type: ClientType,
    /// Ways in which the client may ask for tokens.
    #[field(choice, default_fn = default_grants)]
    pub grant_types: Vec<GrantType>,
    #[field(unique, default_fn = |p: &Ports| json!(p.alphanumeric(40)), max = 255, filter)]
    pub client_id: String,
    #[field(default_fn = |p: &Ports| json!(p.alphanumeric(128)), blank, max = 255, shown)]
    #[serde(default, skip_serializing)]
    pub client_secret: Secret,
    /// How long an authorization code can be exchanged.
    #[field(default = "minutes=1", filter)]
    pub access_code_validity: Span,
    #[field(default = "hours=1", filter)]
    pub access_token_validity: Span,
    #[field(default = "days=30", filter)]
    pub refresh_token_validity: Span,
    /// A refresh token with more time left than this is kept when it is used. Zero: it is always replaced.
    #[field(default = "seconds=0")]
    pub refresh_token_threshold: Span,
    /// Puts the claims of scopes into the ID token, for applications that do not ask the userinfo endpoint.
    #[field(default = true, filter)]
    pub include_claims_in_id_token: bool,
    /// Key that signs tokens. None: they are signed with the client secret (HS256).
    #[field(refers = "authentik_crypto.certificatekeypair", filter)]
    pub signing_key: Option<Uuid>,
    #[field(refers = "authentik_crypto.certificatekeypair")]
    pub encryption_key: Option<Uuid>,
    /// Addresses that people may be sent back to.
    #[field(items = REDIRECT_URI)]
    pub redirect_uris: Vec<RedirectUri>,
    /// Address that is told when a session is over in which the application has signed somebody in.
    #[field(default = "", blank, max = 2048, gives = "everything")]
    pub logout_uri: String,
    #[field(choice, default = "backchannel")]
    pub logout_method: LogoutMethod,
    /// What names a person in tokens.
    #[field(choice, default = "hashed_user_id", filter)]
    pub sub_mode: SubMode,
    #[field(choice, default = "per_provider", filter)]
    pub issuer_mode: IssuerMode,
    #[field(refers = "authentik_core.source", default_fn = empty)]
    #[serde(default)]
    pub jwt_federation_sources: Vec<Uuid>,
    /// Clients whose introspection of this provider's tokens is answered.
    #[field(refers = "authentik_providers_oauth2.oauth2provider", default_fn = empty)]
    #[serde(default)]
    pub jwt_federation_providers: Vec<i64>,
}

impl OAuth2Provider {
    pub fn allows(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }
    pub fn is_public(&self) -> bool {
        self.client_type == ClientType::Public
    }
}

/// Most redirect addresses of a provider, and most patterns among them. Each pattern is compiled with each write and start.
const MOST_URIS: usize = 2000;
const MOST_PATTERNS: usize = 200;

fn check_provider(change: &mut Change<'_>, config: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    let uris: Vec<RedirectUri> = change
        .data
        .get("redirect_uris")
        .and_then(|v| serde_json::from_value(v.clone()).ok())
        .unwrap_or_default();
    let patterns = uris.iter().filter(|uri| uri.matching_mode == MatchingMode::Regex).count();
    if uris.len() > MOST_URIS || patterns > MOST_PATTERNS {
        let why = format!(
            "Use at most {MOST_URIS} addresses, and at most {MOST_PATTERNS} of them with the mode regex."
        );
        return Err(FieldErrors::one("redirect_uris", why));
    }
    for uri in &uris {
        if let Err(why) = redirect::acceptable(uri) {
            errors.add("redirect_uris", why);
        }
    }
    // HTTP Basic authentication ends the user-id at `:`; control characters are not allowed in any protocol
    // message.
    if change.text("client_id").chars().any(|c| c.is_control() || c.is_whitespace() || c == ':') {
        errors.add("client_id", "Use no spaces, colons or control characters.");
    }
    match Uuid::parse_str(change.text("signing_key")).ok().and_then(|pk| config.get(pk)) {
        Some(pair) if !pair.prepared::<PreparedCertificate>().is_ok_and(|p| p.key.is_some()) => {
            errors.add("signing_key", "The selected certificate has no usable private key.")
        }
        None if change.secret("client_secret").is_none_or(Secret::is_empty) => errors.add(
            "client_secret",
            "Without a signing key, tokens are signed with the client secret: it may not be blank.",
        ),
        // A short HS256 key can be guessed offline from an ID token. One that is already stored stays usable.
        None if change.secret("client_secret").is_some_and(|secret| secret.reveal().len() < LEAST_KEY) => {
            let kept = change
                .before
                .and_then(|o| o.secrets.get("client_secret"))
                .zip(change.secret("client_secret"))
                .is_some_and(|(old, new)| old.matches(new.reveal()));
            if kept {
                tracing::warn!(
                    provider = change.text("name"),
                    "tokens are signed with a client secret shorter than {LEAST_KEY} octets: choose a signing key, or a longer secret"
                );
            } else {
                errors.add("client_secret", format!("Without a signing key, tokens are signed with the client secret: use at least {LEAST_KEY} characters."));
            }
        }
        _ => {}
    }
    if !change.text("encryption_key").is_empty() {
        errors.add("encryption_key", "Encrypted tokens are not available.");
    }
    let logout_uri = change.text("logout_uri");
    if !logout_uri.is_empty() && !back_channel_logout::is_address(logout_uri) {
        errors.add("logout_uri", "Enter a whole address on the web, without a fragment.");
    }
    if !logout_uri.is_empty() && change.text("logout_method") == LogoutMethod::Frontchannel.as_str() {
        errors.add("logout_method", "Telling applications by the browser is not available. Use backchannel.");
    }
    for field in ["access_code_validity", "access_token_validity", "refresh_token_validity"] {
        if Span::parse(change.text(field)).is_ok_and(|span| span.micros() <= 0) {
            errors.add(field, "Use a time longer than zero.");
        }
    }
    let is_scope = |v: &Json| {
        v.as_str()
            .and_then(|s| Uuid::parse_str(s).ok())
            .and_then(|pk| config.get(pk))
            .is_some_and(|o| o.get::<ScopeMapping>().is_some())
    };
    if change.data.get("property_mappings").and_then(Json::as_array).is_some_and(|l| !l.iter().all(is_scope))
    {
        errors.add("property_mappings", "Select scope mappings only.");
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Matchers and scopes derived from the settings, for requests.
pub struct PreparedProvider {
    pub redirects: Matcher,
}
fn prepare_provider(provider: &OAuth2Provider) -> Result<Prepared, String> {
    Ok(Arc::new(PreparedProvider { redirects: Matcher::new(&provider.redirect_uris)? }))
}

/// Gives an application what it asked for by a scope.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_providers_oauth2", path = "propertymappings/provider/scope", base = PropertyMapping, label = "Scope Mapping", component = "ak-property-mapping-provider-scope-form", search("name", "scope_name"), ordering = "scope_name", check = check_scope, prepare = prepare_scope)]
pub struct ScopeMapping {
    /// Objects that came with the server carry a key here.
    #[field(unique, filter)]
    pub managed: Option<String>,
    #[field(unique, filter)]
    pub name: String,
    /// Returns a dictionary of claims.
    #[field(kind = "expression")]
    pub expression: String,
    /// The word that the application sends.
    #[field(filter)]
    pub scope_name: String,
    /// What the person is asked to agree to. Empty: they are not asked.
    #[field(default = "", blank)]
    pub description: String,
}
fn check_scope(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    if let Err(why) = signet_core::expression::check(change, "expression") {
        errors.merge(why);
    }
    if !super::scopes::is_scope_token(change.text("scope_name")) {
        errors.add(
            "scope_name",
            "Use printable ASCII characters, without spaces, quotes and backslashes (RFC 6749 §3.3).",
        );
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
fn prepare_scope(mapping: &ScopeMapping) -> Result<Prepared, String> {
    signet_core::expression::prepared::<ScopeMapping>(&mapping.expression)
}
