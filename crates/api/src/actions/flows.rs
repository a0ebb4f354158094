//! Flow actions: diagram, export, execution.
use signet_base::json;
use signet_core::models::{Flow, FlowStageBinding, flow_bindings};
use signet_model::{FieldDef, FieldKind, Object};
use signet_rest::{ApiResult, Call, Fault, Reply};
use std::fmt::Write;
use std::sync::Arc;

pub(crate) const CACHE: &[FieldDef] = &[FieldDef::shown("count", FieldKind::Int)];
pub(crate) const DIAGRAM: &[FieldDef] = &[FieldDef::shown("diagram", FieldKind::Text)];
pub(crate) const LINK: &[FieldDef] = &[FieldDef::shown("link", FieldKind::Text)];

fn find(call: &Call) -> Result<Arc<Object>, Fault> {
    let found = call.config.find::<Flow>("slug", &call.key).map(|(o, _)| o.clone());
    let flow = found.ok_or_else(|| Fault::missing("Flow"))?;
    call.reach_object(&flow)?;
    Ok(flow)
}

/// Plans are computed for each request; there is no cache.
pub(crate) async fn cache_info(_: &mut Call) -> ApiResult {
    Ok(Reply::ok(json!({"count": 0})))
}
pub(crate) async fn cache_clear(_: &mut Call) -> ApiResult {
    Ok(Reply::Empty)
}

/// `GET /flows/instances/<slug>/execute/`
pub(crate) async fn execute(call: &mut Call) -> ApiResult {
    let flow = find(call)?;
    Ok(Reply::ok(
        json!({"link": format!("{}/if/flow/{}/?inspector=available", signet_core::address::of(&call.core, &call.client), flow.text("slug"))}),
    ))
}

/// `GET /flows/instances/<slug>/diagram/`
pub(crate) async fn diagram(call: &mut Call) -> ApiResult {
    let flow = find(call)?;
    Ok(Reply::ok(json!({"diagram": draw(&flow, call)})))
}

/// A Mermaid flowchart: start, and each stage with its policies. Objects the caller may not view are unnamed.
fn draw(flow: &Object, call: &Call) -> String {
    let config = &call.config;
    let mut out = String::from("graph TD\n");
    let _ = writeln!(out, "flow_start[\"Flow<br>{}\"]", label(flow.name()));
    let mut from = vec!["flow_start".to_owned()];
    gate(&mut out, &mut from, flow, "flow_policy", call);
    for (n, binding) in flow_bindings(config, flow.pk).into_iter().enumerate() {
        let Some(settings) = binding.get::<FlowStageBinding>() else { continue };
        let Some(stage) = config.get(settings.stage) else { continue };
        let policy = format!("stage_{n}_policy");
        let guarded = gate(&mut out, &mut from, binding, &policy, call);
        let id = format!("stage_{n}");
        let _ = writeln!(out, "{id}([\"{}<br>{}\"])", label(stage.def.label), shown(call, stage));
        for node in &from {
            let _ = writeln!(out, "{node} -->{} {id}", if guarded { "|Policy passed|" } else { "" });
        }
        from = vec![id];
        if guarded {
            // A stage whose policies do not pass is skipped.
            from.push(policy);
        }
    }
    let _ = writeln!(out, "done[[\"End of the flow\"]]");
    for node in &from {
        let _ = writeln!(out, "{node} --> done");
    }
    out
}

/// Adds the policies bound to an object as one node, connected to the previous nodes. Returns whether there
/// are any.
fn gate(out: &mut String, from: &mut Vec<String>, guarded: &Object, id: &str, call: &Call) -> bool {
    let bindings = guarded.pbm().map(|p| call.config.bindings_of(p)).unwrap_or_default();
    if bindings.is_empty() {
        return false;
    }
    let names: Vec<String> = bindings
        .iter()
        .map(|b| {
            let policy =
                signet_base::Uuid::parse_str(b.text("policy")).ok().and_then(|pk| call.config.get(pk));
            policy.map_or_else(
                || if b.text("group").is_empty() { "User".to_owned() } else { "Group".to_owned() },
                |p| shown(call, p),
            )
        })
        .collect();
    let _ = writeln!(out, "{id}{{{{\"Policies<br>{}\"}}}}", names.join("<br>"));
    for node in from.iter() {
        let _ = writeln!(out, "{node} --> {id}");
    }
    *from = vec![id.to_owned()];
    true
}

/// The name of an object, if the caller may view it.
fn shown(call: &Call, object: &Object) -> String {
    if call.sees(object) { label(object.name()) } else { "Hidden".to_owned() }
}

/// Escapes a label: quotes and brackets would end the node.
fn label(text: &str) -> String {
    text.chars()
        .map(|c| if matches!(c, '"' | '<' | '>' | '[' | ']' | '{' | '}' | '|' | '\n') { ' ' } else { c })
        .collect()
}
