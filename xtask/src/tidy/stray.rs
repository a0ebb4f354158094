//! Build output, test output and editor files must not be tracked.
use super::Finding;

const FOLDERS: [&str; 6] = ["target", "node_modules", "__pycache__", ".venv", "test-results", "coverage"];
const ENDINGS: [&str; 10] =
    [".pyc", ".db", ".sqlite", ".sqlite3", ".log", ".orig", ".rej", ".swp", ".env", "~"];

pub fn judge(path: &str) -> Option<Finding> {
    let generated = path.split('/').any(|part| FOLDERS.contains(&part))
        || path.starts_with("web/dist/")
        || path.starts_with("data/");
    (generated || ENDINGS.iter().any(|end| path.ends_with(end)))
        .then(|| format!("{path}: a generated or private file is tracked"))
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn generated_files_are_found_and_sources_are_not() {
        for path in [
            "web/dist/app.js",
            "target/release/signet",
            "tests/a/__pycache__/b.pyc",
            "data/signet.db",
            "notes.txt~",
            "deploy/.env",
        ] {
            assert!(judge(path).is_some(), "{path}");
        }
        for path in
            ["web/src/flow.ts", "crates/store/src/db.rs", "docs/data/model.md", "crates/core/src/target.rs"]
        {
            assert!(judge(path).is_none(), "{path}");
        }
    }
}
