//! Budgets for strangers: what an address may cause before it has to wait. Addresses are counted by prefix,
//! failures only: whoever succeeds gets back what they were charged, so that an office behind one address is
//! not shut out.
//!
//! Requests and sessions are counted by each node for itself, in memory: a row for each would be what a stranger causes.
//! Wrong passwords and letters are counted for all nodes together.
mod events;
mod prefix;
mod shared;

pub use events::{EventKey, Repeats};
pub use prefix::Prefix;
pub use shared::{SharedBudget, is_exempt, spend_request};

use crate::client::covers;
use crate::metrics::{Metrics, Throttled};
use signet_base::{Error, Result, Span, Timestamp};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A rate: a burst, and the same number per period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    pub count: f64,
    /// Seconds.
    pub period: f64,
}
impl Rate {
    pub const fn hourly(count: u32) -> Self {
        Self { count: count as f64, period: 3600.0 }
    }
    /// The count as a whole number.
    #[allow(clippy::cast_possible_truncation, reason = "whole numbers of a setting")]
    pub fn whole(self) -> i64 {
        self.count as i64
    }
    #[allow(clippy::cast_possible_truncation, reason = "at most a day in seconds")]
    pub fn length(self) -> Span {
        Span::from_secs(self.period as i64)
    }
    /// Parses `30/hour`; second, minute, hour and day as first letter or in full.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, period) = text.trim().split_once('/')?;
        let count: u32 = count.trim().parse().ok()?;
        let period = match period.trim().chars().next()?.to_ascii_lowercase() {
            's' => 1.0,
            'm' => 60.0,
            'h' => 3600.0,
            'd' => 86_400.0,
            _ => return None,
        };
        (count > 0).then(|| Self { count: f64::from(count), period })
    }
}

/// What is limited (`AUTHENTIK_THROTTLE__*`). None: without limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Networks that are not counted by address: gateways, and servers that sign many people in.
    pub exempt: Vec<(IpAddr, u8)>,
    /// Requests of strangers to the API.
    pub requests: Option<Rate>,
    /// Wrong passwords, over all accounts.
    pub passwords: Option<Rate>,
    /// After so many wrong ones of a network, or for an account, each further one needs a proof of work; 0: none does.
    pub proof_of_work: i64,
    /// Sessions of people who never sign in.
    pub sessions: Option<Rate>,
    /// Letters that strangers ask for.
    pub mails: Option<Rate>,
    /// Letters that strangers cause to one recipient.
    pub mails_to_one: Option<Rate>,
    /// Days after which an account that was never confirmed goes; 0: it stays.
    pub unconfirmed_days: i64,
}
impl Default for Limits {
    fn default() -> Self {
        Self {
            exempt: Vec::new(),
            requests: None,
            passwords: Some(Rate::hourly(30)),
            proof_of_work: 20,
            sessions: Some(Rate::hourly(1000)),
            mails: Some(Rate::hourly(100)),
            mails_to_one: Some(Rate::hourly(3)),
            unconfirmed_days: 7,
        }
    }
}

/// The charged resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BudgetKind {
    Request,
    Session,
}
impl BudgetKind {
    pub fn name(self) -> &'static str {
        match self {
            BudgetKind::Request => "request",
            BudgetKind::Session => "session",
        }
    }
}

/// The charges of one name.
#[derive(Clone, Copy)]
struct Charge {
    amount: f64,
    at: Timestamp,
}

/// The used part of one limit by one prefix; it decreases over time.
struct Bucket {
    level: f64,
    at: Timestamp,
    charges: HashMap<u64, Charge>,
}
impl Bucket {
    fn drain(&mut self, rate: Rate, now: Timestamp) {
        self.level = (self.level - regained(rate, self.at, now)).max(0.0);
        self.at = now;
        if self.level == 0.0 {
            self.charges.clear();
        }
    }
}
/// The regained part since then.
#[allow(clippy::cast_precision_loss, reason = "lengths of time in seconds")]
fn regained(rate: Rate, since: Timestamp, now: Timestamp) -> f64 {
    (now.0 - since.0).max(0) as f64 / 1_000_000.0 * rate.count / rate.period
}

/// Maximum number of remembered prefixes; beyond it those with the least use are dropped.
const MANY: usize = 32_768;
/// How long a prefix counts as good after a sign-in, in seconds.
const GOOD: i64 = 3600;

pub struct Budgets {
    limits: Limits,
    buckets: Mutex<HashMap<(BudgetKind, Prefix), Bucket>>,
    good: Mutex<HashMap<Prefix, Timestamp>>,
    names: RandomState,
    /// Repeated events of anonymous clients.
    pub repeats: Repeats,
    throttled: Throttled,
}

impl Budgets {
    pub fn new(limits: Limits, metrics: &Metrics) -> Self {
        Self {
            limits,
            buckets: Mutex::default(),
            good: Mutex::default(),
            names: RandomState::new(),
            repeats: Repeats::default(),
            throttled: metrics.throttled.clone(),
        }
    }
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
    /// The hash of a charge's name, keyed per process, so that collisions cannot be chosen.
    pub fn name(&self, text: &str) -> u64 {
        self.names.hash_one(text)
    }
    /// Whether an address is in an exempt network.
    pub fn is_exempt(&self, ip: IpAddr) -> bool {
        self.limits.exempt.iter().any(|(network, prefix)| covers(*network, *prefix, ip))
    }
    fn rate(&self, kind: BudgetKind) -> Option<Rate> {
        match kind {
            BudgetKind::Request => self.limits.requests,
            BudgetKind::Session => self.limits.sessions,
        }
    }
    fn buckets(&self) -> MutexGuard<'_, HashMap<(BudgetKind, Prefix), Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// The limits that apply to an address.
    fn of(&self, kind: BudgetKind, ip: IpAddr) -> Vec<((BudgetKind, Prefix), Rate)> {
        let Some(rate) = self.rate(kind).filter(|_| !self.is_exempt(ip)) else { return Vec::new() };
        Prefix::all_of(ip)
            .into_iter()
            .map(|(prefix, share)| ((kind, prefix), Rate { count: rate.count * share, ..rate }))
            .collect()
    }

    /// Refuses if the address has used up its limit.
    ///
    /// # Errors
    /// `TooMany` with the time until there is room.
    pub fn check(&self, kind: BudgetKind, ip: IpAddr, now: Timestamp) -> Result<()> {
        self.check_for(kind, ip, 1.0, now)
    }
    fn check_for(&self, kind: BudgetKind, ip: IpAddr, amount: f64, now: Timestamp) -> Result<()> {
        let of = self.of(kind, ip);
        if of.is_empty() {
            return Ok(());
        }
        let mut buckets = self.buckets();
        for (key, rate) in of {
            let Some(bucket) = buckets.get_mut(&key) else { continue };
            bucket.drain(rate, now);
            let over = bucket.level + amount.min(rate.count) - rate.count;
            if over > 0.0 {
                self.throttled.count(kind.name());
                #[allow(clippy::cast_possible_truncation, reason = "clamped to a day")]
                return Err(too_many((over * rate.period / rate.count).ceil() as i64));
            }
        }
        Ok(())
    }
    /// Charges the address. `who`: the charges of a name are returned together.
    pub fn charge(&self, kind: BudgetKind, ip: IpAddr, who: u64, amount: f64, now: Timestamp) {
        let of = self.of(kind, ip);
        if of.is_empty() {
            return;
        }
        let mut buckets = self.buckets();
        for (key, rate) in of {
            if !buckets.contains_key(&key) {
                make_room(&mut buckets, |kind| self.rate(kind), now);
            }
            let bucket =
                buckets.entry(key).or_insert_with(|| Bucket { level: 0.0, at: now, charges: HashMap::new() });
            bucket.drain(rate, now);
            bucket.level = (bucket.level + amount).min(rate.count * 2.0);
            let charge =
                bucket.charges.get(&who).map_or(0.0, |c| (c.amount - regained(rate, c.at, now)).max(0.0));
            #[allow(clippy::cast_precision_loss, reason = "a count of names")]
            if bucket.charges.len() as f64 > rate.count * 4.0 {
                bucket.charges.clear();
            }
            bucket.charges.insert(who, Charge { amount: charge + amount, at: now });
        }
    }
    /// [`Budgets::check`] and [`Budgets::charge`] in one step.
    ///
    /// # Errors
    /// `TooMany` if there is no room.
    pub fn spend(&self, kind: BudgetKind, ip: IpAddr, who: u64, amount: f64, now: Timestamp) -> Result<()> {
        self.check_for(kind, ip, amount, now)?;
        self.charge(kind, ip, who, amount, now);
        Ok(())
    }
    /// Returns the charges of a client that has succeeded.
    pub fn give_back(&self, kind: BudgetKind, ip: IpAddr, who: u64, now: Timestamp) {
        let of = self.of(kind, ip);
        if of.is_empty() {
            return;
        }
        let mut buckets = self.buckets();
        for (key, rate) in of {
            let Some(bucket) = buckets.get_mut(&key) else { continue };
            bucket.drain(rate, now);
            if let Some(charge) = bucket.charges.remove(&who) {
                bucket.level =
                    (bucket.level - (charge.amount - regained(rate, charge.at, now)).max(0.0)).max(0.0);
            }
        }
    }

    /// Records a sign-in from this address.
    pub fn note_good(&self, ip: IpAddr, now: Timestamp) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.len() >= MANY {
            good.retain(|_, at| now.secs() - at.secs() < GOOD);
            if good.len() >= MANY {
                good.clear();
            }
        }
        good.insert(Prefix::of(ip), now);
    }
    /// Whether somebody has signed in from here lately.
    pub fn is_good(&self, ip: IpAddr, now: Timestamp) -> bool {
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        good.get(&Prefix::of(ip)).is_some_and(|at| now.secs() - at.secs() < GOOD)
    }
    /// Counts something that was refused or left out.
    pub fn count(&self, what: &'static str) {
        self.throttled.count(what);
    }
}

/// The refusal, with the time to wait.
fn too_many(secs: i64) -> Error {
    Error::TooMany { wait: secs.clamp(1, 86_400) }
}

fn make_room(
    buckets: &mut HashMap<(BudgetKind, Prefix), Bucket>,
    rate: impl Fn(BudgetKind) -> Option<Rate>,
    now: Timestamp,
) {
    if buckets.len() < MANY {
        return;
    }
    let mut least = 0.0;
    while buckets.len() > MANY - MANY / 4 {
        buckets.retain(|(kind, _), bucket| {
            if let Some(rate) = rate(*kind) {
                bucket.drain(rate, now);
            }
            bucket.level > least
        });
        least = f64::max(1.0, least * 2.0);
    }
}

#[cfg(test)]
mod tests;
