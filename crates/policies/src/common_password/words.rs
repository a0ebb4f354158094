//! Common passwords, one per line in lower case: well-known words, keyboard rows, seasons with a year.
use std::collections::HashSet;
use std::sync::LazyLock;

static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("words.txt").lines().collect());

/// Whether a password is in the list, ignoring case and trailing signs.
pub fn is_common(password: &str) -> bool {
    let folded = password.trim().to_lowercase();
    WORDS.contains(folded.as_str())
        || WORDS.contains(folded.trim_end_matches(['!', '?', '.', '*', '#', '$', '-', '_', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn the_list_is_found_in() {
        assert!(WORDS.len() > 600 && WORDS.iter().all(|w| w.len() > 2 && *w == w.to_lowercase()));
        for common in ["password", "Password1", "QWERTY123!", "Summer2026", " letmein ", "P@ssw0rd"] {
            assert!(is_common(common), "{common}");
        }
        for other in ["", "correct horse battery staple", "passwordx", "Tr0ub4dor&3"] {
            assert!(!is_common(other), "{other}");
        }
    }
}
