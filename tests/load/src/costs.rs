//! Costs of running: memory and processor of an idle server, how fast it starts, how large it is.
use crate::bench::Bench;
use crate::client::Result;
use crate::process::{Process, cpu_seconds, pss_mib};
use crate::report::{Line, Verdict};
use crate::rows::{below, median};
use crate::signet::{Algorithm, Home, READY, discovery};
use std::path::Path;
use std::time::{Duration, Instant};

const USERS: usize = 1000;
const STARTS: usize = 3;

pub const NAMES: [(&str, &str); 6] = [
    ("first-start", "first start on an empty disk until ready"),
    ("restart", "restart to the first 200 on discovery, 1,000 users"),
    ("idle-pss", "idle PSS, 1,000 users"),
    ("idle-cpu", "idle CPU, share of one core"),
    ("size", "the binary, stripped"),
    ("stop", "SIGTERM to the end, idle"),
];

/// Lines of the wanted names.
pub async fn measure(bench: &Bench, wanted: impl Fn(&str) -> bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut take = |name: &str, found: Result<Vec<Line>>| match found {
        Ok(found) => lines.extend(found.into_iter().filter(|line| wanted(&line.name))),
        Err(error) => lines.extend(
            NAMES.iter().find(|(n, _)| *n == name).map(|(name, title)| Line::failed(name, title, &error)),
        ),
    };
    if wanted("first-start") {
        take("first-start", first_start(bench).await);
    }
    if ["restart", "idle-pss", "idle-cpu", "stop"].into_iter().any(&wanted) {
        take("restart", idle(bench, wanted("idle-cpu")).await);
    }
    if wanted("size") {
        take("size", size(bench).await);
    }
    lines
}

fn title(name: &str) -> &'static str {
    NAMES.iter().find(|(n, _)| *n == name).map_or("", |(_, title)| title)
}
fn line(name: &str, value: f64, goal: f64, unit: &str, note: String) -> Line {
    below(name, title(name), value, goal, unit, note)
}
fn all(values: &[f64]) -> String {
    format!("each: {}", values.iter().map(|v| format!("{v:.0}")).collect::<Vec<_>>().join(", "))
}

async fn first_start(bench: &Bench) -> Result<Vec<Line>> {
    let mut times = Vec::new();
    for n in 0..STARTS {
        let home = Home::new(&bench.binary, bench.folder.0.join(format!("first-{n}")))?;
        let (process, took) = home.start(READY).await?;
        times.push(took.as_secs_f64() * 1e3);
        process.stop().await?;
    }
    Ok(vec![line("first-start", median(&times), 1000.0, "ms", all(&times))])
}

async fn idle(bench: &Bench, cpu: bool) -> Result<Vec<Line>> {
    let home = Home::new(&bench.binary, bench.folder.0.join("idle"))?;
    let (process, _) = home.start(READY).await?;
    let mut admin = home.admin();
    let people = admin.people().await?;
    admin.site(Algorithm::Es256, home.address(), &people).await?;
    admin.fill(USERS).await?;
    let (mut stops, mut starts) = (vec![ended(process).await?], Vec::new());
    let mut running = None;
    for n in 0..STARTS {
        let (process, took) = home.start(&discovery(Algorithm::Es256)).await?;
        starts.push(took.as_secs_f64() * 1e3);
        if n + 1 < STARTS {
            // Time for what runs in the background of a start.
            tokio::time::sleep(Duration::from_millis(500)).await;
            stops.push(ended(process).await?);
        } else {
            running = Some(process);
        }
    }
    let mut process = running.ok_or("no start")?;
    tokio::time::sleep(Duration::from_secs(if bench.quick { 2 } else { 10 })).await;
    let pss = pss_mib(process.pid).ok_or("/proc/<pid>/smaps_rollup cannot be read")?;
    let mut lines = vec![
        line("restart", median(&starts), 150.0, "ms", all(&starts)),
        line(
            "idle-pss",
            pss,
            45.0,
            "MiB",
            if pss <= 30.0 { "aim 30 reached".into() } else { "aim 30".into() },
        ),
    ];
    if cpu {
        let window = Duration::from_secs(if bench.quick { 10 } else { 60 });
        let before = cpu_seconds(process.pid).ok_or("/proc/<pid>/stat cannot be read")?;
        tokio::time::sleep(window).await;
        process.check()?;
        let used = cpu_seconds(process.pid).ok_or("/proc/<pid>/stat cannot be read")? - before;
        // The kernel counts in hundredths of a second: nothing counted means less than one of them.
        let percent = used.max(0.005) / window.as_secs_f64() * 100.0;
        lines.push(line("idle-cpu", percent, 0.3, "%", format!("{used:.2} s in {} s", window.as_secs())));
    }
    stops.push(ended(process).await?);
    // Shown, not judged: what has to hold is that it ends well, and that is an error of its own.
    lines.push(Line {
        verdict: Verdict::Info,
        must: "–".into(),
        ratio: "–".into(),
        limit: "–".into(),
        ..line("stop", median(&stops), f64::INFINITY, "ms", all(&stops))
    });
    Ok(lines)
}

/// Milliseconds from SIGTERM to the end.
async fn ended(process: Process) -> Result<f64> {
    let began = Instant::now();
    let tail = process.tail();
    let status = process.stop().await?;
    if !status.success() {
        return Err(format!("SIGTERM ended it with {status}\n{tail}"));
    }
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

async fn size(bench: &Bench) -> Result<Vec<Line>> {
    let bytes = |path: &Path| {
        std::fs::metadata(path)
            .map(|m| m.len() as f64 / f64::from(1 << 20))
            .map_err(|e| format!("{}: {e}", path.display()))
    };
    let copy = bench.folder.0.join("stripped");
    let stripped = tokio::process::Command::new("strip")
        .arg("-o")
        .arg(&copy)
        .arg(&bench.binary)
        .kill_on_drop(true)
        .status()
        .await;
    let whole = bytes(&bench.binary)?;
    // Without binutils the file as it is counts, which can only be larger.
    let (value, note) = match stripped {
        Ok(status) if status.success() => (bytes(&copy)?, format!("{whole:.1} MiB with symbols")),
        _ => (whole, "not stripped: no strip here".into()),
    };
    Ok(vec![line("size", value, 60.0, "MiB", note)])
}
