//! A journal on its way into the directory: one commit, with the events of its changes.
use super::{Author, Gone, Row, State};
use crate::expression::objects::Shared;
use crate::flow::{Context, PendingUser, keys};
use crate::policy::Question;
use signet_base::{Error, Json, Map, Result, Uuid, json};
use signet_store::epoch::KeptSession;
use signet_store::users::User;
use signet_store::{Batch, devices, epoch, groups, invitations, sessions, tokens, users};
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
    if shared.journal.is_empty() {
        return Ok(());
    }
    let state = std::mem::take(&mut *shared.journal.lock());
    let mut numbers = commit(shared, &state).await;
    for _ in 1..TRIES {
        match numbers {
            Err(Error::Conflict(tag)) if tag == "updated" => numbers = commit(shared, &state).await,
            done => {
                numbers = done;
                break;
            }
        }
    }
    renumber(changes, &numbers?);
    for (action, model) in events(&state) {
        let said = json!({"model": model, "expression": {"model": author.model, "name": author.name}});
        let app = "authentik_policies_expression";
        shared.core.event(question.client, question.user, action, app, said).await;
    }
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

/// What events tell of the rows.
fn events(state: &State) -> Vec<(&'static str, Json)> {
    let action = |before: bool, after: bool| match (before, after) {
        (false, _) => "model_created",
        (_, true) => "model_updated",
        _ => "model_deleted",
    };
    let model = |name: &str, pk: String, label: &str| json!({"app": "authentik_core", "model_name": name, "pk": pk, "name": label});
    let mut all = Vec::new();
    for row in state.users.values() {
        if let Some(user) = row.after.as_ref().or(row.before.as_ref()) {
            all.push((
                action(row.before.is_some(), row.after.is_some()),
                model("user", user.uuid.to_string(), &user.username),
            ));
        }
    }
    for row in state.groups.values() {
        if let Some(group) = row.after.as_ref().or(row.before.as_ref()) {
            all.push((
                action(row.before.is_some(), row.after.is_some()),
                model("group", group.id.to_string(), &group.name),
            ));
        }
    }
    for (token, _) in &state.tokens {
        all.push(("model_created", model("token", token.id.to_string(), &token.identifier)));
    }
    all
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

async fn commit(shared: &Shared, state: &State) -> Result<HashMap<i64, i64>> {
    let (core, db) = (&shared.core, &shared.core.db);
    let mut batch = Batch::new();
    for row in state.groups.values() {
        batch = match (&row.before, &row.after) {
            (None, Some(group)) => batch.then(groups::insert_batch(group, &[], &[])),
            (Some(_), Some(group)) => batch.then(groups::update_batch(group, None, None, core.now())),
            (Some(group), None) => batch.then(groups::delete_batch(group.id)),
            (None, None) => batch,
        };
    }
    let moves = |id: i64, is: bool| -> Vec<Uuid> {
        state
            .members
            .iter()
            .filter(|((user, _), now)| *user == id && **now == is)
            .map(|((_, group), _)| *group)
            .collect()
    };
    let mut ids: Vec<i64> =
        state.users.keys().copied().chain(state.members.keys().map(|(user, _)| *user)).collect();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        match state.users.get(&id) {
            Some(Row { before: None, after: Some(user) }) => {
                batch = batch.then(users::insert_batch(user, &moves(id, true)));
                continue;
            }
            Some(Row { before: Some(_), after: None }) => {
                batch = batch.then(users::delete_batch(id));
                continue;
            }
            Some(row) => {
                let now = users::by_id(db, id).await?.ok_or(Error::NotFound)?;
                let new = rebased(row, &now);
                batch = batch.then(users::update_batch(&new, Some(now.updated), None, core.now()));
                if let (Some(before), Some(after)) = (&row.before, &row.after)
                    && before.password != after.password
                {
                    batch = batch.then(users::set_password_batch(
                        id,
                        &after.password,
                        &KeptSession::default(),
                        core.now(),
                    ));
                }
            }
            None => {}
        }
        for group in moves(id, true) {
            batch = batch.then(users::join_group_batch(id, group));
        }
        for group in moves(id, false) {
            batch = batch.then(users::leave_group_batch(id, group));
        }
    }
    for (token, key) in &state.tokens {
        batch = batch.then(tokens::insert_batch(&core.vault, token, key)?);
    }
    for gone in &state.gone {
        batch = match gone {
            Gone::Device(id, owner) => {
                batch.then(devices::delete_batch(*id)).then(epoch::end(*owner, &KeptSession::default()))
            }
            Gone::Token(id) => batch.then(tokens::delete_batch(*id)),
            Gone::Session(id) => batch.then(sessions::delete_by_uuid_batch(*id)),
            Gone::Invitation(digest) => batch.then(invitations::delete_batch(digest)),
        };
    }
    db.flush().await?;
    db.batch(batch).await?;
    let mut numbers = HashMap::new();
    for (id, row) in &state.users {
        if let Row { before: None, after: Some(user) } = row {
            let made = users::by_uuid(db, user.uuid).await?.ok_or(Error::NotFound)?;
            numbers.insert(*id, made.id);
        }
    }
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
