//! Processor time of threads.

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
