//! Repeated events of anonymous clients: the first one per minute is written, the others are counted and
//! reported once.
use super::Prefix;
use crate::event::EventAction;
use signet_base::{Timestamp, Uuid};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Seconds that one event represents.
const MINUTE: i64 = 60;
/// Maximum number of remembered kinds. Beyond it no new event is written for a minute.
const MANY: usize = 4096;
/// Maximum number of them per prefix.
const OF_ONE: usize = 32;

/// The kind of an event: action, subject, origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventKey {
    pub action: EventAction,
    pub app: String,
    pub about: String,
    pub prefix: Prefix,
}

struct Run {
    began: Timestamp,
    /// The written event.
    event: Uuid,
    more: u64,
}

/// A finished series with more events than the written one.
pub struct EventSeries {
    pub happening: EventKey,
    pub event: Uuid,
    pub more: u64,
}

#[derive(Default)]
pub struct Repeats(Mutex<HashMap<EventKey, Run>>);

impl Repeats {
    /// `None`: write it, as `event`. Otherwise the event that represents it.
    pub fn stands_for(&self, happening: EventKey, event: Uuid, now: Timestamp) -> Option<Uuid> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = all.get_mut(&happening) {
            if now.secs() - run.began.secs() < MINUTE || run.more > 0 {
                run.more += 1;
                return Some(run.event);
            }
            *run = Run { began: now, event, more: 0 };
            return None;
        }
        // An event without an entry is counted with the prefix's last one, else with the last one of all.
        let own = all.iter().filter(|(h, _)| h.prefix == happening.prefix).count();
        if own >= OF_ONE || all.len() >= MANY {
            let run = all
                .iter_mut()
                .find(|(h, _)| own < OF_ONE || h.prefix == happening.prefix)
                .map(|(_, run)| run);
            return run.map(|run| {
                run.more += 1;
                run.event
            });
        }
        all.insert(happening, Run { began: now, event, more: 0 });
        None
    }
    /// Removes and returns the finished series that have more than one event.
    pub fn over(&self, now: Timestamp) -> Vec<EventSeries> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = Vec::new();
        all.retain(|happening, run| {
            let over = now.secs() - run.began.secs() >= MINUTE;
            if over && run.more > 0 {
                told.push(EventSeries { happening: happening.clone(), event: run.event, more: run.more });
            }
            !over
        });
        told
    }
}
