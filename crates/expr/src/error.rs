//! Errors of parsing and running. Lines and columns count from 1 in the author's text; 0 means unknown.
use monty_types::{ExcType, MontyException};

/// Spaces put before each line of the text: it becomes the body of a function.
pub(crate) const INDENT: usize = 4;
/// Lines put before the text.
pub(crate) const LINES_BEFORE: u32 = 1;

/// A text that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ParseError {
    pub line: u32,
    pub column: u32,
    pub message: String,
    /// What of Python the engine lacks, when that is the reason.
    pub unsupported: Option<String>,
}

/// What ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// An exception of the program that nothing caught.
    Raised,
    /// `SkipObject` was raised: leave this object out of a synchronisation.
    Skip,
    /// More interpreter time than allowed.
    Time,
    /// One allocation, or the printed text, was too large.
    Memory,
    /// Calls nested too deeply.
    Recursion,
    /// Too many calls or look-ups.
    HostCalls,
    /// The whole run took too long.
    Deadline,
    /// Python the engine lacks, or I/O.
    Unsupported,
    /// An input is missing or too large, or the answer has no representation.
    Value,
    /// A host call failed for good.
    Host,
    /// Too many runs are waiting.
    Busy,
    /// A fault of the engine.
    Internal,
}

/// A run without a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{exception}: {message}", position(*line, *column))]
pub struct RunError {
    pub kind: ErrorKind,
    /// The Python name of the exception, such as `KeyError`.
    pub exception: String,
    pub message: String,
    pub line: u32,
    pub column: u32,
    /// What of Python the engine lacks, when that is the reason.
    pub unsupported: Option<String>,
}

fn position(line: u32, column: u32) -> String {
    if line == 0 { String::new() } else { format!("line {line}, column {column}: ") }
}

/// Why the engine itself stops a program; it takes precedence over the exception's type.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub kind: ErrorKind,
    pub unsupported: Option<String>,
}

impl RunError {
    pub(crate) fn engine(kind: ErrorKind, message: impl Into<String>) -> Self {
        let exception = match kind {
            ErrorKind::Deadline | ErrorKind::Time => "TimeoutError",
            ErrorKind::Value => "TypeError",
            _ => "RuntimeError",
        };
        Self { kind, exception: exception.into(), message: message.into(), line: 0, column: 0, unsupported: None }
    }

    pub(crate) fn from_exception(error: MontyException, lines: u32, verdict: Option<Verdict>) -> Self {
        let (line, column) = locate(&error, lines);
        let exception = error.exc_type().to_string();
        let verdict = verdict.unwrap_or_else(|| judge(&error));
        let message = error.into_message().unwrap_or_default();
        Self { kind: verdict.kind, exception, message, line, column, unsupported: verdict.unsupported }
    }
}

fn judge(error: &MontyException) -> Verdict {
    let message = error.message().unwrap_or_default();
    let plain = |kind| Verdict { kind, unsupported: None };
    match error.exc_type() {
        ExcType::TimeoutError if message.contains("time limit exceeded") => plain(ErrorKind::Time),
        ExcType::MemoryError => plain(ErrorKind::Memory),
        ExcType::RecursionError => plain(ErrorKind::Recursion),
        // What `SkipObject` stands for in programs.
        ExcType::KeyboardInterrupt => plain(ErrorKind::Skip),
        ExcType::ModuleNotFoundError => {
            let module = message.strip_prefix("No module named ").unwrap_or(message).trim_matches('\'');
            Verdict { kind: ErrorKind::Unsupported, unsupported: Some(format!("module {module}")) }
        }
        ExcType::NotImplementedError => Verdict { kind: ErrorKind::Unsupported, unsupported: Some(lacking(message).to_owned()) },
        _ => plain(ErrorKind::Raised),
    }
}

fn lacking(message: &str) -> &str {
    message.strip_prefix("The monty syntax parser does not yet support ").unwrap_or(message)
}

/// The innermost frame inside the author's text of `lines` lines.
fn locate(error: &MontyException, lines: u32) -> (u32, u32) {
    error.traceback().iter().rev().find(|frame| frame.filename == crate::program::SCRIPT && (1..=lines).contains(&frame.start.line.saturating_sub(LINES_BEFORE))).map_or(
        (0, 0),
        |frame| {
            let column = frame.start.column.saturating_sub(INDENT as u32).max(1);
            (frame.start.line - LINES_BEFORE, column)
        },
    )
}

impl ParseError {
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self { line: 0, column: 0, message: message.into(), unsupported: None }
    }

    pub(crate) fn from_exception(error: &MontyException, lines: u32) -> Self {
        let (mut line, column) = locate(error, lines);
        if line == 0 && !error.traceback().is_empty() {
            // An open bracket or string runs into what follows the text: name its last line.
            line = lines;
        }
        let text = error.message().unwrap_or("invalid syntax");
        let unsupported = (error.exc_type() == ExcType::NotImplementedError).then(|| lacking(text).to_owned());
        let message = unsupported.as_ref().map_or_else(|| text.to_owned(), |what| format!("{what}: not supported"));
        Self { line, column: column.max(1), message, unsupported }
    }
}
