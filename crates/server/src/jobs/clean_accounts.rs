//! Deletes accounts created by self-enrolment that were never confirmed.
use async_trait::async_trait;
use signet_base::{Error, Result, Span};
use signet_core::Core;
use signet_core::directory::{self, Author, UserChange};
use signet_core::job::{Job, JobRun, LogLevel};
use signet_store::{Batch, users};

/// Accounts per run.
const MOST: i64 = 5000;

pub struct CleanAccounts;

#[async_trait]
impl Job for CleanAccounts {
    fn name(&self) -> &'static str {
        "signet.core.tasks.clean_unconfirmed_accounts"
    }
    fn description(&self) -> &'static str {
        "Remove accounts that nobody has confirmed"
    }
    fn schedule(&self) -> Option<&'static str> {
        Some("17 * * * *")
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        let gone = clean(&run.core).await?;
        if gone > 0 {
            run.log(LogLevel::Info, format!("{gone} accounts removed"));
        }
        Ok(Batch::new())
    }
}

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
