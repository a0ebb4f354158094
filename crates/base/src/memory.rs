//! Memory and file descriptors of the process.

/// Resident memory of the process in bytes; `None` where the system has no `/proc`.
pub fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// `malloc_trim`: returns freed memory to the system now. glibc would do so only at a later allocation.
#[allow(
    unsafe_code,
    reason = "the allocator offers this to C only; it takes no pointer and may be called from any thread at any time"
)]
pub fn give_back() {
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// Raises `RLIMIT_NOFILE` to its hard limit. Returns the limit in force.
#[cfg(unix)]
pub fn raise_descriptors() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    #[allow(unsafe_code, reason = "fills and reads one struct that outlives the calls")]
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return 1024;
        }
        let wanted = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) == 0 {
            limit = wanted;
        }
    }
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}
