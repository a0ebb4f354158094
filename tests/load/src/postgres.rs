//! The same operations with the rows in PostgreSQL: a private server beside us, durable commits, a second
//! instance of the measured program. Rows that wait for a commit are held against `pgbench`, the others
//! against our own SQLite figure.
use crate::bench::{Bench, Server};
use crate::client::Result;
use crate::load::Load;
use crate::process::{Process, free_ports};
use crate::report::{Line, Verdict, number};
use crate::rows::{ROUNDS, ROWS, Row, Series, ramp, sound};
use crate::signet::Home;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::process::Command;

/// Share of our own SQLite figure.
const MUST: f64 = 0.80;
/// Share of what `pgbench` commits, divided by the durable statements of an operation.
const MUST_COMMITS: f64 = 0.50;

/// Each throughput row again: its name here, and how many durable statements an operation waits for (0: none,
/// so that SQLite decides). A refresh uses the old token up and stores the new one; a code is stored, used
/// up, and yields a refresh token.
pub const NAMES: [(&str, u32); 12] = [
    ("pg-discovery", 0),
    ("pg-jwks", 0),
    ("pg-cc-rs256", 0),
    ("pg-cc-es256", 0),
    ("pg-cc-eddsa", 0),
    ("pg-introspection", 0),
    ("pg-userinfo", 0),
    ("pg-refresh-es256", 2),
    ("pg-refresh-rs256", 0),
    ("pg-code", 3),
    ("pg-code-rs256", 0),
    ("pg-login", 0),
];

/// Measures the rows that are wanted while the server on SQLite still runs.
pub async fn measure(bench: &mut Bench, wants: impl Fn(&str) -> bool) -> Vec<Line> {
    let wanted: Vec<_> = NAMES
        .iter()
        .filter(|(name, _)| wants(name))
        .filter_map(|(name, count)| Some((*name, *count, counterpart(name)?)))
        .collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let (database, server) = match start(bench).await {
        Ok(both) => both,
        Err(why) => return vec![Line::failed("pg", "the same on PostgreSQL", &why)],
    };
    let mut lines = Vec::new();
    for (name, count, row) in wanted {
        let title = format!("{}, on PostgreSQL", row.title);
        lines.push(
            compare(bench, &database, &server, (name, &title, count), row)
                .await
                .unwrap_or_else(|why| Line::failed(name, &title, &why)),
        );
    }
    for (what, process) in [("the server on PostgreSQL", server.process), ("PostgreSQL", database.process)] {
        if let Err(why) = process.stop().await {
            lines.push(Line::failed("pg", what, &why));
        }
    }
    lines
}

fn counterpart(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| name.strip_prefix("pg-") == Some(row.name))
}

async fn start(bench: &Bench) -> Result<(Postgres, Server)> {
    let database = Postgres::start().await?;
    let home = Home::new(&bench.binary, bench.folder.0.join("server-pg"))?.with(database.settings());
    Ok((database, Server::start(home).await?))
}

async fn compare(
    bench: &mut Bench,
    database: &Postgres,
    server: &Server,
    (name, title, count): (&str, &str, u32),
    row: &Row,
) -> Result<Line> {
    let (ramp, time) = (ramp(row.kind), bench.time());
    let mut ours = Load::prepare(row.kind, &server.site(row.algorithm)?, row.connections).await?;
    let mut other = if count == 0 {
        Some(Load::prepare(row.kind, &bench.site(row.algorithm)?, row.connections).await?)
    } else {
        None
    };
    let (mut limits, mut rates, mut note) = (Series::default(), Series::default(), String::new());
    for _ in 0..ROUNDS {
        limits.rates.push(match &mut other {
            Some(load) => sound(load.run(ramp, time).await?)?.per_second,
            None => database.commits(row.connections, time).await? / f64::from(count),
        });
        let outcome = sound(ours.run(ramp, time).await?)?;
        let cost = outcome.usage.of(server.process.pid) * 1e6 / outcome.whole.count().max(1) as f64;
        note = format!(
            "p50 {} ms, p99 {} ms; server {} µs/op",
            number(outcome.whole.quantile(0.5)),
            number(outcome.whole.quantile(0.99)),
            number(cost)
        );
        rates.rates.push(outcome.per_second);
    }
    let (must, against) = match count {
        0 => (MUST, "our own on SQLite".to_owned()),
        count => (MUST_COMMITS, format!("pgbench ÷ {count} durable statements")),
    };
    let ratio = rates.median() / limits.median();
    Ok(Line {
        name: name.into(),
        title: title.into(),
        measured: format!("{}/s", number(rates.median())),
        limit: format!("{}/s", number(limits.median())),
        ratio: format!("{ratio:.2}"),
        must: format!("≥ {must:.2}"),
        peer: "–".into(),
        verdict: if ratio >= must { Verdict::Ok } else { Verdict::Miss },
        note: format!("{note}; {against}"),
    })
}

/// A private PostgreSQL as its packages configure it, `fsync` included. Its folder lies where files outlive a
/// restart, so that a commit goes to a disk, and where the account that PostgreSQL runs as can reach it.
struct Postgres {
    process: Process,
    folder: Own,
    bin: PathBuf,
    port: u16,
}

/// The folder goes with the value.
struct Own(PathBuf);

impl Drop for Own {
    fn drop(&mut self) {
        // What is left over lies in a folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const SCRIPT: &str = "\\set n random(1, 1000000000)\nINSERT INTO bench_grant (id, expires, content) VALUES (md5(:n::text) || md5(random()::text), 1900000000, repeat('x', 300));\n";
const TABLE: &str =
    "CREATE TABLE bench_grant (id TEXT PRIMARY KEY, expires BIGINT NOT NULL, content TEXT NOT NULL)";

impl Postgres {
    async fn start() -> Result<Self> {
        let bin = binaries().ok_or("PostgreSQL is not installed: scripts/setup-debian.sh installs it")?;
        let folder = Own(PathBuf::from(format!("/var/tmp/signet-bench-pg-{}", std::process::id())));
        let path = folder.0.clone();
        std::fs::create_dir(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).map_err(|e| e.to_string())?;
        let account = account()?;
        if let Some((user, group)) = account {
            chown(&path, Some(user), Some(group)).map_err(|e| e.to_string())?;
        }
        let data = path.join("data").display().to_string();
        let mut init = Command::new(bin.join("initdb"));
        init.args(["-D", &data, "-U", "signet", "-A", "trust", "-E", "UTF8", "--locale=C"])
            .current_dir(&path);
        if let Some((user, group)) = account {
            init.uid(user).gid(group);
        }
        finished(&mut init).await?;
        let [port] = free_ports()?;
        let arguments = [
            "-D",
            &data,
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            &format!("unix_socket_directories={}", path.display()),
        ];
        let began = Instant::now();
        let process =
            Process::start_as(account, &bin.join("postgres"), &arguments, &path, path.join("log"), &[])?;
        let mut me = Self { process, folder, bin, port };
        while let Err(why) = me.sql("SELECT 1").await {
            me.process.check()?;
            if began.elapsed() > Duration::from_secs(30) {
                return Err(format!("PostgreSQL did not start: {why}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        me.sql(TABLE).await?;
        std::fs::write(me.folder.0.join("insert.sql"), SCRIPT).map_err(|e| e.to_string())?;
        Ok(me)
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "signet"]);
        command
    }
    async fn sql(&self, text: &str) -> Result<String> {
        finished(self.tool("psql").args(["-d", "postgres", "-Atqc", text])).await
    }

    /// What a server has to be told to use it.
    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AUTHENTIK_POSTGRESQL__HOST", "127.0.0.1".into()),
            ("AUTHENTIK_POSTGRESQL__PORT", self.port.to_string()),
            ("AUTHENTIK_POSTGRESQL__NAME", "postgres".into()),
            ("AUTHENTIK_POSTGRESQL__USER", "signet".into()),
            ("AUTHENTIK_POSTGRESQL__PASSWORD", "unused".into()),
            ("AUTHENTIK_POSTGRESQL__SSLMODE", "disable".into()),
        ]
    }

    /// Inserts a second, each in a transaction of its own, from so many connections.
    async fn commits(&self, connections: usize, time: Duration) -> Result<f64> {
        let script = self.folder.0.join("insert.sql");
        let text = finished(
            self.tool("pgbench")
                .args([
                    "-n",
                    "-M",
                    "prepared",
                    "-j",
                    "2",
                    "-c",
                    &connections.to_string(),
                    "-T",
                    &time.as_secs().max(1).to_string(),
                    "-f",
                ])
                .arg(script)
                .arg("postgres"),
        )
        .await?;
        pace(&text).ok_or_else(|| format!("pgbench gave no rate: {text}"))
    }
}

/// `tps = 1234.5 (without initial connection time)`
fn pace(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
}

/// Output of a command that has to succeed.
async fn finished(command: &mut Command) -> Result<String> {
    let out = command
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| format!("{:?}: {e}", command.as_std().get_program()))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    Err(format!(
        "{:?} ended with {}: {}",
        command.as_std().get_program(),
        out.status,
        String::from_utf8_lossy(&out.stderr)
    ))
}

/// PostgreSQL refuses to run as root: the ids of its own account then.
fn account() -> Result<Option<(u32, u32)>> {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata("/proc/self").map_err(|e| e.to_string())?.uid() != 0 {
        return Ok(None);
    }
    let text = std::fs::read_to_string("/etc/passwd").map_err(|e| e.to_string())?;
    let ids = text.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    ids.map(Some).ok_or_else(|| "there is no account postgres".into())
}

/// The newest server that Debian installed.
fn binaries() -> Option<PathBuf> {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut found: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|entry| Some((version(&entry.path())?, entry.path().join("bin"))))
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin).filter(|bin| bin.join("initdb").exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_throughput_row_has_one_on_postgresql() {
        let own = ROWS.iter().filter(|row| row.name.ends_with("-own")).count();
        assert_eq!(NAMES.iter().filter(|(name, _)| counterpart(name).is_some()).count(), ROWS.len() - own);
    }

    #[test]
    fn the_rate_of_pgbench_is_found() {
        assert_eq!(
            pace("latency average = 1.6 ms\ntps = 9876.543 (without initial connection time)\n"),
            Some(9876.543)
        );
        assert_eq!(pace("nothing"), None);
    }
}
