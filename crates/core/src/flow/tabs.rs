//! Several runs per session. A run belongs to the URL at which it is answered (flow and query), so that two
//! tabs do not share one. One run is active, the others are parked.
use super::{Plan, token};
use crate::session::State;
use serde::{Deserialize, Serialize};
use signet_base::{Span, Timestamp, Uuid, query, vault};

/// Maximum number of parked runs per session, and their maximum total size in bytes; the oldest are dropped
/// first.
pub(crate) const MAX_WAITING: usize = 7;
const MAX_BYTES: usize = 48 * 1024;
/// How long the last page of a finished run can be read again, in seconds.
const READABLE: i64 = 300;

/// A parked run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParkedRun {
    pub tab: String,
    pub plan: Plan,
    /// The query with which its flow was entered.
    #[serde(default)]
    pub query: String,
}

/// Identifies a URL within a session. Parameters that do not affect the target are ignored.
fn tab_of(text: &str) -> String {
    let pairs: Vec<(String, String)> = query::pairs(text)
        .into_iter()
        .filter(|(name, _)| name != token::QUERY && name != "inspector")
        .collect();
    let plain = query::build(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    vault::sha256_hex(plain.as_bytes())[..16].to_owned()
}

impl State {
    /// Activates the run of this URL, if there is one, and parks the active one.
    pub fn bring(&mut self, flow: Uuid, text: &str) {
        let tab = tab_of(text);
        let is_front = self.plan.as_ref().is_some_and(|plan| plan.flow == flow)
            && (self.tab == tab || (!self.query.is_empty() && self.query == text));
        if is_front {
            return;
        }
        let found = self
            .waiting
            .iter()
            .position(|w| w.tab == tab && w.plan.flow == flow)
            .map(|at| self.waiting.remove(at));
        if let Some(plan) = self.plan.take() {
            let query = std::mem::take(&mut self.query);
            self.waiting.insert(0, ParkedRun { tab: std::mem::take(&mut self.tab), plan, query });
            self.waiting.truncate(MAX_WAITING);
        }
        self.tab = tab;
        self.query.clear();
        if let Some(found) = found {
            self.plan = Some(found.plan);
            self.query = found.query;
        }
    }

    /// The query of the active run, for clients that send none.
    pub fn query_for(&self, flow: Uuid) -> String {
        if self.plan.as_ref().is_some_and(|plan| plan.flow == flow) {
            self.query.clone()
        } else {
            String::new()
        }
    }

    /// All runs, the active one first.
    pub fn runs(&self) -> impl Iterator<Item = &Plan> {
        self.plan.iter().chain(self.waiting.iter().map(|w| &w.plan))
    }

    /// Removes all runs; they can be put back later.
    #[must_use]
    pub fn without_runs(&mut self) -> Self {
        Self {
            plan: self.plan.take(),
            query: std::mem::take(&mut self.query),
            history: std::mem::take(&mut self.history),
            tab: std::mem::take(&mut self.tab),
            waiting: std::mem::take(&mut self.waiting),
            ..Self::default()
        }
    }
    pub fn put_back(&mut self, runs: Self) {
        (self.plan, self.query, self.history, self.tab, self.waiting) =
            (runs.plan, runs.query, runs.history, runs.tab, runs.waiting);
    }

    /// Drops the runs with this `next`; if there is none, the active one. Returns whether there was any.
    pub fn cancel(&mut self, next: Option<&str>, flow: impl Fn(&str) -> Option<Uuid>) -> bool {
        let (path, text) = next.and_then(|n| n.split_once('?')).unwrap_or((next.unwrap_or_default(), ""));
        let here = path
            .strip_prefix("/if/flow/")
            .and_then(|p| flow(p.trim_end_matches('/')))
            .map(|flow| (flow, tab_of(text)));
        let nested = if path.starts_with("/flows/-/default/") { query::value(text, "next") } else { None };
        let wanted = nested.as_deref().or(next);
        let fits = |plan: &Plan, query: &str, tab: &str| match &here {
            Some((flow, at)) => plan.flow == *flow && tab == at,
            None => query::value(query, "next").filter(|n| !n.is_empty()).as_deref() == wanted,
        };
        let before = self.runs().count();
        self.waiting.retain(|w| !fits(&w.plan, &w.query, &w.tab));
        let nothing = self.runs().count() == before;
        if self.plan.as_ref().is_some_and(|plan| nothing || fits(plan, &self.query, &self.tab)) {
            self.plan = None;
            self.query.clear();
        }
        self.runs().count() != before
    }

    /// Drops finished runs; returns whether there was any.
    pub fn drop_over(&mut self) -> bool {
        let before = self.runs().count();
        self.plan = self.plan.take().filter(|plan| plan.over.is_none());
        self.waiting.retain(|w| w.plan.over.is_none());
        self.runs().count() != before
    }
    pub(super) fn forget_old(&mut self, now: Timestamp) {
        let readable =
            |plan: &Plan| plan.over.as_ref().is_none_or(|over| now < over.at.plus(Span::from_secs(READABLE)));
        self.plan = self.plan.take().filter(readable);
        self.waiting.retain(|w| readable(&w.plan));
    }

    /// Enforces the limits of parked runs.
    pub(crate) fn bound(&mut self) {
        let mut bytes = 0;
        let fit = self.waiting.iter().take_while(|w| {
            bytes += serde_json::to_string(w).map_or(MAX_BYTES, |text| text.len());
            bytes <= MAX_BYTES
        });
        let fit = fit.count();
        self.waiting.truncate(fit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Context, arrival};
    use signet_base::json;

    fn run(flow: u128) -> Plan {
        serde_json::from_value(json!({"flow": Uuid::from_u128(flow), "stages": [], "context": {}, "started": Timestamp::from_secs(0)})).unwrap()
    }
    fn begin(state: &mut State, flow: u128, query: &str) {
        state.bring(Uuid::from_u128(flow), query);
        state.query = arrival::kept(query);
        state.plan = Some(run(flow));
    }

    #[test]
    fn pages_a2_each_address_keeps_its_run() {
        let mut state = State::default();
        begin(&mut state, 1, "next=%2Fa");
        begin(&mut state, 1, "next=%2Fb");
        begin(&mut state, 2, "next=%2Fa");
        assert_eq!(state.runs().count(), 3);
        for (flow, query) in [(1, "next=/a"), (1, "next=%2Fb&flow_token=x"), (2, "next=%2Fa&inspector")] {
            state.bring(Uuid::from_u128(flow), query);
            assert!(state.plan.as_ref().is_some_and(|p| p.flow == Uuid::from_u128(flow)), "{query}");
            assert_eq!(query::value(&state.query, "next"), query::value(query, "next"));
        }
        // Another URL has no run; the others stay.
        state.bring(Uuid::from_u128(1), "next=%2Fc");
        assert!(state.plan.is_none() && state.runs().count() == 3);
        let flow = |slug: &str| (slug == "two").then(|| Uuid::from_u128(2));
        assert!(state.cancel(Some("/b"), flow) && state.runs().count() == 2);
        assert!(
            state.cancel(Some("/if/flow/two/?next=/a"), flow)
                && state.runs().all(|p| p.flow == Uuid::from_u128(1))
        );
        assert!(
            state.cancel(Some("/flows/-/default/authentication/?next=/a"), flow) && !state.cancel(None, flow)
        );
    }

    #[test]
    fn pages_a2_what_waits_is_bounded() {
        let mut state = State::default();
        for n in 0..20 {
            begin(&mut state, 1, &format!("next=%2F{n}"));
        }
        assert_eq!(state.runs().count(), MAX_WAITING + 1);
        for w in &mut state.waiting {
            w.plan.context = Context(json!({"x": "y".repeat(MAX_BYTES / 3)}).as_object().cloned().unwrap());
        }
        state.bound();
        assert_eq!(state.waiting.len(), 2);
        assert_eq!(state.waiting[0].query, "next=%2F18");
    }
}
