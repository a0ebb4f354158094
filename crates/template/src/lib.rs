//! Django's template language, as letters need it: its tags and filters, its silence about names that do not
//! exist, and output that is escaped unless a template says otherwise. Templates are text of an
//! administrator: every run is bounded.
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

/// What is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub template: String,
    /// From 1; 0 where it is the whole file.
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

/// Where templates come from, and what they may know beside the values of a letter.
pub struct Engine<'a> {
    pub load: &'a dyn Fn(&str) -> Option<String>,
    pub now: Timestamp,
    /// Address of this installation, before `{% static %}`.
    pub base_url: &'a str,
    /// Steps that a run may take.
    pub fuel: u64,
}

impl Engine<'_> {
    /// Reads a template and everything that it names by a fixed name, and says the first mistake.
    pub fn check(&self, name: &str) -> Result<(), Error> {
        render::check(self, name)
    }
    /// Fills a template. `escape`: values are escaped for HTML unless the template says otherwise.
    pub fn render(&self, name: &str, values: &Map, escape: bool) -> Result<String, Error> {
        render::render(self, name, values, escape)
    }
}
