//! Wires the crates: registry of models, kinds of all families, core, routes.
use crate::config::{Database, Options, StorageOptions};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::any;
use signet_base::storage::Storage;
use signet_base::{Ports, Result, Secret, Vault};
use signet_blueprints::BlueprintInstance;
use signet_core::listener::Listener;
use signet_core::system::SystemSettings;
use signet_core::{Client, Core, CoreParts, Families, WriteHook};
use signet_model::{Model, Registry};
use signet_providers::oauth2;
use signet_rest::{Action, Actions, Bearer, Table, VirtualHost};
use signet_storage::{Bucket, Folder, Usage};
use signet_store::{Db, ObjectStore, kv};
use std::sync::Arc;
use tower::ServiceExt;

/// The system's clock, randomness, mail and HTTP.
pub fn ports(options: &Options) -> Ports {
    signet_outbound::with_outbound(Ports::system(), options.outbound())
}

/// All models of this binary.
pub fn registry() -> Registry {
    let stages = signet_stages::ALL.iter().flat_map(|s| s.models);
    let policies = signet_policies::ALL.iter().flat_map(|s| s.models);
    let providers = signet_providers::ALL.iter().flat_map(|s| s.models);
    let sources = signet_sources::ALL.iter().flat_map(|s| s.models);
    let families = stages.chain(policies).chain(providers).chain(sources).chain(&[BlueprintInstance::DEF]);
    Registry::new(signet_core::models::ALL.iter().chain(families).copied())
}

/// All kinds of stages, policies, providers and jobs.
pub fn families() -> Families {
    let stages = signet_stages::ALL
        .iter()
        .map(|s| (s.kind)())
        .chain(signet_providers::ALL.iter().flat_map(|s| (s.stages)()));
    Families::new(
        stages,
        signet_policies::ALL.iter().map(|s| (s.kind)()),
        signet_providers::ALL.iter().map(|s| (s.provider)()),
    )
    .with_sources(signet_sources::ALL.iter().map(|s| (s.kind)()))
    .with_jobs(crate::jobs::ALL.iter().copied())
    .with_write_hooks([signet_blueprints::on_write as WriteHook])
}

/// How slices are reached.
#[derive(Clone, Default)]
pub struct Endpoints {
    pub routes: Vec<fn(&Arc<Core>) -> Router>,
    pub virtual_hosts: Vec<&'static dyn VirtualHost>,
    pub listeners: Vec<&'static dyn Listener>,
}

/// The endpoints of all slices.
pub fn endpoints() -> Endpoints {
    Endpoints {
        routes: vec![signet_providers::router, signet_sources::router],
        virtual_hosts: signet_providers::ALL.iter().flat_map(|s| s.virtual_hosts).copied().collect(),
        listeners: signet_providers::ALL.iter().flat_map(|s| s.listeners).copied().collect(),
    }
}

/// Opens the configured database. Creates the folder of an SQLite file.
pub async fn open_database(options: &Options) -> Result<Db> {
    match &options.database {
        Database::Sqlite(path) => {
            if let Some(folder) = path.parent() {
                crate::folder::prepare(folder)?;
            }
            Db::open_sqlite(path)
        }
        Database::Postgres(config) => Db::open_postgres((**config).clone()).await,
    }
}

/// A core on an open and migrated database.
pub async fn core(options: &Options, ports: Ports, db: Db, secret_key: Secret) -> Result<Arc<Core>> {
    let ports = with_storage(options, ports, &secret_key)?;
    let vault = Arc::new(Vault::new(&secret_key, ports.clone())?);
    let registry = Arc::new(registry());
    let objects = Arc::new(ObjectStore::new(db.clone(), registry.clone(), vault.clone(), ports.clone()));
    objects.load().await?;
    let install_id = kv::install_id(&db, &ports).await?;
    let core = Core::new(CoreParts {
        settings: options.core_settings(secret_key),
        assets: Arc::new(crate::assets::manifest()?),
        families: families(),
        ports,
        registry,
        db,
        vault,
        objects,
        install_id,
        system: SystemSettings::default(),
    })?;
    crate::housekeeping::recall_costs(&core).await?;
    Ok(core)
}

/// The ports with the configured stores of files.
fn with_storage(options: &Options, ports: Ports, secret_key: &Secret) -> Result<Ports> {
    let store = |usage| -> Result<Arc<dyn Storage>> {
        Ok(match options.storage(usage) {
            StorageOptions::Folder { path, url_expiry } => {
                Arc::new(Folder::new(&path, usage, secret_key, url_expiry, ports.clone())?)
            }
            StorageOptions::Bucket(settings) => Arc::new(Bucket::new(*settings, usage, ports.clone())),
        })
    };
    let (media, reports) = (store(Usage::Media)?, store(Usage::Reports)?);
    Ok(ports.with_storage(media, reports))
}

/// The REST actions of all slices.
pub fn actions() -> Vec<Action> {
    let stages = signet_stages::ALL.iter().map(|s| s.actions);
    let policies = signet_policies::ALL.iter().map(|s| s.actions);
    let providers = signet_providers::ALL.iter().map(|s| s.actions);
    let sources = signet_sources::ALL.iter().map(|s| s.actions);
    let all =
        stages.chain(policies).chain(providers).chain(sources).chain([signet_blueprints::actions as Actions]);
    all.flat_map(|actions| actions()).collect()
}

/// The table of the REST API.
pub fn table(core: &Core) -> Table {
    signet_api::table(&core.registry, actions(), core.ports.media.max_size())
}

/// All routes of the HTTP listeners, without the edge's processing.
pub fn routes(core: &Arc<Core>, endpoints: &Endpoints, table: Arc<Table>) -> Router {
    let bearer: Bearer = Arc::new(|core, _client, token| Box::pin(oauth2::bearer(core, token)));
    let api = signet_api::router(core.clone(), table, Some(bearer));
    let whole = api.clone();
    // A nested router does not match its own prefix with a trailing slash.
    let prefix = any(move |request: Request| async move {
        match whole.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    });
    let recovery = signet_front::recovery_router(core.clone())
        .route_layer(from_fn(|request, next| note_route(request, next, signet_front::RECOVERY)));
    let slices = endpoints.routes.iter().fold(Router::new(), |all, routes| all.merge(routes(core)));
    signet_front::router(core.clone())
        .merge(slices)
        .merge(crate::assets::router())
        .merge(crate::files::router(core))
        .merge(crate::edge::health::router(core.clone()))
        .merge(crate::edge::routes::router(core.clone()))
        .route_layer(from_fn(|request, next| note_route(request, next, NO_SECRET)))
        .merge(recovery)
        // The API records the rows of its own table.
        .route("/api/v3/", prefix)
        .nest("/api/v3", api)
}

/// Stands for every route without a secret in its path.
const NO_SECRET: &str = "/";

/// Records which route answers, for logs and events.
async fn note_route(request: Request, next: Next, route: &'static str) -> Response {
    if let Some(client) = request.extensions().get::<Arc<Client>>() {
        client.sent.matched(route);
    }
    next.run(request).await
}
