//! Users, groups and tokens in blueprints: they live in tables of their own, and are written in the same
//! transaction.
mod drafts;
mod find;
mod group;
mod token;
mod user;
mod values;

use signet_base::{Json, Map, Secret, Uuid};
use signet_core::Core;
use signet_store::Batch;
use signet_store::epoch::KeptSession;
use signet_store::groups::{self, Group};
use signet_store::tokens::{self, Token};
use signet_store::users::{self, User, canonical};

use drafts::Drafts;
pub use find::{Row, Wanted};

pub const USER: &str = "authentik_core.user";
pub const GROUP: &str = "authentik_core.group";
pub const TOKEN: &str = "authentik_core.token";

/// Whether a row has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum RowState {
    #[default]
    Same,
    New,
    Changed,
    Gone,
}

struct UserDraft {
    user: User,
    groups: Option<Vec<Uuid>>,
    hash: Option<String>,
    state: RowState,
}
struct GroupDraft {
    group: Group,
    parents: Option<Vec<Uuid>>,
    members: Option<Vec<i64>>,
    state: RowState,
}
struct TokenDraft {
    token: Token,
    key: Option<Secret>,
    state: RowState,
}

/// The rows that the entries have touched. New users have negative ids until they are written.
#[derive(Default)]
pub struct Rows {
    users: Drafts<UserDraft>,
    groups: Drafts<GroupDraft>,
    tokens: Drafts<TokenDraft>,
    /// New users so far.
    numbered: i64,
}

/// What an entry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    Created,
    Updated,
    Deleted,
    Nothing,
}

/// The wish of an entry. `fields` are identifiers and attributes together.
pub struct Order<'a> {
    pub state: crate::entry::State,
    pub identifiers: &'a Wanted,
    pub fields: &'a Map,
}

/// A field and what is wrong with it.
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
    /// Whether the administrator of the first run gets a password.
    pub fn sets_password_of(&self, username: &str) -> bool {
        self.users.iter().any(|u| u.hash.is_some() && canonical(&u.user.username) == username)
    }

    /// The first row that fits, for `!Find`; those of this import go first.
    pub async fn find(&self, core: &Core, model: &str, wanted: &Wanted) -> Result<Option<Row>, String> {
        let found = self.matching(core, model, wanted, 1).await;
        Ok(found
            .map_err(
                |(field, message)| if field.is_empty() { message } else { format!("{field}: {message}") },
            )?
            .pop())
    }

    /// Fields that rows of the model have. Others are left out.
    pub fn knows(model: &str, field: &str) -> bool {
        match model {
            USER => user::FIELDS.contains(&field),
            GROUP => group::FIELDS.contains(&field),
            _ => token::FIELDS.contains(&field),
        }
    }

    /// Carries out one entry; the key of its row.
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

    /// New users in the order of their provisional ids, for those who need the real ids before anything else
    /// is written.
    pub fn new_users(&self) -> impl Iterator<Item = (i64, Batch)> + '_ {
        self.users
            .iter()
            .filter(|d| d.state == RowState::New)
            .map(|d| (d.user.id, users::insert_batch(&d.user, d.groups.as_deref().unwrap_or_default())))
    }
    /// Whether new users are named by new rows.
    pub fn names_new_users(&self) -> bool {
        self.tokens.iter().any(|t| t.state == RowState::New && t.token.user_id < 0)
    }
    /// The batch of all new groups.
    pub fn new_groups(&self) -> Batch {
        self.groups.iter().filter(|d| d.state == RowState::New).fold(Batch::new(), |batch, d| {
            batch.then(groups::insert_batch(
                &d.group,
                d.parents.as_deref().unwrap_or_default(),
                d.members.as_deref().unwrap_or_default(),
            ))
        })
    }
    /// Everything but new groups and new users. `real` turns provisional user ids into real ones.
    pub fn changes(&self, core: &Core, real: impl Fn(i64) -> i64) -> signet_base::Result<Batch> {
        let now = core.now();
        let mut batch = Batch::new();
        for d in self.groups.iter() {
            batch = match d.state {
                RowState::Changed => batch.then(groups::update_batch(
                    &d.group,
                    d.parents.as_deref(),
                    d.members.as_deref(),
                    now,
                )),
                RowState::Gone => batch.then(groups::delete_batch(d.group.id)),
                RowState::Same | RowState::New => batch,
            };
        }
        for d in self.users.iter() {
            if d.state == RowState::Gone {
                batch = batch.then(users::delete_batch(d.user.id));
            }
            if d.state == RowState::Changed {
                // A password and a deactivation end everything of the account, in this commit.
                batch = batch.then(users::update_batch(&d.user, None, d.groups.as_deref(), now));
                if let Some(hash) = &d.hash {
                    batch =
                        batch.then(users::set_password_batch(d.user.id, hash, &KeptSession::default(), now));
                }
            }
        }
        for d in self.tokens.iter() {
            let mut token = d.token.clone();
            token.user_id = real(token.user_id);
            batch = match (d.state, &d.key) {
                (RowState::New, Some(key)) => batch.then(tokens::insert_batch(&core.vault, &token, key)?),
                (RowState::Changed, key) => {
                    // A token is small: it goes and comes back as it will be.
                    let key = match key {
                        Some(key) => key.clone(),
                        None => token.key(&core.vault)?,
                    };
                    batch.then(tokens::delete_batch(token.id)).then(tokens::insert_batch(
                        &core.vault,
                        &token,
                        &key,
                    )?)
                }
                (RowState::Gone, _) => batch.then(tokens::delete_batch(token.id)),
                _ => batch,
            };
        }
        Ok(batch)
    }
    /// Keys of rows that go, as objects refer to them.
    pub fn removed_keys(&self) -> Vec<String> {
        let users =
            self.users.iter().filter(|d| d.state == RowState::Gone).map(|d| format!("user:{}", d.user.id));
        users
            .chain(self.groups.iter().filter(|d| d.state == RowState::Gone).map(|d| d.group.id.to_string()))
            .collect()
    }
}

/// What the state of an entry means for what was found.
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
