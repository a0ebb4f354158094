//! Sessions of people who have not signed in yet, on SQLite: one process serves them all, so what a step of a
//! flow changes waits here for a moment and is written together with others. Reads look here first. The last
//! half second may be lost with the process, as with its power: somebody then begins a sign-in again.
//!
//! A session that was ended or replaced leaves a mark, so that a request that began before cannot bring it
//! back.
use crate::db::{Backend, Batch, Db};
use crate::rows::sessions::{self, Session, Written};
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
    /// New ones that have been written: a request that began before must not make them once more.
    stored: HashMap<String, Instant>,
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

    /// Takes a change of the version that `session` names over. `new`: when it was read, the session was not in
    /// the database. `None`: not here, the database judges.
    pub fn keep(&self, backend: &Arc<dyn Backend>, session: &Session, new: bool) -> Option<Written> {
        let mut state = self.state();
        if state.ended.contains_key(&session.id) {
            return Some(Written::Gone);
        }
        let full = state.closed || state.waiting.len() >= CAPACITY;
        let unwritten = match state.waiting.get(&session.id) {
            Some(before) if new || before.session.version != session.version => {
                return Some(Written::Changed);
            }
            Some(before) => before.new,
            None if new && state.stored.contains_key(&session.id) => return Some(Written::Changed),
            None if new && !full => true,
            None => return None,
        };
        state.changes += 1;
        let change = state.changes;
        let session = Session { version: session.version + i64::from(!new), ..session.clone() };
        state.waiting.insert(session.id.clone(), PendingSession { session, new: unwritten, change });
        if !state.running {
            state.running = true;
            tokio::spawn(self.clone().run(backend.clone()));
        }
        Some(Written::Done)
    }

    /// As [`keep`](Self::keep), but written now, synced, in one commit with `with`. Where that fails, the session here is
    /// what it was.
    pub async fn write_now(
        &self,
        (db, backend): (&Db, &Arc<dyn Backend>),
        session: &Session,
        new: bool,
        with: Batch,
    ) -> Result<Written> {
        let (id, next) = (&session.id, session.version + i64::from(!new));
        // Nothing of it is written by others meanwhile.
        let _turn = self.0.writing.lock().await;
        let before = self.state().waiting.get(id).map(|it| (it.session.clone(), it.new, it.change));
        match self.keep(backend, session, new) {
            Some(Written::Done) => {}
            Some(other) => return Ok(other),
            None if new => return sessions::insert(db, with.then(sessions::put_batch(session, true))).await,
            None => return sessions::update_in(db, session, with).await,
        }
        let unwritten = before.as_ref().map_or(new, |(_, new, _)| *new);
        let row = Session { version: next, ..session.clone() };
        let written = sessions::insert(db, with.then(sessions::write_batch(&row, unwritten))).await;
        let mut state = self.state();
        if matches!(written, Ok(Written::Changed)) && !unwritten {
            // The row is gone: it stays ended.
            state.waiting.remove(id);
            state.ended.insert(id.clone(), Instant::now());
            return Ok(Written::Gone);
        }
        let is_done = matches!(written, Ok(Written::Done));
        if is_done && unwritten {
            state.stored.insert(id.clone(), Instant::now());
        }
        match state.waiting.get_mut(id) {
            // Another request was behind it.
            Some(later) if later.session.version != next => later.new &= !is_done,
            _ => {
                state.waiting.remove(id);
                if let (false, Some((session, new, change))) = (is_done, before) {
                    state.waiting.insert(id.clone(), PendingSession { session, new, change });
                }
            }
        }
        written
    }

    /// Ends this version of a session here. The caller changes the database while it holds the guard. `None`: the
    /// session is not here, the database judges.
    pub async fn end_version(
        &self,
        id: &str,
        version: i64,
    ) -> (tokio::sync::MutexGuard<'_, ()>, Option<Written>) {
        let here = {
            let mut state = self.state();
            match state.waiting.get(id) {
                Some(before) if before.session.version != version => Some(Written::Changed),
                Some(_) => {
                    state.waiting.remove(id);
                    state.ended.insert(id.to_owned(), Instant::now());
                    Some(Written::Done)
                }
                None => None,
            }
        };
        (self.0.writing.lock().await, here)
    }

    /// A session has ended in the database.
    pub fn mark_ended(&self, id: &str) {
        self.state().ended.insert(id.to_owned(), Instant::now());
    }
    /// Ends a session here. The caller changes the database while it holds the guard.
    pub async fn end(&self, id: &str) -> tokio::sync::MutexGuard<'_, ()> {
        self.mark_ended(id);
        self.state().waiting.remove(id);
        self.0.writing.lock().await
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
                state.stored.retain(|_, at| at.elapsed() < MARK);
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
                    Some(visit) if visit.change == change => {
                        if visit.new {
                            state.stored.insert(id.clone(), Instant::now());
                        }
                        state.waiting.remove(&id);
                    }
                    Some(visit) => visit.new = false,
                    None => {}
                }
            }
        }
    }
}
