//! The outside world as programs see it.
use crate::{Dict, Value};
use monty_types::ExcType;
use signet_base::Ports;
use std::{any::Any, future::Future, pin::Pin};

/// A boxed future, as object-safe traits return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// Keyword arguments in the order they were written.
pub type Kwargs = Vec<(String, Value)>;

/// Why a host call gave no value. All but `Fatal` can be caught by the program as the named exception.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// No such function or method: `NameError` or `AttributeError`.
    #[error("not found")]
    NotFound,
    /// Wrong number or kind of arguments: `TypeError`.
    #[error("{0}")]
    Type(String),
    /// An argument with an unusable value: `ValueError`.
    #[error("{0}")]
    Value(String),
    /// A query that had to find one object of this model found none: `DoesNotExist`.
    #[error("{0} matching query does not exist.")]
    DoesNotExist(String),
    /// A query that had to find one object of this model found several: `MultipleObjectsReturned`.
    #[error("get() returned more than one {0}")]
    MultipleObjects(String),
    /// Anything else the program may handle: `RuntimeError`.
    #[error("{0}")]
    Failed(String),
    /// A certain exception, which programs tell from others.
    #[error("{1}")]
    Raised(Raised, String),
    /// Ends the run; the program cannot catch it (a database that is gone, a denied operation).
    #[error("{0}")]
    Fatal(String),
}

/// Exceptions of libraries that texts know; the engine has a class of its own for each.
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

/// What a call does to the outside, which decides how often and when it may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only reads: it may be made again, and in vain.
    None,
    /// It writes, answers `None` whatever happens, and may be made when the program has its value.
    Later,
    /// Anything else: exactly once, and in its place.
    Now,
}

/// What Python's built-in functions find in an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Special {
    /// It stands for a number of objects: its truth, length, items and order come from its methods
    /// `__bool__`, `__len__`, `__getitem__` and `__iter__`.
    pub query: bool,
    /// `str()` of the object. Without it, asking is an error.
    pub text: Option<String>,
    /// It is a class: the names of its instances' types, its own first.
    pub class: Option<Vec<String>>,
}

/// An object of the application, such as a user: attributes are read when the program asks for them.
///
/// Python sees an instance that is true unless [`Special`] says otherwise, cannot be hashed and equals
/// another instance of the same type with the same identity. Names with a leading underscore never reach the
/// host. Setting an attribute changes the program's copy.
pub trait HostObject: Send + Sync {
    /// The class name, such as `User`.
    fn type_name(&self) -> &str;
    /// What makes two instances of this type equal, such as the primary key.
    fn identity(&self) -> String;
    /// The attribute, or `None` for an `AttributeError`. Runs on the program's thread,
    /// which may be one that answers requests: it must not wait.
    fn attr(&self, name: &str) -> Option<Value>;
    /// Attributes handed over when the object enters the program. They are the program's own: changes to
    /// lists and dictionaries among them are seen by every later read, and values shared with an input stay
    /// shared.
    fn eager(&self) -> Vec<(&str, Value)> {
        Vec::new()
    }
    /// What `bool()`, `len()`, `str()`, `isinstance()` and loops find.
    fn special(&self) -> Special {
        Special::default()
    }
    /// What a call of this method does. `Now` is always right; the others let programs run in their caller's
    /// thread, simple ones without the interpreter.
    fn effect(&self, _method: &str, _args: &[Value], _kwargs: &[(String, Value)]) -> Effect {
        Effect::Now
    }
    /// The object as it leaves the program for good, where the attributes of the program's copy matter.
    fn leaving(&self, _attrs: &Dict) -> Option<Value> {
        None
    }
    /// For types that this crate or a host wants to recognise again.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }
    /// Answers a method without waiting, on the program's thread; `None` leaves it to [`HostObject::call`].
    fn call_now(
        &self,
        _method: &str,
        _args: &[Value],
        _kwargs: &[(String, Value)],
    ) -> Option<Result<Value, CallError>> {
        None
    }
    /// Answers a method; the program is suspended meanwhile and holds no thread.
    fn call<'a>(
        &'a self,
        _method: &'a str,
        _args: Vec<Value>,
        _kwargs: Kwargs,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(std::future::ready(Err(CallError::NotFound)))
    }
}

/// The functions, names and modules a caller offers to its programs.
pub trait Host: Send + Sync {
    /// Clock and chance of the run. The clock is read once, when a program starts.
    fn ports(&self) -> &Ports;
    /// Whether `name` is a function of this host.
    fn provides(&self, _name: &str) -> bool {
        false
    }
    /// What a call of this function does, see [`HostObject::effect`].
    fn effect(&self, _function: &str, _args: &[Value], _kwargs: &[(String, Value)]) -> Effect {
        Effect::Now
    }
    /// Answers a function without waiting, on the program's thread; `None` leaves it to [`Host::call`].
    fn call_now(
        &self,
        _function: &str,
        _args: &[Value],
        _kwargs: &[(String, Value)],
    ) -> Option<Result<Value, CallError>> {
        None
    }
    /// Answers a function; the program is suspended meanwhile and holds no thread.
    fn call<'a>(
        &'a self,
        _function: &'a str,
        _args: Vec<Value>,
        _kwargs: Kwargs,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(std::future::ready(Err(CallError::NotFound)))
    }
    /// A global that is not a function, such as `ak_logger`. Asked once per run, when the program first uses
    /// the name.
    fn global(&self, _name: &str) -> Option<Value> {
        None
    }
    /// What `import name` gives (a [`Value::Object`] or [`Value::Record`]); `None` raises
    /// `ModuleNotFoundError`.
    fn module(&self, _name: &str) -> Option<Value> {
        None
    }
}

/// What a host offers, known without a run: for the check of texts that are to be saved.
pub trait Vocabulary: Sync {
    /// Whether `name` is a function or another global of the host.
    fn name(&self, name: &str) -> bool;
    /// Whether `import module`, or `from module import part`, can work.
    fn import(&self, module: &str, part: Option<&str>) -> bool;
    /// Why a method cannot be called: `["user", "groups"]` and `add` for `user.groups.add(…)`.
    fn refused(&self, receiver: &[&str], method: &str) -> Option<String>;
}
