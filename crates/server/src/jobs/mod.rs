//! Jobs that belong to no family, and the list of all: see docs/adding-a-slice.md.
pub mod clean_accounts;
pub mod clean_expired;
pub mod discover_certificates;
mod optimize;
mod rotate_tokens;
mod sync_sources;

use async_trait::async_trait;
use signet_base::Result;
use signet_core::Core;
use signet_core::job::{Job, JobRun, LogLevel};
use signet_store::Batch;
use std::pin::Pin;

type Counted<'a> = Pin<Box<dyn Future<Output = Result<u64>> + Send + 'a>>;

/// A recurring job that goes on until nothing is due, and logs how many it was.
pub struct Sweep {
    name: &'static str,
    description: &'static str,
    /// Crontab in UTC.
    schedule: &'static str,
    /// What was done, after the number.
    done: &'static str,
    work: for<'a> fn(&'a Core) -> Counted<'a>,
}

#[async_trait]
impl Job for Sweep {
    fn name(&self) -> &'static str {
        self.name
    }
    fn description(&self) -> &'static str {
        self.description
    }
    fn schedule(&self) -> Option<&'static str> {
        Some(self.schedule)
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        let count = (self.work)(&run.core).await?;
        if count > 0 {
            run.log(LogLevel::Info, format!("{count} {}", self.done));
        }
        Ok(Batch::new())
    }
}

/// Every kind of job of this binary.
pub const ALL: &[&dyn Job] = &[
    &clean_accounts::JOB,
    &clean_expired::JOB,
    &discover_certificates::DiscoverCertificates,
    &optimize::Optimize,
    &rotate_tokens::JOB,
    &sync_sources::SyncSources,
    &signet_blueprints::ApplyBlueprint,
    &signet_blueprints::DiscoverBlueprints,
    &signet_core::mail::SendMail,
    &signet_core::session::participants::FindSignedOut,
    &signet_core::session::participants::TellSignedOut,
    &signet_stages::email::DeliverLink,
    &signet_stages::user_write::TellOwner,
];

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::{Crontab, Timestamp};
    use std::collections::HashSet;

    #[test]
    fn core_jobs_names_are_their_own_and_times_come() {
        let names: HashSet<&str> = ALL.iter().map(|job| job.name()).collect();
        assert_eq!(names.len(), ALL.len());
        for job in ALL {
            assert!(!job.description().is_empty(), "{}", job.name());
            let fits = |crontab| Crontab::parse(crontab).is_some_and(|c| c.next(Timestamp(0)).is_some());
            assert!(job.schedule().is_none_or(fits), "{}", job.name());
        }
    }
}
