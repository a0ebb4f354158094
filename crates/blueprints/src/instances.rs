//! Applying instances: what they name is read, applied with their context, and noted in them in the same transaction.
use crate::apply::{Import, Report, Source};
use crate::file::Head;
use crate::instance::{BlueprintInstance, BlueprintStatus};
use crate::library;
use crate::oci::{self, Artifact};
use crate::problem::sentence;
use signet_base::vault::sha512_hex;
use signet_base::{Error, Json, Map, Result, Uuid, json};
use signet_core::Core;
use signet_core::directory::{self, Author};
use signet_core::event::EventAction;
use signet_model::{Model, Object, Snapshot};
use signet_store::Write;
use std::sync::Arc;

/// Whether an instance is applied that has applied the same before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    Always,
    IfChanged,
}

/// What an instance names.
struct Content {
    text: String,
    /// A file of the operator: it may read environment and files.
    is_trusted: bool,
}

async fn content(core: &Core, instance: &BlueprintInstance) -> Result<Content> {
    if oci::is_artifact(&instance.path) {
        let artifact = Artifact::parse(&instance.path).map_err(|why| Error::invalid("path", why))?;
        let text = artifact.fetch(&core.ports, &core.settings.blueprints.registries).await?;
        return Ok(Content { text, is_trusted: false });
    }
    if instance.path.is_empty() {
        return Ok(Content { text: instance.content.clone(), is_trusted: false });
    }
    let file = library::read(core, &instance.path)?;
    Ok(Content { text: file.text, is_trusted: !file.is_shipped })
}

/// Adds an instance to an import. One that is not enabled does nothing.
pub(crate) async fn apply_into(import: &mut Import<'_>, object: &Arc<Object>, repeat: Repeat) -> Result<()> {
    let settings = object.get::<BlueprintInstance>().ok_or(Error::NotFound)?;
    if !settings.enabled {
        return Ok(());
    }
    let content = content(import.core, settings).await?;
    apply_text(import, object, &content.text, content.is_trusted, repeat).await
}

/// [`apply_into`] of a text that is known.
pub(crate) async fn apply_text(
    import: &mut Import<'_>,
    object: &Arc<Object>,
    text: &str,
    is_trusted: bool,
    repeat: Repeat,
) -> Result<()> {
    let settings = object.get::<BlueprintInstance>().ok_or(Error::NotFound)?;
    let hash = sha512_hex(text.as_bytes());
    if repeat == Repeat::IfChanged && settings.status.is_done() && settings.last_applied_hash == hash {
        return Ok(());
    }
    let environment = is_trusted.then(library::environment);
    let file = if settings.path.is_empty() { object.name() } else { &settings.path };
    let source = Source {
        file: &shown(file),
        text,
        environment: environment.as_ref(),
        context: Some(&settings.context),
    };
    let notes = import.report.notes.len();
    import.open.push(object.pk);
    let read = import.file(&source).await?;
    import.open.pop();
    let status = if import.report.notes.len() == notes {
        BlueprintStatus::Successful
    } else {
        BlueprintStatus::Warning
    };
    let mut data = object.data.clone();
    data.insert("status".into(), json!(status));
    data.insert("last_applied".into(), json!(import.core.now()));
    data.insert("last_applied_hash".into(), json!(hash));
    data.insert("managed_models".into(), json!(read.models));
    data.insert("metadata".into(), Json::Object(read.head.to_map()));
    let now = import.core.now();
    let after = Object::new(
        object.pk,
        object.num,
        object.def,
        data,
        object.secrets.clone(),
        object.version,
        object.created,
        now,
    )?;
    import.planned.update(Arc::new(after));
    Ok(())
}

/// A path without the password of a registry.
fn shown(path: &str) -> String {
    match path.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, rest)) if path.contains(':') => format!("{scheme}://{rest}"),
        _ => path.to_owned(),
    }
}

/// How often an application is made anew because the configuration has changed meanwhile.
const ATTEMPTS: usize = 5;

/// Applies an instance. A failure is noted in it, and told by an event when it is new.
pub async fn apply_instance(core: &Core, pk: Uuid, by: &Author, repeat: Repeat) -> Result<Report> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        core.objects.refresh_if_stale().await?;
        let object = core.config().get(pk).filter(|o| o.def.is(NAME)).cloned().ok_or(Error::NotFound)?;
        let mut import = Import::new(core);
        let done = match apply_into(&mut import, &object, repeat).await {
            Ok(()) => import.commit(by).await,
            Err(error) => Err(error),
        };
        match done {
            Err(Error::Conflict(_)) if attempt < ATTEMPTS => {}
            Err(error) => {
                failed(core, &object, &error, by).await?;
                return Err(error);
            }
            done => return done,
        }
    }
}

pub(crate) const NAME: &str = "authentik_blueprints.blueprintinstance";

async fn failed(core: &Core, object: &Arc<Object>, error: &Error, by: &Author) -> Result<()> {
    let status = match error {
        Error::NotFound => BlueprintStatus::Orphaned,
        _ => BlueprintStatus::Error,
    };
    if !set_status(core, object, status, by).await? {
        return Ok(());
    }
    let message = match error {
        Error::Invalid(fields) => sentence(fields).1,
        Error::NotFound => "its file does not exist".to_owned(),
        other => other.to_string(),
    };
    let text = format!("The blueprint {} was not applied: {message}", object.name());
    let context = json!({"message": text, "model": Core::model_event(object)});
    core.event(&by.client, by.person(), EventAction::ConfigurationError, "authentik.blueprints", context)
        .await;
    Ok(())
}

/// Whether it had another one.
pub(crate) async fn set_status(
    core: &Core,
    object: &Arc<Object>,
    status: BlueprintStatus,
    by: &Author,
) -> Result<bool> {
    if object.get::<BlueprintInstance>().is_none_or(|instance| instance.status == status) {
        return Ok(false);
    }
    let mut data = object.data.clone();
    data.insert("status".into(), json!(status));
    let write =
        Write::Update { pk: object.pk, version: Some(object.version), data, secrets: object.secrets.clone() };
    match directory::write(core, by, [write]).await {
        // Somebody else has written it meanwhile.
        Err(Error::Conflict(_) | Error::NotFound) => Ok(false),
        done => done.map(|_| true),
    }
}

/// The instance of a file.
pub(crate) fn by_path<'s>(config: &'s Snapshot, path: &str) -> Option<&'s Arc<Object>> {
    config.of(BlueprintInstance::DEF).find(|object| object.text("path") == path)
}

/// The data of a new instance of a file.
pub(crate) fn new_data(core: &Core, path: &str, head: &Head) -> Map {
    let fields = BlueprintInstance::DEF.fields.iter();
    let mut data: Map =
        fields.filter_map(|field| Some((field.name.to_owned(), field.default?(&core.ports)))).collect();
    let name = if head.name.is_empty() { path } else { &head.name };
    data.insert("name".into(), json!(name));
    data.insert("path".into(), json!(path));
    data.insert("metadata".into(), Json::Object(head.to_map()));
    data
}

/// The instance of a file, made by the import where there is none.
pub(crate) fn of_file(import: &mut Import<'_>, path: &str, head: &Head) -> Result<Arc<Object>> {
    if let Some(object) = by_path(&import.planned.objects, path) {
        return Ok(object.clone());
    }
    let (def, data) = (BlueprintInstance::DEF, new_data(import.core, path, head));
    let (pk, now) = (import.core.ports.uuid(), import.core.now());
    let object = Arc::new(Object::new(pk, None, def, data, Default::default(), 1, now, now)?);
    import.planned.create(object.clone());
    Ok(object)
}
