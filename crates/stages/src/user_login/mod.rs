//! Begins the session.

mod page;

use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Result, Span};
use signet_core::flow::account::PROVEN;
use signet_core::flow::{Challenge, FlowRun, FlowStep, ResponseErrors, StageKind, keys, proof};
use signet_core::login::{self, Terms};
use signet_core::session::binding::RequestedBinding;
use signet_core::session::end_all;
use signet_model::{Change, Choice, Model, Snapshot};
use signet_pages::{FormContext, StagePage};
use signet_store::epoch;
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[UserLoginStage::DEF], kind: || Arc::new(UserLogin), actions: signet_rest::none };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum NetworkBinding {
    NoBinding,
    BindAsn,
    BindAsnNetwork,
    BindAsnNetworkIp,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum GeoipBinding {
    NoBinding,
    BindContinent,
    BindContinentCountry,
    BindContinentCountryCity,
}

/// Signs in the person whom the stages before have proven.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_user_login", path = "stages/user_login", base = Stage, label = "User Login Stage", component = "ak-stage-user-login-form", search("name"), check = check)]
pub struct UserLoginStage {
    #[field(unique, filter)]
    pub name: String,
    /// How long a session lasts. Zero: until the browser closes.
    #[field(default = "seconds=0", filter)]
    pub session_duration: Span,
    /// End the person's other sessions.
    #[field(default = false, filter)]
    pub terminate_other_sessions: bool,
    /// Asks "stay signed in?"; yes adds this time. Zero: the question is not asked.
    #[field(default = "seconds=0", filter)]
    pub remember_me_offset: Span,
    /// End a session that is used from another network than it began in. Where the network is not known at
    /// sign-in (no database, a private address), the session is bound to the address.
    #[field(choice, default = "no_binding", filter)]
    pub network_binding: NetworkBinding,
    /// End a session that is used from another place than it began at; where the place is not known, from
    /// another address.
    #[field(choice, default = "no_binding", filter)]
    pub geoip_binding: GeoipBinding,
    /// How long this browser counts as one that the person has used before. Zero: it is not remembered.
    #[field(default = "days=30", filter)]
    pub remember_device: Span,
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    for field in ["session_duration", "remember_me_offset", "remember_device"] {
        if Span::parse(change.text(field)).is_ok_and(|s| s < Span::ZERO) {
            errors.add(field, "Use a length of time that is not negative.");
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

const COMPONENT: &str = "ak-stage-user-login";
struct UserLogin;

#[async_trait]
impl StageKind for UserLogin {
    fn id(&self) -> &'static str {
        "authentik_stages_user_login.userloginstage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
    fn begins_session(&self) -> bool {
        true
    }
    async fn guard(&self, flow: &mut FlowRun<'_>) -> Result<Option<FlowStep>> {
        if proof::allows_sign_in(&flow.plan.context) {
            return Ok(None);
        }
        tracing::warn!(flow = flow.flow.text("slug"), "a login stage was reached without proof of who it is");
        Ok(Some(FlowStep::Deny(None)))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<UserLoginStage>()?;
        if settings.remember_me_offset.is_zero() {
            return sign_in(flow, &settings, false).await;
        }
        Ok(FlowStep::Show(flow.about_person(Challenge::new(COMPONENT))))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<UserLoginStage>()?;
        if settings.remember_me_offset.is_zero() {
            return sign_in(flow, &settings, false).await;
        }
        match remember_me(answer) {
            Ok(remember) => sign_in(flow, &settings, remember).await,
            Err(errors) => Ok(FlowStep::Invalid(errors)),
        }
    }
}

/// JSON sends a boolean, forms send a string.
fn remember_me(answer: &Map) -> Result<bool, ResponseErrors> {
    match answer.get("remember_me") {
        None => Err(ResponseErrors::required("remember_me")),
        Some(Json::Bool(yes)) => Ok(*yes),
        Some(Json::String(word)) if word == "true" => Ok(true),
        Some(Json::String(word)) if word == "false" => Ok(false),
        Some(_) => Err(ResponseErrors::one("remember_me", "Must be a valid boolean.", "invalid")),
    }
}

async fn sign_in(flow: &mut FlowRun<'_>, settings: &UserLoginStage, remember: bool) -> Result<FlowStep> {
    let core = flow.core.clone();
    // Loaded again: the account may have been deactivated since the authentication.
    let person = match flow.pending_account().await? {
        Some(person) if person.user.is_active => person,
        _ => return Ok(FlowStep::Deny(None)),
    };
    if flow.plan.context.get(&PROVEN).is_none_or(|at| !at.counts(&person.user)) {
        return Err(epoch::changed());
    }
    let context = &flow.plan.context;
    let method = context
        .get(&keys::AUTH_METHOD)
        .unwrap_or_else(|| if context.has(&keys::IS_RESTORED) { "token".to_owned() } else { String::new() });
    let method_args = context.get(&keys::AUTH_METHOD_ARGS).unwrap_or_default();
    if settings.terminate_other_sessions {
        // The run's own session is stored when the request ends.
        end_all(&core, person.user.id, None).await?;
    }
    flow.context().set(&keys::PENDING_USER, person.pending());
    let terms = Terms {
        duration: duration(settings, remember),
        remembered: remember,
        binding: wanted(settings.network_binding, settings.geoip_binding),
        remember_device: Some(settings.remember_device),
    };
    login::begin(&core, flow.client, flow.session, person, &method, method_args, terms).await?;
    Ok(FlowStep::Next)
}

/// Each level of a binding includes the lower ones.
fn wanted(network: NetworkBinding, place: GeoipBinding) -> RequestedBinding {
    let (network, place) = (network as u8, place as u8);
    RequestedBinding {
        asn: network >= NetworkBinding::BindAsn as u8,
        network: network >= NetworkBinding::BindAsnNetwork as u8,
        ip: network >= NetworkBinding::BindAsnNetworkIp as u8,
        continent: place >= GeoipBinding::BindContinent as u8,
        country: place >= GeoipBinding::BindContinentCountry as u8,
        city: place >= GeoipBinding::BindContinentCountryCity as u8,
    }
}

/// "Stay signed in" is never shorter than a session until the browser closes.
fn duration(settings: &UserLoginStage, remember: bool) -> Span {
    if !remember {
        return settings.session_duration;
    }
    let sum = settings.session_duration.micros().saturating_add(settings.remember_me_offset.micros());
    Span::from_secs(sum / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create, map};
    use signet_base::json;

    #[test]
    fn the_declaration_judges_durations_and_bindings() {
        let config = Snapshot::default();
        let made = create(UserLoginStage::DEF, json!({"name": "a", "network_binding": "bind_asn"}), &config)
            .unwrap();
        assert_eq!(
            (&made["session_duration"], &made["remember_device"], &made["network_binding"]),
            (&json!("seconds=0"), &json!("days=30"), &json!("bind_asn"))
        );
        let bad = create(
            UserLoginStage::DEF,
            json!({"name": "a", "geoip_binding": "bogus", "session_duration": "seconds=-1"}),
            &config,
        )
        .unwrap_err();
        assert!(bad.get("geoip_binding").is_some());
        let bad =
            create(UserLoginStage::DEF, json!({"name": "a", "session_duration": "seconds=-1"}), &config)
                .unwrap_err();
        assert!(bad.get("session_duration").is_some());
        let bad = create(UserLoginStage::DEF, json!({"name": "a", "session_duration": "bogus"}), &config)
            .unwrap_err();
        assert!(bad.get("session_duration").is_some());
    }
    #[test]
    fn a_level_of_a_binding_includes_those_before_it() {
        assert_eq!(wanted(NetworkBinding::NoBinding, GeoipBinding::NoBinding), RequestedBinding::default());
        assert_eq!(
            wanted(NetworkBinding::BindAsnNetwork, GeoipBinding::BindContinent),
            RequestedBinding { asn: true, network: true, continent: true, ..RequestedBinding::default() }
        );
        assert_eq!(
            wanted(NetworkBinding::BindAsnNetworkIp, GeoipBinding::BindContinentCountryCity),
            RequestedBinding {
                asn: true,
                network: true,
                ip: true,
                continent: true,
                country: true,
                city: true
            }
        );
    }
    #[test]
    fn the_question_needs_an_answer() {
        assert_eq!(remember_me(&map(json!({}))), Err(ResponseErrors::required("remember_me")));
        assert!(
            remember_me(&map(json!({"remember_me": "maybe"}))).is_err()
                && remember_me(&map(json!({"remember_me": null}))).is_err()
        );
        assert_eq!(remember_me(&map(json!({"remember_me": "true"}))), Ok(true));
        assert_eq!(remember_me(&map(json!({"remember_me": false}))), Ok(false));
    }
}
