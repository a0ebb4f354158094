//! Sources that must end in an error soon, without harming the process.
#![allow(clippy::unwrap_used)]
mod support;
use signet_expr::*;
use std::time::{Duration, Instant};
use support::*;

async fn ends(source: &str) -> RunError {
    let started = Instant::now();
    let limits =
        Limits { time: Duration::from_millis(300), deadline: Duration::from_secs(5), ..Limits::default() };
    let program = Program::parse(source, INPUTS).unwrap();
    let large = run_large(&program, &TestHost::new(), &limits).await.unwrap_err();
    let result = run(&program, inputs(), TestHost::new(), &limits).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?} for {source}");
    match result {
        Ok(outcome) => panic!("{source} gave {:?}", outcome.value),
        Err(error) => {
            let bounded = [ErrorKind::Time, ErrorKind::Memory];
            assert!(
                large.kind == error.kind || (bounded.contains(&large.kind) && bounded.contains(&error.kind)),
                "{large} in its caller's thread, not {error}: {source}"
            );
            error
        }
    }
}

#[tokio::test]
async fn time_memory_and_depth_are_bounded() {
    assert_eq!(ends("while True:\n    pass").await.kind, ErrorKind::Time);
    assert_eq!(
        ends("while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass")
            .await
            .kind,
        ErrorKind::Time
    );
    assert!(matches!(
        ends("x = []\nwhile True:\n    x.append(1)").await.kind,
        ErrorKind::Time | ErrorKind::Memory
    ));
    assert_eq!(ends("x = [0]\nfor i in range(60):\n    x = x + x\nreturn x").await.kind, ErrorKind::Memory);
    assert_eq!(ends("x = 'a'\nfor i in range(60):\n    x = x + x\nreturn x").await.kind, ErrorKind::Memory);
    assert_eq!(ends("return [0] * 50_000_000").await.kind, ErrorKind::Memory);
    assert_eq!(ends("return 10 ** 100000000").await.kind, ErrorKind::Memory);
    ends("x = 7\nfor i in range(40):\n    x = x * x\nreturn x").await;
    assert_eq!(ends("def f():\n    return f()\nreturn f()").await.kind, ErrorKind::Recursion);
    assert_eq!(ends("while True:\n    print('x' * 1000)").await.kind, ErrorKind::Memory);
    let nested = "x = []\nfor i in range(30000):\n    x = [x]\nreturn x";
    let limits = Limits::default();
    let result = run(&Program::parse(nested, &[]).unwrap(), vec![], TestHost::new(), &limits).await;
    assert!(result.is_err() || result.unwrap().value.to_json().is_err());
    // Small enough for the time limit of a caller's thread, and deep enough to need its declared stack.
    let deep = Program::parse(&nested.replace("30000", "3000"), &[]).unwrap();
    let result = run_large(&deep, &TestHost::new(), &limits).await;
    assert!(result.is_err() || result.unwrap().value.to_json().is_err());
    let shared = "x = [1]\nfor i in range(60):\n    x = [x, x]\nreturn x";
    let value =
        run(&Program::parse(shared, &[]).unwrap(), vec![], TestHost::new(), &limits).await.unwrap().value;
    assert_eq!(value.to_json(), Err(ValueError::TooLarge), "shared parts are not multiplied without end");
}

#[tokio::test]
async fn a_pattern_cannot_run_away() {
    let started = Instant::now();
    let _ = try_eval("return regex_match('a' * 5000 + '!', '(a+)+$')").await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
async fn there_is_no_way_out() {
    for (source, what) in [
        ("return open('/etc/passwd').read()", Some("open")),
        ("import os\nreturn os.environ['HOME']", None),
        ("import os\nreturn os.listdir('/')", None),
        ("from pathlib import Path\nreturn Path('/etc/passwd').read_text()", Some("Path.read_text")),
        ("try:\n    open('/etc/passwd')\nexcept BaseException:\n    return True", Some("open")),
        ("import time\ntime.sleep(60)", Some("time.sleep")),
        ("import subprocess", Some("module subprocess")),
        ("import requests\nreturn requests.get('http://192.0.2.1')", Some("module requests")),
        ("from authentik.core.nothing import User", None),
        ("return ().__class__.__bases__[0].__subclasses__()", None),
        ("return request.user.__class__.__init__.__globals__", None),
        ("return (lambda: 0).__globals__", None),
        ("return request.user._state", None),
        ("return request.user.delete()", None),
        ("return type(request.user)()", None),
        ("return undefined_name", None),
        ("return undefined_function(1)", None),
        ("return request.user.check_password('x')", None),
        ("try:\n    request.user.check_password('x')\nexcept BaseException:\n    return True", None),
        ("return __import__('os').system('true')", None),
    ] {
        let error = ends(source).await;
        if let Some(what) = what {
            assert_eq!(error.kind, ErrorKind::Unsupported, "{source}: {error}");
            assert_eq!(error.unsupported.as_deref(), Some(what), "{source}: {error}");
        }
    }
    assert_eq!(ends("return request.user.check_password('x')").await.kind, ErrorKind::Host);
}

#[tokio::test]
async fn calls_and_lookups_are_counted() {
    assert_eq!(ends("while True:\n    ak_message('x')").await.kind, ErrorKind::HostCalls);
    assert_eq!(
        ends("while True:\n    try:\n        ak_message('x')\n    except BaseException:\n        pass")
            .await
            .kind,
        ErrorKind::HostCalls
    );
    assert!(matches!(
        ends("while True:\n    request.user.username").await.kind,
        ErrorKind::HostCalls | ErrorKind::Time
    ));
    let helper = "x = 'é ' * 40000\nwhile True:\n    slugify(x)";
    assert_eq!(ends(helper).await.kind, ErrorKind::Time, "time in helpers counts");
    let limits = Limits { deadline: Duration::from_millis(50), ..Limits::default() };
    let program = Program::parse("return never()", &[]).unwrap();
    assert_eq!(run(&program, vec![], TestHost::new(), &limits).await.unwrap_err().kind, ErrorKind::Deadline);
}

#[test]
fn hostile_text_does_not_parse() {
    let deep = |open: &str, close: &str| format!("return {}1{}", open.repeat(20_000), close.repeat(20_000));
    for source in [deep("(", ")"), deep("[", "]"), deep("not ", ""), deep("-", ""), deep("lambda:", "")] {
        assert!(Program::parse(&source, &[]).is_err(), "{}", &source[..20]);
    }
    let _ = Program::parse(&format!("return {}1", "1+".repeat(20_000)), &[]);
    let _ = Program::parse(&format!("return x{}", ".a".repeat(20_000)), &["x"]);
    let _ = Program::parse(&format!("{}return 1", "if 1:\n ".repeat(9_000)), &[]);
    assert!(Program::parse(&" ".repeat(MAX_SOURCE_BYTES + 1), &[]).is_err());
    for source in
        ["", "# nothing", "return (", "return \"", "return 1 +", "x = = 1", "\0", "return '''", "def"]
    {
        assert!(Program::parse(source, &[]).is_err(), "{source}");
    }
    assert!(Program::parse("return 1", &["a b"]).is_err());
    assert!(Program::parse("return 1", &["x): pass\nimport os #"]).is_err());
}

#[tokio::test]
async fn errors_name_the_place() {
    let error = Program::parse("x = 1\nreturn x +* 2", &[]).unwrap_err();
    assert_eq!((error.line, error.unsupported), (2, None));
    let error = Program::parse("x = {}\n\nclass Error(Exception, metaclass=M):\n    pass\nreturn 1", &[])
        .unwrap_err();
    assert_eq!((error.line, error.column), (3, 1), "{error}");
    assert!(
        error.unsupported.unwrap().contains("inheritance") && error.message.contains("Python's exceptions"),
        "{}",
        error.message
    );
    let error = Program::parse("x = 1\nif x:\n    x.y = 2\n    del x.y", &[]).unwrap_err();
    assert_eq!((error.line, error.column), (4, 9), "{error}");
    // Added lines do not count.
    let error = try_eval("x = 1\ndel x\ny = 2\nreturn context['missing']").await.unwrap_err();
    assert_eq!((error.line, error.column), (4, 8), "{error}");
    let error = try_eval("x = 1\nif x:\n    return context['missing']").await.unwrap_err();
    assert_eq!(
        (error.line, error.column, error.exception.as_str(), error.kind),
        (3, 12, "KeyError", ErrorKind::Raised)
    );
    let error = try_eval("return request.user.shoe_size").await.unwrap_err();
    assert_eq!((error.line, error.exception.as_str()), (1, "AttributeError"));
    let error = try_eval("\n\nreturn regex_match('a', '(')").await.unwrap_err();
    assert_eq!(error.line, 3, "{error}");
    let error = try_eval("return 1 if ip_address('nonsense') else 0").await.unwrap_err();
    assert_eq!((error.line, error.exception.as_str()), (1, "ValueError"), "{error}");
    let error = try_eval("raise SkipObject('not this one')").await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Skip, "not this one"));
    let error =
        try_eval("try:\n    raise SkipObject\nexcept Exception as error:\n    return repr(error)").await;
    let error = error.expect_err("not caught as an ordinary exception");
    assert_eq!(error.kind, ErrorKind::Skip);
    let error = try_eval("raise ValueError('no')").await.unwrap_err();
    assert_eq!(error.to_string(), "line 1, column 7: ValueError: no");
}
