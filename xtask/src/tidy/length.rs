//! File length: a longer file needs an exception with a reason; above the limit none is accepted.
use super::Finding;
use super::allow::{Allowances, FILE};

/// Maximum number of lines without an exception.
const USUAL: usize = 500;
/// Maximum number of lines with an exception.
const LIMIT: usize = 640;
const KINDS: [&str; 9] = ["rs", "ts", "js", "mjs", "css", "py", "sh", "toml", "yaml"];

pub fn judge(path: &str, text: &str, allowances: &mut Allowances) -> Option<Finding> {
    if !path.rsplit_once('.').is_some_and(|(_, kind)| KINDS.contains(&kind)) {
        return None;
    }
    match text.lines().count() {
        lines if lines > LIMIT => Some(format!("{path}: {lines} lines; {LIMIT} are the limit")),
        lines if lines > USUAL && !allowances.has("length", path) => {
            Some(format!("{path}: {lines} lines; more than {USUAL} need a reason in {FILE}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, count: usize, allowed: &str) -> Option<Finding> {
        judge(path, &"x\n".repeat(count), &mut Allowances::parse(allowed).0)
    }

    #[test]
    fn a_reason_excuses_up_to_the_limit() {
        let allowed = "length a.rs one table that reads best whole";
        assert!(lines("a.rs", 500, "").is_none());
        assert!(lines("a.rs", 501, "").is_some());
        assert!(lines("a.rs", 640, allowed).is_none());
        assert!(lines("a.rs", 641, allowed).is_some());
    }

    #[test]
    fn lock_files_and_texts_may_be_long() {
        assert!(lines("Cargo.lock", 5000, "").is_none());
        assert!(lines("docs/architecture.md", 5000, "").is_none());
    }
}
