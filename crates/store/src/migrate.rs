//! Numbered migrations, embedded, applied together in one transaction.
//!
//! Expand and contract: while nodes are replaced one by one, the previous release still works on the new
//! schema. So a migration only adds (tables, columns with defaults, indexes); what is no longer used is
//! removed one release later. A file that was released is never edited: its checksum is kept in the database.
//! A file's first line states the oldest release that works on the schema that it leaves (`-- oldest release: 0.1.0`).
//! The database keeps it, so that an older release can tell whether it may start.
//! Statements have no parameters; a literal never holds a semicolon followed by a line end.
use crate::db::{Db, DbKind};
use signet_base::error::Chain;
use signet_base::{Error, Ports, Result, vault::sha256_hex};

struct Migration {
    number: i64,
    name: &'static str,
    sql: &'static str,
}

const ALL: &[Migration] =
    &[Migration { number: 1, name: "init", sql: include_str!("../migrations/0001_init.sql") }];

impl Migration {
    /// The oldest release that works on the schema after it; where the file states none, only this one.
    fn oldest(&self) -> &'static str {
        let first = self.sql.lines().next().unwrap_or_default();
        first.strip_prefix("-- oldest release: ").map_or(RELEASE, str::trim)
    }
}

/// This release.
const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// Whether this release is that one or a newer one. What cannot be read is no.
fn is_at_least(oldest: &str) -> bool {
    let read = |text: &str| -> Option<[u64; 3]> {
        let all: Vec<u64> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        all.try_into().ok()
    };
    match (read(RELEASE), read(oldest)) {
        (Some(own), Some(oldest)) => own >= oldest,
        _ => false,
    }
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL, applied BIGINT NOT NULL, \
    oldest TEXT NOT NULL, CONSTRAINT schema_migration__number PRIMARY KEY (number))";
const APPLIED: &str = "SELECT number, name, checksum, oldest FROM schema_migration ORDER BY number";

pub(crate) const STATEMENTS: &[&str] = &[APPLIED];

/// Any number that no other program is likely to use.
const LOCK: i64 = 0x7369_676e_6574;

/// Brings the schema up to date and says how many migrations ran. Refuses a database of a newer release, and
/// one whose applied migrations are not the ones of this release.
pub async fn migrate(db: &Db, ports: &Ports) -> Result<usize> {
    // Two nodes may start at once: the second finds its own insert refused and looks again.
    let mut tries = 0;
    loop {
        let pending = pending(db).await?;
        if pending.is_empty() {
            crate::rows::upn::index(db).await?;
            crate::rows::search::prepare(db).await?;
            return Ok(0);
        }
        match db.script(script(db.kind(), &pending, ports)).await {
            Ok(()) => {
                crate::rows::upn::index(db).await?;
                crate::rows::search::prepare(db).await?;
                return Ok(pending.len());
            }
            Err(Error::Conflict(_)) if tries < 3 => tries += 1,
            Err(error @ Error::Internal(_))
                if tries < 3 && Chain(&error).to_string().contains("already exists") =>
            {
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Looks without changing anything: an error when this release cannot work on the database.
pub async fn check(db: &Db) -> Result<()> {
    match pending(db).await?.len() {
        0 => Ok(()),
        n => Err(Error::unavailable(format!("the database lacks {n} migrations: run `signet migrate`"))),
    }
}

async fn pending(db: &Db) -> Result<Vec<&'static Migration>> {
    let exists = match db.kind() {
        DbKind::Sqlite => {
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migration'"
        }
        DbKind::Postgres => {
            "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_migration'"
        }
    };
    let there = db.query_one(exists, vec![]).await?.map(|row| row.int(0)).transpose()?.unwrap_or(0) > 0;
    let applied = if there { db.query(APPLIED, vec![]).await? } else { Vec::new() };
    for row in &applied {
        let number = row.int(0)?;
        let Some(known) = ALL.iter().find(|m| m.number == number) else {
            let (name, oldest) = (row.text(1)?, row.text(3)?);
            if is_at_least(oldest) {
                continue;
            }
            return Err(Error::unavailable(format!(
                "the database belongs to a newer release of Signet: since its migration {number:04} {name} it needs release {oldest} or newer, and this is {RELEASE}. Start that release, or restore a backup"
            )));
        };
        if row.text(2)? != sha256_hex(known.sql.as_bytes()) {
            return Err(Error::unavailable(format!(
                "migration {number:04} {} in the database differs from the one of this release",
                known.name
            )));
        }
    }
    let known = applied.iter().map(|row| row.int(0)).collect::<Result<Vec<_>>>()?;
    Ok(ALL.iter().filter(|m| !known.contains(&m.number)).collect())
}

fn script(kind: DbKind, pending: &[&Migration], ports: &Ports) -> String {
    let id = match kind {
        DbKind::Sqlite => "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
        DbKind::Postgres => "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
    };
    let mut sql = String::new();
    if kind == DbKind::Postgres {
        // Other nodes serve requests meanwhile: what waits for a table stops all that come after it.
        sql.push_str(&format!("SELECT pg_advisory_xact_lock({LOCK});\nSET LOCAL lock_timeout = '20s';\n"));
    }
    sql.push_str(TABLE);
    sql.push_str(";\n");
    for migration in pending {
        let (number, name, sum) = (migration.number, migration.name, sha256_hex(migration.sql.as_bytes()));
        // First the row: another node's migration shows as a conflict before anything else is tried.
        sql.push_str(&format!("INSERT INTO schema_migration (number, name, checksum, applied, oldest) VALUES ({number}, '{name}', '{sum}', {}, '{}');\n", ports.now().0, migration.oldest()));
        sql.push_str(&migration.sql.replace("{id}", id));
        sql.push('\n');
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn core_change_every_migration_states_a_release_that_is_out() {
        for migration in ALL {
            assert!(is_at_least(migration.oldest()), "{}", migration.name);
        }
        assert!(is_at_least("0.0.9") && is_at_least(RELEASE));
        for newer in ["99.0.0", "0.99.0", "1", "", "later"] {
            assert!(!is_at_least(newer), "{newer}");
        }
    }
}
