//! Forms that no longer match their run: another tab signed in or advanced, the session ended, an answer was
//! refused.
use crate::edge::{Edge, here, redirect};
use crate::form_context::{self, HOME};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::html;
use signet_base::{Error, Json, Map, json, query};
use signet_core::flow::plan::Refused;
use signet_core::flow::{Reply, protocol};
use signet_core::models::{Designation, Flow, background_url};
use signet_core::page::{self, PageContext};
use signet_core::{Core, brand, rows};
use signet_model::Object;
use signet_pages::challenge::flow_title;
use signet_pages::{FormContext, Heading, PagePolicy, StagePage, challenge_page, ui};
use std::sync::Arc;

pub const TOO_LONG: &str = "Your sign-in took too long. Start again.";
pub const NO_COOKIES: &str = "Your sign-in took too long, or your browser keeps no cookies. This site needs cookies. Allow them, then start again.";
/// Maximum total size of kept form values in bytes.
const MAX_TYPED: usize = 8 * 1024;

pub fn is_sign_in(flow: &Object) -> bool {
    flow.get::<Flow>().is_some_and(|f| f.designation == Designation::Authentication)
}
fn next(edge: &Edge) -> Option<String> {
    query::value(&edge.client.query, "next").as_deref().and_then(query::local_path)
}

/// The redirect of a sign-in form that arrives after another tab has signed in.
pub fn signed_in_elsewhere(edge: &mut Edge, flow: &Object) -> Option<String> {
    edge.session.state.bring(flow.pk, &edge.client.query);
    let waits = edge.session.principal().is_some() && is_sign_in(flow) && edge.session.state.plan.is_none();
    waits.then(|| next(edge).unwrap_or_else(|| "/".to_owned()))
}

/// The response instead of a stage: an authorization request whose run has ended starts again, and a sign-in
/// page names the user who is signed in already.
pub async fn replacement(edge: &mut Edge, core: &Arc<Core>, flow: &Arc<Object>) -> Option<Response> {
    edge.session.state.bring(flow.pk, &edge.client.query);
    let run = edge.session.state.plan.as_ref();
    if run.is_none()
        && let Some(to) = protocol(core, flow, &edge.client.query)
    {
        return Some(redirect(StatusCode::FOUND, &to));
    }
    if run.is_some() || !is_sign_in(flow) || query::value(&edge.client.query, "flow_token").is_some() {
        return None;
    }
    let person = edge.session.principal()?.clone();
    let ours =
        brand::flow_for(core, &edge.client, Some(&person), Designation::Authentication).await.ok()??;
    if ours.pk != flow.pk {
        return None;
    }
    let user = &person.user;
    let name = if user.name.is_empty() { &user.username } else { &user.name };
    let challenge = json!({
        "component": "",
        "pending_user": user.username,
        "pending_user_avatar": rows::avatar(core, &user.name, &user.username, &user.email),
        "flow_info": {"title": format!("You are signed in as {name}"), "background": background_url(flow.text("background")), "layout": "stacked"},
    });
    let page_context = PageContext::of(core, &edge.client, &edge.cookies);
    let (to, words) =
        next(edge).map_or_else(|| (HOME.to_owned(), "Go to my applications"), |to| (to, "Go on"));
    let body = html! {
        div class="stack-2" {
            (ui::link_primary(&to, words))
            (ui::link_button(&page::sign_out_to(&here(&edge.client)), "Sign in as somebody else"))
        }
    };
    let form = FormContext { home_url: form_context::HOME, ..FormContext::new("", "") };
    let drawn = StagePage::new(Heading::new(flow_title(&challenge, "Sign in")), body);
    let page = challenge_page(page_context.page(core), &challenge, &form, drawn);
    Some(page_context.answer(StatusCode::OK, &PagePolicy::default(), page).into_response())
}

/// The run that a form belongs to.
#[derive(Debug, PartialEq, Eq)]
pub enum FormTarget {
    Current,
    Earlier,
    /// There is no run, and the form does not belong to the flow's first stage.
    NoRun,
}

pub fn is_answer(edge: &Edge, core: &Core, flow: &Object, sent: &Map) -> FormTarget {
    let component = sent.get("component").and_then(Json::as_str).unwrap_or_default();
    let Some(run) = &edge.session.state.plan else {
        let first = signet_core::models::flow_bindings(&core.config(), flow.pk).first().and_then(|b| {
            core.config().get(b.get::<signet_core::models::FlowStageBinding>()?.stage).cloned()
        });
        let expected = first
            .and_then(|stage| core.families.stage(&stage.def.full_name()))
            .map_or("", |kind| kind.component());
        return if component.is_empty() || expected.is_empty() || component == expected || !is_sign_in(flow) {
            FormTarget::Current
        } else {
            FormTarget::NoRun
        };
    };
    let kind = run.stages.front().and_then(|s| s.stage.kind_id(core)).and_then(|id| core.families.stage(&id));
    let expected = kind.as_ref().map_or("", |kind| kind.component());
    if component.is_empty() || expected.is_empty() || component == expected {
        FormTarget::Current
    } else {
        FormTarget::Earlier
    }
}

/// Stores a refused answer in its run, for the page after the redirect. Returns whether there is a run.
pub fn keep(edge: &mut Edge, flow: &Object, challenge: &Map, typed: &[(String, String)]) -> bool {
    let Some(plan) = edge.session.state.plan.as_mut().filter(|p| p.flow == flow.pk && p.over.is_none())
    else {
        return false;
    };
    let fields = challenge.get("fields").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_secret = |name: &str| fields.iter().any(|f| f["field_key"] == name && f["type"] == "password");
    let mut room = MAX_TYPED;
    let typed = typed.iter().filter(|(name, _)| !is_secret(name) && name != "component");
    let typed = typed.filter(|(name, value)| {
        let fits = name.len() + value.len() <= room;
        room -= if fits { name.len() + value.len() } else { 0 };
        fits
    });
    let typed = typed.cloned().collect();
    let component = challenge.get("component").and_then(Json::as_str).unwrap_or_default().to_owned();
    plan.refused = Some(Refused {
        component,
        errors: challenge.get("response_errors").cloned().unwrap_or_default(),
        typed,
    });
    edge.session.touch();
    true
}

/// Adds the stored errors to the challenge, once.
pub fn refused(edge: &mut Edge, reply: &mut Result<Reply, Error>) -> Vec<(String, String)> {
    let Some(kept) = edge.session.state.plan.as_mut().and_then(|plan| plan.refused.take()) else {
        return Vec::new();
    };
    edge.session.touch();
    match reply {
        Ok(Reply::Challenge(shown))
            if shown.get("component").and_then(Json::as_str) == Some(kept.component.as_str()) =>
        {
            shown.entry("response_errors").or_insert(kept.errors);
            kept.typed
        }
        _ => Vec::new(),
    }
}

/// Adds a notice to the first stage. Keeps the typed name, whichever field it was in.
pub fn say(reply: &mut Result<Reply, Error>, sent: &Map, notice: &str) -> Vec<(String, String)> {
    if let Ok(Reply::Challenge(shown)) = reply {
        shown.insert(
            "response_errors".into(),
            json!({"non_field_errors": [{"string": notice, "code": "invalid"}]}),
        );
    }
    let name = ["uid_field", "username"]
        .iter()
        .find_map(|name| sent.get(*name).and_then(Json::as_str))
        .unwrap_or_default();
    vec![("uid_field".to_owned(), name.chars().take(250).collect())]
}
