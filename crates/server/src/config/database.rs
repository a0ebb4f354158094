//! How PostgreSQL is reached.
use super::Config;
use signet_base::Secret;
use signet_store::PostgresConfig;
use std::path::PathBuf;

/// `AUTHENTIK_POSTGRESQL__*`
pub(super) fn postgres(c: &Config, host: &str) -> PostgresConfig {
    let text = |name: &str| c.text(&format!("POSTGRESQL__{name}"));
    let file = |name: &str| Some(text(name)).filter(|path| !path.is_empty()).map(PathBuf::from);
    let port = |name: &str| u16::try_from(c.number(&format!("POSTGRESQL__{name}"))).unwrap_or(5432);
    let pooled = PostgresConfig {
        host: host.to_owned(),
        port: port("PORT"),
        user: text("USER").to_owned(),
        password: Secret::new(text("PASSWORD")),
        database: text("NAME").to_owned(),
        schema: text("DEFAULT_SCHEMA").to_owned(),
        // Validated when it was read.
        ssl_mode: text("SSLMODE").to_ascii_lowercase().parse().unwrap_or(signet_store::SslMode::VerifyFull),
        root_cert: file("SSLROOTCERT"),
        client_cert: file("SSLCERT"),
        client_key: file("SSLKEY"),
        pool_size: usize::try_from(c.number("POSTGRESQL__POOL_SIZE")).unwrap_or(16),
        pooler: c.flag("POSTGRESQL__USE_PGBOUNCER") || c.flag("POSTGRESQL__USE_PGPOOL"),
        direct: None,
    };
    let or = |name: &str, else_: &str| Some(text(name)).filter(|t| !t.is_empty()).unwrap_or(else_).to_owned();
    let direct = Some(text("DIRECT__HOST")).filter(|host| !host.is_empty()).map(|host| {
        Box::new(PostgresConfig {
            host: host.to_owned(),
            port: port("DIRECT__PORT"),
            user: or("DIRECT__USER", &pooled.user),
            password: Secret::new(or("DIRECT__PASSWORD", pooled.password.reveal())),
            database: or("DIRECT__NAME", &pooled.database),
            pooler: false,
            ..pooled.clone()
        })
    });
    PostgresConfig { direct, ..pooled }
}
