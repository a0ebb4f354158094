//! Objects that permissions are about, by the model's name and the key of the object.
use signet_base::{Result, Uuid};
use signet_core::permission::{catalogue, stored_key};
use signet_model::{Base, ColumnKind, TableDef, Verb};
use signet_rest::Call;
use signet_store::devices::{Device, DeviceKind};
use signet_store::table::Record;
use signet_store::{ListQuery, TABLES, Value, declared};
use std::collections::HashMap;

/// Those of the objects that there are and that the caller sees, with their names. Keys as permissions have them.
pub(super) async fn names(call: &Call, model: &str, keys: &[String]) -> Result<HashMap<String, String>> {
    let is_object = call.core.registry.find(model).is_some() || Base::ALL.iter().any(|b| b.label() == model);
    if is_object {
        let named = |key: &String| {
            let found = key.parse().ok().and_then(|num| call.config.by_num(num));
            let found = found.or_else(|| call.config.get(Uuid::parse_str(key).ok()?))?;
            (found.def.answers_to(model) && call.sees(found))
                .then(|| (found.wire_key(), found.name().to_owned()))
        };
        return Ok(keys.iter().filter_map(named).collect());
    }
    let device = DeviceKind::ALL.into_iter().find(|kind| catalogue::device(*kind) == model);
    let table = TABLES.iter().copied().find(|def| !def.internal && def.model == model);
    let Some(def) = table.or(device.map(|_| Device::TABLE)) else { return Ok(HashMap::new()) };
    let view = Verb::View.on(model);
    let mut out = HashMap::new();
    for key in keys.iter().filter(|key| call.may_on(&view, key)) {
        let Some(value) = value(def, key) else { continue };
        let mut q = ListQuery::first(1).equal("pk", value);
        if let Some(kind) = device {
            q = q.equal("kind", kind.as_str());
        }
        if let (page, 1) = declared::list(&call.core.db, def, &q, call.core.now()).await?
            && let Some(row) = page.into_iter().next()
        {
            let own =
                ["username", "identifier", "name"].iter().find_map(|name| row.shown.get(*name)?.as_str());
            out.insert(key.clone(), own.map_or_else(|| row.name.clone(), str::to_owned));
        }
    }
    Ok(out)
}

fn value(def: &TableDef, key: &str) -> Option<Value> {
    match def.column("pk")?.kind {
        ColumnKind::Int => key.parse::<i64>().ok().map(Value::from),
        ColumnKind::Uuid => Uuid::parse_str(key).ok().map(Value::from),
        _ => Some(key.into()),
    }
}

/// The key of an object as the wire shows it, if there is one that the caller sees.
pub(super) async fn find(call: &Call, model: &str, key: &str) -> Result<Option<String>> {
    let key = Uuid::parse_str(key).map_or_else(|_| key.trim().to_owned(), |id| id.to_string());
    let stored = stored_key(&call.core, model, &key);
    Ok((!names(call, model, &[stored]).await?.is_empty()).then_some(key))
}
