//! Reads of a text that has written: what the database finds but for the rows that the journal knows, and those of them
//! that fit.
use super::reading::refused;
use super::{MOST, Query};
use crate::expression::objects::{Shared, gone};
use crate::expression::people::{self, Group};
use signet_base::{Json, Uuid, json};
use signet_expr::{CallError, Value};
use signet_store::groups::{self, Group as GroupRow};
use signet_store::lookups::{self, Condition, Model, Select};
use signet_store::users::{self, User};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// The groups of an account as they are for the text, by name; with those that it inherits.
pub async fn groups_of(shared: &Shared, user: i64, inherited: bool) -> Result<Vec<GroupRow>, CallError> {
    let db = &shared.core.db;
    if !shared.journal.concerns(Model::Group) {
        let found = if inherited {
            groups::effective_groups(db, user).await
        } else {
            groups::direct_groups(db, user).await
        };
        return found.map_err(gone);
    }
    let mut all = direct(shared, user).await?;
    if inherited {
        let mut seen: HashSet<Uuid> = all.iter().map(|group| group.id).collect();
        let mut next: Vec<Uuid> = seen.iter().copied().collect();
        while !next.is_empty() {
            let above = groups::parents_of_many(db, &next).await.map_err(gone)?;
            let above = above.into_values().flatten().filter_map(|group| now(shared, group));
            let new: Vec<GroupRow> = above.filter(|group| seen.insert(group.id)).collect();
            next = new.iter().map(|group| group.id).collect();
            all.extend(new);
        }
    }
    all.sort_by_key(|group| (group.name.to_lowercase(), group.id));
    Ok(all)
}

/// A stored group as it is for the text; none where the text deleted it.
fn now(shared: &Shared, group: GroupRow) -> Option<GroupRow> {
    match shared.journal.group(group.id) {
        Some(row) => row.after,
        None => Some(group),
    }
}

/// Direct groups as they are for the text.
async fn direct(shared: &Shared, user: i64) -> Result<Vec<GroupRow>, CallError> {
    let db = &shared.core.db;
    let stored = if user > 0 { groups::direct_groups(db, user).await.map_err(gone)? } else { Vec::new() };
    let moves: BTreeMap<Uuid, bool> = {
        let state = shared.journal.lock();
        state
            .members
            .iter()
            .filter(|((of, _), _)| *of == user)
            .map(|((_, group), is)| (*group, *is))
            .collect()
    };
    let mut all: Vec<GroupRow> = stored
        .into_iter()
        .filter(|group| moves.get(&group.id) != Some(&false))
        .filter_map(|g| now(shared, g))
        .collect();
    for (id, _) in moves.into_iter().filter(|(_, is)| *is) {
        if !all.iter().any(|group| group.id == id) {
            all.extend(people::current_group(shared, id).await.ok());
        }
    }
    Ok(all)
}

/// Direct members as they are for the text.
pub async fn members_of(shared: &Shared, group: Uuid) -> Result<Vec<i64>, CallError> {
    let stored = groups::member_ids_of_many(&shared.core.db, &[group]).await.map_err(gone)?;
    let mut all: BTreeSet<i64> = stored.into_values().flatten().collect();
    let state = shared.journal.lock();
    for ((user, of), is) in &state.members {
        if *of == group {
            if *is {
                all.insert(*user)
            } else {
                all.remove(user)
            };
        }
    }
    all.retain(|user| state.users.get(user).is_none_or(|row| row.after.is_some()));
    Ok(all.into_iter().collect())
}

/// What conditions about accounts are judged by.
fn record(user: &User, is_superuser: bool) -> Json {
    json!({
        "pk": user.id, "id": user.id, "uuid": user.uuid, "username": user.username, "name": user.name,
        "email": user.email, "is_active": user.is_active, "is_superuser": is_superuser, "type": user.user_type,
        "path": user.path, "attributes": user.attributes, "date_joined": user.joined.to_string(),
        "last_updated": user.updated.to_string(), "password_change_date": user.password_changed.to_string(),
        "last_login": user.last_login.map(|at| at.to_string()),
    })
}

enum Found {
    User(User),
    Group(GroupRow),
}

/// A row that the journal knows, with the rows that it is related to.
struct Known {
    key: String,
    row: Option<Found>,
    record: Json,
    related: Vec<(&'static str, Vec<Json>)>,
}

impl Query {
    /// Refuses to ask about relations whose other side this text has changed: the answer would be that of before.
    pub(super) fn relations_are_certain(&self, model: Model, condition: &Condition) -> Result<(), CallError> {
        if self.shared.journal.is_empty() {
            return Ok(());
        }
        let state = self.shared.journal.lock();
        for (to, keys_only) in condition.relations(model) {
            let (gone, changed) = match to {
                Model::User => (
                    state.users.values().any(|row| row.after.is_none()),
                    state.users.values().any(|row| row.before.is_some()),
                ),
                Model::Group => (
                    state.groups.values().any(|row| row.after.is_none()),
                    state.groups.values().any(|row| row.before.is_some()),
                ),
                _ => (false, false),
            };
            if gone || (changed && !keys_only) {
                let what = "a condition about rows that this text has changed: ask before they are saved";
                return Err(CallError::Fatal(what.to_owned()));
            }
        }
        Ok(())
    }

    /// The rows of the journal.
    async fn known_rows(&self, model: Model) -> Result<Vec<Known>, CallError> {
        let (shared, db) = (&self.shared, &self.shared.core.db);
        if model == Model::User {
            let ids: BTreeSet<i64> = {
                let state = shared.journal.lock();
                state.users.keys().copied().chain(state.members.keys().map(|(user, _)| *user)).collect()
            };
            let stored: Vec<i64> = ids.iter().copied().filter(|id| *id > 0).collect();
            let superusers = groups::is_superuser(db, &stored).await.map_err(gone)?;
            let mut out = Vec::new();
            for id in ids {
                let user = match shared.journal.user(id) {
                    Some(row) => row.after,
                    None => users::by_id(db, id).await.map_err(gone)?,
                };
                let of: Vec<Json> = direct(shared, id).await?.iter().map(people::record).collect();
                let record = user.as_ref().map_or(Json::Null, |user| record(user, superusers.contains(&id)));
                let related = vec![("groups", of.clone()), ("ak_groups", of)];
                out.push(Known { key: id.to_string(), row: user.map(Found::User), record, related });
            }
            return Ok(out);
        }
        let ids: BTreeSet<Uuid> = {
            let state = shared.journal.lock();
            state.groups.keys().copied().chain(state.members.keys().map(|(_, group)| *group)).collect()
        };
        let mut out = Vec::new();
        for id in ids {
            let group = people::current_group(shared, id).await.ok();
            let members = members_of(shared, id).await?;
            if members.len() as u64 > MOST {
                return Err(CallError::Fatal(
                    "a group whose members this text has changed has too many of them".to_owned(),
                ));
            }
            let mut of = Vec::new();
            for user in members {
                let user = people::current(shared, user).await?;
                of.push(record(&user, false));
            }
            let plain = |found: std::collections::HashMap<Uuid, Vec<GroupRow>>| -> Vec<Json> {
                found
                    .into_values()
                    .flatten()
                    .filter_map(|group| now(shared, group))
                    .map(|g| people::record(&g))
                    .collect()
            };
            let parents = plain(groups::parents_of_many(db, &[id]).await.map_err(gone)?);
            let children = plain(groups::children_of_many(db, &[id]).await.map_err(gone)?);
            let related = vec![
                ("users", of.clone()),
                ("user", of),
                ("parents", parents.clone()),
                ("parent", parents),
                ("children", children),
            ];
            let record = group.as_ref().map_or(Json::Null, people::record);
            out.push(Known { key: id.to_string(), row: group.map(Found::Group), record, related });
        }
        Ok(out)
    }

    /// Those of the journal that fit, and the condition for all others.
    async fn divided(&self, model: Model) -> Result<(Condition, Vec<Known>), CallError> {
        let condition = self.condition().await?;
        let known = self.known_rows(model).await?;
        let keys: Json = known
            .iter()
            .filter(|row| !row.key.starts_with('-'))
            .map(|row| Json::from(row.key.as_str()))
            .collect();
        let touched = Condition::parse(model, vec![("pk__in".to_owned(), keys)]).map_err(CallError::Type)?;
        let mut fitting = Vec::new();
        for row in known.into_iter().filter(|row| row.row.is_some()) {
            let related = |name: &str| {
                row.related.iter().find(|(known, _)| *known == name).map(|(_, rows)| rows.clone())
            };
            match condition.fits_with(&row.record, &related) {
                Some(true) => fitting.push(row),
                Some(false) => {}
                None => {
                    let what = "this condition cannot be asked after writes: ask before";
                    return Err(CallError::Fatal(what.to_owned()));
                }
            }
        }
        Ok((condition.and(Condition::Not(Box::new(touched))), fitting))
    }

    /// How many rows of the model there are for the text.
    pub(super) async fn overlaid_count(&self, model: Model) -> Result<u64, CallError> {
        let (others, fitting) = self.divided(model).await?;
        let stored = lookups::count(&self.shared.core.db, model, &others).await.map_err(refused)?;
        Ok(stored + fitting.len() as u64)
    }

    /// Accounts or groups as they are for the text, from `offset` on, at most `limit`.
    pub(super) async fn overlaid(
        &self,
        model: Model,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<Value>, CallError> {
        let (condition, fitting) = self.divided(model).await?;
        let (shared, db) = (&self.shared, &self.shared.core.db);
        let wanted = offset.saturating_add(limit).min(offset + MOST + 1);
        let (order, reversed) = (self.order.clone(), self.reversed);
        let select = Select { condition, order, reversed, offset: 0, limit: wanted };
        let mut found: Vec<(Json, Found)> = Vec::new();
        if model == Model::User {
            for user in lookups::users(db, &select).await.map_err(refused)? {
                found.push((record(&user, false), Found::User(user)));
            }
        } else {
            for group in lookups::groups(db, &select).await.map_err(refused)? {
                found.push((people::record(&group), Found::Group(group)));
            }
        }
        if limit > MOST + 1 && found.len() as u64 == wanted {
            return Err(CallError::Value(format!("more than {MOST} objects fit: narrow the query")));
        }
        found.extend(fitting.into_iter().filter_map(|known| Some((known.record, known.row?))));
        // The order when none is asked for: people as they came, groups by name.
        found.sort_by_key(|(_, row)| match row {
            Found::User(user) => (user.id < 0, user.id, String::new()),
            Found::Group(group) => (false, 0, group.name.to_lowercase()),
        });
        self.sort(&mut found)?;
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let take = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut accounts, mut all) = (Vec::new(), Vec::new());
        for (_, row) in found.into_iter().skip(skip).take(take) {
            match row {
                Found::User(user) => accounts.push(user),
                Found::Group(group) => all.push(group),
            }
        }
        if model == Model::User {
            return people::accounts(shared, accounts).await;
        }
        Ok(Group::all(shared, &Arc::new(all)).into_iter().map(Value::object).collect())
    }
}
