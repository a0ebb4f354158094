//! `cargo xtask bench`: this build against the limits of this machine, in one run. See docs/performance.md.
mod bench;
mod client;
mod costs;
mod disk;
mod floor;
mod histogram;
mod limits;
mod load;
mod mfa;
mod overload;
mod peer;
mod postgres;
mod process;
mod report;
mod rows;
mod rules;
mod runner;
mod signet;
mod site;
mod tokens;

use bench::Bench;
use client::Result;
use limits::Limit;
use report::{Line, Verdict};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The product's allocator: the limits must not lose what it gains (large pages make a hash nearly twice as
/// fast).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: signet-load [--quick] [--only name[,name]] [--write] [--binary path] [--alone seconds]
  --quick    windows of 2 s instead of 10 s
  --only     rows whose name is, or begins with, one of these; `limits` for the limits alone, `pg` for the rows on
             PostgreSQL, which run only when they are named
  --write    puts the table into docs/performance.md
  --binary   the server to measure (target/release/signet)
  --alone    throughput rows of the server alone, so long each: nothing is compared, for a profiler beside it";

struct Options {
    quick: bool,
    write: bool,
    only: Vec<String>,
    binary: PathBuf,
    alone: Option<Duration>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        quick: false,
        write: false,
        only: Vec::new(),
        binary: root().join("target/release/signet"),
        alone: None,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--quick" => options.quick = true,
            "--write" => options.write = true,
            "--only" => options.only.extend(value()?.split(',').map(str::to_owned)),
            "--alone" => {
                options.alone = Some(Duration::from_secs(
                    value()?.parse().map_err(|_| "--alone needs a number of seconds")?,
                ))
            }
            "--binary" => options.binary = std::path::absolute(value()?).map_err(|e| e.to_string())?,
            other => return Err(format!("no option {other}")),
        }
    }
    match options.only.iter().find(|only| !names().any(|name| matches(only, name))) {
        Some(unknown) => {
            Err(format!("no row {unknown}; there are: {}", names().collect::<Vec<_>>().join(" ")))
        }
        None => Ok(options),
    }
}

/// Every name that `--only` can take.
fn names() -> impl Iterator<Item = &'static str> {
    let latency = rows::QUIET
        .iter()
        .map(|row| row.name)
        .chain(["steps-p50", "steps-p99", "login-totp"])
        .chain(rules::NAMES.map(|(name, _)| name))
        .chain(postgres::NAMES.map(|(name, _)| name))
        .chain(overload::NAMES.map(|(name, _)| name));
    ["limits"]
        .into_iter()
        .chain(rows::ROWS.iter().map(|row| row.name))
        .chain(latency)
        .chain(costs::NAMES.map(|(name, _)| name))
}
fn matches(only: &str, name: &str) -> bool {
    !only.is_empty() && (name == only || name.strip_prefix(only).is_some_and(|rest| rest.starts_with('-')))
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        // PostgreSQL need not be installed, and its rows take as long as the others: they are asked for by
        // name.
        if self.only.is_empty() {
            !matches("pg", name)
        } else {
            self.only.iter().any(|only| matches(only, name))
        }
    }
}

/// The lines so far; each is printed when it is known.
#[derive(Default)]
struct Table(Vec<Line>);

impl Table {
    fn add(&mut self, line: Line) {
        println!("{}", report::line(&line));
        self.0.push(line);
    }
    fn take(&mut self, name: &str, title: &str, found: Result<Line>) {
        self.add(found.unwrap_or_else(|why| Line::failed(name, title, &why)));
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    if arguments.next_if(|a| a == "floor").is_some() {
        let port = arguments.next().and_then(|p| p.parse().ok()).unwrap_or(0);
        return runtime.block_on(floor::serve(port)).map_or_else(|e| failed(&e), |()| ExitCode::SUCCESS);
    }
    if arguments.next_if(|a| a == "commits").is_some() {
        let arguments: Vec<_> = arguments.collect();
        return runtime.block_on(disk::serve(&arguments)).map_or_else(|e| failed(&e), |()| ExitCode::SUCCESS);
    }
    let options = match options(arguments) {
        Ok(options) => options,
        Err(error) => return failed(&format!("{error}\n{USAGE}")),
    };
    match runtime.block_on(run(&options)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(missed) => failed(&format!("{missed} missed")),
        Err(error) => failed(&error),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("bench: {why}");
    ExitCode::FAILURE
}

/// How many lines were missed.
async fn run(options: &Options) -> Result<usize> {
    if cfg!(debug_assertions) {
        return Err("a debug build of the load tool measures itself: build with --release".into());
    }
    let folder = process::Folder::new(&root().join("target"), "bench")?;
    let mut bench = Bench::new(options.quick, options.binary.clone(), folder);
    let mut table = Table::default();
    println!("{}", report::heading());
    if options.wants("limits") {
        limits(&mut bench, &mut table).await;
    }
    served(options, &mut bench, &mut table).await;
    for line in costs::measure(&bench, |name| options.wants(name)).await {
        table.add(line);
    }
    if options.write {
        let path = root().join("docs/performance.md");
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let table = format!("{}\n\n{}", conditions(options.quick), report::markdown(&table.0));
        let text = report::put(&text, &table).ok_or("docs/performance.md has no marks for the table")?;
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    let count = |verdict| table.0.iter().filter(|line| line.verdict == verdict).count();
    println!("bench: {} passed, {} failed", count(Verdict::Ok), count(Verdict::Miss));
    Ok(count(Verdict::Miss))
}

/// Where and how it was measured, in a sentence.
fn conditions(quick: bool) -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores ({model}), windows of {} s, release build.", if quick { 2 } else { 10 })
}

async fn limits(bench: &mut Bench, table: &mut Table) {
    for limit in Limit::ALL {
        let found = bench.limit(limit, 32, Duration::from_millis(400)).await;
        let line = found.map(|rate| Line {
            measured: format!("{}/s", report::number(rate)),
            verdict: Verdict::Info,
            note: String::new(),
            ..Line::failed("limits", limit.title(), "")
        });
        table.take("limits", limit.title(), line);
    }
}

/// The rows that need a running server.
async fn served(options: &Options, bench: &mut Bench, table: &mut Table) {
    let throughput: Vec<_> = rows::ROWS.iter().filter(|row| options.wants(row.name)).collect();
    let quiet: Vec<_> = rows::QUIET.iter().filter(|row| options.wants(row.name)).collect();
    let steps = options.wants("steps-p50") || options.wants("steps-p99");
    let totp = options.wants("login-totp");
    let policies = rules::NAMES.iter().any(|(name, _)| options.wants(name));
    let overload = overload::NAMES.iter().any(|(name, _)| options.wants(name));
    let postgres = postgres::NAMES.iter().any(|(name, _)| options.wants(name));
    if throughput.is_empty() && quiet.is_empty() && !steps && !totp && !policies && !overload && !postgres {
        return;
    }
    if let Err(error) = bench.start().await {
        table.add(Line::failed("server", "the measured server", &error));
        return;
    }
    for row in throughput {
        let found = match options.alone {
            Some(time) => row.alone(bench, time).await,
            None => row.measure(bench).await,
        };
        table.take(row.name, row.title, found);
    }
    for row in quiet {
        let found = row.measure(bench).await;
        table.take(row.name, row.title, found);
    }
    if steps {
        match rows::steps(bench).await {
            Ok(lines) => {
                lines.into_iter().filter(|line| options.wants(&line.name)).for_each(|line| table.add(line))
            }
            Err(why) => table.add(Line::failed("steps", "flow executor step, c16", &why)),
        }
    }
    for line in postgres::measure(bench, |name| options.wants(name)).await {
        table.add(line);
    }
    if totp {
        let found = rows::totp(bench).await;
        table.take("login-totp", "login with password and TOTP, c16", found);
    }
    if policies {
        several(table, rules::measure(bench).await, "policies", "what rules cost");
    }
    if overload {
        several(table, overload::measure(bench).await, "overload", "overload");
    }
    if let Err(error) = bench.stop().await {
        table.add(Line::failed("server", "the measured server", &error));
    }
}

fn several(table: &mut Table, found: Result<Vec<Line>>, name: &str, title: &str) {
    match found {
        Ok(lines) => lines.into_iter().for_each(|line| table.add(line)),
        Err(why) => table.add(Line::failed(name, title, &why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_name_rows() {
        let parse = |text: &str| options(text.split_whitespace().map(str::to_owned));
        let found = parse("--quick --only cc,idle-pss").unwrap();
        assert!(
            found.quick
                && found.wants("cc-rs256")
                && found.wants("idle-pss")
                && !found.wants("idle-cpu")
                && !found.wants("code")
        );
        for bad in ["--only", "--only bogus", "--slow", "--only c"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(
            parse("").unwrap().wants("login")
                && !parse("").unwrap().wants("pg-login")
                && parse("--only pg").unwrap().wants("pg-login")
        );
    }
}
