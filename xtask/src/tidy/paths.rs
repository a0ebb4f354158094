//! Files and folders that the documentation names exist.
use super::{Finding, Tracked};
use std::collections::BTreeSet;

/// Names files that its reader adds.
const GUIDE: &str = "docs/adding-a-slice.md";
/// Folders of the repository that documents name by their path from the root.
const ROOTS: [&str; 7] = ["crates/", "docs/", "scripts/", "tests/", "web/src/", "xtask/", "blueprints/"];

pub fn judge(files: &[Tracked]) -> Vec<Finding> {
    let known: BTreeSet<&str> = files.iter().flat_map(|file| with_folders(&file.path)).collect();
    let documents = files.iter().filter(|file| file.path.ends_with(".md") && file.path != GUIDE);
    documents
        .flat_map(|file| judge_text(&file.path, file.text.as_deref().unwrap_or_default(), &known))
        .collect()
}

fn judge_text(document: &str, text: &str, known: &BTreeSet<&str>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for path in line.split('`').skip(1).step_by(2).filter(|code| is_path(code)) {
            if !known.contains(path.trim_end_matches('/')) {
                found.push(format!("{document}:{}: {path} does not exist", at + 1));
            }
        }
    }
    found
}

/// Patterns, placeholders and commands are no paths.
fn is_path(code: &str) -> bool {
    ROOTS.iter().any(|root| code.starts_with(root))
        && !code.contains("node_modules")
        && code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

/// `a/b/c.rs`, `a/b` and `a`.
fn with_folders(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(folder, _)| folder))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn documents_name_what_exists() {
        let text = |text: &str| judge(&[file("crates/a/src/b.rs", ""), file("docs/x.md", text)]).len();
        assert_eq!(text("See `crates/a/src/b.rs`, `crates/a/src/`, `crates/a` and `crates/<name>/src`."), 0);
        assert_eq!(text("See `crates/a/src/c.rs`\nand `crates/b`."), 2);
    }
}
