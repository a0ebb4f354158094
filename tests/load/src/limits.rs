//! What this machine can do at best: the other half of every ratio. Each limit is the least work that could
//! give the same answer: only the hash, only the signature, only the commit, only the bytes on the wire.
use crate::client::{Result, request};
use crate::disk;
use crate::load::Fixed;
use crate::process::{Folder, Process};
use crate::runner;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use rusqlite::Connection;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Hashing threads and signing processes: the limits are those of two cores.
const THREADS: usize = 2;
/// What the product's hashes cost where the settings say nothing else: KiB and passes.
const HASH: (u32, u32) = (64 * 1024, 3);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// A bare axum answering a few bytes.
    Hello,
    /// A bare axum answering 2,000 bytes of JSON.
    Json,
    /// A bare axum whose POST makes one token.
    SignEs256,
    SignEdDsa,
    SignRs256,
    /// `openssl speed` RSA-2048 signatures of two processes.
    Rsa,
    /// Argon2id of two threads at the product's cost ([`HASH`]).
    Argon2,
    /// Rows a second into SQLite, WAL, synchronous=FULL, 16 rows a commit.
    Grouped,
    /// The same with one row a commit.
    Single,
    /// [`Self::Grouped`] where an fsync takes 4 ms: see `disk`.
    GroupedReference,
    /// The least that a durable answer costs: this many signatures, requests, and one row of those 16 a
    /// commit, one after the other. Where a commit takes milliseconds that is nearly the rate of the rows;
    /// where it takes a tenth of one, as on a fast disk, signatures and requests are most of it.
    Durable {
        signatures: u32,
        requests: u32,
    },
}

impl Limit {
    pub const ALL: [Self; 10] = [
        Self::Argon2,
        Self::Rsa,
        Self::Hello,
        Self::Json,
        Self::SignEs256,
        Self::SignEdDsa,
        Self::SignRs256,
        Self::Grouped,
        Self::Single,
        Self::GroupedReference,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Hello => "axum, hello",
            Self::Json => "axum, 2,000 bytes of JSON",
            Self::SignEs256 => "axum that only signs ES256",
            Self::SignEdDsa => "axum that only signs EdDSA",
            Self::SignRs256 => "axum that only signs RS256",
            Self::Rsa => "OpenSSL RSA-2048 signatures, 2 processes",
            Self::Argon2 => "Argon2id 64 MiB t3 p1, 2 threads",
            Self::Grouped => "SQLite FULL, rows, 16 a commit",
            Self::Single => "SQLite FULL, rows, 1 a commit",
            Self::GroupedReference => "SQLite FULL, rows, 16 a commit, fsync of 4 ms",
            Self::Durable { .. } => "ES256 signatures, requests and a row of 16 a commit",
        }
    }

    /// Operations a second.
    pub async fn measure(
        self,
        floor: &Floor,
        folder: &Path,
        connections: usize,
        ramp: Duration,
        time: Duration,
    ) -> Result<f64> {
        match self {
            Self::Hello => floor.load("GET", "/hello", connections, ramp, time).await,
            Self::Json => floor.load("GET", "/json", connections, ramp, time).await,
            Self::SignEs256 => floor.load("POST", "/sign/es256", connections, ramp, time).await,
            Self::SignEdDsa => floor.load("POST", "/sign/eddsa", connections, ramp, time).await,
            Self::SignRs256 => floor.load("POST", "/sign/rs256", connections, ramp, time).await,
            Self::Rsa => openssl(time).await,
            Self::Argon2 => blocking(move || hashes(time)).await,
            Self::Grouped => sqlite(folder, 16, time).await,
            Self::Single => sqlite(folder, 1, time).await,
            Self::GroupedReference => disk::rows(folder, 16, time).await,
            Self::Durable { signatures, requests } => {
                let row = 1.0 / sqlite(folder, 16, time).await?;
                let request = 1.0 / floor.load("GET", "/json", connections, ramp, time).await?;
                let signing = 1.0 / floor.load("POST", "/sign/es256", connections, ramp, time).await?;
                Ok(least(row, request, signing, signatures, requests))
            }
        }
    }
}

/// Operations a second when nothing overlaps. Times in seconds; `signing` is a request that signs once.
fn least(row: f64, request: f64, signing: f64, signatures: u32, requests: u32) -> f64 {
    let signature = (signing - request).max(0.0);
    1.0 / (row + f64::from(requests) * request + f64::from(signatures) * signature)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| e.to_string())?
}

/// The bare server, in a process of its own as the measured one is.
pub struct Floor {
    pub process: Process,
    address: SocketAddr,
}

impl Floor {
    /// This program again, as a server.
    pub async fn start(folder: &Folder) -> Result<Self> {
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let [port] = crate::process::free_ports()?;
        let began = Instant::now();
        let mut process = Process::start(
            &program,
            &["floor", &port.to_string()],
            &folder.0,
            folder.0.join("floor.log"),
            &[],
        )?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        process.answers(address, "/hello", began, Duration::from_secs(10)).await?;
        Ok(Self { process, address })
    }

    async fn load(
        &self,
        method: &str,
        path: &str,
        connections: usize,
        ramp: Duration,
        time: Duration,
    ) -> Result<f64> {
        let body = (method == "POST")
            .then_some(("application/x-www-form-urlencoded", "grant_type=client_credentials"));
        let bytes = request(
            method,
            path,
            &self.address.to_string(),
            &[("authorization", "Basic YmVuY2g6YmVuY2gtc2VjcmV0LTAxMjM0NTY3ODk=")],
            body,
        );
        let mut workers: Vec<_> =
            (0..connections).map(|_| Fixed::plain(self.address, bytes.clone())).collect();
        let outcome = runner::run(&mut workers, ramp, time).await?;
        match outcome.first {
            Some(error) => Err(format!("the bare server: {error}")),
            None => Ok(outcome.per_second),
        }
    }
}

/// Whole hashes a second of all threads together.
fn hashes(time: Duration) -> Result<f64> {
    let threads: Vec<_> = (0..THREADS)
        .map(|n| {
            std::thread::spawn(move || -> Result<f64> {
                let params = Params::new(HASH.0, HASH.1, 1, Some(32)).map_err(|e| e.to_string())?;
                let mut arena = vec![Block::default(); params.block_count()];
                let engine = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                let (mut out, mut done, began) = ([0; 32], 0u32, Instant::now());
                while began.elapsed() < time {
                    let salt = [n as u8; 16];
                    engine
                        .hash_password_into_with_memory(
                            b"a password of usual length",
                            &salt,
                            &mut out,
                            &mut arena,
                        )
                        .map_err(|e| e.to_string())?;
                    done += 1;
                }
                Ok(f64::from(done) / began.elapsed().as_secs_f64())
            })
        })
        .collect();
    let mut sum = 0.0;
    for thread in threads {
        sum += thread.join().map_err(|_| "a hashing thread ended")??;
    }
    Ok(sum)
}

/// Signatures a second by `openssl speed`, which measures whole seconds.
async fn openssl(time: Duration) -> Result<f64> {
    let seconds = time.as_secs().max(1).to_string();
    let mut command = tokio::process::Command::new("openssl");
    command.args(["speed", "-multi", &THREADS.to_string(), "-seconds", &seconds, "-mr", "rsa2048"]);
    let out = command
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| format!("openssl (the limit of RSA rows) does not run: {e}"))?;
    signatures(&String::from_utf8_lossy(&out.stdout))
        .ok_or_else(|| format!("openssl speed ended with {} and no rate", out.status))
}

/// The sum line of `-mr -multi`: `+F2:<key>:2048:<sign/s>:<verify/s>`.
fn signatures(text: &str) -> Option<f64> {
    let line = text.lines().rfind(|l| l.starts_with("+F2:"))?;
    line.split(':').nth(3)?.trim().parse().ok().filter(|rate| *rate > 1.0)
}

/// Rows a second with so many of them a commit.
pub async fn sqlite(folder: &Path, group: usize, time: Duration) -> Result<f64> {
    let path = folder.join(format!("limit-{group}.db"));
    blocking(move || {
        let rate = rows(&path, group, time).map_err(|e| format!("SQLite: {e}"));
        for end in ["", "-wal", "-shm"] {
            // A file that stays goes with the folder.
            let _ = std::fs::remove_file(PathBuf::from(format!("{}{end}", path.display())));
        }
        rate
    })
    .await
}

/// Rows like those of a refresh token: a 64-byte key and 300 bytes beside it.
fn rows(path: &Path, group: usize, time: Duration) -> rusqlite::Result<f64> {
    let mut db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch(
        "CREATE TABLE grants (id TEXT PRIMARY KEY, expires INTEGER NOT NULL, content BLOB NOT NULL)",
    )?;
    let (content, mut done, began) = ([7u8; 300], 0u64, Instant::now());
    while began.elapsed() < time {
        let transaction = db.transaction()?;
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO grants (id, expires, content) VALUES (?1, ?2, ?3)")?;
            for _ in 0..group {
                done += 1;
                // An odd factor visits every number once, in no order: keys arrive as random ones do.
                let scattered = done.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                insert.execute((format!("{scattered:064x}"), 1_900_000_000_i64, &content[..]))?;
            }
        }
        transaction.commit()?;
    }
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_durable_answer_costs_its_parts_one_after_the_other() {
        let rate = least(1e-4, 1e-5, 3e-5, 2, 2);
        assert!((rate - 1.0 / 1.6e-4).abs() < 1e-6, "{rate}");
        assert!(least(4e-3, 1e-5, 3e-5, 2, 1) > 240.0);
    }
    #[test]
    fn the_rate_of_openssl_is_found() {
        let text = "+R1:1301:2048:1.01\nGot: +F2:2:2048:1288.1:19990.0 from 1\n+F2:2:2048:2297.118812:39044.554456\n";
        assert_eq!(signatures(text), Some(2297.118812));
        assert_eq!(signatures("nothing"), None);
    }

    #[test]
    fn commits_and_hashes_are_counted() {
        let folder = Folder::new(&std::env::temp_dir(), "signet-load-sqlite").unwrap();
        assert!(rows(&folder.0.join("a.db"), 16, Duration::from_millis(50)).unwrap() > 0.0);
        assert!(hashes(Duration::from_millis(1)).unwrap() > 0.0);
    }
}
