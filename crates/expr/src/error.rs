//! Errors of parsing and running. Lines and columns count from 1 in the author's source; 0 means unknown.
use monty_types::{ExcType, MontyException};

/// Spaces added before each line: the source becomes the body of a function.
pub(crate) const INDENT: usize = 4;
/// Lines added before the source.
pub(crate) const LINES_BEFORE: u32 = 1;

/// Maps lines of the compiled text to the source.
#[derive(Debug, Clone, Default)]
pub(crate) struct LineMap {
    /// Number of lines of the source.
    pub lines: u32,
    /// For each compiled line its line before lowering, from 1; empty if nothing was lowered.
    pub origins: Vec<u32>,
    /// The source is a generator.
    pub generator: bool,
    /// How the engine names exceptions of the text, and their own names.
    pub exceptions: Vec<(&'static str, String)>,
}

impl LineMap {
    pub(crate) fn of(source: &str) -> Self {
        Self {
            lines: u32::try_from(source.lines().count()).unwrap_or(u32::MAX).max(1),
            origins: Vec::new(),
            generator: false,
            exceptions: Vec::new(),
        }
    }

    /// The source line of a compiled line, if it has one.
    fn line(&self, compiled: u32) -> Option<u32> {
        let line = if self.origins.is_empty() {
            compiled
        } else {
            *self.origins.get(compiled.checked_sub(1)? as usize)?
        };
        line.checked_sub(LINES_BEFORE).filter(|line| (1..=self.lines).contains(line))
    }
}

/// A source that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ParseError {
    pub line: u32,
    pub column: u32,
    pub message: String,
    /// The unsupported feature, if that is the reason.
    pub unsupported: Option<String>,
}

/// The reason for which a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// An uncaught exception of the program.
    Raised,
    /// `SkipObject` was raised: exclude this object from a synchronisation.
    Skip,
    /// The interpreter's time limit was exceeded.
    Time,
    /// An allocation, or the printed output, was too large.
    Memory,
    /// The call depth was exceeded.
    Recursion,
    /// Too many host calls or look-ups.
    HostCalls,
    /// The deadline of the whole run passed.
    Deadline,
    /// An unsupported Python feature, or I/O.
    Unsupported,
    /// An input is missing or too large, or the result has no representation.
    Value,
    /// A host call failed with `CallError::Fatal`.
    Host,
    /// The queue is full.
    Busy,
    /// A fault of the engine.
    Internal,
}

/// The error of a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{exception}: {message}", position(*line, *column))]
pub struct RunError {
    pub kind: ErrorKind,
    /// The Python class of the exception, such as `KeyError`.
    pub exception: String,
    pub message: String,
    pub line: u32,
    pub column: u32,
    /// The unsupported feature, if that is the reason.
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

    pub(crate) fn from_exception(
        error: MontyException,
        line_map: &LineMap,
        verdict: Option<Verdict>,
    ) -> Self {
        let (line, column) = locate(&error, line_map);
        let exception = crate::datamodel::exception_name(error.exc_type())
            .map_or_else(|| exception_name(&error), str::to_owned);
        let own = line_map.exceptions.iter().find(|(kind, _)| *kind == exception);
        let exception = own.map_or(exception, |(_, name)| name.clone());
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
        // The engine's exception that represents `SkipObject`.
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

/// The innermost frame inside the author's source.
fn locate(error: &MontyException, line_map: &LineMap) -> (u32, u32) {
    let frames = error.traceback().iter().rev().filter(|frame| frame.filename == crate::program::SCRIPT);
    let mut found = frames.filter_map(|frame| {
        Some((line_map.line(frame.start.line)?, frame.start.column.saturating_sub(INDENT as u32).max(1)))
    });
    found.next().unwrap_or_default()
}

/// Python's name for the engine's exception.
fn exception_name(error: &MontyException) -> String {
    match error.exc_type() {
        ExcType::NotADirectoryError => "ConnectionError".into(),
        ExcType::FileExistsError => "HTTPError".into(),
        other => other.to_string(),
    }
}

/// A suggestion for an unsupported feature.
fn hint(lacking: &str) -> Option<&'static str> {
    const HINTS: [(&str, &str); 9] = [
        (
            "class inheritance",
            "a base is another class of the text or one of Python's exceptions; write functions",
        ),
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

    /// An error of lowering; `at` counts in the compiled function.
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

    pub(crate) fn from_exception(error: &MontyException, line_map: &LineMap) -> Self {
        let (mut line, column) = locate(error, line_map);
        if line == 0 && !error.traceback().is_empty() {
            // An unclosed bracket or string extends past the source: report its last line.
            line = line_map.lines;
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
