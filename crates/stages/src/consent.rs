//! Asks whether an application may have what it asked for.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Result, Secret, Span, Uuid, json};
use signet_core::flow::proof;
use signet_core::flow::{Challenge, Context, FlowRun, FlowStep, Key, StageKind, keys};
use signet_model::{Change, Choice, Model, Snapshot};
use signet_store::consents::{self, Consent};
use std::collections::BTreeSet;
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[ConsentStage::DEF], kind: || Arc::new(ConsentKind), actions: signet_rest::none };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Mode {
    AlwaysRequire,
    Permanent,
    Expiring,
}

/// Asks the person to agree to what an application will learn.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_consent", path = "stages/consent", base = Stage, label = "Consent Stage", component = "ak-stage-consent-form", search("name"), check = check)]
pub struct ConsentStage {
    #[field(unique, filter)]
    pub name: String,
    /// How long an agreement is remembered.
    #[field(choice, default = "expiring", filter)]
    pub mode: Mode,
    /// How long an expiring agreement lasts.
    #[field(default = "weeks=4", filter)]
    pub consent_expire_in: Span,
}
fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    if Span::parse(change.text("consent_expire_in")).is_ok_and(|s| s < Span::ZERO) {
        return Err(FieldErrors::one("consent_expire_in", "Use a length of time that is not negative."));
    }
    Ok(())
}

/// Permissions beyond the requested scopes, set by policies.
const ADDITIONAL: Key<Vec<Map>> = Key::new("consent_additional_permissions");
const COMPONENT: &str = "ak-stage-consent";
struct ConsentKind;

#[async_trait]
impl StageKind for ConsentKind {
    fn id(&self) -> &'static str {
        "authentik_stages_consent.consentstage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<ConsentStage>()?;
        let given = match settings.mode {
            Mode::AlwaysRequire => None,
            Mode::Permanent | Mode::Expiring => stored(flow).await?,
        };
        let asked = requested(&flow.plan.context);
        if let Some(given) = &given
            && covers(given, &asked)
            && !asks_again(flow.query_value("prompt").as_deref())
        {
            return Ok(FlowStep::Next);
        }
        let (before, new) = split(asked, given.as_deref());
        // A reload shows the same token, so that an open page stays valid.
        let token = flow
            .plan
            .context
            .get(&keys::CONSENT_TOKEN)
            .filter(|token| !token.is_empty())
            .unwrap_or_else(|| flow.core.ports.hex(20));
        flow.context().set(&keys::CONSENT_TOKEN, token.clone());
        let header = flow
            .plan
            .context
            .get(&keys::CONSENT_HEADER)
            .or_else(|| flow.plan.context.get(&keys::CONSENT_TITLE))
            .unwrap_or_default();
        let challenge = Challenge::new(COMPONENT)
            .with("header_text", header)
            .with("permissions", json!(before))
            .with("additional_permissions", json!(new))
            .with("token", token);
        Ok(FlowStep::Show(flow.about_person(challenge)))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        if !token_fits(&flow.plan.context, answer) {
            flow.context().remove(&keys::CONSENT_TOKEN);
            return self.show(flow).await;
        }
        flow.context().remove(&keys::CONSENT_TOKEN);
        let settings = flow.settings::<ConsentStage>()?;
        let Some((user, application)) = parties(flow) else { return Ok(FlowStep::Next) };
        let now = flow.core.now();
        let expires = match settings.mode {
            Mode::AlwaysRequire => return Ok(FlowStep::Next),
            Mode::Permanent => None,
            Mode::Expiring => Some(now.plus(settings.consent_expire_in)),
        };
        let ids: Vec<String> = requested(&flow.plan.context).iter().map(|p| id(p).to_owned()).collect();
        let row =
            Consent { id: 0, user_id: user, application, permissions: ids.join(" "), expires, created: now };
        consents::put(&flow.core.db, &row).await?;
        Ok(FlowStep::Next)
    }
}

/// The user and the application; `None` if consent cannot be stored.
fn parties(flow: &FlowRun<'_>) -> Option<(i64, Uuid)> {
    let context = &flow.plan.context;
    let pending = context
        .get(&keys::PENDING_USER)
        .and_then(|u| u.id)
        .filter(|_| proof::owns_pending(context, flow.user()));
    let user = pending.or_else(|| flow.user().map(|p| p.user.id))?;
    Some((user, context.get(&keys::APPLICATION)?))
}

/// The scopes of the stored, unexpired consent.
async fn stored(flow: &FlowRun<'_>) -> Result<Option<Vec<String>>> {
    let Some((user, application)) = parties(flow) else { return Ok(None) };
    let row = consents::get(&flow.core.db, user, application).await?;
    let now = flow.core.now();
    Ok(row
        .filter(|c| !c.is_expired(now))
        .map(|c| c.permissions.split_whitespace().map(str::to_owned).collect()))
}

fn id(permission: &Map) -> &str {
    permission.get("id").and_then(Json::as_str).unwrap_or_default()
}
/// All requested permissions, each once.
fn requested(context: &Context) -> Vec<Map> {
    let mut seen = BTreeSet::new();
    let all = context
        .get(&keys::CONSENT_PERMISSIONS)
        .unwrap_or_default()
        .into_iter()
        .chain(context.get(&ADDITIONAL).unwrap_or_default());
    all.filter(|p| seen.insert(id(p).to_owned())).collect()
}
/// A stored consent must cover exactly the requested permissions.
fn covers(given: &[String], asked: &[Map]) -> bool {
    let given: BTreeSet<&str> = given.iter().map(String::as_str).collect();
    given == asked.iter().map(id).collect()
}
/// Splits into permissions consented before and new ones. Without a stored consent all are plain.
fn split(asked: Vec<Map>, given: Option<&[String]>) -> (Vec<Map>, Vec<Map>) {
    match given {
        Some(given) => asked.into_iter().partition(|p| given.iter().any(|g| g == id(p))),
        None => (asked, Vec::new()),
    }
}
/// OpenID Connect Core §3.1.2.1: `prompt=consent` asks even if consent is stored.
fn asks_again(prompt: Option<&str>) -> bool {
    prompt.is_some_and(|p| p.split_whitespace().any(|word| word == "consent"))
}
fn token_fits(context: &Context, answer: &Map) -> bool {
    match (context.get(&keys::CONSENT_TOKEN), answer.get("token").and_then(Json::as_str)) {
        (Some(issued), Some(sent)) => !issued.is_empty() && Secret::new(issued).matches(sent),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create, map};

    fn permissions(ids: &[&str]) -> Vec<Map> {
        ids.iter().map(|i| map(json!({"id": i, "name": i}))).collect()
    }
    fn owned(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|i| (*i).to_owned()).collect()
    }

    #[test]
    fn the_declaration_judges_durations() {
        let config = Snapshot::default();
        assert_eq!(
            create(ConsentStage::DEF, json!({"name": "a"}), &config).unwrap(),
            json!({"name": "a", "mode": "expiring", "consent_expire_in": "weeks=4"})
        );
        for wrong in ["bogus", "days=-1"] {
            assert!(
                create(ConsentStage::DEF, json!({"name": "a", "consent_expire_in": wrong}), &config)
                    .unwrap_err()
                    .get("consent_expire_in")
                    .is_some()
            );
        }
    }
    #[test]
    fn only_an_equal_agreement_covers() {
        let asked = permissions(&["openid", "email"]);
        assert!(covers(&owned(&["email", "openid"]), &asked));
        assert!(
            !covers(&owned(&["openid"]), &asked) && !covers(&owned(&["openid", "email", "groups"]), &asked)
        );
        let (before, new) = split(asked.clone(), Some(&owned(&["openid"])));
        assert_eq!((before, new), (permissions(&["openid"]), permissions(&["email"])));
        assert_eq!(split(asked.clone(), None), (asked, Vec::new()));
        assert!(asks_again(Some("login consent")) && !asks_again(Some("consents")) && !asks_again(None));
    }
    #[test]
    fn only_the_issued_token_agrees() {
        let mut context = Context::default();
        assert!(!token_fits(&context, &map(json!({"token": ""}))));
        context.set(&keys::CONSENT_TOKEN, "abc".to_owned());
        assert!(token_fits(&context, &map(json!({"token": "abc"}))));
        for wrong in [
            json!({}),
            json!({"token": ""}),
            json!({"token": "abd"}),
            json!({"token": null}),
            json!({"token": ["abc"]}),
        ] {
            assert!(!token_fits(&context, &map(wrong)));
        }
        context.set(&keys::CONSENT_TOKEN, String::new());
        assert!(!token_fits(&context, &map(json!({"token": ""}))));
    }
    #[test]
    fn the_same_permission_is_asked_for_once() {
        let mut context = Context::default();
        context.set(&keys::CONSENT_PERMISSIONS, permissions(&["openid", "openid"]));
        context.set(&ADDITIONAL, permissions(&["openid", "extra"]));
        assert_eq!(requested(&context), permissions(&["openid", "extra"]));
    }
}
