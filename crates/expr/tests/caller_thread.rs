//! Programs on the caller's thread.
#![allow(clippy::unwrap_used)]
mod support;
use signet_base::Ports;
use signet_expr::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{LARGE, TestHost};

/// Records on which thread it was called with what.
struct Witness {
    inner: Arc<TestHost>,
    seen: Mutex<Vec<(String, String)>>,
}

impl Host for Witness {
    fn ports(&self) -> &Ports {
        &self.inner.ports
    }
    fn provides(&self, name: &str) -> bool {
        matches!(name, "reads" | "writes" | "acts" | "waits")
    }
    fn effect(&self, function: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        match function {
            "reads" | "waits" => Effect::None,
            "writes" => Effect::Later,
            _ => Effect::Now,
        }
    }
    fn call_now(
        &self,
        function: &str,
        args: &[Value],
        _: &[(String, Value)],
    ) -> Option<Result<Value, CallError>> {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        let told = args.first().and_then(Value::as_str).unwrap_or_default();
        self.seen.lock().unwrap().push((thread, format!("{function}{told}")));
        (function != "waits").then_some(Ok(Value::None))
    }
    fn call<'a>(
        &'a self,
        function: &'a str,
        _: Vec<Value>,
        _: Kwargs,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(format!("{function}, answered").into())
        })
    }
}

/// The result on a thread with a large stack, and the calls that the host saw with their threads.
async fn told(text: &str, times: usize) -> (Result<Outcome, RunError>, Vec<(String, String)>) {
    let host = Arc::new(Witness { inner: TestHost::new(), seen: Mutex::default() });
    let program = Program::parse(text, &[]).unwrap().interpreted();
    let mut result = None;
    for _ in 0..times {
        host.seen.lock().unwrap().clear();
        let (program, host) = (program.clone(), host.clone());
        result = Some(
            LARGE.spawn(async move { run(&program, vec![], host, &Limits::default()).await }).await.unwrap(),
        );
    }
    let seen = host.seen.lock().unwrap().clone();
    (result.unwrap(), seen)
}

fn calls<'a>(seen: &'a [(String, String)], thread: &str) -> Vec<&'a str> {
    seen.iter().filter(|(name, _)| name == thread).map(|(_, call)| call.as_str()).collect()
}

const LONG: &str = "for i in range(300000):\n    pass\n";

#[tokio::test]
async fn a_short_text_stays_in_its_callers_thread() {
    let (result, seen) = told("reads('a')\nwrites('b')\nreads('c')\nreturn 1", 1).await;
    assert_eq!(result.unwrap().value, Value::Int(1));
    assert_eq!(
        calls(&seen, "large"),
        ["readsa", "readsc", "writesb"],
        "what it writes is written when it is over"
    );
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn what_was_written_before_an_error_stays_written() {
    let (result, seen) = told("writes('b')\nreturn 1 / 0", 1).await;
    assert_eq!(result.unwrap_err().exception, "ZeroDivisionError");
    assert_eq!(calls(&seen, "large"), ["writesb"]);
}

#[tokio::test]
async fn what_takes_long_starts_anew_in_a_thread_of_its_own_and_writes_once() {
    let (result, seen) = told(&format!("writes('b')\nreads('c')\n{LONG}return 7"), 1).await;
    assert_eq!(result.unwrap().value, Value::Int(7));
    assert_eq!(calls(&seen, "large"), ["readsc"]);
    assert_eq!(calls(&seen, "expr"), ["writesb", "readsc"]);
    // The next run skips the caller's thread.
    let (_, seen) = told(&format!("reads('c')\n{LONG}return 7"), 2).await;
    assert_eq!((calls(&seen, "large"), calls(&seen, "expr")), (vec![], vec!["readsc"]));
}

#[tokio::test]
async fn what_acts_or_waits_happens_once_in_a_thread_of_its_own() {
    let (result, seen) = told("writes('a')\nacts('b')\nreturn 2", 1).await;
    assert_eq!(result.unwrap().value, Value::Int(2));
    assert_eq!((calls(&seen, "large"), calls(&seen, "expr")), (vec![], vec!["writesa", "actsb"]));
    let (result, seen) = told("writes('a')\nreturn waits('b')", 1).await;
    assert_eq!(result.unwrap().value, "waits, answered".into());
    assert_eq!((calls(&seen, "large"), calls(&seen, "expr")), (vec!["waitsb"], vec!["writesa", "waitsb"]));
}

#[tokio::test]
async fn what_takes_much_memory_starts_anew_in_a_thread_of_its_own() {
    let (result, seen) = told("writes('a')\nreads('b')\ntext = 'x' * 300000\nreturn len(text)", 1).await;
    assert_eq!(result.unwrap().value, Value::Int(300_000));
    assert_eq!((calls(&seen, "large"), calls(&seen, "expr")), (vec!["readsb"], vec!["writesa", "readsb"]));
    let (result, seen) = told("writes('a')\nreturn 'x' * 3000000", 1).await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::Memory);
    assert_eq!((calls(&seen, "large"), calls(&seen, "expr")), (vec![], vec!["writesa"]));
}

#[tokio::test]
async fn several_texts_keep_their_order_wherever_they_run() {
    let texts = ["return 1", &format!("{LONG}return 2"), "return 1 / 0", "return 4"];
    let programs: Vec<_> =
        texts.iter().map(|text| (Program::parse(text, &[]).unwrap().interpreted(), vec![])).collect();
    let found = LARGE
        .spawn(async move { run_many(programs, TestHost::new(), &Limits::default()).await })
        .await
        .unwrap();
    let values: Vec<_> = found.into_iter().map(|result| result.map(|outcome| outcome.value).ok()).collect();
    assert_eq!(values, [Some(Value::Int(1)), Some(Value::Int(2)), None, Some(Value::Int(4))]);
}

#[tokio::test]
async fn a_small_stack_is_left_alone() {
    let host = Arc::new(Witness { inner: TestHost::new(), seen: Mutex::default() });
    let program = Program::parse("reads('a')\nreturn 1", &[]).unwrap().interpreted();
    run(&program, vec![], host.clone(), &Limits::default()).await.unwrap();
    assert_eq!(calls(&host.seen.lock().unwrap(), "expr"), ["readsa"]);
}
