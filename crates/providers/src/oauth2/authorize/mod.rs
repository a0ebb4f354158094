//! The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2).
mod answer;
mod checks;
mod login;
mod stages;

pub use answer::{CODE_DIGEST, CodeData};
pub use stages::{AuthorizeStage, ConsentAgain};

use super::clients::ClientEntry;
use super::errors::OAuthError;
use super::model::UriType;
use super::params::{Params, Problem};
use super::web::{Caller, OAuthState, cookies, redirect};
use answer::ResponseTarget;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use checks::{CheckedRequest, ResponseMode};
use http::{HeaderMap, StatusCode};
use login::Hint;
use signet_base::{Error, Json, Map, Result, json};
use signet_core::flow::plan::{NotPlanned, Plan, plan};
use signet_core::flow::{Context, Executor, Reply, StageRef, keys};
use signet_core::models::flow_bindings;
use signet_core::page::PageContext;
use signet_core::{Client, Principal, WebSession, access, page};
use signet_model::Object;
use signet_pages::{FormContext, challenge_page};
use stages::{CONSENT, FINAL, PendingAuthorization};
use std::sync::Arc;

/// Marks the URL by which a user who declines consent returns to the application.
const DECLINED: &str = "declined";
/// Maximum query length of the GET that replaces a cross-site POST.
const MAX_QUERY: usize = 6000;
/// Maximum number of stages without a challenge before a page must be shown.
const MAX_SILENT: usize = 100;

pub async fn get(State(web): State<Arc<OAuthState>>, Caller(client): Caller, headers: HeaderMap) -> Response {
    let (params, problem) = Params::parse(&client.query);
    if params.is_empty() && problem.is_none() {
        return web.not_found(&client, &headers);
    }
    AuthorizeCall { web: &web, client: &client, headers: &headers, found: StatusCode::FOUND }
        .run(&params, problem)
        .await
}

pub async fn post(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let call = AuthorizeCall { web: &web, client: &client, headers: &headers, found: StatusCode::SEE_OTHER };
    match Params::form(&client, &headers, body).await {
        Ok(params) if params.is_empty() => {
            // POST parameters may also be in the URL.
            let (params, problem) = Params::parse(&client.query);
            call.run(&params, problem).await
        }
        Ok(params) => {
            let query = params.query_without(&["next"]);
            // Browsers send no SameSite cookies with a cross-site POST: the request is repeated as a GET,
            // which has the session.
            if client.from_elsewhere && query.len() <= MAX_QUERY {
                return redirect(StatusCode::SEE_OTHER, &format!("/application/o/authorize/?{query}"));
            }
            call.run(&params, None).await
        }
        Err(problem) => {
            call.web.refuse(&client, &headers, "The request could not be read", &problem.describe())
        }
    }
}

/// The request as policies and flows see it.
pub fn access_context(ask: &CheckedRequest) -> Map {
    let mut context = Map::new();
    let mut put = |name: &str, value| drop(context.insert(name.to_owned(), value));
    put("oauth_scopes", json!(ask.scopes.iter().collect::<Vec<_>>()));
    put("oauth_grant_type", json!(ask.response.grant()));
    put("oauth_code_challenge", json!(ask.challenge));
    put("oauth_code_challenge_method", json!(ask.challenge.as_ref().map(|_| "S256")));
    put("oauth_max_age", json!(ask.max_age));
    put("oauth_redirect_uri", json!(ask.redirect_uri));
    context
}

/// A request at this endpoint.
struct AuthorizeCall<'a> {
    web: &'a OAuthState,
    client: &'a Client,
    headers: &'a HeaderMap,
    /// 302 after GET, 303 after POST (RFC 9700 §4.12).
    found: StatusCode,
}

impl AuthorizeCall<'_> {
    async fn run(&self, params: &Params, problem: Option<Problem>) -> Response {
        let (entry, redirect_uri) = match self.client_and_address(params, problem.as_ref()) {
            Ok(found) => found,
            Err(response) => return *response,
        };
        if let Some(problem) = problem {
            let ask = checks::blank(params, &redirect_uri);
            return self.error(&entry, &ask, &OAuthError::invalid_request().because(problem.describe()));
        }
        let ask = match checks::check(params, &entry, &redirect_uri) {
            Ok(ask) => ask,
            Err(refused) => return self.error(&entry, &refused.1, &refused.0),
        };
        if params.get(DECLINED).is_some() {
            return self.error(&entry, &ask, &OAuthError::access_denied());
        }
        let mut session = match WebSession::load(&self.web.core, self.client, &cookies(self.headers)).await {
            Ok(session) => session,
            Err(error) => return self.web.fail(self.client, self.headers, &error),
        };
        match self.authorize(params, &entry, &ask, &mut session).await {
            Ok(response) => self.web.save_and_send(self.client, self.headers, &mut session, response).await,
            Err(error) => self.web.fail(self.client, self.headers, &error),
        }
    }

    /// Validates `client_id` and `redirect_uri`. Errors here are shown on a page; there is no redirect.
    fn client_and_address(
        &self,
        params: &Params,
        problem: Option<&Problem>,
    ) -> Result<(Arc<ClientEntry>, String), Box<Response>> {
        let refuse = |text: &str| {
            Box::new(self.web.refuse(
                self.client,
                self.headers,
                "The application’s request is not valid",
                text,
            ))
        };
        if let Some(problem) = problem
            .filter(|p| p.concerns(&["client_id", "redirect_uri", "response_mode", "response_type", "state"]))
        {
            return Err(refuse(&problem.describe()));
        }
        let fail = |error: Error| Box::new(self.web.fail(self.client, self.headers, &error));
        let entry = match params.get("client_id") {
            Some(id) => self.web.index().by_client_id(id).map_err(fail)?,
            None => None,
        };
        let entry =
            entry.ok_or_else(|| refuse("The client identifier (client_id) is missing or unknown."))?;
        let given = params.get("redirect_uri").unwrap_or_default();
        if !entry.matcher().map_err(fail)?.fits(UriType::Authorization, given) {
            tracing::info!(request_id = %self.client.request_id, provider = entry.provider.name(), "a redirect URI that is not registered");
            return Err(refuse("The redirect URI is missing, or not registered for this application."));
        }
        Ok((entry, given.to_owned()))
    }

    fn error(&self, entry: &ClientEntry, ask: &CheckedRequest, error: &OAuthError) -> Response {
        self.redirect_to_client(
            entry,
            ask,
            &ask.error_parameters(error, entry.issuer_for(&self.web.core, self.client)),
        )
    }

    /// Sends a response to the client by the response mode. All responses to clients pass here.
    fn redirect_to_client(
        &self,
        entry: &ClientEntry,
        ask: &CheckedRequest,
        parameters: &[(String, String)],
    ) -> Response {
        match answer::response_target(entry, ask, parameters) {
            ResponseTarget::Location(to) => redirect(self.found, &to),
            ResponseTarget::Form(challenge) => {
                let core = &self.web.core;
                let page_context = PageContext::of(core, self.client, &cookies(self.headers));
                let form = FormContext {
                    application: Some(entry.application.name()),
                    request_id: Some(&self.client.request_id),
                    ..FormContext::new("", "")
                };
                let target = super::redirect::form_target(&ask.redirect_uri);
                match challenge_page(page_context.page(core), &Json::Object(challenge.0), &form) {
                    Some(body) => page_context
                        .answer(StatusCode::OK, target.as_deref().as_slice(), body)
                        .into_response(),
                    None => self.web.fail(
                        self.client,
                        self.headers,
                        &Error::internal("no page for a form that submits itself"),
                    ),
                }
            }
        }
    }

    async fn authorize(
        &self,
        params: &Params,
        entry: &Arc<ClientEntry>,
        ask: &CheckedRequest,
        session: &mut WebSession,
    ) -> Result<Response> {
        let core = &self.web.core;
        let key = login::request_key(params);
        let now = core.now();
        let due = login::is_due(ask, session.authentication(), session.state.asked.get(&key), now);
        if due {
            if ask.prompt.none {
                return Ok(self.error(entry, ask, &OAuthError::login_required()));
            }
            if ask.prompt.login || ask.max_age.is_some() {
                login::remember(session, &key, now);
            }
            let to = login::to_login(core, self.client, session, entry, params).await?;
            return Ok(redirect(self.found, &to));
        }
        let asked = session.state.asked.remove(&key).is_some();
        if asked {
            session.touch();
        }
        let Some(person) = session.principal().cloned() else {
            return Err(Error::internal("a sign-in without a person"));
        };
        match login::hint(core, self.client, entry, params, &person) {
            Hint::None | Hint::Fits => {}
            // An unreadable hint matters only for `prompt=none`.
            Hint::Unreadable if !ask.prompt.none => {}
            Hint::Other if !ask.prompt.none && !asked => {
                login::remember(session, &key, now);
                let to = login::to_login(core, self.client, session, entry, params).await?;
                return Ok(redirect(self.found, &to));
            }
            Hint::Unreadable | Hint::Other => {
                return Ok(self.error(entry, ask, &OAuthError::login_required()));
            }
        }
        let context = access_context(ask);
        let (verdict, traces) =
            access::explain_use(core, self.client, &person, &entry.application, &context).await?;
        if !verdict.passing {
            let text = verdict.messages.join("\n");
            core.event_denied(self.client, Some(&person), entry.application.name(), &text).await;
            if ask.prompt.none {
                return Ok(self.error(entry, ask, &OAuthError::access_denied()));
            }
            let missing = access::missing_groups(core, &entry.application, &traces).await;
            return Ok(self.refused(entry, &person, &text, &missing, params));
        }
        let config = core.config();
        let flow = config
            .get(entry.settings.authorization_flow)
            .cloned()
            .ok_or_else(|| Error::internal("the authorization flow is gone"))?;
        let mut context = self.flow_context(entry, ask, params, context);
        // Planning loads the pending user again; it is skipped where no policy needs to be evaluated.
        let bare = flow.pbm().is_none_or(|pbm| config.bindings_of(pbm).is_empty())
            && flow_bindings(&config, flow.pk).is_empty();
        if !bare {
            context.set(&keys::PENDING_USER, person.pending());
        }
        let mut plan = match plan(core, self.client, &flow, Some(&person), context, true).await? {
            Ok(plan) => plan,
            Err(why) => return Ok(self.not_planned(entry, &person, ask, params, why)),
        };
        if bare {
            plan.context.set(&keys::PENDING_USER, person.pending());
        }
        if ask.prompt.consent {
            plan.stages.retain(|s| {
                s.stage.kind_id(core).as_deref() != Some("authentik_stages_consent.consentstage")
            });
            plan.append(CONSENT, json!({}));
        }
        plan.append(
            FINAL,
            serde_json::to_value(PendingAuthorization {
                provider: entry.num(),
                user: person.user.id,
                params: params.pairs().to_vec(),
            })?,
        );
        plan.total = plan.stages.len();
        if plan.stages.len() == 1 && ask.mode != ResponseMode::FormPost {
            // No stage is left: respond to the client.
            let parameters = answer::answer(core, self.client, session, entry, ask).await?;
            return Ok(self.redirect_to_client(entry, ask, &parameters));
        }
        self.through_flow(entry, &flow, plan, ask, params, session).await
    }

    fn flow_context(
        &self,
        entry: &ClientEntry,
        ask: &CheckedRequest,
        params: &Params,
        facts: Map,
    ) -> Context {
        let mut context = Context(facts);
        context.set(&keys::APPLICATION, entry.application.pk);
        context.set(&keys::IS_SSO, true);
        context
            .set(&keys::CONSENT_HEADER, format!("You're about to sign into {}.", entry.application.name()));
        let shown = entry.scopes.iter().filter(|s| ask.scopes.has(&s.name) && !s.description.is_empty());
        let permissions: Vec<Map> = shown
            .map(|s| {
                Map::from_iter([("id".to_owned(), json!(s.name)), ("name".to_owned(), json!(s.description))])
            })
            .collect();
        context.set(&keys::CONSENT_PERMISSIONS, permissions);
        // Declining returns `access_denied` to the application.
        let refused =
            ask.error_parameters(&OAuthError::access_denied(), entry.issuer_for(&self.web.core, self.client));
        let decline = match answer::response_target(entry, ask, &refused) {
            ResponseTarget::Location(to) => to,
            // A link cannot post, so it leads back here, and this endpoint sends the form.
            ResponseTarget::Form(_) => format!(
                "/application/o/authorize/?{}&{DECLINED}=true",
                params.query_without(&["next", DECLINED])
            ),
        };
        context.set(&keys::DECLINE_URL, decline);
        context
    }

    /// The access-denied page. Signing in as another user returns to the same request.
    fn refused(
        &self,
        entry: &ClientEntry,
        person: &Principal,
        text: &str,
        missing_groups: &[String],
        params: &Params,
    ) -> Response {
        let again = format!("{}?{}", self.client.path, params.query_without(&[]));
        self.web.refused(
            self.client,
            self.headers,
            &page::Refusal {
                application: entry.application.name(),
                person,
                text,
                missing_groups,
                again: &again,
            },
        )
    }

    fn not_planned(
        &self,
        entry: &ClientEntry,
        person: &Principal,
        ask: &CheckedRequest,
        params: &Params,
        why: NotPlanned,
    ) -> Response {
        if ask.prompt.none {
            return self.error(entry, ask, &OAuthError::access_denied());
        }
        let text = match why {
            NotPlanned::NotApplicable(messages) => messages.join("\n"),
            NotPlanned::Empty => String::new(),
        };
        self.refused(entry, person, &text, &[], params)
    }

    /// Runs the flow in this request as long as no stage needs a page, else redirects to the flow's page.
    async fn through_flow(
        &self,
        entry: &ClientEntry,
        flow: &Arc<Object>,
        plan: Plan,
        ask: &CheckedRequest,
        params: &Params,
        session: &mut WebSession,
    ) -> Result<Response> {
        let core = &self.web.core;
        let silent = |stage: &StageRef| {
            stage.kind_id(core).and_then(|id| core.families.stage(&id)).is_some_and(|kind| kind.is_silent())
        };
        let all_silent = plan.stages.iter().all(|s| silent(&s.stage));
        let query = params.query_without(&["next"]);
        // `form_post` needs a page even when no stage does.
        let needs_page = if all_silent { ask.mode == ResponseMode::FormPost } else { !ask.prompt.none };
        if needs_page {
            Executor { core, client: self.client, session, query: &query }.start(plan);
            return Ok(redirect(self.found, &format!("/if/flow/{}/?{query}", flow.text("slug"))));
        }
        // Runs of other tabs stay unchanged.
        let before = session.state.without_runs();
        let mut executor = Executor { core, client: self.client, session, query: &query };
        executor.start(plan);
        let mut reply = executor.get(flow).await;
        for _ in 0..MAX_SILENT {
            match reply {
                Ok(Reply::Again) => reply = executor.get(flow).await,
                _ => break,
            }
        }
        session.state.put_back(before);
        Ok(match reply? {
            Reply::Away(to) => redirect(self.found, &to),
            Reply::Challenge(shown) => match shown.get("component").and_then(|c| c.as_str()) {
                Some("ak-stage-access-denied") => self.error(entry, ask, &OAuthError::access_denied()),
                Some("ak-stage-consent") => self.error(entry, ask, &OAuthError::consent_required()),
                _ => self.error(entry, ask, &OAuthError::interaction_required()),
            },
            Reply::NotApplicable(_) => self.error(entry, ask, &OAuthError::access_denied()),
            Reply::Done(_) | Reply::Again => self.error(entry, ask, &OAuthError::interaction_required()),
        })
    }
}
