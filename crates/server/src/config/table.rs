//! All variables of the server, in the manual's order.
use super::setting::{Setting, SettingKind, Use};
use super::storage::OF_ONE_USE;
use SettingKind::{Addresses, Duration, Flag, Host, Links, Networks, Number, Rate, Text, Url, Word};
use Use::{Later, Never, Now};

const fn now(name: &'static str, default: &'static str, kind: SettingKind, doc: &'static str) -> Setting {
    Setting { name, default, kind, doc, secret: false, used: Now }
}
const fn secret(name: &'static str, doc: &'static str) -> Setting {
    Setting { name, default: "", kind: Text, doc, secret: true, used: Now }
}
const fn later(name: &'static str, default: &'static str, kind: SettingKind, what: &'static str) -> Setting {
    Setting { name, default, kind, doc: "", secret: false, used: Later(what) }
}
const fn never(name: &'static str, kind: SettingKind, why: &'static str) -> Setting {
    Setting { name, default: "", kind, doc: "", secret: false, used: Never(why) }
}
const fn hidden(mut setting: Setting) -> Setting {
    setting.secret = true;
    setting
}

const MANY: i64 = i64::MAX;
const PORT: SettingKind = Number(1, 65_535);
const LEVELS: SettingKind = Word(&["trace", "debug", "info", "warning", "warn", "error"]);
const SSL: SettingKind = Word(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]);
const REDIS: &str = "Redis; sessions and caches live in the database and in memory";
const OUTPOST: &str = "outposts";
const TENANTS: &str = "tenants";
const OTHER_SERVER: &str = "belongs to another server's process model";

/// The declarations.
pub const TABLE: &[Setting] = &[
    now("DATA_DIR", "./data", Text, "Folder of the embedded database and of the generated secret key."),
    secret(
        "SECRET_KEY",
        "Key from which all others are derived. Not set: generated once and kept in the data folder, readable by its owner only. Nodes that share a database need the same key.",
    ),
    now("LISTEN__HTTP", "[::]:9000", Addresses, "Where plain HTTP is answered."),
    now(
        "LISTEN__HTTPS",
        "[::]:9443",
        Addresses,
        "Where HTTPS is answered, with the certificate of the brand that the name belongs to, else the self-signed one.",
    ),
    now("LISTEN__METRICS", "[::]:9300", Addresses, "Where `/metrics` is answered."),
    now(
        "LISTEN__TRUSTED_PROXY_CIDRS",
        "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fe80::/10,fc00::/7,::1/128",
        Networks,
        "Networks whose forwarding headers are believed: X-Forwarded-For and -Proto; X-Forwarded-Host only where this list is set.",
    ),
    now("LOG_LEVEL", "info", LEVELS, "What is logged: this level and above."),
    now(
        "LOG_FORMAT",
        "auto",
        Word(&["auto", "json", "text"]),
        "Form of log lines; auto is text on a terminal, else JSON.",
    ),
    now(
        "COOKIE_DOMAIN",
        "",
        Text,
        "Domain of the session cookie; empty: only the host itself. `COOKIE__DOMAIN` is understood too.",
    ),
    now(
        "SESSIONS__UNAUTHENTICATED_AGE",
        "days=1",
        Duration,
        "How long a session lives before somebody signs in.",
    ),
    now(
        "SESSION_SECURITY__TIMEOUT_IDLE",
        "",
        Duration,
        "Ends a session that was not used for so long. Not set: only the login stage's duration counts.",
    ),
    now(
        "SESSION_SECURITY__TIMEOUT_ABSOLUTE",
        "",
        Duration,
        "Ends a session so long after sign-in, however much it is used. A shorter duration of the login stage goes before it.",
    ),
    now(
        "SESSION_SECURITY__REMEMBER_ME_DURATION",
        "",
        Duration,
        "Longest session of people who chose to stay signed in; holds for them in place of the two timeouts. Not set: the timeouts hold for them too.",
    ),
    now(
        "SESSION_SECURITY__CONCURRENT_SESSIONS",
        "0",
        Number(0, 100_000),
        "Sessions of one person at the same time; a further sign-in ends the oldest. 0: any number.",
    ),
    now(
        "SESSION_SECURITY__IP_BINDING",
        "false",
        Flag,
        "Ends a session that is used from another address than it began at.",
    ),
    now(
        "SESSION_SECURITY__SECURE_COOKIES",
        "false",
        Flag,
        "Cookies are always marked `Secure`, also where this server is asked over plain HTTP (browsers then refuse them there).",
    ),
    now(
        "SESSION_SECURITY__SAME_SITE",
        "auto",
        Word(&["auto", "strict", "lax", "none"]),
        "`SameSite` of cookies; auto is Lax. None (over TLS only) is for sites that embed a sign-in or renew tokens in a frame. With strict, people who come from an application's site have to sign in anew.",
    ),
    now(
        "AVATARS",
        "",
        Text,
        "Where pictures of people come from (`initials`, `gravatar`, `none`, an address); a value here goes before the system setting.",
    ),
    // System settings that a variable fixes: `options.rs` reads them, by the same names in small letters.
    now(
        "DEFAULT_USER_CHANGE_NAME",
        "",
        Flag,
        "People may change their name. Given, it goes before the system setting; so do the five below.",
    ),
    now("DEFAULT_USER_CHANGE_EMAIL", "", Flag, "People may change their e-mail address."),
    now("DEFAULT_USER_CHANGE_USERNAME", "", Flag, "People may change their username."),
    now("DEFAULT_TOKEN_LENGTH", "", Number(1, 1024), "Characters of the keys of new tokens."),
    now("EVENT_RETENTION", "", Duration, "How long new events are kept."),
    now("IMPERSONATION", "", Flag, "Administrators may look at the system as other people do."),
    now(
        "FOOTER_LINKS",
        "",
        Links,
        "Links below every page, as [{\"name\": \"Help\", \"href\": \"https://help.example.com\"}]; goes before the system setting.",
    ),
    now(
        "WEB__THREADS",
        "0",
        Number(0, 256),
        "Threads that serve requests; 0: as many as the machine has cores.",
    ),
    now(
        "WEB__BASE_URL",
        "",
        Url,
        "Address under which people reach this server; goes before the system setting. Links in letters lead there. Other hosts than this, the brands' and the machine's own are refused then.",
    ),
    now("DOMAIN", "", Host, "Host name of that address where WEB__BASE_URL is not set: https is meant."),
    now(
        "WEB__HSTS",
        "15552000",
        Number(0, MANY),
        "Seconds for which browsers that came by HTTPS keep to it (Strict-Transport-Security); 0: not sent.",
    ),
    now(
        "SECURITY__CSRF__TRUSTED_ORIGINS",
        "",
        Text,
        "Other origins whose pages may send what changes something, as `https://host[:port]`, separated by commas.",
    ),
    now("WEB__PATH", "/", Word(&["/"]), "Path under which everything is served. Only / is possible here."),
    now("DEBUG", "false", Flag, "Shows flow inspectors to everyone. Not for production."),
    now(
        "SKIP_MIGRATIONS",
        "false",
        Flag,
        "Leaves the schema of the database alone at start; run `signet migrate` first.",
    ),
    // Rate limits.
    now(
        "THROTTLE__DEFAULT",
        "0",
        Rate,
        "Requests to the API by callers who have not signed in, for each address prefix (IPv4 address, IPv6 /64).",
    ),
    now(
        "THROTTLE__PASSWORDS",
        "30/hour",
        Rate,
        "Wrong passwords from one address prefix, over all accounts. Whoever then signs in gets theirs back; browsers that a person has signed in with before are not counted.",
    ),
    now(
        "THROTTLE__PROOF_OF_WORK",
        "20",
        Number(0, 1_000_000),
        "After so many wrong passwords from one address prefix, or for one account, within an hour, each further one needs a proof of work, which browsers compute by themselves; known browsers never do. 0: never.",
    ),
    now(
        "THROTTLE__SESSIONS",
        "1000/hour",
        Rate,
        "Sessions that one address prefix may begin without anybody signing in.",
    ),
    now(
        "THROTTLE__MAILS",
        "100/hour",
        Rate,
        "Letters that people who have not signed in may ask for from one address prefix.",
    ),
    now(
        "THROTTLE__MAILS_PER_RECIPIENT",
        "3/hour",
        Rate,
        "Letters that people who have not signed in may cause to one recipient.",
    ),
    now(
        "THROTTLE__CONNECTIONS",
        "0",
        Number(0, 1_000_000),
        "Connections at a time from one address prefix that is no trusted proxy; 0: a quarter of what the process may open.",
    ),
    now(
        "THROTTLE__EXEMPT_NETWORKS",
        "",
        Networks,
        "Networks that are not counted by address: gateways without X-Forwarded-For, and application servers that sign many people in. Limits for each account stay.",
    ),
    now(
        "THROTTLE__UNCONFIRMED_ACCOUNTS",
        "7",
        Number(0, 3650),
        "Days after which an account that a stranger made and nobody confirmed is removed; 0: never.",
    ),
    later("THROTTLE__PROVIDERS__OAUTH2__DEVICE", "20/hour", Rate, "device codes"),
    // Database.
    now(
        "POSTGRESQL__HOST",
        "",
        Text,
        "Server, or folder of its socket. Empty: the embedded SQLite database is used.",
    ),
    now("POSTGRESQL__PORT", "5432", PORT, "Port of the server."),
    now("POSTGRESQL__NAME", "authentik", Text, "Name of the database."),
    now("POSTGRESQL__USER", "authentik", Text, "Name to sign in to the database with."),
    secret("POSTGRESQL__PASSWORD", "Password for the database."),
    now("POSTGRESQL__DEFAULT_SCHEMA", "", Text, "Schema to work in; empty: the server's default."),
    now("POSTGRESQL__SSLMODE", "prefer", SSL, "Encryption of the connection, as in libpq."),
    now("POSTGRESQL__SSLROOTCERT", "", Text, "PEM file with the issuers that are trusted."),
    now("POSTGRESQL__SSLCERT", "", Text, "PEM file with a client certificate."),
    now("POSTGRESQL__SSLKEY", "", Text, "PEM file with its key."),
    now("POSTGRESQL__POOL_SIZE", "16", Number(1, 1000), "Most connections at a time."),
    now(
        "POSTGRESQL__USE_PGBOUNCER",
        "false",
        Flag,
        "A pooler such as PgBouncer is at this address, in transaction mode: no statement is prepared by name, and nothing is left on a connection.",
    ),
    now("POSTGRESQL__USE_PGPOOL", "false", Flag, "The same for Pgpool-II."),
    now(
        "POSTGRESQL__DIRECT__HOST",
        "",
        Text,
        "The server itself, behind the pooler: for notifications between nodes and changes of the schema. Empty: nodes see each other's changes within a second.",
    ),
    now("POSTGRESQL__DIRECT__PORT", "5432", PORT, "Its port."),
    now("POSTGRESQL__DIRECT__NAME", "", Text, "Name of the database there; empty: the same name."),
    now("POSTGRESQL__DIRECT__USER", "", Text, "Name to sign in with there; empty: the same name."),
    secret("POSTGRESQL__DIRECT__PASSWORD", "Password there; empty: the same password."),
    never("POSTGRESQL__CONN_MAX_AGE", Text, "connections are kept and checked"),
    never("POSTGRESQL__CONN_HEALTH_CHECKS", Flag, "connections are kept and checked"),
    never("POSTGRESQL__DISABLE_SERVER_SIDE_CURSORS", Flag, "there are no server-side cursors"),
    hidden(never("POSTGRESQL__CONN_OPTIONS", Text, "its options have variables of their own")),
    hidden(later("POSTGRESQL__READ_REPLICAS__*", "", Text, "read replicas")),
    never("POSTGRESQL__TEST__NAME", Text, OTHER_SERVER),
    // First start.
    secret(
        "BOOTSTRAP_PASSWORD",
        "Password that akadmin gets on the first start; the first-run page is closed then.",
    ),
    secret(
        "BOOTSTRAP_PASSWORD_HASH",
        "The same as a hash (Argon2id or Django's pbkdf2_sha256). Give one of both.",
    ),
    secret("BOOTSTRAP_TOKEN", "Key of an API token of akadmin that never expires, made on the first start."),
    now("BOOTSTRAP_EMAIL", "", Text, "E-mail address that akadmin gets on the first start."),
    // Error reporting.
    now("ERROR_REPORTING__ENABLED", "false", Flag, "Told to clients by the API. Nothing is sent anywhere."),
    now("ERROR_REPORTING__ENVIRONMENT", "customer", Text, "Told to clients by the API."),
    now("ERROR_REPORTING__SEND_PII", "false", Flag, "Told to clients by the API."),
    never("ERROR_REPORTING__SENTRY_DSN", Text, "errors are reported to nobody"),
    never("ERROR_REPORTING__SAMPLE_RATE", Text, "errors are reported to nobody"),
    never("DISABLE_UPDATE_CHECK", Flag, "there is no update check: nothing calls home"),
    never("DISABLE_STARTUP_ANALYTICS", Flag, "there are no analytics: nothing calls home"),
    // Caches.
    now("CACHE__TIMEOUT", "300", Number(0, MANY), "Seconds; told to clients by the API."),
    now(
        "CACHE__TIMEOUT_FLOWS",
        "300",
        Number(0, MANY),
        "Seconds; told to clients by the API. Flows are always planned anew.",
    ),
    now(
        "CACHE__TIMEOUT_POLICIES",
        "300",
        Number(0, MANY),
        "Seconds for which answers of policies are kept, where nothing but a change of account, groups or settings can change them; 0: they are always judged anew.",
    ),
    never("CACHE__TIMEOUT_REPUTATION", Number(0, MANY), "there is no such cache"),
    // Policies.
    now(
        "REPUTATION__EXPIRY",
        "86400",
        Number(0, 4_000_000_000),
        "Seconds after its last change at which a reputation score is forgotten; 0: never.",
    ),
    now(
        "EVENTS__CONTEXT_PROCESSORS__GEOIP",
        "/geoip/GeoLite2-City.mmdb",
        Text,
        "Database of places in MaxMind's format. Without the file, policies that need places refuse. A changed file is read within a minute.",
    ),
    now(
        "EVENTS__CONTEXT_PROCESSORS__ASN",
        "/geoip/GeoLite2-ASN.mmdb",
        Text,
        "The same for networks (AS numbers).",
    ),
    now("GEOIP", "", Text, "Older name of EVENTS__CONTEXT_PROCESSORS__GEOIP; goes before it."),
    now(
        "PASSWORDS__BREACHED_FILE",
        "",
        Text,
        "File of breached passwords, asked by password policies: one SHA-1 digest a line in hexadecimal, sorted, a count may follow after a colon. Empty: not asked.",
    ),
    now(
        "PASSWORDS__HASH_MEMORY",
        "64",
        Number(19, 256),
        "Memory of a new password's hash (Argon2id), in MiB; one hash runs on each core at most. Stronger than a stored hash: it is replaced at the next sign-in.",
    ),
    now("PASSWORDS__HASH_PASSES", "3", Number(2, 16), "Passes of a new password's hash over its memory."),
    now(
        "RISK__INTERNAL_NETWORKS",
        "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fe80::/10,fc00::/7,::1/128",
        Networks,
        "Networks that the risk score does not count as external.",
    ),
    now(
        "EXPRESSIONS__ALLOWED_HOSTS",
        "",
        Text,
        "Hosts that expressions may ask by `requests`, separated by commas: a name, `*.example.com` for all names below one, `*` for any host on the public internet. Empty: none.",
    ),
    now("EXPRESSIONS__DNS", "false", Flag, "Expressions may resolve names (`resolve_dns`)."),
    // Mail.
    now("EMAIL__HOST", "localhost", Text, "Mail server (SMTP) of the installation."),
    now("EMAIL__PORT", "25", PORT, "Its port."),
    now("EMAIL__USERNAME", "", Text, "Name to sign in there with; empty: not signed in."),
    secret("EMAIL__PASSWORD", "Password for it."),
    now("EMAIL__USE_TLS", "false", Flag, "STARTTLS is demanded."),
    now("EMAIL__USE_SSL", "false", Flag, "TLS from the first byte; goes before EMAIL__USE_TLS."),
    now("EMAIL__TIMEOUT", "10", Number(1, 600), "Seconds that the server has for an answer."),
    now("EMAIL__FROM", "signet@localhost", Text, "Sender of mails: `name@host` or `Name <name@host>`."),
    now(
        "EMAIL__TEMPLATE_DIR",
        "/templates",
        Text,
        "Folder of own templates; one with the name of a built-in template replaces it. It need not exist.",
    ),
    // An access token for the mail server instead of a password.
    now(
        "EMAIL__OAUTH__TOKEN_URL",
        "",
        Text,
        "Token endpoint; set: the mail server gets an access token (XOAUTH2) instead of a password.",
    ),
    now("EMAIL__OAUTH__CLIENT_ID", "", Text, "Client that asks there."),
    secret("EMAIL__OAUTH__CLIENT_SECRET", "Its secret."),
    now("EMAIL__OAUTH__SCOPE", "", Text, "Scope to ask for: `https://outlook.office365.com/.default`."),
    secret(
        "EMAIL__OAUTH__REFRESH_TOKEN",
        "Refresh token of the mailbox. Not set: the grant client_credentials.",
    ),
    now(
        "OUTBOUND__CA_FILE",
        "",
        Text,
        "PEM file of authorities that are trusted beside the system's, for HTTP and mail. Read at the start.",
    ),
    // Files.
    now(
        "STORAGE__BACKEND",
        "file",
        Word(&["file", "s3"]),
        "Where files are kept: in a folder, or in a bucket of an S3-compatible object store. This and each setting below can be given for media and reports alone: STORAGE__MEDIA__BACKEND, STORAGE__REPORTS__S3__REGION, …",
    ),
    now(
        "BLUEPRINTS_DIR",
        "/blueprints",
        Text,
        "Folder of blueprints, applied when they change. It need not exist. Nodes that do jobs need the same folder.",
    ),
    now(
        "CERT_DISCOVERY_DIR",
        "/certs",
        Text,
        "Folder of certificates in PEM: `name.pem` or `name.crt` with `name.key`, or certbot's `live/name/fullchain.pem` and `privkey.pem`. They become certificate-key pairs of these names, and are read again at the start, every hour and at SIGHUP. It need not exist. Nodes that do jobs need the same folder.",
    ),
    now(
        "BLUEPRINTS__REGISTRIES",
        "",
        Text,
        "OCI registries (`host:port`, separated by commas) that are reached although they are in a private network; with `http://` before it without TLS.",
    ),
    now(
        "STORAGE__FILE__PATH",
        "",
        Text,
        "Folder of files; media are in `media/public` below it. Not set: the data folder. Nodes need the same folder.",
    ),
    now(
        "STORAGE__FILE__URL_EXPIRY",
        "minutes=15",
        Duration,
        "How long the URL of a file in the folder is valid.",
    ),
    now("STORAGE__S3__REGION", "", Text, "Region of the bucket. Not set: us-east-1."),
    now("STORAGE__S3__ENDPOINT", "", Text, "URL of the object store's API. Not set: Amazon's of the region."),
    now("STORAGE__S3__USE_SSL", "true", Flag, "HTTPS to Amazon; an endpoint names its own scheme."),
    now(
        "STORAGE__S3__ADDRESSING_STYLE",
        "auto",
        Word(&["auto", "path", "virtual"]),
        "Whether the bucket is a part of the path or of the host name; `auto`: of the path for an own endpoint and for names with dots.",
    ),
    now("STORAGE__S3__SIGNATURE_VERSION", "s3v4", Word(&["s3v4"]), "How requests are signed."),
    now(
        "STORAGE__S3__SESSION_PROFILE",
        "",
        Text,
        "Profile of the credentials file (`~/.aws/credentials`); goes before the keys.",
    ),
    secret("STORAGE__S3__ACCESS_KEY", "Id of the access key."),
    secret("STORAGE__S3__SECRET_KEY", "The access key."),
    secret("STORAGE__S3__SESSION_TOKEN", "Token of temporary keys."),
    now("STORAGE__S3__BUCKET_NAME", "", Text, "The bucket; it must exist."),
    now(
        "STORAGE__S3__CUSTOM_DOMAIN",
        "",
        Text,
        "Host from which browsers read the files, without scheme, and with the bucket where the path needs it: `cdn.example.com/bucket`.",
    ),
    now("STORAGE__S3__SECURE_URLS", "true", Flag, "URLs at that host begin with https."),
    now(
        "STORAGE__S3__URL_EXPIRY",
        "minutes=15",
        Duration,
        "How long the URL of a file in the bucket is valid.",
    ),
    now(
        "WORKER__EMBEDDED",
        "true",
        Flag,
        "The server carries jobs out itself. `false`, on PostgreSQL: only `worker` processes do.",
    ),
    now(
        "WORKER__THREADS",
        "2",
        Number(1, 256),
        "Jobs that one process carries out at once; mail has a queue of its own.",
    ),
    now("WORKER__TASK_MAX_RETRIES", "5", Number(0, 100), "Attempts after the first one of a job that fails."),
    now("WORKER__TASK_DEFAULT_TIME_LIMIT", "minutes=10", Duration, "How long one attempt of a job may take."),
    now(
        "WORKER__TASK_EXPIRATION",
        "days=30",
        Duration,
        "How long jobs that are over stay; good runs of a schedule stay a day.",
    ),
    now("WORKER__SCHEDULER_INTERVAL", "seconds=60", Duration, "How often the schedules are looked at."),
    // Not implemented yet.
    later("REDIS__HOST", "localhost", Text, REDIS),
    later("REDIS__PORT", "6379", PORT, REDIS),
    later("REDIS__DB", "0", Number(0, 1_000_000), REDIS),
    later("REDIS__USERNAME", "", Text, REDIS),
    hidden(later("REDIS__PASSWORD", "", Text, REDIS)),
    later("REDIS__TLS", "false", Flag, REDIS),
    later("REDIS__TLS_REQS", "none", Text, REDIS),
    later("REDIS__TLS_CA_CERT", "", Text, REDIS),
    hidden(later("BROKER__URL", "", Text, REDIS)),
    later("BROKER__TRANSPORT_OPTIONS", "", Text, REDIS),
    hidden(later("CHANNEL__URL", "", Text, REDIS)),
    hidden(later("CACHE__URL", "", Text, REDIS)),
    hidden(later("RESULT_BACKEND__URL", "", Text, REDIS)),
    never("SESSION_STORAGE", Word(&["cache", "db"]), "sessions are always in the database"),
    later("LISTEN__LDAP", "", Addresses, OUTPOST),
    later("LISTEN__LDAPS", "", Addresses, OUTPOST),
    later("LISTEN__RADIUS", "", Addresses, OUTPOST),
    never("LISTEN__DEBUG", Addresses, OTHER_SERVER),
    never("LISTEN__DEBUG_PY", Addresses, OTHER_SERVER),
    later("OUTPOSTS__CONTAINER_IMAGE_BASE", "", Text, OUTPOST),
    later("OUTPOSTS__DISCOVER", "true", Flag, OUTPOST),
    later("OUTPOSTS__DISABLE_EMBEDDED_OUTPOST", "false", Flag, OUTPOST),
    later("LDAP__*", "", Text, "LDAP sources"),
    later("SOURCES__*", "", Text, "sources"),
    later("TENANTS__ENABLED", "false", Flag, TENANTS),
    hidden(later("TENANTS__API_KEY", "", Text, TENANTS)),
    later("LOG__HTTP_HEADERS", "User-Agent", Text, "headers in log lines"),
    later("COMPLIANCE__FIPS__ENABLED", "false", Flag, "FIPS mode"),
    // Settings of another process model.
    never("WEB__WORKERS", Number(0, 1024), "one process uses all cores; see WEB__THREADS"),
    never("WORKER__PROCESSES", Number(1, 256), "start `worker` several times"),
    never("WORKER__CONCURRENCY", Number(1, 256), "see WORKER__THREADS"),
    never("WORKER__TASK_PURGE_INTERVAL", Duration, "jobs that are over go with other expired rows"),
    never("WORKER__CONSUMER_LISTEN_TIMEOUT", Duration, "a lost notice costs a second"),
    never("WEB__MAX_REQUESTS", Number(0, MANY), "processes need not be restarted"),
    never("WEB__MAX_REQUESTS_JITTER", Number(0, MANY), "processes need not be restarted"),
    never("WEB__TIMEOUT_HTTP_*", Text, "time limits are fixed"),
    never("REMOTE_DEBUG", Flag, OTHER_SERVER),
    never("GDPR_COMPLIANCE", Flag, "a system setting: /api/v3/admin/settings/"),
];

/// The declaration of a name without prefix.
pub fn find(name: &str) -> Option<&'static Setting> {
    let of_one_use = OF_ONE_USE.iter().find_map(|start| name.strip_prefix(start));
    let general = of_one_use.map(|rest| format!("STORAGE__{rest}"));
    let name = general.as_deref().unwrap_or(name);
    TABLE.iter().find(|s| s.name == name).or_else(|| {
        TABLE.iter().find(|s| s.name.strip_suffix('*').is_some_and(|start| name.starts_with(start)))
    })
}
