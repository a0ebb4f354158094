//! `signet server`: start, listeners, shutdown.
use crate::config::{Database, Options};
use crate::edge::connections::Connections;
use crate::edge::health::Scrape;
use crate::edge::listen::{self, Serve};
use crate::edge::request::RequestHandler;
use crate::edge::tls;
use crate::signals::{ServiceRequest, Signals};
use crate::{first_run, folder, housekeeping, wiring};
use signet_base::{Error, Ports, Result, machine, memory};
use signet_core::{Core, job};
use signet_store::{Db, DbKind, migrate};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long connections are accepted after the stop signal if other nodes can take over: load balancers need
/// a moment to see that this node is not ready.
const GRACE: Duration = Duration::from_secs(5);

/// Opens and migrates the database, and loads the configuration.
pub async fn open(options: &Options, ports: Ports) -> Result<Arc<Core>> {
    let secret_key =
        options.installation_key(&ports).map_err(|e| Error::unavailable(format!("the secret key: {e}")))?;
    let db = wiring::open_database(options).await?;
    schema(options, &db, &ports).await?;
    wiring::core(options, ports, db, secret_key).await
}

async fn schema(options: &Options, db: &Db, ports: &Ports) -> Result<()> {
    if options.skip_migrations {
        return migrate::check(db).await;
    }
    let count = signet_store::migrate(db, ports).await?;
    if count > 0 {
        tracing::info!(count, "migrations applied");
    }
    Ok(())
}

/// A running server. Dropping it does not stop the listeners; call [`Running::stop`].
pub struct Running {
    pub core: Arc<Core>,
    /// Bound addresses of the HTTP listener.
    pub http: Vec<SocketAddr>,
    pub https: Vec<SocketAddr>,
    pub metrics: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    _folder: Option<folder::Lock>,
}

impl Running {
    /// Stops accepting, waits for running requests, closes the store.
    pub async fn stop(mut self) {
        // An error means that every task has ended already.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        self.core.db.close().await;
    }
}

/// Starts everything on a prepared core. The listeners are bound before anything is written, so that a second
/// server on the same ports changes nothing.
pub async fn start(options: &Options, ports: Ports) -> Result<Running> {
    let http = bind(&options.http, &options.variable("LISTEN__HTTP")).await?;
    let https = bind(&options.https, &options.variable("LISTEN__HTTPS")).await?;
    let metrics = bind(&options.metrics, &options.variable("LISTEN__METRICS")).await?;
    let folder = folder::lock(options)?;
    let core = open(options, ports).await?;
    tell_memory(options, &core);
    first_run::prepare(&core, &options.bootstrap).await?;
    first_run::announce(&core).await?;
    for (brand, flows) in signet_core::brand::open_beside(&core.config()) {
        let flows = flows.join(", ");
        tracing::warn!(%brand, %flows, "other sign-in flows are open without a second factor: set their authentication to require_redirect, or delete them");
    }
    for stage in signet_core::brand::tell_accounts(&core.config()) {
        tracing::warn!(%stage, "show_matched_user tells strangers which names and addresses are accounts: switch it off, or pretend_user_exists pretends in vain");
    }
    let handler = Arc::new(RequestHandler::new(core.clone()));
    let acceptor = if https.is_empty() { None } else { Some(tls::acceptor(&core)?) };
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let bound = |list: &[TcpListener]| list.iter().filter_map(|l| l.local_addr().ok()).collect::<Vec<_>>();
    let addresses = (bound(&http), bound(&https), bound(&metrics));
    let ports = |list: &[SocketAddr], secure: bool| {
        list.iter().map(|address| (address.port(), secure)).collect::<Vec<_>>()
    };
    core.set_listeners([ports(&addresses.0, false), ports(&addresses.1, true)].concat());
    let connections =
        Arc::new(Connections::new(core.clone(), memory::raise_descriptors(), options.connections()));
    for listener in http {
        tasks.spawn(listen::run(
            listener,
            None,
            Serve::Routes(handler.clone()),
            connections.clone(),
            stopped.clone(),
        ));
    }
    for listener in https {
        tasks.spawn(listen::run(
            listener,
            acceptor.clone(),
            Serve::Routes(handler.clone()),
            connections.clone(),
            stopped.clone(),
        ));
    }
    let scrape = Arc::new(Scrape::new(core.clone()));
    for listener in metrics {
        tasks.spawn(listen::run(
            listener,
            None,
            Serve::Metrics(scrape.clone()),
            connections.clone(),
            stopped.clone(),
        ));
    }
    background(&core, &mut tasks, &stopped);
    if options.embedded_worker() {
        tasks.spawn(job::work(core.clone(), stopped.clone()));
    }
    Ok(Running {
        core,
        http: addresses.0,
        https: addresses.1,
        metrics: addresses.2,
        stop,
        tasks,
        _folder: folder,
    })
}

/// Starts what each process does for itself.
fn background(core: &Arc<Core>, tasks: &mut JoinSet<()>, stopped: &watch::Receiver<bool>) {
    tasks.spawn(housekeeping::run(core.clone(), stopped.clone()));
    tasks.spawn(housekeeping::follow(core.clone(), stopped.clone()));
    tasks.spawn(signet_store::bus::relay(core.db.clone(), core.ports.clone(), stopped.clone()));
}

async fn bind(addresses: &[SocketAddr], variable: &str) -> Result<Vec<TcpListener>> {
    let mut all = Vec::with_capacity(addresses.len());
    for address in addresses {
        all.push(listen::bind(*address, variable).await?);
    }
    Ok(all)
}

/// Logs a warning if memory is too small for the settings.
fn tell_memory(options: &Options, core: &Core) {
    let (wanted, possible) =
        (core.settings.threads.max(1), core.settings.hash_threads(machine::memory_bytes()));
    if possible < wanted {
        let variable = options.variable("PASSWORDS__HASH_MEMORY");
        tracing::warn!(
            at_once = possible,
            "the memory of this machine or container is too small for {wanted} password hashes at once: sign-ins wait for each other. Give it more memory, or set {variable} lower."
        );
    }
}

/// Waits for the stop signal; SIGHUP reloads changes at once.
async fn until_stopped(signals: &mut Signals, core: &Core) {
    loop {
        match signals.next().await {
            ServiceRequest::Stop => return,
            ServiceRequest::Reload => {
                tracing::info!("the configuration and its certificates are read again");
                crate::log::reload();
                housekeeping::refresh(core).await;
            }
        }
    }
}

/// Runs the server until a signal.
pub async fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    // Installed first, so that a signal during the start is not lost.
    let mut signals = Signals::listen()?;
    let running = start(options, wiring::ports(options)).await?;
    let addresses = |list: &[SocketAddr]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    tracing::info!(http = %addresses(&running.http), https = %addresses(&running.https), metrics = %addresses(&running.metrics), ms = started.elapsed().as_millis(), "ready");
    until_stopped(&mut signals, &running.core).await;
    running.core.stopping.store(true, Ordering::Relaxed);
    if running.core.db.kind() == DbKind::Postgres {
        tracing::info!("not ready any more: other nodes take over");
        tokio::select! {
            () = tokio::time::sleep(GRACE) => {}
            // A second signal stops at once.
            () = until_stopped(&mut signals, &running.core) => {}
        }
    }
    tracing::info!("stopping: running requests finish");
    running.stop().await;
    Ok(())
}

/// `signet worker`: carries jobs out, and answers no requests but those for metrics. Several can run beside servers.
pub async fn worker(options: &Options) -> Result<()> {
    if let Database::Sqlite(_) = options.database {
        let (host, embedded) = (options.variable("POSTGRESQL__HOST"), options.variable("WORKER__EMBEDDED"));
        return Err(Error::unavailable(format!(
            "the database is SQLite, which belongs to one process: `server` carries the jobs out itself ({embedded}). A worker needs PostgreSQL: set {host}."
        )));
    }
    let mut signals = Signals::listen()?;
    let metrics = bind(&options.metrics, &options.variable("LISTEN__METRICS")).await?;
    let core = open(options, wiring::ports(options)).await?;
    first_run::prepare(&core, &options.bootstrap).await?;
    // Links of the machine itself lead to the server that is started with the same settings.
    let ports =
        |list: &[SocketAddr], secure: bool| list.iter().map(|at| (at.port(), secure)).collect::<Vec<_>>();
    core.set_listeners([ports(&options.http, false), ports(&options.https, true)].concat());
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let connections =
        Arc::new(Connections::new(core.clone(), memory::raise_descriptors(), options.connections()));
    let scrape = Arc::new(Scrape::new(core.clone()));
    let bound: Vec<String> =
        metrics.iter().filter_map(|l| l.local_addr().ok()).map(|at| at.to_string()).collect();
    for listener in metrics {
        let serve = Serve::Metrics(scrape.clone());
        tasks.spawn(listen::run(listener, None, serve, connections.clone(), stopped.clone()));
    }
    background(&core, &mut tasks, &stopped);
    tasks.spawn(job::work(core.clone(), stopped));
    tracing::info!(metrics = %bound.join(", "), "worker started");
    until_stopped(&mut signals, &core).await;
    tracing::info!("stopping: running jobs finish");
    let _ = stop.send(true);
    while tasks.join_next().await.is_some() {}
    core.db.close().await;
    Ok(())
}
