//! Attempt counters, if a single process owns the database: counted in memory, written behind. A counter
//! stays in memory long enough that a queued write is never missed.
use crate::rows::attempts::AttemptOutcome;
use signet_base::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an unused counter stays: longer than any write is queued and any request lasts.
const KEPT: Duration = Duration::from_secs(300);
/// Number of counters from which old ones are removed.
const MANY: usize = 4096;

/// Attempts in a window, and its end. Zero attempts: the counter was reset.
pub(crate) type Window = (i64, Timestamp);

/// The counters of one database. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct AttemptCounters(Arc<Mutex<HashMap<String, (Window, Instant)>>>);

impl AttemptCounters {
    fn all(&self) -> MutexGuard<'_, HashMap<String, (Window, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A counter; `None`: query the database, and pass the result to [`AttemptCounters::learn`].
    pub fn get(&self, name: &str) -> Option<Window> {
        self.all().get(name).map(|(window, _)| *window)
    }

    /// Stores the database's value, unless a concurrent caller has stored one.
    pub fn learn(&self, name: &str, window: Window) {
        let mut all = self.all();
        if all.len() >= MANY {
            all.retain(|_, (_, at)| at.elapsed() < KEPT);
        }
        all.entry(name.to_owned()).or_insert((window, Instant::now()));
    }

    /// Counts an attempt of a known counter.
    pub fn take(&self, name: &str, limit: i64, until: Timestamp, now: Timestamp) -> Option<AttemptOutcome> {
        let mut all = self.all();
        let (window, at) = all.get_mut(name)?;
        let (used, end) = if window.0 <= 0 || window.1 <= now { (0, until) } else { *window };
        if used >= limit {
            return Some(AttemptOutcome::Refused { until: end });
        }
        (*window, *at) = ((used + 1, end), Instant::now());
        Some(AttemptOutcome::Allowed { left: limit - used - 1 })
    }

    /// Removes windows that have ended.
    pub fn forget_over(&self, now: Timestamp) {
        self.all().retain(|_, ((_, end), _)| *end > now);
    }

    /// Changes a known counter; returns whether it changed.
    pub fn change(&self, name: &str, change: impl FnOnce(Window) -> Window) -> bool {
        let mut all = self.all();
        let Some((window, at)) = all.get_mut(name) else { return false };
        let before = *window;
        (*window, *at) = (change(before), Instant::now());
        before != *window
    }

    /// Passes the current value on while the counter is locked, so that the last value passed on is the
    /// latest.
    pub fn hand_over<T>(&self, name: &str, take: impl FnOnce(Window) -> Option<T>) -> Option<T> {
        let all = self.all();
        all.get(name).and_then(|(window, _)| take(*window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_counted_once_it_is_known_and_the_first_answer_of_the_database_counts() {
        let (attempt_counters, at) = (AttemptCounters::default(), Timestamp::from_secs);
        assert!(
            attempt_counters.take("a", 2, at(10), at(0)).is_none() && attempt_counters.get("a").is_none()
        );
        attempt_counters.learn("a", (1, at(5)));
        attempt_counters.learn("a", (0, at(0)));
        assert_eq!(attempt_counters.take("a", 2, at(10), at(0)), Some(AttemptOutcome::Allowed { left: 0 }));
        assert_eq!(attempt_counters.get("a"), Some((2, at(5))));
        assert_eq!(
            attempt_counters.take("a", 2, at(10), at(4)),
            Some(AttemptOutcome::Refused { until: at(5) })
        );
        assert_eq!(attempt_counters.take("a", 2, at(15), at(5)), Some(AttemptOutcome::Allowed { left: 1 }));
        assert!(
            attempt_counters.change("a", |(_, end)| (0, end))
                && !attempt_counters.change("a", |window| window)
                && !attempt_counters.change("b", |(_, end)| (9, end))
        );
        assert_eq!(attempt_counters.hand_over("a", Some), Some((0, at(15))));
        assert_eq!(attempt_counters.take("a", 2, at(16), at(6)), Some(AttemptOutcome::Allowed { left: 1 }));
        attempt_counters.forget_over(at(16));
        assert_eq!(attempt_counters.get("a"), None);
    }
}
