//! The intermediate representation of directly evaluated programs.
use crate::{Value, helpers};
use fancy_regex::Regex;
use std::sync::{Arc, OnceLock};

/// Maximum length in bytes of a string created here.
pub(super) const MAX_TEXT: usize = 64 * 1024;

/// A local variable. Order: inputs, variables of the source, variables of functions and comprehensions.
pub(super) type Slot = usize;

pub(super) enum Stmt {
    /// An expression statement.
    Expr(Expr),
    Assign(Target, Expr),
    /// `name[key] = value`
    SetItem(Slot, Expr, Expr),
    /// `name += value`
    Add(Slot, Expr),
    /// `name.append(value)` and similar statements.
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
    /// A name that the host may provide, such as `ak_logger`.
    Global(Box<str>),
    Attr(Box<Expr>, Box<str>),
    Index(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Option<i64>, Option<i64>),
    List(Vec<(bool, Expr)>),
    /// Key and value; without a key, a dictionary to be unpacked.
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
    /// `any(...)` and `all(...)`: the truth value that ends the search.
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
    /// `startswith`, or `endswith` (true), with several strings.
    Affix(Box<Expr>, Vec<Expr>, bool),
    Method(Box<Expr>, Box<str>, Args),
    Helper(Box<str>, Args),
    Host(Box<str>, Args),
    /// A call of a function of the source: its index, and the slots of its arguments.
    Local(usize, Vec<(Slot, Expr)>),
}

/// Positional, then keyword arguments.
pub(super) struct Args {
    pub(super) plain: Vec<Expr>,
    pub(super) named: Vec<(Box<str>, Expr)>,
}

pub(super) enum Search {
    Items(Iter),
    Comp(Comp),
}

/// An iterable.
pub(super) enum Iter {
    /// Items of a list, keys of a dictionary, characters of a string.
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
    /// Makes it a dictionary comprehension.
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

/// A constant regular expression, compiled at first use.
pub(super) struct Pattern {
    pattern: Box<str>,
    compiled: OnceLock<Option<Arc<Regex>>>,
}

/// Maximum backtracking steps; longer searches are left to the metered interpreter.
const BACKTRACK: usize = 10_000;

impl Pattern {
    /// A pattern of which is asked whether it matches.
    pub(super) fn test(text: &str) -> Self {
        let pattern = helpers::anchored_test(text).unwrap_or_else(|| text.to_owned());
        Self { pattern: pattern.into(), compiled: OnceLock::new() }
    }
    /// One whose matches are asked for.
    pub(super) fn find(text: &str) -> Self {
        let pattern = helpers::anchored(text).unwrap_or_else(|| text.to_owned());
        Self { pattern: pattern.into(), compiled: OnceLock::new() }
    }
    /// Compiled with the interpreter's regex engine and syntax.
    pub(super) fn regex(&self) -> Option<&Regex> {
        let compile = || {
            fancy_regex::RegexBuilder::new(&self.pattern)
                .backtrack_limit(BACKTRACK)
                .delegate_size_limit(1 << 20)
                .build()
                .ok()
                .map(Arc::new)
        };
        self.compiled.get_or_init(compile).as_deref()
    }
}
