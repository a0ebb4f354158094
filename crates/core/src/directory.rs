//! Changes of accounts, in one place for every writer: the API, flows, blueprints, the command line.
//!
//! An account has an epoch: see [`signet_store::epoch`]. A new password, a deactivation, the end of
//! everything and an administrator's reset of second factors raise it, and nothing that was made before
//! counts any more.
use crate::{Client, Core, Principal, WebSession, device};
use signet_base::{Error, Result};
use signet_store::devices::{self, Device};
use signet_store::epoch::{self, KeptSession};
use signet_store::users::{self, User, UserQuery};
use signet_store::{Batch, ListQuery};

/// What stays when the person whose browser this is changes their own account.
pub fn spared(core: &Core, client: &Client, session: Option<&WebSession>, user: i64) -> KeptSession {
    let own = session
        .filter(|s| s.principal().is_some_and(|p| p.session_owner() == user && p.impersonator.is_none()));
    own.map_or_else(KeptSession::default, |own| KeptSession {
        session: own.uuid(),
        device: device::digest(core, client),
    })
}

/// A new password; the account's new epoch.
pub async fn set_password(core: &Core, user: i64, hash: &str, spared: &KeptSession) -> Result<i64> {
    commit(core, users::set_password_batch(user, hash, spared, core.now())).await
}
/// Ends everything: sessions, grants, links, recovery keys, what browsers remember, runs on their way. The
/// new epoch.
pub async fn end_all(core: &Core, user: i64, spared: &KeptSession) -> Result<i64> {
    commit(core, epoch::end(user, spared)).await
}
/// An administrator takes a second factor away: whoever has shown it, or waits to, begins anew.
pub async fn reset_factor(core: &Core, device: &Device, spared: &KeptSession) -> Result<i64> {
    commit(core, devices::delete_batch(device.id).then(epoch::end(device.user_id, spared))).await
}

async fn commit(core: &Core, batch: Batch) -> Result<i64> {
    // Rows of tokens that wait to be written are marked as revoked as well.
    core.db.flush().await?;
    match core.db.batch(batch).await {
        Ok(answers) => epoch::of(&answers)?.ok_or(Error::NotFound),
        Err(Error::Conflict(tag)) if tag == "no such row" => Err(Error::NotFound),
        Err(error) => Err(error),
    }
}

/// Why nobody takes the last administrator away.
pub const LAST_ADMINISTRATOR: &str =
    "This is the last active administrator: somebody must be able to get in.";

/// Whether the account is the only active administrator who is a person.
pub async fn is_last_administrator(core: &Core, user: i64) -> Result<bool> {
    let person = match Principal::load(core, user).await? {
        Some(person) if person.is_superuser => person,
        _ => return Ok(false),
    };
    if !is_person(&person.user) {
        return Ok(false);
    }
    let list = ListQuery::first(2).equal("is_active", true).any("type", PEOPLE);
    let query = UserQuery { is_superuser: Some(true), ..list.into() };
    let (administrators, _) = users::list(&core.db, &query).await?;
    Ok(administrators.iter().all(|other| other.id == user))
}
const PEOPLE: [&str; 2] = ["internal", "external"];
fn is_person(user: &User) -> bool {
    PEOPLE.contains(&user.user_type.as_str())
}

/// Refuses a change that would leave nobody who can administrate.
pub async fn keeps_an_administrator(core: &Core, before: &User, after: &User) -> Result<()> {
    let leaves = before.is_active && is_person(before) && (!after.is_active || !is_person(after));
    if leaves && is_last_administrator(core, before.id).await? {
        return Err(Error::invalid("is_active", LAST_ADMINISTRATOR));
    }
    Ok(())
}
