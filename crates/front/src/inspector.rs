//! `/api/v3/flows/inspector/<slug>/`: plan and history of the current run, for administrators who debug a
//! flow.
use crate::edge::Edge;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use signet_base::{Json, json};
use signet_core::flow::history::HistoryEntry;
use signet_core::flow::{Planned, StageRef};
use signet_core::models::Flow;
use signet_core::{Core, wire};

pub async fn get(Path(slug): Path<String>, edge: Edge) -> Response {
    let core = &edge.core;
    let config = core.config();
    let flow = config.find::<Flow>("slug", &slug).map(|(flow, _)| flow.pk.to_string()).unwrap_or_default();
    let inspects =
        edge.session.principal().is_some_and(|p| p.grants.on("authentik_flows.inspect_flow", &flow));
    if !core.settings.debug && !inspects {
        return edge.not_found();
    }
    let steps: Vec<HistoryEntry> =
        edge.session.state.history.iter().filter_map(|s| serde_json::from_value(s.clone()).ok()).collect();
    let running = edge
        .session
        .state
        .plan
        .as_ref()
        .filter(|plan| plan.over.is_none())
        .map(|plan| HistoryEntry::of(core, plan));
    let is_completed = running.as_ref().is_none_or(|s| s.current.is_none());
    let Some(current) = running.clone().or_else(|| steps.last().cloned()) else { return edge.not_found() };
    if core.config().get(current.flow).is_none_or(|f| f.text("slug") != slug) {
        return edge.not_found();
    }
    let session = edge.session.sid().unwrap_or_default();
    let plans: Vec<Json> = steps
        .iter()
        .chain(&running)
        .filter(|s| s.flow == current.flow)
        .map(|s| describe(core, s, &session))
        .collect();
    let body = json!({"plans": plans, "current_plan": describe(core, &current, &session), "is_completed": is_completed});
    let response = axum::Json(body).into_response();
    edge.send(response).await
}

fn describe(core: &Core, step: &HistoryEntry, session: &str) -> Json {
    let show = |planned: &Option<Planned>| planned.as_ref().map_or(Json::Null, |p| stage(core, p));
    json!({"current_stage": show(&step.current), "next_planned_stage": show(&step.next), "plan_context": step.context, "session_id": session})
}

fn stage(core: &Core, planned: &Planned) -> Json {
    let config = core.config();
    match &planned.stage {
        StageRef::Object(pk) => {
            let binding = planned
                .binding
                .and_then(|pk| config.get(pk))
                .map(|b| Json::Object(wire::present(b, &config)));
            binding
                .or_else(|| config.get(*pk).map(|s| json!({"stage_obj": wire::family_view(s, &config)})))
                .unwrap_or_default()
        }
        StageRef::BuiltIn { kind, .. } => json!({"stage_obj": {"name": kind}}),
    }
}
