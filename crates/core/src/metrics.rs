//! Prometheus metrics, with authentik's names.
use crate::job::JobMetrics;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};
use prometheus_client::registry::Registry;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of refused or dropped work, by kind.
#[derive(Clone, Default)]
pub struct Throttled(Family<[(&'static str, &'static str); 1], Counter>);
impl Throttled {
    pub fn count(&self, kind: &'static str) {
        self.0.get_or_create(&[("kind", kind)]).inc();
    }
    pub fn get(&self, kind: &'static str) -> u64 {
        self.0.get_or_create(&[("kind", kind)]).get()
    }
}

/// Connections and datagrams, by listener.
#[derive(Clone, Default)]
pub struct Listeners {
    connections: Family<[(&'static str, &'static str); 1], Counter>,
    open: Family<[(&'static str, &'static str); 1], Gauge>,
    datagrams: Family<[(&'static str, &'static str); 1], Counter>,
}
/// A connection that is open; counted off on drop.
pub struct OpenConnection(Gauge);
impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
impl Listeners {
    fn register(&self, registry: &mut Registry) {
        registry.register(
            "listener_connections",
            "Connections accepted, by listener",
            self.connections.clone(),
        );
        registry.register("listener_open_connections", "Connections that are open", self.open.clone());
        registry.register("listener_datagrams", "Datagrams received, by listener", self.datagrams.clone());
    }
    pub fn connection(&self, listener: &'static str) -> OpenConnection {
        let label = [("listener", listener)];
        self.connections.get_or_create(&label).inc();
        let open = self.open.get_or_create(&label).clone();
        open.inc();
        OpenConnection(open)
    }
    pub fn datagram(&self, listener: &'static str) {
        self.datagrams.get_or_create(&[("listener", listener)]).inc();
    }
}

pub struct Metrics {
    registry: Registry,
    pub logins: Counter,
    pub failed_logins: Counter,
    pub active_sessions: Gauge,
    pub policy_executions: Counter,
    pub flow_executions: Counter,
    pub requests: Counter,
    /// Refused or dropped because of a rate limit.
    pub throttled: Throttled,
    pub jobs: JobMetrics,
    pub listeners: Listeners,
    lost_lines: Counter,
}

/// Suppressed or failed log lines. The process has one log.
pub static LOST_LINES: AtomicU64 = AtomicU64::new(0);

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("authentik");
        let (logins, failed_logins, policy_executions, flow_executions, requests) = (
            Counter::default(),
            Counter::default(),
            Counter::default(),
            Counter::default(),
            Counter::default(),
        );
        let (active_sessions, throttled) = (Gauge::default(), Throttled::default());
        let lost_lines = Counter::default();
        // The encoder appends `_total` to counters.
        registry.register("logins", "Successful sign-ins", logins.clone());
        registry.register("failed_logins", "Refused sign-ins", failed_logins.clone());
        registry.register(
            "active_sessions",
            "Sessions of signed-in people that have not expired",
            active_sessions.clone(),
        );
        registry.register("policy_executions", "Policy bindings judged", policy_executions.clone());
        registry.register("flow_executions", "Flows begun", flow_executions.clone());
        registry.register("main_requests", "HTTP requests answered", requests.clone());
        registry.register(
            "throttled",
            "What was refused or left out because a budget was used up",
            throttled.0.clone(),
        );
        registry.register("log_lines_dropped", "Log lines that were not written", lost_lines.clone());
        let jobs = JobMetrics::register(&mut registry);
        let listeners = Listeners::default();
        listeners.register(&mut registry);
        Self {
            registry,
            logins,
            failed_logins,
            active_sessions,
            policy_executions,
            flow_executions,
            requests,
            throttled,
            jobs,
            listeners,
            lost_lines,
        }
    }
}
impl Metrics {
    /// OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut out = String::new();
        self.lost_lines.inc_by(LOST_LINES.load(Ordering::Relaxed).saturating_sub(self.lost_lines.get()));
        // Writing to a String cannot fail.
        let _ = encode(&mut out, &self.registry);
        out
    }
}
