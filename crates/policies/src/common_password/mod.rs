//! Common password policy: refuses well-known passwords.
mod words;

use crate::Slice;
use crate::password::given;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Result};
use signet_core::flow::keys;
use signet_core::policy::{Policy, Question, Verdict};
use signet_model::{Model, ModelDef, Object};
use std::sync::Arc;

pub const SLICE: Slice = Slice {
    models: &[CommonPasswordPolicy::DEF],
    kind: || Arc::new(CommonPassword),
    actions: signet_rest::none,
};

/// Refuses well-known passwords, and those that are made of the person's own name or address. The list is
/// built in: nobody is asked.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "signet_policies_common_password", path = "policies/common_password", base = Policy, label = "Common Password Policy", plural = "Common Password Policies", component = "ak-policy-common-password-form", search("name"))]
pub struct CommonPasswordPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    /// Field key to check, field keys defined in Prompt stages are available.
    #[field(default = "password", max = 200, filter)]
    pub password_field: String,
}

/// Minimum length of a name that counts; shorter ones occur in many words.
const SHORTEST: usize = 4;

/// Whether the password consists of one of the user's own words with little else.
fn is_own(password: &str, own: &[String]) -> bool {
    let folded = password.to_lowercase();
    let length = folded.chars().count();
    own.iter()
        .flat_map(|text| std::iter::once(text.as_str()).chain(text.split(['@', ' ', '.', '-', '_'])))
        .any(|word| {
            let word = word.to_lowercase();
            let size = word.chars().count();
            size >= SHORTEST && folded.contains(&word) && length < size + SHORTEST + 1
        })
}

struct CommonPassword;

#[async_trait]
impl Policy for CommonPassword {
    fn def(&self) -> &'static ModelDef {
        CommonPasswordPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let settings = policy
            .get::<CommonPasswordPolicy>()
            .ok_or_else(|| Error::internal("not a common password policy"))?;
        let password = match given::password(question, &settings.password_field) {
            Ok(password) => password,
            Err(verdict) => return Ok(verdict),
        };
        if words::is_common(password.reveal()) {
            return Ok(Verdict::fail("This password is one of the first that everybody tries."));
        }
        let typed = |field: &str| {
            question
                .context
                .get(keys::PROMPT_DATA.0)
                .and_then(|d| d.get(field))
                .and_then(Json::as_str)
                .map(str::to_owned)
        };
        let mut own: Vec<String> =
            ["username", "name", "email"].iter().filter_map(|field| typed(field)).collect();
        own.extend(
            question
                .user
                .iter()
                .flat_map(|p| [p.user.username.clone(), p.user.name.clone(), p.user.email.clone()]),
        );
        Ok(if is_own(password.reveal(), &own) {
            Verdict::fail("This password is too close to your name or address.")
        } else {
            Verdict::pass()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn ones_own_name_is_no_password() {
        let own = ["lovelace".to_owned(), "Ada Byron".to_owned(), "ada.king@example.test".to_owned()];
        for wrong in ["lovelace", "Lovelace1!", "byron", "BYRON12", "example99", "ada.king@example.test"] {
            assert!(is_own(wrong, &own), "{wrong}");
        }
        for fine in ["adaada", "my lovelace rides at night", "analytical engine", ""] {
            assert!(!is_own(fine, &own), "{fine}");
        }
    }
}
