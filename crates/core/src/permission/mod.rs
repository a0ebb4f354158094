//! Permissions: which there are, who has them, and that nobody hands on more than they hold.
//!
//! A role is a configuration object ([`Role`](crate::models::Role)); users and groups have roles, members of a
//! group those of its ancestors too. What a role may do are rows, on all objects of a model or on one.
pub mod catalogue;
pub mod closure;
pub mod flows;

use crate::directory::{self, Author, RoleChange};
use crate::models::{InitialPermissions, Role};
use crate::{Core, Principal};
pub use closure::{Right, may_give};
use signet_base::{Error, Result, Uuid};
use signet_model::{Snapshot, Verb};
use signet_store::roles::{self, Target};
use signet_store::{Batch, invitations};

/// Opens the administration's pages.
pub const ADMIN_INTERFACE: &str = "authentik_rbac.access_admin_interface";

/// Gives a role permissions: on one object (by the key that the wire shows), or on all. Refuses what is no
/// permission, and what the author does not hold.
pub async fn assign(
    core: &Core,
    author: &Author,
    role: Uuid,
    permissions: &[String],
    object: Option<&str>,
) -> Result<()> {
    let object = object.map(|key| stored_key(core, permissions, key));
    let target = object.clone().map_or(Target::All, Target::Row);
    let add = |change: RoleChange, permission: &String| change.grant(permission, target.clone());
    let change = permissions.iter().fold(RoleChange::of(role), add);
    commit(core, author, role, permissions, object.as_deref(), change).await
}

/// Takes permissions away from a role. Those that the role does not have are no error.
pub async fn unassign(
    core: &Core,
    author: &Author,
    role: Uuid,
    permissions: &[String],
    object: Option<&str>,
) -> Result<()> {
    let object = object.map(|key| stored_key(core, permissions, key));
    let add = |change: RoleChange, permission: &String| change.withdraw(permission, object.as_deref());
    let change = permissions.iter().fold(RoleChange::of(role), add);
    commit(core, author, role, permissions, object.as_deref(), change).await
}

/// The key by which permissions name an object: as the wire shows it, but for invitations, whose key on the wire admits its
/// holder.
fn stored_key(core: &Core, permissions: &[String], key: &str) -> String {
    let of_invitations = |name: &String| Verb::ALL.iter().any(|verb| verb.on(invitations::MODEL) == *name);
    match Uuid::parse_str(key) {
        Ok(id) if permissions.iter().any(of_invitations) => invitations::digest(&core.vault, id),
        _ => key.to_owned(),
    }
}

async fn commit(
    core: &Core,
    author: &Author,
    role: Uuid,
    permissions: &[String],
    object: Option<&str>,
    change: RoleChange,
) -> Result<()> {
    if core.config().get_typed::<Role>(role).is_none() {
        return Err(Error::NotFound);
    }
    let known = catalogue::all(&core.registry);
    if let Some(unknown) = permissions.iter().find(|name| known.iter().all(|p| p.name() != **name)) {
        return Err(Error::invalid("permissions", format!("{unknown:?} is no permission.")));
    }
    if let Some(giver) = author.person() {
        let rights: Vec<Right> =
            permissions.iter().map(|p| Right::Permission(p.clone(), object.map(str::to_owned))).collect();
        may_give(core, &giver.grants, &rights).await?;
    }
    directory::commit(core, author, change).await.map(drop)
}

/// The role that holds what is given to one user alone. The user has it as a role of their own.
pub fn role_of_user(user: i64) -> String {
    format!("ak-managed-role--user-{user}")
}
/// The role with this `managed` name.
pub fn managed_role(config: &Snapshot, managed: &str) -> Option<Uuid> {
    config.find::<Role>("managed", managed).map(|(object, _)| object.pk)
}

/// What the roles of the creator get on a new object, for the commit that creates it.
pub fn initial(core: &Core, creator: &Principal, model: &str, target: &Target) -> Batch {
    let config = core.config();
    let about = |permission: &str| catalogue::model_of(&core.registry, permission);
    let mut batch = Batch::new();
    for (_, initial) in config.all::<InitialPermissions>().filter(|(_, i)| creator.roles.contains(&i.role)) {
        for permission in initial.permissions.iter().filter(|p| about(p).is_some_and(|about| about == model))
        {
            batch = batch.then(roles::grant_batch(initial.role, permission, model, target));
        }
    }
    batch
}
