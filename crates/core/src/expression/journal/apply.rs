//! A journal on its way into the directory: one commit, with the events of its changes.
use super::{Author, DeletedRow, Row, State};
use crate::directory::{self, DeviceChange, GroupChange, TokenChange, Transaction, UserChange};
use crate::expression::objects::Shared;
use crate::flow::invitation;
use crate::flow::{Context, PendingUser, keys};
use crate::policy::Question;
use signet_base::{Conflict, Error, Json, Map, Result, Uuid, json};
use signet_store::epoch::KeptSession;
use signet_store::tokens::{self, Token};
use signet_store::users::{self, User};
use signet_store::{devices, invitations, sessions, table};
use std::collections::HashMap;

/// How often a commit is tried when accounts changed in between.
const TRIES: usize = 3;

/// Commits what a text has written, and puts what it gives the flow into accord: the numbers of new accounts, and the
/// names of a pending person that were changed.
pub async fn apply(
    shared: &Shared,
    question: &Question<'_>,
    author: &Author,
    changes: &mut Map,
) -> Result<()> {
    if shared.journal.is_idle() {
        return Ok(());
    }
    let state = std::mem::take(&mut *shared.journal.lock());
    let by = directory::Author::request(question.client, question.user, "authentik_policies_expression")
        .by("expression", json!({"model": author.model, "name": author.name}));
    let mut numbers = commit(shared, &by, &state).await;
    for _ in 1..TRIES {
        match numbers {
            Err(Error::Conflict(Conflict::Stale)) => numbers = commit(shared, &by, &state).await,
            done => {
                numbers = done;
                break;
            }
        }
    }
    renumber(changes, &numbers?);
    let pending = Context(question.context.clone()).get(&keys::PENDING_USER);
    let written = pending.and_then(|pending| state.users.get(&pending.id?)?.after.as_ref().map(pending_user));
    if let Some(written) = written.filter(|_| !changes.contains_key(keys::PENDING_USER.0)) {
        changes.insert(keys::PENDING_USER.0.to_owned(), serde_json::to_value(written)?);
    }
    Ok(())
}

fn pending_user(user: &User) -> PendingUser {
    let (username, name, email) = (user.username.clone(), user.name.clone(), user.email.clone());
    PendingUser { id: Some(user.id), username, name, email }
}

/// The changes of a row carried over to how it is by now.
fn rebased(row: &Row<User>, now: &User) -> User {
    let (Some(before), Some(after)) = (&row.before, &row.after) else { return now.clone() };
    let mut new = now.clone();
    let take = |old: &String, next: &String, place: &mut String| {
        if old != next {
            place.clone_from(next);
        }
    };
    take(&before.username, &after.username, &mut new.username);
    take(&before.name, &after.name, &mut new.name);
    take(&before.email, &after.email, &mut new.email);
    take(&before.user_type, &after.user_type, &mut new.user_type);
    take(&before.path, &after.path, &mut new.path);
    if before.is_active != after.is_active {
        new.is_active = after.is_active;
    }
    if before.attributes != after.attributes {
        new.attributes.clone_from(&after.attributes);
    }
    new
}

/// The numbers of new accounts by their keys in the journal.
async fn commit(shared: &Shared, by: &directory::Author, state: &State) -> Result<HashMap<i64, i64>> {
    let (core, db) = (&shared.core, &shared.core.db);
    let new: Vec<i64> =
        state.users.iter().filter(|(_, row)| row.before.is_none()).map(|(id, _)| *id).collect();
    let numbers = table::reserve::<User>(db, new.len()).await?;
    let numbers: HashMap<i64, i64> = new.into_iter().zip(numbers).collect();
    let number = |id: i64| numbers.get(&id).copied().unwrap_or(id);
    let mut all = Transaction::new(core, by);
    for row in state.groups.values() {
        match (&row.before, &row.after) {
            (None, Some(group)) => all.change(GroupChange::create(group.clone())).await?,
            (Some(before), Some(group)) => all.change(GroupChange::update(before, group.clone())).await?,
            (Some(group), None) => all.change(GroupChange::delete(group)).await?,
            (None, None) => {}
        }
    }
    let moves = |id: i64, is: bool| -> Vec<Uuid> {
        let of = state.members.iter().filter(|((user, _), now)| *user == id && **now == is);
        of.map(|((_, group), _)| *group).collect()
    };
    let mut ids: Vec<i64> =
        state.users.keys().copied().chain(state.members.keys().map(|(user, _)| *user)).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        let change = match state.users.get(&id) {
            Some(Row { before: None, after: Some(user) }) => {
                UserChange::create(User { id: number(id), ..user.clone() })
            }
            Some(Row { before: Some(user), after: None }) => {
                all.change(UserChange::delete(user)).await?;
                continue;
            }
            Some(row) => {
                let now = users::by_id(db, id).await?.ok_or(Error::NotFound)?;
                let change = UserChange::update(&now, rebased(row, &now));
                match (&row.before, &row.after) {
                    (Some(before), Some(after)) if before.password != after.password => {
                        change.password(&after.password, &KeptSession::default())
                    }
                    _ => change,
                }
            }
            None => UserChange::of(&users::by_id(db, id).await?.ok_or(Error::NotFound)?),
        };
        all.change(change.join(moves(id, true)).leave(moves(id, false))).await?;
    }
    for (token, key) in &state.tokens {
        let token = Token { user_id: number(token.user_id), ..token.clone() };
        all.change(TokenChange::create(token, key.clone())).await?;
    }
    for gone in &state.gone {
        match gone {
            DeletedRow::Device(id, owner) => {
                let device = devices::of_user(db, *owner, None).await?.into_iter().find(|d| d.id == *id);
                let device = device.ok_or(Error::NotFound)?;
                all.change(DeviceChange::reset(&device, &KeptSession::default())).await?;
            }
            DeletedRow::Token(id) => {
                let token = tokens::by_id(db, *id).await?.ok_or(Error::NotFound)?;
                all.change(TokenChange::delete(&token)).await?;
            }
            DeletedRow::Session(id) => {
                if let Some(session) = sessions::by_uuid(db, *id).await? {
                    all.end_session(&session).await?;
                }
            }
            DeletedRow::Invitation(digest) => {
                all.delete_row(&invitation::model(digest, ""), invitations::delete_batch(digest));
            }
        }
    }
    all.also(state.jobs.clone());
    all.commit().await?;
    Ok(numbers)
}

/// Puts the numbers of accounts in the place of their keys in the journal.
fn renumber(changes: &mut Map, numbers: &HashMap<i64, i64>) {
    if !numbers.is_empty() {
        changes.values_mut().for_each(|value| renumbered(value, numbers));
    }
}
fn renumbered(value: &mut Json, numbers: &HashMap<i64, i64>) {
    match value {
        Json::Number(number) => {
            if let Some(made) = number.as_i64().and_then(|key| numbers.get(&key)) {
                *value = Json::from(*made);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| renumbered(item, numbers)),
        Json::Object(map) => map.values_mut().for_each(|item| renumbered(item, numbers)),
        _ => {}
    }
}
