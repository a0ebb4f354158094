//! The log: text on a terminal, JSON otherwise. A failing output stops nothing, and a persistent fault cannot
//! fill the disk: each call site that warns writes at most one line per second.
use crate::config::{Config, Options};
use signet_core::metrics::LOST_LINES;
use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The filter of a level. Libraries log errors only, unless the level is `trace`.
fn filter(options: &Options) -> EnvFilter {
    let level = match options.log_level().to_ascii_lowercase().as_str() {
        "warning" | "warn" => "warn",
        "trace" => "trace",
        "debug" => "debug",
        "error" => "error",
        _ => "info",
    };
    let others = if level == "trace" { "debug" } else { "warn" };
    let own =
        ["server", "front", "api", "core", "stages", "policies", "providers", "store", "blueprints", "expr"]
            .map(|c| format!("signet_{c}={level}"))
            .join(",");
    EnvFilter::try_new(format!("{others},{own}")).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Replaces the filter of the process's logger; false where that is not possible.
type SetFilter = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;
static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

/// Applies the log level that the settings name now (SIGHUP): `AUTHENTIK_LOG_LEVEL=file:///…` is read again. With invalid
/// settings the level stays.
pub fn reload() {
    match Config::from_process() {
        Ok(config) => {
            let options = Options::of(&config);
            if SET_FILTER.get().is_some_and(|set| set(filter(&options))) {
                tracing::info!(level = options.log_level(), "the log level is read again");
            }
        }
        Err(mistakes) => {
            let mistakes = mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            tracing::warn!(%mistakes, "the log level stays: the settings are not valid any more");
        }
    }
}

/// Installs the process's logger; a second call has no effect.
pub fn start(options: &Options) {
    let terminal = std::io::stderr().is_terminal();
    let json = match options.log_format() {
        "json" => true,
        "text" => false,
        _ => !terminal,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(options))
        .log_internal_errors(false)
        .with_writer(Log { json, call_sites: Mutex::default() });
    let started = if json {
        let builder = builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_filter_reloading();
        let handle = builder.reload_handle();
        builder.try_init().map(|()| -> SetFilter { Box::new(move |filter| handle.reload(filter).is_ok()) })
    } else {
        let builder = builder.with_ansi(terminal).with_target(false).with_filter_reloading();
        let handle = builder.reload_handle();
        builder.try_init().map(|()| -> SetFilter { Box::new(move |filter| handle.reload(filter).is_ok()) })
    };
    match started {
        // The first logger of the process: nothing was set before.
        Ok(set) => drop(SET_FILTER.set(set)),
        Err(_) => tracing::debug!("a logger was set already"),
    }
}

/// Minimum interval between warnings of a call site.
const PAUSE: Duration = Duration::from_secs(1);

/// The log on standard error.
struct Log {
    json: bool,
    call_sites: Mutex<HashMap<tracing::callsite::Identifier, CallSite>>,
}
/// A call site that warns: its last line, and the number of lines suppressed since.
struct CallSite {
    at: Instant,
    more: u64,
}

/// The output of one line.
struct LogLine {
    shown: bool,
    /// Number of suppressed lines before it.
    more: u64,
    json: bool,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = LogLine;
    fn make_writer(&'a self) -> LogLine {
        LogLine { shown: true, more: 0, json: self.json }
    }
    fn make_writer_for(&'a self, about: &tracing::Metadata<'_>) -> LogLine {
        if *about.level() > tracing::Level::WARN {
            return self.make_writer();
        }
        let mut call_sites = self.call_sites.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match call_sites.get_mut(&about.callsite()) {
            Some(place) if now.duration_since(place.at) < PAUSE => {
                place.more += 1;
                LogLine { shown: false, more: 0, json: self.json }
            }
            Some(place) => {
                let more = std::mem::replace(place, CallSite { at: now, more: 0 }).more;
                LogLine { shown: true, more, json: self.json }
            }
            None => {
                call_sites.insert(about.callsite(), CallSite { at: now, more: 0 });
                self.make_writer()
            }
        }
    }
}

impl LogLine {
    fn text(&self) -> String {
        let said = format!("{} more lines like this one were left out", self.more);
        if self.json {
            format!("{{\"level\":\"WARN\",\"message\":\"{said}\",\"count\":{}}}\n", self.more)
        } else {
            format!("  {said}\n")
        }
    }
}

impl Write for LogLine {
    /// Never fails: lines that cannot be written are counted.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut to = io::stderr().lock();
        let fine = self.shown
            && to.write_all(line).is_ok()
            && (self.more == 0 || to.write_all(self.text().as_bytes()).is_ok());
        self.more = 0;
        if !fine {
            LOST_LINES.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
