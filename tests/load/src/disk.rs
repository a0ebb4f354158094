//! The disk that the durable rows are measured on: this machine's own, or one whose fsync takes as long as on
//! the machine that the goals were set on. Both sides of a ratio run on the same.
use crate::client::Result;
use crate::limits;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disk {
    /// As this machine commits.
    Own,
    /// An fsync takes 4 ms at least: see `tests/load/disk`.
    Reference,
}

/// The library that makes an fsync longer. The build puts it beside this program.
fn library() -> Result<PathBuf> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let path = program.with_file_name("libsignet_load_disk.so");
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("{} is missing: `cargo xtask bench` builds it", path.display()))
    }
}

impl Disk {
    /// What a program has to be started with to have this disk.
    pub fn settings(self) -> Result<Vec<(&'static str, String)>> {
        match self {
            Self::Own => Ok(Vec::new()),
            Self::Reference => Ok(vec![("LD_PRELOAD", library()?.display().to_string())]),
        }
    }
    pub fn folder(self) -> &'static str {
        match self {
            Self::Own => "server",
            Self::Reference => "server-reference",
        }
    }
}

/// [`limits::sqlite`] on the reference disk: this program again, started with the library.
pub async fn rows(folder: &Path, group: usize, time: Duration) -> Result<f64> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = tokio::process::Command::new(program);
    command
        .arg("commits")
        .arg(folder)
        .args([group.to_string(), time.as_millis().to_string()])
        .envs(Disk::Reference.settings()?);
    let out = command.kill_on_drop(true).output().await.map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&out.stdout);
    text.trim().parse().map_err(|_| {
        format!(
            "commits on the reference disk: {} {text}{}",
            out.status,
            String::from_utf8_lossy(&out.stderr)
        )
    })
}

/// The other side of [`rows`]: prints the rate.
pub async fn serve(arguments: &[String]) -> Result<()> {
    let [folder, group, millis] = arguments else {
        return Err("commits takes a folder, a number and milliseconds".into());
    };
    let number = |text: &String| text.parse::<u64>().map_err(|e| format!("{text}: {e}"));
    let group = usize::try_from(number(group)?).map_err(|e| e.to_string())?;
    println!("{}", limits::sqlite(Path::new(folder), group, Duration::from_millis(number(millis)?)).await?);
    Ok(())
}
