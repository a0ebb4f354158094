//! What waits for the writer, and how long the writer waits for more.
use super::{Answer, GATHER, GROUP, Job};
use crate::db::Batch;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Batches that wait before new ones are turned away.
const LONGEST: usize = 4096;

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    /// Durable batches that are being made: see [`Db::coming`](crate::Db::coming).
    pub coming: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// The writer sleeps until so many are there, or a script.
    wanted: Option<usize>,
    closed: bool,
}

/// Why a job was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Closed,
}

/// What is done together.
#[derive(Default)]
pub(super) struct Group {
    /// In one commit.
    pub batches: Vec<(Batch, oneshot::Sender<Answer>)>,
    /// After it.
    pub script: Option<(String, oneshot::Sender<Answer>)>,
    /// How many came while it waited for the last group's callers, if it did.
    pub gained: Option<usize>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, job: Job) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.jobs.len() >= LONGEST {
            return Err(Refused::Full);
        }
        let script = matches!(job, Job::Script(..));
        state.jobs.push_back(job);
        if state.wanted.is_some_and(|wanted| script || state.jobs.len() >= wanted) {
            drop(state);
            self.ready.notify_one();
        }
        Ok(())
    }

    /// Takes nothing more; the writer ends when it has done what is there.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
    }

    /// Closes it where nobody is left to empty it: whoever waits hears of it.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.jobs.clear();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The next group, after a short wait for what is expected; `None` when the queue is closed and empty.
    ///
    /// Two kinds of callers are expected. Those that have announced a batch and are still making it: signing takes long
    /// where many do it at once, and a commit for every one of them would cost more than the half of them can wait. And
    /// the `last` callers of the group before, who are about to come back: one shared fsync is worth a wait of
    /// `patience`. Whoever came while that group was on its way to the disk is here now, beside those that come back;
    /// without counting both, two halves of the callers would take turns for ever.
    pub(super) fn next(&self, last: usize, patience: Duration) -> Option<Group> {
        let mut state = self.lock();
        let here_before = state.jobs.len();
        state = self.sleep(state, 1, None);
        if state.jobs.is_empty() {
            return None;
        }
        let announced = state.jobs.len() + self.coming.load(Ordering::Relaxed);
        state = self.gather(state, announced.div_ceil(2), GATHER);
        let (count, wanted) = (state.jobs.len(), last + if here_before > 0 { state.jobs.len() } else { 0 });
        let waits = count < wanted && !patience.is_zero() && is_worth_waiting(&state);
        if waits {
            state = self.gather(state, wanted, patience);
        }
        let gained = waits.then(|| state.jobs.len() - count);
        Some(Group { gained, ..take(&mut state) })
    }

    /// Waits for that many, where what is there can wait.
    fn gather<'a>(&'a self, state: MutexGuard<'a, State>, wanted: usize, patience: Duration) -> MutexGuard<'a, State> {
        if state.jobs.len() >= wanted || !is_worth_waiting(&state) {
            return state;
        }
        self.sleep(state, wanted.min(GROUP), Some(Instant::now() + patience))
    }

    fn sleep<'a>(&'a self, mut state: MutexGuard<'a, State>, wanted: usize, until: Option<Instant>) -> MutexGuard<'a, State> {
        let has_script = |state: &State| state.jobs.iter().any(|job| matches!(job, Job::Script(..)));
        while state.jobs.len() < wanted && !state.closed && !has_script(&state) {
            state.wanted = Some(wanted);
            state = match until {
                None => self.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => match until.checked_duration_since(Instant::now()) {
                    None => break,
                    Some(left) => self.ready.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                },
            };
        }
        state.wanted = None;
        state
    }
}

/// A group that waits for the disk, and still has room.
fn is_worth_waiting(state: &State) -> bool {
    let durable = |job: &Job| matches!(job, Job::Batch(batch, _) if !batch.relaxed);
    state.jobs.len() < GROUP && state.jobs.iter().any(durable)
}

/// A group of what is there, up to a script.
fn take(state: &mut State) -> Group {
    let mut group = Group::default();
    while group.script.is_none() && group.batches.len() < GROUP {
        match state.jobs.pop_front() {
            Some(Job::Batch(batch, answer)) => group.batches.push((batch, answer)),
            Some(Job::Script(sql, answer)) => group.script = Some((sql, answer)),
            None => break,
        }
    }
    group
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "threads of the tests wait")]
mod tests {
    use super::*;
    use crate::db::Coming;
    use std::thread::{sleep, spawn};

    const LONG: Duration = Duration::from_secs(30);

    fn job(durable: bool) -> Job {
        Job::Batch(if durable { Batch::new() } else { Batch::relaxed() }, oneshot::channel().0)
    }
    /// A queue in which so many durable batches wait.
    fn queue(count: usize) -> Arc<Queue> {
        let queue = Arc::new(Queue::default());
        (0..count).for_each(|_| queue.push(job(true)).unwrap());
        queue
    }
    fn next(queue: &Queue, last: usize, patience: Duration) -> (usize, Option<usize>) {
        let group = queue.next(last, patience).unwrap();
        (group.batches.len(), group.gained)
    }
    /// Pushes so many after a while.
    fn later(queue: &Arc<Queue>, count: usize) -> std::thread::JoinHandle<()> {
        let queue = queue.clone();
        spawn(move || {
            sleep(Duration::from_millis(50));
            (0..count).for_each(|_| queue.push(job(true)).unwrap());
        })
    }

    #[test]
    fn nobody_waits_who_is_alone_who_is_relaxed_or_who_waited_in_vain() {
        let idle = queue(0);
        let back = later(&idle, 1);
        assert_eq!(next(&idle, 1, LONG), (1, None), "the writer slept, and one came");
        back.join().unwrap();
        idle.push(job(false)).unwrap();
        assert_eq!(next(&idle, 5, LONG), (1, None));
        assert_eq!(next(&queue(1), 5, Duration::ZERO), (1, None));
        assert_eq!(next(&queue(1), 5, Duration::from_millis(5)), (1, Some(0)), "and the wait has an end");
    }

    #[test]
    fn those_that_come_back_join_those_that_came_meanwhile() {
        // Three were committed; two came meanwhile.
        let queue = queue(2);
        let back = later(&queue, 3);
        assert_eq!(next(&queue, 3, LONG), (5, Some(3)));
        back.join().unwrap();
    }

    #[test]
    fn half_of_those_that_are_announced_are_waited_for_but_not_for_long() {
        let queue = queue(2);
        let mut announced: Vec<Coming> = (0..4).map(|_| Coming::among(&queue.coming)).collect();
        let began = Instant::now();
        assert_eq!(next(&queue, 0, Duration::ZERO), (2, None), "they take too long");
        assert!(began.elapsed() >= GATHER);
        // One of them arrives, and three are on their way.
        drop(announced.pop());
        queue.push(job(true)).unwrap();
        let back = {
            let queue = queue.clone();
            spawn(move || {
                drop(announced.pop());
                queue.push(job(true)).unwrap();
                announced
            })
        };
        let (count, _) = next(&queue, 0, Duration::ZERO);
        assert_eq!(count, 2, "half of four");
        assert_eq!(back.join().unwrap().len(), 2);
        assert_eq!(queue.coming.load(Ordering::Relaxed), 0, "what was given up is not expected");
    }

    #[test]
    fn a_group_is_not_larger_than_it_may_be_whatever_is_expected() {
        let queue = queue(GROUP + 3);
        let _announced: Vec<Coming> = (0..500).map(|_| Coming::among(&queue.coming)).collect();
        assert_eq!(next(&queue, 500, LONG), (GROUP, None));
        assert_eq!(next(&queue, 0, Duration::ZERO), (3, None));
    }

    #[test]
    fn a_script_comes_after_what_was_before_it_and_is_not_kept_waiting() {
        let queue = queue(2);
        queue.push(Job::Script("SELECT 1".into(), oneshot::channel().0)).unwrap();
        queue.push(job(true)).unwrap();
        let group = queue.next(9, LONG).unwrap();
        assert_eq!((group.batches.len(), group.script.is_some()), (2, true));
        let group = queue.next(0, Duration::ZERO).unwrap();
        assert_eq!((group.batches.len(), group.script.is_some()), (1, false), "what comes after it waits");
    }

    #[test]
    fn a_closed_queue_is_emptied_and_takes_nothing_more() {
        let queue = queue(1);
        queue.close();
        assert_eq!(queue.push(job(true)), Err(Refused::Closed));
        assert_eq!(next(&queue, 5, LONG).0, 1);
        assert!(queue.next(1, LONG).is_none());
    }

    #[test]
    fn a_queue_that_is_full_says_so() {
        let queue = queue(LONGEST);
        assert_eq!(queue.push(job(true)), Err(Refused::Full));
    }
}
