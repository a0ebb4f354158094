//! Captcha stage. This server asks the captcha service to verify the token.
pub(crate) mod page;

use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::outbound::HttpRequest;
use signet_base::{FieldErrors, Json, Map, Result, Secret, json, query};
use signet_core::flow::{Challenge, Context, FlowRun, FlowStep, Key, ResponseErrors, StageKind};
use signet_core::{Client, Core};
use signet_model::{Change, Choice, Model, Snapshot};
use signet_pages::{FormContext, StagePage};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[CaptchaStage::DEF], kind: || Arc::new(Captcha), actions: signet_rest::none };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum RequestContentType {
    #[choice("application/x-www-form-urlencoded")]
    Form,
    #[choice("application/json")]
    Json,
}

/// Asks for a captcha: reCAPTCHA, hCaptcha, Turnstile and what speaks like them.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_captcha", path = "stages/captcha", base = Stage, label = "Captcha Stage", component = "ak-stage-captcha-form", search("name"), check = check)]
pub struct CaptchaStage {
    #[field(unique, filter)]
    pub name: String,
    /// Key that browsers are shown.
    #[field(filter)]
    pub public_key: String,
    /// Key by which this server asks for the verdict.
    #[field()]
    #[serde(skip_serializing)]
    pub private_key: Secret,
    /// Script of the service.
    #[field(default = "https://www.recaptcha.net/recaptcha/api.js", gives = "everything")]
    pub js_url: String,
    /// Where the verdict is asked for.
    #[field(default = "https://www.recaptcha.net/recaptcha/api/siteverify", gives = "everything")]
    pub api_url: String,
    #[field(choice, default = "application/x-www-form-urlencoded")]
    pub request_content_type: RequestContentType,
    /// The service shows something to click.
    #[field(default = false)]
    pub interactive: bool,
    /// Lowest score that passes, for services that give one.
    #[field(default = 0.5)]
    pub score_min_threshold: f64,
    #[field(default = 1.0)]
    pub score_max_threshold: f64,
    /// A score outside of the range ends the step. Off: it goes on, and policies read the score from the
    /// context.
    #[field(default = true)]
    pub error_on_invalid_score: bool,
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    for field in ["js_url", "api_url"] {
        let text = change.text(field);
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
        if rest.is_empty()
            || rest.starts_with('/')
            || text.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            errors.add(field, "Enter a valid URL.");
        }
    }
    let score = |field: &str| change.data.get(field).and_then(Json::as_f64).unwrap_or_default();
    if score("score_min_threshold") > score("score_max_threshold") {
        errors.add("score_max_threshold", "The highest score cannot be lower than the lowest.");
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

const COMPONENT: &str = "ak-stage-captcha";
/// The service's response, for policies.
const SAID: Key<Map> = Key::new("captcha");
/// Maximum length of a token.
const MAX_TOKEN: usize = 16 * 1024;
const REFUSED: &str = "Invalid captcha response. Retrying may solve this issue.";
struct Captcha;

#[async_trait]
impl StageKind for Captcha {
    fn id(&self) -> &'static str {
        "authentik_stages_captcha.captchastage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<CaptchaStage>()?;
        Ok(FlowStep::Show(flow.about_person(challenge(&settings))))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<CaptchaStage>()?;
        let token = match token(answer, "token") {
            Ok(token) => token,
            Err(errors) => return Ok(FlowStep::Invalid(errors)),
        };
        match judge(flow.core, flow.client, &settings, &token).await {
            Ok(said) => {
                remember(flow.context(), &settings, said);
                Ok(FlowStep::Next)
            }
            Err(why) => {
                tracing::info!(request_id = %flow.client.request_id, %why, "a captcha was refused");
                Ok(FlowStep::Invalid(ResponseErrors::one("token", REFUSED, "invalid")))
            }
        }
    }
}

/// The members a browser needs to show the captcha.
pub fn challenge(settings: &CaptchaStage) -> Challenge {
    Challenge::new(COMPONENT)
        .with("site_key", settings.public_key.as_str())
        .with("js_url", settings.js_url.as_str())
        .with("interactive", settings.interactive)
}

/// The sent token.
pub fn token(answer: &Map, field: &str) -> Result<String, ResponseErrors> {
    match answer.get(field).and_then(Json::as_str).map(str::trim) {
        None | Some("") => Err(ResponseErrors::required(field)),
        Some(text) if text.len() > MAX_TOKEN => Err(ResponseErrors::one(field, REFUSED, "invalid")),
        Some(text) => Ok(text.to_owned()),
    }
}

/// Stores the service's response for policies.
pub fn remember(context: &mut Context, settings: &CaptchaStage, said: Json) {
    let kept = json!({"response": said, "stage": {"name": settings.name}});
    context.set(&SAID, kept.as_object().cloned().unwrap_or_default());
}

/// Verifies the token with the service. `Ok` with its response if it is valid; `Err` with the reason, for the
/// log only. No response, or an unreadable one, is a refusal.
pub async fn judge(
    core: &Core,
    client: &Client,
    settings: &CaptchaStage,
    token: &str,
) -> Result<Json, String> {
    let ip = client.ip.to_string();
    let pairs = [("secret", settings.private_key.reveal()), ("response", token), ("remoteip", &ip)];
    let request = HttpRequest::new("POST", &settings.api_url).header("accept", "application/json");
    let request = match settings.request_content_type {
        RequestContentType::Form => request.body("application/x-www-form-urlencoded", query::build(pairs)),
        RequestContentType::Json => {
            let body: Map = pairs.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
            request.body("application/json", Json::Object(body).to_string())
        }
    };
    let answer = core.ports.http.send(request).await.map_err(|e| e.to_string())?;
    if !(200..300).contains(&answer.status) {
        return Err(format!("the service answered {}", answer.status));
    }
    let said: Json =
        serde_json::from_slice(&answer.body).map_err(|e| format!("the service's answer is no JSON: {e}"))?;
    weigh(settings, &said)?;
    Ok(said)
}

fn weigh(settings: &CaptchaStage, said: &Json) -> Result<(), String> {
    if said.get("success") != Some(&Json::Bool(true)) {
        return Err(format!("not successful: {}", said.get("error-codes").unwrap_or(&Json::Null)));
    }
    let range = settings.score_min_threshold..=settings.score_max_threshold;
    match said.get("score") {
        None | Some(Json::Null) => Ok(()),
        Some(score) => match score.as_f64() {
            Some(score) if range.contains(&score) => Ok(()),
            Some(_) if !settings.error_on_invalid_score => Ok(()),
            _ => Err(format!("the score {score} is outside of the range")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create, map};

    fn settings(extra: Json) -> CaptchaStage {
        let mut sent = map(json!({"name": "a", "public_key": "p", "private_key": "k"}));
        sent.extend(map(extra));
        let mut made = map(create(CaptchaStage::DEF, Json::Object(sent), &Snapshot::default()).unwrap());
        made.insert("private_key".into(), json!("k"));
        serde_json::from_value(Json::Object(made)).unwrap()
    }

    #[test]
    fn the_declaration_names_what_is_wrong() {
        let config = Snapshot::default();
        let missing = create(CaptchaStage::DEF, json!({}), &config).unwrap_err();
        assert!(["name", "public_key", "private_key"].iter().all(|f| missing.get(*f).is_some()));
        let base = json!({"name": "a", "public_key": "p", "private_key": "k"});
        for (field, bad) in [
            ("score_min_threshold", json!("x")),
            ("score_max_threshold", json!(0.1)),
            ("js_url", json!("javascript:x")),
            ("api_url", json!("https://")),
            ("request_content_type", json!("text/plain")),
        ] {
            let mut sent = base.clone();
            sent[field] = bad;
            assert!(create(CaptchaStage::DEF, sent, &config).unwrap_err().get(field).is_some(), "{field}");
        }
    }
    #[test]
    fn only_a_plain_yes_within_the_range_passes() {
        let strict = settings(json!({}));
        let lenient = settings(json!({"error_on_invalid_score": false}));
        for good in [
            json!({"success": true}),
            json!({"success": true, "score": 0.5}),
            json!({"success": true, "score": 1}),
            json!({"success": true, "score": null}),
        ] {
            assert!(weigh(&strict, &good).is_ok(), "{good}");
        }
        for bad in [
            json!({}),
            json!(null),
            json!([]),
            json!("true"),
            json!({"success": "true"}),
            json!({"success": 1}),
            json!({"success": false, "score": 0.9}),
        ] {
            assert!(weigh(&strict, &bad).is_err() && weigh(&lenient, &bad).is_err(), "{bad}");
        }
        assert!(
            weigh(&strict, &json!({"success": true, "score": 0.4})).is_err()
                && weigh(&lenient, &json!({"success": true, "score": 0.4})).is_ok()
        );
        assert!(weigh(&lenient, &json!({"success": true, "score": "high"})).is_err());
    }
}
