//! Commands for developing the repository: `cargo xtask <command>`.
mod bench;
mod test_index;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = root();
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => tidy::run(&root),
        Some("bench") => bench::run(&root, &arguments()),
        Some("test-index") => test_index::run(&root, &arguments()),
        other => {
            if let Some(name) = other {
                eprintln!("xtask: no command {name}");
            }
            eprintln!(
                "usage: cargo xtask tidy                  # rules of this repository that no compiler checks"
            );
            eprintln!(
                "       cargo xtask bench                 # this build against the limits of this machine"
            );
            eprintln!("       cargo xtask test-index [--check]  # writes docs/tests.md, or compares it");
            ExitCode::from(2)
        }
    }
}

/// The arguments after the command.
fn arguments() -> Vec<String> {
    std::env::args().skip(2).collect()
}

/// The root of the workspace: the folder above this crate.
#[allow(clippy::disallowed_methods, reason = "cargo tells it by this variable only")]
fn root() -> PathBuf {
    // Set by cargo when it runs; the folder of the build may be another clone's.
    let package =
        std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    Path::new(&package).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
