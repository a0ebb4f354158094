//! Rows beside the directory that somebody changes or deletes by hand: sessions, grants, consents, invitations, scores. The
//! statements are the caller's, the event is in the same commit.
use super::told;
use super::transaction::Transaction;
use crate::event::EventAction;
use crate::event::diff;
use crate::session;
use signet_base::{Json, Map, Result, json};
use signet_model::TableDef;
use signet_store::epoch::{self, KeptSession};
use signet_store::sessions::{self, Session};
use signet_store::table::Record;
use signet_store::{Batch, users};

/// How events name a row of a declared table.
pub fn row_model(def: &TableDef, pk: impl Into<Json>, label: &str) -> Json {
    let (app, name) = def.names();
    json!({"app": app, "model_name": name, "pk": pk.into(), "name": label})
}
/// How events name a session.
pub fn session_model(session: &Session) -> Json {
    row_model(Session::TABLE, session.uuid.to_string(), &session.ip)
}

impl Transaction<'_> {
    /// A row that the statements create.
    pub fn create_row(&mut self, model: &Json, row: &Map, batch: Batch) {
        self.add(batch);
        let changed = diff::between(&Map::new(), row, self.secret_paths());
        self.tell(EventAction::ModelCreated, told(model, changed));
    }
    /// A row that the statements change.
    pub fn update_row(&mut self, model: &Json, before: &Map, after: &Map, batch: Batch) {
        self.add(batch);
        let changed = diff::between(before, after, self.secret_paths());
        self.tell(EventAction::ModelUpdated, told(model, changed));
    }
    /// A row that the statements delete.
    pub fn delete_row(&mut self, model: &Json, batch: Batch) {
        self.add(batch);
        self.tell(EventAction::ModelDeleted, told(model, Map::new()));
    }
    /// Ends a session with its grants.
    pub async fn end_session(&mut self, session: &Session) -> Result<()> {
        // Rows of tokens that wait to be written are marked as revoked as well.
        self.core.db.flush().await?;
        self.delete_row(&session_model(session), session::end_batch(self.core, session));
        Ok(())
    }
    /// Ends everything of an account: sessions (each has its event), grants, links, recovery keys, what browsers remember, runs
    /// on their way. Of an account that does not exist nothing.
    pub async fn end_all(&mut self, user: i64, spared: &KeptSession) -> Result<()> {
        if users::by_id(&self.core.db, user).await?.is_none() {
            return Ok(());
        }
        for session in sessions::of_user(&self.core.db, user).await? {
            if spared.session != Some(session.uuid) {
                self.tell(EventAction::ModelDeleted, told(&session_model(&session), Map::new()));
            }
        }
        self.add(epoch::end(user, spared));
        Ok(())
    }
}
