//! The password under evaluation.
use signet_base::{Json, Secret};
use signet_core::flow::keys;
use signet_core::policy::{Question, Verdict};

/// Maximum length in characters; longer passwords are refused when they are stored.
const MAX: usize = 512;

/// The prompt data's `field`, else the value that a stage put into the context.
pub fn password(question: &Question<'_>, field: &str) -> Result<Secret, Verdict> {
    let of = |value: Option<&Json>| value.and_then(Json::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
    let typed = of(question.context.get(keys::PROMPT_DATA.0).and_then(|d| d.get(field)))
        .or_else(|| of(question.context.get(field)));
    match typed {
        Some(text) if text.chars().count() <= MAX => Ok(Secret::new(text)),
        Some(_) => Err(Verdict::fail("This password is too long.")),
        None => Err(Verdict::fail("Password not set in context")),
    }
}
