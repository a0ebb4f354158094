//! Participants of sessions: providers that have answered in a session and tell their applications when it is over. A row
//! stays until its session is over, in whatever way, and is removed in the commit that queues the message.
use super::table::{self, selects};
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Conflict, Json, Result, Timestamp, Uuid};
use signet_model::Table;
use std::sync::LazyLock;

#[derive(Debug, Clone, Table)]
#[table(model = "signet_core.sessionparticipant", table = "session_participant", alias = "p")]
#[table(label = "Session Participant", order = "id", internal)]
pub struct Participant {
    /// 0 before it is inserted.
    #[column(generated, read_only, order)]
    pub id: i64,
    #[column(hidden, fixed)]
    pub session: Uuid,
    /// Number of the provider.
    #[column(read_only, fixed, refers = "authentik_core.provider")]
    pub provider: i64,
    /// The session's owner.
    #[column(hidden, fixed)]
    pub user_id: i64,
    /// What the application calls the session (`sid`, `SessionIndex`).
    #[column(hidden, fixed)]
    pub session_index: String,
    /// What its protocol needs to name person and session.
    #[column(secret, fixed)]
    pub data: Json,
    #[column(hidden, fixed)]
    pub created: Timestamp,
}

/// Expiry and epoch are judged as a request would: a row of `session` may be void.
const OVER: &str = "NOT EXISTS (SELECT 1 FROM session s JOIN users u ON u.id = s.user_id WHERE s.uuid = p.session \
    AND s.expires > ? AND (s.absolute_expires IS NULL OR s.absolute_expires > ?) AND u.is_active = 1 AND s.epoch >= u.epoch)";
static OVER_OF_USER: LazyLock<String> = LazyLock::new(|| {
    table::select::<Participant>(&format!("WHERE p.user_id = ? AND {OVER} ORDER BY p.id LIMIT ?"))
});
static OVER_AFTER: LazyLock<String> = LazyLock::new(|| {
    table::select::<Participant>(&format!("WHERE p.id > ? AND {OVER} ORDER BY p.id LIMIT ?"))
});
selects! { Participant:
    IN_SESSION = "WHERE p.session = ? AND p.provider = ? ORDER BY p.id";
}
static ADD: LazyLock<String> = LazyLock::new(|| {
    format!("{} ON CONFLICT (session, provider, session_index) DO NOTHING", table::inserting::<Participant>())
});
const REMOVE: &str = "DELETE FROM session_participant WHERE id = ?";

pub(crate) fn statements() -> Vec<&'static str> {
    vec![ADD.as_str(), OVER_OF_USER.as_str(), OVER_AFTER.as_str(), REMOVE]
}

/// Nothing happens where it is known.
pub fn add(participant: &Participant) -> Batch {
    Batch::new().add(ADD.as_str(), table::new_values(participant))
}
/// Up to `limit` participants of a person's sessions that are over.
pub async fn over_of_user(db: &Db, user: i64, now: Timestamp, limit: i64) -> Result<Vec<Participant>> {
    table::rows(db, &OVER_OF_USER, params![user, now, now, limit]).await
}
/// Up to `limit` participants with a number above `after` whose session is over.
pub async fn over_after(db: &Db, after: i64, now: Timestamp, limit: i64) -> Result<Vec<Participant>> {
    table::rows(db, &OVER_AFTER, params![after, now, now, limit]).await
}
/// A provider's participants of one session.
pub async fn in_session(db: &Db, session: Uuid, provider: i64) -> Result<Vec<Participant>> {
    table::rows(db, &IN_SESSION, params![session, provider]).await
}
/// Removes it; whoever is second commits nothing: `Conflict::Used`.
pub fn remove(participant: &Participant) -> Batch {
    Batch::new().add(REMOVE, params![participant.id]).expect_rows(1, Conflict::Used)
}
