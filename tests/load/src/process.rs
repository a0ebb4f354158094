//! Children on loopback that are always ended by their own id, and what the kernel says about them.
use crate::client::{Connection, Result, request};
use std::collections::HashMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// Clock ticks a second in /proc (USER_HZ; 100 on every Linux).
const TICKS: f64 = 100.0;

/// Children that run now: their processor time is not noise.
static CHILDREN: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn children() -> Vec<u32> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Processor time in seconds: at one moment, or between two.
pub struct Usage {
    at: Instant,
    /// Of the whole machine, with what its host gave to somebody else.
    busy: f64,
    /// Of this process and its ended children.
    pub own: f64,
    by_child: HashMap<u32, f64>,
    seconds: f64,
}

impl Usage {
    pub fn now() -> Self {
        let by_child = children().into_iter().map(|pid| (pid, cpu_seconds(pid).unwrap_or(0.0))).collect();
        Self {
            at: Instant::now(),
            busy: machine_seconds().unwrap_or(0.0),
            own: own_seconds().unwrap_or(0.0),
            by_child,
            seconds: 0.0,
        }
    }
    pub fn since(&self, before: &Self) -> Self {
        let by_child = self
            .by_child
            .iter()
            .map(|(pid, now)| (*pid, now - before.by_child.get(pid).unwrap_or(&0.0)))
            .collect();
        Self {
            at: self.at,
            busy: self.busy - before.busy,
            own: self.own - before.own,
            by_child,
            seconds: (self.at - before.at).as_secs_f64(),
        }
    }
    /// Seconds that this child used.
    pub fn of(&self, pid: u32) -> f64 {
        self.by_child.get(&pid).copied().unwrap_or(0.0)
    }
    /// Cores kept busy by others than this tool and its servers, be it on this machine or on the host of a
    /// virtual one.
    pub fn others(&self) -> f64 {
        let ours = self.own + self.by_child.values().sum::<f64>();
        if self.seconds > 0.0 { ((self.busy - ours) / self.seconds).max(0.0) } else { 0.0 }
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}
/// Fields of /proc/<pid>/stat after the command's name, which may hold spaces; the first is number 3 of
/// proc(5).
fn stat(path: &str) -> Option<Vec<f64>> {
    let text = read(path)?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect())
}
/// User and system time of a process.
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    let fields = stat(&format!("/proc/{pid}/stat"))?;
    Some((fields.get(11)? + fields.get(12)?) / TICKS)
}
fn own_seconds() -> Option<f64> {
    let fields = stat("/proc/self/stat")?;
    Some(fields.get(11..15)?.iter().sum::<f64>() / TICKS)
}
fn machine_seconds() -> Option<f64> {
    busy_seconds(&read("/proc/stat")?)
}
/// From the text of /proc/stat, whose first line is the sum of all cores.
fn busy_seconds(text: &str) -> Option<f64> {
    let fields: Vec<f64> =
        text.lines().next()?.split_whitespace().skip(1).filter_map(|f| f.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    Some((fields.get(..3)?.iter().sum::<f64>() + fields.get(5..8)?.iter().sum::<f64>()) / TICKS)
}
/// Proportional share of memory in MiB: pages shared with others count in part.
pub fn pss_mib(pid: u32) -> Option<f64> {
    let text = read(&format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find(|l| l.starts_with("Pss:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

/// Different loopback ports that nobody listens on now.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
        *port = listener.local_addr().map_err(|e| e.to_string())?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// A folder that goes away with the value.
pub struct Folder(pub PathBuf);

impl Folder {
    /// Beside the build, so that it lies on a disk and not in memory: an fsync has to cost what it costs.
    pub fn new(parent: &Path, name: &str) -> Result<Self> {
        let path = parent.join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over is a folder of the build directory; there is nobody to tell.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One child in the foreground, its output in a file.
pub struct Process {
    child: Child,
    pub pid: u32,
    log: PathBuf,
}

impl Process {
    /// Only what any program needs is passed on of this process's environment.
    pub fn start(
        program: &Path,
        arguments: &[&str],
        folder: &Path,
        log: PathBuf,
        variables: &[(&str, String)],
    ) -> Result<Self> {
        Self::start_as(None, program, arguments, folder, log, variables)
    }

    /// [`Self::start`] as another account, by its user and group id.
    pub fn start_as(
        account: Option<(u32, u32)>,
        program: &Path,
        arguments: &[&str],
        folder: &Path,
        log: PathBuf,
        variables: &[(&str, String)],
    ) -> Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(|e| format!("{}: {e}", log.display()))?;
        let errors = output.try_clone().map_err(|e| e.to_string())?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .kill_on_drop(true)
            .env_clear();
        for name in ["PATH", "HOME", "LANG"] {
            #[allow(
                clippy::disallowed_methods,
                reason = "the bench is no part of the server; these are not settings"
            )]
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some((user, group)) = account {
            command.uid(user).gid(group);
        }
        let child = command
            .envs(variables.iter().map(|(k, v)| (k, v)))
            .spawn()
            .map_err(|e| format!("{}: {e}", program.display()))?;
        let pid = child.id().ok_or("the process ended at once")?;
        CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).push(pid);
        Ok(Self { child, pid, log })
    }

    /// An error with the end of its output when it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("it ended with {status}\n{}", self.tail())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The last lines of its output.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Calls GET `path` until it answers 200; the time since `began`.
    pub async fn answers(
        &mut self,
        address: SocketAddr,
        path: &str,
        began: Instant,
        limit: Duration,
    ) -> Result<Duration> {
        let get = request("GET", path, &address.to_string(), &[], None);
        let mut last = String::new();
        loop {
            // A connection each time: the first ones are refused.
            match Connection::new(address).send(&get).await {
                Ok(answer) if answer.status == 200 => return Ok(began.elapsed()),
                Ok(answer) => last = answer.unexpected(path),
                Err(error) => last = if last.is_empty() { error } else { last },
            }
            self.check()?;
            if began.elapsed() > limit {
                return Err(format!(
                    "{path} was not answered with 200 within {limit:?}: {last}\n{}",
                    self.tail()
                ));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// SIGTERM and a wait; SIGKILL when it does not end within 20 s, which is an error.
    pub async fn stop(mut self) -> Result<ExitStatus> {
        let asked = Command::new("kill").arg("-TERM").arg(self.pid.to_string()).status().await;
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).retain(|pid| *pid != self.pid);
        match (asked, ended) {
            (Ok(_), Ok(status)) => status.map_err(|e| e.to_string()),
            (Err(error), _) => Err(format!("kill: {error}")),
            (_, Err(_)) => {
                self.child.kill().await.map_err(|e| e.to_string())?;
                Err(format!("it did not end within 20 s of SIGTERM\n{}", self.tail()))
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).retain(|pid| *pid != self.pid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_takes_is_busy_and_waiting_is_not() {
        let text = "cpu  100 200 300 7000 8000 10 20 30 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(busy_seconds(text), Some(6.6));
        assert_eq!(busy_seconds("cpu  1 2 3"), None);
    }

    #[tokio::test]
    async fn a_child_is_watched_and_ended() {
        let folder = Folder::new(&std::env::temp_dir(), "signet-load-test").unwrap();
        let process =
            Process::start(Path::new("sleep"), &["60"], &folder.0, folder.0.join("log"), &[]).unwrap();
        assert!(pss_mib(process.pid).unwrap() > 0.0 && cpu_seconds(process.pid).is_some());
        assert!(children().contains(&process.pid));
        let pid = process.pid;
        assert!(!process.stop().await.unwrap().success());
        assert!(!children().contains(&pid) && cpu_seconds(pid).is_none());
        let [a, b] = free_ports().unwrap();
        assert_ne!(a, b);
    }
}
