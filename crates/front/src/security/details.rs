//! The form of the profile: the first prompt of the flow in which people change their details. It is one run with
//! that of the flow's own page.
use super::PATH;
use crate::edge::{Edge, redirect};
use crate::form_context::OwnedFormContext;
use crate::stale_forms::{self, FormTarget};
use crate::{flow_page, form};
use axum::response::Response;
use http::StatusCode;
use signet_base::{Json, Map};
use signet_core::flow::Reply;
use signet_core::models::flow_bindings;
use signet_core::{Client, Core, brand};
use signet_model::Object;
use signet_pages::DetailsForm;
use std::sync::Arc;

const COMPONENT: &str = "ak-stage-prompt";

pub struct Details {
    challenge: Json,
    context: OwnedFormContext,
}

impl Details {
    pub fn form<'a>(&'a self, edge: &'a Edge, help: &'a str, csrf: &'a str) -> DetailsForm<'a> {
        DetailsForm { challenge: &self.challenge, form: self.context.form(edge, help, PATH, csrf) }
    }
}

/// The brand's flow, if it begins with a prompt: another stage could act when it is shown, such as send a mail.
fn flow(core: &Core, client: &Client) -> Option<Arc<Object>> {
    let config = core.config();
    let flow = config.get(brand::of(&config, client.domain())?.1.flow_user_settings?)?;
    let first = flow_bindings(&config, flow.pk).first().and_then(|b| b.text("stage").parse().ok());
    let stage = first.and_then(|pk| config.get(pk))?;
    (stage.def.name == "promptstage").then(|| flow.clone())
}

/// The request as the flow's page would have it, for a run that comes back to the settings.
fn at_flow(client: &Client, flow: &Object) -> Arc<Client> {
    let mut client = client.clone();
    client.path = format!("/if/flow/{}/", flow.text("slug"));
    client.query = format!("next={PATH}");
    Arc::new(client)
}

/// The form, with the errors of a refused answer. None where there is no such flow, or it does not begin with a
/// form for this person.
pub async fn show(edge: &mut Edge) -> Option<Details> {
    let core = edge.core.clone();
    let flow = flow(&core, &edge.client)?;
    let client = at_flow(&edge.client, &flow);
    let own = std::mem::replace(&mut edge.client, client.clone());
    edge.session.state.bring(flow.pk, &client.query);
    let mut reply = flow_page::drive(edge, &core, &client, &flow, None).await;
    let typed = stale_forms::refused(edge, &mut reply);
    let details = match reply {
        Ok(Reply::Challenge(shown)) if shown.get("component").and_then(Json::as_str) == Some(COMPONENT) => {
            let challenge = Json::Object(shown);
            let context = OwnedFormContext::of(edge, &core, &flow, &challenge, &typed);
            Some(Details { challenge, context })
        }
        Ok(_) => None,
        Err(error) => {
            tracing::warn!(request_id = %client.request_id, %error, "the form of the profile could not be shown");
            None
        }
    };
    edge.client = own;
    details
}

/// Answers the form. After a refusal the settings page shows it again.
pub async fn post(mut edge: Edge, mut sent: Map) -> Response {
    let core = edge.core.clone();
    let Some(flow) = flow(&core, &edge.client) else { return edge.not_found() };
    sent.remove("csrf");
    edge.client = at_flow(&edge.client, &flow);
    let client = edge.client.clone();
    edge.session.state.bring(flow.pk, &client.query);
    if stale_forms::is_answer(&edge, &core, &flow, &sent) != FormTarget::Current {
        return redirect(StatusCode::SEE_OTHER, PATH);
    }
    let sent = form::read(sent);
    let reply = flow_page::drive(&mut edge, &core, &client, &flow, Some(&sent.answer)).await;
    if let Ok(Reply::Challenge(shown)) = &reply
        && shown.contains_key("response_errors")
        && stale_forms::keep(&mut edge, &flow, shown, &sent.typed)
    {
        // Without a fragment: with one, browsers do not put the focus on the field.
        return edge.send(redirect(StatusCode::SEE_OTHER, PATH)).await;
    }
    flow_page::answer(edge, &core, &flow, reply, true, &sent.typed).await
}
