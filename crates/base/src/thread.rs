//! Scheduling of threads when all cores are busy. No effect on systems without per-thread priorities.

/// Lowers the thread's priority (nice), for threads that compute hashes and signatures. Threads that serve
/// connections then run first.
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        /// Nice value (of 19): low enough to be overtaken, and still a third of a core beside a busy thread.
        const NICE: libc::c_int = 5;
        #[allow(
            unsafe_code,
            reason = "takes numbers only; 0 is the calling thread, and making oneself wait needs no right"
        )]
        // If the system refuses, the priority stays unchanged.
        let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    }
}

/// Sets `SCHED_BATCH`: a waking thread does not preempt the running one. For threads that serve connections:
/// each has little work, and work that arrives during a signature is then processed together. The delay is at
/// most the scheduler's time slice (some milliseconds); none while a core is idle.
///
/// Threads inherit it from the one that starts them: see [`use_default_scheduling`].
pub fn use_batch_scheduling() {
    #[cfg(target_os = "linux")]
    schedule(libc::SCHED_BATCH);
}

/// Sets `SCHED_OTHER`, the default: a waking thread may preempt others. For threads that many others wait
/// for, such as the one that commits.
pub fn use_default_scheduling() {
    #[cfg(target_os = "linux")]
    schedule(libc::SCHED_OTHER);
}

/// Processor time used by the calling thread.
#[cfg(unix)]
pub fn cpu_time() -> std::time::Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Processor time used by all threads of the process.
#[cfg(unix)]
pub fn process_cpu_time() -> std::time::Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

#[cfg(unix)]
fn clock(which: libc::clockid_t) -> std::time::Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[allow(unsafe_code, reason = "fills one struct that outlives the call")]
    // Zero on systems without such a clock.
    let _ = unsafe { libc::clock_gettime(which, &raw mut time) };
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
    // If the system refuses, the policy stays unchanged.
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
    /// A field of `/proc/thread-self/stat`, counted from 1 as in proc(5).
    fn field(number: usize) -> Option<i32> {
        let text = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
        // Skips the name: the second field, in parentheses.
        text.rsplit_once(") ")?.1.split(' ').nth(number - 3)?.parse().ok()
    }
}
