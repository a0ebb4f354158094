//! A policy written as a text of the expression language.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, FieldErrors, Result, json};
use signet_core::Core;
use signet_core::expression::{self, Outcome, Program, RunError};
use signet_core::policy::{Policy, Question, Verdict};
use signet_model::{Change, Model, ModelDef, Object, Snapshot};
use std::sync::Arc;

pub const SLICE: Slice = Slice { models: &[ExpressionPolicy::DEF], kind: || Arc::new(Expression) };

/// Passes when its expression answers with something true.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_policies_expression", path = "policies/expression", base = Policy, label = "Expression Policy", plural = "Expression Policies", component = "ak-policy-expression-form", search("name"), check = check, prepare = prepare)]
pub struct ExpressionPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    /// Python text, run in a sandbox. It answers with `return`.
    #[field(kind = "expression", filter, widget = "expression")]
    pub expression: String,
}
fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    expression::check(change, "expression")
}
fn prepare(policy: &ExpressionPolicy) -> Result<signet_model::def::Prepared, String> {
    expression::prepared::<ExpressionPolicy>(&policy.expression)
}

struct Expression;

#[async_trait]
impl Policy for Expression {
    fn def(&self) -> &'static ModelDef {
        ExpressionPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let program = policy.prepared::<Program>()?;
        let settings = policy.get::<ExpressionPolicy>().ok_or_else(|| Error::internal("not an expression policy"))?;
        let verdict = match expression::evaluate(question, program, Vec::new()).await {
            Ok(outcome) => verdict(outcome),
            Err(error) => {
                record_failure(policy, question, &error).await;
                return Err(Error::internal(error));
            }
        };
        if settings.execution_logging {
            let said = json!({"policy": Core::model_event(policy), "passing": verdict.passing, "messages": verdict.messages});
            question.core.event(question.client, question.user, "policy_execution", "authentik_policies_expression", said).await;
        }
        Ok(verdict)
    }
}

/// Python's truth decides; a text that returns nothing refuses. What the text set counts either way, as policies that only set
/// values and let a stage be skipped are common.
fn verdict(outcome: Outcome) -> Verdict {
    let passing = outcome.value.is_truthy();
    Verdict { passing, messages: outcome.messages, context: outcome.changes }
}

async fn record_failure(policy: &Object, question: &Question<'_>, error: &RunError) {
    let said = json!({"policy": Core::model_event(policy), "message": error.to_string(), "line": error.line, "column": error.column, "unsupported": error.unsupported});
    question.core.event(question.client, question.user, "policy_exception", "authentik_policies_expression", said).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_core::expression::Value;

    fn passing(value: Value) -> bool {
        verdict(Outcome { value, ..Outcome::default() }).passing
    }
    #[test]
    fn nothing_is_a_refusal() {
        assert!(!passing(Value::None) && !passing(Value::Int(0)) && !passing("".into()) && !passing(Value::list(Vec::<Value>::new())));
        assert!(passing(true.into()) && passing("x".into()));
    }
}
