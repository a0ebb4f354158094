//! Commands for developing the repository: `cargo xtask <command>`.
mod bench;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = root();
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy::run(&root),
        Some("bench") => bench::run(&root, &std::env::args().skip(2).collect::<Vec<_>>()),
        other => {
            if let Some(name) = other {
                eprintln!("xtask: no command {name}");
            }
            eprintln!("usage: cargo xtask tidy    # rules of this repository that no compiler checks");
            eprintln!("       cargo xtask bench   # this build against the limits of this machine");
            ExitCode::from(2)
        }
    }
}

/// The root of the workspace: the folder above this crate.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
