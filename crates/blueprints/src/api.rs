//! API actions of blueprints.
use crate::export_flow;
use signet_core::models::Flow;
use signet_rest::{Action, ApiResult, Call, Fault, Output, Permission, Reply, run};

/// The file contains all objects of the flow.
const EXPORTED: &[&str] = &[
    "authentik_flows.view_flow",
    "authentik_flows.view_flowstagebinding",
    "authentik_flows.view_stage",
    "authentik_policies.view_policy",
    "authentik_policies.view_policybinding",
    "authentik_stages_prompt.view_prompt",
];

pub fn actions() -> Vec<Action> {
    vec![
        Action::get(
            "flows/instances/{slug}/export",
            Permission::Named(&["authentik_flows.export_flow"]),
            "The flow as a blueprint.",
            run!(export),
        )
        .about("authentik_flows.flow")
        .output(Output::File("text/html")),
    ]
}

async fn export(call: &mut Call) -> ApiResult {
    let found = call.config.find::<Flow>("slug", &call.key).map(|(flow, _)| flow.clone());
    let flow = found.ok_or_else(|| Fault::missing("Flow"))?;
    call.reach_object(&flow)?;
    if !EXPORTED.iter().all(|permission| call.may(permission)) {
        return Err(Fault::forbidden());
    }
    let text = export_flow(&call.core, flow.text("slug")).await?;
    // The content type that clients expect.
    Ok(Reply::file(format!("{}.yaml", flow.text("slug")), "text/html; charset=utf-8", text))
}
