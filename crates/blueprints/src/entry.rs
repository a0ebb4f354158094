//! Entries about objects: finding or creating them, with the API's validation.
use crate::eval::{EntryObject, EvalError, Position, Scope};
use crate::file::Entry;
use crate::planned::PlannedState;
use crate::rows::{RowWritePlan, Wanted, WriteOutcome};
use signet_base::{Error, Json, Map, Uuid};
use signet_core::permission::initial;
use signet_core::{Core, compat};
use signet_model::{FieldKind, Lookup, ModelDef, Object, check};
use signet_store::{groups, users};
use std::collections::HashSet;
use std::sync::Arc;

/// The `state` of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Present,
    Created,
    MustCreated,
    Absent,
}

impl State {
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "present" => State::Present,
            "created" => State::Created,
            "must_created" => State::MustCreated,
            "absent" => State::Absent,
            _ => return None,
        })
    }
    /// The action, given what was found.
    pub fn of(self, found: Option<usize>) -> Result<RowWritePlan, (String, String)> {
        Ok(match (self, found) {
            (State::Absent, Some(at)) => RowWritePlan::Delete(at),
            (State::Absent, None) => RowWritePlan::Leave(None),
            (State::Present, Some(at)) => RowWritePlan::Update(at),
            (State::Created, Some(at)) => RowWritePlan::Leave(Some(at)),
            (State::MustCreated, Some(_)) => {
                return Err(("state".into(), "the object exists already".into()));
            }
            (_, None) => RowWritePlan::Create,
        })
    }
}

/// The evaluated mapping of an entry.
#[derive(Default)]
pub struct Values {
    pub fields: Vec<(String, Json)>,
    /// Fields that the model does not have, whose values cannot be evaluated.
    pub left_out: Vec<String>,
}

/// Evaluates a mapping. `def` tells which fields refer to bindable objects, `knows` which fields the model
/// has.
pub async fn values(
    scope: &Scope<'_>,
    nodes: &[(String, crate::yaml::Node)],
    def: Option<&ModelDef>,
    knows: impl Fn(&str) -> bool,
) -> Result<Values, (String, EvalError)> {
    let mut out = Values::default();
    for (field, node) in nodes {
        let bindable = def
            .and_then(|d| d.field(field))
            .is_some_and(|f| matches!(f.kind, FieldKind::Ref { target: "bindable", .. }));
        let place = Position::member(bindable);
        match scope.value(node, &place).await {
            Ok(value) => out.fields.push((field.clone(), value)),
            Err(EvalError::LeftOut(_)) if !knows(field) => out.left_out.push(field.clone()),
            Err(stop) => return Err((field.clone(), stop)),
        }
    }
    Ok(out)
}

/// Users and groups named by a set of values, looked up before validation.
struct KnownRows {
    users: HashSet<i64>,
    groups: HashSet<Uuid>,
}
impl Lookup for KnownRows {
    fn user_exists(&self, id: i64) -> bool {
        self.users.contains(&id)
    }
    fn group_exists(&self, id: Uuid) -> bool {
        self.groups.contains(&id)
    }
}

async fn known(
    core: &Core,
    planned: &PlannedState,
    def: &ModelDef,
    values: &Map,
) -> Result<KnownRows, Error> {
    let mut all = KnownRows { users: HashSet::new(), groups: HashSet::new() };
    for field in def.fields {
        let target = match field.kind {
            FieldKind::Ref { target, .. } => target,
            FieldKind::List(FieldKind::Ref { target, .. }) => target,
            _ => continue,
        };
        if target != "authentik_core.user" && target != "authentik_core.group" {
            continue;
        }
        let list = match values.get(field.name) {
            Some(Json::Array(list)) => list.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => continue,
        };
        for value in list {
            if let Some(id) = value.as_i64() {
                if planned.rows.has_user(id) || users::by_id(&core.db, id).await?.is_some() {
                    all.users.insert(id);
                }
            } else if let Some(id) = value.as_str().and_then(|s| Uuid::parse_str(s).ok())
                && (planned.rows.has_group(id) || groups::by_id(&core.db, id).await?.is_some())
            {
                all.groups.insert(id);
            }
        }
    }
    Ok(all)
}

/// The result of an entry: the write, the object's key, and the key that the file gave.
pub struct EntryOutcome {
    pub outcome: WriteOutcome,
    pub made: Option<EntryObject>,
    pub asked_pk: Option<String>,
    /// Members that the model does not have; they are dropped.
    pub unknown: Vec<String>,
}

/// Applies an entry to an object.
pub async fn object(
    core: &Core,
    planned: &mut PlannedState,
    def: &'static ModelDef,
    state: State,
    identifiers: &Wanted,
    attrs: Map,
) -> Result<EntryOutcome, (String, Error)> {
    let fail = |field: &str, text: String| (field.to_owned(), Error::invalid(field, text));
    let (asked, natural): (Vec<_>, Vec<_>) =
        identifiers.iter().cloned().partition(|(field, _)| field == "pk");
    if asked.is_empty() && natural.is_empty() {
        return Err(fail("identifiers", "expected at least one".into()));
    }
    let full_name = def.full_name();
    let mut found = None;
    if !asked.is_empty() {
        found = planned.matching(core, &full_name, &asked).map_err(|e| fail("identifiers", e))?;
    }
    if found.is_none() && !natural.is_empty() {
        let wanted =
            planned.with_rows(core, &full_name, &natural).await.map_err(|e| fail("identifiers", e))?;
        found = planned.matching(core, &full_name, &wanted).map_err(|e| fail("identifiers", e))?;
    }
    let made = |object: &Object| Some(EntryObject { pk: object.wire_pk(), pbm: object.pbm() });
    let asked_pk = asked.first().and_then(|(_, pk)| pk.as_str()).map(str::to_owned);
    let step = state.of(found.as_ref().map(|_| 0)).map_err(|(field, text)| fail(&field, text))?;
    // Look-ups (`name__startswith`) only find; plain identifiers are values of the object too.
    let mut incoming: Map = natural.into_iter().filter(|(field, _)| !field.contains("__")).collect();
    incoming.extend(attrs);
    compat::object(def, &planned.objects, "", &mut incoming, matches!(step, RowWritePlan::Create));
    initial::name(def, &mut incoming);
    initial::check(core, def, &incoming).map_err(|e| (String::new(), Error::Invalid(e)))?;
    let unknown: Vec<String> =
        incoming.keys().filter(|k| def.field(k).is_none() && *k != def.key).cloned().collect();
    let rows = known(core, planned, def, &incoming).await.map_err(|e| (String::new(), e))?;
    let (object, outcome) = match (step, found) {
        (RowWritePlan::Leave(_), found) => {
            return Ok(EntryOutcome {
                outcome: WriteOutcome::Nothing,
                made: found.as_deref().and_then(made),
                asked_pk,
                unknown: Vec::new(),
            });
        }
        (RowWritePlan::Delete(_), Some(before)) => {
            planned.delete(before.pk);
            return Ok(EntryOutcome {
                outcome: WriteOutcome::Deleted,
                made: made(&before),
                asked_pk,
                unknown: Vec::new(),
            });
        }
        (RowWritePlan::Update(_), Some(before)) => {
            let change = check(def, &incoming, Some(&before), true, &planned.objects, &rows, &core.ports)
                .map_err(|e| (String::new(), e))?;
            let same_secrets = change.secrets.len() == before.secrets.len()
                && change
                    .secrets
                    .iter()
                    .all(|(k, v)| before.secrets.get(k).is_some_and(|b| b.matches(v.reveal())));
            if same_secrets && change.data.iter().all(|(k, v)| before.data.get(k) == Some(v)) {
                return Ok(EntryOutcome {
                    outcome: WriteOutcome::Nothing,
                    made: made(&before),
                    asked_pk,
                    unknown,
                });
            }
            let object = Object::new(
                before.pk,
                before.num,
                def,
                change.data,
                change.secrets,
                before.version,
                before.created,
                core.now(),
            );
            (object, WriteOutcome::Updated)
        }
        _ => {
            let pk = match &asked_pk {
                Some(text) => {
                    Uuid::parse_str(text).map_err(|_| fail("pk", format!("“{text}” is not a valid UUID.")))?
                }
                None => core.ports.uuid(),
            };
            let change = check(def, &incoming, None, false, &planned.objects, &rows, &core.ports)
                .map_err(|e| (String::new(), e))?;
            let num = def.numbered.then(|| planned.next_num());
            (
                Object::new(pk, num, def, change.data, change.secrets, 1, core.now(), core.now()),
                WriteOutcome::Created,
            )
        }
    };
    let object = Arc::new(object.map_err(|e| (String::new(), e))?);
    let key = made(&object);
    if outcome == WriteOutcome::Created {
        planned.create(object)
    } else {
        planned.update(object)
    }
    Ok(EntryOutcome { outcome, made: key, asked_pk, unknown })
}

/// Whether all conditions of an entry are met.
pub async fn applies(scope: &Scope<'_>, entry: &Entry) -> Result<bool, (String, String)> {
    for condition in &entry.conditions {
        let value = scope
            .value(condition, &Position::default())
            .await
            .map_err(|stop| ("conditions".to_owned(), stop.sentence()))?;
        if !crate::tags::is_truthy(&value) {
            return Ok(false);
        }
    }
    Ok(true)
}
