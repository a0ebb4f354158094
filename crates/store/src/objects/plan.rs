//! Planning of writes on a snapshot. Pure.
use super::{ObjectChange, Write};
use signet_base::{Conflict, Error, Json, Map, Ports, Result, Timestamp, Uuid};
use signet_model::check::reference_values;
use signet_model::{FieldKind, ModelDef, Object, OnDelete, Registry, Secrets, Snapshot};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// An object after the plan.
struct Draft {
    pk: Uuid,
    num: Option<i64>,
    def: &'static ModelDef,
    data: Map,
    secrets: Secrets,
    version: i64,
    created: Timestamp,
}

pub(super) struct Plan<'a> {
    config: &'a Snapshot,
    registry: &'a Registry,
    ports: &'a Ports,
    now: Timestamp,
    last_num: i64,
    drafts: HashMap<Uuid, Draft>,
    /// Order of first change.
    order: Vec<Uuid>,
    removed: Vec<Arc<Object>>,
    gone: HashSet<Uuid>,
    wished: Vec<Uuid>,
    /// Integer keys assigned in this plan, in order.
    given: Vec<i64>,
    /// New objects by their integer key, and by what policies are bound to.
    by_num: HashMap<i64, Uuid>,
    by_pbm: HashMap<Uuid, Uuid>,
    /// Drafts that refer to a key, or did at some time.
    referring: HashMap<String, Vec<Uuid>>,
}

/// The result: objects to write and to delete.
pub(super) struct Done {
    pub written: Vec<Arc<Object>>,
    pub removed: Vec<Arc<Object>>,
    pub last_num: i64,
    /// Time of the write.
    pub at: Timestamp,
    wished: Vec<Uuid>,
}

impl Done {
    /// What becomes of each object that the plan writes or deletes, referrers included, on top of the snapshot that it was
    /// made on.
    pub fn changes<'a>(&'a self, config: &'a Snapshot) -> Vec<ObjectChange<'a>> {
        // What goes with something goes before it.
        let removed = self.removed.iter().rev().map(|o| ObjectChange { before: Some(o), after: None });
        let written = self.written.iter().map(|o| {
            // What has its first version is new, even where the plan has deleted another one under the same key.
            let before = if o.version > 1 { config.get(o.pk) } else { None };
            ObjectChange { before, after: Some(o) }
        });
        written.chain(removed).collect()
    }
    /// One object per write.
    pub fn answer(&self) -> Vec<Arc<Object>> {
        let all: HashMap<Uuid, &Arc<Object>> =
            self.removed.iter().chain(&self.written).map(|o| (o.pk, o)).collect();
        self.wished.iter().filter_map(|pk| all.get(pk).map(|o| (*o).clone())).collect()
    }
}

impl<'a> Plan<'a> {
    pub fn new(config: &'a Snapshot, registry: &'a Registry, ports: &'a Ports, last_num: i64) -> Self {
        Self {
            config,
            registry,
            ports,
            now: ports.now(),
            last_num,
            drafts: HashMap::new(),
            order: Vec::new(),
            removed: Vec::new(),
            gone: HashSet::new(),
            wished: Vec::new(),
            given: Vec::new(),
            by_num: HashMap::new(),
            by_pbm: HashMap::new(),
            referring: HashMap::new(),
        }
    }

    pub fn wish(&mut self, write: &Write) -> Result<()> {
        match write {
            Write::Create { def, pk, data, secrets } => self.create(def, *pk, data.clone(), secrets.clone()),
            Write::Update { pk, version, data, secrets } => {
                self.update(*pk, *version, data.clone(), secrets.clone())
            }
            Write::Delete { pk } => {
                // An earlier cascade may have deleted it: nothing is left to do.
                if !self.there(*pk) && !self.gone.contains(pk) {
                    return Err(Error::NotFound);
                }
                self.wished.push(*pk);
                self.remove(*pk)
            }
        }
    }

    fn there(&self, pk: Uuid) -> bool {
        self.drafts.contains_key(&pk) || (self.config.get(pk).is_some() && !self.gone.contains(&pk))
    }

    fn create(
        &mut self,
        def: &'static ModelDef,
        pk: Option<Uuid>,
        mut data: Map,
        secrets: Secrets,
    ) -> Result<()> {
        let pk = pk.unwrap_or_else(|| self.ports.uuid());
        if self.there(pk) {
            return Err(Error::Conflict(Conflict::Unique("object.pk".into())));
        }
        if def.bindable && !def.bound_by_pk && data.get("pbm_uuid").is_none_or(|v| !v.is_string()) {
            data.insert("pbm_uuid".into(), Json::String(self.ports.uuid().to_string()));
        }
        let num = def.numbered.then(|| {
            self.last_num += 1;
            self.last_num
        });
        if let Some(num) = num {
            self.given.push(num);
            self.by_num.insert(num, pk);
        }
        settle(def, &mut data, &self.given);
        // A microsecond apart, so that objects created by one write keep their order.
        let created = Timestamp(self.now.0 + i64::try_from(self.drafts.len()).unwrap_or_default());
        if let Some(pbm) = data.get("pbm_uuid").and_then(Json::as_str).and_then(|t| Uuid::parse_str(t).ok()) {
            self.by_pbm.insert(pbm, pk);
        }
        self.note_references(pk, def, &data);
        self.drafts.insert(pk, Draft { pk, num, def, data, secrets, version: 1, created });
        self.order.push(pk);
        self.wished.push(pk);
        Ok(())
    }

    fn update(&mut self, pk: Uuid, version: Option<i64>, mut data: Map, secrets: Secrets) -> Result<()> {
        if !self.there(pk) {
            return Err(Error::NotFound);
        }
        if let (Some(expected), Some(stored)) = (version, self.config.get(pk))
            && expected != stored.version
        {
            return Err(Error::Conflict(Conflict::Stale));
        }
        let given = std::mem::take(&mut self.given);
        let draft = self.draft(pk)?;
        settle(draft.def, &mut data, &given);
        if draft.def.bindable
            && !data.contains_key("pbm_uuid")
            && let Some(pbm) = draft.data.get("pbm_uuid")
        {
            data.insert("pbm_uuid".into(), pbm.clone());
        }
        draft.data = data.clone();
        draft.secrets = secrets;
        let def = draft.def;
        self.given = given;
        self.note_references(pk, def, &data);
        self.wished.push(pk);
        Ok(())
    }

    /// The draft of an object, created from the snapshot if necessary.
    fn draft(&mut self, pk: Uuid) -> Result<&mut Draft> {
        match self.drafts.entry(pk) {
            std::collections::hash_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let o = self.config.get(pk).ok_or(Error::NotFound)?;
                self.order.push(pk);
                Ok(entry.insert(Draft {
                    pk,
                    num: o.num,
                    def: o.def,
                    data: o.data.clone(),
                    secrets: o.secrets.clone(),
                    version: o.version + 1,
                    created: o.created,
                }))
            }
        }
    }

    fn note_references(&mut self, pk: Uuid, def: &'static ModelDef, data: &Map) {
        for (_, key, ..) in reference_values(def, data) {
            self.referring.entry(key).or_default().push(pk);
        }
    }

    /// Declaration and data at this point of the plan.
    fn view(&self, pk: Uuid) -> Option<(&'static ModelDef, &Map)> {
        match self.drafts.get(&pk) {
            Some(draft) => Some((draft.def, &draft.data)),
            None if self.gone.contains(&pk) => None,
            None => self.config.get(pk).map(|o| (o.def, &o.data)),
        }
    }

    fn remove(&mut self, pk: Uuid) -> Result<()> {
        let stored = self.config.get(pk).filter(|_| !self.gone.contains(&pk)).cloned();
        let draft = self.drafts.remove(&pk);
        let (num, data) = match (&draft, &stored) {
            (Some(d), _) => (d.num, &d.data),
            (None, Some(o)) => (o.num, &o.data),
            (None, None) => return Ok(()),
        };
        let mut keys = vec![pk.to_string()];
        keys.extend(num.map(|n| format!("num:{n}")));
        keys.extend(data.get("pbm_uuid").and_then(Json::as_str).map(str::to_owned));
        self.gone.insert(pk);
        let mut candidates: Vec<Uuid> =
            keys.iter().filter_map(|k| self.referring.get(k)).flatten().copied().collect();
        if let Some(stored) = stored {
            candidates.extend(self.config.referrers(&stored).map(|r| r.from));
            self.removed.push(stored);
        }
        candidates.sort();
        candidates.dedup();
        for from in candidates {
            self.cut(from, &keys)?;
        }
        Ok(())
    }

    /// Applies the deletion of `keys` to one object.
    fn cut(&mut self, from: Uuid, keys: &[String]) -> Result<()> {
        let Some((def, data)) = self.view(from) else { return Ok(()) };
        let hits: Vec<_> =
            reference_values(def, data).into_iter().filter(|(_, key, _, _)| keys.contains(key)).collect();
        if hits.is_empty() {
            return Ok(());
        }
        if hits.iter().any(|(_, _, many, on_delete)| !many && *on_delete == OnDelete::Cascade) {
            return self.remove(from);
        }
        let mut data = data.clone();
        for (field, _, many, on_delete) in hits {
            cut_field(def, &mut data, field, keys, many, on_delete, self.ports);
        }
        self.draft(from)?.data = data;
        Ok(())
    }

    /// The objects of the drafts, with all references checked.
    pub fn finish(self) -> Result<Done> {
        for draft in self.drafts.values() {
            for (field, key, _, _) in reference_values(draft.def, &draft.data) {
                if self.resolve(&key).is_none() && !self.means_a_row(draft.def, field) {
                    let shown = key.strip_prefix("num:").unwrap_or(&key);
                    return Err(Error::invalid(
                        field,
                        format!("Invalid pk \"{shown}\" - object does not exist."),
                    ));
                }
            }
        }
        let mut drafts = self.drafts;
        let mut written = Vec::with_capacity(drafts.len());
        for pk in self.order {
            if let Some(d) = drafts.remove(&pk) {
                written.push(Arc::new(Object::new(
                    d.pk, d.num, d.def, d.data, d.secrets, d.version, d.created, self.now,
                )?));
            }
        }
        Ok(Done {
            written,
            removed: self.removed,
            last_num: self.last_num,
            at: self.now,
            wished: self.wished,
        })
    }

    fn means_a_row(&self, def: &ModelDef, field: &str) -> bool {
        target_of(def, field).is_some_and(|target| is_row_model(self.registry, target))
    }

    fn resolve(&self, key: &str) -> Option<Uuid> {
        if let Some(num) = key.strip_prefix("num:") {
            let num = num.parse().ok()?;
            let stored = || self.config.by_num(num).map(|o| o.pk);
            return self.by_num.get(&num).copied().or_else(stored).filter(|pk| self.there(*pk));
        }
        let id = Uuid::parse_str(key).ok()?;
        if self.there(id) {
            return Some(id);
        }
        let stored = || self.config.by_pbm(id).map(|o| o.pk);
        self.by_pbm.get(&id).copied().or_else(stored).filter(|pk| self.there(*pk))
    }
}

/// A reference `-n` means the n-th integer key assigned in this plan, whose value is not known before.
fn settle(def: &ModelDef, data: &mut Map, given: &[i64]) {
    let settled = |value: &Json| {
        value
            .as_i64()
            .filter(|n| *n < 0)
            .and_then(|n| given.get(usize::try_from(-n - 1).ok()?))
            .map(|n| Json::from(*n))
    };
    for field in def.fields.iter().filter(|f| target_of(def, f.name) == Some("authentik_core.provider")) {
        match data.get_mut(field.name) {
            Some(Json::Array(list)) => list.iter_mut().for_each(|v| {
                if let Some(n) = settled(v) {
                    *v = n;
                }
            }),
            Some(value) => {
                if let Some(n) = settled(value) {
                    *value = n;
                }
            }
            None => {}
        }
    }
}

/// The target of a reference field.
pub(super) fn target_of(def: &ModelDef, field: &str) -> Option<&'static str> {
    match def.field(field)?.kind {
        FieldKind::Ref { target, .. } => Some(target),
        FieldKind::List(FieldKind::Ref { target, .. }) => Some(*target),
        _ => None,
    }
}

/// Kinds stored in tables of their own.
pub(super) fn is_row_model(registry: &Registry, target: &str) -> bool {
    matches!(target, "authentik_core.user" | "authentik_core.group")
        || registry.find(target).is_some_and(|d| d.rows)
}

/// Removes references from a field.
pub(super) fn cut_field(
    def: &ModelDef,
    data: &mut Map,
    field: &str,
    keys: &[String],
    many: bool,
    on_delete: OnDelete,
    ports: &Ports,
) {
    let Some(value) = data.get_mut(field) else { return };
    if many {
        if let Json::Array(list) = value {
            let prefix = if target_of(def, field) == Some("authentik_core.user") { "user:" } else { "num:" };
            list.retain(|item| match item {
                Json::String(text) => !keys.contains(text),
                Json::Number(n) => !keys.contains(&format!("{prefix}{n}")),
                _ => true,
            });
        }
        return;
    }
    let default = if on_delete == OnDelete::SetDefault {
        def.field(field).and_then(|f| f.default).map(|f| f(ports))
    } else {
        None
    };
    *value = default.unwrap_or(Json::Null);
}
