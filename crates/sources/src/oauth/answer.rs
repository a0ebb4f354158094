//! The token endpoint's answer, the ID token and the userinfo endpoint.
use super::discovery::{self, Server, json, request};
use super::model::{ClientAuthentication, OAuthSource, host};
use base64::{Engine, engine::general_purpose::STANDARD};
use signet_base::{Error, Json, Map, Result, Secret, query};
use signet_core::Core;
use signet_jose::jwt::{Expect, decode_unverified_header, verify};
use signet_jose::{JwkSet, JwtError, half_hash};
use signet_model::Object;

/// Tolerated difference of clocks in seconds.
const LEEWAY: u32 = 60;

/// What the token endpoint gave.
pub(super) struct Tokens {
    pub access: Secret,
    pub refresh: Secret,
    pub id_token: Option<String>,
    /// Seconds.
    pub expires_in: Option<i64>,
}

/// The address that an administrator typed, by which the others are judged.
fn trusted<'a>(settings: &'a OAuthSource, typed: Option<&'a String>) -> &'a str {
    typed.filter(|address| !address.is_empty()).map_or(settings.oidc_well_known_url.as_str(), String::as_str)
}

/// Exchanges the code (RFC 6749 §4.1.3).
pub(super) async fn exchange(
    core: &Core,
    settings: &OAuthSource,
    server: &Server,
    code: &str,
    redirect_uri: &str,
    verifier: Option<&str>,
) -> Result<Tokens> {
    let (id, secret) = (settings.consumer_key.as_str(), settings.consumer_secret.reveal());
    let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
    form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
    let mut call = request("POST", &server.token, trusted(settings, settings.access_token_url.as_ref()));
    match settings.authorization_code_auth_method {
        ClientAuthentication::BasicAuth => {
            let pair = format!("{}:{}", query::encode(id), query::encode(secret));
            call = call.header("authorization", format!("Basic {}", STANDARD.encode(pair)));
        }
        ClientAuthentication::PostBody => form.extend([("client_id", id), ("client_secret", secret)]),
    }
    let call = call.body("application/x-www-form-urlencoded", query::build(form));
    let answer = core.ports.http.send(call).await?;
    read_tokens(&answer.body, answer.status)
        .map_err(|why| Error::unavailable(format!("{} gave no token: {why}", host(&server.token))))
}

/// Reads the answer leniently: JSON or a form, numbers as texts, errors with status 200.
fn read_tokens(body: &[u8], status: u16) -> Result<Tokens, String> {
    let map: Map = match serde_json::from_slice(body) {
        Ok(Json::Object(map)) => map,
        _ => {
            let text = String::from_utf8_lossy(body);
            query::pairs(&text).into_iter().map(|(name, value)| (name, Json::String(value))).collect()
        }
    };
    let text = |name: &str| map.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    if let Some(error) = map.get("error") {
        // The word alone: descriptions may hold anything.
        let word: String =
            error.as_str().unwrap_or("error").chars().filter(char::is_ascii_graphic).take(60).collect();
        return Err(word);
    }
    if status != 200 {
        return Err(format!("status {status}"));
    }
    if text("token_type").is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("the token is of another type than Bearer".to_owned());
    }
    let expires_in = match map.get("expires_in") {
        Some(Json::Number(number)) => number.as_i64(),
        Some(Json::String(text)) => text.parse().ok(),
        _ => None,
    };
    Ok(Tokens {
        access: Secret::new(text("access_token").ok_or("the answer has no access_token")?),
        refresh: Secret::new(text("refresh_token").unwrap_or_default()),
        id_token: text("id_token").map(str::to_owned),
        expires_in: expires_in.filter(|seconds| (0..=315_360_000).contains(seconds)),
    })
}

/// What an ID token is checked by.
pub(super) struct Expected<'a> {
    pub source: &'a Object,
    pub settings: &'a OAuthSource,
    pub server: &'a Server,
    pub issuer: &'a str,
    pub nonce: &'a str,
    pub access: &'a Secret,
}

/// Checks an ID token (OpenID Connect Core 1.0 §3.1.3.7) and gives its claims.
pub(super) async fn id_token(core: &Core, token: &str, expected: &Expected<'_>) -> Result<Map> {
    let Expected { source, settings, server, issuer, nonce, access } = *expected;
    let refuse = |why: &str| {
        tracing::warn!(source = source.name(), %why, "an ID token was refused");
        Error::denied(format!("{} sent a proof of who you are that does not hold.", settings.name))
    };
    let header = decode_unverified_header(token).map_err(|error| refuse(&error.to_string()))?;
    let offered = if server.algorithms.is_empty() {
        header.alg.as_str() == "RS256"
    } else {
        server.algorithms.iter().any(|name| name == header.alg.as_str())
    };
    if header.alg.is_symmetric() || !offered {
        return Err(refuse("its algorithm is none that the server announces"));
    }
    let expect = Expect::new(core.now().secs()).iss(issuer).aud(&settings.consumer_key).leeway(LEEWAY);
    let check = |keys: &Json| {
        let set = JwkSet::from_json(keys.to_string().as_bytes()).map_err(|_| JwtError::NoKey)?;
        verify(token, set.keys(), &expect)
    };
    let checked = match check(&server.keys) {
        // The server has a new key.
        Err(JwtError::NoKey) => match discovery::newer_keys(core, source, settings).await? {
            Some(keys) => check(&keys),
            None => Err(JwtError::NoKey),
        },
        checked => checked,
    };
    let claims = checked.map_err(|error| refuse(&error.to_string()))?.into_inner();
    judge(&claims.into_map(), &settings.consumer_key, nonce, |claims| {
        let hash = claims.get("at_hash").and_then(Json::as_str);
        hash.is_none_or(|hash| hash == half_hash(header.alg, access.reveal()))
    })
    .map_err(refuse)
}

/// What a signature does not say.
fn judge(
    claims: &Map,
    client: &str,
    nonce: &str,
    hash_fits: impl Fn(&Map) -> bool,
) -> Result<Map, &'static str> {
    let text = |name: &str| claims.get(name).and_then(Json::as_str);
    if text("sub").is_none_or(|sub| sub.is_empty() || sub.len() > 255) {
        return Err("it has no subject");
    }
    if text("nonce") != Some(nonce) {
        return Err("its nonce is that of another request");
    }
    let several = claims.get("aud").and_then(Json::as_array).is_some_and(|all| all.len() > 1);
    match claims.get("azp").map(|azp| azp.as_str() == Some(client)) {
        Some(false) => return Err("it was made for another client"),
        None if several => return Err("it has several audiences and does not say for whom it was made"),
        _ => {}
    }
    if claims.get("iat").and_then(Json::as_f64).is_none() {
        return Err("it does not say when it was made");
    }
    if !hash_fits(claims) {
        return Err("it belongs to another access token");
    }
    Ok(claims.clone())
}

/// The person's data (OpenID Connect Core 1.0 §5.3). `subject`: that of the ID token, which must be the same.
pub(super) async fn userinfo(
    core: &Core,
    settings: &OAuthSource,
    address: &str,
    access: &Secret,
    subject: Option<&str>,
) -> Result<Map> {
    let call = request("GET", address, trusted(settings, settings.profile_url.as_ref()))
        .header("authorization", format!("Bearer {}", access.reveal()));
    let answer = core.ports.http.send(call).await?;
    let found = json(&answer).map_err(|why| Error::unavailable(format!("{}: {why}", host(address))))?;
    let Json::Object(claims) = found else {
        return Err(Error::unavailable(format!("{}: the answer is no object", host(address))));
    };
    if subject.is_some() && claims.get("sub").and_then(Json::as_str) != subject {
        return Err(Error::denied(format!("{} sent the data of somebody else.", settings.name)));
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;

    #[test]
    fn federation_o9_answers_are_read_as_they_come() {
        let read = |text: &str| read_tokens(text.as_bytes(), 200);
        let plain = read(r#"{"access_token":"a","expires_in":"3600","scope":["openid"]}"#).unwrap();
        assert_eq!((plain.access.reveal(), plain.expires_in, plain.id_token), ("a", Some(3600), None));
        let form = read("access_token=a&token_type=bearer&refresh_token=r").unwrap();
        assert_eq!((form.access.reveal(), form.refresh.reveal()), ("a", "r"));
        assert_eq!(
            read(r#"{"error":"bad_verification_code","access_token":"a"}"#).err().unwrap(),
            "bad_verification_code"
        );
        assert!(read("{}").is_err() && read(r#"{"access_token":"a","token_type":"mac"}"#).is_err());
        assert_eq!(read_tokens(b"<html>", 502).err().unwrap(), "status 502");
    }

    #[test]
    fn federation_o4_claims_that_do_not_fit_are_refused() {
        let judged = |more: Json, hash: bool| {
            let mut claims =
                json!({"sub": "1", "nonce": "n", "aud": "me", "iat": 5}).as_object().cloned().unwrap();
            claims.extend(more.as_object().cloned().unwrap());
            judge(&claims, "me", "n", |_| hash).is_ok()
        };
        assert!(judged(json!({}), true));
        assert!(judged(json!({"aud": ["me", "you"], "azp": "me"}), true));
        for wrong in [
            json!({"aud": ["me", "you"]}),
            json!({"azp": "you"}),
            json!({"azp": 1}),
            json!({"nonce": "m"}),
            json!({"nonce": null}),
            json!({"sub": ""}),
            json!({"sub": 5}),
            json!({"iat": null}),
        ] {
            assert!(!judged(wrong.clone(), true), "{wrong}");
        }
        assert!(!judged(json!({}), false));
    }
}
