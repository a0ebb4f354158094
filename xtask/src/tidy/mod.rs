//! Rules of this repository that no compiler checks. Each rule is a pure function on texts; this file reads
//! the files.
mod allow;
mod circles;
mod direction;
mod length;
mod modules;
mod paths;
mod slices;
mod stray;
mod words;
mod writers;

use allow::Allowances;
use std::path::Path;
use std::process::{Command, ExitCode};

/// A violation, in one line.
type Finding = String;

/// A file in git's index.
pub struct Tracked {
    /// Path from the repository's root, with `/`.
    pub path: String,
    /// `None` for a file that is not UTF-8.
    pub text: Option<String>,
}

/// Checks the repository at `root` and prints the findings.
pub fn run(root: &Path) -> ExitCode {
    match judge(root) {
        Ok((checked, findings)) if findings.is_empty() => {
            println!("tidy: {checked} passed, 0 failed");
            ExitCode::SUCCESS
        }
        Ok((checked, findings)) => {
            for finding in &findings {
                println!("{finding}");
            }
            println!("tidy: {} passed, {} failed", checked.saturating_sub(findings.len()), findings.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("tidy: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The number of checked files, and the findings.
fn judge(root: &Path) -> Result<(usize, Vec<Finding>), String> {
    let files = tracked(root)?;
    let allowed =
        files.iter().find(|f| f.path == allow::FILE).and_then(|f| f.text.as_deref()).unwrap_or_default();
    let (mut allowances, mut findings) = Allowances::parse(allowed);
    findings.extend(circles::judge(&files));
    findings.extend(direction::judge(&files));
    findings.extend(slices::judge(&files, &mut allowances));
    findings.extend(writers::judge(&files));
    findings.extend(modules::judge(&files));
    findings.extend(paths::judge(&files));
    for file in &files {
        findings.extend(stray::judge(&file.path));
        if let Some(text) = &file.text {
            findings.extend(length::judge(&file.path, text, &mut allowances));
            findings.extend(words::judge(&file.path, text, &mut allowances));
        }
    }
    findings.extend(allowances.unused());
    Ok((files.len(), findings))
}

/// The files of git's index that exist in the working tree.
pub fn tracked(root: &Path) -> Result<Vec<Tracked>, String> {
    // The checkout may belong to another user.
    let answer = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("git does not run: {e}"))?;
    if !answer.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&answer.stderr).trim()));
    }
    let list = String::from_utf8(answer.stdout).map_err(|_| "a tracked path is not UTF-8".to_owned())?;
    let present = list.split('\0').filter(|path| !path.is_empty() && root.join(path).is_file());
    Ok(present
        .map(|path| Tracked { path: path.to_owned(), text: std::fs::read_to_string(root.join(path)).ok() })
        .collect())
}

#[cfg(test)]
fn file(path: &str, text: &str) -> Tracked {
    Tracked { path: path.to_owned(), text: Some(text.to_owned()) }
}
