//! Django's template language for emails: tags, filters, undefined names as empty strings, and HTML escaping
//! by default. Administrators write templates, so each rendering has a budget of steps and a size limit.
mod blocks;
mod condition;
mod dates;
mod expr;
mod filters;
mod html;
mod lexer;
mod markup;
mod numbers;
mod parse;
pub mod python;
mod render;
mod tags;
mod text;
mod value;

use signet_base::{Map, Timestamp};
use std::fmt;

/// A template error with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub template: String,
    /// Line, counted from 1; 0 for the file as a whole.
    pub line: usize,
    pub message: String,
}
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.template)?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        write!(f, ": {}", self.message)
    }
}
impl std::error::Error for Error {}

/// The template loader and the variables that every template has.
pub struct Engine<'a> {
    pub load: &'a dyn Fn(&str) -> Option<String>,
    pub now: Timestamp,
    /// Base URL of this installation, prepended by `{% static %}`.
    pub base_url: &'a str,
    /// Maximum number of steps of one rendering.
    pub fuel: u64,
}

impl Engine<'_> {
    /// Parses a template and every template it names by a literal; returns the first error.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        render::check(self, name)
    }
    /// Renders a template. `escape`: values are HTML-escaped unless the template marks them safe.
    pub fn render(&self, name: &str, values: &Map, escape: bool) -> Result<String, Error> {
        render::render(self, name, values, escape)
    }
}
