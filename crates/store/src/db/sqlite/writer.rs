//! The writer thread: commits waiting batches together (group commit).
use super::checkpoint::Checkpoints;
use super::{BatchResult, DatabaseFile, GATHER, GROUP, Job, collect, database_file};
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
    place: Arc<DatabaseFile>,
    /// Declared before the connection, so that it is dropped first.
    checkpoints: Checkpoints,
    conn: Connection,
    commits: Arc<AtomicU64>,
    /// Number of commits that invalidate cached reads: see `read_cache`.
    changes: Arc<AtomicU64>,
    sync: Option<bool>,
    never_sync: bool,
}

type Waiting = (Batch, oneshot::Sender<BatchResult>);

/// A group of jobs.
#[derive(Default)]
struct Group {
    /// Committed together.
    batches: Vec<Waiting>,
    /// Executed afterwards, not a batch.
    alone: Option<Job>,
    /// Number of batches that arrived while it waited, if it did.
    gained: Option<usize>,
}

impl Writer {
    /// `log`: maximum size of the write-ahead log in bytes.
    pub(super) fn new(
        place: Arc<DatabaseFile>,
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
        // Whether the first batch arrived before the last commit ended.
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
        // The next start has current statistics.
        if !self.never_sync && self.place.check().is_ok() {
            let _ = self.optimize();
        }
    }

    fn named(&self, error: Error) -> Error {
        database_file::name_full_disk(self.place.path(), error)
    }

    /// Commits the group, then delivers the results.
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
            // A deferred constraint fails at commit: commit each batch separately, so that only the violating
            // one fails.
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
                    // Checkpointing restarts the log, so that the next write finds space.
                    self.checkpoints.make_room(&self.conn);
                }
                batches.iter().map(|_| Err(errors::sqlite(&e))).collect()
            }
        };
        // Before any caller is notified.
        if any_makes_old(&batches) {
            self.changes.fetch_add(1, Ordering::SeqCst);
        }
        for (sender, answer) in senders.into_iter().zip(answers) {
            // A cancelled caller does not undo the commit.
            let _ = sender.send(answer.map_err(|error| self.named(error)));
        }
        self.checkpoints.step(&self.conn);
    }

    /// Analyses tables whose statistics are missing or old, each for a limited time.
    fn optimize(&mut self) -> BatchResult {
        let done = self.conn.execute_batch("PRAGMA analysis_limit = 400; PRAGMA optimize");
        done.map(|()| Vec::new()).map_err(|e| errors::sqlite(&e))
    }

    /// Commits all batches. Failures are rare, so the first attempt uses no savepoints, which copy every
    /// changed page; only after a failure does each batch get its own.
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

    /// Commits the work; rolls back if it returns `None`.
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
        let done = run(self).map_err(|e| self.named(errors::sqlite(&e)));
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        self.conn.flush_prepared_statement_cache();
        self.changes.fetch_add(1, Ordering::SeqCst);
        done.map(|()| Vec::new())
    }
}

/// Number of groups without waiting after a wait in vain: callers that compute long between commits do not
/// return in time.
const SKIP: u32 = 8;

/// Takes the waiting jobs, and waits briefly for expected ones.
///
/// The callers of the last group are about to return: sharing an fsync is worth a short wait. Callers that
/// arrived during the last commit wait already; both must be counted, or two halves of the callers would
/// alternate. The wait is shorter where commits are fast.
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

/// Executes the batches in order; `None` at the first failure.
fn plainly(conn: &Connection, batches: &[Batch]) -> rusqlite::Result<Option<Vec<BatchResult>>> {
    let answers: Vec<BatchResult> =
        batches.iter().map(|batch| run(conn, batch)).take_while(Result::is_ok).collect();
    Ok((answers.len() == batches.len()).then_some(answers))
}

/// Executes each batch in its own savepoint, so that a failure does not affect the others.
fn apart(conn: &Connection, batches: &[Batch]) -> rusqlite::Result<Vec<BatchResult>> {
    let mut answers = Vec::with_capacity(batches.len());
    for batch in batches {
        conn.prepare_cached("SAVEPOINT one")?.execute([])?;
        let answer = run(conn, batch);
        if answer.is_err() {
            // Disk full and I/O errors end the whole transaction.
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
        // Repeated SQL needs no statement cache lookup.
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
    /// A queue with this many durable batches.
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
        // Three were committed; two arrived meanwhile, the first of them is available.
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
