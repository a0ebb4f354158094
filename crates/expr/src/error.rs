//! Errors of parsing and running. Lines and columns count from 1 in the author's text; 0 means unknown.
use monty_types::{ExcType, MontyException};

/// Spaces put before each line of the text: it becomes the body of a function.
pub(crate) const INDENT: usize = 4;
/// Lines put before the text.
pub(crate) const LINES_BEFORE: u32 = 1;

/// Where lines of the compiled text come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    /// Lines of the author's text.
    pub lines: u32,
    /// For each compiled line the one before it was respelt, from 1; empty when none was.
    pub origins: Vec<u32>,
    /// The text gives its values one by one.
    pub generator: bool,
}

impl Places {
    pub(crate) fn of(source: &str) -> Self {
        Self {
            lines: u32::try_from(source.lines().count()).unwrap_or(u32::MAX).max(1),
            origins: Vec::new(),
            generator: false,
        }
    }

    /// The author's line, for lines that are the author's.
    fn line(&self, compiled: u32) -> Option<u32> {
        let line = if self.origins.is_empty() {
            compiled
        } else {
            *self.origins.get(compiled.checked_sub(1)? as usize)?
        };
        line.checked_sub(LINES_BEFORE).filter(|line| (1..=self.lines).contains(line))
    }
}

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
        Self {
            kind,
            exception: exception.into(),
            message: message.into(),
            line: 0,
            column: 0,
            unsupported: None,
        }
    }

    pub(crate) fn from_exception(error: MontyException, places: &Places, verdict: Option<Verdict>) -> Self {
        let (line, column) = locate(&error, places);
        let exception = crate::datamodel::exception_name(error.exc_type())
            .map_or_else(|| exception_name(&error), str::to_owned);
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
        ExcType::NotImplementedError => {
            Verdict { kind: ErrorKind::Unsupported, unsupported: Some(lacking(message).to_owned()) }
        }
        _ => plain(ErrorKind::Raised),
    }
}

fn lacking(message: &str) -> &str {
    message.strip_prefix("The monty syntax parser does not yet support ").unwrap_or(message)
}

/// The innermost frame inside the author's text.
fn locate(error: &MontyException, places: &Places) -> (u32, u32) {
    let frames = error.traceback().iter().rev().filter(|frame| frame.filename == crate::program::SCRIPT);
    let mut found = frames.filter_map(|frame| {
        Some((places.line(frame.start.line)?, frame.start.column.saturating_sub(INDENT as u32).max(1)))
    });
    found.next().unwrap_or_default()
}

/// The name that Python has for what the engine's exception stands for.
fn exception_name(error: &MontyException) -> String {
    match error.exc_type() {
        ExcType::NotADirectoryError => "ConnectionError".into(),
        ExcType::FileExistsError => "HTTPError".into(),
        other => other.to_string(),
    }
}

/// What to write instead of what the engine lacks.
fn hint(lacking: &str) -> Option<&'static str> {
    const HINTS: [(&str, &str); 9] = [
        ("class inheritance", "write a class without a base, or functions; of errors raise ValueError"),
        ("method decorators", "write a plain method, or a function beside the class"),
        ("async", "leave 'async' out: calls wait by themselves"),
        ("exception groups", "write 'except' without the star"),
        ("type aliases", "leave the alias out"),
        ("multiple **kwargs", "join them first: f(**{**a, **b})"),
        ("template strings", "write an f-string"),
        ("class bodies", "keep to methods and 'name = value' in a class"),
        ("complex class variable", "keep to methods and 'name = value' in a class"),
    ];
    HINTS.iter().find(|(what, _)| lacking.starts_with(what)).map(|(_, hint)| *hint)
}

impl ParseError {
    pub(crate) fn plain(message: impl Into<String>) -> Self {
        Self { line: 0, column: 0, message: message.into(), unsupported: None }
    }

    /// What cannot be respelt; `at` counts in the function that the text became.
    pub(crate) fn refused(function: &str, at: usize, what: String) -> Self {
        let before = function.get(..at).unwrap_or_default();
        let line = before.matches('\n').count();
        let column =
            before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_sub(INDENT) + 1;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            line: number(line),
            column: number(column),
            message: format!("{what} (not supported as it stands)"),
            unsupported: Some(what),
        }
    }

    pub(crate) fn from_exception(error: &MontyException, places: &Places) -> Self {
        let (mut line, column) = locate(error, places);
        if line == 0 && !error.traceback().is_empty() {
            // An open bracket or string runs into what follows the text: name its last line.
            line = places.lines;
        }
        let text = error.message().unwrap_or("invalid syntax");
        let unsupported =
            (error.exc_type() == ExcType::NotImplementedError).then(|| lacking(text).to_owned());
        let message = unsupported.as_ref().map_or_else(
            || text.to_owned(),
            |what| match hint(what) {
                Some(hint) => format!("{what}: not supported; {hint}"),
                None => format!("{what}: not supported"),
            },
        );
        Self { line, column: column.max(1), message, unsupported }
    }
}
