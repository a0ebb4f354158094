//! Confirmation before a stage that changes something without a challenge of its own: opening a URL is no
//! consent.
use super::{Challenge, Context, Key};
use crate::Core;
use signet_base::{Json, Map, Secret, json};

/// The component of the confirmation.
pub const COMPONENT: &str = "ak-stage-consent";
/// The token that the answer must contain.
const ASKED: Key<String> = Key::new("goauthentik.io/question/asked");

/// Creates the challenge. A reload shows the same.
pub fn ask(core: &Core, context: &mut Context, text: &str) -> Challenge {
    let token = context.get(&ASKED).filter(|asked| !asked.is_empty()).unwrap_or_else(|| core.ports.hex(20));
    context.set(&ASKED, token.clone());
    Challenge::new(COMPONENT)
        .with("header_text", text)
        .with("permissions", json!([]))
        .with("additional_permissions", json!([]))
        .with("token", token)
}
/// Whether the answer confirms the challenge, which is then used up.
pub fn is_answered(context: &mut Context, answer: &Map) -> bool {
    let sent = answer.get("token").and_then(Json::as_str).unwrap_or_default();
    let fits = context.get(&ASKED).is_some_and(|asked| !asked.is_empty() && Secret::new(asked).matches(sent));
    if fits {
        context.remove(&ASKED);
    }
    fits
}
