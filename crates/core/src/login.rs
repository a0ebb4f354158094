//! Starting and ending sessions, with event, metric and last login.
use crate::event::EventAction;
use crate::session::{self, Authentication, binding, impersonation};
use crate::{Client, Core, Principal, WebSession, device};
use signet_base::{Error, Map, Result, Span, json};
use signet_model::Object;
use signet_store::events;

/// The terms of a new session.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms {
    /// Duration of the session. Zero: until the browser closes.
    pub duration: Span,
    /// The user chose to stay signed in.
    pub remembered: bool,
    /// The session's binding.
    pub binding: binding::RequestedBinding,
    /// How long the browser counts as known; `None`: 30 days, zero: not at all.
    pub remember_device: Option<Span>,
}

/// Signs an active account in. `method`: `password`, `token`, …
pub async fn sign_in(
    core: &Core,
    client: &Client,
    session: &mut WebSession,
    person: Principal,
    method: &str,
    method_args: Map,
    duration: Span,
) -> Result<()> {
    begin(core, client, session, person, method, method_args, Terms { duration, ..Terms::default() }).await
}

/// [`sign_in`] with terms.
pub async fn begin(
    core: &Core,
    client: &Client,
    session: &mut WebSession,
    person: Principal,
    method: &str,
    mut method_args: Map,
    terms: Terms,
) -> Result<()> {
    if !person.user.is_active {
        return Err(Error::denied("The account is not active."));
    }
    let now = core.now();
    let known = device::is_known(core, client, person.user.id).await?;
    method_args.insert("known_device".into(), json!(known));
    let context = Map::from_iter([
        ("auth_method".to_owned(), json!(method)),
        ("auth_method_args".to_owned(), json!(method_args)),
    ]);
    let said = core.event_row(client, Some(&person), &EventAction::Login, "authentik_events", context);
    let event = said.id;
    // Event and history are in the commit of the session: a sign-in that is refused there has not happened.
    let arrival = events::insert_batch(&[said], true).then(crate::risk::sign_in_batch(core, client, &person));
    impersonation::revoke(core, session).await?;
    if session.principal().is_some_and(|before| before.session_owner() != person.user.id) {
        // Another user signs in: the previous user's session ends.
        session::close(core, session).await?;
    }
    session.sign_in(
        core,
        person,
        Authentication { method: method.to_owned(), method_args, at: now, event },
        terms.duration,
        arrival,
    );
    if terms.remembered {
        session.stay(core, terms.duration);
    }
    session.bind(binding::Binding::of(core, client, terms.binding));
    session.came_by(known, terms.remember_device);
    Ok(())
}

/// The failed factor.
#[derive(Debug, Clone, Copy)]
pub enum LoginFailure {
    Password,
    /// The class of the device.
    Device(&'static str),
}

/// Records a failed attempt: event and metric. Passwords never reach this function.
pub async fn failed(
    core: &Core,
    client: &Client,
    username: &str,
    stage: Option<&Object>,
    tried: LoginFailure,
) {
    core.metrics.failed_logins.inc();
    let mut said = json!({"username": username});
    if let Some(stage) = stage {
        said["stage"] = Core::model_event(stage);
    }
    match tried {
        LoginFailure::Password => said["password"] = json!("********************"),
        LoginFailure::Device(class) => said["auth_method_args"] = json!({"device_class": class}),
    }
    // Events of an existing account refer to it. The record of an unknown name is not waited for.
    let person = match core.people.by_username(&core.db, username).await {
        Ok(Some(found)) => Some(Principal::found(core, found)),
        _ => None,
    };
    core.event(client, person.as_ref(), EventAction::LoginFailed, "authentik_events", said).await;
}

/// Ends the session and its access tokens.
pub async fn sign_out(core: &Core, client: &Client, session: &mut WebSession) {
    if let Err(error) = impersonation::revoke(core, session).await {
        tracing::error!(%error, "what was granted to a person who was acted for could not be taken back");
    }
    if let Err(error) = session::close(core, session).await {
        tracing::error!(%error, "access tokens of a session that ended could not be taken back");
    }
    if let Some(person) = session.principal().cloned() {
        core.event(client, Some(&person), EventAction::Logout, "authentik_events", json!({})).await;
    }
    session.sign_out();
}
