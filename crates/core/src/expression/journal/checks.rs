//! What no text writes. Every refusal ends the run: a text must not go on as if it had written.
use super::Journal;
use crate::expression::objects::{Shared, gone};
use signet_expr::CallError;
use signet_model::check;
use signet_store::groups::{self, Group};
use signet_store::roles;
use signet_store::users::{self, User};

impl Journal {
    /// Whether the text may write.
    pub fn allows(&self, what: &str) -> Result<(), CallError> {
        let why = "only policies write; mappings and prompts are asked too often for that";
        if self.is_open() { Ok(()) } else { Err(CallError::Fatal(format!("{what} is refused: {why}"))) }
    }

    /// Whether the account may be written: superusers and the server's own are out of reach.
    pub async fn allows_account(&self, shared: &Shared, user: &User, what: &str) -> Result<(), CallError> {
        self.allows(what)?;
        let refused =
            |why: &str| Err(CallError::Fatal(format!("{what} is refused: '{}' {why}", user.username)));
        if user.user_type == INTERNAL {
            return refused("belongs to the server");
        }
        // Accounts that are made here are in no group that gives anything.
        let stored = user.id > 0;
        if stored && !groups::is_superuser(&shared.core.db, &[user.id]).await.map_err(gone)?.is_empty() {
            return refused("is a superuser, whom no expression writes");
        }
        Ok(())
    }

    /// Whether the group and its members may be written: those that give superuser or roles are out of reach.
    pub async fn allows_group(&self, shared: &Shared, group: &Group, what: &str) -> Result<(), CallError> {
        self.allows(what)?;
        let db = &shared.core.db;
        let ids: Vec<_> = groups::ancestors(db, &[group.id]).await.map_err(gone)?.into_iter().collect();
        let above = groups::many(db, &ids).await.map_err(gone)?;
        if !roles::of_groups(db, &[group.id]).await.map_err(gone)?.roles.is_empty() {
            let why = format!(
                "{what} is refused: the group '{}' gives roles, which no expression does",
                group.name
            );
            return Err(CallError::Fatal(why));
        }
        if group.is_superuser || above.iter().any(|group| group.is_superuser) {
            let why = format!(
                "{what} is refused: the group '{}' gives superuser, which no expression does",
                group.name
            );
            return Err(CallError::Fatal(why));
        }
        Ok(())
    }
}

/// Accounts of the server's own components.
const INTERNAL: &str = "internal_service_account";
const TYPES: [&str; 3] = ["internal", "external", "service_account"];

/// Whether the account can stand as it is.
pub async fn account(shared: &Shared, user: &User) -> Result<(), CallError> {
    let wrong = |why: &str| Err(CallError::Value(why.to_owned()));
    if user.username.trim().is_empty() || user.username.chars().count() > 150 {
        return wrong("a username has 1 to 150 characters");
    }
    if !user.email.is_empty() && !check::email(&user.email) {
        return wrong("'email' is no address");
    }
    if !check::person_name(&user.name) {
        return wrong("'name' has at most 150 characters on one line");
    }
    if !TYPES.contains(&user.user_type.as_str()) {
        return wrong("'type' is internal, external or service_account");
    }
    if user.path.split('/').any(str::is_empty) {
        return wrong("'path' is made of names joined by single slashes");
    }
    let journal = &shared.journal;
    let key = users::canonical(&user.username);
    let same = |other: &User| other.id != user.id && users::canonical(&other.username) == key;
    let made = journal.lock().users.values().filter_map(|row| row.after.as_ref()).any(same);
    let stored = users::by_username(&shared.core.db, &user.username).await.map_err(gone)?;
    // Whoever had the name may have lost it here.
    if made || stored.is_some_and(|other| other.id != user.id && journal.user(other.id).is_none()) {
        return Err(CallError::Value(format!("there is an account '{}' already", user.username)));
    }
    Ok(())
}

/// Whether the group can stand as it is.
pub async fn group(shared: &Shared, group: &Group) -> Result<(), CallError> {
    if group.is_superuser {
        return Err(CallError::Fatal(format!(
            "the group '{}' would give superuser, which no expression does",
            group.name
        )));
    }
    if group.name.trim().is_empty() {
        return Err(CallError::Value("a group has a name".to_owned()));
    }
    let journal = &shared.journal;
    let same = |other: &Group| other.id != group.id && other.name == group.name;
    let made = journal.lock().groups.values().filter_map(|row| row.after.as_ref()).any(same);
    let stored = groups::by_name(&shared.core.db, &group.name).await.map_err(gone)?;
    if made || stored.is_some_and(|other| other.id != group.id && journal.group(other.id).is_none()) {
        return Err(CallError::Value(format!("there is a group '{}' already", group.name)));
    }
    Ok(())
}
