//! Deletes accounts created by self-enrolment that were never confirmed.
use super::Sweep;
use signet_base::{Error, Result, Span};
use signet_core::Core;
use signet_core::directory::{self, Author, UserChange};
use signet_store::users;

/// Accounts per run.
const MOST: i64 = 5000;

pub const JOB: Sweep = Sweep {
    name: "signet.core.tasks.clean_unconfirmed_accounts",
    description: "Remove accounts that nobody has confirmed",
    schedule: "17 * * * *",
    done: "accounts removed",
    work: |core| Box::pin(clean(core)),
};

/// Deletes those of `AUTHENTIK_THROTTLE__UNCONFIRMED_ACCOUNTS` days ago; how many.
pub async fn clean(core: &Core) -> Result<u64> {
    let (days, mut gone) = (core.settings.limits.unconfirmed_days, 0);
    if days <= 0 {
        return Ok(gone);
    }
    let before = core.now().minus(Span::from_secs(days * 86_400));
    for id in users::unconfirmed(&core.db, before, MOST).await? {
        let Some(user) = users::by_id(&core.db, id).await? else { continue };
        let author = Author::system().by("message", "The account was never confirmed.");
        match directory::commit(core, &author, UserChange::delete(&user)).await {
            Ok(_) => gone += 1,
            Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(gone)
}
