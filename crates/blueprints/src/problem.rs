//! Errors of a blueprint with their position.
use signet_base::{Error, FieldErrors, Json};
use std::fmt;

/// An error: file, entry (`entries[3]`), model and field, as far as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub file: Box<str>,
    pub entry: String,
    /// Line of the entry, counted from one; zero where it is not known.
    pub line: usize,
    pub model: String,
    pub field: String,
    pub message: String,
}

impl Problem {
    pub fn file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            entry: String::new(),
            line: 0,
            model: String::new(),
            field: String::new(),
            message: message.into(),
        }
    }
    /// The same error for a field.
    pub fn at(mut self, field: &str) -> Self {
        if self.field.is_empty() {
            self.field = field.to_owned();
        }
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        for part in [&self.entry, &self.model, &self.field] {
            if !part.is_empty() {
                write!(f, ": {part}")?;
            }
        }
        write!(f, ": {}", self.message)
    }
}
impl std::error::Error for Problem {}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let place = if problem.entry.is_empty() { "content".to_owned() } else { problem.entry.clone() };
        Error::Invalid(FieldErrors::one(&place, problem.to_string()))
    }
}

/// Field errors in one sentence: `slug: This field is required.`
pub(crate) fn sentence(fields: &FieldErrors) -> (String, String) {
    let Json::Object(map) = fields.to_json() else { return (String::new(), String::new()) };
    let text = |value: &Json| match value {
        Json::Array(list) => list
            .iter()
            .map(|m| m.as_str().map_or_else(|| m.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" "),
        other => other.to_string(),
    };
    if map.len() == 1
        && let Some((field, value)) = map.iter().next()
    {
        return (field.clone(), text(value));
    }
    (
        String::new(),
        map.iter().map(|(field, value)| format!("{field}: {}", text(value))).collect::<Vec<_>>().join("; "),
    )
}
