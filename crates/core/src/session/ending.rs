//! Sessions that end with what was granted within them.
use super::{WebSession, impersonation};
use crate::Core;
use signet_base::{Result, Uuid};
use signet_store::{Batch, epoch, grants, sessions};

/// Ends every session of a person, with what was granted within it, but the one with this uuid. What does not
/// hang on a session stays: see [`directory::end_all`](crate::directory::end_all).
pub async fn end_all(core: &Core, user: i64, except: Option<Uuid>) -> Result<()> {
    core.db.flush().await?;
    core.db.batch(epoch::end_sessions(user, except)).await.map(drop)
}

/// Ends a session with what was granted within it.
pub async fn end(core: &Core, session: &sessions::Session) -> Result<()> {
    core.db.flush().await?;
    core.db
        .batch(sessions::delete_by_uuid_batch(session.uuid).then(revocation(core, session)))
        .await
        .map(drop)
}

/// Takes back what a session granted: to its owner, and to the person as whom they act.
pub(super) async fn revoke(core: &Core, session: &sessions::Session) -> Result<()> {
    core.db.flush().await?;
    core.db.batch(revocation(core, session)).await.map(drop)
}
fn revocation(core: &Core, session: &sessions::Session) -> Batch {
    let people = session.user_id.into_iter().chain(impersonation::of_row(core, session));
    people.fold(Batch::new(), |batch, user| batch.then(grants::revoke_session_batch(user, session.uuid)))
}

/// The person leaves a session by themselves: access tokens and codes that were given within it end. A
/// refresh token was asked for to be used without the person, and stays.
pub async fn close(core: &Core, session: &WebSession) -> Result<()> {
    let (Some(person), Some(uuid)) = (session.principal(), session.uuid()) else { return Ok(()) };
    end_access(core, person.session_owner(), uuid).await
}
/// The same for one that ends by time.
pub(super) async fn end_access(core: &Core, user: i64, session: Uuid) -> Result<()> {
    core.db.flush().await?;
    core.db.batch(grants::end_access_batch(user, session, core.now())).await.map(drop)
}
