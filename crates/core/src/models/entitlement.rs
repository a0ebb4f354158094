//! What people may do inside of an application.
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Uuid, json};
use signet_model::{FieldDef, FieldKind, Model, Object, Snapshot};

const EXTRA: &[FieldDef] = &[FieldDef::shown("pbm_uuid", FieldKind::Uuid)];

/// A right within an application, given to people and groups by bindings; the application decides what it
/// means.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_core", path = "core/application_entitlements", label = "Application Entitlement", search("name"), ordering = "name", bound_by_pk, unique_together("app", "name"), present = present, extra = EXTRA)]
pub struct ApplicationEntitlement {
    #[field(filter)]
    pub name: String,
    #[field(refers = "authentik_core.application", on_delete = "cascade", filter)]
    pub app: Uuid,
    #[field(default_fn = |_| json!({}))]
    #[serde(default)]
    pub attributes: Map,
}
fn present(entitlement: &Object, _: &Snapshot, out: &mut Map) {
    out.insert("pbm_uuid".into(), entitlement.pbm().map_or(Json::Null, |pbm| json!(pbm)));
}
