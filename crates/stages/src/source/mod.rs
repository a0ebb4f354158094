//! Sends the person to a source, and goes on with what it says of them.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, FieldErrors, Map, Result, Span, Uuid, json};
use signet_core::flow::{FlowRun, FlowStep, StageKind};
use signet_core::pending_request::Purpose;
use signet_core::source::{self, ASKED, Exchange, RESUMED};
use signet_model::{Change, Choice, Model, Snapshot};

pub const SLICE: Slice =
    Slice { models: &[SourceStage::DEF], kind: || std::sync::Arc::new(Source), actions: signet_rest::none };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum MatchFailure {
    MissingProperty,
}

/// Sends the person to a source within a flow, which goes on when they come back.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_source", path = "stages/source", base = Stage, label = "Source Stage", component = "ak-stage-source-form", search("name"), check = check)]
pub struct SourceStage {
    #[field(unique, filter)]
    pub name: String,
    /// The source that they are sent to.
    #[field(refers = "authentik_core.source", on_delete = "cascade", filter)]
    pub source: Uuid,
    /// How long they may take there.
    #[field(default = "minutes=10", filter)]
    pub resume_timeout: Span,
    /// Go on without an account where the source does not say what accounts are matched by.
    #[field(choice, default_fn = |_| json!([]))]
    #[serde(default)]
    pub resume_on_match_failures: Vec<MatchFailure>,
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    if Span::parse(change.text("resume_timeout")).is_ok_and(|span| span.secs() < 1) {
        return Err(FieldErrors::one("resume_timeout", "Enter a time of at least one second."));
    }
    Ok(())
}

struct Source;

#[async_trait]
impl StageKind for Source {
    fn id(&self) -> &'static str {
        "authentik_stages_source.sourcestage"
    }
    /// Only an answer of the source goes on: no post does (GHSA-xp7f-xjjx-gwm8).
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<SourceStage>()?;
        let stage = flow.stage.as_ref().map(|stage| stage.pk).unwrap_or_default();
        let mark = |mark: &str| mark.split_once('/').is_some_and(|(of, _)| of == stage.to_string());
        if flow.plan.context.get(&RESUMED).is_some_and(|resumed| mark(&resumed)) {
            flow.context().remove(&RESUMED);
            return Ok(FlowStep::Next);
        }
        let config = flow.core.config();
        let source = config.get(settings.source).ok_or(Error::NotFound)?;
        let mark = format!("{stage}/{}", flow.core.ports.hex(16));
        let (flow_pk, query) = (flow.flow.pk, flow.query.to_owned());
        let purpose = Purpose::Resume { flow: flow_pk, query, mark: mark.clone() };
        let exchange = Exchange { core: flow.core, client: flow.client, source };
        let (to, set_cookie) = source::begin(&exchange, purpose, "", Some(settings.resume_timeout)).await?;
        flow.context().set(&ASKED, mark);
        if let Some(cookie) = set_cookie {
            flow.session.add_cookie(cookie);
        }
        Ok(FlowStep::Redirect(to))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, _: &Map) -> Result<FlowStep> {
        self.show(flow).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create;

    #[test]
    fn the_declaration_names_what_is_wrong() {
        let wrong = create(
            SourceStage::DEF,
            json!({"name": "a", "resume_timeout": "seconds=0"}),
            &Snapshot::default(),
        );
        assert!(wrong.unwrap_err().get("source").is_some());
    }
}
