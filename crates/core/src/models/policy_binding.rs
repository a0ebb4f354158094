//! What guards what.
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Timestamp, Uuid, json};
use signet_model::{Change, Choice, FieldDef, FieldKind, Model, Object, Snapshot};

/// How several bindings make one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum EngineMode {
    All,
    Any,
}

const POLICY_BINDING_EXTRA: &[FieldDef] = &[
    FieldDef::shown("policy_obj", FieldKind::Object).nullable(),
    FieldDef::shown("group_obj", FieldKind::Object).nullable(),
    FieldDef::shown("user_obj", FieldKind::Object).nullable(),
    FieldDef::shown("expires", FieldKind::Time).nullable(),
    FieldDef::shown("expiring", FieldKind::Bool),
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
    let set = ["policy", "group", "user"]
        .iter()
        .filter(|f| change.data.get(**f).is_some_and(|v| !v.is_null()))
        .count();
    match set {
        1 => Ok(()),
        0 => Err(FieldErrors::one("non_field_errors", "One of 'policy', 'group' or 'user' must be set.")),
        _ => Err(FieldErrors::one("non_field_errors", "Only one of 'policy', 'group' or 'user' can be set.")),
    }
}
fn present_policy_binding(binding: &Object, config: &Snapshot, out: &mut Map) {
    // The wire shows the primary key of the guarded object.
    if let Some(target) = Uuid::parse_str(binding.text("target")).ok().and_then(|pbm| config.by_pbm(pbm)) {
        out.insert("target".into(), json!(target.pk));
    }
    let policy = Uuid::parse_str(binding.text("policy")).ok().and_then(|pk| config.get(pk));
    out.insert(
        "policy_obj".into(),
        policy.map_or(Json::Null, |p| Json::Object(crate::wire::present(p, config))),
    );
    // Rows are not in the snapshot: the API fills these two in.
    out.insert("group_obj".into(), Json::Null);
    out.insert("user_obj".into(), Json::Null);
    let expires = binding.data.get("expires").cloned().unwrap_or_default();
    out.insert("expiring".into(), json!(!expires.is_null()));
    out.insert("expires".into(), expires);
}
