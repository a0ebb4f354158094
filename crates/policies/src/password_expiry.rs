//! Password expiry policy.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Result, Timestamp};
use signet_core::directory::{self, Author, UserChange};
use signet_core::policy::{Policy, Question, Verdict};
use signet_core::{Core, Principal, hash};
use signet_model::{Model, ModelDef, Object};
use std::sync::Arc;

pub const SLICE: Slice = Slice {
    models: &[PasswordExpiryPolicy::DEF],
    kind: || Arc::new(PasswordExpiry),
    actions: signet_rest::none,
};

/// Passes while the password is younger than some days.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_policies_expiry", path = "policies/password_expiry", base = Policy, label = "Password Expiry Policy", plural = "Password Expiry Policies", component = "ak-policy-password-expiry-form", search("name"))]
pub struct PasswordExpiryPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    /// How long a password is good for.
    #[field(min = 0, max = 100_000, filter)]
    pub days: i64,
    /// Only refuse. Otherwise an expired password is taken away: its owner needs a new one to sign in.
    #[field(default = false, filter)]
    pub deny_only: bool,
}

/// Prefix of a hash that was disabled because of the password's age.
const EXPIRED: &str = "!expired$";
const DAY: i64 = 86_400;

/// Whole days since the password expired; `None` while it is valid.
fn overdue(changed: Timestamp, days: i64, now: Timestamp) -> Option<i64> {
    let over = now.secs() - changed.secs() - days.saturating_mul(DAY);
    (over >= 0).then_some(over / DAY)
}

struct PasswordExpiry;

#[async_trait]
impl Policy for PasswordExpiry {
    fn def(&self) -> &'static ModelDef {
        PasswordExpiryPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let settings = policy
            .get::<PasswordExpiryPolicy>()
            .ok_or_else(|| Error::internal("not a password expiry policy"))?;
        let Some(person) = question.user else { return Ok(Verdict::fail("Nobody is signed in.")) };
        let stored = &person.user.password;
        if stored.starts_with(EXPIRED) {
            return Ok(Verdict::fail("Password has expired."));
        }
        // Accounts without a usable password have none that expires.
        if !hash::is_usable(stored) {
            return Ok(Verdict::pass());
        }
        let Some(days) = overdue(person.user.password_changed, settings.days, question.now()) else {
            return Ok(Verdict::pass());
        };
        if settings.deny_only {
            return Ok(Verdict::fail("Password has expired."));
        }
        if !question.is_dry_run() {
            take_away(question, person, policy).await?;
        }
        Ok(Verdict::fail(format!("Password expired {days} days ago. Please update your password.")))
    }
}

/// Disables the hash and ends sessions and tokens that are based on the old password.
async fn take_away(question: &Question<'_>, person: &Principal, policy: &Object) -> Result<()> {
    let core = question.core;
    let hash = format!("{EXPIRED}{}", core.ports.alphanumeric(40));
    let author =
        Author::request(question.client, None, policy.def.app).by("policy", Core::model_event(policy));
    match directory::commit(core, &author, UserChange::of(&person.user).disable_password(hash)).await {
        // It was changed at this moment.
        Ok(_) | Err(Error::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_password_is_good_for_its_days() {
        let changed = Timestamp::from_secs(0);
        let at = |days: i64, secs: i64| overdue(changed, 90, Timestamp::from_secs(days * DAY + secs));
        assert_eq!((at(89, DAY - 1), at(90, 0), at(92, 5)), (None, Some(0), Some(2)));
        assert_eq!(overdue(changed, 0, changed), Some(0));
        assert!(!hash::is_usable(EXPIRED));
    }
}
