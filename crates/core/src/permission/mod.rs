//! Permissions: which there are, who has them, and that nobody hands on more than they hold.
//!
//! A role is a configuration object ([`Role`](crate::models::Role)); users and groups have roles, members of a
//! group those of its ancestors too. What a role may do are rows, on all objects of a model or on one.
pub mod catalogue;
pub mod closure;
pub mod flows;

use crate::models::{InitialPermissions, Role};
use crate::{Core, Principal};
pub use closure::{Right, may_give};
use signet_base::{Error, Result, Uuid};
use signet_store::{Batch, roles};

/// Opens the administration's pages.
pub const ADMIN_INTERFACE: &str = "authentik_rbac.access_admin_interface";

/// Gives a role permissions: on one object (by the key that the wire shows), or on all. Refuses what is no
/// permission, and what the giver does not hold.
pub async fn assign(
    core: &Core,
    giver: &Principal,
    role: Uuid,
    permissions: &[String],
    object: Option<&str>,
) -> Result<()> {
    change(core, giver, role, permissions, object, |permission, model| {
        roles::grant_batch(role, permission, model, object)
    })
    .await
}

/// Takes permissions away from a role. Those that the role does not have are no error.
pub async fn unassign(
    core: &Core,
    giver: &Principal,
    role: Uuid,
    permissions: &[String],
    object: Option<&str>,
) -> Result<()> {
    change(core, giver, role, permissions, object, |permission, _| {
        roles::withdraw_batch(role, permission, object)
    })
    .await
}

async fn change(
    core: &Core,
    giver: &Principal,
    role: Uuid,
    permissions: &[String],
    object: Option<&str>,
    statement: impl Fn(&str, &str) -> Batch,
) -> Result<()> {
    if core.config().get_typed::<Role>(role).is_none() {
        return Err(Error::NotFound);
    }
    let (mut batch, mut rights) = (Batch::new(), Vec::new());
    for permission in permissions {
        let model = catalogue::model_of(&core.registry, permission)
            .ok_or_else(|| Error::invalid("permissions", format!("{permission:?} is no permission.")))?;
        batch = batch.then(statement(permission, &model));
        rights.push(Right::Permission(permission.clone(), object.map(str::to_owned)));
    }
    may_give(core, &giver.grants, &rights).await?;
    core.db.batch(batch).await.map(drop)
}

/// What the roles of the creator get on an object that they have just made.
pub async fn give_initial(core: &Core, creator: &Principal, model: &str, key: &str) -> Result<()> {
    let config = core.config();
    let mut batch = Batch::new();
    for (_, initial) in config.all::<InitialPermissions>().filter(|(_, i)| creator.roles.contains(&i.role)) {
        for permission in &initial.permissions {
            if catalogue::model_of(&core.registry, permission).is_some_and(|about| about == model) {
                batch = batch.then(roles::grant_batch(initial.role, permission, model, Some(key)));
            }
        }
    }
    if batch.is_empty() { Ok(()) } else { core.db.batch(batch).await.map(drop) }
}
