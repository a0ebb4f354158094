//! Starts, stops and prepares servers for tests.
use crate::Browser;
use crate::outside::LoopbackClient;
use crate::schema;
use signet_base::ports::FrozenClock;
use signet_base::{Ports, Result, Secret, Timestamp};
use signet_core::Core;
use signet_core::listener::Listener;
use signet_outbound::Smtp;
use signet_rest::VirtualHost;
use signet_server::config::{Config, Database, Options};
use signet_server::serve::{self, Running};
use signet_server::wiring::{self, Endpoints};
use signet_store::users::{self, User};
use signet_store::{DbKind, PostgresConfig, groups, testdb, tokens};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Runs the test on SQLite and on PostgreSQL.
pub async fn each_database<F, Fut>(test: F)
where
    F: Fn(DbKind) -> Fut,
    Fut: Future<Output = ()>,
{
    test(DbKind::Sqlite).await;
    if std::env::var("SIGNET_TEST_SKIP_POSTGRES").is_err() {
        test(DbKind::Postgres).await;
    }
}

/// Everything a server is started with; a restart uses it again.
#[derive(Clone)]
pub struct Setup {
    folder: PathBuf,
    postgres: Option<PostgresConfig>,
    variables: BTreeMap<String, String>,
    at: Timestamp,
    endpoints: Endpoints,
}

static COUNT: AtomicU64 = AtomicU64::new(1);

impl Setup {
    /// A new, empty installation.
    pub async fn new(kind: DbKind) -> Self {
        let folder = std::env::temp_dir().join(format!(
            "signet-test-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        let postgres = match kind {
            DbKind::Sqlite => None,
            DbKind::Postgres => Some(
                testdb::postgres_config(false)
                    .await
                    .expect("a PostgreSQL database; SIGNET_TEST_SKIP_POSTGRES=1 leaves it out"),
            ),
        };
        let mut variables = BTreeMap::new();
        for name in ["HTTP", "HTTPS", "METRICS"] {
            variables.insert(format!("AUTHENTIK_LISTEN__{name}"), "127.0.0.1:0".to_owned());
        }
        variables.insert(
            "AUTHENTIK_SECRET_KEY".into(),
            "the secret key of tests, which no installation uses".into(),
        );
        variables.insert("AUTHENTIK_LOG_LEVEL".into(), "error".into());
        // The minimum hash cost: tests hash many passwords.
        variables.insert("AUTHENTIK_PASSWORDS__HASH_MEMORY".into(), "19".into());
        variables.insert("AUTHENTIK_PASSWORDS__HASH_PASSES".into(), "2".into());
        Self {
            folder,
            postgres,
            variables,
            at: Timestamp::parse("2026-11-23T12:00:00Z").unwrap(),
            // Listeners of slices have fixed ports unless a test gives them another.
            endpoints: Endpoints { listeners: Vec::new(), ..wiring::endpoints() },
        }
    }
    /// A new installation in this database.
    pub async fn on(postgres: PostgresConfig) -> Self {
        Self { postgres: Some(postgres), ..Self::new(DbKind::Sqlite).await }
    }
    /// Sets an environment variable.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.insert(variable.to_owned(), value.to_owned());
        self
    }
    /// Adds a listener at a port of its own.
    #[must_use]
    pub fn listening(mut self, listener: &'static dyn Listener) -> Self {
        self.endpoints.listeners.push(listener);
        let variable = format!("AUTHENTIK_{}", listener.setting());
        self.with(&variable, "127.0.0.1:0")
    }
    /// Adds routes.
    #[must_use]
    pub fn routing(mut self, routes: fn(&Arc<Core>) -> axum::Router) -> Self {
        self.endpoints.routes.push(routes);
        self
    }
    /// Adds hosts of a slice.
    #[must_use]
    pub fn hosting(mut self, host: &'static dyn VirtualHost) -> Self {
        self.endpoints.virtual_hosts.push(host);
        self
    }
    /// How the database is reached, where it is PostgreSQL.
    pub fn postgres(&self) -> Option<&PostgresConfig> {
        self.postgres.as_ref()
    }
    /// Another way to the database.
    #[must_use]
    pub fn reached_by(mut self, postgres: PostgresConfig) -> Self {
        self.postgres = Some(postgres);
        self
    }
    pub fn options(&self) -> Options {
        let mut variables = self.variables.clone();
        variables.insert("SIGNET_DATA_DIR".into(), self.folder.display().to_string());
        if self.postgres.is_some() {
            variables.insert("AUTHENTIK_POSTGRESQL__HOST".into(), "replaced below".into());
        }
        let config = Config::read(&variables).expect("valid settings");
        let mut options = Options::of(&config);
        if let Some(postgres) = &self.postgres {
            options.database = Database::Postgres(Box::new(postgres.clone()));
        }
        options
    }
    /// Starts a server with a frozen clock and repeatable randomness.
    pub async fn start(&self) -> Result<App> {
        // Each start has another seed: a restarted server must not issue the same keys again.
        let (ports, clock) = Ports::frozen(self.at, COUNT.fetch_add(1, Ordering::Relaxed) << 32);
        // Emails are sent by SMTP: a test that expects one configures a `MailSink`.
        // Requests reach this machine: a test that expects one gives the address of an `HttpSink`.
        let http = Arc::new(LoopbackClient::default());
        let smtp = Smtp::new(ports.clock.clone(), ports.random.clone(), http.clone());
        let ports = ports.with_mail(Arc::new(smtp)).with_http(http);
        let running = serve::start(&self.options(), ports, &self.endpoints).await?;
        schema::publish(|| signet_api::document(&wiring::table(&running.core), &running.core.registry));
        Ok(App {
            setup: self.clone(),
            core: running.core.clone(),
            address: running.http[0],
            metrics: running.metrics[0],
            https: running.https[0],
            listeners: running.others.clone(),
            clock,
            running,
        })
    }
    /// Removes the data folder.
    pub fn remove(&self) {
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).unwrap();
        }
    }
}

/// A running server.
pub struct App {
    pub setup: Setup,
    pub core: Arc<Core>,
    pub address: SocketAddr,
    pub metrics: SocketAddr,
    pub https: SocketAddr,
    /// Where the listeners of the set-up are, by name.
    pub listeners: Vec<(&'static str, SocketAddr)>,
    pub clock: Arc<FrozenClock>,
    running: Running,
}

impl App {
    /// Starts a new installation; the administrator has no password yet.
    pub async fn start(kind: DbKind) -> Self {
        Setup::new(kind).await.start().await.expect("the server starts")
    }
    /// Stops the server and removes its data.
    pub async fn stop(self) {
        let setup = self.setup.clone();
        self.halt().await;
        setup.remove();
    }
    /// Stops the server and keeps its data.
    pub async fn halt(self) -> Setup {
        let setup = self.setup.clone();
        drop(self.core);
        self.running.stop().await;
        setup
    }
    /// Stops the server and starts it again with the same data and clock.
    pub async fn restart(self) -> Self {
        let at = self.core.now();
        let mut setup = self.halt().await;
        setup.at = at;
        setup.start().await.expect("the server starts again")
    }
    /// An anonymous client with an empty cookie jar.
    pub fn browser(&self) -> Browser {
        Browser::new(self.address)
    }
    /// A client with an API token of akadmin.
    pub async fn admin(&self) -> Browser {
        let user = users::by_username(&self.core.db, "akadmin").await.unwrap().expect("akadmin");
        self.with_token(user.id).await
    }
    /// A client with a new API token of a user.
    pub async fn with_token(&self, user: i64) -> Browser {
        let key = self.core.ports.alphanumeric(60);
        let token = tokens::Token::new(
            self.core.ports.uuid(),
            format!("test-{}", self.core.ports.hex(6)),
            "api",
            user,
            self.core.now(),
        );
        tokens::insert(&self.core.db, &self.core.vault, &token, &Secret::new(key.as_str())).await.unwrap();
        Browser::new(self.address).bearer(&key)
    }
    /// A new active user.
    pub async fn user(&self, name: &str, password: &str) -> User {
        let mut user = User::new(&self.core.ports, name);
        user.name = format!("Person {name}");
        user.email = format!("{name}@example.test");
        user.password = self.core.hasher.hash(password.into()).await.unwrap();
        user.id = users::insert(&self.core.db, &user, &[]).await.unwrap();
        user
    }
    /// A new active user with administrator rights.
    pub async fn administrator(&self, name: &str, password: &str) -> User {
        let user = self.user(name, password).await;
        let group = groups::by_name(&self.core.db, "authentik Admins")
            .await
            .unwrap()
            .expect("the group of administrators");
        users::join_group(&self.core.db, user.id, group.id).await.unwrap();
        user
    }
    /// A client with a signed-in session.
    pub async fn login(&self, name: &str, password: &str) -> Browser {
        let mut browser = self.browser();
        let last = browser.login(name, password).await;
        assert_eq!(last["component"], "xak-flow-redirect", "{last}");
        browser
    }
}
