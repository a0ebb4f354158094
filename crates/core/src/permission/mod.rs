//! Permissions: which there are, who has them, and that nobody hands on more than they hold.
//!
//! A role is a configuration object ([`Role`](crate::models::Role)); users and groups have roles, members of a
//! group those of its ancestors too. What a role may do are rows, on all objects of a model or on one.
pub mod catalogue;
pub mod closure;
pub mod explain;
pub mod flows;
pub mod initial;

use crate::Core;
use crate::directory::{self, Author, RoleChange, Transaction};
use crate::models::Role;
pub use closure::{Right, may_give};
use signet_base::{Error, Result, Uuid};
use signet_model::Snapshot;
use signet_store::invitations;
use signet_store::roles::Target;

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
    let object = judged(core, author, permissions, object).await?;
    exists(core, role)?;
    directory::commit(core, author, granted(RoleChange::of(role), permissions, object)).await.map(drop)
}

/// Gives permissions to one user alone, by the role of their own; returns that role. Refuses as [`assign`] does, and where
/// the author has no power over the account.
pub async fn assign_to_user(
    core: &Core,
    author: &Author,
    user: i64,
    permissions: &[String],
    object: Option<&str>,
) -> Result<Uuid> {
    if let Some(giver) = author.person() {
        may_give(core, &giver.grants, &[Right::Account(user)]).await?;
    }
    let object = judged(core, author, permissions, object).await?;
    let mut all = Transaction::new(core, author);
    let role = all.role_of_user(user);
    all.change(granted(RoleChange::of(role), permissions, object)).await?;
    all.commit().await?;
    Ok(role)
}

/// Takes permissions away from a role. Those that the role does not have are no error. Refused to who holds less than the role.
pub async fn unassign(
    core: &Core,
    author: &Author,
    role: Uuid,
    permissions: &[String],
    object: Option<&str>,
) -> Result<()> {
    if let Some(taker) = author.person() {
        may_give(core, &taker.grants, &[Right::Roles(vec![role])]).await?;
    }
    let object = judged(core, author, permissions, object).await?;
    exists(core, role)?;
    let take = |change: RoleChange, permission: &String| change.withdraw(permission, object.as_deref());
    let change = permissions.iter().fold(RoleChange::of(role), take);
    directory::commit(core, author, change).await.map(drop)
}

fn granted(change: RoleChange, permissions: &[String], object: Option<String>) -> RoleChange {
    let target = object.map_or(Target::All, Target::Row);
    permissions.iter().fold(change, |change, permission| change.grant(permission, target.clone()))
}

/// The key by which permissions name an object: as the wire shows it, but for invitations, whose key on the wire admits its
/// holder.
pub fn stored_key(core: &Core, model: &str, key: &str) -> String {
    match Uuid::parse_str(key) {
        Ok(id) if model == invitations::MODEL => invitations::digest(&core.vault, id),
        _ => key.to_owned(),
    }
}

fn exists(core: &Core, role: Uuid) -> Result<()> {
    core.config().get_typed::<Role>(role).map(drop).ok_or(Error::NotFound)
}

/// Whether these are permissions, and the author holds them; the stored key of the object.
async fn judged(
    core: &Core,
    author: &Author,
    permissions: &[String],
    object: Option<&str>,
) -> Result<Option<String>> {
    if let Some(unknown) = permissions.iter().find(|name| core.permissions.find(name).is_none()) {
        return Err(Error::invalid("permissions", format!("{unknown:?} is no permission.")));
    }
    let model = permissions.first().and_then(|name| core.permissions.find(name));
    let object = object.map(|key| stored_key(core, model.map_or("", |found| &found.model), key));
    if let Some(giver) = author.person() {
        let rights: Vec<Right> =
            permissions.iter().map(|p| Right::Permission(p.clone(), object.clone())).collect();
        may_give(core, &giver.grants, &rights).await?;
    }
    Ok(object)
}

/// The role that holds what is given to one user alone. The user has it as a role of their own.
pub fn role_of_user(user: i64) -> String {
    format!("ak-managed-role--user-{user}")
}
/// The role with this `managed` name.
pub fn managed_role(config: &Snapshot, managed: &str) -> Option<Uuid> {
    config.find::<Role>("managed", managed).map(|(object, _)| object.pk)
}
