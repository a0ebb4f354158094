//! Addresses that are no model: what can be done, and what the system says about itself.
pub(crate) mod admin;
pub(crate) mod applications;
mod crypto;
mod flows;
mod policies;
mod settings;
mod site;

use crate::call::{ApiResult, Call, Reply};
use crate::objects::family;
use crate::openapi;
use crate::route::{Action, Output, Permission, run};
use http::Method;

pub(crate) fn register(rows: &mut Vec<Action>) {
    use Permission::{Anyone, SignedIn, Superuser};
    let mut add = |action: Action| rows.push(action);

    add(Action::get("", Anyone, "The API browser.", run!(browser)));
    add(Action::get("schema", Anyone, "This document; `?format=json` or `yaml`.", run!(openapi::schema)));
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
    add(Action::get("admin/system", Superuser, "How this server sees itself.", run!(admin::system))
        .output(Output::One("SystemInfo")));
    add(Action::post("admin/system", Superuser, "How this server sees itself.", run!(admin::system))
        .output(Output::One("SystemInfo")));
    add(Action::get("admin/settings", Superuser, "System settings.", run!(settings::read))
        .output(Output::Members("Settings", settings::FIELDS)));
    add(Action::new(
        Method::PUT,
        "admin/settings",
        Superuser,
        "Replaces the system settings.",
        run!(settings::update),
    )
    .input(settings::FIELDS)
    .output(Output::One("Settings")));
    add(Action::new(
        Method::PATCH,
        "admin/settings",
        Superuser,
        "Changes some of the system settings.",
        run!(settings::partial_update),
    )
    .input(settings::FIELDS)
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
        Superuser,
        "Makes a key and its self-signed certificate.",
        run!(crypto::generate),
    )
    .input(crypto::GENERATE)
    .output(Output::One("CertificateKeyPair")));
    add(Action::get(
        "crypto/certificatekeypairs/{kp_uuid}/view_certificate",
        Superuser,
        "The certificate; `?download` as a file.",
        run!(crypto::view_certificate),
    )
    .output(Output::Members("CertificateData", crypto::DATA)));
    add(Action::get(
        "crypto/certificatekeypairs/{kp_uuid}/view_private_key",
        Superuser,
        "The private key; `?download` as a file.",
        run!(crypto::view_private_key),
    )
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
        Superuser,
        "How many plans are kept.",
        run!(flows::cache_info),
    )
    .output(Output::Members("Cache", flows::CACHE)));
    add(Action::post(
        "flows/instances/cache_clear",
        Superuser,
        "Forgets the plans that are kept.",
        run!(flows::cache_clear),
    )
    .output(Output::Nothing));
    add(Action::get(
        "flows/instances/{slug}/diagram",
        Superuser,
        "The flow as a Mermaid diagram.",
        run!(flows::diagram),
    )
    .output(Output::Members("FlowDiagram", flows::DIAGRAM)));
    add(Action::get(
        "flows/instances/{slug}/execute",
        Superuser,
        "Where the flow can be tried out.",
        run!(flows::execute),
    )
    .output(Output::Members("Link", flows::LINK)));
    add(Action::get(
        "flows/instances/{slug}/export",
        Superuser,
        "The flow as a blueprint.",
        run!(flows::export),
    ));

    add(Action::get(
        "policies/all/cache_info",
        Superuser,
        "How many answers are kept.",
        run!(policies::cache_info),
    )
    .output(Output::One("Cache")));
    add(Action::post(
        "policies/all/cache_clear",
        Superuser,
        "Forgets the answers that are kept.",
        run!(policies::cache_clear),
    )
    .output(Output::Nothing));
    add(Action::get(
        "policies/geoip_iso3166",
        Superuser,
        "Countries and their codes.",
        run!(policies::iso3166),
    )
    .output(Output::Plain("DetailedCountry")));
    add(Action::post(
        "policies/explain",
        Superuser,
        "Why somebody may use an application or run a flow, or not.",
        run!(policies::explain),
    )
    .input(policies::EXPLAIN)
    .output(Output::Members("Explanation", policies::EXPLAINED)));
    add(Action::get(
        "policies/explain/{request_id}",
        Superuser,
        "What the policies said when this request was refused.",
        run!(policies::refused),
    )
    .output(Output::Members("Refusal", policies::REFUSED)));
    add(Action::post(
        "policies/all/{policy_uuid}/test",
        Superuser,
        "Asks the policy about somebody.",
        run!(policies::test),
    )
    .input(policies::TEST)
    .output(Output::Members("PolicyTestResult", policies::RESULT)));
}

async fn browser(_: &mut Call) -> ApiResult {
    Ok(Reply::Browser)
}
