//! Parsing: the author's source becomes the body of a function, compiled once.
use crate::direct::{self, Direct};
use crate::error::{INDENT, LineMap, ParseError};
use crate::library::Library;
use crate::{datamodel, helpers, library, lower, pool};
use monty::MontyRun;
use monty_types::{CompileOptions, ExcType, is_identifier};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum size of a source in bytes.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;
/// The name of the script in tracebacks.
pub(crate) const SCRIPT: &str = "expression";
/// Functions that create names at run time.
const MAKERS: [&str; 5] = ["eval", "exec", "locals", "globals", "vars"];
/// Number of runs that skip the caller's thread after one that exceeded its limits there.
const SKIPPED_RUNS: u32 = 64;
/// The single input of the compiled script: a tuple of all values.
const INPUTS: &str = "_signet_inputs";

/// A parsed source. Clones share the compiled form; they may run concurrently.
#[derive(Clone)]
pub struct Program(Arc<Inner>);

struct Inner {
    /// A run consumes a copy; copying takes one or two microseconds.
    compiled: Mutex<MontyRun>,
    /// Inputs that the source mentions.
    inputs: Vec<String>,
    line_map: LineMap,
    returns_context: bool,
    /// Names of attributes and keys may be created at run time.
    dynamic: bool,
    source: String,
    /// It uses truth, length, items or text of objects.
    asks: bool,
    /// The directly evaluable form, for simple programs.
    direct: Option<Direct>,
    /// Number of following runs that do not start on the caller's thread.
    elsewhere: AtomicU32,
}

impl Program {
    /// Parses `source`, the body of a function that returns its value. `inputs` are the names that callers
    /// supply.
    ///
    /// Blocks the caller while a thread with a large stack parses: well under a millisecond for typical
    /// sources.
    ///
    /// # Errors
    /// Unsupported syntax, a source over [`MAX_SOURCE_BYTES`], or an input name that is not an identifier.
    pub fn parse(source: &str, inputs: &[&str]) -> Result<Program, ParseError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(ParseError::plain(format!("the text is longer than {MAX_SOURCE_BYTES} bytes")));
        }
        if let Some(name) = inputs.iter().find(|name| !is_identifier(name)) {
            return Err(ParseError::plain(format!("'{name}' is not a name")));
        }
        let source = source.replace("\r\n", "\n").replace('\r', "\n");
        let line_map = LineMap::of(&source);
        // The context is exported only if the source can have changed it.
        let returns_context = inputs.contains(&"context") && source.contains("context");
        let mut inputs = inputs.to_vec();
        inputs.retain(|&name| mentions(&source, name) || (returns_context && name == "context"));
        let function = function(&source, &inputs);
        let rest = |needs: &BTreeSet<Library>| frame(&source, &inputs, returns_context, needs);
        let dynamic = MAKERS.iter().chain(&["getattr", "dir("]).any(|maker| source.contains(maker));
        let compile = || compile(&function, rest, &inputs, line_map);
        let (compiled, asks, direct, line_map) =
            pool::on_large_stack(compile).ok_or_else(|| ParseError::plain("the parser failed"))??;
        let inputs = inputs.iter().map(|&name| name.to_owned()).collect();
        Ok(Program(Arc::new(Inner {
            compiled: Mutex::new(compiled),
            inputs,
            line_map,
            returns_context,
            dynamic,
            source,
            asks,
            direct,
            elsewhere: AtomicU32::new(0),
        })))
    }

    /// The inputs that the source mentions, in the given order. Callers need not supply others.
    pub fn inputs(&self) -> &[String] {
        &self.0.inputs
    }

    /// Whether the source mentions an input.
    pub fn uses(&self, input: &str) -> bool {
        self.0.inputs.iter().any(|name| name == input)
    }

    /// Whether a run may access an attribute, key or function of this name. Callers need not prepare others.
    pub fn may_name(&self, name: &str) -> bool {
        self.0.dynamic || self.0.source.contains(name)
    }

    /// Whether the source uses `yield`: runs return the list of values.
    pub fn is_generator(&self) -> bool {
        self.0.line_map.generator
    }

    /// Whether runs start without the interpreter. It still runs those that turn out not to be simple.
    pub fn is_direct(&self) -> bool {
        self.0.direct.is_some()
    }

    /// The same program, for the interpreter only.
    #[doc(hidden)]
    pub fn interpreted(&self) -> Program {
        let inner = &self.0;
        Program(Arc::new(Inner {
            compiled: Mutex::new(self.compiled()),
            inputs: inner.inputs.clone(),
            line_map: inner.line_map.clone(),
            returns_context: inner.returns_context,
            dynamic: inner.dynamic,
            source: inner.source.clone(),
            asks: inner.asks,
            direct: None,
            elsewhere: AtomicU32::new(0),
        }))
    }

    pub(crate) fn asks(&self) -> bool {
        self.0.asks
    }

    pub(crate) fn direct(&self) -> Option<&Direct> {
        self.0.direct.as_ref()
    }

    /// Counts a run; returns whether it may start on the caller's thread.
    pub(crate) fn begin_here(&self) -> bool {
        self.0
            .elsewhere
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_err()
    }

    /// A run exceeded the limits of the caller's thread: the next ones start on an interpreter thread.
    pub(crate) fn begin_elsewhere(&self) {
        self.0.elsewhere.store(SKIPPED_RUNS, Ordering::Relaxed);
    }

    pub(crate) fn line_map(&self) -> &LineMap {
        &self.0.line_map
    }

    pub(crate) fn returns_context(&self) -> bool {
        self.0.returns_context
    }

    /// A copy of the compiled form for one run.
    pub(crate) fn compiled(&self) -> MontyRun {
        // Cloning cannot leave the original inconsistent, so a poisoned lock is fine.
        self.0.compiled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("inputs", &self.0.inputs)
            .field("places", &self.0.line_map)
            .finish_non_exhaustive()
    }
}

/// Both forms of a program, whether it uses objects, and the line mapping. Needs a large stack.
fn compile(
    function: &str,
    rest: impl Fn(&BTreeSet<Library>) -> String,
    inputs: &[&str],
    mut line_map: LineMap,
) -> Result<(MontyRun, bool, Option<Direct>, LineMap), ParseError> {
    // The nesting of every source is checked before the parser gets it.
    let options = CompileOptions { source_scan_threshold: 0, ..CompileOptions::default() };
    let whole = |function: &str, needs: &BTreeSet<Library>| {
        MontyRun::new(format!("{function}{}", rest(needs)), SCRIPT, vec![INPUTS.to_owned()], options)
    };
    let (mut text, mut needs) = (function.to_owned(), BTreeSet::new());
    let mut compiled = whole(function, &needs);
    let lacking = compiled.as_ref().is_err_and(|error| error.exc_type() == ExcType::NotImplementedError);
    if compiled.is_ok() || lacking {
        match lower::lowered(function) {
            Err(refusal) => {
                return Err(ParseError::refused(function, refusal.at.start().to_usize(), refusal.what));
            }
            Ok(None) => {}
            Ok(Some(lowered)) => {
                line_map.origins = lowered.lines;
                line_map.generator = lowered.generator;
                line_map.exceptions = lowered.exceptions;
                (text, needs) = (lowered.text, lowered.library);
                compiled = whole(&text, &needs);
            }
        }
    }
    let mut compiled = compiled.map_err(|error| ParseError::from_exception(&error, &line_map))?;
    // The direct form handles objects itself.
    let direct = direct::compile(function, inputs);
    let rewritten = datamodel::rewritten(&text);
    if let Some(other) = &rewritten {
        compiled = whole(&format!("{}{}", other.function, other.helpers), &needs)
            .map_err(|error| ParseError::from_exception(&error, &line_map))?;
    }
    Ok((compiled, rewritten.is_some(), direct, line_map))
}

/// Whether a name may occur in a source, other than as an attribute. Strings and comments count too, so false
/// positives are possible.
fn mentions(source: &str, name: &str) -> bool {
    let word = |letter: char| letter.is_alphanumeric() || letter == '_' || !letter.is_ascii();
    // Names created at run time can be any.
    if MAKERS.iter().any(|maker| source.contains(maker)) {
        return true;
    }
    source.match_indices(name).any(|(start, _)| {
        let (before, after) = (&source[..start], &source[start + name.len()..]);
        !before.ends_with(word)
            && !after.starts_with(word)
            && !before.trim_end_matches([' ', '\t']).ends_with('.')
    })
}

/// One line, then the indented source: the function that every run calls.
pub(crate) fn function(source: &str, inputs: &[&str]) -> String {
    let mut script = format!("def _signet_expression({}):\n", inputs.join(", "));
    script.reserve(source.len() + source.len() / 4 + 256);
    for line in source.split('\n') {
        if !line.trim().is_empty() {
            script.extend(std::iter::repeat_n(' ', INDENT));
        }
        script.push_str(line);
        script.push('\n');
    }
    // The empty line ends a backslash at the end of the source.
    script.push('\n');
    script
}

/// The code after the function: the helpers it mentions, and the call. The result is a list: value, and the
/// context if requested.
fn frame(source: &str, inputs: &[&str], returns_context: bool, needs: &BTreeSet<Library>) -> String {
    let mut script = helpers::prelude(source, needs);
    script.push_str(&library::text(needs, source));
    let arguments: Vec<String> = inputs
        .iter()
        .enumerate()
        .map(|(index, &name)| match name {
            "ak_client_ip" => {
                format!("ip_address({INPUTS}[{index}]) if {INPUTS}[{index}] else None")
            }
            _ => format!("{INPUTS}[{index}]"),
        })
        .collect();
    script.push_str(&format!("[_signet_expression({})", arguments.join(", ")));
    if let Some(index) = inputs.iter().position(|&name| name == "context").filter(|_| returns_context) {
        script.push_str(&format!(", {INPUTS}[{index}]"));
    }
    script.push_str("]\n");
    script
}
