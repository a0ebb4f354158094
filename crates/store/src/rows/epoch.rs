//! The account epoch. Sessions, grants, links, recovery keys, known browsers and what a run has proven carry
//! the epoch of their account; an older one is void, judged when it is read. Whoever raises it takes away
//! what lists would still show in the same commit.
use crate::db::{Batch, Row};
use crate::params;
use signet_base::{Error, Result, Timestamp, Uuid};

const RAISE: &str = "UPDATE users SET epoch = epoch + 1 WHERE id = ? RETURNING epoch";
/// Changes nothing: it holds the account's row, so that nobody raises the epoch until the commit.
const IS_AT: &str = "UPDATE users SET epoch = epoch WHERE id = ? AND epoch = ?";
const SPARE_SESSION: &str = "UPDATE session SET epoch = (SELECT u.epoch FROM users u WHERE u.id = session.user_id) WHERE user_id = ? AND uuid = ?";
const SPARE_DEVICE: &str = "UPDATE known_device SET epoch = epoch + 1 WHERE user_id = ? AND digest = ? AND epoch + 1 = (SELECT u.epoch FROM users u WHERE u.id = known_device.user_id)";
const MARK_SESSIONS: &str = "INSERT INTO oauth_revocation (subject, at, expires) SELECT s.uuid, CAST(? AS BIGINT), 0 FROM session s WHERE s.user_id = ? AND s.uuid <> ? \
    ON CONFLICT (subject) DO UPDATE SET at = excluded.at, expires = 0";
const REVOKE_IN_SESSIONS: &str = "UPDATE oauth_token SET revoked = 1 WHERE user_id = ? AND session IN (SELECT s.uuid FROM session s WHERE s.user_id = ? AND s.uuid <> ?)";
const USE_CODES_IN_SESSIONS: &str = "UPDATE oauth_code SET used = 1 WHERE user_id = ? AND session IN (SELECT s.uuid FROM session s WHERE s.user_id = ? AND s.uuid <> ?)";
const END_SESSIONS: &str = "DELETE FROM session WHERE user_id = ? AND uuid <> ?";
const REVOKE: &str = "UPDATE oauth_token SET revoked = 1 WHERE user_id = ?";
const USE_CODES: &str = "UPDATE oauth_code SET used = 1 WHERE user_id = ?";
const END_LINKS: &str = "DELETE FROM flow_token WHERE user_id = ?";
const END_RECOVERY: &str = "DELETE FROM token WHERE user_id = ? AND intent = 'recovery'";

pub(crate) const STATEMENTS: &[&str] = &[
    RAISE,
    IS_AT,
    SPARE_SESSION,
    SPARE_DEVICE,
    MARK_SESSIONS,
    REVOKE_IN_SESSIONS,
    USE_CODES_IN_SESSIONS,
    END_SESSIONS,
    REVOKE,
    USE_CODES,
    END_LINKS,
    END_RECOVERY,
];

/// What stays of whoever changes their own account: the session in which they do it, and its browser as a
/// known one.
#[derive(Debug, Clone, Default)]
pub struct KeptSession {
    pub session: Option<Uuid>,
    /// Digest of the browser's key.
    pub device: Option<String>,
}

/// The conflict of a batch whose account has another epoch by now, or is not active.
pub const CHANGED: &str = "epoch";

/// As a part of a larger batch: it succeeds only while the account has this epoch, else it is
/// `Error::Conflict(CHANGED)`.
pub fn is_at(user: i64, epoch: i64) -> Batch {
    Batch::new().add(IS_AT, params![user, epoch]).expect_rows(1, CHANGED)
}
/// That error, for whoever finds out before the commit.
pub fn changed() -> Error {
    Error::Conflict(CHANGED.into())
}
/// Whether an error says that the account has changed since it was looked at.
pub fn has_changed(error: &Error) -> bool {
    matches!(error, Error::Conflict(tag) if tag == CHANGED)
}

/// Ends everything of an account. The last answer of the batch is the new epoch: see [`of`].
pub fn end(user: i64, spared: &KeptSession) -> Batch {
    // The account's row first, as at a sign-in: two batches that hold each other's rows would wait for ever.
    let mut batch =
        Batch::new().add(RAISE, params![user]).returning().then(end_sessions(user, spared.session));
    if let Some(session) = spared.session {
        batch.push(SPARE_SESSION, params![user, session]);
    }
    if let Some(device) = &spared.device {
        batch.push(SPARE_DEVICE, params![user, device]);
    }
    for sql in [REVOKE, USE_CODES, END_LINKS, END_RECOVERY] {
        batch.push(sql, params![user]);
    }
    batch
}
/// Ends the sessions of an account but one, with what was granted within them, to whomever. The epoch stays.
pub fn end_sessions(user: i64, except: Option<Uuid>) -> Batch {
    let except = except.unwrap_or_default();
    Batch::new()
        .add(MARK_SESSIONS, params![Timestamp(i64::MAX), user, except])
        .add(REVOKE_IN_SESSIONS, params![user, user, except])
        .add(USE_CODES_IN_SESSIONS, params![user, user, except])
        .add(END_SESSIONS, params![user, except])
}
/// Which statement of a batch gives the epoch that it raises an account to, if it raises one.
pub fn position(batch: &Batch) -> Option<usize> {
    batch.statements.iter().rposition(|statement| statement.sql == RAISE)
}
/// The epoch that a batch raised an account to; none when it did not.
pub fn of(answers: &[Vec<Row>]) -> Result<Option<i64>> {
    answers.iter().rev().flatten().next().map(|row| row.int(0)).transpose()
}
