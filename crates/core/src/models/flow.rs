//! Flows and the places of stages in them.
use super::EngineMode;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Uuid, json};
use signet_model::{Choice, FieldDef, FieldKind, Model, Object, Snapshot};
use std::sync::Arc;

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
    FieldDef::shown("policybindingmodel_ptr_id", FieldKind::Uuid),
    FieldDef::shown("background_url", FieldKind::Text),
    FieldDef::shown("background_themed_urls", FieldKind::Json).nullable(),
    FieldDef::shown("stages", FieldKind::List(&FieldKind::Uuid)),
    FieldDef::shown("policies", FieldKind::List(&FieldKind::Uuid)),
    FieldDef::shown("cache_count", FieldKind::Int),
    FieldDef::shown("export_url", FieldKind::Text),
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
    for field in [
        "name",
        "slug",
        "title",
        "designation",
        "policy_engine_mode",
        "compatibility_mode",
        "layout",
        "denied_action",
    ] {
        out.insert(field.into(), flow.data.get(field).cloned().unwrap_or_default());
    }
    out.insert("background_url".into(), json!(background_url(flow.text("background"))));
    out.insert("export_url".into(), json!(format!("/api/v3/flows/instances/{}/export/", flow.text("slug"))));
    out
}
pub fn background_url(background: &str) -> &str {
    if background.is_empty() { DEFAULT_BACKGROUND } else { background }
}
fn present_flow(flow: &Object, config: &Snapshot, out: &mut Map) {
    for (name, value) in flow_summary(flow) {
        out.insert(name, value);
    }
    out.insert("background_themed_urls".into(), Json::Null);
    out.insert("cache_count".into(), json!(0));
    let stages: Vec<Json> =
        flow_bindings(config, flow.pk).into_iter().filter_map(|b| b.data.get("stage").cloned()).collect();
    out.insert("stages".into(), Json::Array(stages));
    let policies: Vec<Json> = flow
        .pbm()
        .map(|p| config.bindings_of(p))
        .unwrap_or_default()
        .iter()
        .filter_map(|b| b.data.get("policy").filter(|v| !v.is_null()).cloned())
        .collect();
    out.insert("policies".into(), Json::Array(policies));
}
/// Stage bindings of a flow by order.
pub fn flow_bindings(config: &Snapshot, flow: Uuid) -> Vec<&Arc<Object>> {
    let of = config.referring_key(&flow.to_string(), "target");
    let mut all: Vec<_> = of.filter_map(|o| Some((o, o.get::<FlowStageBinding>()?))).collect();
    // Among equals the older goes first.
    all.sort_by_key(|(o, b)| (b.order, o.created, o.pk));
    all.into_iter().map(|(o, _)| o).collect()
}

const BINDING_EXTRA: &[FieldDef] = &[
    FieldDef::shown("policybindingmodel_ptr_id", FieldKind::Uuid),
    FieldDef::shown("stage_obj", FieldKind::Object),
];

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
fn present_binding(binding: &Object, config: &Snapshot, out: &mut Map) {
    out.insert("policybindingmodel_ptr_id".into(), json!(binding.pbm()));
    let stage = Uuid::parse_str(binding.text("stage")).ok().and_then(|pk| config.get(pk));
    out.insert(
        "stage_obj".into(),
        stage.map_or(Json::Null, |s| Json::Object(crate::wire::family_view(s, config))),
    );
}
