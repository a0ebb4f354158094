//! Mapping of database errors.
use rusqlite::ErrorCode;
use signet_base::error::{Chain, because};
use signet_base::{Conflict, Error};
use std::sync::Arc;
use tokio_postgres::error::SqlState;

/// Every statement is compiled in tests, so a missing table means another database.
const EMPTY: &str = "the database lacks tables of this release: it is empty, or another one";

/// Maps an SQLite error. Constraint messages contain column names, never values.
pub(super) fn sqlite(error: impl Into<Arc<rusqlite::Error>>) -> Error {
    let error = error.into();
    let rusqlite::Error::SqliteFailure(code, message) = &*error else {
        return match &*error {
            rusqlite::Error::SqlInputError { msg, .. } if msg.starts_with("no such table") => {
                Error::unavailable(because(EMPTY, error))
            }
            _ => Error::internal(because("SQLite", error)),
        };
    };
    let message = message.as_deref().unwrap_or_default();
    match code.code {
        ErrorCode::ConstraintViolation => {
            if let Some(columns) = message.strip_prefix("UNIQUE constraint failed: ") {
                Error::Conflict(Conflict::Unique(columns_name(columns)))
            } else if message.starts_with("FOREIGN KEY") {
                Error::Conflict(Conflict::ForeignKey)
            } else {
                Error::internal(because("SQLite", error))
            }
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Error::unavailable(because("the database file is locked by another process", error))
        }
        ErrorCode::DiskFull => Error::unavailable(because("the disk of the database is full", error)),
        ErrorCode::ReadOnly => Error::unavailable(because("the database file is read-only", error)),
        ErrorCode::CannotOpen
        | ErrorCode::SystemIoFailure
        | ErrorCode::PermissionDenied
        | ErrorCode::OutOfMemory
        | ErrorCode::FileLockingProtocolFailed => {
            let text = format!("the database file cannot be used: {message}");
            Error::unavailable(because(text, error))
        }
        ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => {
            let text = format!("the database file is damaged or not a database: {message}");
            Error::unavailable(because(text, error))
        }
        _ if message.starts_with("no such table") => Error::unavailable(because(EMPTY, error)),
        _ => Error::internal(because("SQLite", error)),
    }
}

/// `users.a, users.b` becomes `users.a,b`.
fn columns_name(columns: &str) -> String {
    let mut parts = columns.split(", ");
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        name.push(',');
        name.push_str(part.rsplit('.').next().unwrap_or(part));
    }
    name
}

/// Maps a PostgreSQL error. What the server reports is kept as its message alone: the detail of it shows whole rows, with
/// hashes and sealed secrets.
pub(super) fn postgres(error: impl Into<Arc<tokio_postgres::Error>>) -> Error {
    let error = error.into();
    let Some(db) = error.as_db_error() else {
        let text = Chain(&error).to_string();
        // Errors of the driver about our statement; others concern the connection.
        if ["error serializing", "error deserializing", "expected ", "invalid column", "query returned"]
            .iter()
            .any(|start| text.starts_with(start))
        {
            return Error::internal(because("PostgreSQL", error));
        }
        return Error::unavailable(because("the database cannot be reached", error));
    };
    let state = db.code();
    let class = state.code().get(..2).unwrap_or_default();
    if *state == SqlState::UNIQUE_VIOLATION {
        return Error::Conflict(Conflict::Unique(index_name(db.constraint().unwrap_or_default())));
    }
    if *state == SqlState::FOREIGN_KEY_VIOLATION {
        return Error::Conflict(Conflict::ForeignKey);
    }
    if *state == SqlState::UNTRANSLATABLE_CHARACTER || *state == SqlState::CHARACTER_NOT_IN_REPERTOIRE {
        return Error::invalid("non_field_errors", "Null characters are not allowed.");
    }
    if *state == SqlState::READ_ONLY_SQL_TRANSACTION {
        return Error::unavailable("the database is read-only");
    }
    if *state == SqlState::UNDEFINED_TABLE || *state == SqlState::INVALID_SCHEMA_NAME {
        return Error::unavailable(EMPTY);
    }
    // Classes: 08 connection, 28 authorisation, 3D no such database, 53 resources (disk full, connections),
    // 57 shutdown, 58 system.
    if matches!(class, "08" | "28" | "3D" | "53" | "57" | "58")
        || *state == SqlState::T_R_SERIALIZATION_FAILURE
        || *state == SqlState::T_R_DEADLOCK_DETECTED
    {
        return Error::unavailable(format!("the database refuses: {}", db.message()));
    }
    Error::internal(format!("PostgreSQL {}: {}", state.code(), db.message()))
}

/// `users__a__b` becomes `users.a,b`.
fn index_name(name: &str) -> String {
    match name.split_once("__") {
        Some((table, columns)) => format!("{table}.{}", columns.replace("__", ",")),
        None => name.to_owned(),
    }
}

/// Whether a retry can succeed.
pub(super) fn worth_another_try(error: &tokio_postgres::Error) -> bool {
    error
        .code()
        .is_some_and(|c| *c == SqlState::T_R_SERIALIZATION_FAILURE || *c == SqlState::T_R_DEADLOCK_DETECTED)
}

/// Whether the connection is lost: closed, or the server is shutting down.
pub(super) fn lost(error: &tokio_postgres::Error) -> bool {
    error.is_closed()
        || error.as_db_error().map_or_else(
            || std::error::Error::source(error).is_some_and(|s| s.is::<std::io::Error>()),
            |db| {
                matches!(
                    *db.code(),
                    SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW
                )
            },
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn both_databases_name_a_conflict_alike() {
        assert_eq!(columns_name("users.username_key"), index_name("users__username_key"));
        assert_eq!(
            columns_name("consent.user_id, consent.application"),
            index_name("consent__user_id__application")
        );
    }
}
