//! Objects as rows: statements, sealing of secrets, unique values, references.
use super::Author;
use super::plan::{Done, is_row_model, target_of};
use crate::bus::{self, Notice, Topic};
use crate::db::{Batch, DbKind};
use crate::params;
use crate::rows::{delete_referring, roles};
use signet_base::{Conflict, Json, Map, Result, Uuid, Vault, vault::sha256_hex};
use signet_model::check::reference_values;
use signet_model::{Object, OnDelete, Registry, Snapshot};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

pub(super) const COUNTER: &str = "SELECT value, last_num FROM config_counter WHERE one = 1";
pub(super) const ALL: &str = "SELECT pk, num, model, data, secrets, version, created, updated FROM object";
pub(super) const CHANGED: &str =
    "SELECT pk, num, model, data, secrets, version, created, updated FROM object WHERE counter > ?";
pub(super) const REMOVED: &str = "SELECT DISTINCT pk FROM object_history WHERE deleted = 1 AND counter > ?";
pub(super) const HISTORY_OF: &str =
    "SELECT version, data, at, actor, request_id, deleted FROM object_history WHERE pk = ? ORDER BY id";
const RAISE: &str = "UPDATE config_counter SET value = ?, last_num = ? WHERE one = 1 AND value = ?";
const INSERT: &str = "INSERT INTO object (pk, num, model, data, secrets, version, created, updated, counter) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const UPDATE: &str = "UPDATE object SET data = ?, secrets = ?, version = ?, updated = ?, counter = ? WHERE pk = ? AND version = ?";
const DELETE: &str = "DELETE FROM object WHERE pk = ?";
const FREE_UNIQUE: &str = "DELETE FROM object_unique WHERE pk = ?";
const FREE_REFERENCES: &str = "DELETE FROM object_reference WHERE from_pk = ?";
const UNIQUE: &str = "INSERT INTO object_unique (scope, field, value, pk) VALUES (?, ?, ?, ?)";
const REFERENCE: &str =
    "INSERT INTO object_reference (from_pk, field, to_key, to_pk, on_delete) VALUES (?, ?, ?, ?, ?)";
const HISTORY: &str = "INSERT INTO object_history (pk, num, model, version, data, secrets, at, actor, request_id, deleted, counter) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(crate) const STATEMENTS: &[&str] = &[
    COUNTER,
    ALL,
    CHANGED,
    REMOVED,
    HISTORY_OF,
    RAISE,
    INSERT,
    UPDATE,
    DELETE,
    FREE_UNIQUE,
    FREE_REFERENCES,
    UNIQUE,
    REFERENCE,
    HISTORY,
];

/// The whole plan as one batch, on top of the snapshot it was made on.
pub(super) fn batch(
    done: &Done,
    config: &Snapshot,
    registry: &Registry,
    vault: &Vault,
    by: &Author,
    kind: DbKind,
) -> Result<Batch> {
    let counter = config.counter + 1;
    let mut batch = Batch::new()
        .add(RAISE, params![counter, done.last_num, config.counter])
        .expect_rows(1, Conflict::ConfigChanged);
    for o in &done.removed {
        batch.push(DELETE, params![o.pk]).expect_rows(1, Conflict::ConfigChanged);
        let name = o.def.full_name();
        let models = [name.as_str(), o.def.base.map_or("", |base| base.label())];
        batch = batch.then(delete_referring(&models, o.pk, o.num));
        let key = o.num.map_or_else(|| o.pk.to_string(), |num| num.to_string());
        for model in models.into_iter().filter(|model| !model.is_empty()) {
            batch = batch.then(roles::forget_object_batch(model, &key));
        }
        history(&mut batch, o, o.version + 1, &sealed(o, vault)?, done.at, by, true, counter);
    }
    // First all that is given up: two objects may swap their names in one go.
    for o in &done.written {
        if o.version > 1 {
            batch.push(FREE_UNIQUE, params![o.pk]);
            batch.push(FREE_REFERENCES, params![o.pk]);
        }
    }
    // Rows of one table follow each other: a database may take many of them with one statement.
    let fresh = WrittenKeys::of(&done.written);
    let (mut unique, mut references, mut versions) = (Batch::new(), Batch::new(), Batch::new());
    for o in &done.written {
        let secrets = sealed(o, vault)?;
        if o.version == 1 {
            batch.push(
                INSERT,
                params![
                    o.pk,
                    o.num,
                    o.def.full_name(),
                    &o.data,
                    &secrets,
                    o.version,
                    o.created,
                    o.updated,
                    counter
                ],
            );
        } else {
            batch
                .push(UPDATE, params![&o.data, &secrets, o.version, o.updated, counter, o.pk, o.version - 1])
                .expect_rows(1, Conflict::ConfigChanged);
        }
        for (scope, field, value) in unique_values(o) {
            unique.push(UNIQUE, params![scope, field, value, o.pk]);
        }
        let mut seen = BTreeSet::new();
        for (field, key, _, on_delete) in reference_values(o.def, &o.data) {
            let row = target_of(o.def, field).is_some_and(|target| is_row_model(registry, target));
            let to = if row { None } else { fresh.resolve(&key).or_else(|| stored(config, &key)) };
            if seen.insert((field, key.clone())) {
                references.push(REFERENCE, params![o.pk, field, key, to, word(on_delete)]);
            }
        }
        history(&mut versions, o, o.version, &secrets, o.updated, by, false, counter);
    }
    batch = batch.then(unique).then(references).then(versions);
    bus::notify(&mut batch, kind, &Notice { topic: Topic::Config, payload: counter.to_string() });
    Ok(batch)
}

#[allow(clippy::too_many_arguments, reason = "one row")]
fn history(
    batch: &mut Batch,
    o: &Object,
    version: i64,
    secrets: &Map,
    at: signet_base::Timestamp,
    by: &Author,
    deleted: bool,
    counter: i64,
) {
    batch.push(
        HISTORY,
        params![
            o.pk,
            o.num,
            o.def.full_name(),
            version,
            &o.data,
            secrets,
            at,
            by.user,
            &by.request_id,
            deleted,
            counter
        ],
    );
}

/// Secrets by field, each sealed for exactly this object and field.
fn sealed(o: &Object, vault: &Vault) -> Result<Map> {
    let (model, pk) = (o.def.full_name(), o.pk.to_string());
    let mut map = Map::new();
    for (field, secret) in &o.secrets {
        map.insert(field.clone(), Json::String(vault.seal((&model, &pk, field), secret)?));
    }
    Ok(map)
}

/// Scope, field and value of everything that no other object of the scope may have.
fn unique_values(o: &Object) -> Vec<(String, String, String)> {
    let mut all: BTreeMap<(String, String), String> = BTreeMap::new();
    for field in o.def.fields.iter().filter(|f| f.unique) {
        // Of flags only one that is set.
        let counts = |v: &&Json| !v.is_null() && **v != Json::Bool(false);
        if let Some(value) = o.data.get(field.name).filter(counts) {
            all.insert((o.def.unique_scope(field.name), field.name.to_owned()), short(value));
        }
    }
    let together: Vec<&Json> =
        o.def.unique_together.iter().filter_map(|f| o.data.get(*f)).filter(|v| !v.is_null()).collect();
    if !together.is_empty() && together.len() == o.def.unique_together.len() {
        let value = Json::Array(together.into_iter().cloned().collect());
        all.insert((o.def.full_name(), o.def.unique_together.join("+")), short(&value));
    }
    all.into_iter().map(|((scope, field), value)| (scope, field, value)).collect()
}

/// Long values by their digest: index entries are limited.
fn short(value: &Json) -> String {
    let text = match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.len() <= 200 { text } else { format!("sha256:{}", sha256_hex(text.as_bytes())) }
}

fn word(on_delete: OnDelete) -> &'static str {
    match on_delete {
        OnDelete::Cascade => "cascade",
        OnDelete::SetNull => "set_null",
        OnDelete::SetDefault => "set_default",
    }
}

fn stored(config: &Snapshot, key: &str) -> Option<Uuid> {
    if let Some(num) = key.strip_prefix("num:") {
        return config.by_num(num.parse().ok()?).map(|o| o.pk);
    }
    let id = Uuid::parse_str(key).ok()?;
    config.get(id).or_else(|| config.by_pbm(id)).map(|o| o.pk)
}

/// The objects of the plan by every key that a reference may use.
struct WrittenKeys(HashMap<String, Uuid>);

impl WrittenKeys {
    fn of(written: &[Arc<Object>]) -> Self {
        let mut keys = HashMap::new();
        for o in written {
            if let Some(num) = o.num {
                keys.insert(format!("num:{num}"), o.pk);
            }
            if let Some(pbm) = o.pbm() {
                keys.insert(pbm.to_string(), o.pk);
            }
            keys.insert(o.pk.to_string(), o.pk);
        }
        Self(keys)
    }
    fn resolve(&self, key: &str) -> Option<Uuid> {
        self.0.get(key).copied()
    }
}
