//! Referrers, and the effect of a deletion on them.
use super::Write;
use super::plan::cut_field;
use signet_base::{Ports, Uuid};
use signet_model::{Object, OnDelete, Referrer, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The effect on the referring object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsedByAction {
    /// It is deleted too.
    Cascade,
    /// It loses the entry in its list.
    CascadeMany,
    SetNull,
    SetDefault,
}
impl UsedByAction {
    /// The API's value.
    pub fn as_str(self) -> &'static str {
        match self {
            UsedByAction::Cascade => "cascade",
            UsedByAction::CascadeMany => "cascade_many",
            UsedByAction::SetNull => "set_null",
            UsedByAction::SetDefault => "set_default",
        }
    }
    fn of(referrer: &Referrer) -> Self {
        match (referrer.many, referrer.on_delete) {
            (true, _) => UsedByAction::CascadeMany,
            (false, OnDelete::Cascade) => UsedByAction::Cascade,
            (false, OnDelete::SetNull) => UsedByAction::SetNull,
            (false, OnDelete::SetDefault) => UsedByAction::SetDefault,
        }
    }
}

/// A referring object.
#[derive(Clone)]
pub struct UsedBy {
    pub object: Arc<Object>,
    pub field: &'static str,
    pub action: UsedByAction,
}

/// The objects that refer to `pk`, ordered by key.
pub fn used_by(config: &Snapshot, pk: Uuid) -> Vec<UsedBy> {
    let Some(object) = config.get(pk) else { return Vec::new() };
    shown(config, config.referrers(object))
}

/// The objects that refer to a row: `user:<id>`, or a group's UUID.
pub fn row_used_by(config: &Snapshot, key: &str) -> Vec<UsedBy> {
    shown(config, config.referrers_of(key))
}

fn shown<'a>(config: &Snapshot, referrers: impl Iterator<Item = &'a Referrer>) -> Vec<UsedBy> {
    let mut all: Vec<UsedBy> = referrers
        .filter_map(|r| {
            Some(UsedBy { object: config.get(r.from)?.clone(), field: r.field, action: UsedByAction::of(r) })
        })
        .collect();
    all.sort_by(|a, b| (a.object.pk, a.field).cmp(&(b.object.pk, b.field)));
    all
}

/// The writes that accompany the deletion of a row (`user:<id>`, or a group's UUID): dependents are deleted,
/// others lose the reference.
pub fn writes_for_deleted_row(config: &Snapshot, key: &str, ports: &Ports) -> Vec<Write> {
    let mut by_object: BTreeMap<Uuid, Vec<&Referrer>> = BTreeMap::new();
    for referrer in config.referrers_of(key) {
        by_object.entry(referrer.from).or_default().push(referrer);
    }
    let keys = [key.to_owned()];
    let mut writes = Vec::new();
    for (pk, referrers) in by_object {
        let Some(object) = config.get(pk) else { continue };
        if referrers.iter().any(|r| !r.many && r.on_delete == OnDelete::Cascade) {
            writes.push(Write::Delete { pk });
            continue;
        }
        let mut data = object.data.clone();
        for r in referrers {
            cut_field(object.def, &mut data, r.field, &keys, r.many, r.on_delete, ports);
        }
        writes.push(Write::Update {
            pk,
            version: Some(object.version),
            data,
            secrets: object.secrets.clone(),
        });
    }
    // Updates first: an object may lose its reference and then be deleted.
    writes.sort_by_key(|w| matches!(w, Write::Delete { .. }));
    writes
}
