//! The settings as typed values.
use super::setting::{self, SettingKind, addresses, networks};
use super::{Config, SettingError, StorageOptions, table};
use signet_base::{Map, Secret, Span, json};
use signet_core::address::Origin;
use signet_core::budget::{Limits, Rate};
use signet_core::expression::Outside;
use signet_core::hash::HashCost;
use signet_core::mail::{MailSettings, Own, Sender};
use signet_core::session::rules::{Rules, SameSite};
use signet_core::system::Settings;
use signet_outbound::OutboundSettings;
use signet_storage::Usage;
use signet_store::PostgresConfig;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub enum Database {
    /// The SQLite database file.
    Sqlite(PathBuf),
    Postgres(Box<PostgresConfig>),
}

/// Actions of the first start.
#[derive(Debug, Clone, Default)]
pub struct Bootstrap {
    pub password: Option<Secret>,
    pub password_hash: Option<String>,
    pub token: Option<Secret>,
    pub email: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub data_dir: PathBuf,
    pub database: Database,
    pub bootstrap: Bootstrap,
    pub skip_migrations: bool,
    /// The secret key, if a variable sets it.
    pub secret_key: Option<Secret>,
    config: Config,
}

/// Rules over several variables.
pub(super) fn judge(config: &Config, mistakes: &mut Vec<SettingError>) {
    let mut wrong = |name: &str, message: &str| {
        mistakes.push(SettingError { variable: config.variable(name), message: message.to_owned() })
    };
    if config.given("BOOTSTRAP_PASSWORD") && config.given("BOOTSTRAP_PASSWORD_HASH") {
        wrong("BOOTSTRAP_PASSWORD_HASH", "give either the password or its hash.");
    }
    if config.given("BOOTSTRAP_PASSWORD_HASH")
        && !signet_core::hash::is_well_formed(config.text("BOOTSTRAP_PASSWORD_HASH"))
    {
        wrong("BOOTSTRAP_PASSWORD_HASH", "The value is not an Argon2id or pbkdf2_sha256 hash.");
    }
    // A port, path or scheme would make a host that never matches.
    let host = |text: &str| {
        text == "*"
            || text
                .strip_prefix("*.")
                .unwrap_or(text)
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
                && !text.contains("..")
    };
    if !config.text("EXPRESSIONS__ALLOWED_HOSTS").split(',').all(|text| host(text.trim())) {
        wrong("EXPRESSIONS__ALLOWED_HOSTS", "Give host names without scheme, port or path.");
    }
    if config.given("BOOTSTRAP_EMAIL") && !signet_model::check::email(config.text("BOOTSTRAP_EMAIL")) {
        wrong("BOOTSTRAP_EMAIL", "The value is not an e-mail address.");
    }
    let verified = matches!(config.text("POSTGRESQL__SSLMODE"), "verify-ca" | "verify-full");
    if verified && !config.given("POSTGRESQL__SSLROOTCERT") {
        wrong(
            "POSTGRESQL__SSLROOTCERT",
            "is needed for this POSTGRESQL__SSLMODE: a PEM file with the issuers that are trusted.",
        );
    }
    if config.given("POSTGRESQL__SSLCERT") != config.given("POSTGRESQL__SSLKEY") {
        wrong(
            "POSTGRESQL__SSLKEY",
            "a client certificate needs both POSTGRESQL__SSLCERT and POSTGRESQL__SSLKEY.",
        );
    }
    for name in [
        "SESSION_SECURITY__TIMEOUT_IDLE",
        "SESSION_SECURITY__TIMEOUT_ABSOLUTE",
        "SESSION_SECURITY__REMEMBER_ME_DURATION",
    ] {
        if Span::parse(config.text(name)).is_ok_and(|s| s < Span::ZERO) {
            wrong(name, "The length of time is negative.");
        }
    }
    super::worker::judge(config, &mut wrong);
    super::storage::judge(config, &mut wrong);
    super::outbound::judge(config, &mut wrong);
    for broken in origins(config).filter(|text| Origin::parse(text).is_none()) {
        wrong(
            "SECURITY__CSRF__TRUSTED_ORIGINS",
            &format!("{broken:?} is not an origin as https://host[:port]."),
        );
    }
    if config.text("COOKIE_DOMAIN").chars().any(|c| !(c.is_ascii_alphanumeric() || c == '.' || c == '-')) {
        wrong("COOKIE_DOMAIN", "The value is not a domain name.");
    }
}

impl Options {
    pub fn of(config: &Config) -> Self {
        let data_dir = PathBuf::from(config.text("DATA_DIR"));
        let optional = |name: &str| Some(config.text(name)).filter(|t| !t.is_empty()).map(str::to_owned);
        let database = match config.text("POSTGRESQL__HOST") {
            "" => Database::Sqlite(data_dir.join("signet.sqlite")),
            host => Database::Postgres(Box::new(super::database::postgres(config, host))),
        };
        let bootstrap = Bootstrap {
            password: optional("BOOTSTRAP_PASSWORD").map(Secret::new),
            password_hash: optional("BOOTSTRAP_PASSWORD_HASH"),
            token: optional("BOOTSTRAP_TOKEN").map(Secret::new),
            email: optional("BOOTSTRAP_EMAIL"),
        };
        Self {
            database,
            bootstrap,
            skip_migrations: config.flag("SKIP_MIGRATIONS"),
            secret_key: optional("SECRET_KEY").map(Secret::new),
            data_dir,
            config: config.clone(),
        }
    }
    /// The addresses of a listener.
    pub fn addresses(&self, setting: &str) -> Vec<SocketAddr> {
        addresses(self.config.text(setting)).unwrap_or_default()
    }
    /// Number of threads that serve requests.
    pub fn threads(&self) -> usize {
        match usize::try_from(self.config.number("WEB__THREADS")) {
            Ok(n) if n > 0 => n,
            _ => std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
    /// Maximum number of connections per address prefix; `None`: derived from the file descriptor limit.
    pub fn connections(&self) -> Option<usize> {
        usize::try_from(self.config.number("THROTTLE__CONNECTIONS")).ok().filter(|n| *n > 0)
    }
    /// Whether the server carries jobs out itself.
    pub fn embedded_worker(&self) -> bool {
        self.config.flag("WORKER__EMBEDDED")
    }
    /// The way to other servers. The settings have been validated.
    pub fn outbound(&self) -> OutboundSettings {
        super::outbound::outbound(&self.config).unwrap_or_default()
    }
    /// Where the files of one use are kept. The settings have been validated.
    pub fn storage(&self, usage: Usage) -> StorageOptions {
        super::storage::storage(&self.config, usage).unwrap_or_else(|_| StorageOptions::Folder {
            path: self.data_dir.clone(),
            url_expiry: Span::from_secs(900),
        })
    }
    pub fn log_level(&self) -> &str {
        self.config.text("LOG_LEVEL")
    }
    pub fn log_format(&self) -> &str {
        self.config.text("LOG_FORMAT")
    }
    /// The variable of a setting, for messages.
    pub fn variable(&self, name: &str) -> String {
        self.config.variable(name)
    }
    /// The settings of the core crate.
    pub fn core_settings(&self, secret_key: Secret) -> Settings {
        let c = &self.config;
        Settings {
            secret_key,
            cookie_domain: c.text("COOKIE_DOMAIN").to_owned(),
            unauthenticated_age: Span::parse(c.text("SESSIONS__UNAUTHENTICATED_AGE")).unwrap_or(Span::DAY),
            sessions: session_rules(c),
            debug: c.flag("DEBUG"),
            base_url: Origin::parse(c.text("WEB__BASE_URL").trim())
                .or_else(|| Origin::https(c.text("DOMAIN"))),
            trusted_origins: origins(c).filter_map(Origin::parse).collect(),
            hsts: c.number("WEB__HSTS"),
            trusted_proxies: networks(c.text("LISTEN__TRUSTED_PROXY_CIDRS")).unwrap_or_default(),
            trusted_host_proxies: if c.given("LISTEN__TRUSTED_PROXY_CIDRS") {
                networks(c.text("LISTEN__TRUSTED_PROXY_CIDRS")).unwrap_or_default()
            } else {
                Vec::new()
            },
            cache_timeout: c.number("CACHE__TIMEOUT"),
            cache_timeout_flows: c.number("CACHE__TIMEOUT_FLOWS"),
            cache_timeout_policies: c.number("CACHE__TIMEOUT_POLICIES"),
            error_reporting_enabled: c.flag("ERROR_REPORTING__ENABLED"),
            error_reporting_environment: c.text("ERROR_REPORTING__ENVIRONMENT").to_owned(),
            error_reporting_send_pii: c.flag("ERROR_REPORTING__SEND_PII"),
            avatars: c.given("AVATARS").then(|| c.text("AVATARS").to_owned()),
            fixed: fixed(c),
            threads: self.threads(),
            hash: hash_cost(c),
            reputation_expiry: Span::from_secs(c.number("REPUTATION__EXPIRY")),
            geoip_city: c
                .text(if c.given("GEOIP") { "GEOIP" } else { "EVENTS__CONTEXT_PROCESSORS__GEOIP" })
                .to_owned(),
            geoip_asn: c.text("EVENTS__CONTEXT_PROCESSORS__ASN").to_owned(),
            breached_passwords: c.text("PASSWORDS__BREACHED_FILE").to_owned(),
            internal_networks: networks(c.text("RISK__INTERNAL_NETWORKS")).unwrap_or_default(),
            expressions: outside(c),
            mail: self.mail(),
            limits: limits(c),
            jobs: super::worker::jobs(c),
            blueprints: super::worker::blueprints(c),
            certificates: c.text("CERT_DISCOVERY_DIR").into(),
        }
    }
    fn mail(&self) -> MailSettings {
        let c = &self.config;
        let password = Secret::new(c.text("EMAIL__PASSWORD"));
        let own = Own {
            host: c.text("EMAIL__HOST"),
            port: c.number("EMAIL__PORT"),
            username: c.text("EMAIL__USERNAME"),
            password: &password,
            use_tls: c.flag("EMAIL__USE_TLS"),
            use_ssl: c.flag("EMAIL__USE_SSL"),
            timeout: c.number("EMAIL__TIMEOUT"),
            from: c.text("EMAIL__FROM"),
        };
        let mut sender = Sender::own(&own);
        sender.server.oauth = super::outbound::mail_oauth(c);
        MailSettings { sender, template_dir: PathBuf::from(c.text("EMAIL__TEMPLATE_DIR")) }
    }
    /// The installation's secret key: the variable's, else the one in the data folder, which is created if
    /// missing.
    pub fn installation_key(&self, ports: &signet_base::Ports) -> io::Result<Secret> {
        match &self.secret_key {
            Some(key) => Ok(key.clone()),
            None => kept_key(&self.data_dir, ports),
        }
    }
}

/// `AUTHENTIK_SECURITY__CSRF__TRUSTED_ORIGINS`, not parsed.
fn origins(c: &Config) -> impl Iterator<Item = &str> {
    c.text("SECURITY__CSRF__TRUSTED_ORIGINS").split([',', ' ']).map(str::trim).filter(|text| !text.is_empty())
}

/// `AUTHENTIK_THROTTLE__*`; zero means no limit. The rates have been validated.
fn limits(c: &Config) -> Limits {
    let rate = |name: &str| Rate::parse(c.text(&format!("THROTTLE__{name}")));
    Limits {
        exempt: networks(c.text("THROTTLE__EXEMPT_NETWORKS")).unwrap_or_default(),
        requests: rate("DEFAULT"),
        passwords: rate("PASSWORDS"),
        proof_of_work: c.number("THROTTLE__PROOF_OF_WORK"),
        sessions: rate("SESSIONS"),
        mails: rate("MAILS"),
        mails_to_one: rate("MAILS_PER_RECIPIENT"),
        unconfirmed_days: c.number("THROTTLE__UNCONFIRMED_ACCOUNTS"),
    }
}

/// `AUTHENTIK_EXPRESSIONS__*`
fn outside(c: &Config) -> Outside {
    let hosts = c
        .text("EXPRESSIONS__ALLOWED_HOSTS")
        .split(',')
        .map(|host| host.trim().to_lowercase())
        .filter(|host| !host.is_empty())
        .collect();
    Outside { hosts, dns: c.flag("EXPRESSIONS__DNS") }
}

/// `AUTHENTIK_PASSWORDS__HASH_*`. The numbers have been validated.
fn hash_cost(c: &Config) -> HashCost {
    let number = |name: &str, default: u32| u32::try_from(c.number(name)).unwrap_or(default);
    let default = HashCost::default();
    HashCost {
        memory_kib: number("PASSWORDS__HASH_MEMORY", default.memory_kib / 1024) * 1024,
        passes: number("PASSWORDS__HASH_PASSES", default.passes),
    }
}

/// System settings that are set by variables, by member name.
fn fixed(c: &Config) -> Map {
    const NAMES: [&str; 7] = [
        "DEFAULT_USER_CHANGE_NAME",
        "DEFAULT_USER_CHANGE_EMAIL",
        "DEFAULT_USER_CHANGE_USERNAME",
        "DEFAULT_TOKEN_LENGTH",
        "EVENT_RETENTION",
        "IMPERSONATION",
        "FOOTER_LINKS",
    ];
    let value = |name: &str| match table::find(name).map(|setting| setting.kind) {
        Some(SettingKind::Flag) => json!(c.flag(name)),
        Some(SettingKind::Number(..)) => json!(c.number(name)),
        Some(SettingKind::Links) => setting::links(c.text(name)).unwrap_or_default(),
        _ => json!(c.text(name)),
    };
    // An empty variable counts as unset.
    let given = NAMES.into_iter().filter(|name| c.given(name) && !c.text(name).is_empty());
    given.map(|name| (name.to_lowercase(), value(name))).collect()
}

/// `AUTHENTIK_SESSION_SECURITY__*`; zero and unset mean no rule. The values have been validated.
fn session_rules(c: &Config) -> Rules {
    let span = |name: &str| {
        Span::parse(c.text(&format!("SESSION_SECURITY__{name}"))).ok().filter(|s| *s > Span::ZERO)
    };
    Rules {
        idle: span("TIMEOUT_IDLE"),
        absolute: span("TIMEOUT_ABSOLUTE"),
        remember_me: span("REMEMBER_ME_DURATION"),
        concurrent: Some(c.number("SESSION_SECURITY__CONCURRENT_SESSIONS")).filter(|n| *n > 0),
        ip_binding: c.flag("SESSION_SECURITY__IP_BINDING"),
        secure_cookies: c.flag("SESSION_SECURITY__SECURE_COOKIES"),
        same_site: match c.text("SESSION_SECURITY__SAME_SITE").trim().to_ascii_lowercase().as_str() {
            "strict" => SameSite::Strict,
            "lax" => SameSite::Lax,
            "none" => SameSite::None,
            _ => SameSite::Auto,
        },
    }
}

fn kept_key(folder: &Path, ports: &signet_base::Ports) -> io::Result<Secret> {
    let path = folder.join("secret_key");
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= 32 => return Ok(Secret::new(text.trim())),
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} holds no key: restore it from a backup, without it stored secrets cannot be read",
                    path.display()
                ),
            ));
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(io::Error::new(e.kind(), format!("{}: {e}", path.display()))),
    }
    std::fs::create_dir_all(folder)
        .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", folder.display())))?;
    let key = ports.alphanumeric(60);
    // Written to a temporary file, then linked: of two concurrent starts one key remains, and a crash leaves
    // a complete key or none.
    let draft = folder.join(format!(".secret_key.{}", ports.hex(8)));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file =
        options.open(&draft).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", draft.display())))?;
    file.write_all(key.as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, &path);
    std::fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(Secret::new(key)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => kept_key(folder, ports),
        Err(e) => Err(io::Error::new(e.kind(), format!("{}: {e}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = std::env::temp_dir().join(format!("signet-key-{}", std::process::id()));
        let ports = signet_base::Ports::system();
        let first = kept_key(&folder, &ports).unwrap();
        assert!(kept_key(&folder, &ports).unwrap().matches(first.reveal()) && first.reveal().len() == 60);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                std::fs::metadata(folder.join("secret_key")).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        std::fs::write(folder.join("secret_key"), "short").unwrap();
        assert!(kept_key(&folder, &ports).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
    #[test]
    fn rules_over_several_variables_name_the_variable() {
        let pairs = [
            ("AUTHENTIK_BOOTSTRAP_PASSWORD", "a"),
            ("AUTHENTIK_BOOTSTRAP_PASSWORD_HASH", "b"),
            ("AUTHENTIK_POSTGRESQL__SSLMODE", "verify-full"),
            ("AUTHENTIK_COOKIE_DOMAIN", "a;b"),
            ("AUTHENTIK_SESSION_SECURITY__TIMEOUT_IDLE", "hours=-1"),
        ];
        let all = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let said: Vec<String> =
            Config::read(&all).err().unwrap().iter().map(|m| m.variable.clone()).collect();
        assert_eq!(
            said,
            [
                "AUTHENTIK_BOOTSTRAP_PASSWORD_HASH",
                "AUTHENTIK_BOOTSTRAP_PASSWORD_HASH",
                "AUTHENTIK_POSTGRESQL__SSLROOTCERT",
                "AUTHENTIK_SESSION_SECURITY__TIMEOUT_IDLE",
                "AUTHENTIK_COOKIE_DOMAIN"
            ]
        );
    }
    #[test]
    fn guide_g10_a_broken_origin_is_refused_by_name() {
        let read = |list: &str| {
            Config::read(&[("AUTHENTIK_SECURITY__CSRF__TRUSTED_ORIGINS".to_owned(), list.to_owned())].into())
        };
        let said = read("https://auth.example.com, auth.example.com,https://a.test/path,https://*.b.test")
            .err()
            .unwrap();
        let said: Vec<String> = said.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 3, "{said:?}");
        for (mistake, broken) in
            said.iter().zip(["\"auth.example.com\"", "\"https://a.test/path\"", "\"https://*.b.test\""])
        {
            assert!(
                mistake.starts_with("AUTHENTIK_SECURITY__CSRF__TRUSTED_ORIGINS: ")
                    && mistake.contains(broken),
                "{mistake}"
            );
        }
        let fine = Options::of(&read("https://auth.example.com,http://localhost:8080").unwrap())
            .core_settings(Secret::new("k"));
        assert_eq!(
            fine.trusted_origins.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["https://auth.example.com", "http://localhost:8080"]
        );
    }
    #[test]
    fn redteam_01_the_address_comes_from_the_base_url_else_from_the_domain() {
        let base = |pairs: &[(&str, &str)]| {
            let all = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Config::read(&all).map(|config| {
                Options::of(&config).core_settings(Secret::new("k")).base_url.map(|base| base.to_string())
            })
        };
        let (url, domain) = ("AUTHENTIK_WEB__BASE_URL", "AUTHENTIK_DOMAIN");
        assert_eq!(base(&[]), Ok(None));
        assert_eq!(base(&[(domain, "id.corp.test")]), Ok(Some("https://id.corp.test".to_owned())));
        assert_eq!(
            base(&[(domain, "id.corp.test"), (url, "http://other.test:9000/")]),
            Ok(Some("http://other.test:9000".to_owned()))
        );
        for (variable, bad) in [
            (url, "id.corp.test"),
            (url, "https://id.corp.test/auth"),
            (domain, "https://id.corp.test"),
            (domain, "a b"),
            (domain, "id.corp.test/x"),
        ] {
            assert_eq!(
                base(&[(variable, bad)]).err().map(|m| m[0].variable.clone()),
                Some(variable.to_owned()),
                "{bad}"
            );
        }
    }
    #[test]
    fn rules_for_sessions_are_off_until_they_are_set() {
        let read = |pairs: &[(&str, &str)]| {
            session_rules(
                &Config::read(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
                    .unwrap(),
            )
        };
        assert_eq!(read(&[]), Rules::default());
        let guide = read(&[
            ("AUTHENTIK_SESSION_SECURITY__TIMEOUT_IDLE", "hours=2"),
            ("AUTHENTIK_SESSION_SECURITY__TIMEOUT_ABSOLUTE", "hours=8"),
            ("AUTHENTIK_SESSION_SECURITY__REMEMBER_ME_DURATION", "days=30"),
            ("AUTHENTIK_SESSION_SECURITY__CONCURRENT_SESSIONS", "3"),
            ("AUTHENTIK_SESSION_SECURITY__IP_BINDING", "true"),
            ("AUTHENTIK_SESSION_SECURITY__SECURE_COOKIES", "true"),
            ("AUTHENTIK_SESSION_SECURITY__SAME_SITE", "Strict"),
        ]);
        let hours = |n: i64| Some(Span::from_secs(n * 3600));
        let expected = Rules {
            idle: hours(2),
            absolute: hours(8),
            remember_me: hours(720),
            concurrent: Some(3),
            ip_binding: true,
            secure_cookies: true,
            same_site: SameSite::Strict,
        };
        assert_eq!(guide, expected);
    }
}
