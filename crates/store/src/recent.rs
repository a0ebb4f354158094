//! People who were read a moment ago, where one process owns the database. Every commit that changes an account, a group
//! or a membership makes all of them old before its caller hears of it. Another program that writes the same file (a
//! command of the administrator) is seen after [`FRESH`].
use crate::rows::people::Person;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long somebody is kept.
const FRESH: Duration = Duration::from_millis(100);
/// People who are kept at most.
const MOST: usize = 512;
/// Tables that say who somebody is.
const TABLES: [&str; 4] = ["users", "membership", "user_group", "group_parent"];

/// How somebody is asked for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Asked {
    Id(i64),
    /// The canonical form of the name.
    Name(String),
}

struct Seen {
    person: Person,
    /// The count of changes before it was read.
    changes: u64,
    at: Instant,
}

/// The people of one database. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Recent(Arc<Mutex<HashMap<Asked, Seen>>>);

/// Whether a statement that writes may change who somebody is.
pub(crate) fn concerns_people(sql: &str) -> bool {
    TABLES.iter().any(|table| sql.contains(table))
}

impl Recent {
    fn all(&self) -> MutexGuard<'_, HashMap<Asked, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// `changes`: the count of now.
    pub fn find(&self, asked: &Asked, changes: u64) -> Option<Person> {
        let all = self.all();
        let seen = all.get(asked).filter(|seen| seen.changes == changes && seen.at.elapsed() < FRESH)?;
        Some(seen.person.clone())
    }
    /// `changes`: the count of before the reading began.
    pub fn keep(&self, asked: Asked, person: &Person, changes: u64, at: Instant) {
        let mut all = self.all();
        if all.len() >= MOST && !all.contains_key(&asked) {
            all.clear();
        }
        all.insert(asked, Seen { person: person.clone(), changes, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_about_people_are_told_from_others() {
        assert!(concerns_people("UPDATE users SET last_login = ? WHERE id = ?") && concerns_people("DELETE FROM group_parent WHERE child_id = ?"));
        assert!(!concerns_people("INSERT INTO oauth_token (kind, user_id) VALUES (?, ?)") && !concerns_people("UPDATE session SET user_id = ? WHERE id = ?"));
    }
}
