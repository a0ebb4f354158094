//! Permissions that a file gives: `permissions` of roles and users on all objects, and of an entry on its object.
use crate::apply::EntryRead;
use crate::entry::State;
use crate::eval::{EntryObject, Position, Scope};
use crate::missing_models;
use crate::planned::PlannedState;
use crate::rows::{Rows, USER, WriteOutcome};
use crate::yaml::Node;
use signet_base::{Json, Map, Result, Uuid};
use signet_core::Core;
use signet_core::directory::{RoleChange, Transaction};
use signet_core::permission::{managed_role, role_of_user};
use signet_model::{Base, ModelDef};
use signet_store::roles::{self, Target};
use signet_store::users;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

const ROLE: &str = "authentik_rbac.role";

/// A field and its error.
type Wrong = (String, String);

/// Who gets a permission: a role, or a user alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    Role(Uuid),
    /// New users have provisional numbers.
    User(i64),
}

/// The object that a permission is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum On {
    User(i64),
    /// Another row, by its key in the API.
    Row(String),
    Object(Uuid),
}

/// The permissions to write at the end, and what is known of those there are.
#[derive(Default)]
pub struct PlannedPermissions {
    everywhere: HashMap<Holder, Vec<String>>,
    single: HashMap<Holder, HashSet<(String, On)>>,
    /// What stored roles may do: permission and key of the object.
    stored: HashMap<Uuid, HashSet<(String, String)>>,
}

impl PlannedPermissions {
    pub fn is_empty(&self) -> bool {
        self.everywhere.is_empty() && self.single.is_empty()
    }
    /// What a holder may do now.
    async fn stored(&mut self, core: &Core, holder: Holder) -> Result<&HashSet<(String, String)>> {
        let role = match holder {
            Holder::Role(role) => core.config().get(role).map(|object| object.pk),
            Holder::User(id) => managed_role(&core.config(), &role_of_user(id)),
        };
        // No role has this key: what is not stored may do nothing.
        let role = role.unwrap_or_default();
        Ok(match self.stored.entry(role) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let all = roles::permissions(&core.db, role).await?;
                new.insert(all.into_iter().map(|p| (p.permission, p.object)).collect())
            }
        })
    }
    /// Adds the changes to a commit that creates the rows and objects. `exists` tells whether a role is there at the end,
    /// `real` maps provisional user ids to real ones.
    pub async fn write(
        &self,
        all: &mut Transaction<'_>,
        exists: impl Fn(Uuid) -> bool,
        real: impl Fn(i64) -> i64,
    ) -> Result<()> {
        let others = self.single.keys().filter(|holder| !self.everywhere.contains_key(holder));
        for holder in self.everywhere.keys().chain(others) {
            let role = match *holder {
                Holder::Role(role) if !exists(role) => continue,
                Holder::Role(role) => role,
                Holder::User(id) => all.role_of_user(real(id)),
            };
            let mut change = RoleChange::of(role).everywhere(self.everywhere.get(holder).cloned());
            for (permission, on) in self.single.get(holder).into_iter().flatten() {
                let target = match on {
                    On::User(id) => Target::Row(real(*id).to_string()),
                    On::Row(key) => Target::Row(key.clone()),
                    On::Object(pk) => Target::Object(*pk),
                };
                change = change.grant(permission, target);
            }
            all.change(change).await?;
        }
        Ok(())
    }
}

/// Plans the permissions of an entry; whether something changes. What is for nobody, or about models that do not exist
/// here, is added to `left_out`.
pub async fn of_entry(
    core: &Core,
    planned: &mut PlannedState,
    read: &EntryRead,
    outcome: WriteOutcome,
    made: &EntryObject,
    left_out: &mut Vec<String>,
) -> Result<bool, Wrong> {
    if read.state == State::Absent {
        return Ok(false);
    }
    let mut changed = false;
    // An entry that leaves its object as it is sets no attributes.
    let is_written = read.state == State::Present || outcome == WriteOutcome::Created;
    if let (Some(value), true, Some(holder)) = (&read.everywhere, is_written, holder(planned, read, made)) {
        changed = everywhere(core, planned, holder, value, left_out).await?;
    }
    Ok(single(core, planned, &read.model, made, &read.permissions, left_out).await? || changed)
}

/// The holder whose permissions the attribute sets.
fn holder(planned: &PlannedState, read: &EntryRead, made: &EntryObject) -> Option<Holder> {
    if read.model == USER {
        return made.pk.as_i64().map(Holder::User);
    }
    role_key(planned, &made.pk).map(Holder::Role)
}

pub fn is_role(def: &ModelDef) -> bool {
    def.is(ROLE)
}

/// The attribute `permissions` of a role or a user: replaces the permissions on all objects.
async fn everywhere(
    core: &Core,
    planned: &mut PlannedState,
    holder: Holder,
    value: &Json,
    left_out: &mut Vec<String>,
) -> Result<bool, Wrong> {
    let wrong = |message: String| ("permissions".to_owned(), message);
    let Json::Array(list) = value else { return Err(wrong("Expected a list of items.".into())) };
    let mut names = Vec::new();
    for item in list {
        let name = item.as_str().unwrap_or_default();
        if core.permissions.find(name).is_some() {
            names.push(name.to_owned());
        } else if is_elsewhere(core, name) {
            left_out.push(name.to_owned());
        } else {
            return Err(wrong(format!("{item} is not a valid choice.")));
        }
    }
    names.sort();
    names.dedup();
    let stored = planned.permissions.stored(core, holder).await.map_err(|e| wrong(e.to_string()))?;
    let mut have: Vec<String> =
        stored.iter().filter(|(_, object)| object.is_empty()).map(|(name, _)| name.clone()).collect();
    have.sort();
    let before = planned.permissions.everywhere.remove(&holder);
    let changed = *before.as_ref().unwrap_or(&have) != names;
    if changed || before.is_some() {
        planned.permissions.everywhere.insert(holder, names);
    }
    Ok(changed)
}

/// A permission of a model that authentik has and this server does not.
fn is_elsewhere(core: &Core, permission: &str) -> bool {
    let Some((app, codename)) = permission.split_once('.') else { return false };
    let model = codename.split_once('_').map_or(codename, |(_, model)| model);
    missing_models::is_missing(core, &format!("{app}.{model}"))
}

/// One of the `permissions` of an entry.
pub struct EntryPermission {
    permission: Json,
    role: Json,
    user: Json,
}

/// Evaluates the `permissions` of an entry.
pub async fn read(scope: &Scope<'_>, nodes: &[Node]) -> Result<Vec<EntryPermission>, Wrong> {
    let mut out = Vec::new();
    for (n, node) in nodes.iter().enumerate() {
        let place = format!("permissions[{n}]");
        let value = scope.value(node, &Position::default()).await;
        let Json::Object(mut map) = value.map_err(|stop| (place.clone(), stop.sentence()))? else {
            return Err((place, "expected a mapping".into()));
        };
        let mut take = |name: &str| map.remove(name).unwrap_or_default();
        out.push(EntryPermission { permission: take("permission"), role: take("role"), user: take("user") });
    }
    Ok(out)
}

/// The `permissions` of an entry, on its object.
async fn single(
    core: &Core,
    planned: &mut PlannedState,
    model: &str,
    made: &EntryObject,
    permissions: &[EntryPermission],
    left_out: &mut Vec<String>,
) -> Result<bool, Wrong> {
    if permissions.is_empty() {
        return Ok(false);
    }
    let key = made.pk.as_str().map_or_else(|| made.pk.to_string(), str::to_owned);
    let on = match planned.object(&made.pk) {
        _ if model == USER => On::User(made.pk.as_i64().unwrap_or_default()),
        Some(object) if !Rows::is_row(model) => On::Object(object.pk),
        _ => On::Row(key.clone()),
    };
    let mut changed = false;
    for (n, wanted) in permissions.iter().enumerate() {
        let wrong = |field: &str, message: String| (format!("permissions[{n}].{field}"), message);
        let text = wanted.permission.as_str().unwrap_or_default();
        let Some(name) = on_model(core, model, text) else {
            return Err(wrong("permission", format!("{} is no permission on {model}.", wanted.permission)));
        };
        let mut holders = Vec::new();
        if !wanted.role.is_null() {
            let role = role_key(planned, &wanted.role);
            let missing = || wrong("role", format!("Invalid pk {} - object does not exist.", wanted.role));
            holders.push(Holder::Role(role.ok_or_else(missing)?));
        }
        if !wanted.user.is_null() {
            let id = wanted.user.as_i64().unwrap_or_default();
            if !planned.rows.has_user(id)
                && users::by_id(&core.db, id).await.map_err(|e| wrong("user", e.to_string()))?.is_none()
            {
                return Err(wrong("user", format!("Invalid pk {} - object does not exist.", wanted.user)));
            }
            holders.push(Holder::User(id));
        }
        if holders.is_empty() {
            left_out.push(format!("permissions[{n}]"));
        }
        for holder in holders {
            let stored = planned.permissions.stored(core, holder).await;
            let stored = stored.map_err(|e| wrong("permission", e.to_string()))?;
            if !stored.contains(&(name.clone(), key.clone())) {
                let all = planned.permissions.single.entry(holder).or_default();
                changed |= all.insert((name.clone(), on.clone()));
            }
        }
    }
    Ok(changed)
}

/// The whole name of a permission on objects of a model or its family; the file may leave out the app.
fn on_model(core: &Core, model: &str, text: &str) -> Option<String> {
    let family = core.registry.find(model).and_then(|def| def.base).map(Base::label);
    [Some(model), family].into_iter().flatten().find_map(|about| {
        let (app, _) = about.split_once('.')?;
        let name = if text.contains('.') { text.to_owned() } else { format!("{app}.{text}") };
        core.permissions.find(&name).is_some_and(|p| p.model == about).then_some(name)
    })
}

fn role_key(planned: &PlannedState, value: &Json) -> Option<Uuid> {
    planned.object(value).filter(|object| object.def.is(ROLE)).map(|object| object.pk)
}

/// The attribute `roles` of a user or group: keys of roles that exist, or will.
pub fn check_roles(planned: &PlannedState, fields: &Map) -> Result<(), Wrong> {
    let wrong = |message: String| ("roles".to_owned(), message);
    let list = match fields.get("roles") {
        None => return Ok(()),
        Some(Json::Array(list)) => list,
        Some(_) => return Err(wrong("Expected a list of items.".into())),
    };
    match list.iter().find(|value| role_key(planned, value).is_none()) {
        Some(value) => Err(wrong(format!("Invalid pk {value} - object does not exist."))),
        None => Ok(()),
    }
}
