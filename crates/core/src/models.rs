//! Configuration models that the engines themselves read. Families declare theirs beside their code.
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Secret, Timestamp, Uuid, json};
use signet_jose::{Certificate, SigningKey};
use signet_model::{Change, Choice, FieldDef, Kind, Model, ModelDef, Object, Snapshot};
use std::sync::Arc;

/// Every model declared here.
pub const ALL: &[&ModelDef] = &[Flow::DEF, FlowStageBinding::DEF, PolicyBinding::DEF, Application::DEF, Brand::DEF, CertificateKeyPair::DEF];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Designation {
    Authentication,
    Authorization,
    Invalidation,
    Enrollment,
    Unenrollment,
    Recovery,
    StageConfiguration,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum EngineMode {
    All,
    Any,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum DeniedAction {
    MessageContinue,
    Message,
    Continue,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Layout {
    Stacked,
    ContentLeft,
    ContentRight,
    SidebarLeft,
    SidebarRight,
    SidebarLeftFrameBackground,
    SidebarRightFrameBackground,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Requirement {
    None,
    RequireAuthenticated,
    RequireUnauthenticated,
    RequireSuperuser,
    RequireRedirect,
    RequireOutpost,
    RequireToken,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum InvalidResponseAction {
    Retry,
    Restart,
    RestartWithContext,
}

const FLOW_EXTRA: &[FieldDef] = &[
    FieldDef::shown("policybindingmodel_ptr_id", Kind::Uuid),
    FieldDef::shown("background_url", Kind::Text),
    FieldDef::shown("background_themed_urls", Kind::Json).nullable(),
    FieldDef::shown("stages", Kind::List(&Kind::Uuid)),
    FieldDef::shown("policies", Kind::List(&Kind::Uuid)),
    FieldDef::shown("cache_count", Kind::Int),
    FieldDef::shown("export_url", Kind::Text),
];

/// A sequence of stages that a person goes through.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_flows", path = "flows/instances", key = "slug", label = "Flow", search("name", "slug", "designation", "title"), ordering = "slug", bindable, present = present_flow, extra = FLOW_EXTRA)]
pub struct Flow {
    #[field(filter)]
    pub name: String,
    /// Visible in the URL.
    #[field(kind = "slug", unique, filter, max = 50)]
    pub slug: String,
    /// Shown as the title in flow pages.
    pub title: String,
    /// Decides what this flow is used for.
    #[field(choice, filter)]
    pub designation: Designation,
    /// Background shown during execution.
    #[field(default = "", blank)]
    pub background: String,
    #[field(choice, default = "any")]
    pub policy_engine_mode: EngineMode,
    /// Enable compatibility mode, which increases compatibility with password managers on mobile devices.
    #[field(default = false)]
    pub compatibility_mode: bool,
    #[field(choice, default = "stacked")]
    pub layout: Layout,
    /// What is done when access is denied.
    #[field(choice, default = "message_continue", filter)]
    pub denied_action: DeniedAction,
    /// Who may run the flow.
    #[field(choice, default = "none", filter)]
    pub authentication: Requirement,
}

/// Background used when a flow (or brand) names none.
pub const DEFAULT_BACKGROUND: &str = "/static/dist/assets/images/flow_background.jpg";

/// The members of a flow as they appear inside other objects (`flow_set`).
pub fn flow_summary(flow: &Object) -> Map {
    let mut out = Map::new();
    out.insert("pk".into(), json!(flow.pk));
    out.insert("policybindingmodel_ptr_id".into(), json!(flow.pbm()));
    for field in ["name", "slug", "title", "designation", "policy_engine_mode", "compatibility_mode", "layout", "denied_action"] {
        out.insert(field.into(), flow.data.get(field).cloned().unwrap_or_default());
    }
    out.insert("background_url".into(), json!(background_url(flow.text("background"))));
    out.insert("export_url".into(), json!(format!("/api/v3/flows/instances/{}/export/", flow.text("slug"))));
    out
}
pub fn background_url(background: &str) -> &str {
    if background.is_empty() { DEFAULT_BACKGROUND } else { background }
}
fn present_flow(flow: &Object, world: &Snapshot, out: &mut Map) {
    for (name, value) in flow_summary(flow) {
        out.insert(name, value);
    }
    out.insert("background_themed_urls".into(), Json::Null);
    out.insert("cache_count".into(), json!(0));
    let stages: Vec<Json> = flow_bindings(world, flow.pk).into_iter().filter_map(|b| b.data.get("stage").cloned()).collect();
    out.insert("stages".into(), Json::Array(stages));
    let policies: Vec<Json> = flow.pbm().map(|p| world.bindings_of(p)).unwrap_or_default().iter().filter_map(|b| b.data.get("policy").filter(|v| !v.is_null()).cloned()).collect();
    out.insert("policies".into(), Json::Array(policies));
}
/// Stage bindings of a flow by order.
pub fn flow_bindings(world: &Snapshot, flow: Uuid) -> Vec<&Arc<Object>> {
    let mut all: Vec<_> = world.all::<FlowStageBinding>().filter(|(_, b)| b.target == flow).collect();
    all.sort_by_key(|(o, b)| (b.order, o.pk));
    all.into_iter().map(|(o, _)| o).collect()
}

const BINDING_EXTRA: &[FieldDef] = &[FieldDef::shown("policybindingmodel_ptr_id", Kind::Uuid), FieldDef::shown("stage_obj", Kind::Object)];

/// Puts a stage at a place in a flow.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_flows", path = "flows/bindings", label = "Flow Stage Binding", search("stage__name"), ordering = "order", bindable, unique_together("target", "stage", "order"), present = present_binding, extra = BINDING_EXTRA)]
pub struct FlowStageBinding {
    #[field(refers = "authentik_flows.flow", filter)]
    pub target: Uuid,
    #[field(refers = "authentik_flows.stage", filter)]
    pub stage: Uuid,
    /// Evaluate policies during the flow planning process.
    #[field(default = false, filter)]
    pub evaluate_on_plan: bool,
    /// Evaluate policies when the stage is presented to the user.
    #[field(default = true, filter)]
    pub re_evaluate_policies: bool,
    #[field(filter)]
    pub order: i64,
    #[field(choice, default = "any", filter)]
    pub policy_engine_mode: EngineMode,
    /// What follows an invalid answer to the stage.
    #[field(choice, default = "retry", filter)]
    pub invalid_response_action: InvalidResponseAction,
}
fn present_binding(binding: &Object, world: &Snapshot, out: &mut Map) {
    out.insert("policybindingmodel_ptr_id".into(), json!(binding.pbm()));
    let stage = Uuid::parse_str(binding.text("stage")).ok().and_then(|pk| world.get(pk));
    out.insert("stage_obj".into(), stage.map_or(Json::Null, |s| Json::Object(crate::wire::family_view(s, world))));
}

const POLICY_BINDING_EXTRA: &[FieldDef] = &[
    FieldDef::shown("policy_obj", Kind::Object).nullable(),
    FieldDef::shown("group_obj", Kind::Object).nullable(),
    FieldDef::shown("user_obj", Kind::Object).nullable(),
    FieldDef::shown("expires", Kind::Time).nullable(),
    FieldDef::shown("expiring", Kind::Bool),
];

/// Guards a target with a policy, or with membership of a group, or with being one user.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_policies", path = "policies/bindings", label = "Policy Binding", search("policy__name"), ordering = "order", unique_together("policy", "target", "order"), check = check_policy_binding, present = present_policy_binding, extra = POLICY_BINDING_EXTRA)]
pub struct PolicyBinding {
    #[field(refers = "authentik_policies.policy", on_delete = "cascade", filter)]
    pub policy: Option<Uuid>,
    #[field(refers = "authentik_core.group", on_delete = "cascade", filter)]
    pub group: Option<Uuid>,
    #[field(refers = "authentik_core.user", on_delete = "cascade", filter)]
    pub user: Option<i64>,
    #[field(refers = "bindable", filter)]
    pub target: Uuid,
    /// Negates the outcome of the policy. Messages are unaffected.
    #[field(default = false)]
    pub negate: bool,
    #[field(default = true, filter)]
    pub enabled: bool,
    #[field(filter)]
    pub order: i64,
    /// Timeout after which policy execution is ended, in seconds.
    #[field(default = 30, min = 0, filter)]
    pub timeout: i64,
    /// Result if the policy execution fails.
    #[field(default = false)]
    pub failure_result: bool,
    /// When the binding ends by itself.
    #[field(hidden)]
    #[serde(default)]
    pub expires: Option<Timestamp>,
}
fn check_policy_binding(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let set = ["policy", "group", "user"].iter().filter(|f| change.data.get(**f).is_some_and(|v| !v.is_null())).count();
    match set {
        1 => Ok(()),
        0 => Err(FieldErrors::one("non_field_errors", "One of 'policy', 'group' or 'user' must be set.")),
        _ => Err(FieldErrors::one("non_field_errors", "Only one of 'policy', 'group' or 'user' can be set.")),
    }
}
fn present_policy_binding(binding: &Object, world: &Snapshot, out: &mut Map) {
    let policy = Uuid::parse_str(binding.text("policy")).ok().and_then(|pk| world.get(pk));
    out.insert("policy_obj".into(), policy.map_or(Json::Null, |p| Json::Object(crate::wire::present(p, world))));
    // Rows are not in the snapshot: the API fills these two in.
    out.insert("group_obj".into(), Json::Null);
    out.insert("user_obj".into(), Json::Null);
    let expires = binding.data.get("expires").cloned().unwrap_or_default();
    out.insert("expiring".into(), json!(!expires.is_null()));
    out.insert("expires".into(), expires);
}

const APPLICATION_EXTRA: &[FieldDef] = &[
    FieldDef::shown("pbm_uuid", Kind::Uuid),
    FieldDef::shown("provider_obj", Kind::Object).nullable(),
    FieldDef::shown("backchannel_providers_obj", Kind::List(&Kind::Object)),
    FieldDef::shown("launch_url", Kind::Text).nullable(),
    FieldDef::shown("meta_icon_url", Kind::Text).nullable(),
    FieldDef::shown("meta_icon_themed_urls", Kind::Json).nullable(),
];

/// What people open and what policies guard.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_core", path = "core/applications", key = "slug", label = "Application", search("name", "slug", "meta_launch_url", "meta_description", "meta_publisher", "group"), ordering = "name", bindable, check = check_application, present = present_application, extra = APPLICATION_EXTRA)]
pub struct Application {
    /// Name shown to people.
    #[field(filter)]
    pub name: String,
    /// Internal name, used in URLs.
    #[field(kind = "slug", unique, filter, max = 50)]
    pub slug: String,
    #[field(refers = "authentik_core.provider", unique)]
    pub provider: Option<i64>,
    #[field(refers = "authentik_core.provider", default_fn = |_| json!([]))]
    #[serde(default)]
    pub backchannel_providers: Vec<i64>,
    /// Open the launch URL in a new tab or window.
    #[field(default = false)]
    pub open_in_new_tab: bool,
    #[field(default = "", blank, filter)]
    pub meta_launch_url: String,
    #[field(default = "", blank)]
    pub meta_icon: String,
    #[field(default = "", blank, filter)]
    pub meta_description: String,
    #[field(default = "", blank, filter)]
    pub meta_publisher: String,
    #[field(choice, default = "any")]
    pub policy_engine_mode: EngineMode,
    /// Heading in the library.
    #[field(default = "", blank, filter)]
    pub group: String,
    /// Not shown in the library.
    #[field(default = false, filter)]
    pub meta_hide: bool,
}
const RESERVED_SLUGS: [&str; 6] = ["authorize", "token", "device", "userinfo", "introspect", "revoke"];
fn check_application(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    if RESERVED_SLUGS.contains(&change.text("slug")) {
        return Err(FieldErrors::one("slug", "The slug is reserved and cannot be used for applications."));
    }
    let url = change.text("meta_launch_url");
    let scheme: String = url.trim_start_matches(|c: char| c.is_whitespace() || c.is_control()).chars().take_while(|c| *c != ':').collect::<String>().to_ascii_lowercase();
    if ["javascript", "data", "vbscript"].contains(&scheme.as_str()) {
        return Err(FieldErrors::one("meta_launch_url", "Use an http or https address."));
    }
    Ok(())
}
fn present_application(app: &Object, world: &Snapshot, out: &mut Map) {
    let view = |n: &Json| n.as_i64().and_then(|n| world.by_num(n)).map(|p| Json::Object(crate::wire::family_view(p, world)));
    out.insert("pbm_uuid".into(), json!(app.pbm()));
    out.insert("provider_obj".into(), app.data.get("provider").and_then(view).unwrap_or_default());
    let back = app.data.get("backchannel_providers").and_then(Json::as_array).map(|l| l.iter().filter_map(view).collect()).unwrap_or_default();
    out.insert("backchannel_providers_obj".into(), Json::Array(back));
    out.insert("launch_url".into(), Json::Null);
    let icon = app.text("meta_icon");
    out.insert("meta_icon_url".into(), if icon.is_empty() { Json::Null } else { json!(icon) });
    out.insert("meta_icon_themed_urls".into(), Json::Null);
}

/// Look and flows of one host name.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_brands", path = "core/brands", key = "brand_uuid", label = "Brand", search("domain", "branding_title", "web_certificate__name"), ordering = "domain", check = check_brand)]
pub struct Brand {
    /// Domain that activates this brand. Can be a superset: `a.b` also covers `aa.b` ending in it.
    #[field(unique, filter)]
    pub domain: String,
    #[field(default = false, filter)]
    pub default: bool,
    #[field(default = "authentik", filter)]
    pub branding_title: String,
    #[field(default = "/static/dist/assets/icons/icon_left_brand.svg", filter)]
    pub branding_logo: String,
    #[field(default = "/static/dist/assets/icons/icon.png", filter)]
    pub branding_favicon: String,
    #[field(default = "", blank)]
    pub branding_custom_css: String,
    #[field(default = DEFAULT_BACKGROUND, blank, filter)]
    pub branding_default_flow_background: String,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_authentication: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_invalidation: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_recovery: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_unenrollment: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_user_settings: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_device_code: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_lockdown: Option<Uuid>,
    /// Application that people without rights on the admin interface are sent to.
    #[field(refers = "authentik_core.application")]
    pub default_application: Option<Uuid>,
    /// Certificate of the HTTPS listener for this host.
    #[field(refers = "authentik_crypto.certificatekeypair", filter)]
    pub web_certificate: Option<Uuid>,
    #[field(refers = "authentik_crypto.certificatekeypair", default_fn = |_| json!([]), filter)]
    #[serde(default)]
    pub client_certificates: Vec<Uuid>,
    #[field(default_fn = |_| json!({}))]
    pub attributes: Map,
}
fn check_brand(change: &mut Change<'_>, world: &Snapshot) -> Result<(), FieldErrors> {
    let mine = change.before.map(|o| o.pk);
    if change.data.get("default").and_then(Json::as_bool) == Some(true) && world.all::<Brand>().any(|(o, b)| b.default && Some(o.pk) != mine) {
        return Err(FieldErrors::one("non_field_errors", "Only a single brand can be set as default."));
    }
    Ok(())
}

const CERTIFICATE_EXTRA: &[FieldDef] = &[
    FieldDef::shown("fingerprint_sha256", Kind::Text).nullable(),
    FieldDef::shown("fingerprint_sha1", Kind::Text).nullable(),
    FieldDef::shown("cert_expiry", Kind::Time).nullable(),
    FieldDef::shown("cert_subject", Kind::Text).nullable(),
    FieldDef::shown("private_key_available", Kind::Bool),
    FieldDef::shown("key_type", Kind::Choice(&["rsa", "ec", "dsa", "ed25519", "ed448"])).nullable(),
    FieldDef::shown("certificate_download_url", Kind::Text),
    FieldDef::shown("private_key_download_url", Kind::Text),
];

/// A certificate, with its private key where we have it.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_crypto", path = "crypto/certificatekeypairs", label = "Certificate-Key Pair", search("name"), ordering = "name", check = check_certificate, present = present_certificate, prepare = prepare_certificate, extra = CERTIFICATE_EXTRA)]
pub struct CertificateKeyPair {
    #[field(unique, filter)]
    pub name: String,
    /// PEM-encoded certificate.
    #[field(write_only)]
    pub certificate_data: String,
    /// PEM-encoded private key. With it the pair can sign.
    #[field(default = "", blank, write_only)]
    #[serde(default, skip_serializing)]
    pub key_data: Secret,
    #[field(read_only, filter)]
    pub managed: Option<String>,
}
fn check_certificate(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    let certificate = Certificate::from_pem(change.text("certificate_data"));
    if let Err(e) = &certificate {
        errors.add("certificate_data", format!("Unable to load certificate: {e}"));
    }
    if let Some(key) = change.secret("key_data").filter(|k| !k.is_empty()) {
        match (SigningKey::from_pem(key.reveal()), certificate) {
            (Err(e), _) => errors.add("key_data", format!("Unable to load private key: {e}")),
            (Ok(key), Ok(certificate)) if !certificate.matches(&key) => errors.add("key_data", "The private key does not belong to the certificate."),
            _ => {}
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// A certificate with its key parsed once.
pub struct PreparedCertificate {
    pub certificate: Certificate,
    pub key: Option<Arc<SigningKey>>,
}
fn prepare_certificate(pair: &CertificateKeyPair) -> Result<signet_model::def::Prepared, String> {
    let certificate = Certificate::from_pem(&pair.certificate_data).map_err(|e| e.to_string())?;
    let key = match pair.key_data.reveal() {
        "" => None,
        pem => Some(Arc::new(SigningKey::from_pem(pem).map_err(|e| e.to_string())?)),
    };
    Ok(Arc::new(PreparedCertificate { certificate, key }))
}
fn present_certificate(pair: &Object, _: &Snapshot, out: &mut Map) {
    let base = format!("/api/v3/crypto/certificatekeypairs/{}", pair.pk);
    let ready = pair.prepared::<PreparedCertificate>().ok();
    let of = |f: fn(&Certificate) -> Json| ready.map_or(Json::Null, |p| f(&p.certificate));
    out.insert("fingerprint_sha256".into(), of(|c| json!(c.fingerprint_sha256())));
    out.insert("fingerprint_sha1".into(), of(|c| json!(c.fingerprint_sha1())));
    out.insert("cert_expiry".into(), of(|c| json!(Timestamp::from_secs(c.expiry()))));
    out.insert("cert_subject".into(), of(|c| json!(c.subject())));
    out.insert("private_key_available".into(), json!(ready.is_some_and(|p| p.key.is_some())));
    out.insert("key_type".into(), of(|c| json!(c.key_type().map(|t| t.as_str()))));
    out.insert("certificate_download_url".into(), json!(format!("{base}/view_certificate/?download")));
    out.insert("private_key_download_url".into(), json!(format!("{base}/view_private_key/?download")));
}
