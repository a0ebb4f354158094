//! The configuration after the entries so far: later entries see the objects of earlier ones.
use crate::permissions::PlannedPermissions;
use crate::rows::{Row, Rows, USER, Wanted};
use crate::{lookup, missing_models};
use signet_base::{Json, Uuid};
use signet_core::{Core, wire};
use signet_model::{Base, FieldKind, ModelDef, Object, Snapshot};
use std::collections::HashSet;
use std::sync::Arc;

/// Writes to execute at the end, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectWrite {
    Create(Uuid),
    Update(Uuid),
    Delete(Uuid),
}

pub struct PlannedState {
    pub objects: Snapshot,
    pub rows: Rows,
    pub writes: Vec<ObjectWrite>,
    pub permissions: PlannedPermissions,
    /// What is created or updated.
    written: HashSet<Uuid>,
    /// Number of providers created so far: the n-th has the key `-n` until the database assigns one.
    numbered: i64,
}

impl PlannedState {
    pub fn new(now: &Snapshot) -> Self {
        Self {
            objects: now.clone(),
            rows: Rows::default(),
            writes: Vec::new(),
            permissions: PlannedPermissions::default(),
            written: HashSet::new(),
            numbered: 0,
        }
    }
    /// A key for a new provider.
    pub fn next_num(&mut self) -> i64 {
        self.numbered += 1;
        -self.numbered
    }
    pub fn create(&mut self, object: Arc<Object>) {
        self.writes.push(ObjectWrite::Create(object.pk));
        self.written.insert(object.pk);
        self.objects.put(object);
    }
    pub fn update(&mut self, object: Arc<Object>) {
        if self.written.insert(object.pk) {
            self.writes.push(ObjectWrite::Update(object.pk));
        }
        self.objects.put(object);
    }
    pub fn delete(&mut self, pk: Uuid) {
        self.writes.push(ObjectWrite::Delete(pk));
        self.objects.remove(pk);
    }

    /// The first object of the model (or family) that matches all criteria.
    pub fn matching(&self, core: &Core, model: &str, wanted: &Wanted) -> Result<Option<Arc<Object>>, String> {
        let judge = |object: &Object| -> Result<bool, String> {
            for (field, value) in wanted {
                if !self.fits(object, &field.split("__").collect::<Vec<_>>(), value)? {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        if let Some(def) = core.registry.find(model) {
            let mut found: Option<&Arc<Object>> = None;
            for object in self.candidates(def, wanted) {
                if found.is_none_or(|f| object.pk < f.pk) && judge(object)? {
                    found = Some(object);
                }
            }
            return Ok(found.cloned());
        }
        if !core.registry.all().iter().any(|d| is_a(d, model)) {
            return if missing_models::is_missing(core, model) {
                Ok(None)
            } else {
                Err(format!("no model is called {model}"))
            };
        }
        let mut found: Option<&Arc<Object>> = None;
        let mut any = false;
        let mut wrong = None;
        for object in self.members(model, wanted) {
            match judge(object) {
                Ok(fits) => {
                    any = true;
                    if fits && found.is_none_or(|f| object.pk < f.pk) {
                        found = Some(object);
                    }
                }
                // Members of a family have different fields.
                Err(why) => wrong = Some(why),
            }
        }
        match wrong {
            Some(why) if !any => Err(why),
            _ => Ok(found.cloned()),
        }
    }

    /// The objects that can be meant: as few as the indexes know.
    fn candidates(&self, def: &'static ModelDef, wanted: &Wanted) -> Vec<&Arc<Object>> {
        let indexed = wanted.iter().filter_map(|(path, value)| self.indexed(def, path, value));
        shortest(indexed.collect()).unwrap_or_else(|| self.objects.of(def).collect())
    }
    /// The objects that one condition leaves, where an index tells.
    fn indexed(&self, def: &'static ModelDef, path: &str, value: &Json) -> Option<Candidates<'_>> {
        let name = path.strip_suffix("__exact").unwrap_or(path);
        if name == "pk" {
            let object = match value {
                Json::String(text) if text.parse::<i64>().is_ok() => self.objects.by_num(text.parse().ok()?),
                Json::String(text) => self.objects.get(Uuid::parse_str(text).ok()?),
                _ => self.objects.by_num(value.as_i64()?),
            };
            return Some(Box::new(object.into_iter().filter(|o| same_model(o.def, def))));
        }
        let field = def.field(name)?;
        match (field.kind, value) {
            (FieldKind::Text | FieldKind::Slug, Json::String(text)) if Snapshot::is_indexed(def, field) => {
                Some(Box::new(self.objects.having_text(def, field.name, text)))
            }
            (FieldKind::Ref { target, .. }, _) => {
                let key = match value {
                    Json::String(key) => Uuid::parse_str(key).ok()?.to_string(),
                    Json::Number(n) if target == USER => format!("user:{n}"),
                    Json::Number(n) => format!("num:{n}"),
                    _ => return None,
                };
                let all = self.objects.referring_key(&key, field.name);
                Some(Box::new(all.filter(|o| same_model(o.def, def))))
            }
            _ => None,
        }
    }
    /// Members of a family that can be meant; everything that answers to the name where it is no family.
    fn members(&self, model: &str, wanted: &Wanted) -> Vec<&Arc<Object>> {
        let bases = [Base::Stage, Base::Policy, Base::Provider, Base::PropertyMapping, Base::Source];
        let Some(base) = bases.into_iter().find(|base| base.label() == model) else {
            return self.objects.objects().filter(|o| is_a(o.def, model)).collect();
        };
        let named = wanted.iter().find_map(|(path, value)| {
            let field = ["name", "slug", "managed"].into_iter().find(|field| field == path)?;
            value.is_string().then(|| self.objects.family_having(base, field, value).collect())
        });
        named.unwrap_or_else(|| self.objects.family(base).collect())
    }

    fn fits(&self, object: &Object, path: &[&str], wanted: &Json) -> Result<bool, String> {
        let [first, rest @ ..] = path else { return Err("a field is missing".into()) };
        if let Some(def) = object.def.field(first) {
            if def.secret {
                return Err(format!("{first} is secret and cannot be searched by"));
            }
            let value = object.data.get(*first);
            let leads_on = rest.first().is_some_and(|r| !lookup::is_lookup(r));
            return match def.kind {
                // `target__slug`: a field of the referenced object.
                FieldKind::Ref { .. } if leads_on => {
                    value.and_then(|v| self.object(v)).map_or(Ok(false), |t| self.fits(t, rest, wanted))
                }
                FieldKind::List(FieldKind::Ref { .. }) if leads_on => self.any(
                    value.and_then(Json::as_array).into_iter().flatten().filter_map(|v| self.object(v)),
                    rest,
                    wanted,
                ),
                FieldKind::List(FieldKind::Ref { .. }) if !wanted.is_array() && rest.is_empty() => {
                    Ok(value.and_then(Json::as_array).is_some_and(|l| l.contains(wanted)))
                }
                _ => lookup::fits(value, rest, wanted),
            };
        }
        if matches!(*first, "pbm_uuid" | "policybindingmodel_ptr_id" | "policybindingmodel_ptr") {
            return lookup::fits(object.pbm().map(|p| Json::String(p.to_string())).as_ref(), rest, wanted);
        }
        if matches!(*first, "pk" | "id" | "uuid")
            || *first == object.def.key
            || first.ends_with("_uuid")
            || first.ends_with("_ptr")
            || first.ends_with("_ptr_id")
        {
            let key = Json::String(object.pk.to_string());
            return Ok(lookup::fits(Some(&object.wire_pk()), rest, wanted)?
                || lookup::fits(Some(&key), rest, wanted)?);
        }
        // `application__slug`: a field of a referring object.
        if rest.first().is_some_and(|r| !lookup::is_lookup(r)) {
            let referrers = self.objects.referrers(object);
            let mut named = referrers
                .filter_map(|r| self.objects.get(r.from))
                .filter(|o| o.def.name == *first || format!("{}_set", o.def.name) == *first)
                .peekable();
            if named.peek().is_some() {
                return self.any(named, rest, wanted);
            }
            if self.objects.models().any(|(_, name)| name == *first) {
                return Ok(false);
            }
        }
        Err(format!("{} has no field {first}", object.def.full_name()))
    }

    fn any<'o>(
        &self,
        objects: impl Iterator<Item = &'o Arc<Object>>,
        path: &[&str],
        wanted: &Json,
    ) -> Result<bool, String> {
        for object in objects {
            if self.fits(object, path, wanted)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The object with this key, as in the API.
    pub fn object(&self, key: &Json) -> Option<&Arc<Object>> {
        match key {
            Json::Number(n) => self.objects.by_num(n.as_i64()?),
            Json::String(text) => {
                let id = Uuid::parse_str(text).ok()?;
                self.objects.get(id).or_else(|| self.objects.by_pbm(id))
            }
            _ => None,
        }
    }

    /// Resolves criteria about users and groups behind a reference to their keys, since they are rows.
    pub async fn with_rows(
        &self,
        core: &Core,
        model: &str,
        wanted: &Wanted,
    ) -> Result<Vec<(String, Json)>, String> {
        let mut out = Vec::with_capacity(wanted.len());
        for (field, value) in wanted {
            let target = field.split_once("__").filter(|(_, rest)| !lookup::is_lookup(rest)).and_then(
                |(first, rest)| match core.registry.find(model)?.field(first)?.kind {
                    FieldKind::Ref { target, .. } if Rows::is_row(target) => Some((first, target, rest)),
                    _ => None,
                },
            );
            out.push(match target {
                None => (field.clone(), value.clone()),
                Some((first, target, rest)) => {
                    let rows = self
                        .rows
                        .matching(core, target, &[(rest.to_owned(), value.clone())], usize::MAX)
                        .await
                        .map_err(|(_, e)| e)?;
                    (format!("{first}__in"), Json::Array(rows.iter().map(Row::key).collect()))
                }
            });
        }
        Ok(out)
    }

    /// `!Find`: the key of the first match, or null; `whole`: the object as in the API.
    pub async fn find(
        &self,
        core: &Core,
        model: &str,
        wanted: &Wanted,
        bindable: bool,
        whole: bool,
    ) -> Result<Json, String> {
        if Rows::is_row(model) {
            let row = self.rows.find(core, model, wanted).await?;
            return Ok(row.map_or(Json::Null, |row| if whole { Json::Object(row.map()) } else { row.key() }));
        }
        let wanted = self.with_rows(core, model, wanted).await?;
        let Some(object) = self.matching(core, model, &wanted)? else { return Ok(Json::Null) };
        if whole {
            return Ok(Json::Object(wire::present(&object, &self.objects)));
        }
        Ok(match object.pbm().filter(|_| bindable || model == BINDABLE) {
            Some(pbm) => Json::String(pbm.to_string()),
            None => object.wire_pk(),
        })
    }
}

type Candidates<'a> = Box<dyn Iterator<Item = &'a Arc<Object>> + 'a>;

/// All of the list that ends first; the others are read no further than that. So an entry costs what its rarest value has,
/// whatever it shares with thousands of others.
fn shortest<'a>(mut lists: Vec<Candidates<'a>>) -> Option<Vec<&'a Arc<Object>>> {
    if lists.is_empty() {
        return None;
    }
    let mut read: Vec<Vec<&Arc<Object>>> = vec![Vec::new(); lists.len()];
    loop {
        for (list, read) in lists.iter_mut().zip(&mut read) {
            match list.next() {
                Some(object) => read.push(object),
                None => return Some(std::mem::take(read)),
            }
        }
    }
}

fn same_model(one: &ModelDef, other: &ModelDef) -> bool {
    (one.app, one.name) == (other.app, other.name)
}

/// The model of everything that policies can be bound to.
const BINDABLE: &str = "authentik_policies.policybindingmodel";

/// Whether a model is, or belongs to, this model or family.
fn is_a(def: &ModelDef, model: &str) -> bool {
    def.answers_to(model) || (model == BINDABLE && (def.bindable || def.bound_by_pk))
}
