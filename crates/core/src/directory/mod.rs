//! The one writer of accounts, groups, memberships, permissions, tokens, second factors and configuration objects, for every
//! author: the API, flows, protocols, blueprints, expressions and the command line. What changes is a [`Change`] of a row or
//! a [`Write`] of an object, what is committed a [`Transaction`]: rows and objects, their events with what has changed, and
//! the check that an administrator is left, together or not at all. See docs/adr/0010-one-writer.md.
//!
//! An account has an epoch: see [`signet_store::epoch`]. A new password, a deactivation, the end of everything and an
//! administrator's reset of second factors raise it, and nothing that was made before counts any more.
mod author;
mod change;
mod device;
mod group;
mod object;
mod role;
mod row;
mod token;
mod transaction;
mod user;

pub use author::{Actor, Author};
pub use change::{Change, DeviceChange, GroupChange, RoleChange, TokenChange, UserChange};
pub use row::{row_model, session_model};
pub use token::token_model;
pub use transaction::{Committed, LAST_ADMINISTRATOR, Transaction, is_last_administrator, number};

use crate::device::digest;
use crate::{Client, Core, WebSession};
use signet_base::{Error, Json, Map, Result, json};
use signet_model::Object;
use signet_store::Write;
use signet_store::epoch::KeptSession;
use signet_store::users::User;
use std::sync::Arc;

/// Commits one change.
pub async fn commit(core: &Core, author: &Author, change: impl Into<Change>) -> Result<Committed> {
    let mut transaction = Transaction::new(core, author);
    transaction.change(change).await?;
    transaction.commit().await
}

/// Commits writes of configuration objects; one object a write: the new state, or of a deletion the last one.
pub async fn write(
    core: &Core,
    author: &Author,
    writes: impl IntoIterator<Item = Write>,
) -> Result<Vec<Arc<Object>>> {
    let mut transaction = Transaction::new(core, author);
    transaction.write(writes);
    Ok(transaction.commit().await?.objects)
}

/// How events name a row of the core.
pub fn model_of(name: &str, pk: Json, label: &str) -> Json {
    json!({"app": "authentik_core", "model_name": name, "pk": pk, "name": label})
}

/// The context of an event about a model.
fn told(model: &Json, changed: Map) -> Map {
    let mut context = Map::from_iter([("model".to_owned(), model.clone())]);
    if !changed.is_empty() {
        context.insert("diff".to_owned(), Json::Object(changed));
    }
    context
}

/// What stays when the person whose browser this is changes their own account.
pub fn spared(core: &Core, client: &Client, session: Option<&WebSession>, user: i64) -> KeptSession {
    let own = session
        .filter(|s| s.principal().is_some_and(|p| p.session_owner() == user && p.impersonator.is_none()));
    own.map_or_else(KeptSession::default, |own| KeptSession {
        session: own.uuid(),
        device: digest(core, client),
    })
}

/// A new password; the account's new epoch.
pub async fn set_password(
    core: &Core,
    author: &Author,
    user: &User,
    hash: &str,
    spared: &KeptSession,
) -> Result<i64> {
    let done = commit(core, author, UserChange::of(user).password(hash, spared)).await?;
    done.epoch.ok_or(Error::NotFound)
}
/// [`Transaction::end_all`] of one account; its new epoch.
pub async fn end_all(core: &Core, author: &Author, user: i64, spared: &KeptSession) -> Result<i64> {
    let mut transaction = Transaction::new(core, author);
    transaction.end_all(user, spared).await?;
    transaction.commit().await?.epoch.ok_or(Error::NotFound)
}
