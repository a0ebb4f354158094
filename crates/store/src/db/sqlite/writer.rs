//! The writer thread: commits waiting batches together (group commit).
use super::checkpoint::Checkpoints;
use super::{BatchResult, DatabaseFile, GROUP, Job, collect, database_file};
use crate::db::{Batch, errors};
use crate::runtime::{Changes, Touches};
use rusqlite::{CachedStatement, Connection, ErrorCode};
use signet_base::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use tokio::sync::oneshot;

pub(super) struct Writer {
    place: Arc<DatabaseFile>,
    /// Declared before the connection, so that it is dropped first.
    checkpoints: Checkpoints,
    conn: Connection,
    commits: Arc<AtomicU64>,
    changes: Arc<Changes>,
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
}

impl Writer {
    /// `log`: maximum size of the write-ahead log in bytes.
    pub(super) fn new(
        place: Arc<DatabaseFile>,
        mut conn: Connection,
        commits: Arc<AtomicU64>,
        changes: Arc<Changes>,
        log: u64,
        never_sync: bool,
    ) -> rusqlite::Result<Self> {
        let checkpoints = Checkpoints::new(place.path(), &mut conn, log)?;
        Ok(Self { place, checkpoints, conn, commits, changes, sync: None, never_sync })
    }
    pub(super) fn run(&mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let Group { batches, alone } = group(queue, first);
            self.commit(batches);
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
            senders.into_iter().for_each(|sender| drop(sender.send(Err(Error::unavailable(why.as_str())))));
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
                        self.commit_group(std::slice::from_ref(batch)).map_err(errors::sqlite).and_then(only)
                    })
                    .collect()
            }
            Err(e) => {
                if e.sqlite_error_code() == Some(ErrorCode::DiskFull) {
                    // Checkpointing restarts the log, so that the next write finds space.
                    self.checkpoints.make_room(&self.conn);
                }
                let e = Arc::new(e);
                batches.iter().map(|_| Err(errors::sqlite(e.clone()))).collect()
            }
        };
        // Before any caller is notified.
        let touched = batches.iter().map(Batch::touched).max();
        self.changes.count(touched.unwrap_or(Touches::Everything));
        for (sender, answer) in senders.into_iter().zip(answers) {
            // A cancelled caller does not undo the commit.
            let _ = sender.send(answer.map_err(|error| self.named(error)));
        }
        self.checkpoints.step(&self.conn);
    }

    /// Analyses tables whose statistics are missing or old, each for a limited time.
    fn optimize(&mut self) -> BatchResult {
        let done = self.conn.execute_batch("PRAGMA analysis_limit = 400; PRAGMA optimize");
        done.map(|()| Vec::new()).map_err(errors::sqlite)
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
        let done = run(self).map_err(|e| self.named(errors::sqlite(e)));
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        self.conn.flush_prepared_statement_cache();
        self.changes.count(Touches::Everything);
        done.map(|()| Vec::new())
    }
}

/// The jobs that arrived during the last commit: one fsync is for all of them.
fn group(queue: &Receiver<Job>, first: Job) -> Group {
    let mut group = Group::default();
    let mut next = Some(first);
    while let Some(job) = next.take() {
        match job {
            Job::Batch(batch, answer) => group.batches.push((batch, answer)),
            alone => {
                group.alone = Some(alone);
                break;
            }
        }
        if group.batches.len() < GROUP {
            next = queue.try_recv().ok();
        }
    }
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
    let wrong = |e: rusqlite::Error| errors::sqlite(e);
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
        if let Some((expected, otherwise)) = &statement.expect
            && u64::try_from(count).ok() != Some(*expected)
        {
            return Err(Error::Conflict(otherwise.clone()));
        }
        answers.push(if statement.returning { rows } else { Vec::new() });
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    fn job() -> Job {
        Job::Batch(Batch::new(), oneshot::channel().0)
    }

    #[test]
    fn core_what_waits_is_committed_together_up_to_a_limit() {
        let (sender, queue) = sync_channel(2 * GROUP);
        (0..GROUP + 1).for_each(|_| sender.send(job()).unwrap());
        assert_eq!(group(&queue, job()).batches.len(), GROUP);
        assert_eq!(group(&queue, job()).batches.len(), 3, "the rest, without waiting for more");
    }

    #[test]
    fn a_script_comes_after_what_was_before_it() {
        let (sender, queue) = sync_channel(8);
        sender.send(job()).unwrap();
        sender.send(Job::Script("SELECT 1".into(), oneshot::channel().0)).unwrap();
        sender.send(job()).unwrap();
        let group = group(&queue, job());
        assert_eq!((group.batches.len(), group.alone.is_some()), (2, true));
        assert!(queue.try_recv().is_ok(), "what comes after it waits");
    }
}
