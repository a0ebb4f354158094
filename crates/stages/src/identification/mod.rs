//! Asks who somebody is.
mod inline;
mod lookup;
mod page;

use crate::Slice;
use crate::authenticator_validate::passkey;
use crate::authenticator_webauthn::sent;
use crate::password::{self, Asked, Judged, PasswordStage, flow_url};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Result, Uuid, json};
use signet_core::flow::proof;
use signet_core::flow::{Challenge, FlowRun, FlowStep, PendingUser, ResponseErrors, StageKind, keys};
use signet_core::models::{Designation, Flow};
use signet_core::{Principal, brand, reputation};
use signet_model::{Change, Choice, Model, Snapshot};
use signet_pages::{FormContext, StagePage};
use signet_store::users::canonical;
use std::sync::Arc;

pub const SLICE: Slice = Slice {
    models: &[IdentificationStage::DEF],
    kind: || Arc::new(Identification),
    actions: signet_rest::none,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum UserField {
    Email,
    Username,
    Upn,
}

/// Asks for a username or e-mail address.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_identification", path = "stages/identification", base = Stage, label = "Identification Stage", component = "ak-stage-identification-form", search("name"), check = check)]
pub struct IdentificationStage {
    #[field(unique, filter)]
    pub name: String,
    /// What a person may type. Empty: only sources are offered.
    #[field(choice, default_fn = |_| json!([]))]
    pub user_fields: Vec<UserField>,
    /// Ask for the password on the same page.
    #[field(refers = "authentik_stages_password.passwordstage", filter)]
    pub password_stage: Option<Uuid>,
    /// Ask for a captcha on the same page.
    #[field(refers = "authentik_stages_captcha.captchastage", filter)]
    pub captcha_stage: Option<Uuid>,
    /// Capitals do not matter.
    #[field(default = true, filter)]
    pub case_insensitive_matching: bool,
    /// Show whom the typed name matched, instead of what was typed.
    #[field(default = true, filter)]
    pub show_matched_user: bool,
    /// Flow that is linked for people without an account.
    #[field(refers = "authentik_flows.flow", filter)]
    pub enrollment_flow: Option<Uuid>,
    /// Flow that is linked for people who forgot their password.
    #[field(refers = "authentik_flows.flow", filter)]
    pub recovery_flow: Option<Uuid>,
    /// Flow that is linked for people with a passkey.
    #[field(refers = "authentik_flows.flow", filter)]
    pub passwordless_flow: Option<Uuid>,
    /// Sources that are offered.
    #[field(refers = "authentik_core.source", default_fn = |_| json!([]))]
    pub sources: Vec<Uuid>,
    /// Show the names of sources beside their pictures.
    #[field(default = false, filter)]
    pub show_source_labels: bool,
    /// Go on when nobody matches, so that the answer does not tell who has an account.
    #[field(default = true, filter)]
    pub pretend_user_exists: bool,
    /// Offer to remember the name in this browser.
    #[field(default = false, filter)]
    pub enable_remember_me: bool,
    /// Stage whose passkeys the name field offers.
    #[field(refers = "authentik_stages_authenticator_validate.authenticatorvalidatestage", filter)]
    pub webauthn_stage: Option<Uuid>,
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    // As in authentik, a partial update must contain one of the two.
    let empty = |field: &str| {
        !change.sent.contains(&field)
            || change.data.get(field).and_then(Json::as_array).is_none_or(Vec::is_empty)
    };
    if empty("user_fields") && empty("sources") {
        return Err(FieldErrors::one(
            "non_field_errors",
            "When no user fields are selected, at least one source must be selected.",
        ));
    }
    Ok(())
}

const COMPONENT: &str = "ak-stage-identification";
/// Maximum length of an identifier in characters.
const MAX_NAME: usize = 254;
struct Identification;

#[async_trait]
impl StageKind for Identification {
    fn id(&self) -> &'static str {
        "authentik_stages_identification.identificationstage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        if proof::is_restored(&flow.plan.context) {
            return Ok(FlowStep::Next);
        }
        let settings = flow.settings::<IdentificationStage>()?;
        let passkeys = settings.webauthn_stage.and_then(|stage| passkey::challenge(flow, stage));
        let mut shown = challenge(flow, &settings).with("passkey_challenge", passkeys.unwrap_or(Json::Null));
        if settings.password_stage.is_some() {
            shown = password::with_proof(flow, shown, "", None).await?;
        }
        Ok(FlowStep::Show(shown))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        // A link has identified the user: a typed identifier does not change that.
        if proof::is_restored(&flow.plan.context) {
            return Ok(FlowStep::Next);
        }
        let settings = flow.settings::<IdentificationStage>()?;
        if let (Some(stage), Some(_)) =
            (settings.webauthn_stage, answer.get("passkey").filter(|p| !p.is_null()))
        {
            return by_passkey(flow, stage, answer).await;
        }
        let typed = match typed(answer, &settings) {
            Ok(typed) => typed,
            Err(errors) => return Ok(FlowStep::Invalid(errors)),
        };
        // The captcha is checked first, so that a program without a valid one learns and counts nothing.
        if let Err(errors) = inline::captcha_answer(flow, &settings, answer).await? {
            return Ok(FlowStep::Invalid(errors));
        }
        match settings.password_stage {
            Some(stage) => with_password(flow, &settings, stage, &typed, answer).await,
            None => alone(flow, &settings, &typed).await,
        }
    }
}

fn challenge(flow: &FlowRun<'_>, settings: &IdentificationStage) -> Challenge {
    let config = flow.core.config();
    let designation = flow.flow.get::<Flow>().map_or(Designation::Authentication, |f| f.designation);
    let embedded =
        settings.password_stage.and_then(|pk| config.get_typed::<PasswordStage>(pk)).map(|(_, p)| p);
    let action = if designation == Designation::Authentication { "Log in" } else { "Continue" };
    let mut challenge = Challenge::new(COMPONENT)
        .with("user_fields", json!(settings.user_fields))
        .with("pending_user_identifier", Json::Null)
        .with("password_fields", settings.password_stage.is_some())
        .with("allow_show_password", embedded.is_some_and(|p| p.allow_show_password))
        .with("flow_designation", designation.as_str())
        .with("captcha_stage", inline::captcha_challenge(flow, settings))
        .with("primary_action", action)
        .with("sources", inline::sources(flow, settings))
        .with("show_source_labels", settings.show_source_labels)
        .with("enable_remember_me", settings.enable_remember_me);
    let links = [
        ("enroll_url", settings.enrollment_flow),
        ("recovery_url", settings.recovery_flow),
        ("passwordless_url", settings.passwordless_flow),
    ];
    for (name, target) in links {
        if let Some(slug) = brand::slug(&config, target) {
            challenge = challenge.with(name, flow_url(&slug, flow.query));
        }
    }
    if let Some(application) = flow.plan.context.get(&keys::APPLICATION).and_then(|pk| config.get(pk)) {
        challenge = challenge.with("application_pre", application.name());
        let launch = application.text("meta_launch_url");
        if !launch.is_empty() {
            challenge = challenge.with("application_pre_launch", launch);
        }
    }
    challenge
}

/// The typed identifier.
fn typed(answer: &Map, settings: &IdentificationStage) -> Result<String, ResponseErrors> {
    let text = answer.get("uid_field").and_then(Json::as_str).map(str::trim).unwrap_or_default();
    if text.is_empty() || settings.user_fields.is_empty() {
        return Err(ResponseErrors::one("non_field_errors", "No identification data provided.", "invalid"));
    }
    if text.chars().count() > MAX_NAME {
        return Err(ResponseErrors::one(
            "uid_field",
            &format!("Ensure this field has no more than {MAX_NAME} characters."),
            "max_length",
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(ResponseErrors::one("uid_field", "Control characters are not allowed.", "invalid"));
    }
    Ok(text.to_owned())
}

/// A passkey from the name field identifies and authenticates the user.
async fn by_passkey(flow: &mut FlowRun<'_>, stage: Uuid, answer: &Map) -> Result<FlowStep> {
    match sent(answer, "passkey") {
        Ok(sent) if passkey::judge(flow, stage, &sent).await? => Ok(FlowStep::Next),
        Ok(_) => Ok(FlowStep::Invalid(ResponseErrors::one("passkey", "Invalid passkey", "invalid"))),
        Err(errors) => Ok(FlowStep::Invalid(errors)),
    }
}

fn refused() -> FlowStep {
    FlowStep::Invalid(ResponseErrors::one("non_field_errors", "Failed to authenticate.", "invalid"))
}

/// Identifier only: password or another factor follow later.
async fn alone(flow: &mut FlowRun<'_>, settings: &IdentificationStage, typed: &str) -> Result<FlowStep> {
    match lookup::find(flow.core, settings, typed).await? {
        Some(person) => remember(flow, settings, typed, &person),
        None => {
            tracing::info!(request_id = %flow.client.request_id, "a typed name matched nobody");
            if !settings.pretend_user_exists {
                // If unknown users continue too, reputation changes only with the password: the score must
                // not reveal who exists.
                reputation::signal(flow.core, flow.client, typed, -1).await;
                return Ok(refused());
            }
            pretend(flow, settings, typed);
        }
    }
    Ok(FlowStep::Next)
}

/// Identifier and password together: one message for every error.
async fn with_password(
    flow: &mut FlowRun<'_>,
    settings: &IdentificationStage,
    stage: Uuid,
    typed: &str,
    answer: &Map,
) -> Result<FlowStep> {
    let secret = match password::typed(answer) {
        Ok(secret) => secret,
        Err(errors) => return Ok(FlowStep::Invalid(errors)),
    };
    let config = flow.core.config();
    let Some((_, judge)) = config.get_typed::<PasswordStage>(stage) else { return Ok(FlowStep::Deny(None)) };
    let found = lookup::find(flow.core, settings, typed).await?;
    let username = found.as_ref().map_or_else(|| canonical(typed), |p| p.user.username.clone());
    let asked = Asked { typed, username: &username, account: found.as_ref(), password: &secret };
    match password::judge(flow, judge, asked, answer).await? {
        Judged::Accepted(accepted) => {
            remember(flow, settings, typed, &accepted.person);
            password::accept(flow, *accepted).await;
            Ok(FlowStep::Next)
        }
        Judged::Wrong => Ok(refused()),
        Judged::Unproven(errors) => Ok(FlowStep::Invalid(errors)),
        Judged::Over(text) => Ok(FlowStep::Deny(Some(text.to_owned()))),
    }
}

/// Until the user is authenticated, only the username is stored: name and picture would reveal the account's
/// owner.
fn remember(flow: &mut FlowRun<'_>, settings: &IdentificationStage, typed: &str, person: &Principal) {
    let context = flow.context();
    let pending = PendingUser {
        id: Some(person.user.id),
        username: person.user.username.clone(),
        name: String::new(),
        email: String::new(),
    };
    proof::set_pending(context, pending);
    identifier(flow, settings, typed);
}
fn pretend(flow: &mut FlowRun<'_>, settings: &IdentificationStage, typed: &str) {
    proof::set_unknown(flow.context(), &canonical(typed));
    identifier(flow, settings, typed);
}
fn identifier(flow: &mut FlowRun<'_>, settings: &IdentificationStage, typed: &str) {
    if settings.show_matched_user {
        flow.context().remove(&keys::PENDING_USER_IDENTIFIER);
    } else {
        // Normalised like names in comparisons, which reveals nothing about stored ones.
        flow.context().set(&keys::PENDING_USER_IDENTIFIER, canonical(typed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create, map};

    fn settings(extra: Json) -> IdentificationStage {
        let mut sent = map(json!({"name": "a", "user_fields": ["username"]}));
        sent.extend(map(extra));
        serde_json::from_value(
            create(IdentificationStage::DEF, Json::Object(sent), &Snapshot::default()).unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn the_declaration_wants_a_field_or_a_source() {
        let config = Snapshot::default();
        assert_eq!(
            create(IdentificationStage::DEF, json!({}), &config).unwrap_err(),
            json!({"name": ["This field is required."]})
        );
        assert!(
            create(IdentificationStage::DEF, json!({"name": "a"}), &config)
                .unwrap_err()
                .get("non_field_errors")
                .is_some()
        );
        assert!(
            create(IdentificationStage::DEF, json!({"name": "a", "user_fields": ["bogus"]}), &config)
                .unwrap_err()
                .get("user_fields")
                .is_some()
        );
        let made = settings(json!({}));
        assert!(
            made.case_insensitive_matching
                && made.show_matched_user
                && made.pretend_user_exists
                && !made.enable_remember_me
        );
    }
    #[test]
    fn nothing_typed_is_no_identification() {
        let s = settings(json!({}));
        let none = ResponseErrors::one("non_field_errors", "No identification data provided.", "invalid");
        for sent in [
            json!({}),
            json!({"uid_field": ""}),
            json!({"uid_field": "  "}),
            json!({"uid_field": null}),
            json!({"uid_field": 7}),
            json!({"password": "x"}),
        ] {
            assert_eq!(typed(&map(sent), &s).unwrap_err(), none);
        }
        assert_eq!(typed(&map(json!({"uid_field": " ada "})), &s).unwrap(), "ada");
        assert!(typed(&map(json!({"uid_field": "x".repeat(255)})), &s).is_err());
        assert!(typed(&map(json!({"uid_field": "a\u{0}b"})), &s).is_err());
        let mut only_sources = s;
        only_sources.user_fields.clear();
        assert_eq!(typed(&map(json!({"uid_field": "ada"})), &only_sources).unwrap_err(), none);
    }
}
