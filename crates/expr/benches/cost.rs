//! The cost of runs: `cargo bench --ignore-rust-version -p signet-expr`. Prints minimum and median.
#[path = "../tests/support/mod.rs"]
mod support;
use signet_expr::{Limits, Program, STACK_BYTES, run, run_many, run_on_this_thread};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{INPUTS, TestHost, inputs};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TEXTS: &[&str] = &[
    "return True",
    "return {\"sub\": request.user.pk, \"name\": request.user.name}",
    "return {\"name\": request.user.name, \"email\": request.user.email, \"groups\": [g.name for g in request.user.all_groups()]}",
    "return ak_client_ip in ip_network('10.0.0.0/8')",
    "return ak_is_group_member(request.user, name='staff')",
    "return regex_match(user.email, r'@example\\.org$')",
    "total = 0\nwhile total < 5:\n    total = total + 1\nreturn {\"n\": total, \"name\": request.user.name}",
    "def ends(address, domains):\n    return any(address.endswith('@' + domain) for domain in domains)\n\nreturn ends(request.user.email, ['example.org', 'example.test'])",
    "import json\nreturn {\"text\": json.dumps({\"name\": request.user.name, \"groups\": [g.name for g in request.user.all_groups()]})}",
];

/// As in the server; with `--own` every run uses the interpreter's threads.
fn on_thread_start() {
    if !std::env::args().any(|arg| arg == "--own") {
        run_on_this_thread();
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(STACK_BYTES)
        .on_thread_start(on_thread_start)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async { tokio::spawn(measure()).await.expect("no panic") });
}

async fn measure() {
    let (host, limits) = (TestHost::new(), Limits::default());
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    for text in TEXTS.iter().filter(|text| only.as_ref().is_none_or(|only| text.contains(only.as_str()))) {
        let started = Instant::now();
        let program = Program::parse(text, INPUTS).expect("the text parses");
        let parse = started.elapsed();
        for program in [program.clone(), program.interpreted()] {
            rounds(text, parse, &program, &host, &limits).await;
        }
    }
}

async fn rounds(text: &str, parse: Duration, program: &Program, host: &Arc<TestHost>, limits: &Limits) {
    let engine = if program.is_direct() { "direct" } else { "monty " };
    let given = inputs();
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..3000 {
        let given = given.clone();
        let started = Instant::now();
        let outcome = run(program, given, host.clone(), limits).await;
        times.push(started.elapsed());
        outcome.expect("the text runs");
    }
    times.sort();
    let batch = 20;
    let mut many = Duration::MAX;
    for _ in 0..50 {
        let programs = vec![(program.clone(), given.clone()); batch];
        let started = Instant::now();
        let results = run_many(programs, host.clone(), limits).await;
        many = many.min(started.elapsed() / batch as u32);
        assert!(results.iter().all(Result::is_ok));
    }
    println!(
        "{engine}  parse {parse:>9.1?}  best {:>8.2?}  middle {:>8.2?}  in a batch {many:>8.2?}  {}",
        times[0],
        times[times.len() / 2],
        text.replace('\n', "; ")
    );
}
