//! Password policy: character rules, breaches, guessability (zxcvbn).
mod breached;
pub(crate) mod given;
mod rules;

use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Result};
use signet_core::policy::{Policy, Question, Verdict};
use signet_model::{Model, ModelDef, Object};
use std::sync::Arc;
use zxcvbn::zxcvbn;

pub const SLICE: Slice =
    Slice { models: &[PasswordPolicy::DEF], kind: || Arc::new(Password), actions: signet_rest::none };

/// Symbol characters, as in authentik.
const SYMBOLS: &str = "!\\\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ";

/// Judges a new password by its characters, by known breaches and by how easily it is guessed.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_policies_password", path = "policies/password", base = Policy, label = "Password Policy", plural = "Password Policies", component = "ak-policy-password-form", search("name"))]
pub struct PasswordPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    /// Field key to check, field keys defined in Prompt stages are available.
    #[field(default = "password", max = 200, filter)]
    pub password_field: String,
    #[field(default = 0, min = 0, max = 512, filter)]
    pub amount_digits: i64,
    #[field(default = 0, min = 0, max = 512, filter)]
    pub amount_uppercase: i64,
    #[field(default = 0, min = 0, max = 512, filter)]
    pub amount_lowercase: i64,
    #[field(default = 0, min = 0, max = 512, filter)]
    pub amount_symbols: i64,
    #[field(default = 0, min = 0, max = 512, filter)]
    pub length_min: i64,
    /// Characters that count as symbols.
    #[field(default = SYMBOLS, max = 512, filter)]
    pub symbol_charset: String,
    /// What people read when the rules are not met. Empty: what is missing.
    #[field(default = "", blank, max = 2000, filter)]
    pub error_message: String,
    /// Judge the characters.
    #[field(default = true, filter)]
    pub check_static_rules: bool,
    /// Ask for known breaches: the file of breached passwords where one is set, else haveibeenpwned.com,
    /// which learns five letters of a digest only.
    #[field(default = false, filter)]
    pub check_have_i_been_pwned: bool,
    /// Judge how easily the password is guessed.
    #[field(default = false, filter)]
    pub check_zxcvbn: bool,
    /// How many times the password may have been found in breaches.
    #[field(default = 0, min = 0, filter)]
    pub hibp_allowed_count: i64,
    /// The score from 0 to 4 has to be above this.
    #[field(default = 2, min = 0, max = 2_147_483_647, filter)]
    pub zxcvbn_score_threshold: i64,
}

struct Password;

#[async_trait]
impl Policy for Password {
    fn def(&self) -> &'static ModelDef {
        PasswordPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let settings =
            policy.get::<PasswordPolicy>().ok_or_else(|| Error::internal("not a password policy"))?;
        let password = match given::password(question, &settings.password_field) {
            Ok(password) => password,
            Err(verdict) => return Ok(verdict),
        };
        if settings.check_static_rules
            && let Some(missing) = rules::missing(settings, password.reveal())
        {
            return Ok(Verdict::fail(if settings.error_message.is_empty() {
                missing
            } else {
                settings.error_message.clone()
            }));
        }
        if settings.check_have_i_been_pwned {
            let count = breached::count(question.core, &password).await?;
            if count > settings.hibp_allowed_count {
                return Ok(Verdict::fail(format!("Password exists on {count} online lists.")));
            }
        }
        if settings.check_zxcvbn {
            return guess(settings, password.reveal(), question).await;
        }
        Ok(Verdict::pass())
    }
}

/// Number of characters that zxcvbn evaluates; longer passwords are not easier to guess, and cost time.
const GUESSED: usize = 100;

async fn guess(settings: &PasswordPolicy, password: &str, question: &Question<'_>) -> Result<Verdict> {
    let text: String = password.chars().take(GUESSED).collect();
    let own: Vec<String> = question
        .user
        .map(|p| vec![p.user.username.clone(), p.user.name.clone(), p.user.email.clone()])
        .unwrap_or_default();
    let threshold = settings.zxcvbn_score_threshold;
    let guessed = tokio::task::spawn_blocking(move || {
        let own: Vec<&str> = own.iter().map(String::as_str).filter(|t| !t.is_empty()).collect();
        let entropy = zxcvbn(&text, &own);
        let score = i64::from(u8::from(entropy.score()));
        let mut said: Vec<String> = Vec::new();
        if let Some(feedback) = entropy.feedback() {
            said.extend(feedback.warning().map(|w| w.to_string()));
            said.extend(feedback.suggestions().iter().map(ToString::to_string));
        }
        (score, said)
    });
    let (score, mut said) = guessed.await.map_err(Error::internal)?;
    if score > threshold {
        return Ok(Verdict::pass());
    }
    if said.is_empty() {
        said.push("Password is too weak.".to_owned());
    }
    Ok(Verdict { messages: said, ..Verdict::default() })
}
