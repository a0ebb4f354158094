//! What the process holds: giving freed memory back, and files it may open.

/// Resident memory of the process in bytes; `None` where the system has no `/proc`.
pub fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Returns freed memory of the allocator to the system at once; left alone, it does so a second later, when
/// something else is allocated.
#[allow(
    unsafe_code,
    reason = "the allocator offers this to C only; it takes no pointer and may be called from any thread at any time"
)]
pub fn give_back() {
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// Raises the number of files and connections that this process may have open to what the system lets it.
/// Gives the number that holds.
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
