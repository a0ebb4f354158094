//! Latencies in buckets of at most 1.6 % width, so that recording one costs a few nanoseconds and merging is
//! adding.
use std::time::Duration;

/// Values below this are exact, in units of 100 ns; above, each power of two has this many buckets.
const PRECISION: u64 = 64;
const BUCKETS: usize = (PRECISION as usize) * 36;

#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    pub fn record(&mut self, time: Duration) {
        let units = u64::try_from(time.as_nanos() / 100).unwrap_or(u64::MAX);
        self.counts[bucket(units).min(BUCKETS - 1)] += 1;
        self.total += 1;
    }
    pub fn count(&self) -> u64 {
        self.total
    }
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }
    /// Milliseconds below which the share `q` (0 to 1) of all values lies; 0 when there are none.
    pub fn quantile(&self, q: f64) -> f64 {
        let rank = ((self.total as f64) * q).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper(index) as f64 / 10_000.0;
            }
        }
        0.0
    }
}

fn bucket(units: u64) -> usize {
    if units < PRECISION {
        return units as usize;
    }
    let shift = units.ilog2() - PRECISION.ilog2();
    let within = (units >> shift) - PRECISION;
    ((u64::from(shift) + 1) * PRECISION + within) as usize
}

/// The largest value of a bucket.
fn upper(index: usize) -> u64 {
    let index = index as u64;
    if index < PRECISION {
        return index;
    }
    let (shift, within) = (index / PRECISION - 1, index % PRECISION);
    ((PRECISION + within + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_two_percent() {
        let mut all = Histogram::default();
        assert_eq!(all.quantile(0.5), 0.0);
        for micros in 1..=10_000u64 {
            all.record(Duration::from_micros(micros));
        }
        for (q, expected) in [(0.5, 5.0), (0.99, 9.9), (1.0, 10.0)] {
            assert!((all.quantile(q) / expected - 1.0).abs() < 0.02, "{q}: {}", all.quantile(q));
        }
        let mut twice = all.clone();
        twice.merge(&all);
        assert_eq!(twice.count(), 20_000);
        all.record(Duration::from_secs(1 << 40));
        assert!(all.quantile(1.0) > 1e6);
    }
}
