//! A session is written as the next version of the one that was read. Where another request of the same session was
//! first, what both have changed is merged, and written again.
use super::{State, WebSession, Write};
use crate::Core;
use crate::flow::sealed;
use signet_base::{Error, Json, Result};
use signet_store::Batch;
use signet_store::sessions::{self, Session, Written};

/// The stored session as this request has read it.
pub(super) struct Stored {
    pub version: i64,
    /// Sealed.
    pub data: Json,
}

/// Each try that fails is one in which another request got through.
const TRIES: usize = 32;
const ENDED: &str = "The session has ended. Sign in again.";

/// Whether an error says that the session has ended while the request ran.
pub fn has_ended(error: &Error) -> bool {
    matches!(error, Error::Denied(text) if text == ENDED)
}

impl WebSession {
    /// Writes the row; `with` what a sign-in changes beside it, in the same commit. Gives the row as it was written.
    pub(super) async fn store(&mut self, core: &Core, mut row: Session, with: Batch) -> Result<Session> {
        for _ in 0..TRIES {
            match self.write_version(core, &mut row, with.clone()).await? {
                Written::Done => {
                    self.replaces = None;
                    self.beside = Batch::new();
                    self.stored = Some(Stored { version: row.version, data: std::mem::take(&mut row.data) });
                    return Ok(row);
                }
                Written::Changed => self.merge_stored(core, &mut row, !with.is_empty()).await?,
                // A stranger's key under which a session has ended: begun anew under another one.
                Written::Gone if self.stored.is_none() && self.principal.is_none() => {
                    self.rekey(core);
                    row.id = core.vault.timed_digest("session", &self.key);
                    row.data = self.sealed_state(core, &row.id)?;
                }
                // It stays ended.
                Written::Gone => return Err(Error::denied(ENDED)),
            }
        }
        Err(Error::Unavailable("a session is changed by too many requests at once".into()))
    }

    /// The state as it is stored in the row with this id.
    pub(super) fn sealed_state(&self, core: &Core, id: &str) -> Result<Json> {
        sealed::seal(&core.vault, id, serde_json::to_value(&self.state)?)
    }

    /// One try.
    async fn write_version(&self, core: &Core, row: &mut Session, with: Batch) -> Result<Written> {
        let look = self.look(core);
        let (signs_in, with) = (!with.is_empty(), with.then(self.beside.clone()));
        let begin =
            async |row: &Session, with| sessions::begin(&core.db, row, with).await.map(|()| Written::Done);
        match (&self.replaces, &self.stored) {
            // A sign-in gives a new key; where the old row is gone already there is nothing to carry over.
            (Some(old), Some(stored)) => {
                let old = core.vault.timed_digest("session", old);
                match sessions::rotate(&core.db, &old, stored.version, row, with.clone().then(look.clone()))
                    .await?
                {
                    Written::Gone => begin(row, with.then(look)).await,
                    written => Ok(written),
                }
            }
            // Another request may have kept a run under the old key meanwhile.
            (Some(old), None) => {
                match sessions::get(&core.db, &core.vault.timed_digest("session", old)).await? {
                    Some(_) => Ok(Written::Changed),
                    None => begin(row, with.then(look)).await,
                }
            }
            (None, _) if signs_in => begin(row, with).await,
            (None, Some(stored)) => {
                row.version = stored.version;
                let written = match with.is_empty() {
                    true => sessions::update(&core.db, row, self.write == Write::Durable).await?,
                    false => sessions::update_with(&core.db, row, with).await?,
                };
                row.version += i64::from(written == Written::Done);
                Ok(written)
            }
            (None, None) if !with.is_empty() => sessions::put_with(&core.db, row, with).await,
            (None, None) => sessions::put(&core.db, row, self.write == Write::Durable).await,
        }
    }

    /// Takes over what another request has written. Whoever signs out, or begins or ends to act as somebody else, leaves
    /// the runs of others behind.
    async fn merge_stored(&mut self, core: &Core, row: &mut Session, signs_in: bool) -> Result<()> {
        let id = core.vault.timed_digest("session", self.replaces.as_ref().unwrap_or(&self.key));
        let before = self.stored.take();
        let Some(found) = sessions::get(&core.db, &id).await? else {
            self.stored = before.filter(|_| self.replaces.is_none());
            return Ok(());
        };
        // A state that cannot be read has no binding to hold this request to: the session is over.
        let open = |data: Json| {
            State::decode(sealed::open(&core.vault, &id, data)).ok_or_else(|| Error::denied(ENDED))
        };
        if self.replaces.is_none() {
            if found.user_id != row.user_id {
                return Err(Error::denied(ENDED));
            }
            (row.uuid, row.created) = (found.uuid, found.created);
        }
        if self.replaces.is_none() || signs_in {
            let base = before.map(|stored| open(stored.data)).transpose()?.unwrap_or_default();
            let own = std::mem::take(&mut self.state);
            let last_page = |state: &State| state.plan.as_ref().and_then(|plan| plan.over.clone());
            let ended = last_page(&own);
            self.state = own.merge(&base, open(found.data.clone())?, signs_in);
            self.overtaken |= ended.is_some() && last_page(&self.state) != ended;
            self.state.bound();
        }
        row.data = self.sealed_state(core, &row.id)?;
        row.auth = serde_json::to_value(&self.state.authentication)?;
        self.stored = Some(Stored { version: found.version, data: found.data });
        Ok(())
    }
}
