//! Rows: plain structs and functions over [`Db`](crate::Db).
pub mod administrators;
mod akql;
pub mod attempts;
mod attributes;
pub mod consents;
pub mod declared;
pub mod devices;
pub mod epoch;
pub mod events;
mod filter;
pub mod flow_tokens;
pub mod grants;
pub mod group_connections;
pub mod groups;
mod housekeeping;
pub mod invitations;
pub mod jobs;
pub mod known_devices;
mod list;
pub mod logins;
pub mod lookups;
mod paging;
pub mod participants;
pub mod password_history;
pub mod pending_requests;
pub mod people;
pub mod reputation;
pub mod roles;
pub mod schedules;
pub(crate) mod search;
pub mod sessions;
pub mod source_connections;
mod statistics;
pub mod table;
pub mod tokens;
pub(crate) mod upn;
pub(crate) mod user_query;
pub mod users;

pub use filter::{Filters, filtered};
pub(crate) use housekeeping::delete_referring;
pub use housekeeping::sweep;
pub use list::{ListQuery, Page, list, understands};
#[cfg(feature = "testdb")]
pub use paging::statements as list_statements;

use signet_model::TableDef;
use table::Record;

/// Every declared table.
pub const TABLES: &[&TableDef] = &[
    users::User::TABLE,
    groups::Group::TABLE,
    tokens::Token::TABLE,
    sessions::Session::TABLE,
    consents::Consent::TABLE,
    participants::Participant::TABLE,
    grants::Code::TABLE,
    grants::GrantToken::TABLE,
    events::EventRow::TABLE,
    devices::Device::TABLE,
    invitations::InvitationRow::TABLE,
    flow_tokens::FlowTokenRow::TABLE,
    reputation::Reputation::TABLE,
    roles::RolePermission::TABLE,
    jobs::JobRow::TABLE,
    schedules::Schedule::TABLE,
    schedules::Worker::TABLE,
    pending_requests::PendingRequestRow::TABLE,
    source_connections::UserConnection::TABLE,
    group_connections::GroupConnection::TABLE,
];

/// The statements that follow from the declarations.
pub(crate) fn declared_statements() -> Vec<&'static str> {
    let mut all: Vec<&str> = TABLES.iter().flat_map(|def| table::statements(def)).collect();
    for selects in [
        users::selects(),
        people::selects(),
        groups::selects(),
        tokens::selects(),
        sessions::selects(),
        consents::selects(),
        participants::selects(),
        participants::statements(),
        grants::selects(),
        events::selects(),
        devices::selects(),
        invitations::selects(),
        flow_tokens::selects(),
        roles::selects(),
        jobs::selects(),
        jobs::statements(),
        schedules::selects(),
        schedules::statements(),
        source_connections::selects(),
        group_connections::selects(),
    ] {
        all.extend(selects);
    }
    all
}
