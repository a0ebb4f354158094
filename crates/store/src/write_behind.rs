//! Rows that nobody waits for: they gather for a moment and are written together, in the order in which they
//! came.
//!
//! What goes here may be lost with the process (the last 50 ms of it), so nothing that was promised to a
//! caller may hang on such a row alone. Readers that must see them call [`crate::Db::flush`] first.
use crate::db::{Backend, Batch, Statement};
use signet_base::{Error, Result};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Rows that wait at most; beyond it callers write their rows themselves.
const CAPACITY: usize = 20_000;
/// Rows of one transaction, and the count at which writing begins early.
const CHUNK: usize = 512;
/// How long a row waits at most.
const AGE: Duration = Duration::from_millis(50);

/// The queue of one database. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct WriteBehind(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Whoever writes holds this, so that order is kept and a flush waits for what is under way.
    writing: tokio::sync::Mutex<()>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    /// A row stays here until it is written.
    rows: VecDeque<Statement>,
    /// Rows that ever came.
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

    /// Takes a batch of rows over; gives it back when the queue is full or closed.
    pub fn push(&self, backend: &Arc<dyn Backend>, batch: Batch) -> Option<Batch> {
        let mut queue = self.queue();
        if queue.closed || queue.rows.len() + batch.len() > CAPACITY {
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

    /// Waits until everything that is queued now is written.
    pub async fn flush(&self, backend: &Arc<dyn Backend>) -> Result<()> {
        let until = {
            let queue = self.queue();
            if queue.rows.is_empty() {
                return Ok(());
            }
            queue.added
        };
        // A task of its own: a caller that goes away must not leave rows that are written and queued.
        let (me, backend) = (self.clone(), backend.clone());
        tokio::spawn(async move { me.write(&backend, until).await }).await.map_err(Error::internal)?
    }

    /// Writes what is queued and takes nothing more.
    pub async fn close(&self, backend: &Arc<dyn Backend>) {
        self.queue().closed = true;
        if let Err(error) = self.flush(backend).await {
            tracing::error!(%error, rows = self.queue().rows.len(), "queued rows could not be written");
        }
    }

    /// Runs as long as there are rows, so that an idle server has no timer.
    async fn run(self, backend: Arc<dyn Backend>) {
        loop {
            // Elapsed or woken: both mean that it is time.
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
                    // Callers wait for the queue, not for this.
                    drop(written);
                }
                Err(error @ Error::Unavailable(_)) => return Err(error),
                Err(_) => self.one_by_one(backend, count).await?,
            }
        }
    }

    /// One row is at fault (its account was removed meanwhile, for example); the others must not suffer for
    /// it.
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

/// Brings inserts with the same text together: a table's rows are cheaper one after the other. Whatever else
/// stands between them stays where it is, and texts keep the order in which they first came, so that a row
/// still follows what it refers to.
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
    Batch { statements, relaxed: true }
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
