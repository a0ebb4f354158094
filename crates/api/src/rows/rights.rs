//! Privilege closure: nobody gives away more than they have, whatever permission let them write at all.
use crate::call::{Call, Fault};
use signet_base::Uuid;
use signet_core::Principal;
use signet_store::groups;

/// Refuses to put anybody into groups that make superusers, directly or through an ancestor, unless the
/// caller is one.
pub(crate) async fn may_give(call: &Call, into: &[Uuid]) -> Result<(), Fault> {
    if call.is_superuser() || into.is_empty() {
        return Ok(());
    }
    let mut all: Vec<Uuid> = groups::ancestors(&call.core.db, into).await?.into_iter().collect();
    all.extend(into);
    if groups::many(&call.core.db, &all).await?.iter().any(|g| g.is_superuser) {
        return Err(Fault::forbidden());
    }
    Ok(())
}

/// Refuses to act on a superuser's account unless the caller is one.
pub(crate) async fn may_touch(call: &Call, user: &signet_store::users::User) -> Result<(), Fault> {
    if call.is_superuser() || !Principal::of(&call.core, user.clone()).await?.is_superuser {
        return Ok(());
    }
    Err(Fault::forbidden())
}
