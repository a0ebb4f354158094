//! The interface between executor and stages.
use super::account::PROVEN;
use super::{Challenge, Context, PendingUser, Plan, ResponseErrors, StageRef, keys};
use crate::directory::Author;
use crate::{Client, Core, Principal, WebSession};
use async_trait::async_trait;
use signet_base::{Error, Json, Map, Result, Span, Uuid};
use signet_model::{Model, Object};
use signet_pages::{FormContext, StagePage};
use signet_store::{Batch, epoch};
use std::sync::Arc;

/// The result of showing or answering a stage.
#[derive(Debug)]
pub enum FlowStep {
    /// Show this challenge.
    Show(Challenge),
    /// The answer is wrong: show the challenge again with these errors.
    Invalid(ResponseErrors),
    /// The stage is done.
    Next,
    /// Redirect; the flow continues when the user returns.
    Redirect(String),
    /// End this run and start the flow with this key (`is_redirected`). `keep`: with the context.
    Switch { flow: Uuid, keep: bool },
    /// End the flow with this challenge, which may redirect to a URL made by the server (a protocol's
    /// response).
    Finish(Challenge),
    /// Restart the run.
    Restart,
    /// End the flow with a refusal; the text is shown.
    Deny(Option<String>),
}

/// A run of a flow, as a stage sees it.
pub struct FlowRun<'a> {
    pub core: &'a Arc<Core>,
    pub client: &'a Client,
    pub session: &'a mut WebSession,
    pub plan: &'a mut Plan,
    pub flow: &'a Arc<Object>,
    /// The stage's object; `None` for built-in stages.
    pub stage: Option<Arc<Object>>,
    /// Settings of a built-in stage.
    pub settings: Json,
    /// The query string of the user's page.
    pub query: &'a str,
    /// A form of this run was answered by this request: changes that follow need no further confirmation.
    pub agreed: bool,
}

impl FlowRun<'_> {
    /// The stage's typed settings.
    pub fn settings<T: Model>(&self) -> Result<Arc<T>> {
        self.stage
            .as_ref()
            .and_then(|s| s.share::<T>())
            .ok_or_else(|| Error::internal(format!("{} has no settings", T::DEF.name)))
    }
    pub fn context(&mut self) -> &mut Context {
        &mut self.plan.context
    }
    /// The signed-in person.
    pub fn user(&self) -> Option<&Principal> {
        self.session.principal()
    }
    pub fn pending_user(&self) -> Option<PendingUser> {
        self.plan.context.get(&keys::PENDING_USER)
    }
    /// The pending user's account, if there is one, active or not.
    pub async fn pending_account(&self) -> Result<Option<Principal>> {
        super::plan::pending_principal(self.core, &self.plan.context).await
    }
    /// The condition of a change to this account, for its commit: the epoch at which the account was
    /// authenticated in this run, or that of its session.
    pub fn unchanged(&self, user: i64) -> Batch {
        let proven = self.plan.context.get(&PROVEN).filter(|at| at.user == user).map(|at| at.epoch);
        let signed_in = || self.user().filter(|p| p.user.id == user).map(|_| self.session.epoch());
        match proven.or_else(signed_in) {
            Some(epoch) => epoch::is_at(user, epoch),
            None => Batch::new(),
        }
    }
    /// Who changes something in this run, by a stage of it: whoever is signed in, else the person it is about.
    pub fn author(&self, about: Option<&Principal>, app: &'static str) -> Author {
        Author::request(self.client, self.user().or(about), app).by("flow", Core::model_event(self.flow))
    }
    /// A parameter of the user's query string.
    pub fn query_value(&self, name: &str) -> Option<String> {
        signet_base::query::value(self.query, name)
    }
    /// Adds the members that challenges about a user have.
    pub fn about_person(&self, challenge: Challenge) -> Challenge {
        let shown = self.plan.context.get(&keys::PENDING_USER_IDENTIFIER);
        let person = self.pending_user().map(|u| (u.username, u.name, u.email)).or_else(|| {
            self.user().map(|u| (u.user.username.clone(), u.user.name.clone(), u.user.email.clone()))
        });
        match (shown, person) {
            (Some(typed), _) => {
                challenge.with("pending_user", typed).with("pending_user_avatar", crate::rows::NO_AVATAR)
            }
            (None, Some((username, name, email))) => {
                let avatar = crate::rows::avatar(self.core, &name, &username, &email);
                challenge.with("pending_user", username).with("pending_user_avatar", avatar)
            }
            (None, None) => {
                challenge.with("pending_user", "").with("pending_user_avatar", crate::rows::NO_AVATAR)
            }
        }
    }
}

/// A link that an administrator sends through a stage.
pub struct Link {
    /// Primary key of the stage.
    pub stage: Uuid,
    pub flow: Arc<Object>,
    /// The run that the link continues.
    pub plan: Plan,
    pub user: i64,
    /// `None`: the stage's lifetime.
    pub lifetime: Option<Span>,
}

/// A stage kind. One value serves all stages of the kind; settings come from the run.
#[async_trait]
pub trait StageKind: Send + Sync {
    /// `app_label.model` of its objects, or the name of a built-in kind.
    fn id(&self) -> &'static str;
    /// The component of its challenge; an answer for another one counts as empty. Empty: there are several,
    /// and the stage checks them.
    fn component(&self) -> &'static str {
        ""
    }
    /// Called before `show` and before `answer`: who may come to this stage at all. A step settles the stage without
    /// either.
    async fn guard(&self, _flow: &mut FlowRun<'_>) -> Result<Option<FlowStep>> {
        Ok(None)
    }
    /// The challenge, or `Next` if there is nothing to ask.
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep>;
    /// Validates an answer. The default is for stages without a challenge.
    async fn answer(&self, flow: &mut FlowRun<'_>, _answer: &Map) -> Result<FlowStep> {
        self.show(flow).await
    }
    /// The HTML page of its challenges. `None`: that of another kind or of `signet_pages` for the component.
    fn page(&self, _challenge: &Json, _form: &FormContext<'_>) -> Option<StagePage> {
        None
    }
    /// Whether it creates or changes accounts.
    fn writes_people(&self) -> bool {
        false
    }
    /// The mail server of the stage; `None` for kinds that send no mail.
    fn sender(&self, _core: &Core, _stage: &Object) -> Option<crate::mail::Sender> {
        None
    }
    /// The statements that queue an email with the link of a run that an administrator sends; `None` for kinds that
    /// send no links.
    fn send_link(&self, _core: &Arc<Core>, _client: &Client, _link: Link) -> Result<Option<Batch>> {
        Ok(None)
    }
    /// Whether it starts a session. It then runs in a request of its own after the last answer, so that
    /// clients get the cookies with the response they examine.
    fn begins_session(&self) -> bool {
        false
    }
    /// Whether it changes or deletes an account, and does so only in the request that answered a form
    /// (`FlowRun::agreed`).
    fn needs_agreement(&self) -> bool {
        false
    }
    /// Whether it may run while an authorization is answered without a page.
    fn is_silent(&self) -> bool {
        false
    }
}

impl StageRef {
    pub fn kind_id(&self, core: &Core) -> Option<String> {
        match self {
            StageRef::Object(pk) => core.config().get(*pk).map(|o| o.def.full_name()),
            StageRef::BuiltIn { kind, .. } => Some(kind.clone()),
        }
    }
}
