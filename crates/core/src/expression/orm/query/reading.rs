//! Evaluation of queries, from loaded data or the database.
use super::{Base, MOST, Query, RoleOwner, Shape, overlay};
use crate::expression::objects::{CallResult, gone};
use crate::expression::orm::classes::ClassKind;
use crate::expression::orm::record::Record;
use crate::expression::people::{self, Group};
use signet_base::Json;
use signet_expr::{CallError, Dict, Raised, Value};
use signet_model::Object;
use signet_store::lookups::{self, Condition, Model, Select};
use signet_store::{groups, roles};
use std::sync::Arc;

impl Query {
    pub(super) fn settings(&self, config: &signet_model::Snapshot) -> Vec<Arc<Object>> {
        match (&self.base, self.class.kind) {
            (Base::Objects(objects), _) => objects.clone(),
            (Base::All, ClassKind::Objects(model)) => self
                .shared
                .core
                .registry
                .find(model)
                .map_or_else(Vec::new, |def| config.of(def).cloned().collect()),
            (Base::All, ClassKind::Family(base)) => config.family(base).cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// Matching loaded groups in order; `None` if the database is needed.
    pub(super) fn known(&self, of: &Arc<Vec<groups::Group>>) -> Result<Option<Vec<Group>>, CallError> {
        let condition = self.tree.condition(self.class)?;
        let mut found: Vec<(Json, Group)> = Vec::new();
        for group in Group::all(&self.shared, of) {
            let record = people::record(group.row());
            match condition.fits(&record) {
                None => return Ok(None),
                Some(true) => found.push((record, group)),
                Some(false) => {}
            }
        }
        self.sort(&mut found)?;
        Ok(Some(found.into_iter().map(|(_, group)| group).collect()))
    }

    /// Sorts loaded data; without an order it stays as it is.
    pub(super) fn sort<T>(&self, found: &mut [(Json, T)]) -> Result<(), CallError> {
        for (name, _) in &self.order {
            if found.first().is_some_and(|(record, _)| record.get(name).is_none()) {
                return Err(CallError::Type(format!("Cannot resolve keyword '{name}' into field.")));
            }
        }
        let key = |record: &Json, name: &str| record.get(name).cloned().unwrap_or_default();
        let compare = |a: &Json, b: &Json| match (a, b) {
            (Json::String(a), Json::String(b)) => a.cmp(b),
            (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
            _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(std::cmp::Ordering::Equal),
        };
        found.sort_by(|(a, _), (b, _)| {
            self.order.iter().fold(std::cmp::Ordering::Equal, |so_far, (name, down)| {
                so_far.then_with(|| {
                    let order = compare(&key(a, name), &key(b, name));
                    if *down { order.reverse() } else { order }
                })
            })
        });
        if self.reversed {
            found.reverse();
        }
        Ok(())
    }

    /// The own roles of an account or a group.
    pub(super) async fn roles_of(&self, owner: RoleOwner) -> Result<Vec<Arc<Object>>, CallError> {
        let core = &self.shared.core;
        let found = match owner {
            RoleOwner::Account(user) => roles::of_users(&core.db, &[user]).await.map_err(gone)?.remove(&user),
            RoleOwner::Group(group) => {
                roles::of_many_groups(&core.db, &[group]).await.map_err(gone)?.remove(&group)
            }
        };
        let config = core.config();
        Ok(found.unwrap_or_default().into_iter().filter_map(|role| config.get(role).cloned()).collect())
    }

    /// The groups of a person, where they are at hand or other than in the database.
    async fn groups_at_hand(&self) -> Result<Option<Arc<Vec<groups::Group>>>, CallError> {
        let Base::Member { user, inherited, known } = &self.base else { return Ok(None) };
        if self.shared.journal.concerns(Model::Group) {
            return overlay::groups_of(&self.shared, *user, *inherited).await.map(|all| Some(Arc::new(all)));
        }
        Ok(known.clone())
    }

    /// Whether the text has written rows of the model.
    fn is_overlaid(&self, model: Model) -> bool {
        matches!(model, Model::User | Model::Group) && self.shared.journal.concerns(model)
    }

    /// The condition for the database.
    pub(super) async fn condition(&self) -> Result<Condition, CallError> {
        let condition = self.tree.condition(self.class)?;
        let ids =
            |groups: &[groups::Group]| groups.iter().map(|group| Json::from(group.id.to_string())).collect();
        let ClassKind::Rows(model) = self.class.kind else { return Ok(Condition::nothing()) };
        self.relations_are_certain(model, &condition)?;
        let among = match &self.base {
            Base::All => {
                let gone = self.shared.journal.gone(model);
                if gone.is_empty() {
                    return Ok(condition);
                }
                let gone = Condition::parse(model, vec![("pk__in".to_owned(), gone.into())]);
                return Ok(condition.and(Condition::Not(Box::new(gone.map_err(CallError::Type)?))));
            }
            Base::Member { user, inherited: false, .. } if !self.shared.journal.concerns(Model::Group) => {
                let member = Condition::parse(model, vec![("users".to_owned(), Json::from(*user))]);
                return Ok(condition.and(member.map_err(CallError::Type)?));
            }
            Base::Member { user, inherited, .. } => {
                ids(&overlay::groups_of(&self.shared, *user, *inherited).await?)
            }
            Base::Nothing | Base::Objects(_) | Base::RolesOf(_) => Vec::new(),
        };
        let among = Condition::parse(model, vec![("pk__in".to_owned(), Json::Array(among))])
            .map_err(CallError::Type)?;
        Ok(condition.and(among))
    }

    /// At most `limit` objects from `offset` on, without appended queries.
    pub(super) async fn part(&self, offset: u64, limit: u64) -> Result<Vec<Value>, CallError> {
        let (skip, take) =
            (usize::try_from(offset).unwrap_or(usize::MAX), usize::try_from(limit).unwrap_or(usize::MAX));
        if matches!(self.base, Base::Nothing) {
            return Ok(Vec::new());
        }
        let ClassKind::Rows(model) = self.class.kind else {
            let config = self.shared.core.config();
            let mut found = Vec::new();
            let all = match &self.base {
                Base::RolesOf(owner) => self.roles_of(*owner).await?,
                _ => self.settings(&config),
            };
            for object in all {
                if self.tree.fits(&config, &object)? {
                    let mut record = object.data.clone();
                    record.insert("pk".into(), object.wire_pk());
                    found.push((Json::Object(record), object));
                }
            }
            self.sort(&mut found)?;
            return Ok(found
                .into_iter()
                .skip(skip)
                .take(take)
                .map(|(_, object)| crate::expression::object_value(&object))
                .collect());
        };
        if let Some(of) = self.groups_at_hand().await?
            && let Some(found) = self.known(&of)?
        {
            return Ok(found.into_iter().skip(skip).take(take).map(Value::object).collect());
        }
        for (name, _) in &self.order {
            if !model.names().any(|known| known == name) {
                return Err(CallError::Type(format!("Cannot resolve keyword '{name}' into field.")));
            }
        }
        let db = &self.shared.core.db;
        if self.is_overlaid(model) {
            return self.overlaid(model, offset, limit).await;
        }
        if model == Model::Token && !self.shared.journal.lock().tokens.is_empty() {
            return Err(CallError::Fatal("tokens are asked for before any is made".into()));
        }
        let select = Select {
            condition: self.condition().await?,
            order: self.order.clone(),
            reversed: self.reversed,
            offset,
            limit,
        };
        match model {
            Model::User => {
                people::accounts(&self.shared, lookups::users(db, &select).await.map_err(refused)?).await
            }
            Model::Group => {
                let found = Arc::new(lookups::groups(db, &select).await.map_err(refused)?);
                Ok(Group::all(&self.shared, &found).into_iter().map(Value::object).collect())
            }
            _ => {
                Record::all(
                    &self.shared,
                    self.class,
                    lookups::rows(db, model, &select).await.map_err(refused)?,
                )
                .await
            }
        }
    }

    /// At most `limit` objects of the query's slice, in its shape.
    pub(super) async fn first_of(&self, limit: u64) -> Result<Vec<Value>, CallError> {
        let limit = self.limit.map_or(limit, |own| own.min(limit));
        let mut found = self.part(if self.more.is_empty() { self.offset } else { 0 }, limit).await?;
        if !self.more.is_empty() {
            for other in &self.more {
                found.extend(Box::pin(other.part(0, MOST + 1)).await?);
            }
            let mut once: Vec<Value> = Vec::new();
            for one in found {
                if !once.contains(&one) {
                    once.push(one);
                }
            }
            let skip = usize::try_from(self.offset).unwrap_or(usize::MAX);
            found = once.into_iter().skip(skip).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        }
        self.shaped(found)
    }

    pub(super) fn shaped(&self, found: Vec<Value>) -> Result<Vec<Value>, CallError> {
        let attr = |one: &Value, name: &str| -> Result<Value, CallError> {
            let mut parts = name.split("__");
            let mut here = one.as_object().and_then(|object| object.attr(parts.next()?));
            for part in parts {
                here = here.map(|value| match value.as_dict() {
                    Some(dict) => dict.get(part).cloned().unwrap_or_default(),
                    None => Value::None,
                });
            }
            here.filter(|value| !matches!(value, Value::Object(inner) if inner.as_any().is_some_and(|any| any.is::<Self>())))
                .ok_or_else(|| CallError::Type(format!("Cannot resolve keyword '{name}' into field.")))
        };
        let mut out = Vec::with_capacity(found.len());
        for one in found {
            out.push(match &self.shape {
                Shape::Objects => one,
                Shape::Flat(name) => attr(&one, name)?,
                Shape::Lists(names) => {
                    Value::list(names.iter().map(|name| attr(&one, name)).collect::<Result<Vec<_>, _>>()?)
                }
                Shape::Dicts(names) => {
                    let mut dict = Dict::new();
                    for name in names {
                        dict.insert(name.as_str(), attr(&one, name)?);
                    }
                    dict.into()
                }
            });
        }
        if self.distinct && !matches!(self.shape, Shape::Objects) {
            let mut once: Vec<Value> = Vec::new();
            for one in out {
                if !once.contains(&one) {
                    once.push(one);
                }
            }
            return Ok(once);
        }
        Ok(out)
    }

    /// All objects of the query; an error if there are too many.
    pub async fn objects(&self) -> Result<Arc<Vec<Value>>, CallError> {
        if let Some(read) = self.read.get() {
            return Ok(read.clone());
        }
        let found = self.first_of(MOST + 1).await?;
        if found.len() as u64 > MOST {
            return Err(CallError::Value(format!(
                "more than {MOST} objects of {} fit: narrow the query, or use exists() or count()",
                self.class.name
            )));
        }
        Ok(self.read.get_or_init(|| Arc::new(found)).clone())
    }

    pub(super) async fn count(&self) -> Result<u64, CallError> {
        let listed = matches!(
            self.base,
            Base::Member { known: Some(_), .. } | Base::Nothing | Base::Objects(_) | Base::RolesOf(_)
        ) || !matches!(self.class.kind, ClassKind::Rows(_))
            || self.distinct
            || !self.more.is_empty();
        if let Some(read) = self.read.get() {
            return Ok(read.len() as u64);
        }
        if listed {
            return Ok(self.first_of(u64::MAX).await?.len() as u64);
        }
        let ClassKind::Rows(model) = self.class.kind else { return Ok(0) };
        let total = if self.is_overlaid(model) {
            self.overlaid_count(model).await?
        } else {
            lookups::count(&self.shared.core.db, model, &self.condition().await?).await.map_err(refused)?
        };
        let rest = total.saturating_sub(self.offset);
        Ok(self.limit.map_or(rest, |limit| rest.min(limit)))
    }

    pub(super) async fn one(&self) -> CallResult {
        let mut found = self.first_of(2).await?;
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(CallError::DoesNotExist(self.class.name.into())),
            _ => Err(CallError::MultipleObjects(self.class.name.into())),
        }
    }

    pub(super) async fn item(&self, key: &Value) -> CallResult {
        match key {
            Value::Int(at) => {
                let at = u64::try_from(*at)
                    .map_err(|_| CallError::Value("Negative indexing is not supported.".into()))?;
                if let Some(found) = self.read.get() {
                    return found
                        .get(usize::try_from(at).unwrap_or(usize::MAX))
                        .cloned()
                        .ok_or_else(|| CallError::Raised(Raised::Index, "list index out of range".into()));
                }
                let found = self.sliced(at, Some(1))?.first_of(1).await?;
                found
                    .into_iter()
                    .next()
                    .ok_or_else(|| CallError::Raised(Raised::Index, "list index out of range".into()))
            }
            Value::List(parts) => {
                let part = |at: usize| match parts.get(at) {
                    None | Some(Value::None) => Ok(None),
                    Some(Value::Int(n)) => u64::try_from(*n)
                        .map(Some)
                        .map_err(|_| CallError::Value("Negative indexing is not supported.".into())),
                    Some(_) => Err(CallError::Type("slices are of numbers".into())),
                };
                let (start, end, step) = (part(0)?.unwrap_or(0), part(1)?, part(2)?);
                let sliced = self.sliced(start, end.map(|end| end.saturating_sub(start)))?;
                match step {
                    None => Ok(Value::object(sliced)),
                    // As in Django, a slice with a step reads.
                    Some(step) => Ok(Value::list(
                        sliced
                            .objects()
                            .await?
                            .iter()
                            .step_by(usize::try_from(step.max(1)).unwrap_or(1))
                            .cloned(),
                    )),
                }
            }
            _ => Err(CallError::Type("a query has numbers as indices".into())),
        }
    }
}

/// A condition that is too large is the author's error; others end the run.
pub(super) fn refused(error: signet_base::Error) -> CallError {
    match error {
        error @ signet_base::Error::Invalid(_) => CallError::Value(error.to_string()),
        other => gone(other),
    }
}
