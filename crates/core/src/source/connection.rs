//! Connections of accounts with a source: their events, and their end.
use super::SourceSettings;
use crate::directory::{Author, Transaction, model_of};
use crate::event::EventAction;
use crate::{Core, Principal};
use signet_base::{Error, Json, Result, json};
use signet_model::Object;
use signet_store::source_connections::{self, UserConnection};
use signet_store::users::User;

/// What events tell of a connection.
pub(crate) fn context(source: &Object, user: &User) -> Json {
    json!({"source": Core::model_event(source), "user": model_of("user", json!(user.id), &user.username)})
}
/// The event of a new connection, for the commit of it.
pub fn event_of_link(all: &mut Transaction<'_>, source: &Object, user: &User) {
    all.event(EventAction::SourceLinked, context(source, user));
}

/// Ends a connection: the source signs this account in no more. Memberships that the source gave end with it.
pub async fn unlink(core: &Core, author: &Author, connection: &UserConnection) -> Result<()> {
    let config = core.config();
    let mut all = Transaction::new(core, author);
    all.also(source_connections::delete_user(connection.id));
    let person = Principal::load_any(core, connection.user_id).await?;
    if let (Some(source), Some(person)) = (config.get(connection.source), &person) {
        super::groups::leave_all(&mut all, source, person).await?;
        let name = SourceSettings::of(source).map(|s| s.name).unwrap_or_default();
        let label = format!("{name}: {}", person.user.username);
        let model = model_of("usersourceconnection", json!(connection.id), &label);
        all.event(EventAction::ModelDeleted, json!({"model": model}));
    }
    match all.commit().await {
        Err(Error::Conflict(_)) => Err(Error::NotFound),
        done => done.map(drop),
    }
}
