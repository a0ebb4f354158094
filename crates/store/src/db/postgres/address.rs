//! How the server is reached.
use super::forward;
use crate::db::{PostgresConfig, SslMode, errors, tls};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use signet_base::{Error, Result};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_postgres::{CancelToken, Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a request waits for a connection.
const WAIT: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Address {
    /// Behind a pooler the schema is not named at the start of a connection: the pooler refuses that.
    pub fn of(settings: &PostgresConfig) -> Result<Self> {
        let mut config = Config::new();
        config
            .host(&settings.host)
            .port(settings.port)
            .user(&settings.user)
            .dbname(&settings.database)
            .application_name("signet")
            .connect_timeout(Duration::from_secs(5))
            // A server that vanished without a word is noticed within half a minute.
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(15))
            .ssl_mode(match settings.ssl_mode {
                SslMode::Disable => tokio_postgres::config::SslMode::Disable,
                SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
                _ => tokio_postgres::config::SslMode::Require,
            });
        if !settings.password.is_empty() {
            config.password(settings.password.reveal());
        }
        if !settings.schema.is_empty() {
            if !settings.schema.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                || settings.schema.starts_with(|c: char| c.is_ascii_digit())
            {
                return Err(Error::Unavailable("the name of the PostgreSQL schema may only have small letters, digits and _, and begins with no digit".into()));
            }
            if !settings.pooler {
                config.options(format!("-c search_path={}", settings.schema));
            }
        }
        let tls = match settings.ssl_mode {
            SslMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(tls::client_config(settings)?)),
        };
        Ok(Self { config, tls })
    }

    pub fn pool(&self, size: usize) -> Result<Pool> {
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &self.tls {
            Some(tls) => Manager::from_config(self.config.clone(), tls.clone(), how),
            None => Manager::from_config(self.config.clone(), NoTls, how),
        };
        let wait = Some(WAIT);
        Pool::builder(manager)
            .max_size(size.max(1))
            .timeouts(Timeouts { wait, create: wait, recycle: wait })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(Error::internal)
    }

    /// A connection beside the pool, for as long as the client is kept; `to` gets its notifications.
    pub async fn connect(&self, to: mpsc::Sender<String>) -> Result<Client> {
        let wrong = |e: tokio_postgres::Error| errors::postgres(e);
        Ok(match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await.map_err(wrong)?;
                tokio::spawn(forward(connection, to));
                client
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(wrong)?;
                tokio::spawn(forward(connection, to));
                client
            }
        })
    }

    /// Ends what a connection works on, so that the server does not go on with what nobody waits for.
    pub fn cancel(&self, token: CancelToken) {
        let tls = self.tls.clone();
        tokio::spawn(async move {
            let asked = async {
                match tls {
                    Some(tls) => token.cancel_query(tls).await,
                    None => token.cancel_query(NoTls).await,
                }
            };
            if !matches!(tokio::time::timeout(WAIT, asked).await, Ok(Ok(()))) {
                tracing::debug!("a statement that took too long could not be cancelled");
            }
        });
    }
}
