//! `cargo xtask bench [--quick] [--only name]`: builds the load tool and runs it against target/release/signet.
use std::path::Path;
use std::process::{Command, ExitCode};

/// Passes the arguments on; the tool's own exit code says whether a goal was missed.
pub fn run(root: &Path, arguments: &[String]) -> ExitCode {
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--quiet", "--ignore-rust-version", "-p", "signet-load", "--"]).args(arguments).current_dir(root);
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: cargo does not run: {error}");
            ExitCode::FAILURE
        }
    }
}
