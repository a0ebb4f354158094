//! Built-in stages of a run that a source has begun: the question whether somebody else's session ends, and the commit of
//! connection, proven address and groups as soon as the account is known.
use super::{ARRIVED, Arrived, SourceSettings, connection};
use crate::directory::{Actor, Transaction};
use crate::flow::account::{self, PROVEN};
use crate::flow::{FlowRun, FlowStep, StageKind, question};
use crate::{Core, Principal};
use async_trait::async_trait;
use maud::html;
use signet_base::{Error, Json, Map, Result};
use signet_pages::{FormContext, StagePage, ui};

const OTHER_OWNER: &str = "This account of the source is connected with another account here. Sign in with that one, or ask your administrator.";
pub(crate) const SETTLE: &str = "signet.sources.settle";
pub(crate) const SWITCH: &str = "signet.sources.switch";

/// Commits what arrived.
pub(crate) struct Settle;

#[async_trait]
impl StageKind for Settle {
    fn id(&self) -> &'static str {
        SETTLE
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        // A run that began anew has lost it.
        let Some(arrived) = flow.plan.context.get(&ARRIVED) else { return Ok(FlowStep::Deny(None)) };
        let Some(person) = flow.pending_account().await? else { return Ok(FlowStep::Deny(None)) };
        let fits = match arrived.user {
            Some(user) => user == person.user.id,
            None => account::made_here(&flow.plan.context, &person.user),
        };
        let counts = flow.plan.context.get(&PROVEN).is_some_and(|at| at.counts(&person.user));
        if !fits || !counts {
            return Ok(FlowStep::Deny(None));
        }
        let mut done = commit(flow, &arrived, &person).await;
        if done.as_ref().is_err_and(connection::is_overtaken) {
            done = commit(flow, &arrived, &person).await;
        }
        match done {
            Ok(()) => {
                flow.context().remove(&ARRIVED);
                Ok(FlowStep::Next)
            }
            Err(error) if connection::is_taken(&error) => Ok(FlowStep::Deny(Some(OTHER_OWNER.to_owned()))),
            Err(error) => Err(error),
        }
    }
    fn is_silent(&self) -> bool {
        true
    }
}

async fn commit(flow: &mut FlowRun<'_>, arrived: &Arrived, person: &Principal) -> Result<()> {
    let core = flow.core.clone();
    let config = core.config();
    let source = config
        .get(arrived.source)
        .filter(|source| SourceSettings::of(source).is_ok_and(|settings| settings.enabled))
        .ok_or_else(|| Error::denied("This source is switched off."))?;
    let mut author = flow.author(Some(person), "authentik_core").by("source", Core::model_event(source));
    if flow.user().is_none() {
        author.actor = Actor::Person(person.clone());
    }
    let mut all = Transaction::new(&core, &author);
    all.when(flow.unchanged(person.user.id));
    connection::settle(&mut all, source, person, arrived).await?;
    all.commit().await.map(drop)
}

/// Asks before the session of somebody else ends.
pub(crate) struct SwitchAccount;

#[async_trait]
impl StageKind for SwitchAccount {
    fn id(&self) -> &'static str {
        SWITCH
    }
    fn component(&self) -> &'static str {
        question::COMPONENT
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let Some(before) = flow.user().map(|person| person.user.username.clone()) else {
            return Ok(FlowStep::Next);
        };
        let next = flow.pending_user().map(|user| user.username).unwrap_or_default();
        let text = if next.is_empty() {
            format!("You are signed in as {before}. Continue to sign out and create another account.")
        } else {
            format!("You are signed in as {before}. Continue to sign in as {next} instead.")
        };
        let asked = question::ask(flow.core, &mut flow.plan.context, &text);
        Ok(FlowStep::Show(flow.about_person(asked)))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        if question::is_answered(flow.context(), answer) { Ok(FlowStep::Next) } else { self.show(flow).await }
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        let text = |name: &str| challenge.get(name).and_then(Json::as_str).unwrap_or_default();
        let body = form.form(
            challenge,
            html! {
                p { (text("header_text")) }
                (ui::hidden("token", text("token")))
                (ui::button_primary("Continue", "Going on"))
            },
        );
        Some(signet_pages::challenge::question(challenge, form, body))
    }
}
