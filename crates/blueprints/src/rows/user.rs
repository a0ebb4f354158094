//! Entries about users.
use super::values::{internal, keys, same, set, text, wrong};
use super::{Order, Row, RowState, RowWritePlan, Rows, USER, UserDraft, WriteOutcome, Wrong, mark};
use signet_base::{Json, Secret, Uuid, json};
use signet_core::Core;
use signet_core::permission::{managed_role, role_of_user};
use signet_model::check::{email, person_name};
use signet_store::table::Record;
use signet_store::users::User;
use signet_store::{groups, roles};

/// Beside the columns.
pub(super) const FIELDS: &[&str] =
    &["pk", "uuid", "uid", "groups", "roles", "permissions", "password", "password_hash"];

impl Rows {
    pub(super) async fn user(
        &mut self,
        core: &Core,
        order: &Order<'_>,
    ) -> Result<(WriteOutcome, Json), Wrong> {
        let known = match self.identified(core, USER, order.identifiers).await? {
            Some(Row::User(user)) => {
                let before = Some(user.clone());
                let draft =
                    UserDraft { before, user, groups: None, roles: None, hash: None, state: RowState::Same };
                Some(self.users.take_up(draft))
            }
            _ => None,
        };
        let at = match order.state.of(known)? {
            RowWritePlan::Leave(at) => {
                return Ok((
                    WriteOutcome::Nothing,
                    at.map_or(Json::Null, |at| json!(self.users[at].user.id)),
                ));
            }
            RowWritePlan::Delete(at) => {
                self.users.change(at, |draft| draft.state = RowState::Gone);
                return Ok((WriteOutcome::Deleted, json!(self.users[at].user.id)));
            }
            RowWritePlan::Update(at) => at,
            RowWritePlan::Create => {
                let name = order.fields.get("username").and_then(Json::as_str).unwrap_or_default();
                if name.trim().is_empty() {
                    return wrong("username", "This field is required.");
                }
                let mut user = User::new(&core.ports, name.trim());
                self.numbered += 1;
                user.id = -self.numbered;
                self.users.push(UserDraft {
                    before: None,
                    user,
                    groups: None,
                    roles: None,
                    hash: None,
                    state: RowState::New,
                })
            }
        };
        let before = self.users[at].user.shown();
        let mut user = self.users[at].user.clone();
        let (mut groups, mut own_roles) = (None, None);
        let mut hash = None;
        for (field, value) in order.fields {
            match field.as_str() {
                "pk" | "uuid" | "uid" => {}
                "username" => user.username = text(field, value, false)?.trim().to_owned(),
                "name" => {
                    user.name = text(field, value, true)?;
                    if !person_name(&user.name) {
                        return wrong(field, "Use at most 150 characters on one line.");
                    }
                }
                "email" => {
                    user.email = text(field, value, true)?;
                    if !user.email.is_empty() && !email(&user.email) {
                        return wrong(field, "Enter a valid email address.");
                    }
                }
                "groups" => groups = Some(self.group_keys(core, field, value).await?),
                "roles" => own_roles = Some(keys(field, value)?),
                // As a variable that is not set gives it: none is set.
                "password" | "password_hash" if value.is_null() => {}
                "password" => {
                    let password = Secret::new(text(field, value, false)?);
                    let same = self.users[at].state != RowState::New
                        && core.hasher.verify(Some(&user.password), &password).await.map_err(internal)?;
                    if !same {
                        hash = Some(core.hasher.hash(password).await.map_err(internal)?);
                    }
                }
                "password_hash" => {
                    let given = text(field, value, false)?;
                    if !signet_core::hash::is_well_formed(&given) {
                        return wrong(field, "Not a hash that this server can check.");
                    }
                    core.hasher.learn(&given);
                    hash = (given != user.password).then_some(given);
                }
                _ => set(&mut user, field, value)?,
            }
        }
        if let Some(wanted) = &groups
            && self.users[at].state != RowState::New
        {
            let mut have: Vec<Uuid> = groups::direct_groups(&core.db, user.id)
                .await
                .map_err(internal)?
                .iter()
                .map(|g| g.id)
                .collect();
            let mut want = wanted.clone();
            have.sort_unstable();
            want.sort_unstable();
            if have == want {
                groups = None;
            }
        }
        if let Some(wanted) = &mut own_roles
            && self.users[at].state != RowState::New
        {
            let have = roles::of_users(&core.db, &[user.id]).await.map_err(internal)?.remove(&user.id);
            let have = have.unwrap_or_default();
            // The role of the user alone holds their `permissions`; no file names it.
            let own = managed_role(&core.config(), &role_of_user(user.id)).filter(|own| have.contains(own));
            wanted.extend(own.filter(|own| !wanted.contains(own)));
            if same(&have, wanted) {
                own_roles = None;
            }
        }
        let changed = user.shown() != before || groups.is_some() || own_roles.is_some() || hash.is_some();
        if let Some(hash) = &hash {
            user.password = hash.clone();
        }
        let key = json!(user.id);
        let outcome = self.users.change(at, |draft| {
            draft.user = user;
            draft.groups = groups.or(draft.groups.take());
            draft.roles = own_roles.or(draft.roles.take());
            draft.hash = hash.or(draft.hash.take());
            mark(&mut draft.state, changed)
        });
        Ok((outcome, key))
    }

    /// Keys of groups that exist, or will.
    pub(super) async fn group_keys(
        &self,
        core: &Core,
        field: &str,
        value: &Json,
    ) -> Result<Vec<Uuid>, Wrong> {
        let Json::Array(list) = value else { return wrong(field, "Expected a list of items.") };
        let mut out = Vec::with_capacity(list.len());
        for item in list {
            let Some(id) = item.as_str().and_then(|s| Uuid::parse_str(s).ok()) else {
                return wrong(field, format!("{item} is not the key of a group."));
            };
            if !self.has_group(id) && groups::by_id(&core.db, id).await.map_err(internal)?.is_none() {
                return wrong(field, format!("Invalid pk \"{id}\" - object does not exist."));
            }
            if !out.contains(&id) {
                out.push(id);
            }
        }
        Ok(out)
    }
}
