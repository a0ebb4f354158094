//! Import: all entries of all files are validated on a copy of the configuration, then written in one
//! transaction.
use crate::context::Context;
use crate::entry::{self, State};
use crate::eval::{EntryObject, Environment, EvalError, Position, Scope};
use crate::file::{self, Blueprint, Entry};
use crate::missing_models;
use crate::permissions::{self, EntryPermission};
use crate::planned::{ObjectWrite, PlannedState};
use crate::problem::{Problem, sentence};
use crate::rows::{GROUP, Order, Rows, USER, WriteOutcome};
use signet_base::{Error, Json, Map, Result, json};
use signet_core::directory::{Author, Transaction};
use signet_core::{Core, compat, setup};
use signet_store::users::User;
use signet_store::{Write, table};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;

/// A text and its origin.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Its name in errors.
    pub file: &'a str,
    pub text: &'a str,
    /// Environment variables for `!Env`, for the server's own files. `None` also disables `!File`.
    pub environment: Option<&'a Environment>,
    /// Overrides values of the file's context.
    pub context: Option<&'a Map>,
}

impl<'a> Source<'a> {
    /// An untrusted text.
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, environment: None, context: None }
    }
}

/// The result of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub created: usize,
    pub updated: usize,
    pub deleted: usize,
    pub unchanged: usize,
    pub skipped: usize,
    /// Remarks about skipped parts.
    pub notes: Vec<String>,
}
impl Report {
    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.created + self.updated + self.deleted == 0
    }
    fn count(&mut self, outcome: WriteOutcome) {
        match outcome {
            WriteOutcome::Created => self.created += 1,
            WriteOutcome::Updated => self.updated += 1,
            WriteOutcome::Deleted => self.deleted += 1,
            WriteOutcome::Nothing => self.unchanged += 1,
        }
    }
}

/// Imports one file.
pub async fn apply(core: &Core, source: &Source<'_>, by: &Author) -> Result<Report> {
    apply_all(core, std::slice::from_ref(source), by).await
}

/// Imports several files; later ones see the objects of earlier ones. All or nothing.
pub async fn apply_all(core: &Core, sources: &[Source<'_>], by: &Author) -> Result<Report> {
    let (planned, report) = run(core, sources).await?;
    let files: Vec<&str> = sources.iter().map(|source| source.file).collect();
    let name = match files.as_slice() {
        [] => return Ok(report),
        [one] => (*one).to_owned(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    };
    commit(core, planned, &by.clone().by("blueprint", name)).await?;
    Ok(report)
}

/// Validates a file without writing.
pub async fn validate(core: &Core, source: &Source<'_>) -> Result<Report> {
    Ok(run(core, std::slice::from_ref(source)).await?.1)
}

async fn run(core: &Core, sources: &[Source<'_>]) -> Result<(PlannedState, Report)> {
    let mut planned = PlannedState::new(&core.config());
    let mut report = Report::default();
    let mut names: Vec<String> = Vec::new();
    for source in sources {
        let blueprint = file::read(source.file, source.text)?;
        one(core, &mut planned, source, &blueprint, &names, &mut report).await?;
        names.push(blueprint.name);
    }
    Ok((planned, report))
}

async fn one(
    core: &Core,
    planned: &mut PlannedState,
    source: &Source<'_>,
    blueprint: &Blueprint,
    earlier: &[String],
    report: &mut Report,
) -> Result<(), Problem> {
    report.notes.extend(blueprint.notes.iter().cloned());
    let context = Context::new(core, &blueprint.context, source.context);
    let (mut left_out, steps) = (HashSet::new(), AtomicUsize::new(0));
    let mut ids: HashMap<String, EntryObject> = HashMap::new();
    let mut moved: HashMap<String, String> = HashMap::new();
    for item in &blueprint.entries {
        let mut problem = Problem { entry: item.place.clone(), ..Problem::file(source.file, "") };
        let scope = Scope {
            core,
            planned,
            context: &context,
            ids: &ids,
            left_out: &left_out,
            environment: source.environment,
            steps: &steps,
        };
        let read = read_entry(&scope, item, earlier).await;
        let read = read.map_err(|(model, field, message)| {
            problem.model = model;
            Problem { message, ..problem.clone() }.at(&field)
        })?;
        let mut read = match read {
            EntryReading::Entry(read) => *read,
            EntryReading::Skipped => {
                report.skipped += 1;
                continue;
            }
            EntryReading::LeftOut(why) => {
                report.skipped += 1;
                report.notes.push(format!("{}: {}: left out, {why}", source.file, item.place));
                left_out.extend(item.id.clone());
                continue;
            }
        };
        for field in &read.left_out {
            report.notes.push(format!(
                "{}: {}: {}: {field}: left out, it refers to what does not exist here",
                source.file, item.place, read.model
            ));
        }
        problem.model.clone_from(&read.model);
        if !moved.is_empty() {
            read.identifiers
                .iter_mut()
                .map(|(_, value)| value)
                .chain(read.attrs.values_mut())
                .for_each(|value| rename(value, &moved));
        }
        let (mut outcome, made) = if read.model == META {
            (WriteOutcome::Nothing, None)
        } else if Rows::is_row(&read.model) {
            if read.identifiers.is_empty() {
                return Err(Problem { message: "expected at least one".into(), ..problem }.at("identifiers"));
            }
            let said = |(field, message): (String, String)| Problem { message, ..problem.clone() }.at(&field);
            let mut fields = row_fields(core, planned, &mut read).await.map_err(said)?;
            read.everywhere = fields.remove("permissions");
            report.notes.extend(read.left_out.iter().map(|f| {
                format!(
                    "{}: {}: {}: {f}: left out, there is no such field",
                    source.file, item.place, read.model
                )
            }));
            let order = Order { state: read.state, identifiers: &read.identifiers, fields: &fields };
            let (outcome, pk) = planned.rows.order(core, &read.model, &order).await.map_err(said)?;
            (outcome, Some(EntryObject { pk, pbm: None }))
        } else {
            let Some(def) = core.registry.find(&read.model).filter(|d| !d.rows) else {
                return Err(Problem {
                    message: "there is no such model, or blueprints cannot write it".into(),
                    ..problem
                }
                .at("model"));
            };
            if permissions::is_role(def) {
                read.everywhere = read.attrs.remove("permissions");
            }
            let attrs = std::mem::take(&mut read.attrs);
            let outcome = entry::object(core, planned, def, read.state, &read.identifiers, attrs)
                .await
                .map_err(|(field, error)| {
                    let (named, message) = match &error {
                        Error::Invalid(fields) => sentence(fields),
                        other => (String::new(), other.to_string()),
                    };
                    Problem { message, ..problem.clone() }.at(if field.is_empty() { &named } else { &field })
                })?;
            report.notes.extend(outcome.unknown.iter().map(|f| {
                format!(
                    "{}: {}: {}: {f}: left out, {} has no such field",
                    source.file,
                    item.place,
                    def.full_name(),
                    def.label
                )
            }));
            if let (Some(asked), Some(made)) = (outcome.asked_pk, &outcome.made)
                && let Some(actual) = made.pk.as_str().filter(|a| *a != asked)
            {
                moved.insert(asked, actual.to_owned());
            }
            (outcome.outcome, outcome.made)
        };
        if let Some(made) = &made {
            let said = |(field, message): (String, String)| Problem { message, ..problem.clone() }.at(&field);
            let mut left_out = Vec::new();
            let changed = permissions::of_entry(core, planned, &read, outcome, made, &mut left_out).await;
            if changed.map_err(said)? && outcome == WriteOutcome::Nothing {
                outcome = WriteOutcome::Updated;
            }
            report.notes.extend(left_out.iter().map(|what| {
                format!(
                    "{}: {}: {}: {what}: left out, it does not exist here",
                    source.file, item.place, read.model
                )
            }));
        }
        report.count(outcome);
        if let (Some(id), Some(made)) = (&item.id, made) {
            ids.insert(id.clone(), made);
        }
    }
    Ok(())
}

/// An entry that depends on another file.
const META: &str = "authentik_blueprints.metaapplyblueprint";

pub(crate) struct EntryRead {
    pub model: String,
    pub state: State,
    identifiers: Vec<(String, Json)>,
    attrs: Map,
    /// Fields that the model does not have.
    left_out: Vec<String>,
    /// The attribute `permissions` of a role or user.
    pub everywhere: Option<Json>,
    /// On the entry's object.
    pub permissions: Vec<EntryPermission>,
}

enum EntryReading {
    Entry(Box<EntryRead>),
    /// Its conditions are not met.
    Skipped,
    LeftOut(String),
}

/// Evaluates an entry. An error contains model, field and text.
async fn read_entry(
    scope: &Scope<'_>,
    item: &Entry,
    earlier: &[String],
) -> Result<EntryReading, (String, String, String)> {
    let bare = |(field, text): (String, String)| (String::new(), field, text);
    if !entry::applies(scope, item).await.map_err(bare)? {
        return Ok(EntryReading::Skipped);
    }
    let here = Position::default();
    let model =
        scope.value(&item.model, &here).await.map_err(|stop| bare(("model".into(), stop.sentence())))?;
    let model = model
        .as_str()
        .ok_or_else(|| bare(("model".into(), "expected app_label.model".into())))?
        .to_lowercase();
    if missing_models::is_missing(scope.core, &model) {
        return Ok(EntryReading::LeftOut(format!("{model} does not exist here")));
    }
    let named = |(field, text): (String, String)| (model.clone(), field, text);
    let state = match &item.state {
        None => State::Present,
        Some(node) => {
            let text =
                scope.value(node, &here).await.map_err(|stop| named(("state".into(), stop.sentence())))?;
            let wrong =
                || named(("state".into(), "expected present, created, must_created or absent".into()));
            text.as_str().and_then(State::parse).ok_or_else(wrong)?
        }
    };
    let def = scope.core.registry.find(&model);
    let knows = |field: &str| {
        if Rows::is_row(&model) {
            Rows::knows(&model, field)
        } else {
            def.is_none_or(|d| {
                d.field(field).is_some() || (permissions::is_role(d) && field == "permissions")
            })
        }
    };
    let mut parts = Vec::new();
    for nodes in [&item.identifiers[..], if state == State::Absent { &[] } else { &item.attrs }] {
        match entry::values(scope, nodes, def, knows).await {
            Ok(values) => parts.push(values),
            // A binding of a missing policy guards nothing; a missing part elsewhere would change the file's
            // meaning.
            Err((field, EvalError::LeftOut(id)))
                if field == "target" && model == "authentik_policies.policybinding" =>
            {
                return Ok(EntryReading::LeftOut(format!("it is bound to {id}, which was left out")));
            }
            Err((field, stop)) => return Err(named((field, stop.sentence()))),
        }
    }
    let (attrs, identifiers) = (parts.pop().unwrap_or_default(), parts.pop().unwrap_or_default());
    let left_out = identifiers.left_out.into_iter().chain(attrs.left_out).collect();
    let permissions = permissions::read(scope, &item.permissions).await.map_err(named)?;
    let read = EntryRead {
        model,
        state,
        identifiers: identifiers.fields,
        attrs: attrs.fields.into_iter().collect(),
        left_out,
        everywhere: None,
        permissions,
    };
    if read.model == META {
        let name = read
            .attrs
            .get("identifiers")
            .and_then(|i| i.get("name"))
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned();
        let required = read.attrs.get("required").and_then(Json::as_bool).unwrap_or(true);
        let known = earlier.contains(&name) || crate::defaults::has(&name);
        if required && !known {
            return Err((read.model, "identifiers".into(), format!("no blueprint is called {name}")));
        }
    }
    Ok(EntryReading::Entry(Box::new(read)))
}

/// The fields of a row entry, with the API's leniency. Unknown fields are added to `left_out`.
async fn row_fields(
    core: &Core,
    planned: &PlannedState,
    read: &mut EntryRead,
) -> Result<Map, (String, String)> {
    let mut fields: Map =
        read.identifiers.iter().filter(|(field, _)| !field.contains("__")).cloned().collect();
    fields.extend(std::mem::take(&mut read.attrs));
    match read.model.as_str() {
        USER => {
            let mut keys = HashMap::new();
            for name in compat::person(&mut fields) {
                if let Some(group) =
                    planned.rows.identified(core, GROUP, &[("name".to_owned(), json!(name))]).await?
                {
                    keys.insert(name, group.key());
                }
            }
            compat::name_groups(&mut fields, &keys);
        }
        GROUP => compat::group(&mut fields),
        _ => {}
    }
    permissions::check_roles(planned, &fields)?;
    read.left_out = fields.keys().filter(|field| !Rows::knows(&read.model, field)).cloned().collect();
    fields.retain(|field, _| Rows::knows(&read.model, field));
    Ok(fields)
}

/// Keys that the file gave and that the instance has under another key.
fn rename(value: &mut Json, moved: &HashMap<String, String>) {
    match value {
        Json::String(text) => {
            if let Some(new) = moved.get(text) {
                text.clone_from(new);
            }
        }
        Json::Array(list) => list.iter_mut().for_each(|v| rename(v, moved)),
        Json::Object(map) => map.values_mut().for_each(|v| rename(v, moved)),
        _ => {}
    }
}

async fn commit(core: &Core, planned: PlannedState, by: &Author) -> Result<()> {
    if planned.writes.is_empty() && planned.rows.is_empty() && planned.permissions.is_empty() {
        return Ok(());
    }
    let mut writes = Vec::with_capacity(planned.writes.len());
    for wish in &planned.writes {
        match wish {
            ObjectWrite::Delete(pk) => writes.push(Write::Delete { pk: *pk }),
            ObjectWrite::Create(pk) | ObjectWrite::Update(pk) => {
                // Not there any more: a later entry removed it.
                let Some(object) = planned.objects.get(*pk) else { continue };
                let (data, secrets) = (object.data.clone(), object.secrets.clone());
                writes.push(match wish {
                    ObjectWrite::Create(_) => {
                        Write::Create { def: object.def, pk: Some(object.pk), data, secrets }
                    }
                    _ => Write::Update { pk: *pk, version: Some(object.version), data, secrets },
                });
            }
        }
    }
    // An object made and removed in the same run was never written.
    writes.retain(|w| !matches!(w, Write::Delete { pk } if core.config().get(*pk).is_none()));
    // New users have provisional numbers, by which rows and objects of the file name them.
    let (groups, users) = planned.rows.new_rows();
    let numbers = table::reserve::<User>(&core.db, users.len()).await?;
    let real: HashMap<i64, i64> = users.iter().map(|user| user.id).zip(numbers).collect();
    let real_of = |id: i64| real.get(&id).copied().unwrap_or(id);
    let mut all = Transaction::new(core, by);
    for group in groups {
        all.change(group).await?;
    }
    for user in users {
        let id = real_of(user.id);
        all.change(planned.rows.creation(&user, id)).await?;
    }
    for write in &mut writes {
        settle(write, &real);
    }
    all.write(writes);
    planned.permissions.write(&mut all, |role| planned.objects.get(role).is_some(), real_of).await?;
    for change in planned.rows.changes(real_of) {
        all.change(change).await?;
    }
    all.commit().await?;
    if planned.rows.sets_password_of("akadmin") {
        setup::finish(core).await?;
    }
    Ok(())
}

fn user_fields(write: &mut Write) -> Vec<&mut Json> {
    let (def, data) = match write {
        Write::Create { def, data, .. } => (Some(*def), data),
        // What an update holds was judged with its model; only bindings name users.
        Write::Update { data, .. } => (None, data),
        Write::Delete { .. } => return Vec::new(),
    };
    if def.is_some_and(|d| d.field("user").is_none()) {
        return Vec::new();
    }
    data.get_mut("user").into_iter().collect()
}
fn settle(write: &mut Write, real: &HashMap<i64, i64>) {
    for value in user_fields(write) {
        if let Some(id) = value.as_i64().and_then(|n| real.get(&n)) {
            *value = json!(id);
        }
    }
}
