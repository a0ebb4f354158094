//! Test databases: temporary SQLite files, and one private PostgreSQL cluster per test process.
//!
//! The cluster is in a temporary folder and listens on a socket there; for TLS tests on a loopback port with
//! a random password. A small shell process watches it: when the test process ends, the watcher's input
//! closes, and it stops the server by its pid and removes the folder. `SIGNET_TEST_POSTGRES_BIN` names the
//! folder with `initdb`; `SIGNET_TEST_SKIP_POSTGRES=1` skips PostgreSQL.
#![allow(
    clippy::disallowed_methods,
    reason = "only tests use this module; its settings are those of the test run"
)]
use crate::db::{Db, PostgresConfig, SslMode};
use crate::migrate;
use signet_base::{Ports, Secret};
use std::future::Future;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Mutex, OnceCell};

/// Runs the test on a migrated SQLite database, then on its own migrated PostgreSQL database.
pub async fn each_database<F, Fut>(test: F)
where
    F: Fn(Db) -> Fut,
    Fut: Future<Output = ()>,
{
    let db = sqlite().await;
    test(db.clone()).await;
    db.close().await;
    if let Some(db) = postgres().await {
        test(db.clone()).await;
        db.close().await;
    }
}

/// A migrated SQLite database in a temporary file.
pub async fn sqlite() -> Db {
    let db = Db::temporary().expect("a temporary SQLite file");
    migrate::migrate(&db, &Ports::system()).await.expect("migrations on SQLite");
    db
}

/// A migrated PostgreSQL database; `None` if PostgreSQL is skipped.
pub async fn postgres() -> Option<Db> {
    let config = postgres_config(true).await?;
    Some(Db::open_postgres(config).await.expect("connection to the private PostgreSQL"))
}

/// The address of a new database in the private cluster: a copy of the migrated template, or an empty one.
pub async fn postgres_config(migrated: bool) -> Option<PostgresConfig> {
    if skipped() {
        return None;
    }
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let cluster = CLUSTER.get_or_init(Cluster::start).await;
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let template = if migrated { "signet_template" } else { "template0" };
    let _guard = ONE_AT_A_TIME.lock().await;
    let admin =
        Db::open_postgres(cluster.config("postgres", 1)).await.expect("connection to the private PostgreSQL");
    create_database(&admin, &name, template).await;
    admin.close().await;
    Some(cluster.config(&name, 8))
}

async fn create_database(admin: &Db, name: &str, template: &str) {
    // `CREATE DATABASE` does not run inside a transaction.
    admin
        .query(&format!("CREATE DATABASE {name} TEMPLATE {template}"), vec![])
        .await
        .expect("a new database");
}

fn skipped() -> bool {
    std::env::var("SIGNET_TEST_SKIP_POSTGRES").is_ok_and(|v| v == "1")
}

/// Like [`postgres_config`], but over TCP with TLS: the server uses this certificate (PEM) for `localhost`.
/// All tests of a process share the certificate of the first call.
pub async fn postgres_tls_config(certificate: &str, key: &str) -> Option<PostgresConfig> {
    let local = postgres_config(true).await?;
    let cluster = CLUSTER.get()?;
    let admin =
        Db::open_postgres(cluster.config("postgres", 1)).await.expect("connection to the private PostgreSQL");
    for (name, text, setting) in
        [("server.crt", certificate, "ssl_cert_file"), ("server.key", key, "ssl_key_file")]
    {
        let path = cluster.dir.join(name);
        std::fs::write(&path, text).expect("a file for PostgreSQL");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .expect("permissions of the file");
        cluster.owner.give(&path);
        admin
            .query(&format!("ALTER SYSTEM SET {setting} = '{}'", path.display()), vec![])
            .await
            .expect("a setting");
    }
    admin.query("ALTER SYSTEM SET ssl = on", vec![]).await.expect("a setting");
    admin.query("SELECT pg_reload_conf()", vec![]).await.expect("a reload");
    admin.close().await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    Some(PostgresConfig { host: "localhost".into(), password: cluster.password.clone(), ..local })
}

static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

/// The account that runs the server, if it is not the current one.
struct Owner(Option<(u32, u32)>);
impl Owner {
    fn find() -> Self {
        let id = |kind: &str| {
            text_of(Command::new("id").args([kind, "postgres"]))
                .parse()
                .expect("PostgreSQL does not run as root: an account named postgres is needed")
        };
        Self((text_of(Command::new("id").arg("-u")) == "0").then(|| (id("-u"), id("-g"))))
    }
    fn give(&self, path: &Path) {
        if let Some((uid, gid)) = self.0 {
            chown(path, Some(uid), Some(gid)).expect("a file for the account postgres");
        }
    }
}

/// A PostgreSQL server that one test starts and stops, with a migrated database; stopped on drop.
pub struct OwnServer(Cluster);

/// A server for one test; `None` if PostgreSQL is skipped.
pub async fn own_server() -> Option<OwnServer> {
    if skipped() { None } else { Some(OwnServer(Cluster::start().await)) }
}

impl OwnServer {
    pub fn config(&self) -> PostgresConfig {
        self.0.config("signet_template", 8)
    }
    /// Stops the server; connections break.
    pub fn stop(&self) {
        self.0.control(&["stop", "-m", "immediate"]);
    }
    pub fn start(&self) {
        self.0.control(&["start", "-w", "-t", "60"]);
    }
    /// Stops all of its processes where they stand (`SIGSTOP`), or lets them go on.
    pub fn stand_still(&self, still: bool) {
        let signal = if still { "-STOP" } else { "-CONT" };
        let file = std::fs::read_to_string(self.0.dir.join("data/postmaster.pid")).expect("the server runs");
        let main = file.lines().next().expect("a pid").trim().to_owned();
        let children = text_of(Command::new("ps").args(["-o", "pid=", "--ppid", &main]));
        let all = std::iter::once(main.as_str()).chain(children.split_whitespace());
        let status = Command::new("kill").arg(signal).args(all).status().expect("kill");
        assert!(status.success() || !still, "{signal}");
    }
}

struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
    owner: Owner,
    port: u16,
    password: Secret,
    _watcher: Child,
}

impl Cluster {
    async fn start() -> Self {
        let bin = binaries()
            .unwrap_or_else(|| panic!("PostgreSQL was not found: install its server, set SIGNET_TEST_POSTGRES_BIN to the folder with initdb, or set SIGNET_TEST_SKIP_POSTGRES=1"));
        let random: [u8; 6] = Ports::system().bytes();
        let dir = std::env::temp_dir().join(format!(
            "signet-pg-{}-{}",
            std::process::id(),
            signet_base::vault::hex(&random)
        ));
        std::fs::create_dir(&dir).expect("a folder for PostgreSQL");
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700))
            .expect("permissions of the folder");
        let owner = Owner::find();
        owner.give(&dir);
        let password = Ports::system().alphanumeric(32);
        let password_file = dir.join("password");
        std::fs::write(&password_file, &password).expect("a file for PostgreSQL");
        owner.give(&password_file);
        let root = owner.0.is_some();
        // A free port.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))
            .and_then(|l| l.local_addr())
            .expect("a free port")
            .port();
        let watcher = watch(&dir);
        let data = dir.join("data");
        run(
            as_server(root, &bin.join("initdb"))
                .args([
                    "-U",
                    "postgres",
                    "--auth-local=trust",
                    "--auth-host=scram-sha-256",
                    "--no-sync",
                    "-E",
                    "UTF8",
                    "--locale=C",
                    "--pwfile",
                ])
                .arg(&password_file)
                .arg("-D")
                .arg(&data),
            &dir,
        );
        let me = Self { bin, dir, owner, port, password: Secret::new(password), _watcher: watcher };
        me.control(&["start", "-w", "-t", "60"]);
        let admin =
            Db::open_postgres(me.config("postgres", 1)).await.expect("connection to the private PostgreSQL");
        create_database(&admin, "signet_template", "template0").await;
        admin.close().await;
        let template =
            Db::open_postgres(me.config("signet_template", 1)).await.expect("connection to the template");
        migrate::migrate(&template, &Ports::system()).await.expect("migrations on PostgreSQL");
        // A template with connections cannot be copied.
        template.close().await;
        drop(template);
        me.wait_until_unused("signet_template").await;
        me
    }

    fn control(&self, arguments: &[&str]) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off -c full_page_writes=off -c max_connections=300",
            self.port,
            self.dir.display()
        );
        let mut command = as_server(self.owner.0.is_some(), &self.bin.join("pg_ctl"));
        command.args(arguments).arg("-D").arg(self.dir.join("data"));
        if arguments.first() == Some(&"start") {
            command.arg("-l").arg(self.dir.join("log")).arg("-o").arg(options);
        }
        run(&mut command, &self.dir);
    }

    async fn wait_until_unused(&self, database: &str) {
        let admin = Db::open_postgres(self.config("postgres", 1))
            .await
            .expect("connection to the private PostgreSQL");
        for _ in 0..100 {
            let rows = admin
                .query("SELECT count(*) FROM pg_stat_activity WHERE datname = ?", crate::params![database])
                .await
                .expect("activity");
            if rows[0].int(0).expect("a count") == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        admin.close().await;
    }

    fn config(&self, database: &str, pool_size: usize) -> PostgresConfig {
        PostgresConfig {
            host: self.dir.display().to_string(),
            port: self.port,
            user: "postgres".into(),
            password: Secret::default(),
            database: database.into(),
            ssl_mode: SslMode::Disable,
            pool_size,
            ..PostgresConfig::default()
        }
    }
}

/// PgBouncer in transaction mode before the private cluster; ends with the value, or with this process.
pub struct PgBouncer {
    pub config: PostgresConfig,
    process: Child,
}

/// PgBouncer before a database of the private cluster. A server behind it changes with every transaction.
pub async fn pgbouncer(database: &PostgresConfig) -> PgBouncer {
    let program =
        ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].map(Path::new).into_iter().find(|p| p.exists());
    let program = program.expect("PgBouncer was not found: scripts/setup-debian.sh installs it");
    let random: [u8; 6] = Ports::system().bytes();
    let dir = std::env::temp_dir().join(format!("signet-pooler-{}", signet_base::vault::hex(&random)));
    std::fs::create_dir(&dir).expect("a folder for PgBouncer");
    let owner = Owner::find();
    owner.give(&dir);
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
    let settings = format!(
        "[databases]\n* = host={} port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 6\nlogfile = {}\n",
        database.host,
        database.port,
        dir.join("log").display()
    );
    let file = dir.join("settings.ini");
    std::fs::write(&file, settings).expect("a file for PgBouncer");
    owner.give(&file);
    // The shell's input closes when this process ends, however it ends.
    let script = r#""$1" "$2" & pid=$!; cat >/dev/null; kill "$pid"; wait "$pid"; rm -rf "$3""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "pooler"]).arg(program).arg(&file).arg(&dir);
    if let Some((uid, gid)) = owner.0 {
        std::os::unix::process::CommandExt::gid(
            std::os::unix::process::CommandExt::uid(&mut command, uid),
            gid,
        );
    }
    command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = command.spawn().expect("a shell for PgBouncer");
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    let config =
        PostgresConfig { host: "127.0.0.1".into(), port, pooler: true, direct: None, ..database.clone() };
    PgBouncer { config, process }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Stops the server and removes the folder when this process is gone.
fn watch(dir: &Path) -> Child {
    let script = r#"trap '' INT TERM HUP
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
  kill -INT "$pid" 2>/dev/null
  n=0
  while [ -e "$1/data/postmaster.pid" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
fi
rm -rf "$1""#;
    Command::new("sh")
        .args(["-c", script, "watch"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell to watch over PostgreSQL")
}

fn as_server(root: bool, program: &Path) -> Command {
    let mut command = if root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// Output goes to a file: an inherited pipe would stay open.
fn run(command: &mut Command, dir: &Path) {
    let log = dir.join("setup.log");
    let file = std::fs::File::create(&log).expect("a log file");
    let status = command
        .stdout(file.try_clone().expect("a log file"))
        .stderr(file)
        .status()
        .expect("a program of PostgreSQL");
    assert!(
        status.success(),
        "PostgreSQL did not start: {}",
        std::fs::read_to_string(&log).unwrap_or_default()
    );
}

fn text_of(command: &mut Command) -> String {
    let output = command.output().expect("a standard program");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The newest PostgreSQL binaries in the usual folders.
fn binaries() -> Option<PathBuf> {
    if let Ok(dir) = std::env::var("SIGNET_TEST_POSTGRES_BIN") {
        return Some(PathBuf::from(dir));
    }
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for base in ["/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt"] {
        for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
            let bin = entry.path().join("bin");
            if bin.join("initdb").exists() {
                found.push((entry.file_name().to_string_lossy().parse().unwrap_or(0), bin));
            }
        }
    }
    found.sort();
    let in_path = || {
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .find(|dir| dir.join("initdb").exists() && dir.join("pg_ctl").exists())
    };
    found.pop().map(|(_, bin)| bin).or_else(in_path)
}
