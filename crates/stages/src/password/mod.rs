//! Judges a password, or a key in its place.
use crate::Slice;
use crate::user_login::proof;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result, Secret, Uuid, json};
use signet_core::flow::{Challenge, FlowRun, ResponseErrors, StageKind, Step, keys};
use signet_core::session::check_password;
use signet_core::{Core, Principal, brand, login, token};
use signet_model::{Choice, Model, Object};
use std::sync::Arc;

pub const SLICE: Slice = Slice { models: &[PasswordStage::DEF], kind: || Arc::new(Password) };

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
    /// After so many wrong answers the flow ends.
    #[field(default = 5, filter)]
    pub failed_attempts_before_cancel: i64,
    /// Offer a button that shows what was typed.
    #[field(default = false, filter)]
    pub allow_show_password: bool,
}

const COMPONENT: &str = "ak-stage-password";
struct Password;

/// How a password was accepted.
pub struct Accepted {
    backend: Backend,
    method: &'static str,
    args: Map,
}

#[async_trait]
impl StageKind for Password {
    fn id(&self) -> &'static str {
        "authentik_stages_password.passwordstage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<Step> {
        let settings = flow.settings::<PasswordStage>()?;
        if flow.pending_user().is_none() {
            return Ok(Step::Deny(None));
        }
        let mut challenge = Challenge::new(COMPONENT).with("allow_show_password", settings.allow_show_password);
        let world = flow.core.world();
        let recovery = brand::of(&world, flow.client.domain()).and_then(|(_, b)| brand::slug(&world, b.flow_recovery));
        if let Some(slug) = recovery {
            challenge = challenge.with("recovery_url", flow_url(&slug, flow.query));
        }
        Ok(Step::Show(flow.about_person(challenge)))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<Step> {
        let settings = flow.settings::<PasswordStage>()?;
        let Some(pending) = flow.pending_user() else { return Ok(Step::Deny(None)) };
        let password = match typed(answer) {
            Ok(password) => password,
            Err(errors) => return Ok(Step::Invalid(errors)),
        };
        let account = flow.pending_account().await?;
        match judge(flow.core, &settings, account.as_ref(), &password).await? {
            Some((person, accepted)) => {
                accept(flow, person, accepted);
                Ok(Step::Next)
            }
            None => {
                failed(flow, &pending.username).await;
                let tries = flow.plan.context.get(&keys::PASSWORD_TRIES).unwrap_or(0).saturating_add(1);
                if tries >= settings.failed_attempts_before_cancel.max(1) {
                    tracing::info!(tries, "too many wrong passwords in one run");
                    return Ok(Step::Deny(Some("Invalid password".to_owned())));
                }
                flow.context().set(&keys::PASSWORD_TRIES, tries);
                Ok(Step::Invalid(ResponseErrors::one("password", "Invalid password", "invalid")))
            }
        }
    }
}

/// The address of a flow's page, with the query that the person came with.
pub fn flow_url(slug: &str, query: &str) -> String {
    if query.is_empty() { format!("/if/flow/{slug}/") } else { format!("/if/flow/{slug}/?{query}") }
}

/// The member `password` of an answer.
pub fn typed(answer: &Map) -> Result<Secret, ResponseErrors> {
    match answer.get("password") {
        None => Err(ResponseErrors::required("password")),
        Some(Json::String(text)) if text.is_empty() => Err(ResponseErrors::one("password", "This field may not be blank.", "blank")),
        Some(Json::String(text)) => Ok(Secret::new(text.as_str())),
        Some(Json::Null) => Err(ResponseErrors::one("password", "This field may not be null.", "null")),
        Some(_) => Err(ResponseErrors::one("password", "Not a valid string.", "invalid")),
    }
}

/// Tries the backends in order. Nobody, and an inactive account, cost as much time as a wrong password.
pub async fn judge(core: &Arc<Core>, settings: &PasswordStage, account: Option<&Principal>, password: &Secret) -> Result<Option<(Principal, Accepted)>> {
    let account = account.filter(|p| p.user.is_active);
    for backend in &settings.backends {
        let found = match backend {
            Backend::Inbuilt => {
                let fits = check_password(core, account.map(|p| &p.user), password).await?;
                fits.then(|| Accepted { backend: *backend, method: "password", args: Map::new() })
            }
            Backend::Token => by_token(core, account, password).await?,
            Backend::Ldap | Backend::Kerberos => {
                tracing::warn!(backend = backend.as_str(), stage = %settings.name, "this backend is not available here: it accepts nobody");
                None
            }
        };
        if let (Some(accepted), Some(person)) = (found, account) {
            return Ok(Some((person.clone(), accepted)));
        }
    }
    Ok(None)
}

/// An app password of the same account that has not expired.
async fn by_token(core: &Core, account: Option<&Principal>, password: &Secret) -> Result<Option<Accepted>> {
    let token = token::by_key(core, password.reveal(), "app_password").await?;
    let own = token.filter(|t| account.is_some_and(|p| p.user.id == t.user_id));
    Ok(own.map(|t| {
        let mut args = Map::new();
        args.insert("identifier".into(), json!(t.identifier));
        Accepted { backend: Backend::Token, method: "token", args }
    }))
}

/// Notes who is proven and how, without overwriting what an earlier stage has noted for them.
pub fn accept(flow: &mut FlowRun<'_>, person: Principal, accepted: Accepted) {
    let context = flow.context();
    proof::set_pending(context, person.pending());
    context.remove(&keys::PASSWORD_TRIES);
    if !context.has(&keys::USER_BACKEND) {
        context.set(&keys::USER_BACKEND, accepted.backend.as_str().to_owned());
    }
    if !context.has(&keys::AUTH_METHOD) {
        context.set(&keys::AUTH_METHOD, accepted.method.to_owned());
        context.set(&keys::AUTH_METHOD_ARGS, accepted.args);
    }
}

/// Counts and records a refused sign-in.
pub async fn failed(flow: &FlowRun<'_>, username: &str) {
    let stage = flow.stage.as_deref().map(Object::name).unwrap_or_default();
    login::failed(flow.core, flow.client, username, stage).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create, map};
    use signet_model::Snapshot;

    #[test]
    fn backends_are_required_and_known() {
        let world = Snapshot::default();
        assert_eq!(create(PasswordStage::DEF, json!({}), &world).unwrap_err(), json!({"name": ["This field is required."], "backends": ["This field is required."]}));
        let bad = create(PasswordStage::DEF, json!({"name": "a", "backends": ["bogus"]}), &world).unwrap_err();
        assert_eq!(bad, json!({"backends": {"0": ["\"bogus\" is not a valid choice."]}}));
        let made = create(PasswordStage::DEF, json!({"name": "a", "backends": ["authentik.core.auth.InbuiltBackend"]}), &world).unwrap();
        assert_eq!(
            made,
            json!({"name": "a", "backends": ["authentik.core.auth.InbuiltBackend"], "configure_flow": null, "failed_attempts_before_cancel": 5, "allow_show_password": false})
        );
    }
    #[test]
    fn an_answer_without_a_password_is_refused_before_anything_is_judged() {
        assert_eq!(typed(&map(json!({}))).unwrap_err(), ResponseErrors::required("password"));
        for wrong in [json!({"password": ""}), json!({"password": null}), json!({"password": ["x"]}), json!({"password": 1})] {
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
