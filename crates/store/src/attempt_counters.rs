//! Counts of attempts, where one process owns the database: they are counted here, and every change is
//! written behind. A count that was read once stays here for a while, so that what waits to be written is
//! never missed.
use crate::rows::attempts::Taken;
use signet_base::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an untouched count stays: far longer than a change waits to be written, and than any request
/// lasts.
const KEPT: Duration = Duration::from_secs(300);
/// From so many on, old ones are looked for at each new one.
const MANY: usize = 4096;

/// Attempts of a window, and its end. Nothing used: the name is forgotten.
pub(crate) type Window = (i64, Timestamp);

/// The counts of one database. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct AttemptCounters(Arc<Mutex<HashMap<String, (Window, Instant)>>>);

impl AttemptCounters {
    fn all(&self) -> MutexGuard<'_, HashMap<String, (Window, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a name; `None`: ask the database, and give its answer to [`Tallies::learn`].
    pub fn get(&self, name: &str) -> Option<Window> {
        self.all().get(name).map(|(window, _)| *window)
    }

    /// What the database says of a name. Somebody who was faster has seen more.
    pub fn learn(&self, name: &str, window: Window) {
        let mut all = self.all();
        if all.len() >= MANY {
            all.retain(|_, (_, at)| at.elapsed() < KEPT);
        }
        all.entry(name.to_owned()).or_insert((window, Instant::now()));
    }

    /// Counts an attempt of a name that is known.
    pub fn take(&self, name: &str, limit: i64, until: Timestamp, now: Timestamp) -> Option<Taken> {
        let mut all = self.all();
        let (window, at) = all.get_mut(name)?;
        let (used, end) = if window.0 <= 0 || window.1 <= now { (0, until) } else { *window };
        if used >= limit {
            return Some(Taken::Refused { until: end });
        }
        (*window, *at) = ((used + 1, end), Instant::now());
        Some(Taken::Allowed { left: limit - used - 1 })
    }

    /// Forgets windows that are over by then.
    pub fn forget_over(&self, now: Timestamp) {
        self.all().retain(|_, ((_, end), _)| *end > now);
    }

    /// Changes a name that is known; says whether that made a difference.
    pub fn change(&self, name: &str, change: impl FnOnce(Window) -> Window) -> bool {
        let mut all = self.all();
        let Some((window, at)) = all.get_mut(name) else { return false };
        let before = *window;
        (*window, *at) = (change(before), Instant::now());
        before != *window
    }

    /// Hands over what is known of a name now. Nobody changes it meanwhile, so that what is handed over last
    /// is the latest.
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
        assert_eq!(attempt_counters.take("a", 2, at(10), at(0)), Some(Taken::Allowed { left: 0 }));
        assert_eq!(attempt_counters.get("a"), Some((2, at(5))));
        assert_eq!(attempt_counters.take("a", 2, at(10), at(4)), Some(Taken::Refused { until: at(5) }));
        assert_eq!(attempt_counters.take("a", 2, at(15), at(5)), Some(Taken::Allowed { left: 1 }));
        assert!(
            attempt_counters.change("a", |(_, end)| (0, end))
                && !attempt_counters.change("a", |window| window)
                && !attempt_counters.change("b", |(_, end)| (9, end))
        );
        assert_eq!(attempt_counters.hand_over("a", Some), Some((0, at(15))));
        assert_eq!(attempt_counters.take("a", 2, at(16), at(6)), Some(Taken::Allowed { left: 1 }));
        attempt_counters.forget_over(at(16));
        assert_eq!(attempt_counters.get("a"), None);
    }
}
