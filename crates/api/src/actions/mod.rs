//! Actions without a model, and information about the system.
pub(crate) mod admin;
pub(crate) mod applications;
mod crypto;
pub(crate) mod files;
mod flows;
mod policies;
mod settings;
mod site;

use crate::objects::family;
use crate::openapi;
use http::Method;
use signet_core::system::SystemSettings;
use signet_model::{Base, Verb};
use signet_rest::{Action, Output, Permission, run};
use signet_rest::{ApiResult, Call, Reply};

const CERTIFICATE: &str = "authentik_crypto.certificatekeypair";
const FLOW: &str = "authentik_flows.flow";
/// Explanations depend on all policies and on the account.
const EXPLAIN: &[&str] = &["authentik_policies.view_policy", "authentik_core.view_user"];
const REFUSALS: &[&str] = &["authentik_policies.view_policy", "authentik_events.view_event"];

pub(crate) fn register(rows: &mut Vec<Action>) {
    use Permission::{Anyone, Model, Named, SignedIn};
    let mut add = |action: Action| rows.push(action);

    add(Action::get("", Anyone, "The API browser.", run!(browser)));
    add(Action::get("schema", Anyone, "Returns this document, as YAML or JSON.", openapi::schema()));
    add(Action::get(
        "root/config",
        Anyone,
        "What clients should know about this server.",
        run!(site::config),
    )
    .output(Output::One("Config")));
    add(Action::get("core/brands/current", Anyone, "The brand of this host.", run!(site::brand))
        .output(Output::One("CurrentBrand")));

    add(Action::get("admin/version", SignedIn, "The version of the API.", run!(admin::version))
        .output(Output::Members("Version", admin::VERSION)));
    add(Action::get("admin/version/history", SignedIn, "Versions that ran here.", run!(admin::history))
        .output(Output::Plain("VersionHistory")));
    add(Action::get("admin/apps", SignedIn, "Groups of models.", run!(admin::apps))
        .output(Output::Plain("App")));
    add(Action::get("admin/models", SignedIn, "All models.", run!(admin::models))
        .output(Output::Plain("App")));
    add(Action::get(
        "admin/system",
        Named(&["authentik_rbac.view_system_info"]),
        "How this server sees itself.",
        run!(admin::system),
    )
    .output(Output::One("SystemInfo")));
    add(Action::post(
        "admin/system",
        Named(&["authentik_rbac.view_system_info"]),
        "How this server sees itself.",
        run!(admin::system),
    )
    .output(Output::One("SystemInfo")));
    add(Action::get(
        "admin/settings",
        Named(&["authentik_rbac.view_system_settings"]),
        "System settings.",
        run!(settings::read),
    )
    .output(Output::Members("Settings", SystemSettings::FIELDS)));
    add(Action::new(
        Method::PUT,
        "admin/settings",
        Named(&["authentik_rbac.edit_system_settings"]),
        "Replaces the system settings.",
        run!(settings::update),
    )
    .input(SystemSettings::FIELDS)
    .output(Output::One("Settings")));
    add(Action::new(
        Method::PATCH,
        "admin/settings",
        Named(&["authentik_rbac.edit_system_settings"]),
        "Changes some of the system settings.",
        run!(settings::partial_update),
    )
    .input(SystemSettings::FIELDS)
    .output(Output::One("Settings")));

    add(Action::get(
        "core/applications/{slug}/check_access",
        SignedIn,
        "Whether somebody may use the application.",
        run!(applications::check_access),
    )
    .output(Output::One("PolicyTestResult")));

    add(Action::post(
        "crypto/certificatekeypairs/generate",
        Model(Verb::Add),
        "Makes a key and its self-signed certificate.",
        run!(crypto::generate),
    )
    .about(CERTIFICATE)
    .input(crypto::GENERATE)
    .output(Output::One("CertificateKeyPair")));
    add(Action::get(
        "crypto/certificatekeypairs/{kp_uuid}/view_certificate",
        Named(&["authentik_crypto.view_certificatekeypair_certificate"]),
        "Returns the certificate, with download as a file.",
        run!(crypto::view_certificate),
    )
    .about(CERTIFICATE)
    .output(Output::Members("CertificateData", crypto::DATA)));
    add(Action::get(
        "crypto/certificatekeypairs/{kp_uuid}/view_private_key",
        Named(&["authentik_crypto.view_certificatekeypair_key"]),
        "Returns the private key, with download as a file.",
        run!(crypto::view_private_key),
    )
    .about(CERTIFICATE)
    .output(Output::One("CertificateData")));

    add(Action::get(
        "stages/all/user_settings",
        SignedIn,
        "Stages by which people set themselves up.",
        run!(family::user_settings),
    )
    .output(Output::Plain("UserSetting")));
    add(Action::get(
        "flows/instances/cache_info",
        Named(&["authentik_flows.view_flow_cache"]),
        "How many plans are kept.",
        run!(flows::cache_info),
    )
    .output(Output::Members("Cache", flows::CACHE)));
    add(Action::post(
        "flows/instances/cache_clear",
        Named(&["authentik_flows.clear_flow_cache"]),
        "Forgets the plans that are kept.",
        run!(flows::cache_clear),
    )
    .output(Output::Nothing));
    add(Action::get(
        "flows/instances/{slug}/diagram",
        Model(Verb::View),
        "The flow as a Mermaid diagram.",
        run!(flows::diagram),
    )
    .about(FLOW)
    .output(Output::Members("FlowDiagram", flows::DIAGRAM)));
    add(Action::get(
        "flows/instances/{slug}/execute",
        Model(Verb::View),
        "Where the flow can be tried out.",
        run!(flows::execute),
    )
    .about(FLOW)
    .output(Output::Members("Link", flows::LINK)));
    add(Action::get(
        "policies/all/cache_info",
        Named(&["authentik_policies.view_policy_cache"]),
        "How many answers are kept.",
        run!(policies::cache_info),
    )
    .output(Output::One("Cache")));
    add(Action::post(
        "policies/all/cache_clear",
        Named(&["authentik_policies.clear_policy_cache"]),
        "Forgets the answers that are kept.",
        run!(policies::cache_clear),
    )
    .output(Output::Nothing));
    add(Action::post(
        "policies/explain",
        Named(EXPLAIN),
        "Why somebody may use an application or run a flow, or not.",
        run!(policies::explain),
    )
    .input(policies::EXPLAIN)
    .output(Output::Members("Explanation", policies::EXPLAINED)));
    add(Action::get(
        "policies/explain/{request_id}",
        Named(REFUSALS),
        "What the policies said when this request was refused.",
        run!(policies::refused),
    )
    .output(Output::Members("Refusal", policies::REFUSED)));
    add(Action::post(
        "policies/all/{policy_uuid}/test",
        Model(Verb::Change),
        "Asks the policy about somebody.",
        run!(policies::test),
    )
    .all(Base::Policy)
    .input(policies::TEST)
    .output(Output::Members("PolicyTestResult", policies::RESULT)));
}

async fn browser(_: &mut Call) -> ApiResult {
    Ok(Reply::Browser)
}
