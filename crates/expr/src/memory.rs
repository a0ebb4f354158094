//! Giving memory back after programs that took much.
use signet_base::memory::{give_back, resident_bytes};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Interpreter time of a thread between two looks.
const LOOK_AFTER: Duration = Duration::from_millis(20);
/// Growth that is worth the work of giving it back, in bytes.
const WORTH: usize = 64 * 1024 * 1024;

/// The least that the process held at a look since it last gave back.
static FLOOR: AtomicUsize = AtomicUsize::new(usize::MAX);

/// One thread's share of the work.
///
/// The allocator keeps large freed blocks for a second and takes new ones meanwhile, so programs that take
/// much one after the other would add up. After enough interpreter time to have taken much, the thread looks,
/// and gives back.
#[derive(Default)]
pub(crate) struct Reclaim {
    busy: Duration,
}

impl Reclaim {
    /// Counts the time of a turn that is over and whose memory is freed.
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
