//! `/api/v3/flows/inspector/<slug>/`: what the current run of a flow holds, for administrators who debug one.
use crate::edge::Edge;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use signet_base::{Json, json};
use signet_core::flow::{Plan, Planned, StageRef};
use signet_core::{Core, wire};

pub async fn get(Path(slug): Path<String>, edge: Edge) -> Response {
    let may = edge.core.settings.debug || edge.session.principal().is_some_and(|p| p.is_superuser);
    let Some(plan) = edge.session.state.plan.as_ref().filter(|_| may) else { return edge.not_found() };
    if edge.core.world().get(plan.flow).is_none_or(|f| f.text("slug") != slug) {
        return edge.not_found();
    }
    let current = describe(&edge.core, plan, edge.session.sid());
    let mut plans = edge.session.state.history.clone();
    plans.push(current.clone());
    let body = json!({"plans": plans, "current_plan": current, "is_completed": plan.stages.is_empty()});
    let response = axum::Json(body).into_response();
    edge.leave(response).await
}

fn describe(core: &Core, plan: &Plan, session: Option<String>) -> Json {
    let mut stages = plan.stages.iter().map(|s| stage(core, s));
    json!({
        "current_stage": stages.next(),
        "next_planned_stage": stages.next(),
        "plan_context": sanitised(&plan.context.0),
        "session_id": session.unwrap_or_default(),
    })
}

fn stage(core: &Core, planned: &Planned) -> Json {
    let world = core.world();
    match &planned.stage {
        StageRef::Object(pk) => {
            let binding = planned.binding.and_then(|pk| world.get(pk)).map(|b| Json::Object(wire::present(b, &world)));
            binding.or_else(|| world.get(*pk).map(|s| json!({"stage_obj": wire::family_view(s, &world)}))).unwrap_or_default()
        }
        StageRef::BuiltIn { kind, .. } => json!({"stage_obj": {"name": kind}}),
    }
}

/// Passwords and tokens never leave the session.
fn sanitised(context: &signet_base::Map) -> Json {
    fn clean(name: &str, value: &Json) -> Json {
        let secret = ["password", "secret", "token", "key", "code"].iter().any(|w| name.to_ascii_lowercase().contains(w));
        match value {
            Json::Object(map) => Json::Object(map.iter().map(|(n, v)| (n.clone(), clean(n, v))).collect()),
            _ if secret => json!("********************"),
            other => other.clone(),
        }
    }
    Json::Object(context.iter().map(|(n, v)| (n.clone(), clean(n, v))).collect())
}
