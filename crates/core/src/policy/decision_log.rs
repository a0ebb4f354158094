//! Policy results of one request: decisions, for explanations, and the risk score.
use super::Trace;
use crate::models::EngineMode;
use crate::risk::Risk;
use signet_base::{Json, Timestamp, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum number of decisions kept per request; the oldest are dropped first.
const KEPT: usize = 32;

/// The engine's decision about one target.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Kind and name of the guarded object.
    pub target: String,
    pub name: String,
    pub mode: EngineMode,
    pub passing: bool,
    pub at: Timestamp,
    pub traces: Arc<Vec<Trace>>,
}

impl Decision {
    /// The JSON of events and the API.
    pub fn to_json(&self) -> Json {
        let traces: Vec<Json> = self.traces.iter().map(Trace::to_json).collect();
        json!({"target": self.target, "name": self.name, "policy_engine_mode": self.mode.as_str(), "passing": self.passing, "at": self.at, "bindings": traces})
    }
}

/// Part of the request's [`crate::Client`].
#[derive(Debug, Default)]
pub struct DecisionLog(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    decisions: Vec<Decision>,
    /// By user id (0 for anonymous) and username.
    risks: HashMap<(i64, String), Arc<Risk>>,
}

impl DecisionLog {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(super) fn decided(&self, decision: Decision) {
        let mut inner = self.inner();
        if inner.decisions.len() >= KEPT {
            inner.decisions.remove(0);
        }
        inner.decisions.push(decision);
    }
    /// The decisions of this request, oldest first.
    pub fn decisions(&self) -> Vec<Decision> {
        self.inner().decisions.clone()
    }
    pub(crate) fn risk(&self, of: &(i64, String)) -> Option<Arc<Risk>> {
        self.inner().risks.get(of).cloned()
    }
    pub(crate) fn keep_risk(&self, of: (i64, String), risk: Arc<Risk>) {
        self.inner().risks.insert(of, risk);
    }
}
