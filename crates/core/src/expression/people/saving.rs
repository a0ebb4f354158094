//! `save`, `delete` and passwords: what a text changes of accounts and groups goes into its journal.
use super::group::Group;
use super::{CallResult, User};
use crate::expression::journal::{self, Row};
use crate::expression::objects::{Shared, gone};
use signet_base::{Json, Map, Secret};
use signet_expr::{CallError, Dict, Value};
use signet_store::{groups, users};

/// What a text may change of an account.
pub(super) const SAVED: [&str; 7] = ["username", "name", "email", "attributes", "is_active", "type", "path"];

pub(super) fn refused(what: &str, method: &str) -> CallError {
    CallError::Fatal(match method {
        "refresh_from_db" => format!("refresh_from_db() of {what}: ask for it anew, by objects.get(pk=…)"),
        "save" | "asave" => format!("{method}() of {what}: write the call of save() itself"),
        _ => format!("{method}() of {what} is not offered to expressions"),
    })
}

/// Sets what a text may set, by its name.
pub fn set_field(user: &mut users::User, name: &str, value: &Value) -> Result<(), CallError> {
    match name {
        "username" => user.username = text(name, value)?.trim().to_owned(),
        "name" => user.name = text(name, value)?,
        "email" => user.email = text(name, value)?,
        "type" => user.user_type = text(name, value)?,
        "path" => user.path = text(name, value)?,
        "is_active" => user.is_active = flag(name, value)?,
        "attributes" => user.attributes = map(name, value)?,
        _ => return Err(CallError::Type(format!("User() got unexpected keyword arguments: '{name}'"))),
    }
    Ok(())
}
pub fn set_group_field(group: &mut groups::Group, name: &str, value: &Value) -> Result<(), CallError> {
    match name {
        "name" => group.name = text(name, value)?,
        "is_superuser" => group.is_superuser = flag(name, value)?,
        "attributes" => group.attributes = map(name, value)?,
        _ => return Err(CallError::Type(format!("Group() got unexpected keyword arguments: '{name}'"))),
    }
    Ok(())
}
pub fn text(name: &str, value: &Value) -> Result<String, CallError> {
    value.as_str().map(str::to_owned).ok_or_else(|| CallError::Type(format!("'{name}' is a text")))
}
pub fn flag(name: &str, value: &Value) -> Result<bool, CallError> {
    if let Value::Bool(flag) = value {
        Ok(*flag)
    } else {
        Err(CallError::Type(format!("'{name}' is True or False")))
    }
}
pub fn map(name: &str, value: &Value) -> Result<Map, CallError> {
    match value.to_json() {
        Ok(Json::Object(map)) => Ok(map),
        Ok(_) => Err(CallError::Type(format!("'{name}' is a dictionary"))),
        Err(error) => Err(CallError::Type(format!("'{name}': {error}"))),
    }
}

/// The names of `update_fields`; none: everything.
fn update_fields(kwargs: &[(String, Value)]) -> Result<Option<Vec<String>>, CallError> {
    match kwargs.iter().find(|(name, _)| name == "update_fields").map(|(_, value)| value) {
        None | Some(Value::None) => Ok(None),
        Some(Value::List(names)) => {
            names.iter().map(|name| text("update_fields", name)).collect::<Result<_, _>>().map(Some)
        }
        Some(_) => Err(CallError::Type("update_fields is a list of names".into())),
    }
}

/// What `delete()` answers.
pub fn deleted(count: usize, class: &str) -> Value {
    let count = Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    Value::list([count.clone(), Dict::from_iter([(class, count)]).into()])
}

/// The account as it is now, for a text.
pub async fn current(shared: &Shared, id: i64) -> Result<users::User, CallError> {
    let found = match shared.journal.user(id) {
        Some(row) => row.after,
        None => users::by_id(&shared.core.db, id).await.map_err(gone)?,
    };
    found.ok_or_else(|| CallError::Fatal("the account is gone".into()))
}
/// The group as it is now, for a text.
pub async fn current_group(shared: &Shared, id: signet_base::Uuid) -> Result<groups::Group, CallError> {
    let found = match shared.journal.group(id) {
        Some(row) => row.after,
        None => groups::by_id(&shared.core.db, id).await.map_err(gone)?,
    };
    found.ok_or_else(|| CallError::Fatal("the group is gone".into()))
}

/// Whether an account or a group can stand as it is.
pub use journal::{account as checked, group as checked_group};

/// Notes a changed account, once it is seen that it may be.
pub async fn put(shared: &Shared, before: &users::User, after: users::User) -> Result<(), CallError> {
    journal::account(shared, &after).await?;
    shared.journal.put_user(Row::changed(before.clone(), after))
}
/// Notes a changed group, once it is seen that it may be.
pub async fn put_group(
    shared: &Shared,
    before: &groups::Group,
    after: groups::Group,
) -> Result<(), CallError> {
    journal::group(shared, &after).await?;
    shared.journal.put_group(Row::changed(before.clone(), after))
}

impl User {
    pub(super) fn password(&self) -> String {
        let set = self.shared.journal.lock().hashes.get(&self.id()).cloned();
        set.unwrap_or_else(|| self.row().password.clone())
    }

    pub(super) async fn write(&self, method: &str, args: &[Value], kwargs: &[(String, Value)]) -> CallResult {
        let shared = &self.shared;
        match method {
            "__save__" => self.save(kwargs).await,
            "delete" => self.delete().await,
            "set_password" | "set_unusable_password" => {
                let user = current(shared, self.id()).await?;
                shared.journal.allows_account(shared, &user, &format!("{method}()")).await?;
                let hash = match (method, args.first()) {
                    ("set_password", Some(Value::Str(text))) if !text.is_empty() => {
                        shared.core.hasher.hash(Secret::new(text.as_ref())).await.map_err(gone)?
                    }
                    ("set_password", Some(Value::Str(_))) => {
                        return Err(CallError::Value("an empty password is none".into()));
                    }
                    ("set_unusable_password", _) | (_, Some(Value::None)) => {
                        format!("!{}", shared.core.ports.alphanumeric(40))
                    }
                    _ => return Err(CallError::Type("set_password() takes one text".into())),
                };
                shared.journal.lock().hashes.insert(self.id(), hash);
                Ok(Value::None)
            }
            _ => Err(refused("User", method)),
        }
    }

    pub async fn delete(&self) -> CallResult {
        let shared = &self.shared;
        let user = current(shared, self.id()).await?;
        shared.journal.allows_account(shared, &user, "delete() of an account").await?;
        shared.journal.put_user(Row { before: Some(user), after: None })?;
        Ok(deleted(1, "authentik_core.User"))
    }

    async fn save(&self, kwargs: &[(String, Value)]) -> CallResult {
        let shared = &self.shared;
        let only = update_fields(kwargs)?;
        let named = |name: &str| only.as_ref().is_none_or(|only| only.iter().any(|one| one == name));
        let before = current(shared, self.id()).await?;
        let mut after = before.clone();
        for (name, value) in self.changed.iter().filter(|(name, _)| named(name)) {
            set_field(&mut after, name, value)?;
        }
        if named("password")
            && let Some(hash) = shared.journal.lock().hashes.remove(&self.id())
        {
            after.password = hash;
        }
        shared.journal.allows_account(shared, &before, "save() of an account").await?;
        put(shared, &before, after).await?;
        Ok(Value::None)
    }
}

impl Group {
    pub(super) async fn save(&self, kwargs: &[(String, Value)]) -> CallResult {
        let shared = &self.shared;
        let only = update_fields(kwargs)?;
        let before = current_group(shared, self.row().id).await?;
        let mut after = before.clone();
        for (name, value) in self.changed.iter() {
            if only.as_ref().is_none_or(|only| only.iter().any(|one| one == name)) {
                set_group_field(&mut after, name, value)?;
            }
        }
        shared.journal.allows_group(shared, &before, "save() of a group").await?;
        put_group(shared, &before, after).await?;
        Ok(Value::None)
    }

    pub async fn delete(&self) -> CallResult {
        let shared = &self.shared;
        let group = current_group(shared, self.row().id).await?;
        shared.journal.allows_group(shared, &group, "delete() of a group").await?;
        shared.journal.put_group(Row { before: Some(group), after: None })?;
        Ok(deleted(1, "authentik_core.Group"))
    }
}
