//! Events of strangers that repeat: the first of a minute is written, the others are counted and told once.
use super::Prefix;
use crate::event::EventAction;
use signet_base::{Timestamp, Uuid};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Seconds for which one event stands.
const MINUTE: i64 = 60;
/// Kinds that are remembered at most. Beyond it nothing new is written until a minute has passed.
const MANY: usize = 4096;
/// How many of them one prefix may have.
const OF_ONE: usize = 32;

/// What happened: action, what it was about, from where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventKey {
    pub action: EventAction,
    pub app: String,
    pub about: String,
    pub prefix: Prefix,
}

struct Run {
    began: Timestamp,
    /// The event that was written.
    event: Uuid,
    more: u64,
}

/// A run of events that is over, with more of them than the one that was written.
pub struct Told {
    pub happening: EventKey,
    pub event: Uuid,
    pub more: u64,
}

#[derive(Default)]
pub struct Repeats(Mutex<HashMap<EventKey, Run>>);

impl Repeats {
    /// `None`: write it, as `event`. Else the event that stands for it.
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
        // What leaves no trace of its own is told as a part of the prefix's, else of everybody's last one.
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
    /// Takes the runs that are over; to be told where they have more than one.
    pub fn over(&self, now: Timestamp) -> Vec<Told> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = Vec::new();
        all.retain(|happening, run| {
            let over = now.secs() - run.began.secs() >= MINUTE;
            if over && run.more > 0 {
                told.push(Told { happening: happening.clone(), event: run.event, more: run.more });
            }
            !over
        });
        told
    }
}
