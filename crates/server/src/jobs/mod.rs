//! Jobs that belong to no family, and the list of all: see docs/adding-a-slice.md.
pub mod clean_accounts;
pub mod clean_expired;
mod optimize;
mod rotate_tokens;

use signet_core::job::Job;

/// Every kind of job of this binary.
pub const ALL: &[&dyn Job] = &[
    &clean_accounts::CleanAccounts,
    &clean_expired::CleanExpired,
    &optimize::Optimize,
    &rotate_tokens::RotateTokens,
    &signet_core::mail::SendMail,
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
