//! Unique password policy: refuses former passwords.
use crate::Slice;
use crate::password::given;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Result};
use signet_core::hash;
use signet_core::policy::{Policy, Question, Verdict};
use signet_model::{Model, ModelDef, Object};
use signet_store::password_history;
use std::sync::Arc;

pub const SLICE: Slice = Slice {
    models: &[UniquePasswordPolicy::DEF],
    kind: || Arc::new(UniquePassword),
    actions: signet_rest::none,
};

/// Refuses the present password and those before it. Hashes of former passwords are kept only while such a
/// policy exists.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_policies_unique_password", path = "policies/unique_password", base = Policy, label = "Password Uniqueness Policy", plural = "Password Uniqueness Policies", component = "ak-policy-password-uniqueness-form", search("name"))]
pub struct UniquePasswordPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    /// Field key to check, field keys defined in Prompt stages are available.
    #[field(default = "password", max = 200, filter)]
    pub password_field: String,
    /// Number of passwords to check against, the present one among them.
    #[field(default = 1, min = 0, max = 50, filter)]
    pub num_historical_passwords: i64,
}

struct UniquePassword;

#[async_trait]
impl Policy for UniquePassword {
    fn def(&self) -> &'static ModelDef {
        UniquePasswordPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let settings = policy
            .get::<UniquePasswordPolicy>()
            .ok_or_else(|| Error::internal("not a password uniqueness policy"))?;
        let password = match given::password(question, &settings.password_field) {
            Ok(password) => password,
            Err(verdict) => return Ok(verdict),
        };
        // An account that does not exist yet has no former passwords.
        let Some(person) = question.user else { return Ok(Verdict::pass()) };
        let core = question.core;
        let count = settings.num_historical_passwords;
        let mut hashes: Vec<String> = Vec::new();
        if count > 0 {
            hashes.push(person.user.password.clone());
            hashes.extend(password_history::latest(&core.db, person.user.id, count - 1).await?);
        }
        for stored in hashes.iter().filter(|h| hash::is_usable(h)) {
            if core.hasher.verify(Some(stored), &password).await? {
                return Ok(Verdict::fail(
                    "This password has been used previously. Please choose a different one.",
                ));
            }
        }
        Ok(Verdict::pass())
    }
}
