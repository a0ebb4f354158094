//! Which thread goes first where all want the cores. Without effect where the system does not count
//! priorities by thread.

/// Lets the calling thread's work wait for that of the others where all want the cores: hashes and signatures
/// take long, and the threads that read, write and answer need little and keep many callers going.
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        /// Of 19; enough to be overtaken, and still a third of a core beside a busy one.
        const NICE: libc::c_int = 5;
        #[allow(
            unsafe_code,
            reason = "takes numbers only; 0 is the calling thread, and making oneself wait needs no right"
        )]
        // A refusal leaves the thread as it was.
        let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    }
}

/// Lets the calling thread take its turn instead of interrupting whoever runs. For the threads that read and
/// answer: they have little to do each time, and what comes while a signature is under way is done together
/// after it. A turn comes at the latest when the scheduler ends the runner's slice, which is a few
/// milliseconds; at once where a core is free.
///
/// Threads inherit it from the one that starts them: see [`use_default_scheduling`].
pub fn use_batch_scheduling() {
    #[cfg(target_os = "linux")]
    schedule(libc::SCHED_BATCH);
}

/// Lets the calling thread interrupt others when it wakes, as threads do by default. For those that others
/// wait for in crowds, as the one that commits.
pub fn use_default_scheduling() {
    #[cfg(target_os = "linux")]
    schedule(libc::SCHED_OTHER);
}

/// What the calling thread has computed for so far.
#[cfg(unix)]
pub fn cpu_time() -> std::time::Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[allow(unsafe_code, reason = "fills one struct that outlives the call")]
    // Where the system has no such clock the time stays zero.
    let _ = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    std::time::Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(target_os = "linux")]
fn schedule(policy: libc::c_int) {
    let none = libc::sched_param { sched_priority: 0 };
    #[allow(
        unsafe_code,
        reason = "reads one struct that outlives the call; 0 is the calling thread, and neither policy needs a right"
    )]
    // A refusal leaves the thread as it was.
    let _ = unsafe { libc::sched_setscheduler(0, policy, &raw const none) };
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn only_the_thread_that_asks_is_overtaken() {
        let nice = || field(NICE).unwrap();
        let before = nice();
        let inside = std::thread::spawn(move || {
            super::lower_priority();
            nice()
        });
        assert_eq!(inside.join().unwrap(), before.max(5));
        assert_eq!(nice(), before);
    }
    #[test]
    fn a_thread_takes_turns_until_it_may_interrupt_again() {
        let inside = std::thread::spawn(|| {
            super::use_batch_scheduling();
            let inherited = std::thread::spawn(|| field(POLICY)).join().unwrap().unwrap();
            super::use_default_scheduling();
            (inherited, field(POLICY).unwrap())
        });
        assert_eq!(inside.join().unwrap(), (libc::SCHED_BATCH, libc::SCHED_OTHER));
    }
    const NICE: usize = 19;
    const POLICY: usize = 41;
    /// A field of the calling thread's `stat`, counted from 1 as in proc(5).
    fn field(number: usize) -> Option<i32> {
        let text = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
        // After the name, which stands in parentheses and is the second.
        text.rsplit_once(") ")?.1.split(' ').nth(number - 3)?.parse().ok()
    }
}
