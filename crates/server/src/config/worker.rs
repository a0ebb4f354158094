//! How jobs are carried out, and the files that one of them looks for.
use super::Config;
use signet_base::Span;
use signet_core::job::JobSettings;
use signet_core::system::BlueprintSettings;
use std::time::Duration;

/// Rules over several variables, and over times.
pub(super) fn judge(config: &Config, wrong: &mut impl FnMut(&str, &str)) {
    if !config.flag("WORKER__EMBEDDED") && config.text("POSTGRESQL__HOST").is_empty() {
        wrong(
            "WORKER__EMBEDDED",
            "the database is SQLite, which belongs to one process: no other can carry jobs out.",
        );
    }
    for name in ["WORKER__TASK_DEFAULT_TIME_LIMIT", "WORKER__TASK_EXPIRATION", "WORKER__SCHEDULER_INTERVAL"] {
        if Span::parse(config.text(name)).is_ok_and(|s| s < Span::from_secs(1)) {
            wrong(name, "Give a time of at least one second.");
        }
    }
}

/// `AUTHENTIK_BLUEPRINTS*`
pub(super) fn blueprints(c: &Config) -> BlueprintSettings {
    let registries = c.text("BLUEPRINTS__REGISTRIES").split(',').map(str::trim).filter(|r| !r.is_empty());
    BlueprintSettings {
        folder: c.text("BLUEPRINTS_DIR").into(),
        registries: registries.map(str::to_owned).collect(),
    }
}

/// `AUTHENTIK_WORKER__*`. The values have been validated.
pub(super) fn jobs(c: &Config) -> JobSettings {
    let default = JobSettings::default();
    let span = |name: &str| Span::parse(c.text(&format!("WORKER__{name}"))).ok().filter(|s| *s > Span::ZERO);
    let time = |name: &str, default: Duration| {
        span(name).and_then(|s| u64::try_from(s.micros()).ok()).map_or(default, Duration::from_micros)
    };
    JobSettings {
        threads: usize::try_from(c.number("WORKER__THREADS")).unwrap_or(default.threads),
        retries: c.number("WORKER__TASK_MAX_RETRIES"),
        time_limit: time("TASK_DEFAULT_TIME_LIMIT", default.time_limit),
        expiration: span("TASK_EXPIRATION").unwrap_or(default.expiration),
        scheduler_interval: time("SCHEDULER_INTERVAL", default.scheduler_interval),
    }
}
