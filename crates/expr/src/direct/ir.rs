//! The form in which simple programs are evaluated directly.
use crate::Value;
use fancy_regex::Regex;
use std::sync::{Arc, OnceLock};

/// Longest text made here.
pub(super) const MAX_TEXT: usize = 64 * 1024;

/// A local variable: inputs come first, then the names that the text assigns, then those of functions and
/// comprehensions.
pub(super) type Slot = usize;

pub(super) enum Stmt {
    /// A value that nobody keeps: calls for their effect.
    Expr(Expr),
    Assign(Target, Expr),
    /// `name[key] = value`
    SetItem(Slot, Expr, Expr),
    /// `name += value`
    Add(Slot, Expr),
    /// `name.append(value)` and its kin, as statements.
    Change(Slot, Change, Expr),
    If(Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    For(Target, Iter, Vec<Stmt>),
    While(Expr, Vec<Stmt>),
    Return(Option<Expr>),
    Break,
    Continue,
    Pass,
}

#[derive(Clone, Copy)]
pub(super) enum Change {
    Append,
    Extend,
    Update,
}

pub(super) enum Target {
    One(Slot),
    Many(Vec<Slot>),
}

pub(super) enum Expr {
    Const(Value),
    Name(Slot),
    /// A name that the host may know, such as `ak_logger`.
    Global(Box<str>),
    Attr(Box<Expr>, Box<str>),
    Index(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Option<i64>, Option<i64>),
    List(Vec<(bool, Expr)>),
    /// Pairs; without a key the value is a dictionary whose pairs are copied.
    Dict(Vec<(Option<Expr>, Expr)>),
    Comp(Box<Comp>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Neg(Box<Expr>),
    Binary(Binary, Box<(Expr, Expr)>),
    Compare(Box<Expr>, Vec<(Cmp, Expr)>),
    If(Box<(Expr, Expr, Expr)>),
    Text(Vec<Part>),
    /// `any(...)` and `all(...)`: the wanted truth ends the search.
    Search(bool, Box<Search>),
    Builtin(Builtin, Vec<Expr>),
    Sorted(Box<Iter>, bool),
    Join(Box<Expr>, Box<Iter>),
    Partition(Box<Expr>, Box<Expr>, bool),
    IsInstance(Box<Expr>, Vec<ValueKind>),
    HasAttr(Box<Expr>, Box<str>),
    GetAttr(Box<Expr>, Box<str>, Box<Expr>),
    Matches(Box<Expr>, Box<Pattern>),
    Replaced(Box<Expr>, Box<Pattern>, Box<str>),
    /// `startswith` or `endswith` (true) with several texts.
    Affix(Box<Expr>, Vec<Expr>, bool),
    Method(Box<Expr>, Box<str>, Args),
    Helper(Box<str>, Args),
    Host(Box<str>, Args),
    /// A function of the text, by its number, and where its arguments go.
    Local(usize, Vec<(Slot, Expr)>),
}

/// Arguments by position, then by name.
pub(super) struct Args {
    pub(super) plain: Vec<Expr>,
    pub(super) named: Vec<(Box<str>, Expr)>,
}

pub(super) enum Search {
    Items(Iter),
    Comp(Comp),
}

/// What is walked over.
pub(super) enum Iter {
    /// Items of a list, keys of a dictionary, letters of a text.
    Items(Expr),
    Keys(Expr),
    Values(Expr),
    /// Keys and values: the target has two names.
    Pairs(Expr),
    Range(Box<Expr>, Option<Box<Expr>>),
    Comp(Box<Comp>),
}

pub(super) struct Comp {
    pub(super) clauses: Vec<Clause>,
    /// Makes a dictionary instead of a list.
    pub(super) key: Option<Expr>,
    pub(super) value: Expr,
}

pub(super) struct Clause {
    pub(super) target: Target,
    pub(super) iter: Iter,
    pub(super) conditions: Vec<Expr>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    FloorDiv,
    Mod,
    Union,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
    /// Identity with `None`, `True` or `False`.
    Is,
    IsNot,
}

#[derive(Clone, Copy)]
pub(super) enum Builtin {
    Len,
    Str,
    Int,
    Bool,
    List,
    Dict,
    Min,
    Max,
    Sum,
    IpAddress,
    IpNetwork,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum ValueKind {
    Str,
    Int,
    Bool,
    List,
    Dict,
    Float,
}

pub(super) enum Part {
    Literal(Box<str>),
    Value(Expr),
}

/// A constant pattern, compiled when first used.
pub(super) struct Pattern {
    pub(super) text: Box<str>,
    compiled: OnceLock<Option<Arc<Regex>>>,
}

/// Steps back that a match may take here; longer searches belong to the metered interpreter.
const BACKTRACK: usize = 10_000;

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.into(), compiled: OnceLock::new() }
    }
    /// The interpreter's own engine, with the interpreter's reading of the pattern.
    pub(super) fn regex(&self) -> Option<&Regex> {
        let compile = || {
            fancy_regex::RegexBuilder::new(&self.text)
                .backtrack_limit(BACKTRACK)
                .delegate_size_limit(1 << 20)
                .build()
                .ok()
                .map(Arc::new)
        };
        self.compiled.get_or_init(compile).as_deref()
    }
}
