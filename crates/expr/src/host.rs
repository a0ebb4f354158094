//! The host interface of programs.
use crate::{Dict, Value};
use monty_types::ExcType;
use signet_base::Ports;
use std::{any::Any, future::Future, pin::Pin};

/// A boxed future, for object-safe traits.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// Keyword arguments in the order they were written.
pub type Kwargs = Vec<(String, Value)>;

/// Why a host call returned no value. Programs can catch all but `Fatal`, as the named exception.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// No such function or method: `NameError` or `AttributeError`.
    #[error("not found")]
    NotFound,
    /// Wrong number or kind of arguments: `TypeError`.
    #[error("{0}")]
    Type(String),
    /// An invalid argument: `ValueError`.
    #[error("{0}")]
    Value(String),
    /// `get` found no object of this model: `DoesNotExist`.
    #[error("{0} matching query does not exist.")]
    DoesNotExist(String),
    /// `get` found several objects of this model: `MultipleObjectsReturned`.
    #[error("get() returned more than one {0}")]
    MultipleObjects(String),
    /// Other errors that the program may catch: `RuntimeError`.
    #[error("{0}")]
    Failed(String),
    /// A specific exception class.
    #[error("{1}")]
    Raised(Raised, String),
    /// Ends the run; the program cannot catch it (database unavailable, operation denied).
    #[error("{0}")]
    Fatal(String),
}

/// Exception classes of libraries, each with its own class in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raised {
    /// `requests.Timeout`
    Timeout,
    /// `requests.ConnectionError`
    Connection,
    /// `requests.HTTPError`
    Status,
    Key,
    Index,
}

impl Raised {
    pub(crate) fn class(self) -> ExcType {
        match self {
            Self::Timeout => ExcType::TimeoutError,
            Self::Connection => ExcType::NotADirectoryError,
            Self::Status => ExcType::FileExistsError,
            Self::Key => ExcType::KeyError,
            Self::Index => ExcType::IndexError,
        }
    }
}

/// The effect of a call, which decides how often and when it may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Reads only: it may be repeated, or made in vain.
    None,
    /// Writes, always returns `None`, and may be made after the program's value is known.
    Later,
    /// Anything else: exactly once, in program order.
    Now,
}

/// Special methods of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Special {
    /// A query: truth, length, items and order come from its methods `__bool__`, `__len__`, `__getitem__` and
    /// `__iter__`.
    pub query: bool,
    /// `str()` of the object. `None`: calling it is an error.
    pub text: Option<String>,
    /// For classes: the type names of its instances, its own first.
    pub class: Option<Vec<String>>,
}

/// An object of the application, such as a user. Attributes are read when the program accesses them.
///
/// In Python it is an instance that is true unless [`Special`] says otherwise, not hashable, and equal to
/// instances of the same type with the same identity. Names with a leading underscore never reach the host.
/// Setting an attribute changes the program's copy.
pub trait HostObject: Send + Sync {
    /// The class name, such as `User`.
    fn type_name(&self) -> &str;
    /// The identity within the type, such as the primary key.
    fn identity(&self) -> String;
    /// The attribute; `None` raises `AttributeError`. Must not block: it may run on a thread that serves
    /// requests.
    fn attr(&self, name: &str) -> Option<Value>;
    /// Attributes that are imported with the object. They belong to the program: changes to lists and
    /// dictionaries among them are visible to later reads, and values shared with an input stay shared.
    fn eager(&self) -> Vec<(&str, Value)> {
        Vec::new()
    }
    /// The object's behaviour with `bool()`, `len()`, `str()`, `isinstance()` and loops.
    fn special(&self) -> Special {
        Special::default()
    }
    /// The effect of a method call. `Now` is always correct; the others allow the program to run on the
    /// caller's thread, simple ones without the interpreter.
    fn effect(&self, _method: &str, _args: &[Value], _kwargs: &[(String, Value)]) -> Effect {
        Effect::Now
    }
    /// The exported form of the object, if the attributes of the program's copy matter.
    fn leaving(&self, _attrs: &Dict) -> Option<Value> {
        None
    }
    /// For types that this crate or a host needs to recognise.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }
    /// Calls a method without waiting, on the program's thread; `None` delegates to [`HostObject::call`].
    fn call_now(
        &self,
        _method: &str,
        _args: &[Value],
        _kwargs: &[(String, Value)],
    ) -> Option<Result<Value, CallError>> {
        None
    }
    /// Calls a method. The program is suspended meanwhile and holds no thread.
    fn call<'a>(
        &'a self,
        _method: &'a str,
        _args: Vec<Value>,
        _kwargs: Kwargs,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(std::future::ready(Err(CallError::NotFound)))
    }
}

/// The functions, globals and modules that programs can use.
pub trait Host: Send + Sync {
    /// Clock and randomness of the run. The clock is read once, at the start.
    fn ports(&self) -> &Ports;
    /// Whether the host has a function `name`.
    fn provides(&self, _name: &str) -> bool {
        false
    }
    /// The effect of calling the function, see [`HostObject::effect`].
    fn effect(&self, _function: &str, _args: &[Value], _kwargs: &[(String, Value)]) -> Effect {
        Effect::Now
    }
    /// Calls a function without waiting, on the program's thread; `None` delegates to [`Host::call`].
    fn call_now(
        &self,
        _function: &str,
        _args: &[Value],
        _kwargs: &[(String, Value)],
    ) -> Option<Result<Value, CallError>> {
        None
    }
    /// Calls a function. The program is suspended meanwhile and holds no thread.
    fn call<'a>(
        &'a self,
        _function: &'a str,
        _args: Vec<Value>,
        _kwargs: Kwargs,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(std::future::ready(Err(CallError::NotFound)))
    }
    /// A global that is not a function, such as `ak_logger`. Requested once per run, at first use.
    fn global(&self, _name: &str) -> Option<Value> {
        None
    }
    /// The value of `import name` (a [`Value::Object`] or [`Value::Record`]); `None` raises
    /// `ModuleNotFoundError`.
    fn module(&self, _name: &str) -> Option<Value> {
        None
    }
}

/// The names that a host provides, known without a run: for the check on save.
pub trait Vocabulary: Sync {
    /// Whether the host has a function or global `name`.
    fn name(&self, name: &str) -> bool;
    /// Whether `import module`, or `from module import part`, succeeds.
    fn import(&self, module: &str, part: Option<&str>) -> bool;
    /// Why a method cannot be called: `["user", "groups"]` and `add` for `user.groups.add(…)`.
    fn refused(&self, receiver: &[&str], method: &str) -> Option<String>;
}
