//! Ends the flow with a redirect to a URL or to another flow.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Result, Uuid};
use signet_core::flow::{Challenge, FlowRun, FlowStep, Key, StageKind};
use signet_core::models::Flow;
use signet_model::{Change, Choice, Model, Snapshot};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[RedirectStage::DEF], kind: || Arc::new(Redirect), actions: signet_rest::none };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum RedirectMode {
    Static,
    Flow,
}

/// Sends the person elsewhere.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_redirect", path = "stages/redirect", base = Stage, label = "Redirect Stage", component = "ak-stage-redirect-form", search("name"), check = check)]
pub struct RedirectStage {
    #[field(unique, filter)]
    pub name: String,
    /// What is known in this flow is known in the next one.
    #[field(default = true)]
    pub keep_context: bool,
    #[field(choice)]
    pub mode: RedirectMode,
    /// An address, or a path of this server.
    #[field(default = "", blank, max = 2000)]
    pub target_static: String,
    #[field(refers = "authentik_flows.flow")]
    pub target_flow: Option<Uuid>,
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let (mode, target) = (change.text("mode"), change.text("target_static"));
    let mut errors = FieldErrors::new();
    if mode == "static" && target.is_empty() {
        errors.add("target_static", "This field is required.");
    }
    if !target.is_empty() && !is_safe(target) {
        errors.add(
            "target_static",
            "Use an http or https address, the address of a program, or a path that begins with one slash.",
        );
    }
    if mode == "flow" && change.data.get("target_flow").is_none_or(Json::is_null) {
        errors.add("target_flow", "This field is required.");
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Set by policies: a URL, or `ak-flow://<slug>`.
const TARGET: Key<String> = Key::new("redirect_stage_target");
struct Redirect;

enum Target {
    Address(String),
    Flow(Uuid),
}

#[async_trait]
impl StageKind for Redirect {
    fn id(&self) -> &'static str {
        "authentik_stages_redirect.redirectstage"
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<RedirectStage>()?;
        match target(flow, &settings) {
            Some(Target::Flow(next)) => Ok(FlowStep::Switch { flow: next, keep: settings.keep_context }),
            Some(Target::Address(to)) => {
                Ok(FlowStep::Finish(Challenge::new("xak-flow-redirect").with("to", to)))
            }
            None => {
                tracing::warn!(stage = %settings.name, "a redirect stage has no target that may be followed");
                Ok(FlowStep::Deny(None))
            }
        }
    }
}

fn target(flow: &FlowRun<'_>, settings: &RedirectStage) -> Option<Target> {
    if let Some(set) = flow.plan.context.get(&TARGET).filter(|t| !t.is_empty()) {
        return match set.strip_prefix("ak-flow://") {
            Some(slug) => flow
                .core
                .config()
                .find::<Flow>("slug", slug.trim_end_matches('/'))
                .map(|(o, _)| Target::Flow(o.pk)),
            None => is_safe(&set).then_some(Target::Address(set)),
        };
    }
    match settings.mode {
        RedirectMode::Flow => settings.target_flow.map(Target::Flow),
        RedirectMode::Static => {
            is_safe(&settings.target_static).then(|| Target::Address(settings.target_static.clone()))
        }
    }
}

/// Schemes that execute script or show content in this site's name.
const DANGEROUS: [&str; 10] = [
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "filesystem",
    "view-source",
    "ak-flow",
    "jar",
];

/// Whether it is a local path or a safe absolute URL.
fn is_safe(target: &str) -> bool {
    if target.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return false;
    }
    if target.starts_with('/') {
        return !target.starts_with("//");
    }
    let Some((scheme, rest)) = target.split_once(':') else { return false };
    let lower = scheme.to_ascii_lowercase();
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let web = matches!(lower.as_str(), "http" | "https");
    let host = rest.strip_prefix("//").map(|r| r.split(['/', '?', '#']).next().unwrap_or_default());
    named
        && !DANGEROUS.contains(&lower.as_str())
        && if web { host.is_some_and(|h| !h.is_empty() && !h.contains('@')) } else { !rest.is_empty() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create;
    use signet_base::json;

    #[test]
    fn only_addresses_without_tricks_are_followed() {
        for good in [
            "https://a.test",
            "http://a.test:8080/x?y=z#w",
            "/if/user/",
            "myapp://callback",
            "com.example.app:/cb",
            "HTTPS://A.test/",
        ] {
            assert!(is_safe(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            " javascript:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:x",
            "//evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "https:evil",
            "https://",
            "https:///x",
            "https://a@evil.test",
            "",
            "evil.test",
            "1a:b",
            "https://a.test\n",
            "view-source:https://a.test",
            "about:blank",
        ] {
            assert!(!is_safe(bad), "{bad:?}");
        }
    }
    #[test]
    fn the_declaration_wants_a_target() {
        let config = Snapshot::default();
        assert!(create(RedirectStage::DEF, json!({"name": "a"}), &config).unwrap_err().get("mode").is_some());
        assert_eq!(
            create(RedirectStage::DEF, json!({"name": "a", "mode": "static"}), &config).unwrap_err(),
            json!({"target_static": ["This field is required."]})
        );
        assert_eq!(
            create(RedirectStage::DEF, json!({"name": "a", "mode": "flow"}), &config).unwrap_err(),
            json!({"target_flow": ["This field is required."]})
        );
        assert!(
            create(
                RedirectStage::DEF,
                json!({"name": "a", "mode": "static", "target_static": "javascript:x"}),
                &config
            )
            .unwrap_err()
            .get("target_static")
            .is_some()
        );
        let made = create(
            RedirectStage::DEF,
            json!({"name": "a", "mode": "static", "target_static": "https://a.test"}),
            &config,
        )
        .unwrap();
        assert_eq!((&made["keep_context"], &made["target_flow"]), (&json!(true), &Json::Null));
    }
}
