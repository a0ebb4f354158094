//! PostgreSQL connection settings.
use signet_base::Secret;
use std::path::PathBuf;

/// libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    Disable,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl std::str::FromStr for SslMode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "disable" => SslMode::Disable,
            // `allow` differs from `prefer` only in the order of attempts.
            "allow" | "prefer" | "" => SslMode::Prefer,
            "require" => SslMode::Require,
            "verify-ca" => SslMode::VerifyCa,
            "verify-full" => SslMode::VerifyFull,
            other => {
                return Err(format!("{other} is none of disable, prefer, require, verify-ca, verify-full"));
            }
        })
    }
}

#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// A name, an address, or the folder of a socket (starts with `/`).
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Secret,
    pub database: String,
    /// The schema to work in; empty for the server's default.
    pub schema: String,
    pub ssl_mode: SslMode,
    /// PEM file with trusted issuers.
    pub root_cert: Option<PathBuf>,
    pub client_cert: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    /// Maximum number of connections.
    pub pool_size: usize,
    /// A pooler is behind the address that gives every transaction another connection (PgBouncer): no statement is
    /// prepared by name there, and nothing is left on a connection.
    pub pooler: bool,
    /// The server's own address, for what a pooler cannot do: notifications, and changes of the schema.
    pub direct: Option<Box<PostgresConfig>>,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 5432,
            user: "authentik".into(),
            password: Secret::default(),
            database: "authentik".into(),
            schema: String::new(),
            ssl_mode: SslMode::Prefer,
            root_cert: None,
            client_cert: None,
            client_key: None,
            pool_size: 16,
            pooler: false,
            direct: None,
        }
    }
}
