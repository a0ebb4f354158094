//! The question before a step that changes something and has nothing to ask of its own: opening an address is
//! no agreement.
use super::{Challenge, Context, Key};
use crate::Core;
use signet_base::{Json, Map, Secret, json};

/// The component of the question.
pub const COMPONENT: &str = "ak-stage-consent";
/// What the answer must repeat.
const ASKED: Key<String> = Key::new("goauthentik.io/question/asked");

/// Asks. A reload asks the same.
pub fn ask(core: &Core, context: &mut Context, text: &str) -> Challenge {
    let token = context.get(&ASKED).filter(|asked| !asked.is_empty()).unwrap_or_else(|| core.ports.hex(20));
    context.set(&ASKED, token.clone());
    Challenge::new(COMPONENT)
        .with("header_text", text)
        .with("permissions", json!([]))
        .with("additional_permissions", json!([]))
        .with("token", token)
}
/// Whether the answer is one to the question that was asked, which is over then.
pub fn is_answered(context: &mut Context, answer: &Map) -> bool {
    let sent = answer.get("token").and_then(Json::as_str).unwrap_or_default();
    let fits = context.get(&ASKED).is_some_and(|asked| !asked.is_empty() && Secret::new(asked).matches(sent));
    if fits {
        context.remove(&ASKED);
    }
    fits
}
