//! Deletes the run's account.
use crate::Slice;
use async_trait::async_trait;
use maud::html;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result};
use signet_core::directory::{self, Transaction, UserChange};
use signet_core::flow::proof;
use signet_core::flow::{FlowRun, FlowStep, ResponseErrors, StageKind, account, keys, question};
use signet_core::login;
use signet_model::Model;
use signet_pages::{FormContext, StagePage, ui};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[UserDeleteStage::DEF], kind: || Arc::new(UserDelete), actions: signet_rest::none };

/// Deletes the account, with sessions, tokens and everything else that is the person's.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_user_delete", path = "stages/user_delete", base = Stage, label = "User Delete Stage", component = "ak-stage-user-delete-form", search("name"))]
pub struct UserDeleteStage {
    #[field(unique, filter)]
    pub name: String,
}

/// The confirmation, unless this request has answered another form of the run: opening a URL must not delete
/// an account, whatever stages policies skip.
const QUESTION: &str = "Your account and everything in it will be deleted. This cannot be undone.";
struct UserDelete;

#[async_trait]
impl StageKind for UserDelete {
    fn id(&self) -> &'static str {
        "authentik_stages_user_delete.userdeletestage"
    }
    fn needs_agreement(&self) -> bool {
        true
    }
    async fn guard(&self, flow: &mut FlowRun<'_>) -> Result<Option<FlowStep>> {
        let owned =
            proof::owns_pending(&flow.plan.context, flow.user()) && flow.pending_account().await?.is_some();
        Ok((!owned).then(nobody))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        if flow.agreed {
            return delete(flow).await;
        }
        let asked = question::ask(flow.core, &mut flow.plan.context, QUESTION);
        Ok(FlowStep::Show(flow.about_person(asked)))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        if !question::is_answered(flow.context(), answer) {
            return Ok(FlowStep::Invalid(ResponseErrors::required("token")));
        }
        delete(flow).await
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        let text = |name: &str| challenge.get(name).and_then(Json::as_str).unwrap_or_default();
        (text("component") == question::COMPONENT).then(|| {
            let body = html! {
                (form.form(challenge, html! {
                    (ui::hidden("token", text("token")))
                    (ui::button_danger("Delete my account", "Deleting"))
                }))
                (ui::other_ways("Other ways", &form.back_url.map(|url| (url, "Keep my account")).into_iter().collect::<Vec<_>>()))
            };
            signet_pages::challenge::question(challenge, form, body)
        })
    }
}

fn nobody() -> FlowStep {
    FlowStep::Deny(Some("No Pending User.".to_owned()))
}

async fn delete(flow: &mut FlowRun<'_>) -> Result<FlowStep> {
    let Some(person) = flow.pending_account().await? else { return Ok(nobody()) };
    let core = flow.core;
    let author = flow.author(Some(&person), "authentik_stages_user_delete");
    let mut all = Transaction::new(core, &author);
    all.when(flow.unchanged(person.user.id));
    all.change(UserChange::delete(&person.user)).await?;
    match all.commit().await {
        Ok(_) => {}
        Err(Error::NotFound) => return Ok(FlowStep::Deny(None)),
        Err(error) if directory::is_last_administrator(&error) => {
            return Ok(FlowStep::Deny(Some(directory::LAST_ADMINISTRATOR.to_owned())));
        }
        Err(error) => return Err(error),
    }
    // The sessions were deleted with the account; this run's session is anonymous now.
    if flow.user().is_some_and(|p| p.user.id == person.user.id) {
        login::sign_out(core, flow.client, flow.session).await;
    }
    let context = flow.context();
    for name in [
        keys::PENDING_USER.0,
        keys::USER_BACKEND.0,
        keys::AUTH_METHOD.0,
        keys::AUTH_METHOD_ARGS.0,
        keys::IS_RESTORED.0,
        account::PROVEN.0,
    ] {
        context.0.remove(name);
    }
    Ok(FlowStep::Next)
}
