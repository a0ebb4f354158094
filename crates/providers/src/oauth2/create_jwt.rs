//! Tokens created by an expression (`ak_create_jwt`). The caller has checked access.
use super::claims::AuthContext;
use super::clients::ClientIndex;
use super::scopes::{OFFLINE_ACCESS, OPENID, Scopes};
use super::token::issue::{self, Issue};
use signet_base::{Error, Map, Result, json};
use signet_core::provider::{JwtRequest, Subject};
use signet_core::{Client, Core};
use signet_model::Object;
use signet_store::grants;
use std::sync::Arc;

pub async fn token(
    core: &Arc<Core>,
    client: &Client,
    provider: &Arc<Object>,
    order: JwtRequest,
) -> Result<String> {
    let entry = ClientIndex::new(core.config())
        .entry(provider)?
        .ok_or_else(|| Error::denied("The provider belongs to no application."))?;
    let now = core.now();
    match order.subject {
        Subject::Person { person, scopes } => {
            let scopes = Scopes::parse(&scopes.join(" "))
                .among(entry.scope_names().chain([OPENID]))
                .without(OFFLINE_ACCESS);
            let auth = AuthContext::machine(now);
            let family = core.ports.uuid_v7();
            let issue = Issue {
                core,
                client,
                entry: &entry,
                person: &person,
                scopes: &scopes,
                auth: &auth,
                session: None,
                epoch: person.user.epoch,
                family,
                refresh: None,
                lifetime: order.validity,
                now,
            };
            let issued = issue::make(&issue).await?;
            grants::insert(&core.db, &[issued.access]).await?;
            issued
                .body
                .get("access_token")
                .and_then(|token| token.as_str())
                .map(str::to_owned)
                .ok_or_else(|| Error::internal("no token"))
        }
        Subject::Claims(given) => {
            let mut claims = Map::new();
            claims.insert("iss".into(), json!(entry.issuer_for(core, client)));
            claims.extend(given);
            // Only the server may set the claim that makes an access token valid by itself.
            claims.remove("uid");
            claims.insert("iat".into(), json!(now.secs()));
            claims.insert("exp".into(), json!(now.plus(order.validity).secs()));
            entry.signer.sign(core, vec![claims]).await?.pop().ok_or_else(|| Error::internal("no signature"))
        }
    }
}
