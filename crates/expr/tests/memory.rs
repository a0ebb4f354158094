//! Many medium allocations. In a binary of its own: it watches the growth of the whole process.
mod support;
use signet_expr::*;
use std::time::{Duration, Instant};
use support::TestHost;

/// As in the server: freed memory is returned, so that one program does not raise the baseline of the next.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches("kB").trim().parse::<usize>().unwrap_or(0) / 1024
}

#[tokio::test]
async fn many_medium_allocations_end_early() {
    for source in [
        "x = []\nwhile True:\n    x.append('a' * 90000 + str(len(x)))",
        "x = []\nwhile True:\n    try:\n        while True:\n            x.append('a' * 90000 + str(len(x)))\n    except BaseException:\n        pass",
        "x = []\nwhile True:\n    y = []\n    for i in range(5000):\n        y.append({'a': i})\n    x.append(y)",
    ] {
        let program = Program::parse(source, &[]).unwrap();
        let started = Instant::now();
        let error = run(&program, vec![], TestHost::new(), &Limits::default()).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Memory | ErrorKind::Time), "{error}");
        println!("{:?} after {:?}, peak {} MiB", error.kind, started.elapsed(), resident());
        assert!(started.elapsed() < Duration::from_secs(4));
        assert!(resident() < 700, "{} MiB", resident());
    }
}

#[tokio::test]
async fn memory_is_given_back() {
    let program =
        Program::parse("x = []\nwhile True:\n    x.append('a' * 90000 + str(len(x)))", &[]).unwrap();
    let limits = Limits { time: Duration::from_millis(150), ..Limits::default() };
    // Without returning memory, these add up to more than a GiB.
    for _ in 0..40 {
        assert!(run(&program, vec![], TestHost::new(), &limits).await.is_err());
    }
    assert!(resident() < 700, "{} MiB", resident());
}
