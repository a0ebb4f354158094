//! Reputation policy: recent sign-in failures of a username and an address.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, FieldErrors, Json, Result};
use signet_core::flow::{Context, keys};
use signet_core::policy::{Policy, Question, Verdict};
use signet_core::reputation;
use signet_model::{Change, Model, ModelDef, Object, Snapshot};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[ReputationPolicy::DEF], kind: || Arc::new(Reputation), actions: signet_rest::none };

/// Passes when the reputation of the address, of the name, or of both is at the threshold or below it: what
/// is bound so is for those who have behaved badly.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_policies_reputation", path = "policies/reputation", base = Policy, label = "Reputation Policy", plural = "Reputation Policies", component = "ak-policy-reputation-form", search("name"), check = check)]
pub struct ReputationPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    #[field(default = true, filter)]
    pub check_ip: bool,
    #[field(default = true, filter)]
    pub check_username: bool,
    #[field(default = -5, min = -2_147_483_648, max = 2_147_483_647, filter)]
    pub threshold: i64,
}

/// At least one of the two must be checked. On creation the client has to send one explicitly, as in
/// authentik.
fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let on = |field: &'static str| {
        (change.before.is_some() || change.sent.contains(&field))
            && change.data.get(field) == Some(&Json::Bool(true))
    };
    if on("check_ip") || on("check_username") {
        return Ok(());
    }
    Err(FieldErrors::one("non_field_errors", "Either IP or Username must be checked"))
}

struct Reputation;

#[async_trait]
impl Policy for Reputation {
    fn def(&self) -> &'static ModelDef {
        ReputationPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let settings =
            policy.get::<ReputationPolicy>().ok_or_else(|| Error::internal("not a reputation policy"))?;
        let name = if settings.check_username { name(question) } else { None };
        let score =
            reputation::score(question.core, question.client, name.as_deref(), settings.check_ip).await?;
        Ok(Verdict { passing: score <= settings.threshold, ..Verdict::default() })
    }
}

/// The account's username, else the typed identifier, whether or not it exists.
fn name(question: &Question<'_>) -> Option<String> {
    let context = Context(question.context.clone());
    let known = question.user.map(|u| u.user.username.clone());
    known
        .or_else(|| context.get(&keys::PENDING_USER).map(|u| u.username))
        .or_else(|| context.get(&keys::PENDING_USER_IDENTIFIER))
}
