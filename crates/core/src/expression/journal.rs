//! What a text has written so far. Its own later reads see it; the directory gets it when the text has succeeded, and
//! never when the text failed or was only tried out. See docs/adr/0006-expressions-write.md.
mod apply;
mod checks;

use signet_base::{Secret, Uuid};
use signet_expr::CallError;
use signet_model::Object;
use signet_store::Batch;
use signet_store::groups::Group;
use signet_store::lookups::Model;
use signet_store::tokens::Token;
use signet_store::users::User;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use apply::apply;
pub use checks::{account, group};

/// Rows that one run may write.
const MOST: usize = 500;
/// Keys of accounts that are made here begin at this number; no text sees them.
const NEW: i64 = i64::MIN / 2;

/// The text that writes, for the events of what it wrote: the name of its object.
#[derive(Debug, Clone)]
pub struct Author {
    /// `authentik_policies_expression.expressionpolicy`
    pub model: String,
    pub name: String,
}
impl Author {
    pub fn object(object: &Object) -> Self {
        Self { model: object.def.full_name(), name: object.name().to_owned() }
    }
}

/// A row as it was and as it will be. Without `before` it is new, without `after` it goes.
#[derive(Debug, Clone)]
pub struct Row<T> {
    pub before: Option<T>,
    pub after: Option<T>,
}
impl<T> Row<T> {
    pub fn new(after: T) -> Self {
        Self { before: None, after: Some(after) }
    }
    pub fn changed(before: T, after: T) -> Self {
        Self { before: Some(before), after: Some(after) }
    }
}

/// A row of another model that goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeletedRow {
    /// With its owner.
    Device(i64, i64),
    Token(Uuid),
    Session(Uuid),
    /// By the digest that the database knows it by.
    Invitation(String),
}
impl DeletedRow {
    fn is_of(&self, model: Model) -> bool {
        match self {
            Self::Token(_) => model == Model::Token,
            Self::Session(_) => model == Model::Session,
            Self::Invitation(_) => model == Model::Invitation,
            Self::Device(..) => model.is_device(),
        }
    }
    pub fn key(&self) -> String {
        match self {
            Self::Device(id, _) => id.to_string(),
            Self::Token(id) | Self::Session(id) => id.to_string(),
            Self::Invitation(digest) => digest.clone(),
        }
    }
}

#[derive(Default)]
pub struct State {
    pub users: BTreeMap<i64, Row<User>>,
    pub groups: BTreeMap<Uuid, Row<Group>>,
    /// Whether the account is a direct member in the end.
    pub members: BTreeMap<(i64, Uuid), bool>,
    /// New tokens with their keys.
    pub tokens: Vec<(Token, Secret)>,
    pub gone: BTreeSet<DeletedRow>,
    /// Emails.
    pub jobs: Batch,
    /// Hashes that `set_password` made and no `save` has taken yet.
    pub hashes: HashMap<i64, String>,
}
impl State {
    fn len(&self) -> usize {
        self.users.len() + self.groups.len() + self.members.len() + self.tokens.len() + self.gone.len()
    }
}

tokio::task_local! {
    static CALLER: Arc<Journal>;
}

pub struct Journal {
    /// Whether the text may write at all.
    open: bool,
    state: Mutex<State>,
}
impl Journal {
    /// Of a text that may write.
    pub fn open() -> Self {
        Self { open: true, state: Mutex::default() }
    }
    /// Of one that may not.
    pub fn closed() -> Self {
        Self { open: false, state: Mutex::default() }
    }
    /// The journal of the text that calls this one, if one does.
    pub fn of_caller() -> Option<Arc<Self>> {
        CALLER.try_with(Clone::clone).ok()
    }
    /// Runs what another text asks for: texts in it write into this journal.
    pub async fn lent<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        CALLER.scope(self.clone(), work).await
    }
    pub fn is_open(&self) -> bool {
        self.open
    }
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Whether nothing is written: reads need not look here.
    pub fn is_empty(&self) -> bool {
        !self.open || self.lock().len() == 0
    }
    /// Notes something, unless that is too much.
    pub fn write<T>(&self, note: impl FnOnce(&mut State) -> T) -> Result<T, CallError> {
        let mut state = self.lock();
        let noted = note(&mut state);
        if state.len() > MOST {
            return Err(CallError::Fatal(format!("one run writes at most {MOST} rows")));
        }
        Ok(noted)
    }
    /// Queues jobs with what is written.
    pub fn queue(&self, jobs: Batch) -> Result<(), CallError> {
        self.write(|state| state.jobs = std::mem::take(&mut state.jobs).then(jobs))
    }
    /// Whether there is nothing to commit.
    pub fn is_idle(&self) -> bool {
        self.is_empty() && self.lock().jobs.is_empty()
    }
    pub fn new_id(&self) -> i64 {
        NEW + i64::try_from(self.lock().users.range(..0).count()).unwrap_or_default()
    }
    pub fn user(&self, id: i64) -> Option<Row<User>> {
        self.lock().users.get(&id).cloned()
    }
    pub fn group(&self, id: Uuid) -> Option<Row<Group>> {
        self.lock().groups.get(&id).cloned()
    }
    pub fn put_user(&self, row: Row<User>) -> Result<(), CallError> {
        let Some(id) = row.after.as_ref().or(row.before.as_ref()).map(|user| user.id) else { return Ok(()) };
        self.write(|state| {
            if row.after.is_none() {
                state.members.retain(|(user, _), _| *user != id);
                state.hashes.remove(&id);
            }
            put(&mut state.users, id, row);
        })
    }
    pub fn put_group(&self, row: Row<Group>) -> Result<(), CallError> {
        let Some(id) = row.after.as_ref().or(row.before.as_ref()).map(|group| group.id) else {
            return Ok(());
        };
        self.write(|state| {
            if row.after.is_none() {
                state.members.retain(|(_, group), _| *group != id);
            }
            put(&mut state.groups, id, row);
        })
    }
    /// Whether rows of this model, or their relations, are other than in the database.
    pub fn concerns(&self, model: Model) -> bool {
        if !self.open {
            return false;
        }
        let state = self.lock();
        match model {
            Model::User | Model::Group => {
                !(state.users.is_empty() && state.groups.is_empty() && state.members.is_empty())
            }
            Model::Token => !state.tokens.is_empty() || state.gone.iter().any(|gone| gone.is_of(model)),
            _ => state.gone.iter().any(|gone| gone.is_of(model)),
        }
    }
    /// Keys of rows of this model that go.
    pub fn gone(&self, model: Model) -> Vec<String> {
        self.lock().gone.iter().filter(|gone| gone.is_of(model)).map(DeletedRow::key).collect()
    }
}

/// The first `before` stays; what was made here and goes again was never there.
fn put<K: Ord, T>(rows: &mut BTreeMap<K, Row<T>>, key: K, row: Row<T>) {
    match rows.get_mut(&key) {
        Some(known) if known.before.is_none() && row.after.is_none() => drop(rows.remove(&key)),
        Some(known) => known.after = row.after,
        None => drop(rows.insert(key, row)),
    }
}
