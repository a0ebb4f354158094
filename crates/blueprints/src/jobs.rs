//! Jobs of instances: each is applied after it was written, and files again when they change.
use crate::instance::{BlueprintInstance, BlueprintStatus};
use crate::instances::{self, Repeat};
use crate::library::{self, LibraryFile};
use crate::oci;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result, Uuid, json};
use signet_core::Core;
use signet_core::directory::{self, Author};
use signet_core::job::{Job, JobRun, LogLevel, NewJob};
use signet_model::{Model, Object};
use signet_store::{Batch, Write};
use std::pin::Pin;
use std::sync::Arc;

/// Applies one instance.
pub struct ApplyBlueprint;

#[derive(Serialize, Deserialize)]
struct Payload {
    instance: Uuid,
}

#[async_trait]
impl Job for ApplyBlueprint {
    fn name(&self) -> &'static str {
        "authentik.blueprints.v1.tasks.apply_blueprint"
    }
    fn description(&self) -> &'static str {
        "Apply a blueprint"
    }
    fn app(&self) -> &'static str {
        "authentik_blueprints"
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        let Payload { instance } = run.payload()?;
        let author = Author::system();
        match instances::apply_instance(&run.core.clone(), instance, &author, Repeat::Always).await {
            Ok(report) => report.notes.into_iter().for_each(|note| run.log(LogLevel::Warning, note)),
            // Deleted meanwhile, or its file is not there.
            Err(Error::NotFound) => run.log(LogLevel::Warning, "There is no such instance or file."),
            Err(error) => return Err(error),
        }
        Ok(Batch::new())
    }
}

/// Looks through the operator's folder: new files become instances, changed ones are applied, and instances whose file
/// is gone are marked.
pub struct DiscoverBlueprints;

#[async_trait]
impl Job for DiscoverBlueprints {
    fn name(&self) -> &'static str {
        "authentik.blueprints.v1.tasks.blueprints_discovery"
    }
    fn description(&self) -> &'static str {
        "Find new and changed blueprints"
    }
    fn schedule(&self) -> Option<&'static str> {
        Some("*/5 * * * *")
    }
    fn app(&self) -> &'static str {
        "authentik_blueprints"
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        for (name, error) in discover(&run.core.clone()).await? {
            run.log(LogLevel::Warning, format!("{name}: {error}"));
        }
        Ok(Batch::new())
    }
}

/// What could not be applied, and why.
async fn discover(core: &Core) -> Result<Vec<(String, Error)>> {
    let author = Author::system();
    let files = library::list(core);
    core.objects.refresh_if_stale().await?;
    let mut failures = Vec::new();
    for file in files.iter().filter(|file| !file.is_shipped) {
        let config = core.config();
        let known = instances::by_path(&config, &file.path);
        let done = match known {
            None if file.instantiates() => create(core, file, &author).await,
            None => Ok(()),
            Some(object) => {
                let instance = object.get::<BlueprintInstance>().filter(|instance| instance.enabled);
                let repeat = Repeat::IfChanged;
                match instance.filter(|i| i.last_applied_hash != file.hash() || !i.status.is_done()) {
                    None => Ok(()),
                    Some(_) => instances::apply_instance(core, object.pk, &author, repeat).await.map(drop),
                }
            }
        };
        if let Err(error) = done {
            failures.push((file.path.clone(), error));
        }
    }
    let config = core.config();
    for object in config.of(BlueprintInstance::DEF) {
        let path = object.text("path");
        let is_file = !path.is_empty() && !oci::is_artifact(path);
        if is_file && !files.iter().any(|file| file.path == path) {
            instances::set_status(core, object, BlueprintStatus::Orphaned, &author).await?;
        }
    }
    Ok(failures)
}

/// A new instance; the commit queues its job.
async fn create(core: &Core, file: &LibraryFile, author: &Author) -> Result<()> {
    let def = BlueprintInstance::DEF;
    let data = instances::new_data(core, &file.path, &file.head);
    let write = Write::Create { def, pk: None, data, secrets: Default::default() };
    directory::write(core, author, [write]).await.map(drop)
}

/// Queues the job of each instance that is written, and refuses what a request writes that cannot be applied.
pub fn on_write<'a>(
    core: &'a Core,
    author: &'a Author,
    writes: &'a [Write],
) -> Pin<Box<dyn Future<Output = Result<Batch>> + Send + 'a>> {
    Box::pin(async move {
        let mut batch = Batch::new();
        let config = core.config();
        for write in writes {
            let (pk, data, before) = match write {
                Write::Create { def, pk, data, .. } if def.is(instances::NAME) => (*pk, data, None),
                Write::Update { pk, data, .. } => match config.get(*pk).filter(|o| o.def.is(instances::NAME))
                {
                    Some(object) => (Some(*pk), data, Some(object)),
                    None => continue,
                },
                _ => continue,
            };
            if !is_to_apply(data, before) {
                continue;
            }
            if !author.client.method.is_empty() {
                judge(core, data).await?;
            }
            if data.get("enabled") == Some(&Json::Bool(true)) {
                batch = batch.then(queue(core, pk)?);
            }
        }
        Ok(batch)
    })
}

/// Whether it names something else than before. What an application notes in its instance is no reason for another one.
fn is_to_apply(data: &Map, before: Option<&Arc<Object>>) -> bool {
    match before {
        None => data.get("status") == Some(&json!(BlueprintStatus::Unknown)),
        Some(before) => ["path", "content", "context", "enabled"]
            .iter()
            .any(|field| before.data.get(*field) != data.get(*field)),
    }
}

fn queue(core: &Core, pk: Option<Uuid>) -> Result<Batch> {
    match pk {
        Some(instance) => NewJob::new(&ApplyBlueprint, &Payload { instance })?.batch(core),
        // Its key is not known before the commit: the folder's job finds it.
        None => NewJob::new(&DiscoverBlueprints, &json!(null))?.batch(core),
    }
}

async fn judge(core: &Core, data: &Map) -> Result<()> {
    let text = |field: &str| data.get(field).and_then(Json::as_str).unwrap_or_default();
    let path = text("path");
    if !path.is_empty() {
        let is_there = oci::is_artifact(path) || library::read(core, path).is_ok();
        return if is_there { Ok(()) } else { Err(Error::invalid("path", "Blueprint file does not exist")) };
    }
    let context = data.get("context").and_then(Json::as_object);
    let source = crate::Source { context, ..crate::Source::new("content", text("content")) };
    match crate::validate(core, &source).await {
        Ok(_) => Ok(()),
        Err(Error::Invalid(fields)) => Err(Error::invalid("content", crate::problem::sentence(&fields).1)),
        Err(error) => Err(error),
    }
}
