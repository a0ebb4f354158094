//! Roles. What a role may do, and who has it, are rows (`signet_store::roles`).
use serde::{Deserialize, Serialize};
use signet_base::Uuid;
use signet_model::{FieldDef, FieldKind, Model};

/// A named set of permissions that users and groups can have.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(
    app = "authentik_rbac",
    path = "rbac/roles",
    label = "Role",
    component = "ak-rbac-role-form",
    search("name"),
    ordering = "name"
)]
pub struct Role {
    #[field(unique, filter, max = 150)]
    pub name: String,
    /// Name by which a program of the installation finds its role again.
    #[field(hidden)]
    #[serde(default)]
    pub managed: Option<String>,
}

const INITIAL_EXTRA: &[FieldDef] = &[FieldDef::shown("permissions_obj", FieldKind::List(&FieldKind::Object))];

/// Permissions that a role gets on each object that one of its members creates.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(
    app = "authentik_rbac",
    path = "rbac/initial_permissions",
    label = "Initial Permissions",
    plural = "Initial Permissions",
    search("name"),
    ordering = "name",
    numbered,
    extra = INITIAL_EXTRA
)]
pub struct InitialPermissions {
    #[field(filter, max = 150)]
    pub name: String,
    #[field(refers = "authentik_rbac.role", on_delete = "cascade")]
    pub role: Uuid,
    /// Numbers of permissions: [`id`](crate::permission::catalogue::id).
    #[field(default = [])]
    pub permissions: Vec<i64>,
}
