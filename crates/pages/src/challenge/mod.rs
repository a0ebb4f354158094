//! Pages of the challenges that the engines create: consent, refusal, failure, end, leaving. Those of the stages
//! stand in their folders.
//!
//! They read the members of the challenge as the API names them. Missing members count as empty: a page never
//! fails.

mod consent;
mod frame;
mod leave;
mod outcome;

use maud::Markup;
use serde_json::Value;

use crate::StagePage;
use crate::form::{FormContext, text};
use crate::{ui, words};

pub use consent::question;

type Draw = fn(&Value, &FormContext) -> StagePage;

const ALL: &[(&str, Draw)] = &[
    ("ak-stage-consent", consent::page),
    ("ak-stage-access-denied", outcome::access_denied),
    ("ak-stage-flow-error", outcome::flow_error),
    ("ak-stage-session-end", outcome::session_end),
    ("ak-stage-autosubmit", leave::autosubmit),
    ("xak-flow-frame", frame::page),
    ("xak-flow-redirect", leave::redirect),
];

/// The components that this crate draws.
pub fn components() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(component, _)| *component)
}

/// The page of a challenge, or nothing for a component that a stage draws.
#[must_use]
pub fn draw(challenge: &Value, form: &FormContext) -> Option<StagePage> {
    let component = text(challenge, "component");
    let (_, draw) = ALL.iter().find(|(of, _)| *of == component)?;
    Some(draw(challenge, form))
}

/// The administrator's title of the flow, else `fallback`. A title with a placeholder that nothing filled is
/// none.
pub fn flow_title<'a>(challenge: &'a Value, fallback: &'a str) -> &'a str {
    let title = challenge.get("flow_info").map_or("", |info| text(info, "title"));
    if title.is_empty() || title.contains("%(") { fallback } else { words::delivered(title) }
}

/// Title and way back where an account is about to be deleted.
pub const DELETE: &str = "Delete your account";
pub const KEEP: &str = "Keep my account";

/// The way back from something that need not be done, as the last row of the card.
pub fn way_back(form: &FormContext, words: &str) -> Markup {
    ui::other_ways("Other ways", &form.back_url.map(|url| (url, words)).into_iter().collect::<Vec<_>>())
}
