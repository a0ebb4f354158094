//! Where the pages of lists ended, so that a far page is reached from the nearest known row instead of the first one
//! (see `rows::paging`). Whoever lists for people passes it along in [`crate::Page`]; an empty one only costs time.
use crate::db::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a place is remembered.
pub(crate) const KEPT: Duration = Duration::from_secs(300);
const MOST_LISTS: usize = 256;
const MOST_PLACES: usize = 2_048;

/// The places of the lists that were read lately.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<Mutex<HashMap<String, Known>>>);

/// What is known of one list.
#[derive(Debug)]
pub(crate) struct Known {
    pub used: Instant,
    /// Number of the row that follows, and the order's values and key of the row before it.
    pub places: BTreeMap<u64, (Vec<Value>, Instant)>,
    pub total: Option<(u64, Instant)>,
    pub end: Option<(u64, Instant)>,
}

impl Places {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn with<R>(&self, list: &str, work: impl FnOnce(&mut Known) -> R) -> R {
        let (mut all, now) = (self.all(), Instant::now());
        if !all.contains_key(list) && all.len() >= MOST_LISTS {
            let oldest = all.iter().min_by_key(|(_, known)| known.used).map(|(name, _)| name.clone());
            oldest.and_then(|name| all.remove(&name));
        }
        let known = all.entry(list.to_owned()).or_insert_with(|| Known {
            used: now,
            places: BTreeMap::new(),
            total: None,
            end: None,
        });
        known.used = now;
        work(known)
    }
    pub(crate) fn put(&self, list: &str, at: u64, key: Vec<Value>) {
        self.with(list, |known| {
            if known.places.len() >= MOST_PLACES {
                known.places.clear();
            }
            known.places.insert(at, (key, Instant::now()));
        });
    }
    /// The nearest places before and after a range.
    pub(crate) fn around(&self, list: &str, first: u64, end: u64) -> (Option<Place>, Option<Place>) {
        self.with(list, |known| {
            known.places.retain(|_, (_, made)| made.elapsed() < KEPT);
            let place = |(at, (key, _)): (&u64, &(Vec<Value>, Instant))| Place { at: *at, key: key.clone() };
            (known.places.range(..=first).next_back().map(place), known.places.range(end..).next().map(place))
        })
    }
}

/// Between two rows.
pub(crate) struct Place {
    pub at: u64,
    /// Of the row before it; empty for the ends of the list.
    pub key: Vec<Value>,
}
