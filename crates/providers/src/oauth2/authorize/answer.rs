//! The authorization response: code, front-channel tokens, and the response mode.
use super::checks::{CheckedRequest, ResponseMode};
use crate::oauth2::back_channel_logout::take_part;
use crate::oauth2::claims::{self, AuthContext, BaseClaims};
use crate::oauth2::clients::ClientEntry;
use crate::oauth2::token::issue;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result, Uuid, json, query};
use signet_core::authorize::Answer;
use signet_core::event::EventAction;
use signet_core::{Client, Core, WebSession};
use signet_jose::half_hash;
use signet_store::grants;
use std::sync::Arc;

/// The data of an authorization code that the token endpoint needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CodeData {
    pub redirect_uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    pub auth: AuthContext,
}

/// Purpose of the keyed digests of codes.
pub const CODE_DIGEST: &str = "oauth-code";

/// Issues the requested code and tokens. All checks of the request and the user have passed.
pub async fn answer(
    core: &Arc<Core>,
    client: &Client,
    session: &WebSession,
    entry: &ClientEntry,
    ask: &CheckedRequest,
) -> Result<Vec<(String, String)>> {
    let person = session.principal().ok_or_else(|| Error::denied("Nobody is signed in."))?;
    let now = core.now();
    let auth = AuthContext::of_session(session.authentication(), session.sid(), ask.nonce.clone(), now);
    let family = core.ports.uuid_v7();
    let code = ask.response.code.then(|| core.ports.timed_secret(43));
    let issuer = entry.issuer_for(core, client);
    let joins = take_part(core, session, entry, &issuer, person, &auth)?;
    let record = async {
        let Some(code) = &code else { return core.db.batch(joins).await.map(drop) };
        let data = CodeData {
            redirect_uri: ask.redirect_uri.clone(),
            challenge: ask.challenge.clone(),
            auth: auth.clone(),
        };
        let row = grants::Code {
            id: 0,
            digest: core.vault.timed_digest(CODE_DIGEST, code),
            provider: entry.num(),
            user_id: person.user.id,
            session: session.uuid(),
            family,
            scope: ask.scopes.to_string(),
            data: serde_json::to_value(&data)?,
            issued: now,
            expires: now.plus(entry.settings.access_code_validity),
            used: false,
            epoch: session.epoch(),
        };
        core.db.batch(grants::insert_code_batch(&row).then(joins)).await.map(drop)
    };
    // Both inserts go into the same commit.
    let (recorded, _) = tokio::join!(record, event(core, client, session, entry, ask));
    recorded?;

    let mut out = Vec::new();
    let mut put = |name: &str, value: String| out.push((name.to_owned(), value));
    if ask.response.id_token || ask.response.token {
        let front = front_channel(core, client, session, entry, ask, &auth, family, code.as_deref()).await?;
        let lifetime = entry.settings.access_token_validity.secs().to_string();
        if let Some(access) = front.access {
            put("access_token", access);
            code.iter().for_each(|code| put("code", code.clone()));
            front.id.into_iter().for_each(|id| put("id_token", id));
            put("token_type", "Bearer".into());
            put("expires_in", lifetime);
        } else {
            code.iter().for_each(|code| put("code", code.clone()));
            front.id.into_iter().for_each(|id| put("id_token", id));
        }
    } else {
        code.iter().for_each(|code| put("code", code.clone()));
    }
    put("state", ask.state.clone().unwrap_or_default());
    put("iss", issuer);
    Ok(out)
}

struct FrontChannel {
    access: Option<String>,
    id: Option<String>,
}

#[allow(clippy::too_many_arguments, reason = "the parts of one request, used once")]
async fn front_channel(
    core: &Arc<Core>,
    client: &Client,
    session: &WebSession,
    entry: &ClientEntry,
    ask: &CheckedRequest,
    auth: &AuthContext,
    family: Uuid,
    code: Option<&str>,
) -> Result<FrontChannel> {
    let person = session.principal().ok_or_else(|| Error::denied("Nobody is signed in."))?;
    let now = core.now();
    let issuer = entry.issuer_for(core, client);
    let expires = now.plus(entry.settings.access_token_validity);
    let base = BaseClaims { entry, issuer: &issuer, person, auth, now, expires };
    let mut id = base.claims(core.ports.hex(16));
    let grant = claims::TokenContext { person, scopes: &ask.scopes, auth, expires };
    let mapped = if entry.settings.include_claims_in_id_token {
        claims::of_scopes(core, client, entry, &grant, &id).await?
    } else {
        Map::new()
    };
    let mut access = None;
    if ask.response.token {
        let mut token = issue::access_claims(core, &base, &mapped, &ask.scopes);
        token.insert("uid".into(), json!(core.ports.alphanumeric(40)));
        let jti = token.get("jti").and_then(Json::as_str).unwrap_or_default().to_owned();
        let signed = entry
            .signer
            .sign(core, vec![token])
            .await?
            .pop()
            .ok_or_else(|| Error::internal("no signature"))?;
        let row = issue::row(
            core,
            &base,
            &ask.scopes,
            session.uuid(),
            session.epoch(),
            family,
            &signed,
            grants::TokenKind::Access,
            expires,
            Some(jti),
        )?;
        grants::insert(&core.db, &[row]).await?;
        access = Some(signed);
    }
    let mut signed_id = None;
    if ask.response.id_token {
        claims::add(&mut id, &mapped);
        let alg = entry.signer.alg();
        if let Some(access) = &access {
            id.insert("at_hash".into(), json!(half_hash(alg, access)));
        }
        if let Some(code) = code {
            id.insert("c_hash".into(), json!(half_hash(alg, code)));
        }
        signed_id = entry.signer.sign(core, vec![id]).await?.pop();
    }
    Ok(FrontChannel { access, id: signed_id })
}

async fn event(
    core: &Core,
    client: &Client,
    session: &WebSession,
    entry: &ClientEntry,
    ask: &CheckedRequest,
) {
    let config = core.config();
    let flow = config.get(entry.settings.authorization_flow).map(|f| f.pk.simple().to_string());
    let context = json!({"authorized_application": Core::model_event(&entry.application), "flow": flow, "scopes": ask.scopes.to_string()});
    core.event(
        client,
        session.principal(),
        EventAction::AuthorizeApplication,
        "authentik_providers_oauth2",
        context,
    )
    .await;
}

/// The parameters on their way to the client, by the response mode.
pub fn to_client(ask: &CheckedRequest, parameters: Vec<(String, String)>) -> Answer {
    if ask.mode == ResponseMode::FormPost {
        return Answer::Form { url: ask.redirect_uri.clone(), fields: parameters };
    }
    let pairs: Vec<(&str, &str)> = parameters.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    Answer::Redirect(ask.location(&pairs))
}

/// Whether the code in an answer, if there is one, can still be redeemed. A client that redeems a code twice loses its
/// tokens (RFC 6749 §4.1.2), so a used one is not sent again.
pub async fn may_repeat(core: &Core, answer: &Answer) -> Result<bool> {
    let code = match answer {
        Answer::Redirect(to) => to.split_once(['?', '#']).and_then(|(_, sent)| query::value(sent, "code")),
        Answer::Form { fields, .. } => fields.iter().find(|(n, _)| n == "code").map(|(_, v)| v.clone()),
    };
    let Some(code) = code else { return Ok(true) };
    let row = grants::code_by_digest(&core.db, &core.vault.timed_digest(CODE_DIGEST, &code)).await?;
    Ok(row.is_some_and(|row| !row.used && row.expires > core.now()))
}
