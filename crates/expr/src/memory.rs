//! Returning memory to the system after programs that needed much.
use signet_base::memory::{give_back, resident_bytes};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Interpreter time of a thread between two checks.
const LOOK_AFTER: Duration = Duration::from_millis(20);
/// Minimum growth in bytes that is worth returning.
const WORTH: usize = 64 * 1024 * 1024;

/// Minimum of the process's memory at checks since memory was last returned.
static FLOOR: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The check of one thread.
///
/// The allocator keeps freed large blocks for a second, so programs that need much memory in sequence would
/// add up. After enough interpreter time to have used much, the thread checks, and returns memory.
#[derive(Default)]
pub(crate) struct Reclaim {
    busy: Duration,
}

impl Reclaim {
    /// Counts the time of a finished turn whose memory is freed.
    pub(crate) fn after(&mut self, turn: Duration) {
        self.busy += turn;
        if self.busy < LOOK_AFTER {
            return;
        }
        self.busy = Duration::ZERO;
        let Some(resident) = resident_bytes() else { return };
        let floor = FLOOR.fetch_min(resident, Ordering::Relaxed);
        if resident.saturating_sub(floor) > WORTH {
            give_back();
            FLOOR.store(resident_bytes().unwrap_or(resident), Ordering::Relaxed);
        }
    }
}
