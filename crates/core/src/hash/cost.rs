//! Constant verification time: a response's duration must not reveal the kind of the stored hash. After a
//! check that is cheaper than the costliest known kind, the missing work is added.
use aws_lc_rs::pbkdf2;
use signet_base::thread::cpu_time;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The work of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// KiB times passes.
    Argon2(u64),
    /// Rounds.
    Pbkdf2(u64),
}

/// Assumed picoseconds per unit before the first measurement.
const ARGON2_UNIT: u64 = 600_000;
const PBKDF2_UNIT: u64 = 140_000;

/// Measured time per unit, and the maximum of each kind that an account's hash needs.
#[derive(Debug)]
pub struct Costs {
    argon2: AtomicU64,
    pbkdf2: AtomicU64,
    most_argon2: AtomicU64,
    most_pbkdf2: AtomicU64,
}

impl Costs {
    /// `usual`: the cost of new hashes.
    pub fn new(usual: Work) -> Self {
        let costs = Self {
            argon2: ARGON2_UNIT.into(),
            pbkdf2: PBKDF2_UNIT.into(),
            most_argon2: 0.into(),
            most_pbkdf2: 0.into(),
        };
        costs.learn(usual);
        costs
    }
    fn of(&self, work: Work) -> (&AtomicU64, &AtomicU64, u64) {
        match work {
            Work::Argon2(units) => (&self.argon2, &self.most_argon2, units),
            Work::Pbkdf2(units) => (&self.pbkdf2, &self.most_pbkdf2, units),
        }
    }
    /// Records that an account's hash needs this work.
    pub fn learn(&self, work: Work) {
        let (_, most, units) = self.of(work);
        most.fetch_max(units, Relaxed);
    }
    /// The maximum of each kind, for storing across restarts.
    pub fn most(&self) -> (u64, u64) {
        (self.most_argon2.load(Relaxed), self.most_pbkdf2.load(Relaxed))
    }
    /// Picoseconds.
    fn time(&self, work: Work) -> u64 {
        let (unit, _, units) = self.of(work);
        unit.load(Relaxed).saturating_mul(units)
    }
    fn took(&self, work: Work, nanoseconds: u64) {
        let (unit, _, units) = self.of(work);
        let (Some(now), before) =
            (nanoseconds.saturating_mul(1000).checked_div(units).filter(|n| *n > 0), unit.load(Relaxed))
        else {
            return;
        };
        // Concurrent updates may lose a value; later ones compensate. The clamp limits outliers.
        let now = now.clamp(before / 4, before.saturating_mul(4));
        unit.store(before - before / 4 + now / 4, Relaxed);
    }
    /// PBKDF2 rounds to add after this work.
    fn missing(&self, work: Work) -> u64 {
        let (argon2, pbkdf2) = self.most();
        let longest = self.time(Work::Argon2(argon2)).max(self.time(Work::Pbkdf2(pbkdf2)));
        longest.saturating_sub(self.time(work)) / self.pbkdf2.load(Relaxed).max(1)
    }
    /// Runs a check, then adds the missing work.
    pub fn evenly<T>(&self, work: Work, check: impl FnOnce() -> T) -> T {
        let began = cpu_time();
        let said = check();
        let between = cpu_time();
        self.took(work, nanoseconds(began, between));
        let rounds = self.missing(work);
        if let Some(count) = u32::try_from(rounds).ok().and_then(NonZeroU32::new) {
            let mut out = [0; 32];
            pbkdf2::derive(
                pbkdf2::PBKDF2_HMAC_SHA256,
                count,
                b"the time of the costliest",
                b"nobody",
                &mut out,
            );
            std::hint::black_box(out);
            self.took(Work::Pbkdf2(rounds), nanoseconds(between, cpu_time()));
        }
        said
    }
}

fn nanoseconds(from: std::time::Duration, to: std::time::Duration) -> u64 {
    u64::try_from(to.saturating_sub(from).as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn what_is_missing_is_the_difference_to_the_costliest_that_is_known() {
        let costs = Costs::new(Work::Argon2(1000));
        assert_eq!(costs.missing(Work::Argon2(1000)), 0);
        assert!(costs.missing(Work::Pbkdf2(1000)) > 3000);
        costs.learn(Work::Pbkdf2(10_000));
        assert_eq!(costs.missing(Work::Pbkdf2(10_000)), 0);
        let missing = costs.missing(Work::Argon2(1000));
        assert!((5000..6500).contains(&missing), "{missing}");
        costs.took(Work::Argon2(1000), 1_400_000);
        assert!(costs.missing(Work::Argon2(1000)) < missing);
        assert_eq!(costs.most(), (1000, 10_000));
    }
}
