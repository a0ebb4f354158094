//! Users, groups and tokens in blueprints. They are rows, and are written in the same transaction.
mod drafts;
mod find;
mod group;
mod token;
mod user;
mod values;

use signet_base::{Json, Map, Secret, Uuid};
use signet_core::Core;
use signet_core::directory::{Change, GroupChange, TokenChange, UserChange};
use signet_store::epoch::KeptSession;
use signet_store::groups::Group;
use signet_store::tokens::Token;
use signet_store::users::{User, canonical};

use drafts::Drafts;
pub use find::{Row, Wanted};
use values::has_column;

pub const USER: &str = "authentik_core.user";
pub const GROUP: &str = "authentik_core.group";
pub const TOKEN: &str = "authentik_core.token";

/// Whether a row must be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum RowState {
    #[default]
    Same,
    New,
    Changed,
    Gone,
}

struct UserDraft {
    /// As it is stored; none where it is new.
    before: Option<User>,
    user: User,
    groups: Option<Vec<Uuid>>,
    roles: Option<Vec<Uuid>>,
    hash: Option<String>,
    state: RowState,
}
struct GroupDraft {
    before: Option<Group>,
    group: Group,
    parents: Option<Vec<Uuid>>,
    members: Option<Vec<i64>>,
    roles: Option<Vec<Uuid>>,
    state: RowState,
}
struct TokenDraft {
    before: Option<Token>,
    token: Token,
    key: Option<Secret>,
    state: RowState,
}

/// The rows touched by entries. New users have negative ids until they are written.
#[derive(Default)]
pub struct Rows {
    users: Drafts<UserDraft>,
    groups: Drafts<GroupDraft>,
    tokens: Drafts<TokenDraft>,
    /// New users so far.
    numbered: i64,
}

/// The effect of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteOutcome {
    Created,
    Updated,
    Deleted,
    #[default]
    Nothing,
}

/// An entry about a row. `fields` contains identifiers and attributes.
pub struct Order<'a> {
    pub state: crate::entry::State,
    pub identifiers: &'a Wanted,
    pub fields: &'a Map,
}

/// A field and its error.
pub type Wrong = (String, String);

impl Rows {
    pub fn is_row(model: &str) -> bool {
        [USER, GROUP, TOKEN].contains(&model)
    }
    pub fn is_empty(&self) -> bool {
        self.users.iter().all(|u| u.state == RowState::Same)
            && self.groups.iter().all(|g| g.state == RowState::Same)
            && self.tokens.iter().all(|t| t.state == RowState::Same)
    }
    pub fn has_user(&self, id: i64) -> bool {
        self.users.has(&Json::from(id))
    }
    pub fn has_group(&self, id: Uuid) -> bool {
        self.groups.has(&Json::String(id.to_string()))
    }
    /// Whether the first-run administrator gets a password.
    pub fn sets_password_of(&self, username: &str) -> bool {
        self.users.iter().any(|u| u.hash.is_some() && canonical(&u.user.username) == username)
    }

    /// The first matching row, for `!Find`; those of this import come first.
    pub async fn find(&self, core: &Core, model: &str, wanted: &Wanted) -> Result<Option<Row>, String> {
        let found = self.matching(core, model, wanted, 1).await;
        Ok(found
            .map_err(
                |(field, message)| if field.is_empty() { message } else { format!("{field}: {message}") },
            )?
            .pop())
    }

    /// Whether the model's rows have the field. Unknown fields are dropped.
    pub fn knows(model: &str, field: &str) -> bool {
        match model {
            USER => user::FIELDS.contains(&field) || has_column::<User>(field),
            GROUP => group::FIELDS.contains(&field) || has_column::<Group>(field),
            _ => token::FIELDS.contains(&field) || has_column::<Token>(field),
        }
    }

    /// Applies an entry; returns the key of its row.
    pub async fn order(
        &mut self,
        core: &Core,
        model: &str,
        order: &Order<'_>,
    ) -> Result<(WriteOutcome, Json), Wrong> {
        match model {
            USER => self.user(core, order).await,
            GROUP => self.group(core, order).await,
            _ => self.token(core, order).await,
        }
    }

    /// New groups, and new users with their provisional numbers.
    pub fn new_rows(&self) -> (Vec<GroupChange>, Vec<User>) {
        let groups = self.groups.iter().filter(|d| d.state == RowState::New).map(|d| {
            GroupChange::create(d.group.clone())
                .parents(d.parents.clone())
                .members(d.members.clone())
                .roles(d.roles.clone())
        });
        let users = self.users.iter().filter(|d| d.state == RowState::New).map(|d| d.user.clone());
        (groups.collect(), users.collect())
    }
    /// A new user with their real number.
    pub fn creation(&self, user: &User, id: i64) -> UserChange {
        let change = UserChange::create(User { id, ..user.clone() }).email_verified("administrator");
        let Some(draft) = self.users.by_key(&Json::from(user.id)) else { return change };
        let change = change.groups(draft.groups.clone()).roles(draft.roles.clone());
        match &draft.hash {
            Some(hash) => change.password(hash, &KeptSession::default()),
            None => change,
        }
    }
    /// Everything but new groups and new users. `real` maps provisional user ids to real ones.
    pub fn changes(&self, real: impl Fn(i64) -> i64) -> Vec<Change> {
        let mut all: Vec<Change> = Vec::new();
        for d in self.groups.iter() {
            match (&d.before, d.state) {
                (Some(before), RowState::Changed) => all.push(
                    GroupChange::update(before, d.group.clone())
                        .parents(d.parents.clone())
                        .members(d.members.clone())
                        .roles(d.roles.clone())
                        .into(),
                ),
                (Some(before), RowState::Gone) => all.push(GroupChange::delete(before).into()),
                _ => {}
            }
        }
        for d in self.users.iter() {
            match (&d.before, d.state) {
                (Some(before), RowState::Changed) => {
                    let mut change = UserChange::update(before, d.user.clone()).last_write_wins();
                    if canonical(&before.email) != canonical(&d.user.email) {
                        change = change.email_verified("administrator");
                    }
                    if let Some(hash) = &d.hash {
                        change = change.password(hash, &KeptSession::default());
                    }
                    all.push(change.groups(d.groups.clone()).roles(d.roles.clone()).into());
                }
                (Some(before), RowState::Gone) => all.push(UserChange::delete(before).into()),
                _ => {}
            }
        }
        for d in self.tokens.iter() {
            let mut token = d.token.clone();
            token.user_id = real(token.user_id);
            match (&d.before, d.state, &d.key) {
                (None, RowState::New, Some(key)) => {
                    all.push(TokenChange::create(token, key.clone()).into());
                }
                (Some(before), RowState::Changed, key) => {
                    all.push(TokenChange::update(before, token).key(key.clone()).into());
                }
                (Some(before), RowState::Gone, _) => all.push(TokenChange::delete(before).into()),
                _ => {}
            }
        }
        all
    }
}

/// The action for a row, by the entry's state and what was found.
pub enum RowWritePlan {
    Create,
    Update(usize),
    Delete(usize),
    Leave(Option<usize>),
}

fn mark(state: &mut RowState, changed: bool) -> WriteOutcome {
    match *state {
        RowState::New => WriteOutcome::Created,
        _ if changed => {
            *state = RowState::Changed;
            WriteOutcome::Updated
        }
        _ => WriteOutcome::Nothing,
    }
}
