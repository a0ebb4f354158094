//! Two requests of one session at the same moment: what the later one writes is merged into what the earlier one has
//! written, run by run, so that none is lost.
use super::State;
use crate::authorize::GivenAnswer;
use crate::flow::tabs::{MAX_WAITING, ParkedRun};
use signet_base::Uuid;

/// A run is known by its flow and its address.
fn key(run: &ParkedRun) -> (Uuid, &str) {
    (run.plan.flow, &run.tab)
}

impl State {
    /// All runs, the one in front first.
    fn all_runs(&self) -> Vec<ParkedRun> {
        let front = self.plan.clone().map(|plan| ParkedRun {
            tab: self.tab.clone(),
            plan,
            query: self.query.clone(),
        });
        front.into_iter().chain(self.waiting.iter().cloned()).collect()
    }

    /// This state was made from `base`; meanwhile another request has written `stored`. Each run and each member is taken
    /// from the side that changed it. A run that both have changed is the stored one, which was first; where this request
    /// signs somebody in (`signs_in`), it is this one.
    pub(super) fn merge(mut self, base: &Self, stored: Self, signs_in: bool) -> Self {
        let (before, own, other) = (base.all_runs(), self.all_runs(), stored.all_runs());
        let find =
            |runs: &[ParkedRun], wanted: &ParkedRun| runs.iter().find(|run| key(run) == key(wanted)).cloned();
        let mut runs: Vec<ParkedRun> = Vec::new();
        // The run in front, then those of the other request, then the rest.
        let front = own.iter().take(usize::from(self.plan.is_some()));
        for wanted in front.chain(&other).chain(&own) {
            if find(&runs, wanted).is_some() {
                continue;
            }
            let (was, here, there) = (find(&before, wanted), find(&own, wanted), find(&other, wanted));
            let chosen = if here != was && (there == was || signs_in) { here } else { there };
            runs.extend(chosen);
        }
        let in_front = self.plan.take().map(|plan| plan.flow);
        let at =
            runs.iter().position(|run| in_front.is_some_and(|flow| key(run) == (flow, self.tab.as_str())));
        if let Some(front) = at.map(|at| runs.remove(at)) {
            (self.plan, self.query) = (Some(front.plan), front.query);
        }
        runs.truncate(MAX_WAITING);
        self.waiting = runs;
        self.asked = {
            let mut asked = stored.asked;
            asked.retain(|name, _| !base.asked.contains_key(name) || self.asked.contains_key(name));
            asked.extend(self.asked.into_iter().filter(|(name, value)| base.asked.get(name) != Some(value)));
            asked
        };
        self.answers = {
            // Of two answers to one request the first counts.
            let stored_answers = stored.answers;
            let mut answers = stored_answers.clone();
            let is_new = |given: &GivenAnswer| {
                !base.answers.contains(given) && !stored_answers.iter().any(|first| first.is_for_same(given))
            };
            answers.extend(self.answers.into_iter().filter(is_new));
            answers
        };
        self.history = newer(self.history, &base.history, stored.history);
        self.authentication = newer(self.authentication, &base.authentication, stored.authentication);
        self.browser_only = newer(self.browser_only, &base.browser_only, stored.browser_only);
        self.remembered = newer(self.remembered, &base.remembered, stored.remembered);
        self.binding = newer(self.binding, &base.binding, stored.binding);
        self.new_token = newer(self.new_token, &base.new_token, stored.new_token);
        self.acts_as = newer(self.acts_as, &base.acts_as, stored.acts_as);
        self
    }
}

/// This request's value where it has changed it, else the stored one.
fn newer<T: PartialEq>(own: T, base: &T, stored: T) -> T {
    if own == *base { stored } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Plan;
    use signet_base::{Timestamp, json};

    fn run(flow: u128, step: usize) -> Plan {
        serde_json::from_value(json!({"flow": Uuid::from_u128(flow), "stages": [], "context": {"step": step}, "started": Timestamp::from_secs(0)})).unwrap()
    }
    fn begin(state: &State, flow: u128, query: &str) -> State {
        let mut state = state.clone();
        state.bring(Uuid::from_u128(flow), query);
        state.query = query.to_owned();
        state.plan = Some(run(flow, 0));
        state
    }
    fn steps(state: &State) -> Vec<(u128, i64)> {
        let mut all: Vec<_> =
            state.runs().map(|p| (p.flow.as_u128(), p.context.0["step"].as_i64().unwrap())).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn runs_that_begin_at_the_same_moment_are_all_kept() {
        let base = begin(&State::default(), 1, "next=/a");
        let mut stored = base.clone();
        for flow in 2..=5 {
            let own = begin(&base, flow, "next=/x");
            stored = own.merge(&base, stored, false);
            assert_eq!(
                stored.plan.as_ref().unwrap().flow,
                Uuid::from_u128(flow),
                "its own run stays in front"
            );
        }
        assert_eq!(steps(&stored), [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]);
        assert_eq!(stored.query_for(Uuid::from_u128(5)), "next=/x");
        stored.bring(Uuid::from_u128(1), "next=/a");
        assert_eq!(stored.plan.as_ref().unwrap().flow, Uuid::from_u128(1));
    }
    #[test]
    fn of_one_run_the_first_change_counts_and_what_has_ended_stays_ended() {
        let mut base = begin(&State::default(), 1, "next=/a");
        base = begin(&base, 2, "next=/b");
        // Another request has gone on with 1 and ended 2.
        let mut stored = base.clone();
        stored.bring(Uuid::from_u128(1), "next=/a");
        stored.plan = Some(run(1, 1));
        stored.waiting.clear();
        // This one began a third, and went on with 1 as well.
        let mut own = begin(&base, 3, "next=/c");
        own.waiting.iter_mut().filter(|w| w.plan.flow == Uuid::from_u128(1)).for_each(|w| w.plan = run(1, 7));
        assert_eq!(steps(&own.clone().merge(&base, stored.clone(), false)), [(1, 1), (3, 0)]);
        assert_eq!(steps(&own.merge(&base, stored.clone(), true)), [(1, 7), (3, 0)]);
        // A run that this request ended is not brought back by one that left it alone.
        let mut ended = base.clone();
        ended.plan = None;
        assert_eq!(steps(&ended.merge(&base, base.clone(), false)), [(1, 0)]);
    }
    #[test]
    fn members_are_taken_from_whoever_changed_them() {
        let base = State { asked: json!({"a": 1, "b": 1}).as_object().cloned().unwrap(), ..State::default() };
        let mut stored = base.clone();
        stored.asked.insert("c".into(), json!(1));
        stored.remembered = true;
        let mut own = base.clone();
        own.asked.remove("a");
        own.asked.insert("b".into(), json!(2));
        own.acts_as = Some(7);
        let merged = own.merge(&base, stored, false);
        assert_eq!(signet_base::Json::Object(merged.asked), json!({"b": 2, "c": 1}));
        assert!(merged.remembered && merged.acts_as == Some(7));
    }
}
