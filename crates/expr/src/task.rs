//! A run between suspensions. All code here runs on a thread with a large stack.
use crate::bridge::{Entry, Registry, TooLarge};
use crate::convert::{export, export_args};
use crate::error::Verdict;
use crate::output::Output;
use crate::run::Outcome;
use crate::{
    CallError, Effect, ErrorKind, Host, HostObject, Kwargs, Limits, Program, RunError, Value, datamodel,
    helpers,
};
use monty::{FunctionCall, NameLookup, OsCall, RunProgress};
use monty_types::{
    DateTimeSource, ExcType, ExtFunctionResult, MontyException, MontyObject, NameLookupResult,
    OsFunctionCall, OsPolicy, RandomStart, ResourceLimits, ResourceTracker, SleepMode,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Maximum number of random bytes per call.
const MAX_RANDOM_BYTES: u64 = 64 * 1024;

type Progress = Result<RunProgress, MontyException>;

/// The state of a run outside of the interpreter.
pub(crate) struct Task {
    program: Program,
    host: Arc<dyn Host>,
    limits: Limits,
    started: Instant,
    /// Start of the current turn, and the duration of the previous ones.
    turn: Instant,
    busy: Duration,
    registry: Registry,
    output: Output,
    calls: u32,
    lookups: u32,
    verdict: Option<Verdict>,
    /// In a run that may be restarted: calls to make after its end.
    tried: Option<Vec<(Target, Vec<Value>, Kwargs)>>,
}

/// The state of a run after a turn.
pub(crate) enum TaskStep {
    Done(Box<Result<Outcome, RunError>>),
    Call(Box<Suspended>),
    /// The attempt ended: the run must restart on an interpreter thread.
    Elsewhere,
}

/// A run waiting for a host call.
pub(crate) struct Suspended {
    task: Task,
    call: FunctionCall,
    pub target: Target,
    pub args: Vec<Value>,
    pub kwargs: Kwargs,
}

pub(crate) enum Target {
    Function(Arc<dyn Host>, String),
    Method(Arc<dyn HostObject>, String),
}

impl Target {
    /// Awaits the host's result; no thread is held.
    pub(crate) async fn call(&self, args: Vec<Value>, kwargs: Kwargs) -> Result<Value, CallError> {
        match self {
            Self::Function(host, name) => host.call(name, args, kwargs).await,
            Self::Method(object, name) => object.call(name, args, kwargs).await,
        }
    }

    pub(crate) fn effect(&self, args: &[Value], kwargs: &[(String, Value)]) -> Effect {
        match self {
            Self::Function(host, name) => host.effect(name, args, kwargs),
            Self::Method(object, name) => object.effect(name, args, kwargs),
        }
    }

    pub(crate) fn call_now(
        &self,
        args: &[Value],
        kwargs: &[(String, Value)],
    ) -> Option<Result<Value, CallError>> {
        match self {
            Self::Function(host, name) => host.call_now(name, args, kwargs),
            Self::Method(object, name) => object.call_now(name, args, kwargs),
        }
    }
}

impl Suspended {
    pub(crate) fn resume(self, answer: Result<Value, CallError>) -> TaskStep {
        let Self { mut task, call, target, .. } = self;
        task.turn = Instant::now();
        let progress = task.answer(call, answer, &target);
        task.drive(progress)
    }
}

/// The result of a turn: the next progress, or a call to await.
enum CallProgress {
    Next(Progress),
    Await(FunctionCall, Target, Vec<Value>, Kwargs),
    GiveUp,
}

impl Task {
    pub(crate) fn new(program: Program, host: Arc<dyn Host>, limits: Limits, started: Instant) -> Self {
        let output = Output::new(limits.printed, limits.growth, limits.time);
        let registry = Registry::new(program.clone());
        Self {
            program,
            host,
            limits,
            started,
            turn: started,
            busy: Duration::ZERO,
            registry,
            output,
            calls: 0,
            lookups: 0,
            verdict: None,
            tried: None,
        }
    }

    /// The same run without visible effects before its end: it ends in [`TaskStep::Elsewhere`] when its time
    /// or memory is used up, and at a call that cannot be repeated or must be awaited.
    pub(crate) fn tried(self) -> Self {
        Self { tried: Some(Vec::new()), ..self }
    }

    /// Starts the program. `inputs` are in the program's order.
    pub(crate) fn start(mut self, inputs: &[Value]) -> TaskStep {
        self.turn = Instant::now();
        let Ok(inputs) = self.registry.import_tuple(inputs) else {
            return done(Err(RunError::engine(
                ErrorKind::Value,
                "the inputs are nested too deeply or too large",
            )));
        };
        let tracker = ResourceTracker::new(
            ResourceLimits::default()
                .max_feed_duration(self.limits.time)
                .max_memory(self.limits.memory)
                .max_recursion_depth(self.limits.recursion),
        );
        let now = self.host.ports().now();
        let policy = OsPolicy {
            datetime: DateTimeSource::Fixed {
                unix_seconds: now.secs(),
                microsecond: now.0.rem_euclid(1_000_000) as u32,
            },
            sleep: SleepMode::CallHost,
            random_start: RandomStart::CallHost,
            ..OsPolicy::default()
        };
        let compiled = self.program.compiled().with_os_policy(policy);
        let progress = compiled.start(vec![inputs], tracker, self.output.turn());
        self.drive(progress)
    }

    fn drive(mut self, mut progress: Progress) -> TaskStep {
        loop {
            let turn = match progress {
                Err(error) => {
                    if self.output.exceeded {
                        self.refuse(ErrorKind::Memory, "", None);
                    }
                    let error = RunError::from_exception(error, self.program.line_map(), self.verdict.take());
                    return self.done(Err(error));
                }
                Ok(RunProgress::Complete(value)) => {
                    let outcome = self.outcome(value);
                    return self.done(outcome);
                }
                Ok(RunProgress::FunctionCall(call)) => self.function(call),
                Ok(RunProgress::NameLookup(lookup)) => CallProgress::Next(self.lookup(lookup)),
                Ok(RunProgress::OsCall(call)) => CallProgress::Next(self.os_call(call)),
                Ok(RunProgress::ResolveFutures(futures)) => {
                    let error = self.refuse(ErrorKind::Unsupported, "await is not supported", Some("await"));
                    CallProgress::Next(futures.abort(error, self.output.turn()))
                }
            };
            match turn {
                CallProgress::Next(next) => progress = next,
                CallProgress::GiveUp => return TaskStep::Elsewhere,
                CallProgress::Await(call, target, args, kwargs) => {
                    self.busy += self.turn.elapsed();
                    return TaskStep::Call(Box::new(Suspended { task: self, call, target, args, kwargs }));
                }
            }
        }
    }

    fn done(self, result: Result<Outcome, RunError>) -> TaskStep {
        if let Some(calls) = self.tried {
            if result.as_ref().is_err_and(|error| matches!(error.kind, ErrorKind::Time | ErrorKind::Memory)) {
                return TaskStep::Elsewhere;
            }
            for (target, args, kwargs) in calls {
                // They return nothing, whatever happens.
                let _ = target.call_now(&args, &kwargs);
            }
        }
        done(result)
    }

    fn outcome(&mut self, answer: MontyObject) -> Result<Outcome, RunError> {
        let value = export(answer, &self.registry).map_err(|why| RunError::engine(ErrorKind::Value, why))?;
        let mut parts = value.as_list().unwrap_or_default().iter().cloned();
        let value = parts.next().unwrap_or_default();
        let context = parts.next().filter(|_| self.program.returns_context());
        Ok(Outcome { value, context, printed: std::mem::take(&mut self.output.text), direct: false })
    }

    /// An exception that the program cannot catch.
    fn refuse(
        &mut self,
        kind: ErrorKind,
        message: impl Into<String>,
        unsupported: Option<&str>,
    ) -> MontyException {
        self.verdict = Some(Verdict { kind, unsupported: unsupported.map(str::to_owned) });
        MontyException::new(ExcType::RuntimeError, Some(message.into()))
    }

    /// The interpreter limits its own time; this limits the time its thread spends on results as well.
    fn overdue(&mut self) -> Option<MontyException> {
        if self.busy + self.turn.elapsed() > self.limits.time * 2 {
            return Some(self.refuse(ErrorKind::Time, "too much time spent in look-ups and helpers", None));
        }
        (self.started.elapsed() > self.limits.deadline)
            .then(|| self.refuse(ErrorKind::Deadline, "the run took too long", None))
    }

    /// Counts a look-up; returns an exception above the limit.
    fn spend_lookup(&mut self) -> Option<MontyException> {
        self.lookups += 1;
        if self.lookups > self.limits.lookups {
            return Some(self.refuse(ErrorKind::HostCalls, "too many look-ups", None));
        }
        self.overdue()
    }

    fn function(&mut self, mut call: FunctionCall) -> CallProgress {
        let helper = call.object_id.is_none() && helpers::is_helper(&call.function_name);
        let over = if helper {
            self.spend_lookup()
        } else {
            self.calls += 1;
            if self.calls > self.limits.host_calls {
                Some(self.refuse(ErrorKind::HostCalls, "too many calls of the host", None))
            } else {
                self.overdue()
            }
        };
        if let Some(error) = over {
            return CallProgress::Next(call.abort(error, self.output.turn()));
        }
        let asked = call.object_id.is_none() && call.function_name == datamodel::CALL;
        let exported = export_args(std::mem::take(&mut call.args), &self.registry, asked);
        let (mut args, kwargs) = match exported {
            Ok(arguments) => arguments,
            Err(why) => return CallProgress::Next(self.raise(call, ExcType::TypeError, why)),
        };
        let name = call.function_name.clone();
        let target = match call.object_id.map(|id| self.registry.get(id).cloned()) {
            // A replacement of a built-in function calls a method of an object.
            None if name == datamodel::CALL => match (args.first(), args.get(1).and_then(Value::as_str)) {
                (Some(Value::Object(object)), Some(method)) if datamodel::is_method(method) => {
                    let target = Target::Method(object.clone(), method.to_owned());
                    args.drain(..2);
                    target
                }
                _ => {
                    return CallProgress::Next(self.raise(
                        call,
                        ExcType::TypeError,
                        "an object was expected".into(),
                    ));
                }
            },
            None => {
                if let Some(answer) = helpers::call(&name, &args, &kwargs) {
                    let target = Target::Function(self.host.clone(), name);
                    return CallProgress::Next(self.answer(call, answer, &target));
                }
                if !self.host.provides(&name) {
                    let result = ExtFunctionResult::NotFound(name);
                    return CallProgress::Next(call.resume(result, self.output.turn()));
                }
                Target::Function(self.host.clone(), name)
            }
            Some(Some(Entry::Object(object))) if !name.starts_with('_') || name == "__call__" => {
                Target::Method(object, name)
            }
            Some(_) => {
                let why = format!("no method '{name}'");
                return CallProgress::Next(self.raise(call, ExcType::AttributeError, why));
            }
        };
        if let Some(later) = &mut self.tried {
            match target.effect(&args, &kwargs) {
                Effect::None => {}
                Effect::Later => {
                    later.push((target, args, kwargs));
                    return CallProgress::Next(call.resume(MontyObject::none(), self.output.turn()));
                }
                Effect::Now => return CallProgress::GiveUp,
            }
        }
        match target.call_now(&args, &kwargs) {
            Some(answer) => CallProgress::Next(self.answer(call, answer, &target)),
            None if self.tried.is_some() => CallProgress::GiveUp,
            None => CallProgress::Await(call, target, args, kwargs),
        }
    }

    fn raise(&mut self, call: FunctionCall, kind: ExcType, why: String) -> Progress {
        call.resume(MontyException::new(kind, Some(why)), self.output.turn())
    }

    /// Passes the result of a call to the program.
    fn answer(&mut self, call: FunctionCall, answer: Result<Value, CallError>, target: &Target) -> Progress {
        let value = match answer {
            Ok(value) => value,
            Err(error) => {
                let (kind, why) = match (error, target) {
                    (CallError::NotFound, Target::Function(_, name)) => {
                        let result = ExtFunctionResult::NotFound(name.clone());
                        return call.resume(result, self.output.turn());
                    }
                    (CallError::NotFound, Target::Method(object, name)) => (
                        ExcType::AttributeError,
                        format!("'{}' object has no method '{name}'", object.type_name()),
                    ),
                    (CallError::Type(why), _) => (ExcType::TypeError, why),
                    (CallError::Value(why), _) => (ExcType::ValueError, why),
                    (CallError::Failed(why), _) => (ExcType::RuntimeError, why),
                    (CallError::Raised(raised, why), _) => (raised.class(), why),
                    (error @ (CallError::DoesNotExist(_) | CallError::MultipleObjects(_)), _) => {
                        (datamodel::exception(&error), error.to_string())
                    }
                    (CallError::Fatal(why), _) => {
                        let error = self.refuse(ErrorKind::Host, why, None);
                        return call.abort(error, self.output.turn());
                    }
                };
                return self.raise(call, kind, why);
            }
        };
        match self.registry.import(&value) {
            Ok(object) => call.resume(object, self.output.turn()),
            Err(TooLarge) => self.raise(call, ExcType::ValueError, "the answer is too large".into()),
        }
    }

    fn lookup(&mut self, lookup: NameLookup) -> Progress {
        if let Some(error) = self.spend_lookup() {
            return lookup.abort(error, self.output.turn());
        }
        let result = match lookup.object_id() {
            Some(id) => {
                let value = match self.registry.get(id) {
                    // Repeats the interpreter's guarantee: underscored names stay inside.
                    Some(Entry::Object(object)) if !lookup.name.starts_with('_') => {
                        object.clone().attr(&lookup.name)
                    }
                    _ => None,
                };
                match value.map(|value| self.registry.import(&value)) {
                    None => NameLookupResult::Undefined,
                    Some(Ok(object)) => NameLookupResult::Value(object),
                    Some(Err(TooLarge)) => NameLookupResult::Error(MontyException::new(
                        ExcType::ValueError,
                        Some("the value is too large".into()),
                    )),
                }
            }
            None if helpers::is_helper(&lookup.name)
                || lookup.name == datamodel::CALL
                || self.host.provides(&lookup.name) =>
            {
                NameLookupResult::Value(MontyObject::function(lookup.name.clone(), None))
            }
            None => match self.host.global(&lookup.name).map(|value| self.registry.import(&value)) {
                Some(Ok(object)) => NameLookupResult::Value(object),
                Some(Err(TooLarge)) | None => NameLookupResult::Undefined,
            },
        };
        lookup.resume(result, self.output.turn())
    }

    fn os_call(&mut self, call: OsCall) -> Progress {
        if let Some(error) = self.spend_lookup() {
            return call.abort(error, self.output.turn());
        }
        match &call.function_call {
            OsFunctionCall::Import(name) => {
                let result = match helpers::module(name) {
                    Some(module) => ExtFunctionResult::Return(module),
                    None => match self.host.module(name).map(|value| self.registry.import(&value)) {
                        Some(Ok(module)) => ExtFunctionResult::Return(module),
                        Some(Err(TooLarge)) | None => ExtFunctionResult::NotFound(name.clone()),
                    },
                };
                call.resume(result, self.output.turn())
            }
            OsFunctionCall::Urandom(args) if args.size <= MAX_RANDOM_BYTES => {
                // At most 64 KiB, checked above.
                let mut bytes = vec![0; args.size as usize];
                self.host.ports().random.fill(&mut bytes);
                call.resume(MontyObject::bytes(bytes), self.output.turn())
            }
            other => {
                let name = other.name();
                let error = self.refuse(
                    ErrorKind::Unsupported,
                    format!("{name} is not supported: expressions have no I/O"),
                    Some(name),
                );
                call.abort(error, self.output.turn())
            }
        }
    }
}

fn done(result: Result<Outcome, RunError>) -> TaskStep {
    TaskStep::Done(Box::new(result))
}
