//! Configuration objects: one table, an immutable snapshot in memory, writes in one batch.
//!
//! Every write raises a counter in the same transaction and only commits if the counter is the one of the
//! snapshot that it was planned on. So a plan (versions, references, cascades) is never carried out on a
//! state that it has not seen, whichever node was faster.
mod plan;
mod rows;
mod used_by;

pub use used_by::{UsedBy, UsedByAction, row_used_by, used_by, writes_for_deleted_row};

use crate::bus::{Notice, Topic};
use crate::db::{Batch, Db, Row};
use crate::params;
use plan::Plan;
use signet_base::{Conflict, Error, Json, Map, Ports, Result, Secret, Timestamp, Uuid, Vault};
use signet_model::{ModelDef, Object, Registry, Secrets, Snapshot};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

pub(crate) use rows::STATEMENTS;

/// One wish. `data` is the whole new data without secrets, `secrets` all secrets, as `signet_model::check`
/// gives them.
#[derive(Debug, Clone)]
pub enum Write {
    Create {
        def: &'static ModelDef,
        pk: Option<Uuid>,
        data: Map,
        secrets: Secrets,
    },
    /// `version` is the one that the caller has read (else `Conflict::Stale`); `None` means that
    /// the last write wins.
    Update {
        pk: Uuid,
        version: Option<i64>,
        data: Map,
        secrets: Secrets,
    },
    /// Also does what `used_by` says to those that refer to it.
    Delete {
        pk: Uuid,
    },
}

/// What a write does to one object: without `before` it is made, without `after` deleted.
#[derive(Clone, Copy)]
pub struct ObjectChange<'a> {
    pub before: Option<&'a Arc<Object>>,
    pub after: Option<&'a Arc<Object>>,
}

/// Who writes, for the history.
#[derive(Debug, Clone, Default)]
pub struct Author {
    pub user: Option<i64>,
    pub request_id: String,
}
impl Author {
    /// The program itself: start-up, migrations, blueprints.
    pub fn system() -> Self {
        Self { user: None, request_id: "system".into() }
    }
}

/// One stored version of an object.
#[derive(Debug, Clone)]
pub struct Version {
    pub version: i64,
    pub data: Map,
    pub at: Timestamp,
    pub actor: Option<i64>,
    pub request_id: String,
    pub deleted: bool,
}

/// All configuration, in the database and in memory.
pub struct ObjectStore {
    pub db: Db,
    pub registry: Arc<Registry>,
    pub vault: Arc<Vault>,
    pub ports: Ports,
    snapshot: Arc<RwLock<Arc<Snapshot>>>,
    /// Held while a plan is made and carried out, and while the snapshot is refreshed.
    writing: Arc<tokio::sync::Mutex<()>>,
}

fn swap(shared: &RwLock<Arc<Snapshot>>, new: Snapshot) -> Arc<Snapshot> {
    let new = Arc::new(new);
    *shared.write().unwrap_or_else(PoisonError::into_inner) = new.clone();
    new
}

/// How often a change is planned anew because another node was faster.
const ATTEMPTS: u32 = 200;

impl ObjectStore {
    /// Knows nothing before [`ObjectStore::load`].
    pub fn new(db: Db, registry: Arc<Registry>, vault: Arc<Vault>, ports: Ports) -> Self {
        Self { db, registry, vault, ports, snapshot: Arc::default(), writing: Arc::default() }
    }

    /// The picture of this moment. Keep it for the length of a request, so that the request sees one state.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn swap(&self, new: Snapshot) -> Arc<Snapshot> {
        swap(&self.snapshot, new)
    }

    /// Reads everything. An object that cannot be read is an error: to go on without it could open what it
    /// guards. Kinds that this release does not know are left out (a newer node made them).
    pub async fn load(&self) -> Result<()> {
        let _guard = self.writing.lock().await;
        self.load_all().await.map(drop)
    }

    async fn load_all(&self) -> Result<Arc<Snapshot>> {
        loop {
            let before = self.counter().await?;
            let rows = self.db.scan(rows::ALL, vec![]).await?;
            if self.counter().await? == before {
                let objects =
                    rows.iter().filter_map(|row| self.object(row).transpose()).collect::<Result<Vec<_>>>()?;
                return Ok(self.swap(Snapshot::new(before.0, objects)));
            }
        }
    }

    /// Takes over what other nodes have written. One read of one row when there is nothing new.
    pub async fn refresh_if_stale(&self) -> Result<Arc<Snapshot>> {
        let snapshot = self.snapshot();
        if self.counter().await?.0 == snapshot.counter {
            return Ok(snapshot);
        }
        let _guard = self.writing.lock().await;
        self.refresh().await
    }

    async fn refresh(&self) -> Result<Arc<Snapshot>> {
        let old = self.snapshot();
        loop {
            let before = self.counter().await?;
            if before.0 == old.counter {
                return Ok(old);
            }
            if before.0 < old.counter {
                // The database was replaced by an older one.
                return self.load_all().await;
            }
            let changed = self.db.scan(rows::CHANGED, params![old.counter]).await?;
            let removed = self.db.scan(rows::REMOVED, params![old.counter]).await?;
            if self.counter().await? == before {
                let changed = changed
                    .iter()
                    .filter_map(|row| self.object(row).transpose())
                    .collect::<Result<Vec<_>>>()?;
                let removed = removed.iter().map(|row| row.uuid(0)).collect::<Result<Vec<_>>>()?;
                return Ok(self.swap(old.with(before.0, changed, &removed)));
            }
        }
    }

    /// The change counter and the highest integer key given so far.
    async fn counter(&self) -> Result<(i64, i64)> {
        let row = self
            .db
            .query_one(rows::COUNTER, vec![])
            .await?
            .ok_or_else(|| Error::internal("the change counter is missing"))?;
        Ok((row.int(0)?, row.int(1)?))
    }

    /// Carries the wishes out, all or none, and returns one object a wish: the new state, or for a deletion
    /// the last one. The snapshot shows the result before this returns. A reference to nothing is
    /// `Error::Invalid` on the field.
    pub async fn apply(&self, writes: Vec<Write>, by: &Author) -> Result<Vec<Arc<Object>>> {
        Ok(self.apply_with(writes, by, Batch::new(), |_| Batch::new()).await?.0)
    }

    /// [`ObjectStore::apply`] with further statements in the same transaction, for example the deletion of a
    /// user whose bindings go too; their answers come with the objects. `told` gives the statements that follow from
    /// what is done to each object, cascades included: the events. It is asked again where the plan is made again.
    pub async fn apply_with(
        &self,
        writes: Vec<Write>,
        by: &Author,
        extra: Batch,
        told: impl Fn(&[ObjectChange<'_>]) -> Batch + Send + Sync,
    ) -> Result<(Vec<Arc<Object>>, Vec<Vec<Row>>)> {
        if writes.is_empty() {
            return Ok((Vec::new(), self.db.batch(extra).await?));
        }
        let mut guard = self.writing.clone().lock_owned().await;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                // Nodes that keep losing wait a little longer each time, by chance, so that each gets its
                // turn.
                let [chance] = self.ports.bytes::<1>();
                tokio::time::sleep(Duration::from_micros(u64::from(attempt.min(40)) * u64::from(chance) * 2))
                    .await;
            }
            let (counter, last_num) = self.counter().await?;
            let config =
                if counter == self.snapshot().counter { self.snapshot() } else { self.refresh().await? };
            if config.counter != counter {
                continue;
            }
            let mut plan = Plan::new(&config, &self.registry, &self.ports, last_num);
            for write in &writes {
                plan.wish(write)?;
            }
            let done = plan.finish()?;
            let batch = rows::batch(&done, &config, &self.registry, &self.vault, by, self.db.kind())?;
            let own = batch.len();
            let batch = batch.then(extra.clone()).then(told(&done.changes(&config)));
            let (db, shared, changed) = (self.db.clone(), self.snapshot.clone(), done.written.clone());
            let removed: Vec<Uuid> = done.removed.iter().map(|o| o.pk).collect();
            // A task of its own: a caller that goes away in the middle must not leave a committed change out
            // of the snapshot.
            let work = tokio::spawn(async move {
                let committed = db.batch(batch).await;
                if committed.is_ok() {
                    swap(&shared, config.with(counter + 1, changed, &removed));
                    db.bus().deliver(Notice { topic: Topic::Config, payload: (counter + 1).to_string() });
                }
                (guard, committed)
            });
            let committed;
            (guard, committed) =
                work.await.map_err(|e| Error::internal(format!("configuration task: {e}")))?;
            match committed {
                Ok(mut answers) => return Ok((done.answer(), answers.split_off(own.min(answers.len())))),
                // Another node or a command was faster: plan again on what it left.
                Err(Error::Conflict(Conflict::ConfigChanged)) => {}
                Err(error) => return Err(error),
            }
        }
        drop(guard);
        Err(Error::Unavailable("the configuration is being changed by too many at once".into()))
    }

    /// Every stored version of an object, oldest first, without secrets. Also of deleted objects.
    pub async fn history(&self, pk: Uuid) -> Result<Vec<Version>> {
        let rows = self.db.scan(rows::HISTORY_OF, params![pk]).await?;
        rows.iter()
            .map(|row| {
                Ok(Version {
                    version: row.int(0)?,
                    data: row.map(1)?,
                    at: row.time(2)?,
                    actor: row.opt_int(3)?,
                    request_id: row.string(4)?,
                    deleted: row.bool(5)?,
                })
            })
            .collect()
    }

    /// `None` for kinds that this release does not know.
    fn object(&self, row: &crate::db::Row) -> Result<Option<Arc<Object>>> {
        let (pk, model) = (row.uuid(0)?, row.text(2)?);
        let Some(def) = self.registry.find(model) else {
            tracing::warn!(%pk, model, "an object of an unknown kind is left out");
            return Ok(None);
        };
        let mut data = row.map(3)?;
        for field in def.fields {
            // Fields that were declared after the object was written.
            if !field.secret && !data.contains_key(field.name) {
                if let Some(default) = field.default {
                    data.insert(field.name.to_owned(), default(&self.ports));
                } else if field.nullable {
                    data.insert(field.name.to_owned(), Json::Null);
                }
            }
        }
        let sealed: HashMap<String, String> = serde_json::from_str(row.text(4)?)?;
        let id = pk.to_string();
        let mut secrets = Secrets::new();
        for (field, text) in sealed {
            let secret = self.vault.open((model, &id, &field), &text)?;
            secrets.insert(field, secret);
        }
        for field in def.fields.iter().filter(|f| f.secret) {
            if !secrets.contains_key(field.name)
                && let Some(Json::String(text)) = field.default.map(|f| f(&self.ports))
            {
                secrets.insert(field.name.to_owned(), Secret::new(text));
            }
        }
        Object::new(pk, row.opt_int(1)?, def, data, secrets, row.int(5)?, row.time(6)?, row.time(7)?)
            .map(|o| Some(Arc::new(o)))
    }
}
