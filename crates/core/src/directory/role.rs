//! Permissions of roles: statements and events.
use super::change::RoleChange;
use super::told;
use super::transaction::Transaction;
use crate::Core;
use crate::event::EventAction;
use crate::event::diff;
use crate::models::Role;
use crate::permission;
use signet_base::{Error, Json, Map, Result, Uuid, json};
use signet_model::{Model, Secrets};
use signet_store::Write;
use signet_store::roles::{self, Target};
use std::collections::BTreeSet;

/// A permission as events show it: `authentik_core.view_user`, with the object's key after a space.
fn named(permission: &str, object: &str) -> String {
    if object.is_empty() { permission.to_owned() } else { format!("{permission} {object}") }
}

impl Transaction<'_> {
    pub(super) async fn role(&mut self, change: RoleChange) -> Result<()> {
        let role = change.role;
        let have = roles::permissions(&self.core.db, role).await?;
        let before: BTreeSet<String> = have.iter().map(|p| named(&p.permission, &p.object)).collect();
        let (mut grant, mut withdraw) = (change.grant, change.withdraw);
        if let Some(wanted) = change.everywhere {
            let gone = have.iter().filter(|p| p.object.is_empty() && !wanted.contains(&p.permission));
            withdraw.extend(gone.map(|p| (p.permission.clone(), String::new())));
            grant.extend(wanted.into_iter().map(|permission| (permission, Target::All)));
        }
        let mut after = before.clone();
        for (permission, object) in &withdraw {
            self.add(roles::withdraw_batch(role, permission, object));
            after.remove(&named(permission, object));
        }
        for (permission, target) in &grant {
            let about =
                self.core.permissions.find(permission).ok_or_else(|| {
                    Error::invalid("permissions", format!("{permission:?} is no permission."))
                })?;
            self.add(roles::grant_batch(role, permission, &about.model, target));
            after.insert(named(
                permission,
                &match target {
                    Target::All => String::new(),
                    Target::Row(key) => key.clone(),
                    Target::Object(pk) => self.key_of(*pk),
                },
            ));
        }
        let (before, after): (Vec<&str>, Vec<&str>) =
            (before.iter().map(String::as_str).collect(), after.iter().map(String::as_str).collect());
        if let Some(changed) = diff::relation(&before, &after) {
            let diff = Map::from_iter([("permissions".to_owned(), changed)]);
            let model = self.role_model(role);
            self.tell(EventAction::ModelUpdated, told(&model, diff));
        }
        Ok(())
    }

    /// The role that holds what is given to one user alone; the commit creates it if there is none.
    pub fn role_of_user(&mut self, user: i64) -> Uuid {
        let managed = permission::role_of_user(user);
        let new = self.objects.iter().find_map(|write| match write {
            Write::Create { pk, data, .. } if data.get("managed") == Some(&json!(managed)) => *pk,
            _ => None,
        });
        let known = permission::managed_role(&self.core.config(), &managed).or(new);
        let role = known.unwrap_or_else(|| self.core.ports.uuid());
        if known.is_none() {
            let data = Map::from_iter(
                [("name", &managed), ("managed", &managed)].map(|(k, v)| (k.to_owned(), json!(v))),
            );
            self.write([Write::Create { def: Role::DEF, pk: Some(role), data, secrets: Secrets::new() }]);
        }
        self.add(roles::give_user_batch(user, role));
        role
    }

    /// The primary key of an object as in the API. A new numbered object has none before the commit.
    fn key_of(&self, pk: Uuid) -> String {
        let num = self.core.config().get(pk).and_then(|object| object.num);
        num.map_or_else(|| pk.to_string(), |num| num.to_string())
    }
    fn role_model(&self, role: Uuid) -> Json {
        if let Some(object) = self.core.config().get(role) {
            return Core::model_event(object);
        }
        let new = self.objects.iter().find_map(|write| match write {
            Write::Create { pk: Some(pk), data, .. } if *pk == role => data.get("name"),
            _ => None,
        });
        json!({"app": "authentik_rbac", "model_name": "role", "pk": role.simple().to_string(), "name": new})
    }
}
