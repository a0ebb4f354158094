//! The disk that the goals were set on: a library that a measured program is started with (`LD_PRELOAD`), in
//! which an fsync takes at least as long as it did there. It is the program's own fsync, made longer: what it
//! returns is true.
//!
//! Why a wait and not a slow disk: the goals for durable rows are shares of a rate that only the fsync
//! decides. Where one takes a tenth of a millisecond, the processor decides instead, and the share says
//! nothing about how commits are shared.
use libc::{SYS_fdatasync, SYS_fsync, c_int, c_long, syscall};
use std::time::{Duration, Instant};

/// `../shared/reference/performance.md`, first line.
const TAKES: Duration = Duration::from_millis(4);

/// The system call itself: the names of the C library are those of this file.
fn slowly(call: c_long, fd: c_int) -> c_int {
    let began = Instant::now();
    #[allow(
        unsafe_code,
        reason = "fsync and fdatasync take a number and no pointer; an invalid one is answered with EBADF"
    )]
    let done = unsafe { syscall(call, fd) };
    // A failure is told at once, before anything changes `errno`.
    if done == 0 {
        #[allow(
            clippy::disallowed_methods,
            reason = "the caller asked to wait for a disk, and this is the disk"
        )]
        std::thread::sleep(TAKES.saturating_sub(began.elapsed()));
    }
    if done == 0 { 0 } else { -1 }
}

/// fsync(2).
#[allow(unsafe_code, reason = "the name is the C library's on purpose, with its arguments and its result")]
#[unsafe(no_mangle)]
pub extern "C" fn fsync(fd: c_int) -> c_int {
    slowly(SYS_fsync, fd)
}

/// fdatasync(2).
#[allow(unsafe_code, reason = "the name is the C library's on purpose, with its arguments and its result")]
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(fd: c_int) -> c_int {
    slowly(SYS_fdatasync, fd)
}
