//! Indexes of a snapshot: persistent maps, of which a changed copy shares what did not change.
use super::Referrer;
use crate::order::OrderKey;
use crate::{FieldDef, ModelDef, Object};
use rpds::{HashTrieMapSync, RedBlackTreeMapSync};
use signet_base::{Json, Map, Uuid};
use std::hash::Hash;
use std::sync::Arc;

pub(super) type Tree<K, V> = RedBlackTreeMapSync<K, V>;
/// Who refers to one thing, by field and key of the referring object.
pub(super) type Referrers = Tree<(&'static str, Uuid), Referrer>;

/// The bindings of one target, in order. Changed in place by a snapshot that no other one shares them with.
pub(super) type Bindings = Arc<Vec<Arc<Object>>>;

/// An index below another one.
pub(super) trait Part: Default + Clone {
    fn is_empty(&self) -> bool;
}
impl Part for Referrers {
    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }
}
impl Part for Bindings {
    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}
impl Part for Collection {
    fn is_empty(&self) -> bool {
        self.by_pk.is_empty()
    }
}

/// Changes one part, which is made when it is not there and dropped when it becomes empty.
pub(super) fn change<K: Hash + Eq + Clone, P: Part>(
    map: &mut HashTrieMapSync<K, P>,
    key: &K,
    change: impl FnOnce(&mut P),
) {
    if !map.contains_key(key) {
        map.insert_mut(key.clone(), P::default());
    }
    let Some(part) = map.get_mut(key) else { return };
    change(part);
    if part.is_empty() {
        map.remove_mut(key);
    }
}

pub(super) fn by_field<'a>(
    all: &'a Referrers,
    field: &'static str,
) -> impl Iterator<Item = &'a Referrer> + use<'a> {
    all.range((field, Uuid::nil())..=(field, Uuid::max())).map(|(_, referrer)| referrer)
}

/// The objects of a model or a family.
#[derive(Default, Clone)]
pub(super) struct Collection {
    by_pk: Tree<Uuid, Arc<Object>>,
    in_order: Tree<(OrderKey, Option<i64>, Uuid), Arc<Object>>,
    /// By field, value and primary key.
    by_value: Tree<(&'static str, String, Uuid), Arc<Object>>,
}

impl Collection {
    pub fn insert(&mut self, object: &Arc<Object>, order_by: &str) {
        self.in_order.insert_mut((OrderKey::of(object, order_by), object.num, object.pk), object.clone());
        for (field, value) in indexed_values(object.def, &object.data) {
            self.by_value.insert_mut((field, value, object.pk), object.clone());
        }
        self.by_pk.insert_mut(object.pk, object.clone());
    }
    pub fn remove(&mut self, object: &Object, order_by: &str) {
        self.in_order.remove_mut(&(OrderKey::of(object, order_by), object.num, object.pk));
        for (field, value) in indexed_values(object.def, &object.data) {
            self.by_value.remove_mut(&(field, value, object.pk));
        }
        self.by_pk.remove_mut(&object.pk);
    }
    pub fn len(&self) -> usize {
        self.by_pk.size()
    }
    pub fn by_pk(&self) -> impl DoubleEndedIterator<Item = &Arc<Object>> {
        self.by_pk.values()
    }
    pub fn in_order(&self) -> impl DoubleEndedIterator<Item = &Arc<Object>> {
        self.in_order.values()
    }
    pub fn having(
        &self,
        field: &'static str,
        value: &str,
    ) -> impl DoubleEndedIterator<Item = &Arc<Object>> + use<'_> {
        let (from, to) = ((field, value.to_owned(), Uuid::nil()), (field, value.to_owned(), Uuid::max()));
        self.by_value.range(from..=to).map(|(_, object)| object)
    }
}

/// The name under which the values of `unique_together` are indexed.
pub(crate) const TOGETHER: &str = "";

pub(super) fn is_indexed(def: &ModelDef, field: &FieldDef) -> bool {
    field.unique || field.name == def.key || matches!(field.name, "slug" | "name" | "managed")
}

/// Field and value of everything that objects are looked up by: names, and whatever is unique.
fn indexed_values(def: &'static ModelDef, data: &Map) -> impl Iterator<Item = (&'static str, String)> {
    let fields = def.fields.iter().filter(|f| is_indexed(def, f));
    let single = fields.filter_map(|f| Some((f.name, index_text(data.get(f.name)?)?)));
    single.chain(together(def, data).map(|value| (TOGETHER, value)))
}
/// A value as the indexes have it; none for null.
pub(crate) fn index_text(value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
/// The values that only one object of the model may have together; none where one of them is missing.
pub(crate) fn together(def: &ModelDef, data: &Map) -> Option<String> {
    if def.unique_together.is_empty() {
        return None;
    }
    let values = def
        .unique_together
        .iter()
        .map(|f| data.get(*f).filter(|v| !v.is_null()).cloned())
        .collect::<Option<Vec<_>>>()?;
    Some(Json::Array(values).to_string())
}
