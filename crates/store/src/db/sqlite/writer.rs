//! The one thread that writes: what waits is committed together.
use super::checkpoint::Checkpoints;
use super::queue::{Group, Queue};
use super::{Answer, GATHER, collect};
use crate::db::{Batch, errors};
use crate::recent::any_makes_old;
use rusqlite::{CachedStatement, Connection, ErrorCode};
use signet_base::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

pub(super) struct Writer {
    /// Before the connection, so that it also ends before it.
    checkpoints: Checkpoints,
    conn: Connection,
    commits: Arc<AtomicU64>,
    /// Commits after which what was read before is old: see `recent`.
    changes: Arc<AtomicU64>,
    sync: Option<bool>,
    never_sync: bool,
}

impl Writer {
    pub(super) fn new(path: &Path, mut conn: Connection, commits: Arc<AtomicU64>, changes: Arc<AtomicU64>, never_sync: bool) -> rusqlite::Result<Self> {
        Ok(Self { checkpoints: Checkpoints::new(path, &mut conn)?, conn, commits, changes, sync: None, never_sync })
    }
    pub(super) fn run(&mut self, queue: &Queue) {
        let (mut last, mut patience, mut skip) = (1, GATHER, 0);
        while let Some(Group { batches, script, gained }) = queue.next(last, if skip == 0 { patience } else { Duration::ZERO }) {
            skip = match gained {
                Some(0) => SKIP,
                Some(_) => 0,
                None => skip.saturating_sub(1),
            };
            last = batches.len();
            let began = Instant::now();
            self.commit(batches);
            // Where a commit is quick the wait is as short.
            patience = (began.elapsed() / 2).min(GATHER);
            if let Some((sql, answer)) = script {
                let _ = answer.send(self.script(&sql));
            }
        }
    }

    /// One commit for the group, then the answers.
    fn commit(&mut self, group: Vec<(Batch, oneshot::Sender<Answer>)>) {
        if group.is_empty() {
            return;
        }
        let (batches, senders): (Vec<Batch>, Vec<_>) = group.into_iter().unzip();
        let answers = match self.together(&batches) {
            Ok(answers) => answers,
            // A deferred constraint shows only at the commit: each on its own, so that only the guilty one fails.
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) && batches.len() > 1 => {
                batches.iter().map(|batch| self.together(std::slice::from_ref(batch)).map_err(|e| errors::sqlite(&e)).and_then(only)).collect()
            }
            Err(e) => batches.iter().map(|_| Err(errors::sqlite(&e))).collect(),
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

    /// One commit for all. Refusals are rare, so the first try goes without savepoints, which copy every page that changes;
    /// only when a batch fails does each get one of its own.
    fn together(&mut self, batches: &[Batch]) -> rusqlite::Result<Vec<Answer>> {
        self.set_sync(batches.iter().any(|b| !b.relaxed))?;
        match self.transaction(|conn| plainly(conn, batches)) {
            Ok(Some(answers)) => Ok(answers),
            Ok(None) => self.transaction(|conn| apart(conn, batches).map(Some)).map(Option::unwrap_or_default),
            Err(e) => Err(e),
        }
    }

    /// Commits what `work` did; `None` from it undoes everything.
    fn transaction(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<Option<Vec<Answer>>>) -> rusqlite::Result<Option<Vec<Answer>>> {
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

    fn script(&mut self, sql: &str) -> Answer {
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

/// Groups that do not wait after one that waited in vain: whoever computes for long between two commits is not back in time.
const SKIP: u32 = 8;

fn only(mut answers: Vec<Answer>) -> Answer {
    answers.pop().unwrap_or_else(|| Err(Error::internal("a batch without an answer")))
}

fn aborted() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR), Some("the transaction was aborted".into()))
}

/// All batches, one after the other; `None` at the first that fails.
fn plainly(conn: &Connection, batches: &[Batch]) -> rusqlite::Result<Option<Vec<Answer>>> {
    let answers: Vec<Answer> = batches.iter().map(|batch| run(conn, batch)).take_while(Result::is_ok).collect();
    Ok((answers.len() == batches.len()).then_some(answers))
}

/// Every batch in a savepoint of its own, so that one that fails leaves the others as they are.
fn apart(conn: &Connection, batches: &[Batch]) -> rusqlite::Result<Vec<Answer>> {
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

fn run(conn: &Connection, batch: &Batch) -> Answer {
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
            (prepared.execute(rusqlite::params_from_iter(statement.params.iter())).map_err(wrong)?, Vec::new())
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
