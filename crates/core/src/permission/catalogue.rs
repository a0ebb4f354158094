//! Every permission: four for each model, and those of single actions.
use signet_model::{Base, Registry, Verb};
use signet_store::TABLES;
use signet_store::devices::DeviceKind;

/// Models of the wire beside those of objects and declared tables.
const OTHERS: &[&str] = &[
    "authentik_events.notification",
    "authentik_outposts.outpost",
    "authentik_providers_oauth2.refreshtoken",
    "authentik_stages_authenticator_webauthn.webauthndevicetype",
];

/// The installation as a whole.
pub const SYSTEM: &str = "authentik_rbac.systempermission";

/// Model, code name, words for people.
const NAMED: &[(&str, &str, &str)] = &[
    ("authentik_core.user", "reset_user_password", "Reset Password"),
    ("authentik_core.user", "impersonate", "Can impersonate other users"),
    ("authentik_core.user", "preview_user", "Can preview user data sent to providers"),
    ("authentik_core.user", "view_user_applications", "View applications the user has access to"),
    ("authentik_core.group", "add_user_to_group", "Add user to group"),
    ("authentik_core.group", "remove_user_from_group", "Remove user from group"),
    ("authentik_core.group", "enable_group_superuser", "Enable superuser status"),
    ("authentik_core.group", "disable_group_superuser", "Disable superuser status"),
    ("authentik_core.token", "view_token_key", "View token's key"),
    ("authentik_core.token", "set_token_key", "Set a token's key"),
    ("authentik_rbac.role", "assign_role_permissions", "Can assign permissions to roles"),
    ("authentik_rbac.role", "unassign_role_permissions", "Can unassign permissions from roles"),
    (SYSTEM, "view_system_info", "Can view system info"),
    (SYSTEM, "access_admin_interface", "Can access admin interface"),
    (SYSTEM, "view_system_settings", "Can view system settings"),
    (SYSTEM, "edit_system_settings", "Can edit system settings"),
    (SYSTEM, "view_media_files", "Can view media files"),
    (SYSTEM, "manage_media_files", "Can manage media files"),
    ("authentik_flows.flow", "export_flow", "Can export a Flow"),
    ("authentik_flows.flow", "inspect_flow", "Can inspect a Flow's execution"),
    ("authentik_flows.flow", "view_flow_cache", "View Flow's cache metrics"),
    ("authentik_flows.flow", "clear_flow_cache", "Clear Flow's cache metrics"),
    ("authentik_policies.policy", "view_policy_cache", "View Policy's cache metrics"),
    ("authentik_policies.policy", "clear_policy_cache", "Clear Policy's cache metrics"),
    (
        "authentik_crypto.certificatekeypair",
        "view_certificatekeypair_certificate",
        "View Certificate-Key pair's certificate",
    ),
    (
        "authentik_crypto.certificatekeypair",
        "view_certificatekeypair_key",
        "View Certificate-Key pair's private key",
    ),
];

/// The words that open the administration's parts, in the order in which clients list them.
pub fn system() -> impl Iterator<Item = &'static str> {
    NAMED.iter().filter(|(model, ..)| *model == SYSTEM).map(|(_, code, _)| *code)
}

/// One permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionDef {
    /// `authentik_core.user`
    pub model: String,
    /// `view_user`
    pub codename: String,
    pub label: String,
}
impl PermissionDef {
    /// `authentik_core.view_user`
    pub fn name(&self) -> String {
        format!("{}.{}", app(&self.model), self.codename)
    }
}
fn app(model: &str) -> &str {
    model.split_once('.').map_or(model, |(app, _)| app)
}

/// All of them, by model.
pub fn all(registry: &Registry) -> Vec<PermissionDef> {
    let mut models: Vec<String> = registry.all().iter().map(|def| def.full_name()).collect();
    models.extend(Base::ALL.iter().map(|base| base.label().to_owned()));
    models.extend(TABLES.iter().filter(|def| !def.internal).map(|def| def.model.to_owned()));
    models.extend(OTHERS.iter().map(|name| (*name).to_owned()));
    models.extend(DeviceKind::ALL.iter().map(|kind| device(*kind)));
    models.sort();
    models.dedup();
    let mut out = Vec::new();
    for model in models {
        let name = model.split_once('.').map_or("", |(_, name)| name);
        let of = |verb: Verb| PermissionDef {
            codename: format!("{}_{name}", verb.word()),
            label: format!("Can {} {name}", verb.word()),
            model: model.clone(),
        };
        out.extend(Verb::ALL.map(of));
    }
    out.extend(NAMED.iter().map(|(model, codename, label)| PermissionDef {
        model: (*model).to_owned(),
        codename: (*codename).to_owned(),
        label: (*label).to_owned(),
    }));
    out.sort_by(|a, b| a.model.cmp(&b.model));
    out
}

/// The model of a kind of second factor: `authentik_stages_authenticator_totp.totpdevice`.
pub fn device(kind: DeviceKind) -> String {
    let (app, class) = kind.model();
    format!("{app}.{}", class.to_lowercase())
}

/// The model that a permission is about; none where there is no such permission.
pub fn model_of(registry: &Registry, permission: &str) -> Option<String> {
    all(registry).into_iter().find(|p| p.name() == permission).map(|p| p.model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_have_authentiks_names_and_each_its_own() {
        let registry = Registry::new(crate::models::ALL.iter().copied());
        let names: Vec<String> = all(&registry).iter().map(PermissionDef::name).collect();
        for name in [
            "authentik_core.view_user",
            "authentik_core.reset_user_password",
            "authentik_flows.change_flow",
            "authentik_flows.view_stage",
            "authentik_rbac.edit_system_settings",
            "authentik_stages_authenticator_totp.delete_totpdevice",
        ] {
            assert!(names.iter().any(|n| n == name), "{name}");
        }
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names.len());
        assert_eq!(model_of(&registry, "authentik_core.impersonate").as_deref(), Some("authentik_core.user"));
        assert_eq!(model_of(&registry, "authentik_core.be_root"), None);
    }
}
