//! Programs and engine: sharing, suspension, changed contexts, speed.
mod support;
use signet_expr::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parsed_once_runs_from_many_threads() {
    let program =
        Program::parse("return [n * 2, ak_is_group_member(user, name='staff')]", &["n", "user"]).unwrap();
    let host = TestHost::new();
    let runs: Vec<_> = (0..200_i64)
        .map(|n| {
            let (program, host) = (program.clone(), host.clone());
            tokio::spawn(async move {
                let inputs = vec![("n", Value::Int(n)), ("user", Value::Object(user(1, "ada")))];
                run(&program, inputs, host, &Limits::default()).await.unwrap().value
            })
        })
        .collect();
    for (n, run) in runs.into_iter().enumerate() {
        assert_eq!(run.await.unwrap(), Value::list([Value::Int(n as i64 * 2), Value::Bool(true)]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_programs_hold_no_thread() {
    let program = Program::parse("return never()", &[]).unwrap();
    let waiting: Vec<_> = (0..64)
        .map(|_| {
            let program = program.clone();
            tokio::spawn(async move { run(&program, vec![], TestHost::new(), &Limits::default()).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(eval("return 1 + 1").await, Value::Int(2), "others run meanwhile");
    for one in waiting {
        one.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_suspended_run_can_be_dropped_anywhere() {
    let deep = "x = []\nfor i in range(30000):\n    x = [x]\nf = lambda: x\nnever()\nreturn f";
    let limits = Limits { deadline: Duration::from_millis(200), ..Limits::default() };
    let program = Program::parse(deep, &[]).unwrap();
    let gone = tokio::spawn(async move { run(&program, vec![], TestHost::new(), &limits).await });
    assert_eq!(gone.await.unwrap().unwrap_err().kind, ErrorKind::Deadline);
}

#[tokio::test]
async fn several_programs_in_one_visit() {
    let parse = |source| Program::parse(source, INPUTS).unwrap();
    let programs = [
        "return {'name': request.user.name}",
        "return {'groups': [g.name for g in request.user.groups.all()]}",
        "return 1 / 0",
        "print('seen', 4)\nreturn {}",
    ];
    let results =
        run_many(programs.map(|p| (parse(p), inputs())).into(), TestHost::new(), &Limits::default()).await;
    assert_eq!(results.len(), 4);
    assert_eq!(results[0].as_ref().unwrap().value, Value::dict([("name", "ada Example")]));
    assert!(results[1].as_ref().unwrap().value.as_dict().unwrap().get("groups").is_some());
    assert_eq!(results[2].as_ref().unwrap_err().exception, "ZeroDivisionError");
    assert_eq!(results[3].as_ref().unwrap().printed, "seen 4\n");
}

#[tokio::test]
async fn changes_of_the_context_come_back() {
    let outcome = try_eval(
        "request.context['prompt_data']['email'] = 'new@example.org'\n\
         context['flow_plan'].context['pending'] = {'a': [1]}\n\
         context['flow_plan'].reason = 'rule'\n\
         context['added'] = request.user\n\
         return True",
    )
    .await
    .unwrap();
    let context = outcome.context.unwrap();
    let context = context.as_dict().unwrap();
    let email = |data: &Value| data.as_dict().unwrap().get("email").unwrap().clone();
    assert_eq!(email(context.get("prompt_data").unwrap()), Value::from("new@example.org"));
    let Some(Value::Record(plan)) = context.get("flow_plan") else { panic!("the plan is a record") };
    let plan_context = plan.fields.get("context").unwrap().as_dict().unwrap();
    assert_eq!(
        email(plan_context.get("prompt_data").unwrap()),
        Value::from("new@example.org"),
        "shared data stays shared"
    );
    assert_eq!(plan_context.get("pending").unwrap(), &Value::dict([("a", Value::list([1_i64]))]));
    assert_eq!(plan.fields.get("reason"), Some(&Value::from("rule")));
    assert_eq!(context.get("added").unwrap().as_object().unwrap().identity(), "1");
    assert_eq!(try_eval("return True").await.unwrap().context, None, "not asked for, not copied");
}

#[tokio::test]
async fn helpers_and_instant_answers_reach_the_host_once() {
    let host = TestHost::new();
    let program =
        Program::parse("ak_message('one')\nf = ak_message\nf('two')\nreturn slugify('A B')", &[]).unwrap();
    let outcome = run(&program, vec![], host.clone(), &Limits::default()).await.unwrap();
    assert_eq!(outcome.value, Value::from("a-b"));
    assert_eq!(*host.messages.lock().unwrap(), ["one", "two"]);
    assert_eq!(host.calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn missing_inputs_and_chance() {
    let program = Program::parse("return x", &["x"]).unwrap();
    let error = run(&program, vec![], TestHost::new(), &Limits::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Value);
    let text = "import random\nreturn random.randint(0, 10 ** 9)";
    assert_eq!(eval(text).await, eval(text).await, "chance comes from the ports");
}

#[tokio::test]
async fn addresses_are_judged_like_python_does() {
    for (text, private, global) in [
        ("10.0.0.1", true, false),
        ("100.64.0.1", false, false),
        ("192.0.0.9", false, true),
        ("192.0.2.1", true, false),
        ("8.8.8.8", false, true),
        ("::1", true, false),
        ("::ffff:10.0.0.1", true, false),
        ("2606:4700::1111", false, true),
        ("fe80::1", true, false),
    ] {
        let value = eval(&format!("a = ip_address('{text}')\nreturn [a.is_private, a.is_global]")).await;
        assert_eq!(value, Value::list([private, global]), "{text}");
    }
    assert_eq!(eval("return ip_network('0.0.0.0/0').is_private").await, Value::Bool(false));
    assert_eq!(
        eval("return str(ip_network('10.0.0.7/255.0.0.0', strict=False))").await,
        Value::from("10.0.0.0/8")
    );
    assert!(try_eval("return ip_network('10.0.0.7/8')").await.is_err());
    assert!(try_eval("return '10.0.0.7' in ip_network('10.0.0.0/8')").await.is_err());
    assert_eq!(eval("return ip_address('::1') in ip_network('0.0.0.0/0')").await, Value::Bool(false));
    assert_eq!(eval("return len({ip_address('10.0.0.9'), ip_address('10.0.0.9')})").await, Value::Int(1));
}

/// Prints the cost of a typical call; the limit only detects a broken build.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cost_of_a_typical_call() {
    let host: Arc<TestHost> = TestHost::new();
    let limits = Limits::default();
    for source in [
        "return True",
        "return {'name': request.user.name, 'email': request.user.email, 'groups': [g.name for g in request.user.all_groups()]}",
        "return ak_client_ip in ip_network('10.0.0.0/8')",
        "return ak_is_group_member(request.user, name='staff')",
    ] {
        let started = Instant::now();
        let program = Program::parse(source, INPUTS).unwrap();
        let parse = started.elapsed();
        let given = inputs();
        let rounds = 200;
        let mut best = Duration::MAX;
        for _ in 0..rounds {
            let started = Instant::now();
            run(&program, given.clone(), host.clone(), &limits).await.unwrap();
            best = best.min(started.elapsed());
        }
        let batch = 20;
        let started = Instant::now();
        let results = run_many(vec![(program, given); batch], host.clone(), &limits).await;
        let each = started.elapsed() / batch as u32;
        assert!(results.iter().all(Result::is_ok));
        println!("parse {parse:?}, run {best:?} (best of {rounds}), in a batch {each:?} each: {source}");
        assert!(best < Duration::from_millis(50), "{best:?}");
    }
}
