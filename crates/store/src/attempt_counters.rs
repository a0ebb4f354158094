//! Attempt counters, if a single process owns the database: counted in memory, written behind. A counter
//! stays in memory long enough that a queued write is never missed.
use crate::rows::attempts::{AttemptOutcome, BeginOutcome};
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
pub(crate) struct AttemptCounters(Arc<Mutex<HashMap<String, Counter>>>);

struct Counter {
    window: Window,
    /// Attempts of the window that are being verified, and the time at which all of them have ended.
    under_way: i64,
    judging_until: Timestamp,
    at: Instant,
}

impl Counter {
    fn take(&mut self, limit: i64, until: Timestamp, now: Timestamp) -> AttemptOutcome {
        if self.window.0 <= 0 || self.window.1 <= now {
            (self.window, self.under_way) = ((0, until), 0);
        }
        let (used, end) = self.window;
        if used >= limit {
            return AttemptOutcome::Refused { until: end };
        }
        (self.window, self.at) = ((used + 1, end), Instant::now());
        AttemptOutcome::Allowed { left: limit - used - 1 }
    }
}

impl AttemptCounters {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Counter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A counter; `None`: query the database, and pass the result to [`AttemptCounters::learn`].
    pub fn get(&self, name: &str) -> Option<Window> {
        self.all().get(name).map(|counter| counter.window)
    }

    /// Stores the database's value, unless a concurrent caller has stored one.
    pub fn learn(&self, name: &str, window: Window) {
        let mut all = self.all();
        if all.len() >= MANY {
            all.retain(|_, counter| counter.at.elapsed() < KEPT);
        }
        let never = Timestamp::from_secs(0);
        let counter = Counter { window, under_way: 0, judging_until: never, at: Instant::now() };
        all.entry(name.to_owned()).or_insert(counter);
    }

    /// Counts an attempt of a known counter.
    pub fn take(&self, name: &str, limit: i64, until: Timestamp, now: Timestamp) -> Option<AttemptOutcome> {
        Some(self.all().get_mut(name)?.take(limit, until, now))
    }
    /// The same for one that is under way until [`AttemptCounters::judged`], and no longer than `judging_until`.
    pub fn begin(
        &self,
        name: &str,
        limit: i64,
        until: Timestamp,
        now: Timestamp,
        judging_until: Timestamp,
    ) -> Option<BeginOutcome> {
        let mut all = self.all();
        let counter = all.get_mut(name)?;
        Some(match counter.take(limit, until, now) {
            AttemptOutcome::Allowed { left } => {
                counter.under_way += 1;
                counter.judging_until = judging_until;
                BeginOutcome::Allowed { left }
            }
            AttemptOutcome::Refused { .. } if counter.under_way > 0 && counter.judging_until > now => {
                BeginOutcome::UnderWay
            }
            AttemptOutcome::Refused { until } => BeginOutcome::Refused { until },
        })
    }
    /// One that was under way is not any more.
    pub fn judged(&self, name: &str) {
        if let Some(counter) = self.all().get_mut(name) {
            counter.under_way = (counter.under_way - 1).max(0);
        }
    }

    /// Removes windows that have ended.
    pub fn forget_over(&self, now: Timestamp) {
        self.all().retain(|_, counter| counter.window.1 > now);
    }

    /// Changes a known counter; returns whether it changed.
    pub fn change(&self, name: &str, change: impl FnOnce(Window) -> Window) -> bool {
        let mut all = self.all();
        let Some(counter) = all.get_mut(name) else { return false };
        let before = counter.window;
        (counter.window, counter.at) = (change(before), Instant::now());
        before != counter.window
    }

    /// Passes the current value on while the counter is locked, so that the last value passed on is the
    /// latest.
    pub fn hand_over<T>(&self, name: &str, take: impl FnOnce(Window) -> Option<T>) -> Option<T> {
        let all = self.all();
        all.get(name).and_then(|counter| take(counter.window))
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

    #[test]
    fn scale_b3_what_is_under_way_is_told_from_what_was_wrong() {
        let (counters, at) = (AttemptCounters::default(), Timestamp::from_secs);
        counters.learn("a", (0, at(0)));
        let begin = |now| counters.begin("a", 2, at(now + 100), at(now), at(now + 10)).unwrap();
        assert_eq!(begin(0), BeginOutcome::Allowed { left: 1 });
        assert_eq!(begin(0), BeginOutcome::Allowed { left: 0 });
        assert_eq!(begin(0), BeginOutcome::UnderWay);
        counters.judged("a");
        assert_eq!(begin(0), BeginOutcome::UnderWay);
        counters.judged("a");
        assert_eq!(begin(0), BeginOutcome::Refused { until: at(100) });
        // Whoever is never heard of again is not waited for.
        assert_eq!(begin(100), BeginOutcome::Allowed { left: 1 });
        assert_eq!(begin(100), BeginOutcome::Allowed { left: 0 });
        assert_eq!(begin(109), BeginOutcome::UnderWay);
        assert_eq!(begin(110), BeginOutcome::Refused { until: at(200) });
    }
}
