//! Counters for Prometheus, with the names of the guide.
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use prometheus_client::registry::Registry;

pub struct Metrics {
    registry: Registry,
    pub logins: Counter,
    pub failed_logins: Counter,
    pub active_sessions: Gauge,
    pub policy_executions: Counter,
    pub flow_executions: Counter,
    pub requests: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("authentik");
        let (logins, failed_logins, policy_executions, flow_executions, requests) =
            (Counter::default(), Counter::default(), Counter::default(), Counter::default(), Counter::default());
        let active_sessions = Gauge::default();
        // The encoder adds `_total` to counters.
        registry.register("logins", "Successful sign-ins", logins.clone());
        registry.register("failed_logins", "Refused sign-ins", failed_logins.clone());
        registry.register("active_sessions", "Sessions of signed-in people that have not expired", active_sessions.clone());
        registry.register("policy_executions", "Policy bindings judged", policy_executions.clone());
        registry.register("flow_executions", "Flows begun", flow_executions.clone());
        registry.register("main_requests", "HTTP requests answered", requests.clone());
        Self { registry, logins, failed_logins, active_sessions, policy_executions, flow_executions, requests }
    }
}
impl Metrics {
    /// OpenMetrics text.
    pub fn render(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut out, &self.registry);
        out
    }
}
