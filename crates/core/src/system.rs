//! System settings (`/admin/settings/`) and settings from environment variables.
use crate::session::rules::Rules;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result, Secret, Span, Uuid, json};
use signet_model::{FieldDef, FieldKind, Model, ModelDef};
use std::net::IpAddr;

/// The settings that the engines need. The binary fills them from variables.
#[derive(Debug, Clone)]
pub struct Settings {
    pub secret_key: Secret,
    /// Empty: host-only cookies.
    pub cookie_domain: String,
    pub unauthenticated_age: Span,
    /// Rules for all sessions.
    pub sessions: Rules,
    pub debug: bool,
    /// The base URL from the variables; precedes the system setting.
    pub base_url: Option<crate::address::Origin>,
    /// Other origins whose pages may send state-changing requests.
    pub trusted_origins: Vec<crate::address::Origin>,
    /// `max-age` of Strict-Transport-Security, in seconds. Zero: not sent.
    pub hsts: i64,
    /// Networks whose forwarding headers are trusted, as `address/prefix`.
    pub trusted_proxies: Vec<(IpAddr, u8)>,
    /// Networks whose `X-Forwarded-Host` is trusted: only explicitly configured ones.
    pub trusted_host_proxies: Vec<(IpAddr, u8)>,
    pub cache_timeout: i64,
    pub cache_timeout_flows: i64,
    pub cache_timeout_policies: i64,
    pub error_reporting_enabled: bool,
    pub error_reporting_environment: String,
    pub error_reporting_send_pii: bool,
    /// First value of `AUTHENTIK_AVATARS`, if set; overrides the stored default.
    pub avatars: Option<String>,
    /// System settings that variables fix, by the names of their members: they go before what is stored.
    pub fixed: Map,
    /// Number of hashing and signing threads.
    pub threads: usize,
    /// Cost of new password hashes.
    pub hash: crate::hash::HashCost,
    /// Time after which a reputation score expires. Zero: never.
    pub reputation_expiry: Span,
    /// Location and AS databases in MaxMind DB format. Empty or missing: not used.
    pub geoip_city: String,
    pub geoip_asn: String,
    /// Sorted file of SHA-1 digests of breached passwords. Empty: not used.
    pub breached_passwords: String,
    /// Network access of expressions.
    pub expressions: crate::expression::Outside,
    /// Networks that the risk score treats as internal.
    pub internal_networks: Vec<(IpAddr, u8)>,
    /// The installation's mail server and template folder.
    pub mail: crate::mail::MailSettings,
    /// Rate limits of anonymous clients.
    pub limits: crate::budget::Limits,
    pub jobs: crate::job::JobSettings,
    pub blueprints: BlueprintSettings,
    /// Folder of certificates that other programs renew. It need not exist.
    pub certificates: std::path::PathBuf,
}

/// Where blueprints come from.
#[derive(Debug, Clone, Default)]
pub struct BlueprintSettings {
    /// The operator's files. It need not exist.
    pub folder: std::path::PathBuf,
    /// Registries (`host:port`) that are reached although they are in a private network; with `http://` before it
    /// without TLS.
    pub registries: Vec<String>,
}

/// Memory reserved for everything but password hashes.
const REST: u64 = 64 << 20;

impl Settings {
    /// Number of concurrent password hashes: one per thread, fewer if the memory (in bytes) does not suffice.
    pub fn hash_threads(&self, memory: Option<u64>) -> usize {
        let threads = self.threads.max(1);
        let room =
            memory.map(|bytes| bytes.saturating_sub(REST) / (u64::from(self.hash.memory_kib) * 1024).max(1));
        room.and_then(|n| usize::try_from(n).ok()).map_or(threads, |n| threads.min(n).max(1))
    }
    /// The defaults, without files and networks.
    pub fn new(secret_key: Secret) -> Self {
        Self {
            secret_key,
            cookie_domain: String::new(),
            unauthenticated_age: Span::DAY,
            sessions: Rules::default(),
            debug: false,
            base_url: None,
            trusted_origins: Vec::new(),
            hsts: 0,
            trusted_proxies: Vec::new(),
            trusted_host_proxies: Vec::new(),
            cache_timeout: 300,
            cache_timeout_flows: 300,
            cache_timeout_policies: 300,
            error_reporting_enabled: false,
            error_reporting_environment: "customer".into(),
            error_reporting_send_pii: false,
            avatars: None,
            fixed: Map::new(),
            threads: 1,
            hash: crate::hash::HashCost::default(),
            reputation_expiry: Span::DAY,
            geoip_city: String::new(),
            geoip_asn: String::new(),
            breached_passwords: String::new(),
            expressions: crate::expression::Outside::default(),
            internal_networks: Vec::new(),
            mail: crate::mail::MailSettings::default(),
            limits: crate::budget::Limits::default(),
            jobs: crate::job::JobSettings::default(),
            blueprints: BlueprintSettings::default(),
            certificates: std::path::PathBuf::new(),
        }
    }
}

/// Settings that can be changed at run time; stored in the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SystemSettings {
    pub avatars: String,
    pub base_url: String,
    pub default_user_change_name: bool,
    pub default_user_change_email: bool,
    pub default_user_change_username: bool,
    pub event_retention: String,
    pub reputation_lower_limit: i64,
    pub reputation_upper_limit: i64,
    pub footer_links: Json,
    pub gdpr_compliance: bool,
    pub impersonation: bool,
    pub impersonation_require_reason: bool,
    pub default_token_duration: String,
    pub default_token_length: i64,
    pub pagination_default_page_size: i64,
    pub pagination_max_page_size: i64,
    pub flags: Map,
}
impl Default for SystemSettings {
    fn default() -> Self {
        Self {
            avatars: "gravatar,initials".into(),
            base_url: String::new(),
            default_user_change_name: true,
            default_user_change_email: false,
            default_user_change_username: false,
            event_retention: "days=365".into(),
            reputation_lower_limit: -5,
            reputation_upper_limit: 5,
            footer_links: json!([]),
            gdpr_compliance: true,
            impersonation: true,
            impersonation_require_reason: true,
            default_token_duration: "days=1".into(),
            default_token_length: 60,
            pagination_default_page_size: 20,
            pagination_max_page_size: 100,
            flags: json!({"core_default_app_access": true, "enterprise_audit_include_expanded_diff": false, "flows_continuous_login": false, "flows_refresh_others": false})
                .as_object()
                .cloned()
                .unwrap_or_default(),
        }
    }
}
impl SystemSettings {
    /// The stored form.
    pub fn to_map(&self) -> Result<Map> {
        match serde_json::to_value(self)? {
            Json::Object(map) => Ok(map),
            _ => Err(Error::internal("settings are an object")),
        }
    }
    /// The settings as they hold: members of `fixed` in the place of the stored ones. A value of another type
    /// changes nothing.
    #[must_use]
    pub fn fixed_by(&self, fixed: &Map) -> Self {
        let with = |name: &String, value: &Json, own: &Self| {
            let mut all = serde_json::to_value(own).unwrap_or_default();
            all[name] = value.clone();
            serde_json::from_value(all).ok()
        };
        fixed.iter().fold(self.clone(), |own, (name, value)| with(name, value, &own).unwrap_or(own))
    }
}

/// Whether footer links are a list of objects with a name and a web address: they are shown on every page.
pub fn are_footer_links(links: &Json) -> bool {
    let fine = |href: &str| {
        href.is_empty()
            || ["/", "https://", "http://", "mailto:"].iter().any(|beginning| href.starts_with(beginning))
    };
    match links {
        Json::Null => true,
        Json::Array(list) => list.iter().all(|link| {
            link.get("name").is_some_and(Json::is_string)
                && link.get("href").is_none_or(|h| h.is_null() || h.as_str().is_some_and(fine))
        }),
        _ => false,
    }
}

const fn at_least(field: FieldDef, min: i64) -> FieldDef {
    FieldDef { min: Some(min), ..field }
}
const fn blank(field: FieldDef) -> FieldDef {
    FieldDef { blank: true, ..field }
}

impl SystemSettings {
    /// The one object of this model. Until it is written the defaults hold.
    pub const PK: Uuid = Uuid::from_u128(0x7379_7374_656d_4000_8000_7365_7474_696e);

    /// Every field, as the API takes it.
    pub const FIELDS: &'static [FieldDef] = &[
        FieldDef::plain("avatars", FieldKind::Text),
        blank(FieldDef::plain("base_url", FieldKind::Text).max(200)),
        FieldDef::plain("default_user_change_name", FieldKind::Bool),
        FieldDef::plain("default_user_change_email", FieldKind::Bool),
        FieldDef::plain("default_user_change_username", FieldKind::Bool),
        FieldDef::plain("event_retention", FieldKind::Duration),
        FieldDef::plain("reputation_lower_limit", FieldKind::Int).max(0),
        at_least(FieldDef::plain("reputation_upper_limit", FieldKind::Int), 0),
        FieldDef::plain("footer_links", FieldKind::Json).nullable(),
        FieldDef::plain("gdpr_compliance", FieldKind::Bool),
        FieldDef::plain("impersonation", FieldKind::Bool),
        FieldDef::plain("impersonation_require_reason", FieldKind::Bool),
        FieldDef::plain("default_token_duration", FieldKind::Duration),
        at_least(FieldDef::plain("default_token_length", FieldKind::Int).max(1024), 1),
        at_least(FieldDef::plain("pagination_default_page_size", FieldKind::Int).max(10_000), 1),
        at_least(FieldDef::plain("pagination_max_page_size", FieldKind::Int).max(10_000), 1),
        FieldDef::plain("flags", FieldKind::Object).required(),
    ];
}

impl Model for SystemSettings {
    const DEF: &'static ModelDef = &ModelDef {
        app: "authentik_tenants",
        name: "tenant",
        class: "Tenant",
        // Shown and written at `/admin/settings/`.
        path: "",
        key: "pk",
        base: None,
        label: "System settings",
        plural: "System settings",
        doc: "Settings of the whole installation.",
        component: "",
        search: &[],
        ordering: "pk",
        bindable: false,
        bound_by_pk: false,
        numbered: false,
        rows: false,
        unique_together: &[],
        fields: Self::FIELDS,
        extra: &[],
        check: None,
        present: None,
        prepare: None,
        build: signet_model::build::<Self>,
    };
}
/// The API version, as clients read it from `/admin/version/`.
pub const API_VERSION: &str = "2026.8.5";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guide_g08_what_a_variable_fixes_goes_before_what_is_stored() {
        let stored = SystemSettings { event_retention: "days=7".into(), ..SystemSettings::default() };
        let fixed =
            json!({"default_user_change_email": true, "event_retention": "days=90", "impersonation": 3});
        let holds = stored.fixed_by(fixed.as_object().unwrap());
        assert!(holds.default_user_change_email && holds.default_user_change_name && holds.impersonation);
        assert_eq!(holds.event_retention, "days=90");
        assert_eq!(stored.fixed_by(&Map::new()), stored);
    }
    #[test]
    fn footer_links_are_web_addresses() {
        assert!(are_footer_links(&json!([{"name": "a", "href": "https://a.test"}, {"name": "b"}])));
        assert!(are_footer_links(&Json::Null));
        for bad in [json!([{"name": "a", "href": "javascript:alert(1)"}]), json!({}), json!([1]), json!("x")]
        {
            assert!(!are_footer_links(&bad), "{bad}");
        }
    }
    #[test]
    fn scale_b8_fewer_hashes_run_at_once_where_the_memory_is_small() {
        let settings = Settings { threads: 4, ..Settings::new("key".into()) };
        let at_once = |mib: u64| settings.hash_threads(Some(mib << 20));
        assert_eq!([at_once(64), at_once(128), at_once(200), at_once(320), at_once(4096)], [1, 1, 2, 4, 4]);
        assert_eq!(settings.hash_threads(None), 4);
        let small = Settings { hash: crate::hash::HashCost::LEAST, ..settings };
        assert_eq!(small.hash_threads(Some(128 << 20)), 3);
    }
}
