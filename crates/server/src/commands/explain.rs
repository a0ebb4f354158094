//! `signet explain`: why a user may use an application or run a flow, or not.
use super::output::{self, say};
use crate::config::Options;
use crate::serve;
use clap::Args;
use signet_base::{Error, Json, Map, Ports, Result, Timestamp};
use signet_core::explain::{self, ExplainRequest};
use signet_core::models::{Application, Flow};
use signet_core::{Client, Core, Principal};
use signet_model::Object;
use signet_store::users;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

/// What is asked on the command line.
#[derive(Args)]
pub struct Query {
    /// Slug of the application.
    #[arg(long, required_unless_present = "flow", conflicts_with = "flow")]
    application: Option<String>,
    /// Slug of the flow.
    #[arg(long)]
    flow: Option<String>,
    /// Name of the person; left out: a stranger.
    #[arg(long)]
    user: Option<String>,
    /// Address that the request comes from.
    #[arg(long, default_value = "127.0.0.1")]
    ip: IpAddr,
    /// Time that counts, as 2026-11-24T22:30:00Z; left out: now.
    #[arg(long)]
    at: Option<String>,
    /// The browser's name (User-Agent).
    #[arg(long, default_value = "")]
    user_agent: String,
    /// The whole answer as JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(options: &Options, query: &Query) -> Result<()> {
    let core = serve::open(options, Ports::system()).await?;
    let wanted = wanted(&core, query).await?;
    let answer = explain::explain(&core, &Client::internal(), &wanted).await?.to_json();
    if query.json {
        say!("{}", serde_json::to_string_pretty(&answer)?);
    } else {
        output::text(words(&answer));
    }
    core.db.close().await;
    Ok(())
}

async fn wanted(core: &Arc<Core>, query: &Query) -> Result<ExplainRequest> {
    let unknown = |what: &str, name: &str| Error::unavailable(format!("there is no {what} {name}"));
    let person = match &query.user {
        Some(name) => {
            let user = users::by_username(&core.db, name).await?.ok_or_else(|| unknown("user", name))?;
            Some(Principal::of(core, user).await?)
        }
        None => None,
    };
    let at = match &query.at {
        Some(text) => Timestamp::parse(text).map_err(|_| {
            Error::unavailable(format!("{text} is no time: write it as 2026-11-24T22:30:00Z"))
        })?,
        None => core.now(),
    };
    let target = target(core, query)?;
    Ok(ExplainRequest {
        person,
        target,
        ip: query.ip,
        device: String::new(),
        user_agent: query.user_agent.clone(),
        at,
        context: Map::new(),
    })
}

fn target(core: &Core, query: &Query) -> Result<Arc<Object>> {
    let config = core.config();
    let unknown = |what: &str, slug: &str| Error::unavailable(format!("there is no {what} {slug}"));
    match (&query.application, &query.flow) {
        (Some(slug), _) => config
            .find::<Application>("slug", slug)
            .map(|(o, _)| o.clone())
            .ok_or_else(|| unknown("application", slug)),
        (None, Some(slug)) => {
            config.find::<Flow>("slug", slug).map(|(o, _)| o.clone()).ok_or_else(|| unknown("flow", slug))
        }
        (None, None) => Err(Error::unavailable("name an application or a flow")),
    }
}

/// The explanation as text.
fn words(answer: &Json) -> String {
    let text = |from: &Json, name: &str| from.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let list = |from: &Json, name: &str| from.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    let passes = |from: &Json| from.get("passing") == Some(&Json::Bool(true));
    let mut out = String::new();
    let _ =
        writeln!(out, "{}: {}", if passes(answer) { "Allowed" } else { "Refused" }, text(answer, "reason"));
    for message in list(answer, "messages") {
        let _ = writeln!(out, "  \"{}\"", message.as_str().unwrap_or_default());
    }
    for decision in list(answer, "decisions") {
        let _ = writeln!(
            out,
            "\n{} (policy_engine_mode {}): {}",
            text(&decision, "name"),
            text(&decision, "policy_engine_mode"),
            if passes(&decision) { "passes" } else { "does not pass" }
        );
        for binding in list(&decision, "bindings") {
            let negated = if binding.get("negate") == Some(&Json::Bool(true)) { "not " } else { "" };
            let took = binding.get("took_us").and_then(Json::as_u64).unwrap_or_default();
            let _ = writeln!(
                out,
                "  {} {negated}{} [{}] {took} µs",
                if passes(&binding) { "+" } else { "-" },
                text(&binding, "name"),
                text(&binding, "kind")
            );
            for message in list(&binding, "messages") {
                let _ = writeln!(out, "      \"{}\"", message.as_str().unwrap_or_default());
            }
            let error = text(&binding, "error");
            if !error.is_empty() {
                let _ = writeln!(out, "      failed: {error}");
            }
        }
    }
    let stages = list(answer, "stages");
    if !stages.is_empty() {
        out.push_str("\nStages:\n");
    }
    for stage in stages {
        let _ = writeln!(
            out,
            "  {:>4} {}: {}. {}",
            stage.get("order").and_then(Json::as_i64).unwrap_or_default(),
            text(&stage, "name"),
            text(&stage, "outcome"),
            text(&stage, "reason")
        );
    }
    if let Some(risk) = answer.get("risk").filter(|r| r.is_object()) {
        let _ =
            writeln!(out, "\nRisk: {} of 100", risk.get("score").and_then(Json::as_i64).unwrap_or_default());
        for reason in list(risk, "reasons") {
            let _ = writeln!(
                out,
                "  {:>3} {}: {}",
                reason.get("points").and_then(Json::as_i64).unwrap_or_default(),
                text(&reason, "name"),
                text(&reason, "detail")
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn the_answer_is_told_in_lines() {
        let binding = json!({"passing": false, "negate": true, "name": "office", "kind": "signet_policies_network.networkpolicy", "took_us": 3, "messages": ["No."], "error": "it broke"});
        let answer = json!({
            "passing": false, "reason": "No binding passes: not office.", "messages": ["No."],
            "decisions": [{"name": "wiki", "policy_engine_mode": "any", "passing": false, "bindings": [binding]}],
            "stages": [{"order": 10, "name": "mfa", "outcome": "shown", "reason": "x"}],
            "risk": {"score": 35, "reasons": [{"name": "new_device", "points": 25, "detail": "y"}]},
        });
        let said = words(&answer);
        for part in [
            "Refused: No binding passes: not office.",
            "\"No.\"",
            "- not office [signet_policies_network.networkpolicy] 3 µs",
            "failed: it broke",
            "10 mfa: shown. x",
            "Risk: 35 of 100",
            "25 new_device: y",
        ] {
            assert!(said.contains(part), "{part}\n{said}");
        }
    }
}
