//! `xtask/tidy.allow`: exceptions with their reasons. A line is `<rule> <path> <reason>`; `#` starts a
//! comment.
use super::Finding;
use std::collections::BTreeMap;

pub const FILE: &str = "xtask/tidy.allow";
const RULES: [&str; 4] = ["length", "helper", "path", "address"];

/// The exceptions, and whether each was needed.
#[derive(Default)]
pub struct Allowances(BTreeMap<(String, String), bool>);

impl Allowances {
    /// Parses the file; lines without a known rule, a path and a reason are findings.
    pub fn parse(text: &str) -> (Self, Vec<Finding>) {
        let mut known = Self::default();
        let mut findings = Vec::new();
        for (number, line) in text.lines().enumerate().map(|(i, l)| (i + 1, l.trim())) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.splitn(3, char::is_whitespace);
            match (words.next(), words.next(), words.next().map(str::trim)) {
                (Some(rule), Some(path), Some(reason)) if RULES.contains(&rule) && reason.len() >= 10 => {
                    known.0.insert((rule.to_owned(), path.to_owned()), false);
                }
                _ => findings
                    .push(format!("{FILE}:{number}: expected `<{}> <path> <reason>`", RULES.join("|"))),
            }
        }
        (known, findings)
    }

    /// Whether `path` is an exception from `rule`. Marks the exception as needed.
    pub fn has(&mut self, rule: &str, path: &str) -> bool {
        self.0.get_mut(&(rule.to_owned(), path.to_owned())).map(|used| *used = true).is_some()
    }

    /// Exceptions that no file needs.
    pub fn unused(&self) -> Vec<Finding> {
        self.0
            .iter()
            .filter(|(_, used)| !**used)
            .map(|((rule, path), _)| format!("{FILE}: `{rule} {path}` is not needed any more"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_needs_a_known_rule_and_a_reason() {
        let (mut known, findings) = Allowances::parse(
            "# head\n\nlength a.rs one table that reads best whole\nlength b.rs\nheight c.rs because it is so\n",
        );
        assert_eq!(findings.len(), 2);
        assert!(findings[0].contains(":4:") && findings[1].contains(":5:"));
        assert!(known.has("length", "a.rs"));
        assert!(!known.has("helper", "a.rs"));
        assert!(known.unused().is_empty());
    }

    #[test]
    fn an_exception_that_nothing_needs_is_a_finding() {
        let (known, _) = Allowances::parse("length a.rs one table that reads best whole");
        assert_eq!(known.unused().len(), 1);
    }
}
