//! Redirects: default flows, cancelling, first-run setup, launching applications.
use crate::edge::{Edge, redirect};
use crate::flow_page::needs_setup;
use crate::form_context::address;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use signet_base::{Map, Uuid, query};
use signet_core::flow::plan::plan;
use signet_core::flow::{Context, Executor, keys};
use signet_core::models::{Application, Designation, Flow};
use signet_core::{access, application, brand, page};
use signet_model::Base;

/// `/flows/-/default/<designation>/`: redirects to the brand's flow, keeping the query string.
pub async fn default_flow(Path(designation): Path<String>, edge: Edge) -> Response {
    let designation = match designation.as_str() {
        "authentication" => Designation::Authentication,
        "invalidation" => Designation::Invalidation,
        "enrollment" => Designation::Enrollment,
        "recovery" => Designation::Recovery,
        "unenrollment" => Designation::Unenrollment,
        _ => return edge.not_found(),
    };
    let query = edge.client.query.clone();
    to_flow(edge, designation, &query).await
}

/// Redirects to the brand's flow for a designation; before the first-run setup, to that flow instead of the
/// sign-in.
async fn to_flow(mut edge: Edge, designation: Designation, query: &str) -> Response {
    if designation == Designation::Authentication
        && edge.session.principal().is_none()
        && needs_setup(&edge.core).await
        && Executor::flow(&edge.core, "initial-setup").is_ok()
    {
        return redirect(StatusCode::FOUND, "/if/flow/initial-setup/");
    }
    match brand::flow_for(&edge.core, &edge.client, edge.session.principal(), designation).await {
        Ok(Some(flow)) => {
            // A finished run is dropped, so that the flow starts from its beginning.
            if edge.session.state.drop_over() {
                edge.session.touch();
            }
            edge.send(redirect(
                StatusCode::FOUND,
                &address(&format!("/if/flow/{}/", flow.text("slug")), query),
            ))
            .await
        }
        Ok(None) => edge.not_found(),
        Err(e) => edge.fail(&e),
    }
}

/// `/flows/-/configure/<stage>/`: redirects to the flow in which users set up a stage. Requires sign-in.
pub async fn configure(Path(stage): Path<String>, mut edge: Edge) -> Response {
    let core = edge.core.clone();
    let client = edge.client.clone();
    let config = core.config();
    let object = Uuid::parse_str(&stage)
        .ok()
        .and_then(|pk| config.get(pk))
        .filter(|o| o.def.base == Some(Base::Stage));
    let flow =
        object.and_then(|o| Uuid::parse_str(o.text("configure_flow")).ok()).and_then(|pk| config.get(pk));
    let Some(person) = edge.session.principal() else {
        let mut back = query::encode_path(&client.path);
        if !client.query.is_empty() {
            back.push_str(&query::encode(&format!("?{}", client.query)));
        }
        return redirect(StatusCode::FOUND, &format!("/flows/-/default/authentication/?next={back}"));
    };
    let Some(flow) = flow.filter(|o| o.get::<Flow>().is_some()) else { return edge.not_found() };
    let mut context = Context::default();
    context.set(&keys::PENDING_USER, person.pending());
    match plan(&core, &client, flow, Some(person), context, false).await {
        Ok(Ok(plan)) => {
            Executor { core: &core, client: &client, session: &mut edge.session, query: &client.query }
                .start(plan);
            let query = if client.query.is_empty() { String::new() } else { format!("?{}", client.query) };
            edge.send(redirect(StatusCode::FOUND, &format!("/if/flow/{}/{query}", flow.text("slug")))).await
        }
        Ok(Err(_)) => edge.not_found(),
        Err(e) => edge.fail(&e),
    }
}

/// `/flows/-/cancel/`: drops the run.
pub async fn cancel(mut edge: Edge) -> Response {
    let core = edge.core.clone();
    let next = query::value(&edge.client.query, "next").filter(|n| !n.is_empty());
    if edge.session.state.cancel(next.as_deref(), |slug| Executor::flow(&core, slug).ok().map(|flow| flow.pk))
    {
        edge.session.touch();
    }
    let next = next.as_deref().and_then(query::local_path);
    let to = next.unwrap_or_else(|| "/flows/-/default/invalidation/".to_owned());
    edge.send(redirect(StatusCode::FOUND, &to)).await
}

/// `/`: redirects to the first-run setup, the sign-in, or the library (or the brand's default application).
pub async fn root(edge: Edge) -> Response {
    let Some(person) = edge.session.principal() else {
        // Programs get a plain response, browsers a redirect.
        if edge.client.browser {
            return to_flow(edge, Designation::Authentication, "next=%2F").await;
        }
        return redirect(StatusCode::FOUND, "/flows/-/default/authentication/?next=/");
    };
    let config = edge.core.config();
    let application = brand::of(&config, edge.client.domain())
        .and_then(|(_, b)| b.default_application)
        .and_then(|pk| config.get(pk));
    if let Some(app) = application
        && !person.is_superuser
    {
        return redirect(StatusCode::FOUND, &format!("/application/launch/{}/", app.text("slug")));
    }
    redirect(StatusCode::FOUND, "/if/user/")
}

/// `/setup`: redirects to the first-run setup.
pub async fn setup(edge: Edge) -> Response {
    let to = if needs_setup(&edge.core).await { "/if/flow/initial-setup/" } else { "/" };
    redirect(StatusCode::FOUND, to)
}

/// `/application/launch/<slug>/`: opens an application. Requires sign-in; access is checked.
pub async fn launch(Path(slug): Path<String>, edge: Edge) -> Response {
    let core = edge.core.clone();
    let config = core.config();
    let Some((object, _)) = config.find::<Application>("slug", &slug) else { return edge.not_found() };
    let Some(person) = edge.session.principal() else {
        return redirect(
            StatusCode::FOUND,
            &format!("/flows/-/default/authentication/?next={}", query::encode_path(&edge.client.path)),
        );
    };
    match access::explain_use(&core, &edge.client, person, object, &Map::new()).await {
        Ok((verdict, _)) if verdict.passing => {
            match application::launch_url(&core, &config, object, Some(person)) {
                Some(url) => redirect(StatusCode::FOUND, &url),
                None => edge.not_found(),
            }
        }
        Ok((verdict, traces)) => {
            let text = verdict.messages.join("\n");
            core.event_denied(&edge.client, Some(person), object.name(), &text).await;
            let refusal = page::Refusal {
                application: object.name(),
                person,
                text: &text,
                missing_groups: &access::missing_groups(&core, object, &traces).await,
                again: &edge.client.path,
                back: None,
            };
            page::refused(&core, &edge.client, &edge.cookies, &refusal).into_response()
        }
        Err(e) => edge.fail(&e),
    }
}
