//! Fair queueing: lanes are served in turn, regardless of how much work a lane has.
use crate::budget::Prefix;
use std::collections::{HashMap, VecDeque};

/// The origin of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// The server itself, and signed-in users.
    Own,
    /// A user's known browser, or an exempt network.
    Account(i64),
    Address(Prefix),
}

/// A lane, and whether it has priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolTurn {
    pub lane: Lane,
    pub first: bool,
}
impl PoolTurn {
    pub const OWN: Self = Self { lane: Lane::Own, first: true };
}

/// After this many priority jobs one of the others is served, so that they do not starve.
const FIRST: u8 = 3;

pub(super) struct FairQueue<J> {
    lanes: HashMap<Lane, VecDeque<J>>,
    /// Lanes with work in the order of service: those with priority, and the others.
    order: [VecDeque<Lane>; 2],
    waiting: usize,
    streak: u8,
}
impl<J> Default for FairQueue<J> {
    fn default() -> Self {
        Self { lanes: HashMap::new(), order: Default::default(), waiting: 0, streak: 0 }
    }
}

/// The work ahead of a new job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QueuePosition {
    /// Number of jobs that are served before it.
    pub jobs: usize,
    /// Its lane has queued work while other lanes wait.
    pub is_share: bool,
}

impl<J> FairQueue<J> {
    pub fn len(&self) -> usize {
        self.waiting
    }
    pub fn ahead(&self, turn: PoolTurn) -> QueuePosition {
        let own = self.lanes.get(&turn.lane).map_or(0, VecDeque::len);
        let [first, others] = [&self.order[0], &self.order[1]].map(VecDeque::len);
        let rivals = if turn.first { first } else { first + others }.saturating_sub(usize::from(own > 0));
        let jobs = own + (own + 1) * rivals;
        // One of the others is served after each FIRST.
        let jobs = if turn.first && others > 0 { jobs + jobs / usize::from(FIRST) } else { jobs };
        QueuePosition { jobs: jobs.min(self.waiting), is_share: own > 0 && first + others > 1 }
    }
    pub fn push(&mut self, turn: PoolTurn, job: J) {
        let lane = self.lanes.entry(turn.lane).or_default();
        if lane.is_empty() {
            self.order[usize::from(!turn.first)].push_back(turn.lane);
        }
        lane.push_back(job);
        self.waiting += 1;
    }
    pub fn pop(&mut self) -> Option<J> {
        let others = self.order[0].is_empty() || (self.streak >= FIRST && !self.order[1].is_empty());
        self.streak = if others { 0 } else { self.streak + 1 };
        let order = &mut self.order[usize::from(others)];
        let lane = order.pop_front()?;
        let jobs = self.lanes.get_mut(&lane)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.lanes.remove(&lane);
        } else {
            order.push_back(lane);
        }
        self.waiting -= usize::from(job.is_some());
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn of(n: u32, first: bool) -> PoolTurn {
        PoolTurn { lane: Lane::Address(Prefix::V4(n)), first }
    }
    #[test]
    fn each_lane_gets_its_turn_and_known_ones_go_first() {
        let mut fair = FairQueue::default();
        (0..5).for_each(|_| fair.push(of(1, false), 'a'));
        fair.push(of(2, false), 'b');
        assert_eq!(
            (fair.ahead(of(3, false)).jobs, fair.ahead(of(1, false)).jobs, fair.ahead(of(3, true)).jobs),
            (2, 6, 0)
        );
        assert!(fair.ahead(of(1, false)).is_share && !fair.ahead(of(3, false)).is_share);
        (0..5).for_each(|_| fair.push(of(3, true), 'k'));
        let order: String = std::iter::from_fn(|| fair.pop()).collect();
        assert_eq!(order, "kkkakkbaaaa");
        assert_eq!((fair.len(), fair.lanes.len()), (0, 0));
    }
    #[test]
    fn a_lane_alone_has_all_turns() {
        let mut fair = FairQueue::default();
        (0..3).for_each(|n| fair.push(PoolTurn::OWN, n));
        assert_eq!(fair.ahead(PoolTurn::OWN), QueuePosition { jobs: 3, is_share: false });
        assert_eq!(std::iter::from_fn(|| fair.pop()).collect::<Vec<_>>(), [0, 1, 2]);
    }
}
