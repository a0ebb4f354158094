//! The immutable snapshot of all configuration objects. A write makes a new one that shares everything unchanged with the
//! old one (persistent maps): its cost depends on what changes, not on what is there.
mod index;

use crate::check::reference_values;
use crate::{Base, FieldDef, Model, ModelDef, Object, OnDelete};
use index::{Bindings, Collection, Referrers, TOGETHER, index_text, together};
use rpds::HashTrieMapSync;
use signet_base::{Json, Map, Timestamp, Uuid};
use std::sync::Arc;

/// An object and the field by which it refers to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Referrer {
    pub from: Uuid,
    pub field: &'static str,
    pub many: bool,
    pub on_delete: OnDelete,
}

/// `app` and `name` of a model.
type ModelKey = (&'static str, &'static str);

#[derive(Default, Clone)]
pub struct Snapshot {
    /// The database's change counter that the snapshot reflects.
    pub counter: i64,
    objects: HashTrieMapSync<Uuid, Arc<Object>>,
    models: HashTrieMapSync<ModelKey, Collection>,
    families: HashTrieMapSync<Base, Collection>,
    by_num: HashTrieMapSync<i64, Arc<Object>>,
    by_pbm: HashTrieMapSync<Uuid, Arc<Object>>,
    referrers: HashTrieMapSync<String, Referrers>,
    /// Policy bindings by their target, in order.
    bindings: HashTrieMapSync<Uuid, Bindings>,
}

/// Sort key of bindings: order, then age.
fn binding_order(binding: &Object) -> (i64, Timestamp, Uuid) {
    (binding.data.get("order").and_then(Json::as_i64).unwrap_or(0), binding.created, binding.pk)
}

fn binding_target(object: &Object) -> Option<Uuid> {
    object
        .def
        .is("authentik_policies.policybinding")
        .then(|| Uuid::parse_str(object.text("target")).ok())
        .flatten()
}

impl Snapshot {
    pub fn new(counter: i64, objects: impl IntoIterator<Item = Arc<Object>>) -> Self {
        let mut me = Self { counter, ..Self::default() };
        for object in objects {
            me.put(object);
        }
        me
    }
    /// A copy with some objects replaced, added or removed.
    pub fn with(
        &self,
        counter: i64,
        changed: impl IntoIterator<Item = Arc<Object>>,
        removed: &[Uuid],
    ) -> Self {
        let mut me = Self { counter, ..self.clone() };
        for pk in removed {
            me.remove(*pk);
        }
        for object in changed {
            me.put(object);
        }
        me
    }
    /// Adds an object, or replaces the one with its key.
    pub fn put(&mut self, object: Arc<Object>) {
        let before = self.objects.get(&object.pk).cloned();
        if let Some(before) = &before {
            self.forget(before, Some(&object));
        }
        self.refer(before.as_deref(), Some(&object));
        if let Some(num) = object.num {
            self.by_num.insert_mut(num, object.clone());
        }
        if let Some(pbm) = object.pbm() {
            self.by_pbm.insert_mut(pbm, object.clone());
        }
        if let Some(target) = binding_target(&object) {
            index::change(&mut self.bindings, &target, |all| {
                let all = Arc::make_mut(all);
                let place = all.partition_point(|other| binding_order(other) < binding_order(&object));
                all.insert(place, object.clone());
            });
        }
        index::change(&mut self.models, &(object.def.app, object.def.name), |all| {
            all.insert(&object, object.def.ordering)
        });
        if let Some(base) = object.def.base {
            index::change(&mut self.families, &base, |all| all.insert(&object, "name"));
        }
        self.objects.insert_mut(object.pk, object);
    }
    pub fn remove(&mut self, pk: Uuid) {
        let Some(object) = self.objects.get(&pk).cloned() else { return };
        self.forget(&object, None);
        self.refer(Some(&object), None);
        self.objects.remove_mut(&pk);
    }
    /// Takes an object out of every index but `objects` and the references.
    fn forget(&mut self, object: &Arc<Object>, next: Option<&Object>) {
        if let Some(num) = object.num.filter(|num| next.is_none_or(|next| next.num != Some(*num))) {
            self.by_num.remove_mut(&num);
        }
        if let Some(pbm) = object.pbm().filter(|pbm| next.is_none_or(|next| next.pbm() != Some(*pbm))) {
            self.by_pbm.remove_mut(&pbm);
        }
        if let Some(target) = binding_target(object) {
            index::change(&mut self.bindings, &target, |all| {
                let all = Arc::make_mut(all);
                let place = all.partition_point(|other| binding_order(other) < binding_order(object));
                if all.get(place).is_some_and(|found| found.pk == object.pk) {
                    all.remove(place);
                }
            });
        }
        index::change(&mut self.models, &(object.def.app, object.def.name), |all| {
            all.remove(object, object.def.ordering)
        });
        if let Some(base) = object.def.base {
            index::change(&mut self.families, &base, |all| all.remove(object, "name"));
        }
    }
    /// Brings the references up to date, where they changed.
    fn refer(&mut self, before: Option<&Object>, after: Option<&Object>) {
        let of =
            |object: Option<&Object>| object.map(|o| reference_values(o.def, &o.data)).unwrap_or_default();
        let (old, new) = (of(before), of(after));
        let Some(from) = after.or(before).map(|o| o.pk) else { return };
        if old == new {
            return;
        }
        for (field, value, ..) in &old {
            index::change(&mut self.referrers, value, |all| {
                all.remove_mut(&(*field, from));
            });
        }
        for (field, value, many, on_delete) in new {
            let referrer = Referrer { from, field, many, on_delete };
            index::change(&mut self.referrers, &value, |all| all.insert_mut((field, from), referrer));
        }
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
        self.bindings.get(&pbm).map_or(&[], |all| all)
    }
    fn collection(&self, def: &ModelDef) -> Option<&Collection> {
        self.models.get(&(def.app, def.name))
    }
    /// How many objects of one model there are.
    pub fn count(&self, def: &ModelDef) -> usize {
        self.collection(def).map_or(0, Collection::len)
    }
    /// All objects of one model by primary key.
    pub fn of(&self, def: &ModelDef) -> impl DoubleEndedIterator<Item = &Arc<Object>> + use<'_> {
        self.collection(def).into_iter().flat_map(Collection::by_pk)
    }
    /// All objects of one model in the order that it declares; among equals the lower number, then the lower key.
    pub fn in_order(&self, def: &ModelDef) -> impl DoubleEndedIterator<Item = &Arc<Object>> + use<'_> {
        self.collection(def).into_iter().flat_map(Collection::in_order)
    }
    pub fn all<T: Model>(&self) -> impl Iterator<Item = (&Arc<Object>, &T)> {
        self.of(T::DEF).filter_map(|o| Some((o, o.get::<T>()?)))
    }
    /// Finds by an indexed field: `slug`, `name`, `managed`, the model's key, unique fields. Of several objects the one
    /// with the highest primary key.
    pub fn find<T: Model>(&self, field: &'static str, text: &str) -> Option<(&Arc<Object>, &T)> {
        let object = self.having_text(T::DEF, field, text).next_back()?;
        Some((object, object.get::<T>()?))
    }
    /// The objects of a model with this text in an indexed field, by primary key.
    pub fn having_text(
        &self,
        def: &ModelDef,
        field: &'static str,
        text: &str,
    ) -> impl DoubleEndedIterator<Item = &Arc<Object>> + use<'_> {
        let text = text.to_owned();
        self.collection(def).into_iter().flat_map(move |all| all.having(field, &text))
    }
    /// The objects of a model with this value in an indexed field, by primary key. None for null.
    pub fn having(
        &self,
        def: &ModelDef,
        field: &'static str,
        value: &Json,
    ) -> impl DoubleEndedIterator<Item = &Arc<Object>> + use<'_> {
        self.collection(def)
            .zip(index_text(value))
            .into_iter()
            .flat_map(move |(all, text)| all.having(field, &text))
    }
    /// The objects of a model that have the values of `unique_together` that the data has.
    pub fn having_together(
        &self,
        def: &ModelDef,
        data: &Map,
    ) -> impl Iterator<Item = &Arc<Object>> + use<'_> {
        self.collection(def)
            .zip(together(def, data))
            .into_iter()
            .flat_map(|(all, text)| all.having(TOGETHER, &text))
    }
    /// All members of a family by name.
    pub fn family(&self, base: Base) -> impl DoubleEndedIterator<Item = &Arc<Object>> + use<'_> {
        self.families.get(&base).into_iter().flat_map(Collection::in_order)
    }
    /// Members of a family with this value in an indexed field.
    pub fn family_having(
        &self,
        base: Base,
        field: &'static str,
        value: &Json,
    ) -> impl Iterator<Item = &Arc<Object>> + use<'_> {
        let all = self.families.get(&base).zip(index_text(value));
        all.into_iter().flat_map(move |(all, text)| all.having(field, &text))
    }
    /// Whether objects can be had by a value of this field.
    pub fn is_indexed(def: &ModelDef, field: &FieldDef) -> bool {
        index::is_indexed(def, field)
    }
    /// `app` and `name` of every model of which there is an object.
    pub fn models(&self) -> impl Iterator<Item = (&'static str, &'static str)> + use<'_> {
        self.models.keys().copied()
    }
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values()
    }
    /// Everything that refers to `key`: a UUID, `num:<n>`, `user:<n>`.
    pub fn referrers_of(&self, key: &str) -> impl Iterator<Item = &Referrer> + use<'_> {
        self.referrers.get(key).into_iter().flat_map(|all| all.values())
    }
    /// Objects that refer to this one by its UUID, integer key or `pbm_uuid`.
    pub fn referrers(&self, object: &Object) -> impl Iterator<Item = &Referrer> + use<'_> {
        object.reference_keys().into_iter().flat_map(|key| self.referrers_of(&key))
    }
    /// The objects that refer to `key` by a field of this name, by primary key.
    pub fn referring_key(
        &self,
        key: &str,
        field: &'static str,
    ) -> impl Iterator<Item = &Arc<Object>> + use<'_> {
        let all = self.referrers.get(key).into_iter();
        all.flat_map(move |all| index::by_field(all, field)).filter_map(|r| self.objects.get(&r.from))
    }
    /// The objects that refer to an object by a field of this name.
    pub fn referring(
        &self,
        object: &Object,
        field: &'static str,
    ) -> impl Iterator<Item = &Arc<Object>> + use<'_> {
        object.reference_keys().into_iter().flat_map(move |key| self.referring_key(&key, field))
    }
}
