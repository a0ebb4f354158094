//! The account epoch. Sessions, grants, links, recovery keys, known browsers and authentications of a run
//! store the epoch of their account; an older one is void, which is checked when it is read. Raising the
//! epoch also deletes, in the same commit, what lists would still show.
use crate::db::{Batch, Row, Value};
use crate::params;
use signet_base::{Conflict, Error, Result, Timestamp, Uuid};

const RAISE: &str = "UPDATE users SET epoch = epoch + 1 WHERE id = ? RETURNING epoch";
/// Changes nothing: locks the account's row, so that the epoch cannot be raised before the commit.
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

/// What stays when users change their own account: the session they use, and its known browser.
#[derive(Debug, Clone, Default)]
pub struct KeptSession {
    pub session: Option<Uuid>,
    /// Digest of the browser's key.
    pub device: Option<String>,
}

/// As part of a batch: succeeds only while the account has this epoch, else `Conflict::EpochChanged`.
pub fn is_at(user: i64, epoch: i64) -> Batch {
    Batch::new().add(IS_AT, params![user, epoch]).expect_rows(1, Conflict::EpochChanged)
}
/// The same error, for callers that detect it before the commit.
pub fn changed() -> Error {
    Error::Conflict(Conflict::EpochChanged)
}
/// Whether an error says that the account has changed since it was read.
pub fn has_changed(error: &Error) -> bool {
    matches!(error, Error::Conflict(Conflict::EpochChanged))
}

/// Raises the epoch and ends everything of an account. The batch's last result is the new epoch: see [`of`].
pub fn end(user: i64, spared: &KeptSession) -> Batch {
    // The account's row is locked first, as at sign-in: otherwise two batches could deadlock.
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
/// Ends an account's sessions but one, with their grants. The epoch stays.
pub fn end_sessions(user: i64, except: Option<Uuid>) -> Batch {
    let except = except.unwrap_or_default();
    Batch::new()
        .add(MARK_SESSIONS, params![Timestamp(i64::MAX), user, except])
        .add(REVOKE_IN_SESSIONS, params![user, user, except])
        .add(USE_CODES_IN_SESSIONS, params![user, user, except])
        .add(END_SESSIONS, params![user, except])
}
/// The accounts whose epoch a batch raises.
pub fn raised(batch: &Batch) -> Vec<i64> {
    let raises = batch.statements.iter().filter(|statement| statement.sql == RAISE);
    raises
        .filter_map(|raise| if let Some(Value::Int(id)) = raise.params.first() { Some(*id) } else { None })
        .collect()
}
/// Which statement of a batch gives the epoch that it raises an account to, if it raises one.
pub fn position(batch: &Batch) -> Option<usize> {
    batch.statements.iter().rposition(|statement| statement.sql == RAISE)
}
/// The new epoch from a batch's results; `None` if it was not raised.
pub fn of(answers: &[Vec<Row>]) -> Result<Option<i64>> {
    answers.iter().rev().flatten().next().map(|row| row.int(0)).transpose()
}
