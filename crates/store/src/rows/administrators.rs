//! That an active administrator is left: checked inside the commit of whatever may take the last one away.
//!
//! Such commits hold one row from their beginning to their end, so that two of them follow each other and the second one
//! sees what the first one has left. Nothing is refused where nobody was an administrator before.
use crate::db::Batch;
use crate::params;
use signet_base::Conflict;

const HOLD: &str = "UPDATE administrator_guard SET there = there WHERE one = 1";
const LOOK: &str = "UPDATE administrator_guard SET there = CASE WHEN EXISTS (\
    WITH RECURSIVE down(id) AS (SELECT id FROM user_group WHERE is_superuser = 1 UNION SELECT p.child_id FROM group_parent p JOIN down ON p.parent_id = down.id) \
    SELECT 1 FROM down JOIN membership m ON m.group_id = down.id JOIN users u ON u.id = m.user_id WHERE u.is_active = 1 AND u.user_type IN ('internal', 'external')\
    ) THEN 1 ELSE 0 END WHERE one = 1";
const KEEP: &str = "UPDATE administrator_guard SET there = 0 WHERE one = 1 AND (there = 0 OR EXISTS (\
    WITH RECURSIVE down(id) AS (SELECT id FROM user_group WHERE is_superuser = 1 UNION SELECT p.child_id FROM group_parent p JOIN down ON p.parent_id = down.id) \
    SELECT 1 FROM down JOIN membership m ON m.group_id = down.id JOIN users u ON u.id = m.user_id WHERE u.is_active = 1 AND u.user_type IN ('internal', 'external')))";

pub(crate) const STATEMENTS: &[&str] = &[HOLD, LOOK, KEEP];

/// Statements of a batch by [`kept`] that come before the changes.
pub const BEFORE: usize = 2;

/// What is done between these two, the first and the last part of a batch, leaves an active administrator, else the batch
/// is `Conflict::LastAdministrator`. Administrators are members of a superuser group, directly or by a parent of it, of type
/// `internal` or `external`.
pub fn kept(changes: Batch) -> Batch {
    Batch::new()
        .add(HOLD, params![])
        .add(LOOK, params![])
        .then(changes)
        .add(KEEP, params![])
        .expect_rows(1, Conflict::LastAdministrator)
}
