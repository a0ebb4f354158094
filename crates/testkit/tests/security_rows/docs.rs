//! Tests that documents name must exist. docs/tests.md is generated (`cargo xtask test-index`).
use std::path::Path;

/// The parts of a line in backquotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_manual_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut named = 0;
    for page in ["docs/security-cases.md", "docs/adr/0001-object-store.md", "docs/adr/0002-sql-seam.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        for line in text.lines().filter(|line| line.starts_with('|')) {
            let mut source = String::new();
            for word in quoted(line) {
                if word.ends_with(".rs") {
                    source = std::fs::read_to_string(root.join(word))
                        .unwrap_or_else(|e| panic!("{page}: {word}: {e}"));
                } else if !source.is_empty()
                    && word.matches('_').count() >= 2
                    && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                {
                    assert!(source.contains(&format!("fn {word}()")), "{page}: {word}");
                    named += 1;
                }
            }
        }
    }
    assert!(named > 80, "{named}");
}
