//! Sessions of people who have not signed in yet, on SQLite: one process serves them all, so what a step of a
//! flow changes waits here for a moment and is written together with others. Reads look here first. The last
//! half second may be lost with the process, as with its power: somebody then begins a sign-in again.
//!
//! A session that was ended or replaced leaves a mark, so that a request that began before cannot bring it
//! back.
use crate::db::{Backend, Batch};
use crate::rows::sessions::{self, Session};
use signet_base::Result;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Sessions that wait at most; beyond it callers write their own.
const CAPACITY: usize = 20_000;
/// Sessions of one transaction.
const CHUNK: usize = 512;
/// How long a change waits.
const AGE: Duration = Duration::from_millis(500);
/// How long a mark stays: longer than any request.
const MARK: Duration = Duration::from_secs(300);

/// The waiting sessions of one database. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct PendingSessions(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Whoever writes holds this, so that ending a session waits for a write of it that is under way.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    waiting: HashMap<String, PendingSession>,
    ended: HashMap<String, Instant>,
    changes: u64,
    running: bool,
    closed: bool,
}

struct PendingSession {
    session: Session,
    /// Not in the database yet.
    new: bool,
    /// Which change this is.
    change: u64,
}

/// What is known here of a session.
pub(crate) enum Known {
    Waiting(Box<Session>),
    Ended,
    /// The database knows.
    No,
}

impl PendingSessions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn find(&self, id: &str) -> Known {
        let state = self.state();
        match state.waiting.get(id) {
            Some(visit) => Known::Waiting(Box::new(visit.session.clone())),
            None if state.ended.contains_key(id) => Known::Ended,
            None => Known::No,
        }
    }

    /// Takes a change over. `new`: the session is not in the database. `None` when there is no room; else
    /// whether the session is still there.
    pub fn keep(&self, backend: &Arc<dyn Backend>, session: &Session, new: bool) -> Option<bool> {
        let mut state = self.state();
        if state.ended.contains_key(&session.id) {
            return Some(false);
        }
        if state.closed || state.waiting.len() >= CAPACITY {
            return None;
        }
        state.changes += 1;
        let change = state.changes;
        let new = state.waiting.get(&session.id).map_or(new, |before| before.new);
        state.waiting.insert(session.id.clone(), PendingSession { session: session.clone(), new, change });
        if !state.running {
            state.running = true;
            tokio::spawn(self.clone().run(backend.clone()));
        }
        Some(true)
    }

    /// Ends a session here. The caller changes the database while it holds the guard. Says whether it was
    /// waiting.
    pub async fn end(&self, id: &str) -> (tokio::sync::MutexGuard<'_, ()>, bool) {
        let was_waiting = {
            let mut state = self.state();
            state.ended.insert(id.to_owned(), Instant::now());
            state.waiting.remove(id).is_some()
        };
        (self.0.writing.lock().await, was_waiting)
    }

    /// Writes what waits and takes nothing more.
    pub async fn close(&self, backend: &Arc<dyn Backend>) {
        self.state().closed = true;
        while !self.state().waiting.is_empty() {
            if let Err(error) = self.write(backend).await {
                tracing::error!(%error, "sessions of people who sign in could not be written");
                return;
            }
        }
    }

    /// Runs as long as something waits, so that an idle server has no timer.
    async fn run(self, backend: Arc<dyn Backend>) {
        loop {
            tokio::time::sleep(AGE).await;
            let written = self.write(&backend).await;
            {
                let mut state = self.state();
                state.ended.retain(|_, at| at.elapsed() < MARK);
                if state.waiting.is_empty() || state.closed {
                    state.running = false;
                    return;
                }
            }
            if let Err(error) = written {
                tracing::warn!(%error, "sessions of people who sign in cannot be written now");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    /// Writes what waits now.
    async fn write(&self, backend: &Arc<dyn Backend>) -> Result<()> {
        let _turn = self.0.writing.lock().await;
        let until = self.state().changes;
        loop {
            let mut batch = Batch::relaxed();
            let mut taken = Vec::new();
            {
                let state = self.state();
                for (id, visit) in state.waiting.iter().filter(|(_, visit)| visit.change <= until).take(CHUNK)
                {
                    taken.push((id.clone(), visit.change));
                    batch = batch.then(sessions::write_batch(&visit.session, visit.new));
                }
            }
            if taken.is_empty() {
                return Ok(());
            }
            backend.batch(batch).await?;
            let mut state = self.state();
            for (id, change) in taken {
                match state.waiting.get_mut(&id) {
                    Some(visit) if visit.change == change => drop(state.waiting.remove(&id)),
                    Some(visit) => visit.new = false,
                    None => {}
                }
            }
        }
    }
}
