//! `/if/flow/<slug>/`: flows as HTML pages that work without script. A form post is answered with 303, so
//! reload and back send no form twice.
use crate::edge::{Edge, here, read_answer, redirect, unreadable};
use crate::form;
use crate::form_context::{self, OwnedFormContext};
use crate::stale_forms::{self, FormTarget};
use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use signet_base::{Error, Json, Map, json};
use signet_core::flow::arrival::is_too_long;
use signet_core::flow::{Executor, Reply};
use signet_core::page::PageContext;
use signet_core::{Client, Core, setup};
use signet_model::Object;
use signet_pages::challenge_page;
use std::sync::Arc;

/// Maximum number of stages without a challenge that run in one request.
const MAX_SILENT: usize = 100;

pub async fn get(Path(slug): Path<String>, mut edge: Edge) -> Response {
    let core = edge.core.clone();
    let Ok(flow) = Executor::flow(&core, &slug) else { return edge.not_found() };
    if is_too_long(&edge.client.query) {
        return too_long(&edge);
    }
    let client = edge.client.clone();
    if let Some(replacement) = stale_forms::replacement(&mut edge, &core, &flow).await {
        return replacement;
    }
    let mut reply = drive(&mut edge, &core, &client, &flow, None).await;
    let typed = stale_forms::refused(&mut edge, &mut reply);
    answer(edge, &core, &flow, reply, false, &typed).await
}

pub async fn post(Path(slug): Path<String>, mut edge: Edge, request: Request) -> Response {
    let core = edge.core.clone();
    let Ok(flow) = Executor::flow(&core, &slug) else { return edge.not_found() };
    if is_too_long(&edge.client.query) {
        return too_long(&edge);
    }
    let mut sent = match read_answer(request).await {
        Ok(sent) => sent,
        Err((status, text)) => return unreadable(&edge, status, text),
    };
    let token = sent.remove("csrf");
    let client = edge.client.clone();
    if !token.as_ref().and_then(Json::as_str).is_some_and(|t| edge.session.csrf_fits(&core, t)) {
        // The form's session has ended: show the stage again and do not evaluate the answer.
        if let Some(to) = stale_forms::signed_in_elsewhere(&mut edge, &flow) {
            return redirect(StatusCode::SEE_OTHER, &to);
        }
        if client.from_elsewhere || edge.session.has_key() || !stale_forms::is_sign_in(&flow) {
            return redirect(StatusCode::SEE_OTHER, &here(&client));
        }
        let notice =
            if edge.cookies.trim().is_empty() { stale_forms::NO_COOKIES } else { stale_forms::TOO_LONG };
        return restart(edge, &core, &flow, &sent, notice).await;
    }
    edge.session.state.bring(flow.pk, &client.query);
    match stale_forms::is_answer(&edge, &core, &flow, &sent) {
        FormTarget::Current => {}
        // Another tab with the same address has advanced the run: redirect to its current stage.
        FormTarget::Earlier => return redirect(StatusCode::SEE_OTHER, &here(&client)),
        FormTarget::NoRun => return restart(edge, &core, &flow, &sent, stale_forms::TOO_LONG).await,
    }
    let sent = form::read(sent);
    if let (Some(chosen), Some(plan)) =
        (&sent.chosen, edge.session.state.plan.as_mut().filter(|p| p.flow == flow.pk))
    {
        form::keep(&mut plan.context, chosen);
        edge.session.touch();
    }
    if sent.view_only {
        let to = here(&client);
        return edge.send(redirect(StatusCode::SEE_OTHER, &to)).await;
    }
    let reply = drive(&mut edge, &core, &client, &flow, Some(&sent.answer)).await;
    if let Ok(Reply::Challenge(shown)) = &reply {
        form::note_message(&mut edge, &sent.answer, shown);
    }
    answer(edge, &core, &flow, reply, true, &sent.typed).await
}

/// Shows the flow's first stage again with a message and the name typed before. Nothing in the form was
/// evaluated, so it can be sent again.
async fn restart(mut edge: Edge, core: &Arc<Core>, flow: &Arc<Object>, sent: &Map, notice: &str) -> Response {
    let client = edge.client.clone();
    let mut reply = drive(&mut edge, core, &client, flow, None).await;
    let typed = stale_forms::say(&mut reply, sent, notice);
    answer(edge, core, flow, reply, false, &typed).await
}

fn too_long(edge: &Edge) -> Response {
    let text = "Go back and open the page anew. If it happens once more, tell the administrator of the application you came from.";
    signet_core::page::error(
        &edge.core,
        &edge.client,
        &edge.cookies,
        StatusCode::URI_TOO_LONG,
        "The address is too long",
        text,
    )
    .into_response()
}

pub async fn drive(
    edge: &mut Edge,
    core: &Arc<Core>,
    client: &Client,
    flow: &Arc<Object>,
    answer: Option<&Map>,
) -> Result<Reply, Error> {
    let mut executor = Executor { core, client, session: &mut edge.session, query: &client.query };
    let mut reply = match answer {
        None => executor.get(flow).await?,
        Some(answer) => executor.post(flow, answer).await?,
    };
    for _ in 0..MAX_SILENT {
        match reply {
            Reply::Again => reply = executor.get(flow).await?,
            other => return Ok(other),
        }
    }
    Err(Error::internal("the flow does not come to an end"))
}

pub async fn answer(
    mut edge: Edge,
    core: &Arc<Core>,
    flow: &Arc<Object>,
    reply: Result<Reply, Error>,
    posted: bool,
    typed: &[(String, String)],
) -> Response {
    let reply = match reply {
        Ok(Reply::Done(to)) if posted || to == "/" => {
            Ok(Reply::Done(form_context::end_url(core, flow, edge.session.principal(), to)))
        }
        other => other,
    };
    let response = match reply {
        Ok(Reply::Done(to)) if is_plain(&to) => redirect(StatusCode::SEE_OTHER, &to),
        // Browsers apply `form-action` to redirects as well. After a post, a target that may be on another
        // host is opened by a page of its own.
        Ok(Reply::Done(to) | Reply::Away(to)) if posted => {
            let challenge = json!({"component": "xak-flow-redirect", "to": to});
            page(&mut edge, core, flow, StatusCode::OK, &challenge, typed).await
        }
        Ok(Reply::Done(to) | Reply::Away(to)) => redirect(StatusCode::FOUND, &to),
        Ok(Reply::Challenge(challenge) | Reply::NotApplicable(challenge)) => {
            let errors = challenge.contains_key("response_errors") && !form::only_chosen(&challenge);
            if posted
                && !errors
                && challenge.get("component").and_then(Json::as_str).is_some_and(|c| !is_end(c))
            {
                redirect(StatusCode::SEE_OTHER, &here(&edge.client))
            } else if posted && errors && stale_forms::keep(&mut edge, flow, &challenge, typed) {
                // Post/redirect/get: reload and back do not send the form again.
                redirect(StatusCode::SEE_OTHER, &here(&edge.client))
            } else {
                page(&mut edge, core, flow, StatusCode::OK, &Json::Object(challenge), typed).await
            }
        }
        Ok(Reply::Again) => redirect(StatusCode::SEE_OTHER, &here(&edge.client)),
        Err(error @ Error::Internal(_)) => {
            tracing::error!(request_id = %edge.client.request_id, %error, "a flow step failed");
            let challenge = json!({"component": "ak-stage-flow-error", "request_id": edge.client.request_id});
            page(&mut edge, core, flow, StatusCode::INTERNAL_SERVER_ERROR, &challenge, typed).await
        }
        Err(error) => edge.fail(&error),
    };
    edge.send(response).await
}

/// Challenges that end the run: a redirect to the flow would start a new one.
fn is_end(component: &str) -> bool {
    matches!(
        component,
        "ak-stage-access-denied"
            | "ak-stage-flow-error"
            | "ak-stage-session-end"
            | "ak-stage-autosubmit"
            | "xak-flow-redirect"
    )
}

/// Pages of this server that do not redirect to another host.
fn is_plain(to: &str) -> bool {
    to == "/" || to.starts_with("/if/")
}

async fn page(
    edge: &mut Edge,
    core: &Arc<Core>,
    flow: &Arc<Object>,
    status: StatusCode,
    challenge: &Json,
    typed: &[(String, String)],
) -> Response {
    if form_context::is_orphan(edge, flow, challenge) {
        return over(edge, core);
    }
    let csrf = edge.session.csrf(core);
    let around = OwnedFormContext::of(edge, core, flow, challenge, typed);
    let around = match around.with_devices(edge, core, challenge).await {
        Ok(around) => around,
        Err(error) => return edge.fail(&error),
    };
    let page_context = PageContext::of(core, &edge.client, &edge.cookies);
    let action = here(&edge.client);
    let form = around.form(edge, &page_context.help, &action, &csrf);
    let plan = edge.session.state.plan.as_ref();
    let stage = plan.and_then(|p| p.stages.front()).and_then(|s| s.stage.kind_id(core));
    let drawn = core.families.page(stage.as_deref(), challenge, &form);
    match drawn {
        Some(drawn) => {
            let policy = drawn.policy.clone();
            let body = challenge_page(page_context.page(core), challenge, &form, drawn);
            page_context.answer(status, &policy, body).into_response()
        }
        None => edge.fail(&Error::internal(format!("no page for {}", challenge["component"]))),
    }
}

/// A consent without an application cannot be given: the run ends, and the page links to the start.
fn over(edge: &mut Edge, core: &Arc<Core>) -> Response {
    edge.session.state.plan = None;
    edge.session.touch();
    let words = ("This sign-in is over", "Open the application again. It brings you back here.");
    signet_core::page::error_with(
        core,
        &edge.client,
        &edge.cookies,
        StatusCode::OK,
        words,
        Some(words.0),
        None,
    )
    .into_response()
}

/// Whether the initial administrator password is not set yet.
pub async fn needs_setup(core: &Core) -> bool {
    matches!(setup::is_done(core).await, Ok(false))
}
