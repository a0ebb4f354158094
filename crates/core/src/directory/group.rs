//! Groups and their members: statements and events.
use super::change::GroupChange;
use super::transaction::Transaction;
use super::{model_of, told};
use crate::event::EventAction;
use crate::event::diff;
use signet_base::{Error, Map, Result, Uuid, json};
use signet_store::groups::{self, Group};
use signet_store::table::Record;
use signet_store::{objects, roles, users};

impl Transaction<'_> {
    pub(super) async fn group(&mut self, change: GroupChange) -> Result<()> {
        match (&change.before, &change.after) {
            (None, Some(group)) => self.create_group(group, &change),
            (Some(before), Some(after)) => self.update_group(before, after, &change).await,
            (Some(before), None) => self.delete_group(before),
            (None, None) => Ok(()),
        }
    }

    fn create_group(&mut self, group: &Group, change: &GroupChange) -> Result<()> {
        let parents = change.with.parents.clone().unwrap_or_default();
        let members = change.with.members.wanted(&[]);
        self.add(groups::insert_batch(group, &parents, &members));
        let changed = diff::between(&Map::new(), &group.writable(), self.secret_paths());
        let mut changed = with_relations(changed, (&[], &parents), (&[], &members));
        if let Some(own_roles) = &change.with.members.roles {
            self.add(roles::set_group_batch(group.id, own_roles));
            changed.extend(diff::relation(&[], own_roles).map(|roles| ("roles".to_owned(), roles)));
        }
        self.tell(
            EventAction::ModelCreated,
            told(&model_of("group", json!(group.id.simple().to_string()), &group.name), changed),
        );
        Ok(())
    }

    async fn update_group(&mut self, before: &Group, after: &Group, change: &GroupChange) -> Result<()> {
        let (db, id, now) = (&self.core.db, before.id, self.core.now());
        let with = &change.with;
        let mut parents: Vec<Uuid> = Vec::new();
        if with.parents.is_some() {
            let above = groups::parents_of_many(db, &[id]).await?.remove(&id).unwrap_or_default();
            parents = above.iter().map(|g| g.id).collect();
        }
        let mut members: Vec<i64> = Vec::new();
        if with.members.all.is_some() {
            members = groups::member_ids_of_many(db, &[id]).await?.remove(&id).unwrap_or_default();
        } else if with.members.moves() {
            // A group may have a hundred thousand members: only those in question are asked about.
            let asked: Vec<i64> = with.members.join.iter().chain(&with.members.leave).copied().collect();
            members = groups::members_among(db, id, &asked).await?;
        }
        let want_parents = with.parents.clone().unwrap_or_default();
        let want = with.members.wanted(&members);
        if before.is_superuser && !after.is_superuser {
            self.guard("is_superuser");
        }
        if with.parents.is_some() {
            self.guard("parents");
        }
        if with.members.all.is_some() {
            self.guard("users");
        }
        if !with.members.leave.is_empty() {
            self.guard("pk");
        }
        if !change.keeps_row {
            let all = with.members.all.as_ref().map(|_| want.as_slice());
            self.add(groups::update_batch(before, after, with.parents.as_deref(), all, now));
            if with.parents.as_ref().is_some_and(|parents| !parents.is_empty()) {
                self.add(groups::acyclic_batch(id));
            }
        } else if with.parents.is_some() || with.members.all.is_some() {
            return Err(Error::internal("parents and all members of a group change with the group only"));
        }
        if with.members.all.is_none() {
            for user in with.members.joined() {
                self.add(users::join_group_batch(user, id));
            }
        }
        for user in &with.members.leave {
            self.add(users::leave_group_batch(*user, id));
        }
        let changed = diff::between(&before.writable(), &after.writable(), self.secret_paths());
        let mut changed = with_relations(changed, (&parents, &want_parents), (&members, &want));
        if let Some(own_roles) = &with.members.roles {
            let have = roles::of_many_groups(db, &[id]).await?.remove(&id).unwrap_or_default();
            self.add(roles::set_group_batch(id, own_roles));
            changed.extend(diff::relation(&have, own_roles).map(|roles| ("roles".to_owned(), roles)));
        }
        if !change.keeps_row || !changed.is_empty() {
            self.tell(
                EventAction::ModelUpdated,
                told(&model_of("group", json!(id.simple().to_string()), &after.name), changed),
            );
        }
        Ok(())
    }

    fn delete_group(&mut self, group: &Group) -> Result<()> {
        self.guard("non_field_errors");
        let key = group.id.to_string();
        self.objects.extend(objects::writes_for_deleted_row(&self.core.config(), &key, &self.core.ports));
        self.add(groups::delete_batch(group.id));
        self.tell(
            EventAction::ModelDeleted,
            told(&model_of("group", json!(group.id.simple().to_string()), &group.name), Map::new()),
        );
        Ok(())
    }
}

fn with_relations(mut changed: Map, parents: (&[Uuid], &[Uuid]), members: (&[i64], &[i64])) -> Map {
    changed.extend(diff::relation(parents.0, parents.1).map(|told| ("parents".to_owned(), told)));
    changed.extend(diff::relation(members.0, members.1).map(|told| ("users".to_owned(), told)));
    changed
}
