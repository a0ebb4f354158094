//! The password that a policy is to judge.
use signet_base::{Json, Secret};
use signet_core::flow::keys;
use signet_core::policy::{Question, Verdict};

/// Longest password that is judged, in characters; longer ones are refused when they are stored.
const MAX: usize = 512;

/// What a form has put under `field`, else what a stage has put into the context itself.
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
