//! Models of authentik that do not exist here. Entries about them are skipped and reported, so that the rest
//! of a file works.
use signet_core::Core;

/// Apps without any model here, and single models of other apps.
const APPS: &[&str] = &[
    "authentik_audit",
    "authentik_endpoints",
    "authentik_endpoints_connectors_agent",
    "authentik_endpoints_connectors_fleet",
    "authentik_endpoints_connectors_google_chrome",
    "authentik_enterprise",
    "authentik_lifecycle",
    "authentik_outposts",
    "authentik_providers_google_workspace",
    "authentik_providers_ldap",
    "authentik_providers_microsoft_entra",
    "authentik_providers_proxy",
    "authentik_providers_rac",
    "authentik_providers_radius",
    "authentik_providers_saml",
    "authentik_providers_scim",
    "authentik_providers_ssf",
    "authentik_providers_ws_federation",
    "authentik_rbac",
    "authentik_reports",
    "authentik_requests",
    "authentik_sources_kerberos",
    "authentik_sources_ldap",
    "authentik_sources_oauth",
    "authentik_sources_plex",
    "authentik_sources_saml",
    "authentik_sources_scim",
    "authentik_sources_telegram",
    "authentik_stages_account_lockdown",
    "authentik_stages_authenticator_endpoint_gdtc",
    "authentik_stages_endpoints",
    "authentik_stages_mtls",
    "authentik_stages_source",
    "authentik_tasks",
    "authentik_tasks_schedules",
    "authentik_tenants",
];
const MODELS: &[&str] = &[
    "authentik_core.objectattribute",
    "authentik_core.applicationentitlement",
    "authentik_core.groupsourceconnection",
    "authentik_core.usersourceconnection",
    "authentik_events.notification",
    "authentik_events.notificationrule",
    "authentik_events.notificationtransport",
    "authentik_stages_authenticator_webauthn.webauthndevicetype",
];

/// Whether authentik has the model and this server does not.
pub fn is_missing(core: &Core, model: &str) -> bool {
    core.registry.find(model).is_none()
        && model
            .split_once('.')
            .is_some_and(|(app, name)| !name.is_empty() && (APPS.contains(&app) || MODELS.contains(&model)))
}
