//! Expression policy.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, FieldErrors, Result};
use signet_core::expression::{self, Outcome, Program};
use signet_core::policy::{Policy, Question, Verdict};
use signet_model::{Change, Model, ModelDef, Object, Snapshot};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[ExpressionPolicy::DEF], kind: || Arc::new(Expression), actions: signet_rest::none };

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
    let program = expression::check_text(change.text("expression"), "expression")?;
    if program.is_generator() {
        return Err(FieldErrors::one(
            "expression",
            "A policy answers with 'return': with 'yield' it would always pass.",
        ));
    }
    Ok(())
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
        let author = expression::Author::object(policy);
        expression::evaluate_as(Some(&author), question, program, Vec::new())
            .await
            .map(verdict)
            .map_err(Error::internal)
    }
    fn sees_writes(&self) -> bool {
        true
    }
    /// Whether the result depends only on the user and their groups, so that it can be cached. Everything
    /// else (request, context, clock, other policies, functions with effects) may change at any moment.
    fn is_lasting(&self, policy: &Object) -> bool {
        policy.get::<ExpressionPolicy>().is_some_and(|p| names_only_the_person(&p.expression))
    }
}

/// Names that a cached expression may use; any other name prevents caching.
const LASTING: &[&str] = &[
    "return",
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "elif",
    "for",
    "any",
    "all",
    "len",
    "set",
    "list",
    "sorted",
    "True",
    "False",
    "None",
    "request",
    "user",
    "g",
    "group",
    "username",
    "email",
    "name",
    "pk",
    "uuid",
    "is_active",
    "is_superuser",
    "type",
    "path",
    "attributes",
    "get",
    "groups",
    "ak_groups",
    "all_groups",
    "filter",
    "exists",
    "first",
    "count",
    "ak_is_group_member",
    "startswith",
    "endswith",
    "lower",
    "upper",
    "strip",
    "split",
    "ak_client_ip",
    "ip_address",
    "ip_network",
    "regex_match",
    "ak_message",
];

fn names_only_the_person(text: &str) -> bool {
    let word = |w: &str| w.chars().next().is_none_or(|c| c.is_ascii_digit()) || LASTING.contains(&w);
    without_quotes(text).is_some_and(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_').all(word))
}

/// The source without string literals. `None` for literals with escapes, prefixes (`f"{…}"`) or line breaks.
fn without_quotes(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<char> = None;
    for c in text.chars() {
        match (open, c) {
            (_, '\\') | (Some(_), '\n') => return None,
            (Some(quote), c) if c == quote => open = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if out.ends_with(|before: char| before.is_alphanumeric() || before == '_') => {
                return None;
            }
            (None, '"' | '\'') => {
                open = Some(c);
                out.push(' ');
            }
            (None, c) => out.push(c),
        }
    }
    open.is_none().then_some(out)
}

/// Python's truth value decides; an expression without `return` denies. Values that the expression set in the
/// context are kept either way: policies that only set values and skip the stage are common.
fn verdict(outcome: Outcome) -> Verdict {
    let passing = outcome.value.is_truthy();
    Verdict { passing, messages: outcome.messages, context: outcome.changes }
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
        assert!(
            !passing(Value::None)
                && !passing(Value::Int(0))
                && !passing("".into())
                && !passing(Value::list(Vec::<Value>::new()))
        );
        assert!(passing(true.into()) && passing("x".into()));
    }
    #[test]
    fn only_texts_about_the_person_are_kept() {
        for kept in [
            "return ak_is_group_member(request.user, name='admins')",
            "return user.email.endswith(\"@example.test\") and not user.is_superuser",
            "return 'http_request' in user.attributes",
            "return any(g.name == \"a\" for g in user.ak_groups.all())",
            "return ak_client_ip in ip_network('10.0.0.0/8')",
        ] {
            assert!(names_only_the_person(kept), "{kept}");
        }
        for asked in [
            "return context['x']",
            "return http_request.path == '/'",
            "import datetime\nreturn True",
            "return ak_call_policy('x').passing",
            "return f'{http_request.path}'",
            "return '\\'' + http_request.path + ''",
            "return \"\"\"a\nhttp_request\"\"\"",
            "return ak_user_has_authenticator(user)",
            "return user.last_login",
            "# don't\nreturn http_request.path == 'x'",
        ] {
            assert!(!names_only_the_person(asked), "{asked}");
        }
    }
}
