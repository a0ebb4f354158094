//! The one thread that writes: what waits is committed together.
use super::checkpoint::Checkpoints;
use super::{BatchResult, GATHER, GROUP, Job, Place, collect};
use crate::db::{Batch, errors};
use crate::read_cache::any_makes_old;
use rusqlite::{CachedStatement, Connection, ErrorCode};
use signet_base::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

pub(super) struct Writer {
    place: Arc<Place>,
    /// Before the connection, so that it also ends before it.
    checkpoints: Checkpoints,
    conn: Connection,
    commits: Arc<AtomicU64>,
    /// Commits after which what was read before is old: see `recent`.
    changes: Arc<AtomicU64>,
    sync: Option<bool>,
    never_sync: bool,
}

type Waiting = (Batch, oneshot::Sender<BatchResult>);

/// What is done together.
#[derive(Default)]
struct Group {
    /// In one commit.
    batches: Vec<Waiting>,
    /// After it, and not a batch.
    alone: Option<Job>,
    /// How many came while it waited, if it did.
    gained: Option<usize>,
}

impl Writer {
    /// `log`: how long the write-ahead log may grow, in bytes.
    pub(super) fn new(
        place: Arc<Place>,
        mut conn: Connection,
        commits: Arc<AtomicU64>,
        changes: Arc<AtomicU64>,
        log: u64,
        never_sync: bool,
    ) -> rusqlite::Result<Self> {
        let checkpoints = Checkpoints::new(place.path(), &mut conn, log)?;
        Ok(Self { place, checkpoints, conn, commits, changes, sync: None, never_sync })
    }
    pub(super) fn run(&mut self, queue: &Receiver<Job>) {
        let (mut last, mut patience, mut skip) = (1, GATHER, 0);
        // Whether the first was there before the last commit ended.
        while let Some((first, waited)) =
            queue.try_recv().ok().map(|job| (job, true)).or_else(|| Some((queue.recv().ok()?, false)))
        {
            let Group { batches, alone, gained } =
                gather(queue, first, waited, last, if skip == 0 { patience } else { Duration::ZERO });
            skip = match gained {
                Some(0) => SKIP,
                Some(_) => 0,
                None => skip.saturating_sub(1),
            };
            last = batches.len();
            let began = Instant::now();
            self.commit(batches);
            patience = (began.elapsed() / 2).min(GATHER);
            match alone {
                Some(Job::Script(sql, answer)) => drop(answer.send(self.script(&sql))),
                Some(Job::Optimize(answer)) => drop(answer.send(self.optimize())),
                Some(Job::Batch(..)) | None => {}
            }
        }
        // The next start has good plans at once.
        if !self.never_sync && self.place.check().is_ok() {
            let _ = self.optimize();
        }
    }

    /// One commit for the group, then the answers.
    fn commit(&mut self, group: Vec<Waiting>) {
        if group.is_empty() {
            return;
        }
        let (batches, senders): (Vec<Batch>, Vec<_>) = group.into_iter().unzip();
        if let Err(moved) = self.place.check() {
            let why = moved.to_string();
            senders.into_iter().for_each(|sender| drop(sender.send(Err(Error::Unavailable(why.clone())))));
            return;
        }
        let answers = match self.commit_group(&batches) {
            Ok(answers) => answers,
            // A deferred constraint shows only at the commit: each on its own, so that only the guilty one
            // fails.
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) && batches.len() > 1 => {
                batches
                    .iter()
                    .map(|batch| {
                        self.commit_group(std::slice::from_ref(batch))
                            .map_err(|e| errors::sqlite(&e))
                            .and_then(only)
                    })
                    .collect()
            }
            Err(e) => {
                if e.sqlite_error_code() == Some(ErrorCode::DiskFull) {
                    // What the log holds is copied into the file, so that the log begins anew and the next
                    // write finds room.
                    self.checkpoints.make_room(&self.conn);
                }
                batches.iter().map(|_| Err(errors::sqlite(&e))).collect()
            }
        };
        // Before anybody hears of it.
        if any_makes_old(&batches) {
            self.changes.fetch_add(1, Ordering::SeqCst);
        }
        for (sender, answer) in senders.into_iter().zip(answers) {
            // A caller that stopped waiting does not undo what was committed.
            let _ = sender.send(answer);
        }
        self.checkpoints.step(&self.conn);
    }

    /// Tables whose statistics are missing or old are looked at, each for a moment.
    fn optimize(&mut self) -> BatchResult {
        let done = self.conn.execute_batch("PRAGMA analysis_limit = 400; PRAGMA optimize");
        done.map(|()| Vec::new()).map_err(|e| errors::sqlite(&e))
    }

    /// One commit for all. Refusals are rare, so the first try goes without savepoints, which copy every page
    /// that changes; only when a batch fails does each get one of its own.
    fn commit_group(&mut self, batches: &[Batch]) -> rusqlite::Result<Vec<BatchResult>> {
        self.set_sync(batches.iter().any(|b| !b.relaxed))?;
        match self.transaction(|conn| plainly(conn, batches)) {
            Ok(Some(answers)) => Ok(answers),
            Ok(None) => {
                self.transaction(|conn| apart(conn, batches).map(Some)).map(Option::unwrap_or_default)
            }
            Err(e) => Err(e),
        }
    }

    /// Commits what `work` did; `None` from it undoes everything.
    fn transaction(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Option<Vec<BatchResult>>>,
    ) -> rusqlite::Result<Option<Vec<BatchResult>>> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let done = work(&self.conn).and_then(|answers| {
            if answers.is_some() {
                self.conn.prepare_cached("COMMIT")?.execute([])?;
                self.commits.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answers)
        });
        if !matches!(done, Ok(Some(_))) && !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        done
    }

    fn set_sync(&mut self, full: bool) -> rusqlite::Result<()> {
        let full = full && !self.never_sync;
        if self.sync != Some(full) {
            let level = if full {
                "FULL"
            } else if self.never_sync {
                "OFF"
            } else {
                "NORMAL"
            };
            self.conn.pragma_update(None, "synchronous", level)?;
            self.sync = Some(full);
        }
        Ok(())
    }

    fn script(&mut self, sql: &str) -> BatchResult {
        self.place.check()?;
        let run = |me: &mut Self| -> rusqlite::Result<()> {
            me.set_sync(true)?;
            me.conn.execute_batch(&format!("BEGIN IMMEDIATE;\n{sql}\n;COMMIT;"))
        };
        let done = run(self).map_err(|e| errors::sqlite(&e));
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        self.conn.flush_prepared_statement_cache();
        self.changes.fetch_add(1, Ordering::SeqCst);
        done.map(|()| Vec::new())
    }
}

/// Groups that do not wait after one that waited in vain: whoever computes for long between two commits is
/// not back in time.
const SKIP: u32 = 8;

/// Takes what is there, and waits a little for what is expected.
///
/// The callers of the last group are about to come back: one shared fsync is worth a short wait for them.
/// Whoever came while the last group was on its way to the disk is waiting now, beside those that come back;
/// without counting both, two halves of the callers would take turns for ever. Where a commit is quick the
/// wait is as short.
fn gather(queue: &Receiver<Job>, first: Job, waited: bool, last: usize, patience: Duration) -> Group {
    let (mut group, start, mut wanted, mut began) = (Group::default(), Instant::now(), None, None);
    let mut next = Some(first);
    while let Some(job) = next.take() {
        match job {
            Job::Batch(batch, answer) => group.batches.push((batch, answer)),
            alone => {
                group.alone = Some(alone);
                break;
            }
        }
        let count = group.batches.len();
        if count >= GROUP {
            break;
        }
        next = queue.try_recv().ok();
        if next.is_none() && !patience.is_zero() {
            let wanted = *wanted.get_or_insert(last + if waited { count } else { 0 });
            if count < wanted && group.batches.iter().any(|(batch, _)| !batch.relaxed) {
                began.get_or_insert(count);
                next = queue.recv_timeout(patience.saturating_sub(start.elapsed())).ok();
            }
        }
    }
    group.gained = began.map(|count| group.batches.len() - count);
    group
}

fn only(mut answers: Vec<BatchResult>) -> BatchResult {
    answers.pop().unwrap_or_else(|| Err(Error::internal("a batch without an answer")))
}

fn aborted() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR),
        Some("the transaction was aborted".into()),
    )
}

/// All batches, one after the other; `None` at the first that fails.
fn plainly(conn: &Connection, batches: &[Batch]) -> rusqlite::Result<Option<Vec<BatchResult>>> {
    let answers: Vec<BatchResult> =
        batches.iter().map(|batch| run(conn, batch)).take_while(Result::is_ok).collect();
    Ok((answers.len() == batches.len()).then_some(answers))
}

/// Every batch in a savepoint of its own, so that one that fails leaves the others as they are.
fn apart(conn: &Connection, batches: &[Batch]) -> rusqlite::Result<Vec<BatchResult>> {
    let mut answers = Vec::with_capacity(batches.len());
    for batch in batches {
        conn.prepare_cached("SAVEPOINT one")?.execute([])?;
        let answer = run(conn, batch);
        if answer.is_err() {
            // Disk full and I/O errors end the whole transaction by themselves.
            if conn.is_autocommit() {
                return Err(aborted());
            }
            conn.prepare_cached("ROLLBACK TO one")?.execute([])?;
        }
        conn.prepare_cached("RELEASE one")?.execute([])?;
        answers.push(answer);
    }
    Ok(answers)
}

fn run(conn: &Connection, batch: &Batch) -> BatchResult {
    let wrong = |e: rusqlite::Error| errors::sqlite(&e);
    let mut answers = Vec::with_capacity(batch.statements.len());
    let mut last: Option<(&str, CachedStatement<'_>)> = None;
    for statement in &batch.statements {
        // The same text again and again needs no look into the cache.
        let prepared = match last.take() {
            Some((text, prepared)) if text == statement.sql => prepared,
            _ => conn.prepare_cached(&statement.sql).map_err(wrong)?,
        };
        let (_, prepared) = last.insert((&statement.sql, prepared));
        let (count, rows) = if statement.returning || prepared.column_count() > 0 {
            let rows = collect(prepared, &statement.params).map_err(wrong)?;
            (rows.len(), rows)
        } else {
            (
                prepared.execute(rusqlite::params_from_iter(statement.params.iter())).map_err(wrong)?,
                Vec::new(),
            )
        };
        if let Some((expected, tag)) = &statement.expect
            && u64::try_from(count).ok() != Some(*expected)
        {
            return Err(Error::Conflict(tag.clone().into_owned()));
        }
        answers.push(if statement.returning { rows } else { Vec::new() });
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{SyncSender, sync_channel};

    const LONG: Duration = Duration::from_secs(30);

    fn job(durable: bool) -> Job {
        Job::Batch(if durable { Batch::new() } else { Batch::relaxed() }, oneshot::channel().0)
    }
    /// A queue in which so many durable batches wait.
    fn queue(count: usize) -> (SyncSender<Job>, Receiver<Job>) {
        let (sender, queue) = sync_channel(100);
        (0..count).for_each(|_| sender.send(job(true)).unwrap());
        (sender, queue)
    }
    fn sizes(group: &Group) -> (usize, Option<usize>) {
        (group.batches.len(), group.gained)
    }

    #[test]
    fn nobody_waits_who_is_alone_who_is_relaxed_or_who_waited_in_vain() {
        let (_sender, queue) = queue(0);
        assert_eq!(sizes(&gather(&queue, job(true), false, 1, LONG)), (1, None));
        assert_eq!(sizes(&gather(&queue, job(false), false, 5, LONG)), (1, None));
        assert_eq!(sizes(&gather(&queue, job(true), false, 5, Duration::ZERO)), (1, None));
        assert_eq!(
            sizes(&gather(&queue, job(true), false, 5, Duration::from_millis(5))),
            (1, Some(0)),
            "and the wait has an end"
        );
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a thread of the test waits")]
    fn those_that_come_back_join_those_that_came_meanwhile() {
        // Three were committed; two came meanwhile, the first of them is at hand.
        let (sender, queue) = queue(1);
        let back = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            (0..3).for_each(|_| sender.send(job(true)).unwrap());
            sender
        });
        assert_eq!(sizes(&gather(&queue, job(true), true, 3, LONG)), (5, Some(3)));
        let sender = back.join().unwrap();
        drop(sender);
    }

    #[test]
    fn a_script_comes_after_what_was_before_it() {
        let (sender, queue) = queue(1);
        sender.send(Job::Script("SELECT 1".into(), oneshot::channel().0)).unwrap();
        sender.send(job(true)).unwrap();
        let group = gather(&queue, job(true), true, 9, LONG);
        assert_eq!((group.batches.len(), group.alone.is_some()), (2, true));
        assert!(queue.try_recv().is_ok(), "what comes after it waits");
    }
}
