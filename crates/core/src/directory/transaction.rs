//! One commit: rows and configuration objects, their events, the epoch of accounts, and the check that an administrator
//! is left. The read caches of this process follow from the statements, see `signet_store`'s `read_cache`.
use super::change::Change;
use super::{Actor, Author, object};
use crate::Core;
use crate::event::EventAction;
use crate::event::diff::SecretPaths;
use crate::session::participants;
use signet_base::{Conflict, Error, Json, Map, Result, json};
use signet_model::Object;
use signet_store::events::{self, Event};
use signet_store::table::{self, Record};
use signet_store::users::User;
use signet_store::{Batch, ObjectChange, Row, Write, administrators, epoch};
use std::sync::{Arc, OnceLock};

/// Why nobody takes the last administrator away.
pub const LAST_ADMINISTRATOR: &str =
    "This is the last active administrator: somebody must be able to get in.";

/// Whether a change was refused since it would leave no active administrator.
pub fn is_last_administrator(error: &Error) -> bool {
    matches!(error, Error::Invalid(fields) if fields.to_json().to_string().contains(LAST_ADMINISTRATOR))
}

/// A number for a row to come, which nobody else gets.
pub async fn number<T: Record>(core: &Core) -> Result<i64> {
    let number = table::reserve::<T>(&core.db, 1).await?.pop();
    number.ok_or_else(|| Error::internal("no number was reserved"))
}

/// What a commit has given.
#[derive(Default)]
pub struct Committed {
    /// Numbers of new rows, in the order of the changes that made them.
    pub numbers: Vec<i64>,
    /// The new epoch of the account whose epoch was raised last.
    pub epoch: Option<i64>,
    /// One for each write of an object, in order.
    pub objects: Vec<Arc<Object>>,
}
impl Committed {
    /// The number of the one new row.
    pub fn number(&self) -> Result<i64> {
        self.numbers.first().copied().ok_or_else(|| Error::internal("no number came back"))
    }
}

/// Changes that happen together or not at all.
pub struct Transaction<'a> {
    pub(super) core: &'a Core,
    pub(super) author: &'a Author,
    when: Batch,
    pub(super) rows: Batch,
    /// Numbers of the rows that are made here.
    pub(super) numbers: Vec<i64>,
    /// The statement of `rows` whose answer is an epoch.
    pub(super) epoch_at: Option<usize>,
    /// Where a refusal about the last administrator is told; none: nothing here can take one away.
    pub(super) guarded: Option<&'static str>,
    pub(super) objects: Vec<Write>,
    events: Vec<Event>,
    /// The account that was made here last, as events name who acts.
    new_account: Option<Map>,
    /// Read once for all changes.
    secret_paths: OnceLock<SecretPaths>,
}

impl<'a> Transaction<'a> {
    pub fn new(core: &'a Core, author: &'a Author) -> Self {
        Self {
            core,
            author,
            when: Batch::new(),
            rows: Batch::new(),
            numbers: Vec::new(),
            epoch_at: None,
            guarded: None,
            objects: Vec::new(),
            events: Vec::new(),
            new_account: None,
            secret_paths: OnceLock::new(),
        }
    }
    pub(crate) fn core(&self) -> &'a Core {
        self.core
    }
    /// What must hold at the commit.
    pub fn when(&mut self, condition: Batch) {
        self.when = std::mem::take(&mut self.when).then(condition);
    }
    pub async fn change(&mut self, change: impl Into<Change>) -> Result<()> {
        match change.into() {
            Change::User(change) => self.user(*change).await,
            Change::Group(change) => self.group(*change).await,
            Change::Token(change) => self.token(*change),
            Change::Device(change) => self.device(*change).await,
            Change::Role(change) => self.role(*change).await,
        }
    }
    /// Statements about what is not of the directory.
    pub fn also(&mut self, batch: Batch) {
        self.add(batch);
    }
    /// Writes of configuration. Each object that changes by them has its event, those of a cascade included.
    pub fn write(&mut self, objects: impl IntoIterator<Item = Write>) {
        self.objects.extend(objects);
    }
    /// A further event of the same commit.
    pub fn event(&mut self, action: EventAction, context: Json) {
        let context = match context {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        self.tell(action, context);
    }
    /// The statements of a change.
    pub(super) fn add(&mut self, batch: Batch) {
        if let Some(at) = epoch::position(&batch) {
            self.epoch_at = Some(self.rows.len() + at);
        }
        self.rows = std::mem::take(&mut self.rows).then(batch);
    }
    /// A number for a row that is made here; it is nobody else's even where nothing is committed.
    pub(super) async fn number<T: Record>(&mut self, given: i64) -> Result<i64> {
        let number = match given {
            0 => number::<T>(self.core).await?,
            given => given,
        };
        self.numbers.push(number);
        Ok(number)
    }
    /// What follows may take the last administrator away; a refusal is told at `field`.
    pub(super) fn guard(&mut self, field: &'static str) {
        self.guarded.get_or_insert(field);
    }
    /// From here on whoever acts may be this account.
    pub(super) fn is_new(&mut self, user: &User) {
        let actor = json!({"pk": user.id, "email": user.email, "username": user.username});
        self.new_account = actor.as_object().cloned();
    }
    /// An event of the commit.
    pub(super) fn tell(&mut self, action: EventAction, context: Map) {
        let author = self.author;
        let mut event = author.event(self.core, action, context);
        if let (Actor::NewAccount, Some(actor)) = (&author.actor, &self.new_account) {
            event.user = actor.clone();
        }
        self.events.push(event);
    }
    /// The paths of attributes that must not be seen.
    pub(super) fn secret_paths(&self) -> &SecretPaths {
        self.secret_paths.get_or_init(|| SecretPaths::of(&self.core.config(), &self.core.registry))
    }

    /// Carries it out. `Error::NotFound` where a row is gone, `Error::Conflict` for what the database or a condition refuses,
    /// `Error::Invalid` where nobody would be left who can administrate.
    pub async fn commit(self) -> Result<Committed> {
        let Self { core, author, when, rows, numbers, epoch_at, guarded, objects, events, .. } = self;
        if author.client.dry_run.is_some() {
            return Err(Error::denied("Nothing is changed while something is only tried out."));
        }
        if epoch_at.is_some() {
            // Rows of tokens that wait to be written are marked as revoked as well.
            core.db.flush().await?;
        }
        let mut first = when.len();
        let look = participants::look_after_raise(core, &rows);
        let mut batch = when.then(rows).then(look);
        if guarded.is_some() {
            first += administrators::BEFORE;
            batch = administrators::kept(batch);
        }
        if !objects.is_empty() {
            for hook in core.families.write_hooks() {
                batch = batch.then(hook(core, author, &objects).await?);
            }
        }
        batch = batch.then(events::insert_batch(&events, true));
        let told =
            |changes: &[ObjectChange<'_>]| events::insert_batch(&object::events(core, author, changes), true);
        let done = core.objects.apply_with(objects, &author.of_version(), batch, told).await;
        let (objects, answers) = match done {
            Ok(done) => done,
            Err(Error::Conflict(Conflict::LastAdministrator)) => {
                return Err(Error::invalid(guarded.unwrap_or("non_field_errors"), LAST_ADMINISTRATOR));
            }
            Err(Error::Conflict(Conflict::NoRow)) => return Err(Error::NotFound),
            Err(error) => return Err(error),
        };
        let epoch = match epoch_at {
            Some(at) => {
                let row: Option<&Row> = answers.get(first + at).and_then(|rows| rows.first());
                Some(row.ok_or(Error::NotFound)?.int(0)?)
            }
            None => None,
        };
        Ok(Committed { numbers, epoch, objects })
    }
}
