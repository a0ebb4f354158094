//! Ending sessions together with their grants.
use super::participants::look_batch;
use super::{WebSession, impersonation};
use crate::Core;
use signet_base::{Result, Uuid};
use signet_store::{Batch, epoch, grants, sessions};

/// Ends all sessions of a user but the one with this uuid, with the grants of each. For grants without a
/// session see [`directory::end_all`](crate::directory::end_all).
pub async fn end_all(core: &Core, user: i64, except: Option<Uuid>) -> Result<()> {
    core.db.flush().await?;
    core.db.batch(epoch::end_sessions(user, except).then(look_batch(core, user))).await.map(drop)
}

/// Ends a session with its grants.
pub(super) async fn end(core: &Core, session: &sessions::Session) -> Result<()> {
    core.db.flush().await?;
    core.db.batch(end_batch(core, session)).await.map(drop)
}
/// [`end`] as part of a batch; `Db::flush` goes before it.
pub fn end_batch(core: &Core, session: &sessions::Session) -> Batch {
    sessions::delete_by_uuid_batch(session.uuid).then(revocation(core, session))
}

/// Revokes an ended session's grants: its user's, and those of the impersonated user.
pub(super) async fn revoke(core: &Core, session: &sessions::Session) -> Result<()> {
    core.db.flush().await?;
    core.db.batch(revocation(core, session)).await.map(drop)
}
fn revocation(core: &Core, session: &sessions::Session) -> Batch {
    let people = session.user_id.into_iter().chain(impersonation::of_row(core, session));
    let look = session.user_id.map_or_else(Batch::new, |user| look_batch(core, user));
    people.fold(look, |batch, user| batch.then(grants::revoke_session_batch(user, session.uuid)))
}

/// Ends a session on sign-out: its access tokens and codes are revoked. Refresh tokens (`offline_access`) are
/// meant to be used without the user, and stay.
pub async fn close(core: &Core, session: &WebSession) -> Result<()> {
    let (Some(person), Some(uuid)) = (session.principal(), session.uuid()) else { return Ok(()) };
    end_access(core, person.session_owner(), uuid).await
}
/// The same for a session that has expired.
pub(super) async fn end_access(core: &Core, user: i64, session: Uuid) -> Result<()> {
    core.db.flush().await?;
    core.db.batch(grants::end_access_batch(user, session, core.now())).await.map(drop)
}
