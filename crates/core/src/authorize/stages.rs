//! The built-in stages at the end of an authorization flow: consent and answer.
use super::{answer, open};
use crate::access;
use crate::flow::{Challenge, FlowRun, FlowStep, StageKind, keys};
use async_trait::async_trait;
use signet_base::{Json, Map, Result, Secret, json};

pub(super) const FINISH: &str = "builtin.authorize";
pub(super) const CONSENT: &str = "builtin.consent";

/// Answers the request that the run is about.
pub struct Finish;

#[async_trait]
impl StageKind for Finish {
    fn id(&self) -> &'static str {
        FINISH
    }
    fn is_silent(&self) -> bool {
        true
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let core = flow.core;
        let Some(pending) = flow.plan.authorization.clone() else { return Ok(FlowStep::Deny(None)) };
        let Some(person) = flow.user().filter(|p| Some(p.user.id) == pending.user) else {
            return Ok(FlowStep::Deny(Some(
                "Another person signed in meanwhile. Start again from the application.".into(),
            )));
        };
        let request = open(core, flow.client, &pending)?;
        let verdict =
            access::may_use(core, flow.client, person, request.application(), &request.context()).await?;
        if !verdict.passing {
            return Ok(FlowStep::Deny(Some(verdict.messages.join("\n")).filter(|t| !t.is_empty())));
        }
        // Another tab may have answered the same request.
        let answer = match answer::given(core, flow.session, request.as_ref()).await? {
            Some(answer) => answer,
            None => {
                let answer = request.succeed(core, flow.client, flow.session).await?;
                answer::keep(core, flow.session, request.as_ref(), &answer);
                answer
            }
        };
        Ok(FlowStep::Finish(answer.challenge(request.application().name())))
    }
}

/// Requires consent even where one is stored (`prompt=consent`).
pub struct ConsentAgain;

#[async_trait]
impl StageKind for ConsentAgain {
    fn id(&self) -> &'static str {
        CONSENT
    }
    fn component(&self) -> &'static str {
        "ak-stage-consent"
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let token = flow.plan.context.get(&keys::CONSENT_TOKEN).unwrap_or_else(|| flow.core.ports.hex(20));
        flow.plan.context.set(&keys::CONSENT_TOKEN, token.clone());
        let permissions: Vec<Map> = flow.plan.context.get(&keys::CONSENT_PERMISSIONS).unwrap_or_default();
        let header = flow.plan.context.get(&keys::CONSENT_HEADER).unwrap_or_default();
        let challenge = Challenge::new("ak-stage-consent")
            .with("header_text", header)
            .with("permissions", json!(permissions))
            .with("additional_permissions", json!([]))
            .with("token", token);
        Ok(FlowStep::Show(flow.about_person(challenge)))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let sent = answer.get("token").and_then(Json::as_str).unwrap_or_default();
        let expected: Option<String> = flow.plan.context.get(&keys::CONSENT_TOKEN);
        if !expected.is_some_and(|expected| !expected.is_empty() && Secret::new(expected).matches(sent)) {
            return self.show(flow).await;
        }
        flow.plan.context.remove(&keys::CONSENT_TOKEN);
        Ok(FlowStep::Next)
    }
}
