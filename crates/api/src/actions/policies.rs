//! `POST /policies/all/<uuid>/test/`
use crate::call::{Answer, Call, Fault, Reply};
use crate::form::{self, Members};
use crate::rows::USER;
use signet_base::{Uuid, json};
use signet_core::Principal;
use signet_core::policy::{Question, ask_policy};
use signet_model::{Base, FieldDef, Kind};
use std::time::Duration;

pub(crate) const TEST: &[FieldDef] = &[FieldDef::plain("user", USER).required(), FieldDef::plain("context", Kind::Object)];
pub(crate) const RESULT: &[FieldDef] =
    &[FieldDef::shown("passing", Kind::Bool), FieldDef::shown("messages", Kind::List(&Kind::Text)), FieldDef::shown("log_messages", Kind::List(&Kind::Object))];

/// Asks one policy about a user. Somebody who may test may run expressions over any account, so this takes the same
/// right as editing.
pub(crate) async fn test(call: &mut Call) -> Answer {
    let pk = Uuid::parse_str(&call.key).map_err(|_| Fault::not_found())?;
    let policy = call.world.get(pk).filter(|o| o.def.base == Some(Base::Policy)).cloned().ok_or_else(|| Fault::missing("Policy"))?;
    let sent = form::read(call, TEST, false).await?;
    let person = Principal::load_any(&call.core, sent.int("user").unwrap_or_default()).await?.ok_or_else(|| Fault::invalid("user", "User does not exist."))?;
    let context = sent.map("context").unwrap_or_default();
    let question = Question { core: &call.core, client: &call.client, user: Some(&person), context: &context, target: None };
    let (passing, messages) = match ask_policy(&policy, &question, Duration::ZERO).await {
        Ok(verdict) => (verdict.passing, verdict.messages),
        Err(error) => (false, vec![error.to_string()]),
    };
    Ok(Reply::ok(json!({"passing": passing, "messages": messages, "log_messages": []})))
}
