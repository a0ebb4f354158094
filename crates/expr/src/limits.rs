//! Limits of a run.
use std::time::Duration;

/// Limits of a run. The defaults are meant for sources of administrators.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Wall time inside the interpreter, without waiting for the host. Attributes and helpers computed on the
    /// interpreter's thread may take the same time again.
    pub time: Duration,
    /// Maximum size in bytes of one allocation (string, list, big integer).
    pub memory: usize,
    /// Maximum growth of the process in bytes while a program runs (checked from the third millisecond on, on
    /// Linux).
    pub growth: usize,
    /// Maximum call depth.
    pub recursion: usize,
    /// Maximum number of host function and method calls.
    pub host_calls: u32,
    /// Maximum number of reads of host attributes, names and clocks.
    pub lookups: u32,
    /// Maximum size in bytes of `print()` output.
    pub printed: usize,
    /// Wall time of the whole run, including host calls and queueing.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(1),
            memory: 1024 * 1024,
            growth: 128 * 1024 * 1024,
            recursion: 200,
            host_calls: 200,
            lookups: 20_000,
            printed: 64 * 1024,
            deadline: Duration::from_secs(10),
        }
    }
}
