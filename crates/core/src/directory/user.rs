//! Accounts: their statements and events.
use super::change::UserChange;
use super::transaction::Transaction;
use super::{model_of, told};
use crate::event::EventAction;
use crate::event::diff;
use crate::permission;
use crate::session::participants;
use signet_base::{Error, Map, Result, Uuid, json};
use signet_store::table::Record;
use signet_store::users::{self, User};
use signet_store::{Write, groups, objects, roles};

/// Only people count as administrators: a program cannot let anybody in.
fn is_person(user: &User) -> bool {
    ["internal", "external"].contains(&user.user_type.as_str())
}

impl Transaction<'_> {
    pub(super) async fn user(&mut self, change: UserChange) -> Result<()> {
        match (&change.before, &change.after) {
            (None, Some(user)) => self.create_user(user, &change).await,
            (Some(before), Some(after)) => self.update_user(before, after, &change).await,
            (Some(before), None) => self.delete_user(before),
            (None, None) => Ok(()),
        }
    }

    async fn create_user(&mut self, user: &User, change: &UserChange) -> Result<()> {
        let mut user = user.clone();
        if let Some((hash, _)) = &change.with.password {
            user.password.clone_from(hash);
        }
        if let Some(by) = change.with.email_verified.filter(|_| !user.email.trim().is_empty()) {
            (user.email_verified_at, user.email_verified_by) = (Some(self.core.now()), by.to_owned());
        }
        let all = change.with.groups.wanted(&[]);
        user.id = self.number::<User>(user.id).await?;
        self.add(users::insert_batch(&user, &all));
        let own_roles = change.with.groups.roles.clone().unwrap_or_default();
        if !own_roles.is_empty() {
            self.add(roles::set_user_batch(user.id, &own_roles));
        }
        self.is_new(&user);
        let model = model_of("user", json!(user.id), &user.username);
        let mut changed = diff::between(&Map::new(), &user.writable(), self.secret_paths());
        changed.extend(diff::relation(&[], &all).map(|groups| ("groups".to_owned(), groups)));
        changed.extend(diff::relation(&[], &own_roles).map(|roles| ("roles".to_owned(), roles)));
        self.tell(EventAction::ModelCreated, told(&model, changed));
        if change.with.password.is_some() {
            self.tell(EventAction::PasswordSet, told(&model, Map::new()));
        }
        Ok(())
    }

    async fn update_user(&mut self, before: &User, after: &User, change: &UserChange) -> Result<()> {
        let (id, now) = (before.id, self.core.now());
        let with = &change.with;
        let mut have: Vec<Uuid> = Vec::new();
        if with.groups.all.is_some() || with.groups.moves() {
            have = groups::direct_groups(&self.core.db, id).await?.iter().map(|g| g.id).collect();
        }
        let want = with.groups.wanted(&have);
        if before.is_active && is_person(before) && !(after.is_active && is_person(after)) {
            self.guard(if after.is_active { "type" } else { "is_active" });
        }
        if with.groups.all.is_some() || !with.groups.leave.is_empty() {
            self.guard("groups");
        }
        if !change.keeps_row {
            let guard = (!with.last_write_wins).then_some(before.updated);
            let groups = with.groups.all.as_ref().map(|_| want.as_slice());
            self.add(users::update_batch(after, guard, groups, now));
        } else if with.groups.all.is_some() {
            return Err(Error::internal("all groups of an account change with the account only"));
        }
        if users::canonical(&before.email) != users::canonical(&after.email) {
            self.add(users::unverify_email_batch(id));
        }
        if let Some(by) = with.email_verified {
            self.add(users::verify_email_batch(id, &after.email, by, now));
        }
        if with.groups.all.is_none() {
            for group in with.groups.joined() {
                self.add(users::join_group_batch(id, group));
            }
        }
        for group in &with.groups.leave {
            self.add(users::leave_group_batch(id, *group));
        }
        let model = model_of("user", json!(id), &after.username);
        let mut changed = diff::between(&before.writable(), &after.writable(), self.secret_paths());
        changed.extend(diff::relation(&have, &want).map(|groups| ("groups".to_owned(), groups)));
        if let Some(own_roles) = &with.groups.roles {
            let have = roles::of_users(&self.core.db, &[id]).await?.remove(&id).unwrap_or_default();
            self.add(roles::set_user_batch(id, own_roles));
            changed.extend(diff::relation(&have, own_roles).map(|roles| ("roles".to_owned(), roles)));
        }
        if !with.roles_given.is_empty() || !with.roles_taken.is_empty() {
            let have = roles::of_users(&self.core.db, &[id]).await?.remove(&id).unwrap_or_default();
            let new = with.roles_given.iter().filter(|role| !have.contains(role));
            let mut want: Vec<Uuid> = have.iter().chain(new).copied().collect();
            want.retain(|role| !with.roles_taken.contains(role));
            for role in &with.roles_given {
                self.add(roles::give_user_batch(id, *role));
            }
            for role in &with.roles_taken {
                self.add(roles::take_user_batch(id, *role));
            }
            changed.extend(diff::relation(&have, &want).map(|roles| ("roles".to_owned(), roles)));
        }
        if let Some(hash) = &with.disabled {
            self.add(users::disable_password_batch(id, &before.password, hash));
            changed.insert("password".to_owned(), diff::masked());
        }
        if let Some(by) = with.email_verified.filter(|_| change.keeps_row) {
            changed.insert(
                "email_verified_by".to_owned(),
                json!({"previous_value": before.email_verified_by, "new_value": by}),
            );
        }
        if !change.keeps_row || !changed.is_empty() {
            self.tell(EventAction::ModelUpdated, told(&model, changed));
        }
        if let Some((hash, spared)) = &with.password {
            self.add(users::set_password_batch(id, hash, spared, now));
            self.tell(EventAction::PasswordSet, told(&model, Map::new()));
        }
        Ok(())
    }

    fn delete_user(&mut self, user: &User) -> Result<()> {
        if user.is_active && is_person(user) {
            self.guard("non_field_errors");
        }
        let key = format!("user:{}", user.id);
        self.objects.extend(objects::writes_for_deleted_row(&self.core.config(), &key, &self.core.ports));
        let own = permission::managed_role(&self.core.config(), &permission::role_of_user(user.id));
        self.objects.extend(own.map(|pk| Write::Delete { pk }));
        self.add(users::delete_batch(user.id).then(participants::look_batch(self.core, user.id)));
        self.tell(
            EventAction::ModelDeleted,
            told(&model_of("user", json!(user.id), &user.username), Map::new()),
        );
        Ok(())
    }
}
