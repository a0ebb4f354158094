//! Flows that put people into groups: whoever changes what leads there decides who gets the groups' rights.
use super::Right;
use crate::models::flow_bindings;
use signet_base::{Json, Map, Uuid};
use signet_model::{Base, FieldDef, Gives, ModelDef, Object, Snapshot};
use std::collections::HashSet;
use std::sync::Arc;

const FLOW: &str = "authentik_flows.flow";
const STAGE_BINDING: &str = "authentik_flows.flowstagebinding";
const POLICY_BINDING: &str = "authentik_policies.policybinding";

/// What a write of an object hands on by the flows that it takes part in, before and after.
pub(super) fn of_write(
    config: &Snapshot,
    def: &ModelDef,
    before: Option<&Object>,
    data: &Map,
) -> Option<Right> {
    let mut flows = HashSet::new();
    let mut seen = HashSet::new();
    if let Some(object) = before {
        above(config, object, &mut seen, &mut flows);
    }
    if let Some(target) = target(config, def, data) {
        above(config, target, &mut seen, &mut flows);
    }
    let mut groups = memberships(config, &flows);
    if def.is(STAGE_BINDING)
        && let Some(stage) = data.get("stage").and_then(uuid).and_then(|pk| config.get(pk))
    {
        groups.extend(of_stage(stage));
    }
    right(groups)
}

/// What the deletion of an object hands on: what stood in the way is gone.
pub fn of_deletion(config: &Snapshot, object: &Object) -> Vec<Right> {
    if object.def.is("authentik_rbac.role") {
        return vec![Right::Roles(vec![object.pk])];
    }
    let mut flows = HashSet::new();
    above(config, object, &mut HashSet::new(), &mut flows);
    right(memberships(config, &flows)).into_iter().collect()
}
/// The same of a row (`user:7`, or a group's UUID), with the objects that go along.
pub fn of_row_deletion(config: &Snapshot, key: &str) -> Vec<Right> {
    let referrers = config.referrers_of(key).filter_map(|r| config.get(r.from));
    referrers.flat_map(|object| of_deletion(config, object)).collect()
}
/// What an invitation hands on: the way through its flow; without one, through every flow that takes invitations.
pub fn of_invitation(config: &Snapshot, flow: Option<Uuid>) -> Vec<Right> {
    let mut flows = HashSet::new();
    match flow {
        Some(pk) => drop(flows.insert(pk)),
        None => {
            let stages = config
                .family(Base::Stage)
                .filter(|o| o.def.is("authentik_stages_invitation.invitationstage"));
            let mut seen = HashSet::new();
            stages.for_each(|stage| above(config, stage, &mut seen, &mut flows));
        }
    }
    right(memberships(config, &flows)).into_iter().collect()
}

fn right(groups: Vec<Uuid>) -> Option<Right> {
    (!groups.is_empty()).then_some(Right::Membership(groups))
}

/// What a binding belongs to.
fn target<'a>(config: &'a Snapshot, def: &ModelDef, data: &Map) -> Option<&'a Arc<Object>> {
    if !def.is(STAGE_BINDING) && !def.is(POLICY_BINDING) {
        return None;
    }
    let pk = data.get("target").and_then(uuid)?;
    config.get(pk).or_else(|| config.by_pbm(pk))
}

/// The flows that an object takes part in: as a stage, as a part of one, as a policy in front of one.
fn above(config: &Snapshot, object: &Object, seen: &mut HashSet<Uuid>, flows: &mut HashSet<Uuid>) {
    if !seen.insert(object.pk) {
        return;
    }
    if object.def.is(FLOW) {
        flows.insert(object.pk);
        return;
    }
    if let Some(target) = target(config, object.def, &object.data) {
        return above(config, target, seen, flows);
    }
    for referrer in config.referrers(object) {
        let Some(from) = config.get(referrer.from) else { continue };
        if from.def.base == Some(Base::Stage) || from.def.is(STAGE_BINDING) || from.def.is(POLICY_BINDING) {
            above(config, from, seen, flows);
        }
    }
}

/// The groups that people get in these flows.
fn memberships(config: &Snapshot, flows: &HashSet<Uuid>) -> Vec<Uuid> {
    let stage = |binding: &Arc<Object>| config.get(uuid(binding.data.get("stage")?)?).cloned();
    let bindings = flows.iter().flat_map(|flow| flow_bindings(config, *flow));
    bindings.filter_map(stage).flat_map(|stage| of_stage(&stage)).collect()
}
fn of_stage(stage: &Object) -> Vec<Uuid> {
    let gives = |field: &&FieldDef| field.gives == Some(Gives::Membership);
    stage
        .def
        .fields
        .iter()
        .filter(gives)
        .flat_map(|f| keys(stage.data.get(f.name).unwrap_or(&Json::Null)))
        .collect()
}
/// The keys in a reference or a list of them.
pub(super) fn keys(value: &Json) -> Vec<Uuid> {
    match value {
        Json::Array(list) => list.iter().filter_map(uuid).collect(),
        one => uuid(one).into_iter().collect(),
    }
}
pub(super) fn uuid(value: &Json) -> Option<Uuid> {
    Uuid::parse_str(value.as_str()?).ok()
}
