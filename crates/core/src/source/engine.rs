//! The way to a source and back. What the answer is for was decided when it began.
use super::{Exchange, SourceKind, SourceSettings, arrival};
use crate::event::EventAction;
use crate::pending_request::{self, BoundTo, PendingRequest, Purpose};
use crate::policy::{self, Question};
use crate::{Core, Principal, WebSession};
use serde::{Deserialize, Serialize};
use signet_base::error::Chain;
use signet_base::{Error, Json, Map, Result, Span, Uuid, json, query};
use signet_model::{Base, Object};
use std::sync::Arc;

/// How long somebody may take at the source.
const LIFETIME: Span = Span::from_secs(15 * 60);
const OVER: &str = "This sign-in is over, was used already, or was begun in another browser. Start again.";
const OFF: &str = "This source is switched off.";

#[derive(Serialize, Deserialize)]
struct Sent {
    source: Uuid,
    /// The kind's own.
    content: Json,
}

/// The enabled source of a kind with this slug, and its kind. A disabled source is none.
pub fn find(
    core: &Core,
    model: &str,
    slug: &str,
) -> Result<(Arc<Object>, Arc<dyn SourceKind>, SourceSettings)> {
    let config = core.config();
    let source = config
        .family(Base::Source)
        .find(|source| source.text("slug") == slug && source.def.is(model))
        .ok_or(Error::NotFound)?;
    let settings = SourceSettings::of(source)?;
    let kind = core.families.source(source.def).ok_or(Error::NotFound)?;
    if settings.enabled { Ok((source.clone(), kind, settings)) } else { Err(Error::NotFound) }
}

/// Whether the source's policies let the person use it; `None`: somebody who is not known yet.
pub(super) async fn judge(
    exchange: &Exchange<'_>,
    settings: &SourceSettings,
    person: Option<&Principal>,
) -> Result<()> {
    let Some(pbm) = exchange.source.pbm() else { return Ok(()) };
    let context = Map::new();
    let question = Question {
        core: exchange.core,
        client: exchange.client,
        user: person,
        context: &context,
        target: Some(exchange.source),
    };
    let verdict = policy::judge(pbm, settings.policy_engine_mode, &question).await?;
    if verdict.passing {
        return Ok(());
    }
    let text = if verdict.messages.is_empty() {
        format!("You may not use {} to sign in here.", settings.name)
    } else {
        verdict.messages.join("\n")
    };
    Err(Error::denied(text))
}

/// Sends a person to the source: where to, and a `Set-Cookie` value if the browser needs one.
pub async fn begin(
    exchange: &Exchange<'_>,
    purpose: Purpose,
    target: &str,
    lifetime: Option<Span>,
) -> Result<(String, Option<String>)> {
    let Exchange { core, client, source } = exchange;
    let settings = SourceSettings::of(source)?;
    let kind =
        core.families.source(source.def).filter(|_| settings.enabled).ok_or_else(|| Error::denied(OFF))?;
    judge(exchange, &settings, client.sent.person()).await?;
    let key = pending_request::key(core);
    let begun = kind.begin(exchange, key.reveal()).await?;
    let sent = Sent { source: source.pk, content: begun.content };
    let request = PendingRequest { purpose, target: target.to_owned(), content: serde_json::to_value(sent)? };
    let bound = BoundTo::Browser;
    let lifetime = lifetime.unwrap_or(LIFETIME);
    let cookie =
        pending_request::store(core, client, &source.def.full_name(), bound, lifetime, &key, &request)
            .await?;
    Ok((begun.to, cookie))
}

/// How an answer ended.
pub struct Finished {
    /// Where the person goes: a path of this server; or why not.
    pub outcome: Result<String>,
    /// Where somebody who was refused tries again.
    pub way_back: String,
}

/// Takes the answer of a source. `key` is that of the request.
pub async fn finish(
    exchange: &Exchange<'_>,
    session: &mut WebSession,
    key: &str,
    answer: &[(String, String)],
) -> Finished {
    let Exchange { core, client, source } = exchange;
    let sign_in = |target: &str| match target {
        "" => "/flows/-/default/authentication/".to_owned(),
        target => format!("/flows/-/default/authentication/?next={}", query::encode(target)),
    };
    let taken = match pending_request::take(core, client, &source.def.full_name(), key).await {
        Ok(Some(request)) => request,
        Ok(None) => return Finished { outcome: Err(Error::denied(OVER)), way_back: sign_in("") },
        Err(error) => return Finished { outcome: Err(error), way_back: sign_in("") },
    };
    let way_back = match &taken.purpose {
        Purpose::Link { .. } => "/if/user/security/".to_owned(),
        Purpose::Resume { flow, query, .. } => arrival::address(core, *flow, query),
        Purpose::SignIn | Purpose::Message => sign_in(&taken.target),
    };
    let outcome = answered(exchange, session, taken, answer).await;
    if let Err(error @ (Error::Denied(_) | Error::Unavailable(_))) = &outcome {
        tracing::info!(request_id = %client.request_id, source = source.name(), error = %Chain(error), "a source let nobody in");
    }
    Finished { outcome, way_back }
}

async fn answered(
    exchange: &Exchange<'_>,
    session: &mut WebSession,
    request: PendingRequest,
    answer: &[(String, String)],
) -> Result<String> {
    let Exchange { core, source, .. } = exchange;
    let sent: Sent = serde_json::from_value(request.content)?;
    // The answer to a request to another source, delivered here (RFC 9700 §4.4).
    if sent.source != source.pk {
        return Err(Error::denied(OVER));
    }
    let settings = SourceSettings::of(source)?;
    let kind =
        core.families.source(source.def).filter(|_| settings.enabled).ok_or_else(|| Error::denied(OFF))?;
    let remote = match kind.finish(exchange, &sent.content, answer).await {
        Ok(remote) => remote,
        Err(error) => {
            told(exchange, &error.to_string(), Map::new()).await;
            return Err(error);
        }
    };
    arrival::arrive(exchange, &settings, session, request.purpose, &request.target, remote).await
}

/// The event of somebody who was not let in.
pub(super) async fn told(exchange: &Exchange<'_>, message: &str, more: Map) {
    let mut context = json!({"message": message, "source": Core::model_event(exchange.source)});
    if let Json::Object(all) = &mut context {
        all.extend(more);
    }
    let (core, client) = (exchange.core, exchange.client);
    core.event(client, client.sent.person(), EventAction::LoginFailed, "authentik_core", context).await;
}
