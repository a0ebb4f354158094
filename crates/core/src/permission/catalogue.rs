//! Every permission: four for each model, and those of single actions.
use signet_base::vault::sha256_hex;
use signet_model::{Base, Registry, Verb};
use signet_store::TABLES;
use signet_store::devices::DeviceKind;
use std::collections::HashMap;

/// Models of the wire beside those of objects and declared tables.
const OTHERS: &[(&str, &str)] = &[
    ("authentik_events.notification", "Notification"),
    ("authentik_outposts.outpost", "Outpost"),
    ("authentik_providers_oauth2.refreshtoken", "OAuth2 Refresh Token"),
    ("authentik_stages_authenticator_webauthn.webauthndevicetype", "WebAuthn Device type"),
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
    /// What one object of the model is called: `User`.
    pub model_label: String,
    /// `view_user`
    pub codename: String,
    pub label: String,
}
impl PermissionDef {
    /// `authentik_core.view_user`
    pub fn name(&self) -> String {
        format!("{}.{}", self.app(), self.codename)
    }
    /// `authentik_core`
    pub fn app(&self) -> &str {
        self.model.split_once('.').map_or(self.model.as_str(), |(app, _)| app)
    }
    /// `user`
    pub fn model_name(&self) -> &str {
        self.model.split_once('.').map_or(self.model.as_str(), |(_, name)| name)
    }
    pub fn id(&self) -> i64 {
        id(&self.name())
    }
}

/// The number of a permission on the wire: of its name, so that it is the same on every installation.
pub fn id(name: &str) -> i64 {
    let digest = sha256_hex(name.as_bytes());
    i64::from_str_radix(&digest[..8], 16).unwrap_or_default() & 0x7fff_ffff
}

/// All permissions, by model.
#[derive(Debug, Default)]
pub struct Catalogue {
    all: Vec<PermissionDef>,
    by_name: HashMap<String, usize>,
    by_id: HashMap<i64, usize>,
}
impl Catalogue {
    pub fn of(registry: &Registry) -> Self {
        let all = all(registry);
        let by = |n: usize| (all[n].name(), n);
        let by_name: HashMap<String, usize> = (0..all.len()).map(by).collect();
        let by_id = by_name.iter().map(|(name, n)| (id(name), *n)).collect();
        Self { all, by_name, by_id }
    }
    pub fn all(&self) -> &[PermissionDef] {
        &self.all
    }
    /// `authentik_core.view_user`
    pub fn find(&self, name: &str) -> Option<&PermissionDef> {
        self.all.get(*self.by_name.get(name)?)
    }
    pub fn by_id(&self, id: i64) -> Option<&PermissionDef> {
        self.all.get(*self.by_id.get(&id)?)
    }
    /// Whether there are permissions on objects of a model.
    pub fn has_model(&self, model: &str) -> bool {
        self.all.binary_search_by(|p| p.model.as_str().cmp(model)).is_ok()
    }
}

fn all(registry: &Registry) -> Vec<PermissionDef> {
    let mut models: Vec<(String, String)> =
        registry.all().iter().map(|def| (def.full_name(), def.label.to_owned())).collect();
    models.extend(Base::ALL.iter().map(|base| (base.label().to_owned(), base.verbose_name().to_owned())));
    let tables = TABLES.iter().filter(|def| !def.internal);
    models.extend(tables.map(|def| (def.model.to_owned(), capitalised(def.label))));
    models.extend(OTHERS.iter().map(|(name, label)| ((*name).to_owned(), (*label).to_owned())));
    models.extend(DeviceKind::ALL.iter().map(|kind| (device(*kind), kind.label().to_owned())));
    models.sort();
    models.dedup_by(|a, b| a.0 == b.0);
    let mut out = Vec::new();
    for (model, model_label) in &models {
        let name = model.split_once('.').map_or("", |(_, name)| name);
        let of = |verb: Verb| PermissionDef {
            codename: format!("{}_{name}", verb.word()),
            label: format!("Can {} {model_label}", verb.word()),
            model: model.clone(),
            model_label: model_label.clone(),
        };
        out.extend(Verb::ALL.map(of));
    }
    out.extend(NAMED.iter().map(|(model, codename, label)| {
        PermissionDef {
            model: (*model).to_owned(),
            model_label: models
                .iter()
                .find(|(name, _)| name == model)
                .map_or_else(|| "System permission".to_owned(), |(_, label)| label.clone()),
            codename: (*codename).to_owned(),
            label: (*label).to_owned(),
        }
    }));
    out.sort_by(|a, b| a.model.cmp(&b.model));
    out
}

fn capitalised(label: &str) -> String {
    let mut chars = label.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The model of a kind of second factor: `authentik_stages_authenticator_totp.totpdevice`.
pub fn device(kind: DeviceKind) -> String {
    let (app, class) = kind.model();
    format!("{app}.{}", class.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_have_authentiks_names_and_each_its_own() {
        let registry = Registry::new(crate::models::ALL.iter().copied());
        let catalogue = Catalogue::of(&registry);
        let names: Vec<String> = catalogue.all().iter().map(PermissionDef::name).collect();
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
        let found = catalogue.find("authentik_core.impersonate").unwrap();
        assert_eq!((found.model.as_str(), found.model_label.as_str()), ("authentik_core.user", "User"));
        assert_eq!(catalogue.find("authentik_core.be_root"), None);
        // Each number is one permission's.
        assert!(catalogue.all().iter().all(|p| catalogue.by_id(p.id()) == Some(p) && p.id() > 0));
        assert!(catalogue.has_model("authentik_flows.stage") && !catalogue.has_model("authentik_core.root"));
    }
}
