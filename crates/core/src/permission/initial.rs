//! Initial permissions: what a role gets on each object that one of its members creates.
use super::catalogue;
use crate::models::InitialPermissions;
use crate::{Core, Principal};
use signet_base::{FieldErrors, Json, Map};
use signet_model::{Base, ModelDef};
use signet_store::Batch;
use signet_store::roles::{self, Target};

pub const MODEL: &str = "authentik_rbac.initialpermissions";
const FIELD: &str = "permissions";

/// What the roles of the creator get on a new object, for the commit that creates it.
pub fn of_new(core: &Core, creator: &Principal, model: &str, target: &Target) -> Batch {
    let config = core.config();
    let family = core.registry.find(model).and_then(|def| def.base).map(Base::label);
    let mut batch = Batch::new();
    for (_, initial) in config.all::<InitialPermissions>().filter(|(_, i)| creator.roles.contains(&i.role)) {
        let known = initial.permissions.iter().filter_map(|id| core.permissions.by_id(*id));
        for permission in known.filter(|p| p.model == model || Some(p.model.as_str()) == family) {
            let (name, model) = (permission.name(), permission.model.as_str());
            batch = batch.then(roles::grant_batch(initial.role, &name, model, target));
        }
    }
    batch
}

/// In files the permissions may have names: their numbers take their place.
pub fn name(def: &ModelDef, fields: &mut Map) {
    let Some(Json::Array(list)) = fields.get_mut(FIELD).filter(|_| def.is(MODEL)) else { return };
    for item in list {
        if let Some(name) = item.as_str().filter(|text| text.contains('.')) {
            *item = catalogue::id(name).into();
        }
    }
}

/// Refuses numbers that are no permission's.
pub fn check(core: &Core, def: &ModelDef, fields: &Map) -> Result<(), FieldErrors> {
    let Some(Json::Array(list)) = fields.get(FIELD).filter(|_| def.is(MODEL)) else { return Ok(()) };
    let mut errors = FieldErrors::new();
    for id in list.iter().filter_map(Json::as_i64).filter(|id| core.permissions.by_id(*id).is_none()) {
        errors.add(FIELD, format!("Invalid pk \"{id}\" - object does not exist."));
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
