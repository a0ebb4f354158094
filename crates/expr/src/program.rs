//! Parsing: the author's text becomes the body of a function, and is compiled once.
use crate::direct::{self, Direct};
use crate::error::{INDENT, ParseError, Places};
use crate::library::Library;
use crate::{datamodel, helpers, library, lower, pool};
use monty::MontyRun;
use monty_types::{CompileOptions, ExcType, is_identifier};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Longest text accepted.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;
/// The name of the script in tracebacks.
pub(crate) const SCRIPT: &str = "expression";
/// What makes names at run time.
const MAKERS: [&str; 5] = ["eval", "exec", "locals", "globals", "vars"];
/// Runs that leave the caller's thread alone after one that was too much for it.
const ELSEWHERE: u32 = 64;
/// The one input of the compiled script: all values as a tuple.
const INPUTS: &str = "_signet_inputs";

/// A parsed text. Clones share the compiled form and may run at the same time on many threads.
#[derive(Clone)]
pub struct Program(Arc<Inner>);

struct Inner {
    /// A run consumes its copy; the copy costs a microsecond or two.
    compiled: Mutex<MontyRun>,
    /// The inputs that the text mentions.
    inputs: Vec<String>,
    places: Places,
    returns_context: bool,
    /// Names of attributes and keys may be made at run time.
    dynamic: bool,
    source: String,
    /// It asks objects for their truth, length, items or text.
    asks: bool,
    /// The form of simple programs.
    direct: Option<Direct>,
    /// How many of the next runs do not begin in the caller's thread.
    elsewhere: AtomicU32,
}

impl Program {
    /// Parses `source`, the body of a function that answers with `return`. `inputs` are the names its callers
    /// supply.
    ///
    /// Blocks the caller while it parses on a thread of its own: well under a millisecond for ordinary texts.
    ///
    /// # Errors
    /// Syntax the engine does not know, a text over [`MAX_SOURCE_BYTES`], or an input name that is not an
    /// identifier.
    pub fn parse(source: &str, inputs: &[&str]) -> Result<Program, ParseError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(ParseError::plain(format!("the text is longer than {MAX_SOURCE_BYTES} bytes")));
        }
        if let Some(name) = inputs.iter().find(|name| !is_identifier(name)) {
            return Err(ParseError::plain(format!("'{name}' is not a name")));
        }
        let source = source.replace("\r\n", "\n").replace('\r', "\n");
        let places = Places::of(&source);
        // The context is read back only where the text can have changed it.
        let returns_context = inputs.contains(&"context") && source.contains("context");
        let mut inputs = inputs.to_vec();
        inputs.retain(|&name| mentions(&source, name) || (returns_context && name == "context"));
        let function = function(&source, &inputs);
        let rest = |needs: &BTreeSet<Library>| frame(&source, &inputs, returns_context, needs);
        let dynamic = MAKERS.iter().chain(&["getattr", "dir("]).any(|maker| source.contains(maker));
        let compile = || compile(&function, rest, &inputs, places);
        let (compiled, asks, direct, places) =
            pool::on_large_stack(compile).ok_or_else(|| ParseError::plain("the parser failed"))??;
        let inputs = inputs.iter().map(|&name| name.to_owned()).collect();
        Ok(Program(Arc::new(Inner {
            compiled: Mutex::new(compiled),
            inputs,
            places,
            returns_context,
            dynamic,
            source,
            asks,
            direct,
            elsewhere: AtomicU32::new(0),
        })))
    }

    /// The inputs that the text mentions, in the order they were given: callers need not supply others.
    pub fn inputs(&self) -> &[String] {
        &self.0.inputs
    }

    /// Whether the text mentions an input.
    pub fn uses(&self, input: &str) -> bool {
        self.0.inputs.iter().any(|name| name == input)
    }

    /// Whether a run can come to ask for an attribute, key or function of this name: callers prepare nothing
    /// else.
    pub fn may_name(&self, name: &str) -> bool {
        self.0.dynamic || self.0.source.contains(name)
    }

    /// Whether the text gives its values one by one, with `yield`: runs answer with the list of them.
    pub fn is_generator(&self) -> bool {
        self.0.places.generator
    }

    /// Whether runs begin without the interpreter. It still runs what turns out not to be simple.
    pub fn is_direct(&self) -> bool {
        self.0.direct.is_some()
    }

    /// The same program for the interpreter alone.
    #[doc(hidden)]
    pub fn interpreted(&self) -> Program {
        let inner = &self.0;
        Program(Arc::new(Inner {
            compiled: Mutex::new(self.compiled()),
            inputs: inner.inputs.clone(),
            places: inner.places.clone(),
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

    /// Counts one run; whether it may begin in its caller's thread.
    pub(crate) fn begin_here(&self) -> bool {
        self.0
            .elsewhere
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_err()
    }

    /// A run was too much for its caller's thread: the next ones begin elsewhere.
    pub(crate) fn begin_elsewhere(&self) {
        self.0.elsewhere.store(ELSEWHERE, Ordering::Relaxed);
    }

    pub(crate) fn places(&self) -> &Places {
        &self.0.places
    }

    pub(crate) fn returns_context(&self) -> bool {
        self.0.returns_context
    }

    /// A copy of the compiled form for one run.
    pub(crate) fn compiled(&self) -> MontyRun {
        // Cloning cannot leave the original half changed, so a poisoned lock is still sound.
        self.0.compiled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("inputs", &self.0.inputs)
            .field("places", &self.0.places)
            .finish_non_exhaustive()
    }
}

/// Both forms of a program, whether it asks objects, and where its lines come from. Needs a large stack.
fn compile(
    function: &str,
    rest: impl Fn(&BTreeSet<Library>) -> String,
    inputs: &[&str],
    mut places: Places,
) -> Result<(MontyRun, bool, Option<Direct>, Places), ParseError> {
    // Every text is scanned for nesting before the parser sees it.
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
                places.origins = lowered.lines;
                places.generator = lowered.generator;
                (text, needs) = (lowered.text, lowered.library);
                compiled = whole(&text, &needs);
            }
        }
    }
    let mut compiled = compiled.map_err(|error| ParseError::from_exception(&error, &places))?;
    // The simple form asks objects by itself.
    let direct = direct::compile(function, inputs);
    let respelt = datamodel::respelt(&text);
    if let Some(other) = &respelt {
        compiled = whole(&format!("{}{}", other.function, other.helpers), &needs)
            .map_err(|error| ParseError::from_exception(&error, &places))?;
    }
    Ok((compiled, respelt.is_some(), direct, places))
}

/// Whether a name may appear in a text, other than as an attribute. Texts and remarks count too: better once
/// too often.
fn mentions(source: &str, name: &str) -> bool {
    let word = |letter: char| letter.is_alphanumeric() || letter == '_' || !letter.is_ascii();
    // Names that are made at run time can be any.
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

/// One line, then the indented text: the function that every run calls.
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
    // The empty line ends a backslash at the end of the text.
    script.push('\n');
    script
}

/// What follows the function: the helpers it mentions, and the call. The answer is a list: value, and the
/// context when asked.
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
