//! `signet server`: start, listeners, shutdown.
use crate::config::{Database, Options};
use crate::edge::connections::Connections;
use crate::edge::health::Scrape;
use crate::edge::http::{Http, Serve};
use crate::edge::listen::{self, Shared, Socket, bind_tcp, bind_udp};
use crate::edge::request::RequestHandler;
use crate::edge::tls::Tls;
use crate::signals::{ServiceRequest, Signals};
use crate::wiring::Endpoints;
use crate::{first_run, folder, housekeeping, jobs, wiring};
use signet_base::{Error, Ports, Result, machine, memory};
use signet_core::listener::{Protocol, Transport};
use signet_core::{Core, job};
use signet_store::{Db, DbKind, migrate};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
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
    /// Those of listeners of slices, by name.
    pub others: Vec<(&'static str, SocketAddr)>,
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
pub async fn start(options: &Options, ports: Ports, endpoints: &Endpoints) -> Result<Running> {
    let http = bind_tcp(&options.addresses("LISTEN__HTTP"), &options.variable("LISTEN__HTTP")).await?;
    let https = bind_tcp(&options.addresses("LISTEN__HTTPS"), &options.variable("LISTEN__HTTPS")).await?;
    let metrics =
        bind_tcp(&options.addresses("LISTEN__METRICS"), &options.variable("LISTEN__METRICS")).await?;
    let mut sockets = Vec::new();
    for listener in &endpoints.listeners {
        let setting = listener.setting();
        let addresses = options.addresses(setting);
        let bind = match listener.transport() {
            Transport::Stream => bind_tcp(&addresses, &options.variable(setting)).await?,
            Transport::Datagram => bind_udp(&addresses, &options.variable(setting)).await?,
        };
        sockets.push((*listener, bind));
    }
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
    let bound = |list: &[Socket]| list.iter().filter_map(Socket::address).collect::<Vec<_>>();
    let addresses = (bound(&http), bound(&https), bound(&metrics));
    let ports = |list: &[SocketAddr], secure: bool| {
        list.iter().map(|address| (address.port(), secure)).collect::<Vec<_>>()
    };
    core.set_listeners([ports(&addresses.0, false), ports(&addresses.1, true)].concat());
    let pages = Http::new(Serve::Routes(Arc::new(RequestHandler::new(core.clone(), endpoints))));
    let scrape = Http::new(Serve::Metrics(Arc::new(Scrape::new(core.clone()))));
    let mut all = vec![
        ("http", Protocol::Tcp(pages.clone()), http),
        ("https", Protocol::Tls(pages), https),
        ("metrics", Protocol::Tcp(scrape), metrics),
    ];
    let mut others = Vec::new();
    for (listener, sockets) in sockets {
        others.extend(bound(&sockets).into_iter().map(|address| (listener.name(), address)));
        all.push((listener.name(), listener.protocol(&core)?, sockets));
    }
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let shared = shared(options, &core, &stopped)?;
    for (name, protocol, sockets) in all {
        for socket in sockets {
            tasks.spawn(listen::run(socket, name, protocol.clone(), shared.clone()));
        }
    }
    background(&core, &mut tasks, &stopped);
    tasks.spawn(housekeeping::sockets(core.clone(), stopped.clone()));
    if options.embedded_worker() {
        tasks.spawn(job::work(core.clone(), stopped.clone()));
    }
    let (http, https, metrics) = addresses;
    Ok(Running { core, http, https, metrics, others, stop, tasks, _folder: folder })
}

/// What the listeners of a process share.
fn shared(options: &Options, core: &Arc<Core>, stop: &watch::Receiver<bool>) -> Result<Shared> {
    let connections = Connections::new(core.clone(), memory::raise_descriptors(), options.connections());
    Ok(Shared {
        core: core.clone(),
        connections: Arc::new(connections),
        tls: Arc::new(Tls::new(core)?),
        stop: stop.clone(),
    })
}

/// Starts what each process does for itself.
fn background(core: &Arc<Core>, tasks: &mut JoinSet<()>, stopped: &watch::Receiver<bool>) {
    tasks.spawn(housekeeping::run(core.clone(), stopped.clone()));
    tasks.spawn(housekeeping::follow(core.clone(), stopped.clone()));
    tasks.spawn(signet_store::bus::relay(core.db.clone(), core.ports.clone(), stopped.clone()));
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

/// Queues the job that reads the folder of certificates, where there is one.
async fn discover_certificates(core: &Core) {
    if core.settings.certificates.is_dir()
        && let Err(error) = jobs::discover_certificates::queue(core).await
    {
        tracing::warn!(%error, "the folder of certificates is read later");
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
                discover_certificates(core).await;
            }
        }
    }
}

/// Runs the server until a signal.
pub async fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    // Installed first, so that a signal during the start is not lost.
    let mut signals = Signals::listen()?;
    let running = start(options, wiring::ports(options), &wiring::endpoints()).await?;
    let addresses = |list: &[SocketAddr]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    tracing::info!(http = %addresses(&running.http), https = %addresses(&running.https), metrics = %addresses(&running.metrics), ms = started.elapsed().as_millis(), "ready");
    discover_certificates(&running.core).await;
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
    let metrics =
        bind_tcp(&options.addresses("LISTEN__METRICS"), &options.variable("LISTEN__METRICS")).await?;
    let core = open(options, wiring::ports(options)).await?;
    first_run::prepare(&core, &options.bootstrap).await?;
    // Links of the machine itself lead to the server that is started with the same settings.
    let ports =
        |list: &[SocketAddr], secure: bool| list.iter().map(|at| (at.port(), secure)).collect::<Vec<_>>();
    core.set_listeners(
        [ports(&options.addresses("LISTEN__HTTP"), false), ports(&options.addresses("LISTEN__HTTPS"), true)]
            .concat(),
    );
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let shared = shared(options, &core, &stopped)?;
    let scrape = Http::new(Serve::Metrics(Arc::new(Scrape::new(core.clone()))));
    let bound: Vec<String> = metrics.iter().filter_map(Socket::address).map(|at| at.to_string()).collect();
    for socket in metrics {
        tasks.spawn(listen::run(socket, "metrics", Protocol::Tcp(scrape.clone()), shared.clone()));
    }
    background(&core, &mut tasks, &stopped);
    tasks.spawn(job::work(core.clone(), stopped));
    tracing::info!(metrics = %bound.join(", "), "worker started");
    discover_certificates(&core).await;
    until_stopped(&mut signals, &core).await;
    tracing::info!("stopping: running jobs finish");
    let _ = stop.send(true);
    while tasks.join_next().await.is_some() {}
    core.db.close().await;
    Ok(())
}
