//! The only crate that names SQLite and PostgreSQL: connections, transactions, migrations, configuration
//! objects with their in-memory snapshot, and the row tables of the directory and the protocols.
pub mod bus;
pub mod db;
pub mod kv;
pub mod migrate;
pub mod objects;
mod rows;
pub mod runtime;
#[cfg(feature = "testdb")]
pub mod testdb;

pub use db::{Batch, Db, DbKind, Exclusive, PostgresConfig, Row, SslMode, Value};
pub use migrate::migrate;
pub use objects::{Author, ObjectChange, ObjectStore, UsedBy, UsedByAction, Write};
#[cfg(feature = "testdb")]
pub use rows::list_statements;
pub use rows::{
    Filters, ListQuery, Page, TABLES, administrators, attempts, consents, declared, devices, epoch, events,
    flow_tokens, grants, group_connections, groups, invitations, jobs, known_devices, logins, lookups,
    participants, password_history, pending_requests, people, reputation, roles, schedules, sessions,
    source_connections, table, tokens, users,
};
pub use rows::{filtered, list, sweep, understands};
pub use runtime::{PeopleCache, Places, TokenCache, Touches};

/// Every fixed statement of this crate, so that a test can compile each on both databases.
pub fn statements() -> Vec<&'static str> {
    let fixed = [
        kv::STATEMENTS,
        migrate::STATEMENTS,
        objects::STATEMENTS,
        users::STATEMENTS,
        rows::user_query::STATEMENTS,
        administrators::STATEMENTS,
        rows::upn::STATEMENTS,
        groups::STATEMENTS,
        tokens::STATEMENTS,
        sessions::STATEMENTS,
        grants::STATEMENTS,
        attempts::STATEMENTS,
        known_devices::STATEMENTS,
        devices::STATEMENTS,
        rows::epoch::STATEMENTS,
        flow_tokens::STATEMENTS,
        pending_requests::STATEMENTS,
        rows::source_connections::STATEMENTS,
        invitations::STATEMENTS,
        reputation::STATEMENTS,
        roles::STATEMENTS,
        password_history::STATEMENTS,
        logins::STATEMENTS,
        events::STATEMENTS,
    ]
    .concat();
    [fixed, rows::declared_statements()].concat()
}
