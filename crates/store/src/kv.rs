//! Named JSON values (system settings, setup state) and the installation's id.
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Conflict, Error, Json, Ports, Result};

const GET: &str = "SELECT data, version FROM kv WHERE name = ?";
const CREATE: &str = "INSERT INTO kv (name, data, version, updated) VALUES (?, ?, 1, ?)";
const REPLACE: &str =
    "UPDATE kv SET data = ?, version = version + 1, updated = ? WHERE name = ? AND version = ?";
const PUT: &str = "INSERT INTO kv (name, data, version, updated) VALUES (?, ?, 1, ?) \
    ON CONFLICT (name) DO UPDATE SET data = excluded.data, version = kv.version + 1, updated = excluded.updated RETURNING version";
const DELETE: &str = "DELETE FROM kv WHERE name = ?";
const INSTALL: &str = "SELECT id FROM install WHERE one = 1";
const SET_INSTALL: &str = "INSERT INTO install (one, id, created) VALUES (1, ?, ?) ON CONFLICT DO NOTHING";

pub(crate) const STATEMENTS: &[&str] = &[GET, CREATE, REPLACE, PUT, DELETE, INSTALL, SET_INSTALL];

/// The value and its version.
pub async fn get(db: &Db, name: &str) -> Result<Option<(Json, i64)>> {
    let row = db.query_one(GET, params![name]).await?;
    row.map(|row| Ok((row.json(0)?, row.int(1)?))).transpose()
}

/// Writes a value; returns its new version. `version` prevents lost updates: `Some(0)` requires that there is
/// none, `Some(n)` that it is `n` (else `Error::Conflict`); `None` overwrites.
pub async fn put(db: &Db, ports: &Ports, name: &str, value: &Json, version: Option<i64>) -> Result<i64> {
    let now = ports.now();
    match version {
        None => {
            let answer = db.batch(Batch::new().add(PUT, params![name, value, now]).returning()).await?;
            answer
                .first()
                .and_then(|rows| rows.first())
                .ok_or_else(|| Error::internal("no version came back"))?
                .int(0)
        }
        Some(0) => db.execute(CREATE, params![name, value, now]).await.map(|()| 1),
        Some(n) => db
            .batch(Batch::new().add(REPLACE, params![value, now, name, n]).expect_rows(1, Conflict::Stale))
            .await
            .map(|_| n + 1),
    }
}

pub async fn delete(db: &Db, name: &str) -> Result<()> {
    db.execute(DELETE, params![name]).await
}

/// Whether the database belongs to the installation with this id.
pub async fn is_install(db: &Db, id: &str) -> Result<bool> {
    Ok(db.query_one(INSTALL, vec![]).await?.is_some_and(|row| row.text(0).is_ok_and(|found| found == id)))
}

/// Checks that the database is writable. Not synced.
pub async fn probe(db: &Db, ports: &Ports) -> Result<()> {
    // A changed value: an unchanged one would not be written.
    db.batch(Batch::relaxed().add(PUT, params!["probe", &Json::Null, ports.now()])).await.map(drop)
}

/// The random id of the installation, which users' `uid` depends on. Created once.
pub async fn install_id(db: &Db, ports: &Ports) -> Result<String> {
    if let Some(row) = db.query_one(INSTALL, vec![]).await? {
        return row.string(0);
    }
    db.execute(SET_INSTALL, params![ports.uuid(), ports.now()]).await?;
    db.query_one(INSTALL, vec![]).await?.ok_or_else(|| Error::internal("no installation id"))?.string(0)
}
