//! The configuration as it will be after the entries so far: later entries see what earlier ones made.
use crate::rows::Rows;
use signet_base::{Json, Map, Uuid};
use signet_core::{Core, wire};
use signet_model::{Kind, Object, Snapshot};
use std::sync::Arc;

/// What is written at the end, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Create(Uuid),
    Update(Uuid),
    Delete(Uuid),
}

pub struct World {
    pub objects: Snapshot,
    pub rows: Rows,
    pub wishes: Vec<Wish>,
    /// Providers made so far: the n-th is called `-n` until the database gives it a number.
    numbered: i64,
}

impl World {
    pub fn new(now: &Snapshot) -> Self {
        Self { objects: now.with(now.counter, [], &[]), rows: Rows::default(), wishes: Vec::new(), numbered: 0 }
    }
    /// A number for a new provider.
    pub fn next_num(&mut self) -> i64 {
        self.numbered += 1;
        -self.numbered
    }
    pub fn create(&mut self, object: Arc<Object>) {
        self.wishes.push(Wish::Create(object.pk));
        self.objects.add(object);
    }
    pub fn update(&mut self, object: Arc<Object>) {
        if !self.wishes.iter().any(|w| matches!(w, Wish::Create(pk) | Wish::Update(pk) if *pk == object.pk)) {
            self.wishes.push(Wish::Update(object.pk));
        }
        self.objects = self.objects.with(self.objects.counter, [object], &[]);
    }
    pub fn delete(&mut self, pk: Uuid) {
        self.wishes.push(Wish::Delete(pk));
        self.objects = self.objects.with(self.objects.counter, [], &[pk]);
    }

    /// The first object of the model (or family) of which everything wanted is true.
    pub fn matching(&self, core: &Core, model: &str, wanted: &Map) -> Result<Option<Arc<Object>>, String> {
        let mut found: Option<&Arc<Object>> = None;
        let judge = |object: &Object| -> Result<bool, String> {
            for (field, value) in wanted {
                if !self.fits(object, field, value)? {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        match core.registry.find(model) {
            Some(def) => {
                for object in self.objects.of(def) {
                    if judge(object)? {
                        return Ok(Some(object.clone()));
                    }
                }
            }
            None => {
                for object in self.objects.objects().filter(|o| o.def.answers_to(model)) {
                    if judge(object)? && found.is_none_or(|f| object.pk < f.pk) {
                        found = Some(object);
                    }
                }
                if found.is_none() && !core.registry.all().iter().any(|d| d.answers_to(model)) {
                    return Err(format!("no model is called {model}"));
                }
            }
        }
        Ok(found.cloned())
    }

    fn fits(&self, object: &Object, field: &str, wanted: &Json) -> Result<bool, String> {
        if field == "pk" || (field == object.def.key && object.def.field(field).is_none()) {
            return Ok(object.wire_pk() == *wanted || wanted.as_str() == Some(object.pk.to_string().as_str()));
        }
        if field == "pbm_uuid" || field == "policybindingmodel_ptr_id" {
            return Ok(object.pbm().is_some_and(|p| wanted.as_str() == Some(p.to_string().as_str())));
        }
        if let Some(def) = object.def.field(field) {
            if def.secret {
                return Err(format!("{field} is secret and cannot be searched by"));
            }
            return Ok(object.data.get(field).is_some_and(|v| contains(v, wanted)));
        }
        // `target__slug`: a field of the object that is referred to.
        if let Some((first, rest)) = field.split_once("__")
            && let Some(def) = object.def.field(first)
            && matches!(def.kind, Kind::Ref { .. })
        {
            let target = object.data.get(first).and_then(|v| self.referred(v));
            return target.map_or(Ok(false), |t| self.fits(t, rest, wanted));
        }
        Err(format!("{} has no field {field}", object.def.full_name()))
    }

    fn referred(&self, key: &Json) -> Option<&Arc<Object>> {
        match key {
            Json::Number(n) => self.objects.by_num(n.as_i64()?),
            Json::String(text) => {
                let id = Uuid::parse_str(text).ok()?;
                self.objects.get(id).or_else(|| self.objects.by_pbm(id))
            }
            _ => None,
        }
    }

    /// `!Find`: the key of the first match, or null; `whole`: the object as the API shows it.
    pub async fn find(&self, core: &Core, model: &str, wanted: &Map, bindable: bool, whole: bool) -> Result<Json, String> {
        if let Some(row) = self.rows.find(core, model, wanted).await? {
            return Ok(match row {
                Some(map) if whole => Json::Object(map),
                Some(map) => map.get("pk").cloned().unwrap_or_default(),
                None => Json::Null,
            });
        }
        let Some(object) = self.matching(core, model, wanted)? else { return Ok(Json::Null) };
        if whole {
            return Ok(Json::Object(wire::present(&object, &self.objects)));
        }
        Ok(match object.pbm().filter(|_| bindable) {
            Some(pbm) => Json::String(pbm.to_string()),
            None => object.wire_pk(),
        })
    }
}

/// Equality; of objects it is enough that all wanted members are there.
pub fn contains(value: &Json, wanted: &Json) -> bool {
    match (value, wanted) {
        (Json::Object(have), Json::Object(want)) => want.iter().all(|(k, v)| have.get(k).is_some_and(|h| contains(h, v))),
        _ => value == wanted,
    }
}
