//! Sessions that end with what was granted within them.
use super::acting;
use crate::Core;
use signet_base::{Result, Uuid};
use signet_store::{grants, sessions};

/// Ends every session of a person, with what was granted within it, but the one with this uuid.
pub async fn end_all(core: &Core, user: i64, except: Option<Uuid>) -> Result<()> {
    let ended: Vec<_> = sessions::of_user(&core.db, user).await?.into_iter().filter(|s| Some(s.uuid) != except).collect();
    sessions::delete_for_user(&core.db, user, except).await?;
    for session in ended {
        revoke(core, &session).await?;
    }
    Ok(())
}

/// Ends a session with what was granted within it.
pub async fn end(core: &Core, session: &sessions::Session) -> Result<()> {
    sessions::delete_by_uuid(&core.db, session.uuid).await?;
    revoke(core, session).await
}

/// Takes back what a session granted: to its owner, and to the person as whom they act.
pub(super) async fn revoke(core: &Core, session: &sessions::Session) -> Result<()> {
    let acts_as = acting::of_row(core, session);
    for user in session.user_id.into_iter().chain(acts_as) {
        grants::revoke_session(&core.db, user, session.uuid).await?;
    }
    Ok(())
}
