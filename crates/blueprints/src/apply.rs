//! Import: all entries of all files are validated on a copy of the configuration, then written in one
//! transaction.
use crate::commit::commit;
use crate::context::Context;
use crate::entry::{self, State};
use crate::eval::{EntryObject, Environment, EvalError, Position, Scope};
use crate::file::{self, Blueprint, Entry, Head};
use crate::instances::{self, Repeat};
use crate::missing_models;
use crate::permissions::{self, EntryPermission};
use crate::planned::PlannedState;
use crate::problem::{Problem, sentence};
use crate::rows::{GROUP, Order, Rows, USER, WriteOutcome};
use signet_base::{Error, Json, Map, Result, Uuid, json};
use signet_core::directory::Author;
use signet_core::{Core, compat};
use std::collections::{BTreeSet, HashMap, HashSet};
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
    run(core, sources).await?.commit(by).await
}

/// Validates a file without writing.
pub async fn validate(core: &Core, source: &Source<'_>) -> Result<Report> {
    Ok(run(core, std::slice::from_ref(source)).await?.report)
}

async fn run<'c>(core: &'c Core, sources: &[Source<'_>]) -> Result<Import<'c>> {
    let mut import = Import::new(core);
    for source in sources {
        import.file(source).await?;
    }
    Ok(import)
}

/// What an import has read of a file.
pub(crate) struct FileRead {
    pub head: Head,
    /// Models of its entries.
    pub models: BTreeSet<String>,
}

/// An import under way: files are validated on a copy of the configuration.
pub(crate) struct Import<'c> {
    pub core: &'c Core,
    pub planned: PlannedState,
    pub report: Report,
    files: Vec<String>,
    /// Names of the files so far.
    names: Vec<String>,
    /// Instances that are being applied, the outermost first.
    pub(crate) open: Vec<Uuid>,
    /// Model and key of what entries are about, but for what they delete.
    pub touched: HashSet<(String, String)>,
}

impl<'c> Import<'c> {
    pub fn new(core: &'c Core) -> Self {
        Self {
            core,
            planned: PlannedState::new(&core.config()),
            report: Report::default(),
            files: Vec::new(),
            names: Vec::new(),
            open: Vec::new(),
            touched: HashSet::new(),
        }
    }

    /// Writes it all.
    pub async fn commit(self, by: &Author) -> Result<Report> {
        let name = match self.files.as_slice() {
            [] => return Ok(self.report),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        commit(self.core, self.planned, &by.clone().by("blueprint", name)).await?;
        Ok(self.report)
    }

    pub async fn file(&mut self, source: &Source<'_>) -> Result<FileRead> {
        let blueprint = file::read(source.file, source.text)?;
        let models = self.entries(source, &blueprint).await?;
        self.files.push(source.file.to_owned());
        self.names.push(blueprint.head.name.clone());
        Ok(FileRead { head: blueprint.head, models })
    }

    async fn entries(
        &mut self,
        source: &Source<'_>,
        blueprint: &Blueprint,
    ) -> Result<BTreeSet<String>, Problem> {
        let core = self.core;
        self.report.notes.extend(blueprint.notes.iter().cloned());
        let context = Context::new(core, &blueprint.context, source.context);
        let (mut left_out, steps) = (HashSet::new(), AtomicUsize::new(0));
        let mut ids: HashMap<String, EntryObject> = HashMap::new();
        let mut moved: HashMap<String, String> = HashMap::new();
        let mut models = BTreeSet::new();
        for item in &blueprint.entries {
            let mut problem =
                Problem { entry: item.place.clone(), line: item.line, ..Problem::file(source.file, "") };
            let scope = Scope {
                core,
                planned: &self.planned,
                context: &context,
                ids: &ids,
                left_out: &left_out,
                environment: source.environment,
                steps: &steps,
            };
            let read = read_entry(&scope, item).await.map_err(|(model, field, message)| {
                problem.model = model;
                Problem { message, ..problem.clone() }.at(&field)
            })?;
            let mut read = match read {
                EntryReading::Entry(read) => *read,
                EntryReading::Skipped => {
                    self.report.skipped += 1;
                    continue;
                }
                EntryReading::LeftOut(why) => {
                    self.report.skipped += 1;
                    self.report.notes.push(format!("{}: {}: left out, {why}", source.file, item.place));
                    left_out.extend(item.id.clone());
                    continue;
                }
            };
            let note = |what: &str, why: &str| {
                format!("{}: {}: {}: {what}: left out, {why}", source.file, item.place, read.model)
            };
            let elsewhere = "it refers to what does not exist here";
            self.report.notes.extend(read.left_out.iter().map(|field| note(field, elsewhere)));
            problem.model.clone_from(&read.model);
            models.insert(read.model.clone());
            if !moved.is_empty() {
                read.identifiers
                    .iter_mut()
                    .map(|(_, value)| value)
                    .chain(read.attrs.values_mut())
                    .for_each(|value| rename(value, &moved));
            }
            let entry = self.entry(&mut read).await;
            let entry =
                entry.map_err(|(field, message)| Problem { message, ..problem.clone() }.at(&field))?;
            let what = |(what, why): &(String, String)| {
                format!("{}: {}: {}: {what}: left out, {why}", source.file, item.place, read.model)
            };
            self.report.notes.extend(entry.left_out.iter().map(what));
            moved.extend(entry.moved);
            self.report.count(entry.outcome);
            if let Some(made) = entry.made {
                if read.state != State::Absent {
                    self.touched.insert((read.model.clone(), crate::tags::text(&made.pk)));
                }
                if let Some(id) = &item.id {
                    ids.insert(id.clone(), made);
                }
            }
        }
        Ok(models)
    }

    /// One entry, validated and planned.
    async fn entry(&mut self, read: &mut EntryRead) -> Result<EntryDone, Wrong> {
        let (core, planned) = (self.core, &mut self.planned);
        let mut done = EntryDone::default();
        if read.model == META {
            self.dependency(read).await?;
            return Ok(done);
        }
        if Rows::is_row(&read.model) {
            if read.identifiers.is_empty() {
                return Err(("identifiers".into(), "expected at least one".into()));
            }
            let mut fields = row_fields(core, planned, read).await?;
            read.everywhere = fields.remove("permissions");
            let unknown = read.left_out.drain(..);
            done.left_out.extend(unknown.map(|field| (field, "there is no such field".to_owned())));
            let order = Order { state: read.state, identifiers: &read.identifiers, fields: &fields };
            let (outcome, pk) = planned.rows.order(core, &read.model, &order).await?;
            (done.outcome, done.made) = (outcome, Some(EntryObject { pk, pbm: None }));
        } else {
            let Some(def) = core.registry.find(&read.model).filter(|d| !d.rows) else {
                return Err(("model".into(), "there is no such model, or blueprints cannot write it".into()));
            };
            if permissions::is_role(def) {
                read.everywhere = read.attrs.remove("permissions");
            }
            let attrs = std::mem::take(&mut read.attrs);
            let outcome = entry::object(core, planned, def, read.state, &read.identifiers, attrs).await;
            let outcome = outcome.map_err(|(field, error)| {
                let (named, message) = match &error {
                    Error::Invalid(fields) => sentence(fields),
                    other => (String::new(), other.to_string()),
                };
                (if field.is_empty() { named } else { field }, message)
            })?;
            let why = format!("{} has no such field", def.label);
            done.left_out.extend(outcome.unknown.into_iter().map(|field| (field, why.clone())));
            if let (Some(asked), Some(made)) = (outcome.asked_pk, &outcome.made)
                && let Some(actual) = made.pk.as_str().filter(|a| *a != asked)
            {
                done.moved = Some((asked, actual.to_owned()));
            }
            (done.outcome, done.made) = (outcome.outcome, outcome.made);
        }
        if let Some(made) = &done.made {
            let mut left_out = Vec::new();
            let changed =
                permissions::of_entry(core, planned, read, done.outcome, made, &mut left_out).await?;
            if changed && done.outcome == WriteOutcome::Nothing {
                done.outcome = WriteOutcome::Updated;
            }
            let why = "it does not exist here";
            done.left_out.extend(left_out.into_iter().map(|what| (what, why.to_owned())));
        }
        Ok(done)
    }

    /// An entry that applies another instance first, where that is not done.
    async fn dependency(&mut self, read: &EntryRead) -> Result<(), Wrong> {
        let wrong = |message: String| ("identifiers".to_owned(), message);
        let named = read.attrs.get("identifiers").and_then(Json::as_object).cloned().unwrap_or_default();
        let name = named.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
        if !name.is_empty() && self.names.contains(&name) {
            return Ok(());
        }
        let wanted: Vec<(String, Json)> = named.into_iter().collect();
        let found = match wanted.as_slice() {
            [] => None,
            wanted => self.planned.matching(self.core, BLUEPRINT_INSTANCE, wanted).map_err(wrong)?,
        };
        let Some(instance) = found else {
            return match read.attrs.get("required").and_then(Json::as_bool) {
                Some(false) => Ok(()),
                _ => Err(wrong(format!("no blueprint is called {name}"))),
            };
        };
        if self.open.contains(&instance.pk) {
            return Err(wrong(format!("{} applies itself", instance.name())));
        }
        let applied = Box::pin(instances::apply_into(self, &instance, Repeat::IfChanged)).await;
        applied.map_err(|error| {
            let message = match &error {
                Error::Invalid(fields) => sentence(fields).1,
                other => other.to_string(),
            };
            wrong(format!("{}: {message}", instance.name()))
        })
    }
}

/// What an entry has done.
#[derive(Default)]
struct EntryDone {
    outcome: WriteOutcome,
    made: Option<EntryObject>,
    /// The key that the file gave, and the one of its object.
    moved: Option<(String, String)>,
    /// What was left out, and why.
    left_out: Vec<(String, String)>,
}

/// A field and its error.
type Wrong = (String, String);

/// An entry that depends on another file.
const META: &str = "authentik_blueprints.metaapplyblueprint";
const BLUEPRINT_INSTANCE: &str = "authentik_blueprints.blueprintinstance";
/// The password of an account that there is, as old bootstrap files set it.
const META_PASSWORD: &str = "authentik_blueprints.metausersetpassword";

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
async fn read_entry(scope: &Scope<'_>, item: &Entry) -> Result<EntryReading, (String, String, String)> {
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
    let (model, identifiers_of, attrs_of) = match model.as_str() {
        META_PASSWORD => set_password(scope, attrs.fields.into_iter().collect()).await?,
        _ => (model, identifiers.fields, attrs.fields.into_iter().collect()),
    };
    let read = EntryRead {
        model,
        state,
        identifiers: identifiers_of,
        attrs: attrs_of,
        left_out,
        everywhere: None,
        permissions,
    };
    Ok(EntryReading::Entry(Box::new(read)))
}

/// The entry that sets the password: `user_identifiers` and `raw_password`.
async fn set_password(
    scope: &Scope<'_>,
    mut attrs: Map,
) -> Result<(String, Vec<(String, Json)>, Map), (String, String, String)> {
    let wrong = |field: &str, message: &str| (META_PASSWORD.to_owned(), field.to_owned(), message.to_owned());
    let named = attrs.remove("user_identifiers");
    let wanted: Vec<(String, Json)> =
        named.and_then(|n| n.as_object().cloned()).unwrap_or_default().into_iter().collect();
    let password = attrs.remove("raw_password").filter(Json::is_string);
    let password = password.ok_or_else(|| wrong("raw_password", "This field is required."))?;
    if wanted.is_empty() {
        return Err(wrong("user_identifiers", "This field is required."));
    }
    let found = scope.planned.rows.find(scope.core, USER, &wanted).await;
    if found.map_err(|message| wrong("user_identifiers", &message))?.is_none() {
        return Err(wrong("user_identifiers", "There is no such user."));
    }
    Ok((USER.to_owned(), wanted, Map::from_iter([("password".to_owned(), password)])))
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
