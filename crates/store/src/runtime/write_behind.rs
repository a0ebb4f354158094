//! Write-behind queue: rows that nobody waits for are collected briefly and written together, in order.
//!
//! The last 50 ms may be lost if the process is killed, so no promise may depend on such a row alone. Readers
//! that must see queued rows call [`crate::Db::flush`] first.
use super::Touches;
use crate::db::{Backend, Batch, Statement};
use signet_base::{Error, Result};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Maximum number of queued rows; beyond it callers write their rows themselves.
const CAPACITY: usize = 20_000;
/// Rows per transaction, and the count at which writing starts early.
const CHUNK: usize = 512;
/// Maximum time a row is queued.
const AGE: Duration = Duration::from_millis(50);

/// The queue of one database. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct WriteBehind(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Held while writing, so that order is preserved and a flush waits for a write in progress.
    writing: tokio::sync::Mutex<()>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    /// A row stays in the queue until it is written.
    rows: VecDeque<Statement>,
    /// Number of rows ever queued.
    added: u64,
    running: bool,
    closed: bool,
}

impl Queue {
    fn done(&self) -> u64 {
        self.added - self.rows.len() as u64
    }
}

impl WriteBehind {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a batch of rows; returns it if the queue is full or closed, or if it touches what is cached.
    pub fn push(&self, backend: &Arc<dyn Backend>, batch: Batch) -> Option<Batch> {
        let mut queue = self.queue();
        if queue.closed || batch.touched() != Touches::Nothing || queue.rows.len() + batch.len() > CAPACITY {
            return Some(batch);
        }
        queue.added += batch.len() as u64;
        queue.rows.extend(batch.statements);
        if queue.rows.len() >= CHUNK {
            self.0.wake.notify_one();
        }
        if !queue.running {
            queue.running = true;
            tokio::spawn(self.clone().run(backend.clone()));
        }
        None
    }

    /// Waits until all rows queued so far are written.
    pub async fn flush(&self, backend: &Arc<dyn Backend>) -> Result<()> {
        let until = {
            let queue = self.queue();
            if queue.rows.is_empty() {
                return Ok(());
            }
            queue.added
        };
        // A task of its own: a cancelled caller must not leave rows both written and queued.
        let (me, backend) = (self.clone(), backend.clone());
        tokio::spawn(async move { me.write(&backend, until).await }).await.map_err(Error::internal)?
    }

    /// Writes the queued rows and closes the queue.
    pub async fn close(&self, backend: &Arc<dyn Backend>) {
        self.queue().closed = true;
        if let Err(error) = self.flush(backend).await {
            tracing::error!(%error, rows = self.queue().rows.len(), "queued rows could not be written");
        }
    }

    /// Runs while there are rows, so that an idle server has no timer.
    async fn run(self, backend: Arc<dyn Backend>) {
        loop {
            // Timed out or woken: write now.
            let _ = tokio::time::timeout(AGE, self.0.wake.notified()).await;
            let until = self.queue().added;
            let written = self.write(&backend, until).await;
            {
                let mut queue = self.queue();
                if queue.rows.is_empty() || queue.closed {
                    queue.running = false;
                    return;
                }
            }
            if let Err(error) = written {
                tracing::warn!(%error, "queued rows cannot be written now");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    async fn write(&self, backend: &Arc<dyn Backend>, until: u64) -> Result<()> {
        let _turn = self.0.writing.lock().await;
        loop {
            let chunk: Vec<Statement> = {
                let queue = self.queue();
                if queue.done() >= until {
                    return Ok(());
                }
                queue.rows.iter().take(CHUNK).cloned().collect()
            };
            let count = chunk.len();
            match backend.batch(relaxed(by_table(chunk))).await {
                Ok(_) => {
                    let written: Vec<Statement> = self.queue().rows.drain(..count).collect();
                    // Released early: callers wait for the queue.
                    drop(written);
                }
                Err(error @ Error::Unavailable(_)) => return Err(error),
                Err(_) => self.one_by_one(backend, count).await?,
            }
        }
    }

    /// Writes rows one by one: one of them is invalid (for example, its account was deleted); the others must
    /// be written.
    async fn one_by_one(&self, backend: &Arc<dyn Backend>, count: usize) -> Result<()> {
        for _ in 0..count {
            let Some(row) = self.queue().rows.front().cloned() else { return Ok(()) };
            match backend.batch(relaxed(vec![row])).await {
                Ok(_) => {}
                Err(error @ Error::Unavailable(_)) => return Err(error),
                Err(error) => tracing::warn!(%error, "a queued row was refused by the database"),
            }
            self.queue().rows.pop_front();
        }
        Ok(())
    }
}

/// Groups inserts with equal SQL: multi-row inserts are cheaper. Other statements keep their position, and
/// SQL texts keep the order of their first occurrence, so that a row still follows the rows it refers to.
fn by_table(statements: Vec<Statement>) -> Vec<Statement> {
    let mut ordered = Vec::with_capacity(statements.len());
    let mut inserts: Vec<Vec<Statement>> = Vec::new();
    for statement in statements {
        if !statement.is_plain_insert() {
            ordered.extend(inserts.drain(..).flatten());
            ordered.push(statement);
            continue;
        }
        match inserts.iter_mut().find(|alike| alike[0].sql == statement.sql) {
            Some(alike) => alike.push(statement),
            None => inserts.push(vec![statement]),
        }
    }
    ordered.extend(inserts.into_iter().flatten());
    ordered
}

fn relaxed(statements: Vec<Statement>) -> Batch {
    Batch { statements, touches: Touches::Nothing, ..Batch::relaxed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    #[test]
    fn inserts_come_together_and_nothing_else_moves() {
        let (a, b, c) =
            ("INSERT INTO a (x) VALUES (?)", "INSERT INTO b (x) VALUES (?)", "UPDATE a SET x = ?");
        let batch = [a, b, a, c, b, a, b]
            .iter()
            .zip(0_i64..)
            .fold(Batch::new(), |batch, (sql, n)| batch.add(*sql, params![n]));
        let found: Vec<_> =
            by_table(batch.statements).iter().map(|s| (s.sql.to_string(), s.params.to_vec())).collect();
        let expected = [(a, 0_i64), (a, 2), (b, 1), (c, 3), (b, 4), (b, 6), (a, 5)];
        assert_eq!(found, expected.map(|(sql, n)| (sql.to_owned(), params![n])));
    }
}
