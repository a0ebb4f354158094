//! What one run may use.
use std::time::Duration;

/// Limits of one run. The defaults suit texts of administrators.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Wall time spent inside the interpreter; waiting for the host does not count. Attributes and helpers
    /// answered on the interpreter's thread may take as long again.
    pub time: Duration,
    /// Bytes a single allocation (text, list, big integer) may take.
    pub memory: usize,
    /// Bytes the process may grow by while a program computes (watched from the third millisecond on, on
    /// Linux).
    pub growth: usize,
    /// Depth of calls.
    pub recursion: usize,
    /// Calls of host functions and methods.
    pub host_calls: u32,
    /// Reads of attributes of host objects, names and clocks.
    pub lookups: u32,
    /// Bytes of `print()` output.
    pub printed: usize,
    /// Wall time of the whole run, host calls and queueing included.
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
