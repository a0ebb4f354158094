//! Every page with sample data.
mod all;
mod findings;
mod steps;

use maud::Markup;
use serde_json::Value;
use signet_core::Families;
use signet_pages::{FormContext, Page, StagePage};
use std::collections::BTreeSet;

fn families() -> Families {
    Families::new(signet_stages::ALL.iter().map(|slice| (slice.kind)()), [], [])
}

/// The components that stages and engines draw.
fn components() -> BTreeSet<&'static str> {
    let stages = signet_stages::ALL.iter().map(|slice| (slice.kind)().component());
    stages.chain(signet_pages::challenge::components()).filter(|component| !component.is_empty()).collect()
}

fn draw(challenge: &Value, form: &FormContext<'_>) -> Option<StagePage> {
    families().page(None, challenge, form)
}

fn challenge_page(page: Page, challenge: &Value, form: &FormContext) -> Option<Markup> {
    Some(signet_pages::challenge_page(page, challenge, form, draw(challenge, form)?))
}

/// The body of a challenge of a component.
fn challenge_body(component: &str, challenge: &Value, form: &FormContext) -> Option<Markup> {
    let mut challenge = challenge.clone();
    if let Some(members) = challenge.as_object_mut() {
        members.insert("component".into(), component.into());
    }
    Some(draw(&challenge, form)?.body().clone())
}
