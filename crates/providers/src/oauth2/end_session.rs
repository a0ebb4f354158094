//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0).
use super::clients::ClientEntry;
use super::model::UriType;
use super::params::{Params, Problem};
use super::subject::subject;
use super::web::OAuthState;
use crate::web::{Caller, Visit, cookies, redirect};
use async_trait::async_trait;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result, Uuid, json, query};
use signet_core::flow::plan::{NotPlanned, plan};
use signet_core::flow::{Challenge, Context, Executor, FlowRun, FlowStep, StageKind, keys, sign_out};
use signet_core::models::Designation;
use signet_core::session::participants;
use signet_core::{Client, WebSession, brand};
use signet_pages::{FormContext, StagePage};
use signet_store::grants;
use std::sync::Arc;

pub const SESSION_END: &str = "builtin.session_end";
/// Maximum query length of the GET that replaces a cross-site POST.
const MAX_QUERY: usize = 6000;

pub async fn get(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (params, problem) = Params::parse(&client.query);
    run(&web, &client, &slug, &headers, problem.map_or(Ok(params), Err), StatusCode::FOUND).await
}

pub async fn post(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    Path(slug): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let params = Params::form(&client, &headers, body).await;
    if let Ok(params) = &params
        && client.from_elsewhere
    {
        // Browsers send no SameSite cookies with a cross-site POST: the request is repeated as a GET, which
        // has the session.
        let query = params.query_without(&[]);
        if query.len() <= MAX_QUERY {
            return redirect(StatusCode::SEE_OTHER, &format!("{}?{query}", client.path));
        }
    }
    run(&web, &client, &slug, &headers, params, StatusCode::SEE_OTHER).await
}

async fn run(
    web: &OAuthState,
    client: &Client,
    slug: &str,
    headers: &HeaderMap,
    params: Result<Params, Problem>,
    found: StatusCode,
) -> Response {
    let refuse = |text: &str| web.refuse(client, headers, "Signing out is not possible this way", text);
    let params = match params {
        Ok(params) => params,
        Err(problem) => return refuse(&problem.describe()),
    };
    let result = async {
        let entry = web.client_of(slug)?;
        let mut session = WebSession::load(&web.core, client, &cookies(headers)).await?;
        let to = match judge(web, client, &entry, &session, &params)? {
            Ok(to) => to,
            Err(text) => return Ok((refuse(text), session)),
        };
        if to.is_none() && session.principal().is_none() {
            // No user is signed in in this session.
            let back = format!("{}?{}", client.path, params.query_without(&[]));
            let to = format!(
                "/flows/-/default/authentication/?next={}",
                query::encode_path(back.trim_end_matches('?'))
            );
            return Ok((redirect(found, &to), session));
        }
        let meant = params.get("id_token_hint").is_some();
        let answer = begin(web, client, &entry, &mut session, to, meant).await?;
        Ok::<_, Error>((
            match answer {
                Some(to) => redirect(found, &to),
                None => web.forbid(
                    client,
                    headers,
                    "You can’t sign out here",
                    "The sign-out flow is not for your account. Ask an administrator of this site.",
                ),
            },
            session,
        ))
    };
    match result.await {
        Ok((response, mut session)) => {
            Visit { core: &web.core, client, headers, found }.save_and_send(&mut session, response).await
        }
        Err(error) => web.fail(client, headers, &error),
    }
}

/// Validates `post_logout_redirect_uri`. The inner error is a message for the page.
fn judge(
    web: &OAuthState,
    client: &Client,
    entry: &ClientEntry,
    session: &WebSession,
    params: &Params,
) -> Result<Result<Option<String>, &'static str>> {
    if params.get("client_id").is_some_and(|id| id != entry.settings.client_id) {
        return Ok(Err("The application’s request names another client."));
    }
    let hint = match params.get("id_token_hint") {
        None => None,
        Some(token) => match entry.read_hint(&web.core, client, token) {
            Some(claims) => Some(claims),
            None => return Ok(Err("The ID token of the request is not one of this application’s.")),
        },
    };
    if let (Some(hint), Some(person)) = (&hint, session.principal()) {
        let same_person = hint.sub() == Some(subject(entry.settings.sub_mode, person).as_str());
        let same_session = hint.text("sid").is_some_and(|sid| session.sid().as_deref() == Some(sid));
        if !same_person && !same_session {
            return Ok(Err(
                "The ID token of the request belongs to another person than the one signed in here.",
            ));
        }
    }
    let Some(to) = params.get("post_logout_redirect_uri") else { return Ok(Ok(None)) };
    if hint.is_none() {
        return Ok(Err(
            "To be sent on after signing out, the application must say who signs out (id_token_hint).",
        ));
    }
    if !entry.matcher()?.fits(UriType::Logout, to) {
        return Ok(Err("The address to go to after signing out is not registered for this application."));
    }
    let state = params.get("state").map(|s| query::build([("state", s)]));
    Ok(Ok(Some(match state {
        None => to.to_owned(),
        Some(state) if to.contains('?') => format!("{to}&{state}"),
        Some(state) => format!("{to}?{state}"),
    })))
}

/// Plans the invalidation flow; returns the URL of its page. `None`: the flow is not applicable to the user.
async fn begin(
    web: &OAuthState,
    client: &Client,
    entry: &ClientEntry,
    session: &mut WebSession,
    to: Option<String>,
    meant: bool,
) -> Result<Option<String>> {
    let core = &web.core;
    let config = core.config();
    let flow = match config.get(entry.settings.invalidation_flow) {
        Some(flow) => flow.clone(),
        None => brand::flow_for(core, client, session.principal(), Designation::Invalidation)
            .await?
            .ok_or(Error::NotFound)?,
    };
    let mut context = Context::default();
    context.set(&keys::APPLICATION, entry.application.pk);
    if meant {
        context.set(&keys::SIGN_OUT_MEANT, true);
    }
    if let Some(person) = session.principal() {
        context.set(&keys::PENDING_USER, person.pending());
    }
    let mut plan = match plan(core, client, &flow, session.principal(), context, true).await? {
        Ok(plan) => plan,
        Err(NotPlanned::NotApplicable(_) | NotPlanned::Empty) => return Ok(None),
    };
    let pending = PendingLogout {
        provider: entry.num(),
        application: entry.application.pk,
        session: session.principal().map(|person| person.user.id).zip(session.uuid()),
        to,
    };
    plan.append(SESSION_END, serde_json::to_value(pending)?);
    plan.total = plan.stages.len();
    Executor { core, client, session, query: "" }.start(plan);
    Ok(Some(format!("/if/flow/{}/", flow.text("slug"))))
}

/// The final stage's state. The redirect URI was validated before it was stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct PendingLogout {
    provider: i64,
    application: Uuid,
    /// The user and their session.
    session: Option<(i64, Uuid)>,
    to: Option<String>,
}

/// Ends the application's tokens of this session; then redirects, or shows which sessions are still open.
pub struct SessionEndStage;

#[async_trait]
impl StageKind for SessionEndStage {
    fn id(&self) -> &'static str {
        SESSION_END
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        if let Some(question) = sign_out::ask(flow) {
            return Ok(question);
        }
        end(flow).await
    }
    /// An answer is never another site's.
    async fn answer(&self, flow: &mut FlowRun<'_>, _: &Map) -> Result<FlowStep> {
        end(flow).await
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        sign_out::page(challenge, form)
    }
}

async fn end(flow: &mut FlowRun<'_>) -> Result<FlowStep> {
    let pending: PendingLogout = serde_json::from_value(flow.settings.clone())?;
    let core = flow.core;
    if let Some((user, session)) = pending.session {
        grants::revoke_access_of(&core.db, user, session, pending.provider, core.now()).await?;
        participants::leave(core, session, pending.provider).await?;
    }
    if let Some(to) = pending.to {
        return Ok(FlowStep::Finish(Challenge::new("xak-flow-redirect").with("to", to)));
    }
    let config = core.config();
    let application = config.get(pending.application);
    let launch = application.and_then(|a| {
        let own = a.text("meta_launch_url");
        if !own.is_empty() {
            return Some(own.to_owned());
        }
        let provider = config.by_num(pending.provider)?;
        core.families.provider(provider.def)?.launch_url(provider, &config)
    });
    // If the user is still signed in here, the page offers to end that session too.
    let everywhere = match flow.user() {
        Some(person) => brand::flow_for(core, flow.client, Some(person), Designation::Invalidation)
            .await?
            .map(|f| format!("/if/flow/{}/", f.text("slug"))),
        None => None,
    };
    let look = brand::look(core, flow.client);
    let mut challenge = Challenge::new("ak-stage-session-end").with("brand_name", look.title);
    let optional = [
        ("application_name", application.map(|a| json!(a.name()))),
        ("application_launch_url", launch.map(Json::from)),
        ("invalidation_flow_url", everywhere.map(Json::from)),
        ("overview_url", flow.user().map(|_| json!("/if/user/"))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            challenge = challenge.with(name, value);
        }
    }
    Ok(FlowStep::Finish(flow.about_person(challenge)))
}
