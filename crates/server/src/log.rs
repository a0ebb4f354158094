//! Log lines: text for people at a terminal, JSON for collectors.
use crate::config::Options;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Sets the process's logger; a second call changes nothing.
pub fn start(options: &Options) {
    let level = match options.log_level().to_ascii_lowercase().as_str() {
        "warning" | "warn" => "warn",
        "trace" => "trace",
        "debug" => "debug",
        "error" => "error",
        _ => "info",
    };
    // Libraries speak up only when something is wrong, unless one is looking for a fault.
    let others = if level == "trace" { "debug" } else { "warn" };
    let own = ["server", "front", "api", "core", "stages", "policies", "providers", "store", "blueprints", "expr"].map(|c| format!("signet_{c}={level}")).join(",");
    let filter = EnvFilter::try_new(format!("{others},{own}")).unwrap_or_else(|_| EnvFilter::new("info"));
    let terminal = std::io::stderr().is_terminal();
    let json = match options.log_format() {
        "json" => true,
        "text" => false,
        _ => !terminal,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started =
        if json { builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init() } else { builder.with_ansi(terminal).with_target(false).try_init() };
    if started.is_err() {
        tracing::debug!("a logger was set already");
    }
}
