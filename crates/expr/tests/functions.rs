//! Functions defined by sources, and loops, without the interpreter.
#![allow(clippy::unwrap_used)]
mod support;
use signet_expr::*;
use support::*;

/// The value without the interpreter; `try_eval` compares it with the interpreter's.
async fn direct(source: &str) -> serde_json::Value {
    let outcome = try_eval(source).await.unwrap();
    assert!(outcome.direct, "{source}");
    outcome.value.to_json().unwrap()
}

/// Whether the source starts in the direct engine.
fn is_direct(source: &str) -> bool {
    Program::parse(source, INPUTS).unwrap().is_direct()
}

#[tokio::test]
async fn arguments_come_by_position_by_name_and_by_default() {
    let def = "def f(a, b='x', c=None):\n    return [a, b, c]\n";
    for (call, wanted) in [
        ("f(1)", serde_json::json!([1, "x", null])),
        ("f(1, 2)", serde_json::json!([1, 2, null])),
        ("f(c=3, a=1)", serde_json::json!([1, "x", 3])),
        ("f(f(1, 2)[1], b=f(0))", serde_json::json!([2, [0, "x", null], null])),
    ] {
        assert_eq!(direct(&format!("{def}return {call}")).await, wanted, "{call}");
    }
    for wrong in ["f()", "f(1, 2, 3, 4)", "f(1, a=2)", "f(1, d=2)", "f(*[1])"] {
        assert!(!is_direct(&format!("{def}return {wrong}")), "{wrong}");
    }
}

#[tokio::test]
async fn names_belong_to_the_function_or_to_the_text_around_it() {
    assert_eq!(
        direct("x = 1\ndef f(y):\n    z = x + y\n    return z\nx = 10\nz = 5\nreturn [f(1), z]").await,
        serde_json::json!([11, 5]),
        "read when it is called"
    );
    assert_eq!(
        direct("out = []\ndef note(text):\n    out.append(text)\nnote('a')\nnote('b')\nreturn out").await,
        serde_json::json!(["a", "b"])
    );
    assert_eq!(direct("def f(user):\n    return user\nreturn f(1)").await, 1, "an argument hides an input");
    assert_eq!(
        direct("def f(a):\n    if a:\n        b = 1\n    return a\nreturn [f(1), f(0)]").await,
        serde_json::json!([1, 0])
    );
    let error =
        try_eval("def f(a):\n    if a:\n        b = 1\n    return b\nf(1)\nreturn f(0)").await.unwrap_err();
    assert_eq!(error.exception, "UnboundLocalError", "nothing is left of the call before");
    assert_eq!(direct("def f():\n    pass\nreturn f()").await, serde_json::Value::Null);
    assert_eq!(
        direct("def f(g):\n    return [g for g in [g, 2]]\ndef h(x):\n    return f(x) + f(3)\nreturn h(1)")
            .await,
        serde_json::json!([1, 2, 3, 2])
    );
    // Read inside of a search over a function's result.
    let text = "def ends(address, domains):\n    return any(address.endswith('@' + domain) for domain in domains)\nreturn ends(request.user.email, ['example.net', 'example.org'])";
    assert_eq!(direct(text).await, true);
}

#[tokio::test]
async fn loops_end_when_they_should() {
    assert_eq!(direct("n = 0\nwhile n < 5:\n    n += 1\nreturn n").await, 5);
    assert_eq!(direct("n = 0\nwhile True:\n    n += 1\n    if n == 3:\n        continue\n    if n > 6:\n        break\nreturn n").await, 7);
    assert_eq!(direct("def f(n):\n    while n:\n        n = n - 1\n        if n == 2:\n            return 'two'\nreturn [f(9), f(1)]").await, serde_json::json!(["two", null]));
    let endless = try_eval("n = 0\nwhile n < 30000:\n    n += 1\nreturn n").await.unwrap();
    assert!(!endless.direct && endless.value == Value::Int(30_000), "longer ones are the interpreter's");
}

#[tokio::test]
async fn what_functions_tell_the_host_is_told_once() {
    let host = TestHost::new();
    let text = "def warn(name):\n    if not ak_is_group_member(request.user, name=name):\n        ak_message('not in ' + name)\nwarn('staff')\nwarn('admins')\nwarn('guests')\nreturn False";
    let outcome = run(&Program::parse(text, INPUTS).unwrap(), inputs(), host.clone(), &Limits::default())
        .await
        .unwrap();
    assert!(outcome.direct);
    assert_eq!(*host.messages.lock().unwrap(), ["not in admins", "not in guests"]);
}

#[test]
fn what_is_more_than_a_plain_function_is_left_to_the_interpreter() {
    for text in [
        "def f(n):\n    return f(n - 1) if n else 0\nreturn f(3)",
        "def g():\n    return f()\ndef f():\n    return 1\nreturn g()",
        "def f():\n    return 1\nf = 2\nreturn f",
        "def f():\n    return 1\ndef f():\n    return 2\nreturn f()",
        "for f in [1]:\n    pass\ndef f():\n    return 1\nreturn f()",
        "if user.is_active:\n    def f():\n        return 1\nreturn f()",
        "def f():\n    def g():\n        return 1\n    return g()\nreturn f()",
        "def f(*a):\n    return a\nreturn f(1)",
        "def f(**a):\n    return a\nreturn f(x=1)",
        "def f(*, a):\n    return a\nreturn f(a=1)",
        "def f(a=[]):\n    a.append(1)\n    return a\nf()\nreturn f()",
        "def f(a: str) -> str:\n    return a\nreturn f('x')",
        "n = 0\ndef f():\n    nonlocal n\n    n = 1\nf()\nreturn n",
        "while False:\n    pass\nelse:\n    return 1",
        "def user():\n    return 1\nreturn user()",
    ] {
        assert!(!is_direct(text), "{text}");
    }
    // A function as a value is detected at run time.
    assert!(is_direct("def f():\n    return 1\ng = f\nreturn 2"));
}

#[tokio::test]
async fn functions_as_values_and_functions_called_too_early_go_to_the_interpreter() {
    assert_eq!(eval("def f():\n    return 1\ng = f\nreturn g()").await, Value::Int(1));
    assert_eq!(
        eval("def f():\n    return 1\nreturn [x() for x in [f]]").await,
        Value::List(std::sync::Arc::new(vec![Value::Int(1)]))
    );
    assert_eq!(
        try_eval("x = f()\ndef f():\n    return 1\nreturn x").await.unwrap_err().exception,
        "UnboundLocalError"
    );
}

#[test]
fn chains_of_functions_do_not_nest_deeper_than_a_text_may() {
    let mut text = "def f0(x):\n    return x\n".to_owned();
    for n in 1..200 {
        text.push_str(&format!("def f{n}(x):\n    return f{}(x)\n", n - 1));
    }
    assert!(!is_direct(&format!("{text}return f199(1)")));
    assert!(is_direct("def f0(x):\n    return x\ndef f1(x):\n    return f0(x)\nreturn f1(1)"));
}
