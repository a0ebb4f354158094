//! Prompt stage: forms defined by an administrator.
mod api;
mod field;
mod model;
mod page;
mod values;

use crate::Slice;
use async_trait::async_trait;
use field::{Field, render};
use signet_base::{Error, Json, Map, Result, json};
use signet_core::event::EventAction;
use signet_core::flow::proof;
use signet_core::flow::{Challenge, FlowRun, FlowStep, ResponseErrors, StageKind, keys};
use signet_core::policy::{self, Question, Verdict};
use signet_core::{Client, Core, Principal, setup};
use signet_model::{Model, Object};
use signet_pages::{FormContext, StagePage};
use signet_store::users;
use std::sync::Arc;
use std::time::Duration;

pub use model::{Prompt, PromptStage, PromptType};

pub const SLICE: Slice =
    Slice { models: &[PromptStage::DEF, Prompt::DEF], kind: || Arc::new(PromptKind), actions: api::actions };

const COMPONENT: &str = "ak-stage-prompt";
struct PromptKind;

/// The response of `POST stages/prompt/prompts/preview/`: the challenge with this field, as its author would
/// see it.
///
/// # Errors
/// A failing expression is `Invalid` with the reason, which the author reads.
pub async fn preview(core: &Arc<Core>, client: &Client, author: &Principal, prompt: &Prompt) -> Result<Json> {
    let context = Map::new();
    let question = Question { core, client, user: Some(author), context: &context, target: None };
    let ready = model::Prepared::of(prompt).map_err(|why| Error::invalid("non_field_errors", why))?;
    let field = render(&question, prompt, &ready, &context)
        .await
        .map_err(|e| Error::invalid("non_field_errors", e.to_string()))?;
    Ok(json!({"component": COMPONENT, "fields": [field.challenge()]}))
}

#[async_trait]
impl StageKind for PromptKind {
    fn id(&self) -> &'static str {
        "authentik_stages_prompt.promptstage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<PromptStage>()?;
        match fields(flow, &settings).await? {
            Ok(fields) => {
                let shown: Vec<Json> = fields.iter().map(Field::challenge).collect();
                Ok(FlowStep::Show(Challenge::new(COMPONENT).with("fields", shown)))
            }
            Err(step) => Ok(step),
        }
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<PromptStage>()?;
        let fields = match fields(flow, &settings).await? {
            Ok(fields) => fields,
            Err(step) => return Ok(step),
        };
        let mut data = match values::judge(&fields, answer) {
            Ok(data) => data,
            Err(errors) => return Ok(FlowStep::Invalid(errors)),
        };
        if let Some(errors) = taken_names(flow, &fields, &data).await? {
            return Ok(FlowStep::Invalid(errors));
        }
        if !values::passwords_match(&fields, &data) {
            return Ok(FlowStep::Invalid(ResponseErrors::one(
                "non_field_errors",
                "Passwords don't match.",
                "invalid",
            )));
        }
        // An answer for another stage arrives empty: it must not pass a form without required fields.
        if answer.get("component").and_then(Json::as_str).is_some_and(|c| c != COMPONENT) || answer.is_empty()
        {
            return Ok(FlowStep::Invalid(ResponseErrors::required("component")));
        }
        let mut merged = flow.plan.context.get(&keys::PROMPT_DATA).unwrap_or_default();
        merged.append(&mut data);
        flow.context().remove(&keys::PASSWORD_REFUSED);
        match validate(flow, &settings, &merged).await? {
            Ok(changes) => {
                let context = flow.context();
                context.set(&keys::PROMPT_DATA, merged);
                context.0.extend(changes);
                Ok(FlowStep::Next)
            }
            Err(errors) => {
                let about_password = only_passwords_judged(flow, &settings);
                flow.context().set(&keys::PASSWORD_REFUSED, about_password);
                Ok(FlowStep::Invalid(errors))
            }
        }
    }
}

/// Whether all validation policies are password policies, so that their messages are about the password.
fn only_passwords_judged(flow: &FlowRun<'_>, settings: &PromptStage) -> bool {
    let config = flow.core.config();
    settings.validation_policies.iter().all(|pk| {
        config
            .get(*pk)
            .is_some_and(|policy| policy.def.full_name() == "authentik_policies_password.passwordpolicy")
    })
}

/// The user for initial values: the pending user if authenticated, else the signed-in user.
async fn subject(flow: &FlowRun<'_>) -> Result<Option<Principal>> {
    if proof::owns_pending(&flow.plan.context, flow.user()) {
        return flow.pending_account().await;
    }
    Ok(flow.user().cloned())
}

/// The fields to show. `Err` is the refusal if one cannot be prepared.
async fn fields(flow: &FlowRun<'_>, settings: &PromptStage) -> Result<Result<Vec<Field>, FlowStep>> {
    let user = subject(flow).await?;
    let mut context = flow.plan.context.clone();
    if !proof::owns_pending(&context, flow.user()) {
        // Expressions only see what an anonymous user may see.
        context.remove(&keys::PENDING_USER);
    }
    let given = context.get(&keys::PROMPT_DATA).unwrap_or_default();
    let question = Question {
        core: flow.core,
        client: flow.client,
        user: user.as_ref(),
        context: &context.0,
        target: flow.stage.as_ref(),
    };
    let config = flow.core.config();
    let mut prompts: Vec<(&Arc<Object>, &Prompt)> =
        settings.fields.iter().filter_map(|pk| config.get_typed::<Prompt>(*pk)).collect();
    // The sort is stable, so the stage's list decides among equals.
    prompts.sort_by_key(|(_, prompt)| prompt.order);
    let mut fields = Vec::with_capacity(prompts.len());
    for (object, prompt) in prompts {
        match render(&question, prompt, object.prepared()?, &given).await {
            Ok(field) => fields.push(field),
            Err(error) => {
                tracing::warn!(prompt = %prompt.name, %error, "a prompt could not be prepared");
                let said = json!({"message": error.to_string(), "prompt": Core::model_event(object)});
                flow.core
                    .event(
                        flow.client,
                        user.as_ref(),
                        EventAction::PropertyMappingException,
                        "authentik_stages_prompt",
                        said,
                    )
                    .await;
                return Ok(Err(FlowStep::Deny(Some("This form could not be prepared.".to_owned()))));
            }
        }
    }
    Ok(Ok(fields))
}

/// Usernames taken by others. The user's own name is allowed.
async fn taken_names(flow: &FlowRun<'_>, fields: &[Field], data: &Map) -> Result<Option<ResponseErrors>> {
    // The first run is about an account that is there.
    let own = match flow.flow.text("slug") == setup::FLOW {
        true => users::by_username(&flow.core.db, setup::ADMINISTRATOR).await?.map(|user| user.id),
        false => subject(flow).await?.map(|p| p.user.id),
    };
    let mut errors = ResponseErrors::default();
    for field in fields.iter().filter(|f| f.kind == PromptType::Username) {
        let name = data.get(&field.key).and_then(Json::as_str).unwrap_or_default();
        if !name.is_empty()
            && users::by_username(&flow.core.db, name).await?.is_some_and(|u| Some(u.id) != own)
        {
            errors.add(&field.key, "Username is already taken.", "invalid");
        }
    }
    Ok((!errors.is_empty()).then_some(errors))
}

/// All validation policies must pass. Returns the context keys they set.
async fn validate(
    flow: &FlowRun<'_>,
    settings: &PromptStage,
    data: &Map,
) -> Result<Result<Map, ResponseErrors>> {
    if settings.validation_policies.is_empty() {
        return Ok(Ok(Map::new()));
    }
    let mut context = flow.plan.context.clone();
    context.set(&keys::PROMPT_DATA, data.clone());
    let user = match flow.pending_account().await? {
        Some(pending) => Some(pending),
        None => flow.user().cloned(),
    };
    let config = flow.core.config();
    let mut verdicts = Vec::with_capacity(settings.validation_policies.len());
    for pk in &settings.validation_policies {
        let Some(policy) = config.get(*pk) else {
            return Err(Error::internal("a validation policy is gone"));
        };
        let question = Question {
            core: flow.core,
            client: flow.client,
            user: user.as_ref(),
            context: &context.0,
            target: flow.stage.as_ref(),
        };
        verdicts.push(policy::ask_policy(policy, &question, Duration::ZERO).await.unwrap_or_else(|error| {
            tracing::warn!(policy = policy.name(), %error, "a validation policy failed: the input is refused");
            Verdict::default()
        }));
    }
    Ok(sum(verdicts))
}

/// A single denial refuses; its messages are shown.
fn sum(verdicts: Vec<Verdict>) -> Result<Map, ResponseErrors> {
    let passing = verdicts.iter().all(|v| v.passing);
    let (mut errors, mut changes) = (ResponseErrors::default(), Map::new());
    for verdict in verdicts {
        if !verdict.passing {
            verdict.messages.iter().for_each(|text| errors.add("non_field_errors", text, "invalid"));
        }
        changes.extend(verdict.context);
    }
    if passing {
        return Ok(changes);
    }
    if errors.is_empty() {
        errors.add("non_field_errors", "The input was not accepted.", "invalid");
    }
    Err(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusing_policy_refuses_and_says_why() {
        assert!(sum(vec![Verdict::pass(), Verdict::pass()]).is_ok());
        assert_eq!(
            sum(vec![Verdict::pass(), Verdict::fail("Too short.")]).unwrap_err(),
            ResponseErrors::one("non_field_errors", "Too short.", "invalid")
        );
        // A policy that fails has no message, and refuses.
        assert_eq!(
            sum(vec![Verdict::default()]).unwrap_err(),
            ResponseErrors::one("non_field_errors", "The input was not accepted.", "invalid")
        );
    }
}
