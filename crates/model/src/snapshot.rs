//! The immutable snapshot of all configuration objects. A write replaces it.
use crate::check::reference_values;
use crate::{Base, Model, ModelDef, Object, OnDelete};
use signet_base::{Json, Timestamp, Uuid};
use std::collections::HashMap;
use std::sync::Arc;

/// An object and the field by which it refers to another.
#[derive(Debug, Clone)]
pub struct Referrer {
    pub from: Uuid,
    pub field: &'static str,
    pub many: bool,
    pub on_delete: OnDelete,
}

#[derive(Default)]
pub struct Snapshot {
    /// The database's change counter that the snapshot reflects.
    pub counter: i64,
    objects: HashMap<Uuid, Arc<Object>>,
    by_model: HashMap<&'static str, HashMap<&'static str, Vec<Arc<Object>>>>,
    by_num: HashMap<i64, Arc<Object>>,
    by_pbm: HashMap<Uuid, Arc<Object>>,
    by_key: HashMap<(&'static str, &'static str), HashMap<String, Arc<Object>>>,
    referrers: HashMap<String, Vec<Referrer>>,
    bindings: HashMap<Uuid, Vec<Arc<Object>>>,
}

/// Sort key of bindings: order, then age.
fn in_order(binding: &Arc<Object>) -> (i64, Timestamp, Uuid) {
    (binding.data.get("order").and_then(Json::as_i64).unwrap_or(0), binding.created, binding.pk)
}

impl Snapshot {
    /// Builds the indexes. Objects of a model are ordered by primary key.
    pub fn new(counter: i64, objects: impl IntoIterator<Item = Arc<Object>>) -> Self {
        let mut me = Self { counter, ..Self::default() };
        let mut all: Vec<_> = objects.into_iter().collect();
        all.sort_by_key(|o| o.pk);
        for object in all {
            me.index(object);
        }
        for list in me.bindings.values_mut() {
            list.sort_by_key(in_order);
        }
        me
    }
    /// Adds an object to a snapshot that is being built. The object must not be in it.
    pub fn add(&mut self, object: Arc<Object>) {
        let target = object
            .def
            .is("authentik_policies.policybinding")
            .then(|| Uuid::parse_str(object.text("target")).ok())
            .flatten();
        self.index(object);
        if let Some(list) = target.and_then(|t| self.bindings.get_mut(&t)) {
            list.sort_by_key(in_order);
        }
    }
    fn index(&mut self, object: Arc<Object>) {
        for (field, value, many, on_delete) in reference_values(object.def, &object.data) {
            self.referrers.entry(value).or_default().push(Referrer {
                from: object.pk,
                field,
                many,
                on_delete,
            });
        }
        if let Some(num) = object.num {
            self.by_num.insert(num, object.clone());
        }
        if let Some(pbm) = object.pbm() {
            self.by_pbm.insert(pbm, object.clone());
        }
        for field in ["slug", "name", "managed"] {
            if let Some(Json::String(text)) = object.data.get(field) {
                self.by_key.entry((object.def.name, field)).or_default().insert(text.clone(), object.clone());
            }
        }
        if object.def.is("authentik_policies.policybinding")
            && let Ok(target) = Uuid::parse_str(object.text("target"))
        {
            self.bindings.entry(target).or_default().push(object.clone());
        }
        self.by_model
            .entry(object.def.app)
            .or_default()
            .entry(object.def.name)
            .or_default()
            .push(object.clone());
        self.objects.insert(object.pk, object);
    }
    /// A copy with some objects replaced, added or removed.
    pub fn with(
        &self,
        counter: i64,
        changed: impl IntoIterator<Item = Arc<Object>>,
        removed: &[Uuid],
    ) -> Self {
        let mut objects = self.objects.clone();
        for pk in removed {
            objects.remove(pk);
        }
        for object in changed {
            objects.insert(object.pk, object);
        }
        Self::new(counter, objects.into_values())
    }
    pub fn get(&self, pk: Uuid) -> Option<&Arc<Object>> {
        self.objects.get(&pk)
    }
    pub fn get_typed<T: Model>(&self, pk: Uuid) -> Option<(&Arc<Object>, &T)> {
        let object = self.objects.get(&pk)?;
        Some((object, object.get::<T>()?))
    }
    pub fn by_num(&self, num: i64) -> Option<&Arc<Object>> {
        self.by_num.get(&num)
    }
    /// The object with this `pbm_uuid`.
    pub fn by_pbm(&self, pbm: Uuid) -> Option<&Arc<Object>> {
        self.by_pbm.get(&pbm)
    }
    /// Policy bindings of a target, in evaluation order.
    pub fn bindings_of(&self, pbm: Uuid) -> &[Arc<Object>] {
        self.bindings.get(&pbm).map_or(&[], Vec::as_slice)
    }
    /// All objects of a model.
    pub fn of(&self, def: &ModelDef) -> &[Arc<Object>] {
        self.by_model.get(def.app).and_then(|m| m.get(def.name)).map_or(&[], Vec::as_slice)
    }
    pub fn all<T: Model>(&self) -> impl Iterator<Item = (&Arc<Object>, &T)> {
        self.of(T::DEF).iter().filter_map(|o| Some((o, o.get::<T>()?)))
    }
    /// Finds by an indexed field: `slug`, `name`, `managed`.
    pub fn find<T: Model>(&self, field: &'static str, text: &str) -> Option<(&Arc<Object>, &T)> {
        let object = self.by_key.get(&(T::DEF.name, field))?.get(text)?;
        Some((object, object.get::<T>()?))
    }
    /// All members of a family.
    pub fn family(&self, base: Base) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values().filter(move |o| o.def.base == Some(base))
    }
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values()
    }
    /// Objects that refer to this one by its UUID, integer key or `pbm_uuid`.
    pub fn referrers(&self, object: &Object) -> Vec<Referrer> {
        let mut all = self.referrers.get(&object.pk.to_string()).cloned().unwrap_or_default();
        if let Some(num) = object.num {
            all.extend(self.referrers.get(&format!("num:{num}")).cloned().unwrap_or_default());
        }
        if let Some(pbm) = object.pbm() {
            all.extend(self.referrers.get(&pbm.to_string()).cloned().unwrap_or_default());
        }
        all
    }
    /// Objects that refer to a row outside the object store (`user:7`, or a group's UUID).
    pub fn row_referrers(&self, key: &str) -> &[Referrer] {
        self.referrers.get(key).map_or(&[], Vec::as_slice)
    }
}
