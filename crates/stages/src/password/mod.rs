//! Verifies a password or app password.
pub(crate) mod page;

use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result, Secret, Uuid};
use signet_core::flow::proof;
use signet_core::flow::{Challenge, FlowRun, FlowStep, Key, ResponseErrors, StageKind, account, keys};
use signet_core::password::{self, Accepted, Judgement, Outcome};
use signet_core::{Principal, brand, login, reputation};
use signet_model::{Choice, Model};
use signet_pages::{FormContext, StagePage};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[PasswordStage::DEF], kind: || Arc::new(Password), actions: signet_rest::none };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Backend {
    #[choice("authentik.core.auth.InbuiltBackend")]
    Inbuilt,
    #[choice("authentik.core.auth.TokenBackend")]
    Token,
    #[choice("authentik.sources.ldap.auth.LDAPBackend")]
    Ldap,
    #[choice("authentik.sources.kerberos.auth.KerberosBackend")]
    Kerberos,
}

/// Asks for the password.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_password", path = "stages/password", base = Stage, label = "Password Stage", component = "ak-stage-password-form", search("name"))]
pub struct PasswordStage {
    #[field(unique, filter)]
    pub name: String,
    /// What a password is tried against, in this order.
    #[field(choice)]
    pub backends: Vec<Backend>,
    /// Flow by which people change their password. Empty: they cannot.
    #[field(refers = "authentik_flows.flow", filter)]
    pub configure_flow: Option<Uuid>,
    /// So many wrong passwords are judged for one account within five minutes; then the flow ends.
    #[field(default = 5, filter)]
    pub failed_attempts_before_cancel: i64,
    /// Offer a button that shows what was typed.
    #[field(default = false, filter)]
    pub allow_show_password: bool,
}

const COMPONENT: &str = "ak-stage-password";
struct Password;

#[async_trait]
impl StageKind for Password {
    fn id(&self) -> &'static str {
        "authentik_stages_password.passwordstage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<PasswordStage>()?;
        let Some(pending) = flow.pending_user() else { return Ok(FlowStep::Deny(None)) };
        let mut challenge =
            Challenge::new(COMPONENT).with("allow_show_password", settings.allow_show_password);
        let config = flow.core.config();
        let recovery =
            brand::of(&config, flow.client.domain()).and_then(|(_, b)| brand::slug(&config, b.flow_recovery));
        if let Some(slug) = recovery {
            challenge = challenge.with("recovery_url", flow_url(&slug, flow.query));
        }
        let account = flow.pending_account().await?;
        challenge =
            with_proof(flow, challenge, &typed_name(flow, pending.username), account.as_ref()).await?;
        Ok(FlowStep::Show(flow.about_person(challenge)))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<PasswordStage>()?;
        let Some(pending) = flow.pending_user() else { return Ok(FlowStep::Deny(None)) };
        let password = match typed(answer) {
            Ok(password) => password,
            Err(errors) => return Ok(FlowStep::Invalid(errors)),
        };
        let account = flow.pending_account().await?;
        let asked = Asked {
            typed: &typed_name(flow, pending.username.clone()),
            username: &pending.username,
            account: account.as_ref(),
            password: &password,
        };
        match judge(flow, &settings, asked, answer).await? {
            Judged::Accepted(accepted) => {
                accept(flow, *accepted).await;
                Ok(FlowStep::Next)
            }
            Judged::Wrong => {
                Ok(FlowStep::Invalid(ResponseErrors::one("password", "Invalid password", "invalid")))
            }
            Judged::Unproven(errors) => Ok(FlowStep::Invalid(errors)),
            Judged::Over(text) => Ok(FlowStep::Deny(Some(text.to_owned()))),
        }
    }
}

/// The name as it was typed. Where the matched user is shown, it is that user's.
fn typed_name(flow: &FlowRun<'_>, username: String) -> String {
    flow.plan.context.get(&keys::PENDING_USER_IDENTIFIER).unwrap_or(username)
}

/// A password and whose it is.
pub struct Asked<'a> {
    /// What was typed.
    pub typed: &'a str,
    pub username: &'a str,
    pub account: Option<&'a Principal>,
    pub password: &'a Secret,
}

/// What a password stage says about a password.
pub enum Judged {
    Accepted(Box<Accepted>),
    /// Wrong; another try is possible.
    Wrong,
    /// A proof of work is asked for; the challenge has it.
    Unproven(ResponseErrors),
    /// The run ends with this text, which is the same for every name.
    Over(&'static str),
}

const TOO_MANY: &str = "Too many wrong passwords. Try again in 5 minutes.";
const NO_BACKEND: &str =
    "Signing in with a password is not possible here: none of the configured ways is available.";

/// The URL of a flow's page, with the run's query.
pub fn flow_url(slug: &str, query: &str) -> String {
    let query = signet_core::flow::token::without(query);
    if query.is_empty() { format!("/if/flow/{slug}/") } else { format!("/if/flow/{slug}/?{query}") }
}

/// The member `password` of an answer.
pub fn typed(answer: &Map) -> Result<Secret, ResponseErrors> {
    match answer.get("password") {
        None => Err(ResponseErrors::required("password")),
        Some(Json::String(text)) if text.is_empty() => {
            Err(ResponseErrors::one("password", "This field may not be blank.", "blank"))
        }
        Some(Json::String(text)) => Ok(Secret::new(text.as_str())),
        Some(Json::Null) => Err(ResponseErrors::one("password", "This field may not be null.", "null")),
        Some(_) => Err(ResponseErrors::one("password", "Not a valid string.", "invalid")),
    }
}

/// The member of challenges and answers: see docs/operations.md.
const PROOF: &str = "proof_of_work";
/// The proof of work that the last answer of this run lacked.
const PROOF_LACKED: Key<Json> = Key::new("goauthentik.io/password/proof_of_work");

/// Adds the proof of work that a password for this name needs from here, if any.
pub async fn with_proof(
    flow: &FlowRun<'_>,
    challenge: Challenge,
    typed: &str,
    account: Option<&Principal>,
) -> Result<Challenge> {
    let account = account.filter(|p| p.user.is_active);
    let wanted = match flow.plan.context.get(&PROOF_LACKED) {
        Some(lacked) => Some(lacked),
        None => password::proof_wanted(flow.core, flow.client, typed, account).await?,
    };
    Ok(match wanted {
        Some(work) => challenge.with(PROOF, work),
        None => challenge,
    })
}

/// Verifies a password for an account or an unknown name: both are counted and take the same time. Failures
/// are recorded.
pub async fn judge(
    flow: &mut FlowRun<'_>,
    settings: &PasswordStage,
    asked: Asked<'_>,
    answer: &Map,
) -> Result<Judged> {
    let Asked { typed, username, account, password } = asked;
    let account = account.filter(|p| p.user.is_active);
    let backends: Vec<&str> = settings.backends.iter().map(|b| b.as_str()).collect();
    let asked = Judgement {
        backends: &backends,
        limit: settings.failed_attempts_before_cancel,
        username,
        typed,
        account,
        password,
        proof: answer.get(PROOF).and_then(Json::as_str).filter(|proof| !proof.is_empty()),
    };
    let outcome = password::judge(flow.core, flow.client, asked).await?;
    flow.context().remove(&PROOF_LACKED);
    match outcome {
        Outcome::Accepted(accepted) => Ok(Judged::Accepted(accepted)),
        Outcome::Wrong { last } => {
            failed(flow, username).await;
            Ok(if last { Judged::Over(TOO_MANY) } else { Judged::Wrong })
        }
        Outcome::Unproven { until, challenge } => {
            let secs = (until.secs() - flow.core.now().secs()).max(1);
            let text = format!(
                "There were many wrong passwords from your network or for this name. Allow scripts on this page, or try again in {secs} seconds."
            );
            flow.context().set(&PROOF_LACKED, challenge);
            Ok(Judged::Unproven(ResponseErrors::one("non_field_errors", &text, PROOF)))
        }
        Outcome::Exhausted => {
            tracing::info!(request_id = %flow.client.request_id, "too many wrong passwords: this one was not judged");
            Ok(Judged::Over(TOO_MANY))
        }
        Outcome::NoBackend => {
            tracing::error!(stage = %settings.name, "none of the stage's password backends is available on this server");
            Ok(Judged::Over(NO_BACKEND))
        }
    }
}

/// Records the authentication, without overwriting an earlier stage's record for the same user.
pub async fn accept(flow: &mut FlowRun<'_>, accepted: Accepted) {
    reputation::signal(flow.core, flow.client, &accepted.person.user.username, 1).await;
    let context = flow.context();
    proof::set_pending(context, accepted.person.pending());
    account::prove(context, &accepted.person.user);
    if !context.has(&keys::USER_BACKEND) {
        context.set(&keys::USER_BACKEND, accepted.backend.to_owned());
    }
    if !context.has(&keys::AUTH_METHOD) {
        context.set(&keys::AUTH_METHOD, accepted.method.to_owned());
        context.set(&keys::AUTH_METHOD_ARGS, accepted.args);
    }
}

/// Counts and records a failed sign-in.
async fn failed(flow: &FlowRun<'_>, username: &str) {
    reputation::signal(flow.core, flow.client, username, -1).await;
    login::failed(flow.core, flow.client, username, flow.stage.as_deref(), login::LoginFailure::Password)
        .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create, map};
    use signet_base::json;
    use signet_model::Snapshot;

    #[test]
    fn backends_are_required_and_known() {
        let config = Snapshot::default();
        assert_eq!(
            create(PasswordStage::DEF, json!({}), &config).unwrap_err(),
            json!({"name": ["This field is required."], "backends": ["This field is required."]})
        );
        let bad =
            create(PasswordStage::DEF, json!({"name": "a", "backends": ["bogus"]}), &config).unwrap_err();
        assert_eq!(bad, json!({"backends": {"0": ["\"bogus\" is not a valid choice."]}}));
        let made = create(
            PasswordStage::DEF,
            json!({"name": "a", "backends": ["authentik.core.auth.InbuiltBackend"]}),
            &config,
        )
        .unwrap();
        assert_eq!(
            made,
            json!({"name": "a", "backends": ["authentik.core.auth.InbuiltBackend"], "configure_flow": null, "failed_attempts_before_cancel": 5, "allow_show_password": false})
        );
    }
    #[test]
    fn an_answer_without_a_password_is_refused_before_anything_is_judged() {
        assert_eq!(typed(&map(json!({}))).unwrap_err(), ResponseErrors::required("password"));
        for wrong in [
            json!({"password": ""}),
            json!({"password": null}),
            json!({"password": ["x"]}),
            json!({"password": 1}),
        ] {
            assert!(typed(&map(wrong)).is_err());
        }
        assert_eq!(typed(&map(json!({"password": " a "}))).unwrap().reveal(), " a ");
    }
    #[test]
    fn links_keep_the_query() {
        assert_eq!(flow_url("recover", ""), "/if/flow/recover/");
        assert_eq!(flow_url("recover", "next=%2Fx"), "/if/flow/recover/?next=%2Fx");
    }
}
