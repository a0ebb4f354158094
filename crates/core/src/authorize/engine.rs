//! The way of a request, from its arrival to a page or an answer.
use super::sign_in::{flow_of, is_due, remember, request_key, to_login};
use super::stages::{CONSENT, FINISH};
use super::{Answer, AuthorizationRequest, Demands, Ending, Hint, PendingAuthorization, answer};
use crate::flow::plan::{NotPlanned, Plan, plan};
use crate::flow::{Context, Executor, Reply, StageRef, keys};
use crate::models::flow_bindings;
use crate::{Client, Core, Principal, WebSession, access};
use signet_base::{Error, Json, Map, Result, json};
use signet_model::Object;
use std::sync::Arc;

/// Maximum number of stages without a challenge before a page must be shown.
const MAX_SILENT: usize = 100;
/// The consent stage: left out where consent is asked for anyway.
const CONSENT_STAGE: &str = "authentik_stages_consent.consentstage";

/// What a request leads to.
#[derive(Debug)]
pub enum Response {
    /// A page of this server: the sign-in, or the flow.
    Page(String),
    Answer(Answer),
    /// Our own page says no.
    Refused(Refusal),
}

/// Why an application is not opened, for our own page.
#[derive(Debug, Default)]
pub struct Refusal {
    /// Messages of policies; empty for the default text.
    pub text: String,
    /// See [`access::missing_groups`].
    pub missing_groups: Vec<String>,
    /// The way back to the application, with the refusal in its protocol's words.
    pub back: Option<String>,
}

/// Leads a request to a sign-in, through the provider's flow, or to its answer. The caller saves the session.
pub async fn authorize(
    core: &Arc<Core>,
    client: &Client,
    session: &mut WebSession,
    request: &dyn AuthorizationRequest,
) -> Result<Response> {
    let mut arrival = Arrival { core, client, session, request, demands: request.demands() };
    match arrival.run().await {
        // A frame without a page waits for an answer.
        Err(error) if arrival.demands.passive => {
            let Some(answer) = request.end(&Ending::Unavailable) else { return Err(error) };
            tracing::error!(request_id = %client.request_id, %error, "a request that shows no page failed");
            Ok(Response::Answer(answer))
        }
        response => response,
    }
}

/// Where a link can lead that declines; a form is sent by the request's own URL, with [`DECLINED`].
fn decline_url(request: &dyn AuthorizationRequest, ending: &Ending) -> Option<String> {
    match request.end(ending)? {
        Answer::Redirect(to) => Some(to),
        Answer::Form { .. } => {
            let url = request.url();
            let mark = if url.contains('?') { '&' } else { '?' };
            Some(format!("{url}{mark}{DECLINED}=true"))
        }
    }
}
/// The parameter of a request's URL that says: the person declines.
pub const DECLINED: &str = "declined";

/// The link by which a person leaves a refusal for the application.
pub(crate) fn way_back(request: &dyn AuthorizationRequest, text: &str) -> Option<String> {
    decline_url(request, &Ending::Denied(text.to_owned()))
}

struct Arrival<'a> {
    core: &'a Arc<Core>,
    client: &'a Client,
    session: &'a mut WebSession,
    request: &'a dyn AuthorizationRequest,
    demands: Demands,
}

impl Arrival<'_> {
    async fn run(&mut self) -> Result<Response> {
        let (core, client, request) = (self.core, self.client, self.request);
        if request.is_declined() {
            return Ok(self.ended(Ending::Cancelled));
        }
        if let Some(answer) = answer::given(core, self.session, request).await? {
            return Ok(Response::Answer(answer));
        }
        let (key, now) = (request_key(&request.url()), core.now());
        let asked = self.session.state.asked.get(&key);
        if is_due(&self.demands, self.session.authentication(), asked, now) {
            if self.demands.passive {
                return Ok(self.ended(Ending::LoginRequired));
            }
            if self.demands.force_authentication || self.demands.max_age.is_some() {
                remember(self.session, &key, now);
            }
            return to_login(core, client, self.session, request).await.map(Response::Page);
        }
        let asked = self.session.state.asked.remove(&key).is_some();
        if asked {
            self.session.touch();
        }
        let Some(person) = self.session.principal().cloned() else {
            return Err(Error::internal("a sign-in without a person"));
        };
        match request.hint(&person) {
            Hint::None | Hint::Fits => {}
            // An unreadable hint matters only where no page may be shown.
            Hint::Unreadable if !self.demands.passive => {}
            Hint::Other if !self.demands.passive && !asked => {
                remember(self.session, &key, now);
                return to_login(core, client, self.session, request).await.map(Response::Page);
            }
            Hint::Unreadable | Hint::Other => return Ok(self.ended(Ending::LoginRequired)),
        }
        let context = request.context();
        let (verdict, traces) =
            access::explain_use(core, client, &person, request.application(), &context).await?;
        if !verdict.passing {
            let text = verdict.messages.join("\n");
            core.event_denied(client, Some(&person), request.application().name(), &text).await;
            let missing_groups = access::missing_groups(core, request.application(), &traces).await;
            return Ok(self.refused(text, missing_groups));
        }
        self.flow(&person, context).await
    }

    /// The end without what was asked for: by the protocol, or on our own page.
    fn ended(&self, ending: Ending) -> Response {
        match self.request.end(&ending) {
            Some(answer) => Response::Answer(answer),
            None => match ending {
                Ending::Denied(text) => Response::Refused(Refusal { text, ..Refusal::default() }),
                _ => Response::Refused(Refusal::default()),
            },
        }
    }

    /// A refusal before a flow has begun: our page says what is missing, and from there a link leads back.
    fn refused(&self, text: String, missing_groups: Vec<String>) -> Response {
        if self.demands.passive {
            return self.ended(Ending::Denied(text));
        }
        let back = way_back(self.request, &text);
        Response::Refused(Refusal { text, missing_groups, back })
    }

    async fn flow(&mut self, person: &Principal, facts: Map) -> Result<Response> {
        let (core, client, request) = (self.core, self.client, self.request);
        let config = core.config();
        let flow = flow_of(request.provider(), "authorization_flow", &config)
            .cloned()
            .ok_or_else(|| Error::internal("the authorization flow is gone"))?;
        let mut context = self.flow_context(facts);
        // Planning loads the pending user again; it is skipped where no policy needs to be evaluated.
        let bare = flow.pbm().is_none_or(|pbm| config.bindings_of(pbm).is_empty())
            && flow_bindings(&config, flow.pk).is_empty();
        if !bare {
            context.set(&keys::PENDING_USER, person.pending());
        }
        let mut plan = match plan(core, client, &flow, Some(person), context, true).await? {
            Ok(plan) => plan,
            Err(NotPlanned::NotApplicable(messages)) => {
                return Ok(self.refused(messages.join("\n"), Vec::new()));
            }
            Err(NotPlanned::Empty) => return Ok(self.refused(String::new(), Vec::new())),
        };
        if bare {
            plan.context.set(&keys::PENDING_USER, person.pending());
        }
        if self.demands.consent_again {
            plan.stages.retain(|s| s.stage.kind_id(core).as_deref() != Some(CONSENT_STAGE));
            plan.append(CONSENT, json!({}));
        }
        if plan.stages.is_empty() && !self.demands.answers_by_form {
            let answer = request.succeed(core, client, self.session).await?;
            answer::keep(core, self.session, request, &answer);
            return Ok(Response::Answer(answer));
        }
        plan.append(FINISH, json!({}));
        plan.total = plan.stages.len();
        plan.authorization = Some(PendingAuthorization::of(request, Some(person.user.id)));
        self.through_flow(&flow, plan).await
    }

    fn flow_context(&self, facts: Map) -> Context {
        let application = self.request.application();
        let mut context = Context(facts);
        context.set(&keys::APPLICATION, application.pk);
        context.set(&keys::IS_SSO, true);
        context.set(&keys::CONSENT_HEADER, format!("You're about to sign into {}.", application.name()));
        context.set(&keys::CONSENT_PERMISSIONS, self.request.permissions());
        if let Some(url) = decline_url(self.request, &Ending::Cancelled) {
            context.set(&keys::DECLINE_URL, url);
        }
        context
    }

    /// Runs the flow in this request as long as no stage needs a page, else leads to the flow's page.
    async fn through_flow(&mut self, flow: &Arc<Object>, plan: Plan) -> Result<Response> {
        let core = self.core;
        let silent = |stage: &StageRef| {
            stage.kind_id(core).and_then(|id| core.families.stage(&id)).is_some_and(|kind| kind.is_silent())
        };
        let all_silent = plan.stages.iter().all(|s| silent(&s.stage));
        let url = self.request.url();
        let query = url.split_once('?').map_or("", |(_, query)| query);
        // A form needs a page even when no stage does.
        let needs_page = if all_silent { self.demands.answers_by_form } else { !self.demands.passive };
        let mut executor = Executor { core, client: self.client, session: &mut *self.session, query };
        if needs_page {
            executor.start(plan);
            let page = format!("/if/flow/{}/", flow.text("slug"));
            return Ok(Response::Page(if query.is_empty() { page } else { format!("{page}?{query}") }));
        }
        // Runs of other tabs stay unchanged.
        let before = executor.session.state.without_runs();
        executor.start(plan);
        let mut reply = executor.get(flow).await;
        for _ in 0..MAX_SILENT {
            match reply {
                Ok(Reply::Again) => reply = executor.get(flow).await,
                _ => break,
            }
        }
        executor.session.state.put_back(before);
        let shown = match reply? {
            Reply::Away(to) => return Ok(Response::Answer(Answer::Redirect(to))),
            Reply::NotApplicable(shown) | Reply::Challenge(shown) => shown,
            Reply::Done(_) | Reply::Again => return Ok(self.ended(Ending::InteractionRequired)),
        };
        if let Some(answer) = Answer::of_challenge(&shown) {
            return Ok(Response::Answer(answer));
        }
        Ok(match shown.get("component").and_then(Json::as_str) {
            Some("ak-stage-access-denied") => {
                let text = shown.get("error_message").and_then(Json::as_str).unwrap_or_default();
                self.ended(Ending::Denied(text.to_owned()))
            }
            Some("ak-stage-consent") => self.ended(Ending::ConsentRequired),
            _ => self.ended(Ending::InteractionRequired),
        })
    }
}
