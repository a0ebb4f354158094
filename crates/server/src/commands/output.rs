//! What commands print. Whoever reads it may have gone (`signet … | head -0`) or may have no room (a full disk): nothing panics,
//! as `println!` would. Text for which there is no room fails the command.
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether something could not be written.
static LOST: AtomicBool = AtomicBool::new(false);

/// A line on standard output.
macro_rules! say {
    ($($text:tt)*) => { $crate::commands::output::text(format!("{}\n", format_args!($($text)*))) };
}
/// A line on standard error.
macro_rules! note {
    ($($text:tt)*) => { $crate::commands::output::notice(format!("{}\n", format_args!($($text)*))) };
}
pub(super) use {note, say};

/// Text on standard output.
pub fn text(text: impl Display) {
    let mut to = io::stdout().lock();
    let done = to.write_all(text.to_string().as_bytes()).and_then(|()| to.flush());
    // A closed pipe: its reader has seen enough.
    if let Err(error) = done
        && error.kind() != ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::Relaxed)
    {
        note!("signet: standard output cannot be written: {error}");
    }
}
/// Text on standard error.
pub fn notice(text: impl Display) {
    let mut to = io::stderr().lock();
    let _ = to.write_all(text.to_string().as_bytes()).and_then(|()| to.flush());
}
/// The exit code of a command.
pub fn end(code: ExitCode) -> ExitCode {
    if LOST.load(Ordering::Relaxed) && code == ExitCode::SUCCESS { ExitCode::FAILURE } else { code }
}
