//! What the process holds, and giving freed memory back.

/// Resident memory of the process in bytes; `None` where the system has no `/proc`.
pub fn resident_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Returns freed memory of the allocator to the system at once; left alone, it does so a second later, when something
/// else is allocated.
#[allow(unsafe_code, reason = "the allocator offers this to C only; it takes no pointer and may be called from any thread at any time")]
pub fn give_back() {
    unsafe { libmimalloc_sys::mi_collect(true) }
}
