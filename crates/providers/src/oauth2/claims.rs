//! Claims of ID tokens, access tokens and userinfo.
use super::clients::ClientEntry;
use super::scopes::Scopes;
use super::subject::subject;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result, Timestamp, json};
use signet_core::event::EventAction;
use signet_core::expression::{self, Value, evaluate_many, provider_value};
use signet_core::policy::Question;
use signet_core::session::Authentication;
use signet_core::{Client, Core, Principal};
use signet_model::Object;
use std::sync::Arc;

pub const ACR: &str = "goauthentik.io/providers/oauth2/default";
/// Claims that mappings cannot replace: clients validate tokens by them.
const PROTECTED: [&str; 8] = ["iss", "exp", "iat", "jti", "nonce", "at_hash", "c_hash", "azp"];

/// Authentication data that a grant passes to all its tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthContext {
    /// Time of the sign-in, Unix seconds.
    pub auth_time: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

impl AuthContext {
    /// From the browser session.
    pub fn of_session(
        authentication: Option<&Authentication>,
        sid: Option<String>,
        nonce: Option<String>,
        now: Timestamp,
    ) -> Self {
        let auth_time = authentication.map_or(now, |a| a.at).secs();
        Self { auth_time, amr: authentication.map(amr).unwrap_or_default(), sid, nonce }
    }
    /// Without a browser: the client authenticated now.
    pub fn machine(now: Timestamp) -> Self {
        Self { auth_time: now.secs(), ..Self::default() }
    }
}

/// Authentication method references (RFC 8176).
fn amr(authentication: &Authentication) -> Vec<String> {
    let mut out = Vec::new();
    match authentication.method.as_str() {
        "password" | "token" | "ldap" => out.push("pwd"),
        "auth_webauthn_pwl" => out.push("user"),
        "mtls" => out.push("sc"),
        _ => {}
    }
    let devices =
        authentication.method_args.get("mfa_devices").and_then(Json::as_array).is_some_and(|d| !d.is_empty());
    if devices || authentication.method == "auth_mfa" {
        out.push("mfa");
    }
    out.into_iter().map(str::to_owned).collect()
}

/// The claims that all tokens of a grant share.
pub struct BaseClaims<'a> {
    pub entry: &'a ClientEntry,
    pub issuer: &'a str,
    pub person: &'a Principal,
    pub auth: &'a AuthContext,
    pub now: Timestamp,
    /// Expiry of the access token.
    pub expires: Timestamp,
}

impl BaseClaims<'_> {
    /// The built-in claims with `jti`; empty members are omitted.
    pub fn claims(&self, jti: String) -> Map {
        let mut out = Map::with_capacity(24);
        let mut put = |name: &str, value: Json| drop(out.insert(name.to_owned(), value));
        put("iss", json!(self.issuer));
        put("sub", json!(subject(self.entry.settings.sub_mode, self.person)));
        put("aud", json!(self.entry.settings.client_id));
        put("exp", json!(self.expires.secs()));
        put("iat", json!(self.now.secs()));
        put("auth_time", json!(self.auth.auth_time));
        put("acr", json!(ACR));
        if !self.auth.amr.is_empty() {
            put("amr", json!(self.auth.amr));
        }
        if let Some(nonce) = &self.auth.nonce {
            put("nonce", json!(nonce));
        }
        if let Some(sid) = &self.auth.sid {
            put("sid", json!(sid));
        }
        put("jti", json!(jti));
        out
    }
}

/// Merges mapping claims. They replace built-in claims, except the protected ones.
pub fn add(into: &mut Map, from: &Map) {
    for (name, value) in from {
        if !PROTECTED.contains(&name.as_str()) {
            into.insert(name.clone(), value.clone());
        }
    }
}

/// The grant as mappings see it (`token`).
#[derive(Clone, Copy)]
pub struct TokenContext<'a> {
    pub person: &'a Principal,
    pub scopes: &'a Scopes,
    pub auth: &'a AuthContext,
    pub expires: Timestamp,
}

impl TokenContext<'_> {
    /// The grant's members, and beside them the claims of the ID token so far.
    fn value(&self, core: &Arc<Core>, client: &Client, provider: &Value, claims: &Map) -> Value {
        let own = [
            ("scope".to_owned(), Value::list(self.scopes.iter().map(Value::from))),
            ("user".to_owned(), expression::person_value(core, client, self.person)),
            ("provider".to_owned(), provider.clone()),
            ("expires".to_owned(), Value::Time(self.expires)),
            ("auth_time".to_owned(), Value::Time(Timestamp::from_secs(self.auth.auth_time))),
        ];
        let claims = claims
            .iter()
            .filter(|(name, _)| !own.iter().any(|(taken, _)| taken == *name))
            .map(|(name, value)| (name.clone(), Value::from(value)));
        Value::record("Token", claims.chain(own.clone()).collect::<Vec<_>>())
    }
}

/// The merged claims of the granted scopes' mappings, in mapping order. A mapping that fails is skipped and
/// recorded as an event: the token then has fewer claims, never more.
pub async fn of_scopes(
    core: &Arc<Core>,
    client: &Client,
    entry: &ClientEntry,
    grant: &TokenContext<'_>,
    claims: &Map,
) -> Result<Map> {
    let (person, scopes) = (grant.person, grant.scopes);
    let chosen: Vec<_> = entry
        .scopes
        .iter()
        .filter(|s| scopes.has(&s.name))
        .filter_map(|s| Some((s, s.program.clone()?)))
        .collect();
    let mut out = Map::new();
    if chosen.is_empty() {
        return Ok(out);
    }
    let context = Map::new();
    let question =
        Question { core, client, user: Some(person), context: &context, target: Some(&entry.application) };
    let (chosen, programs): (Vec<_>, Vec<_>) = chosen.into_iter().unzip();
    // The name is requested directly or through the context.
    let names = |name: &str| programs.iter().any(|program| program.may_name(name));
    let mut given = Vec::new();
    let provider = if names("provider") || names("token") {
        provider_value(&core.config(), &entry.provider)
    } else {
        Value::None
    };
    if names("token") {
        given.push(("token", grant.value(core, client, &provider, claims)));
    }
    if names("provider") {
        given.push(("provider", provider));
    }
    let results = evaluate_many(&question, programs, given).await;
    for (scope, result) in chosen.into_iter().zip(results) {
        let claims = match result {
            Ok(outcome) if matches!(outcome.value, Value::None) => continue,
            Ok(outcome) => expression::to_json(&outcome.value),
            Err(error) => Err(error.to_string()),
        };
        match claims {
            Ok(Json::Object(claims)) => signet_core::rows::merge(&mut out, &claims),
            Ok(_) => {
                failed(core, client, person, &scope.mapping, "The expression returned no dictionary.").await
            }
            Err(why) => failed(core, client, person, &scope.mapping, &why).await,
        }
    }
    Ok(out)
}

async fn failed(core: &Core, client: &Client, person: &Principal, mapping: &Object, why: &str) {
    tracing::warn!(request_id = %client.request_id, mapping = mapping.name(), %why, "a scope mapping failed");
    core.event(
        client,
        Some(person),
        EventAction::PropertyMappingException,
        "authentik_providers_oauth2",
        json!({"message": why, "mapping": Core::model_event(mapping)}),
    )
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::Uuid;
    fn signed_in(method: &str, args: Json) -> Authentication {
        Authentication {
            method: method.into(),
            method_args: args.as_object().cloned().unwrap_or_default(),
            at: Timestamp::from_secs(100),
            event: Uuid::nil(),
        }
    }
    #[test]
    fn methods_follow_from_how_a_person_signed_in() {
        assert_eq!(amr(&signed_in("password", json!({}))), ["pwd"]);
        assert_eq!(amr(&signed_in("password", json!({"mfa_devices": [{}]}))), ["pwd", "mfa"]);
        assert_eq!(amr(&signed_in("auth_webauthn_pwl", json!({}))), ["user"]);
        assert!(amr(&signed_in("", json!({}))).is_empty());
    }
    #[test]
    fn the_context_of_a_session_survives_storage() {
        let auth = AuthContext::of_session(
            Some(&signed_in("password", json!({}))),
            Some("s".into()),
            Some("n".into()),
            Timestamp::from_secs(200),
        );
        assert_eq!((auth.auth_time, auth.nonce.as_deref()), (100, Some("n")));
        assert_eq!(
            serde_json::from_value::<AuthContext>(serde_json::to_value(&auth).unwrap()).unwrap(),
            auth
        );
        assert_eq!(
            serde_json::to_value(AuthContext::machine(Timestamp::from_secs(5))).unwrap(),
            json!({"auth_time": 5})
        );
    }
    #[test]
    fn mappings_win_over_built_in_claims_but_not_over_protected_ones() {
        let mut claims = json!({"iss": "a", "sub": "b", "exp": 1}).as_object().cloned().unwrap();
        add(&mut claims, json!({"iss": "evil", "exp": 9, "sub": "c", "groups": ["g"]}).as_object().unwrap());
        assert_eq!(Json::Object(claims), json!({"iss": "a", "sub": "c", "exp": 1, "groups": ["g"]}));
    }
}
