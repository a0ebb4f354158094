//! `cargo xtask bench [--quick] [--only name]`: builds the load tool and runs it against
//! target/release/signet.
use std::path::Path;
use std::process::{Command, ExitCode};

/// Passes the arguments on. The tool's exit code reports missed limits.
pub fn run(root: &Path, arguments: &[String]) -> ExitCode {
    let mut build = Command::new("cargo");
    build
        .args([
            "build",
            "--release",
            "--quiet",
            "--ignore-rust-version",
            "-p",
            "signet-load",
            "-p",
            "signet-load-disk",
        ])
        .current_dir(root);
    match build.status() {
        Ok(status) if status.success() => {}
        Ok(_) => return ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: cargo does not run: {error}");
            return ExitCode::FAILURE;
        }
    }
    match Command::new(root.join("target/release/signet-load")).args(arguments).current_dir(root).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: the load tool does not run: {error}");
            ExitCode::FAILURE
        }
    }
}
