//! What a server publishes (OpenID Connect Discovery 1.0, RFC 8414) and its keys, kept for all nodes. A refresh never makes
//! worse: what was read before stays until something usable takes its place. What an administrator typed is not touched.
use super::model::{OAuthSource, host};
use serde::{Deserialize, Serialize};
use signet_base::outbound::{HttpRequest, HttpResponse};
use signet_base::{Error, Json, Result, Span, Timestamp};
use signet_core::Core;
use signet_jose::JwkSet;
use signet_model::Object;
use signet_store::kv;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest document in bytes.
const MAX_DOCUMENT: usize = 256 * 1024;
/// How long what was read counts as new.
const FRESH: Span = Span::from_secs(3600);
/// Keys are read again for an unknown one at most this often.
const KEY_PAUSE: Span = Span::from_secs(60);
const SUFFIX: &str = "/.well-known/openid-configuration";

/// What is kept of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Published {
    /// The address it was read from: another one makes it void.
    pub from: String,
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub userinfo_endpoint: Option<String>,
    pub jwks_uri: Option<String>,
    pub algorithms: Vec<String>,
    /// Answers of the server name it (RFC 9207).
    pub names_itself: bool,
    pub keys: Json,
    pub keys_from: String,
    pub read: Timestamp,
    pub keys_read: Timestamp,
}

/// A source's server: typed addresses before published ones.
#[derive(Debug, Clone)]
pub(super) struct Server {
    /// Without one there is no ID token to believe: plain OAuth 2.0.
    pub issuer: Option<String>,
    pub authorization: String,
    pub token: String,
    pub userinfo: Option<String>,
    pub algorithms: Vec<String>,
    pub names_itself: bool,
    pub keys: Json,
}

fn name(source: &Object) -> String {
    format!("oauth_source/{}", source.pk)
}

async fn kept(core: &Core, source: &Object) -> Result<Option<Published>> {
    let found = kv::get(&core.db, &name(source)).await?;
    Ok(found.and_then(|(json, _)| serde_json::from_value(json).ok()))
}
async fn keep(core: &Core, source: &Object, published: &Published) -> Result<()> {
    kv::put(&core.db, &core.ports, &name(source), &serde_json::to_value(published)?, None).await.map(drop)
}

fn typed(address: Option<&String>) -> Option<String> {
    address.filter(|address| !address.is_empty()).cloned()
}

/// The server of a source. Reads what it publishes where that is not known, or is old; an error of that is none as long as
/// something was read before.
pub(super) async fn server(core: &Core, source: &Object, settings: &OAuthSource) -> Result<Server> {
    let published = match settings.oidc_well_known_url.as_str() {
        "" => None,
        address => Some(current(core, source, settings, address).await?),
    };
    let of = |field: fn(&Published) -> &str| {
        published.as_ref().map(|p| field(p).to_owned()).filter(|address| !address.is_empty())
    };
    let missing = |what: &str| Error::unavailable(format!("{}: the {what} is not known", settings.name));
    Ok(Server {
        issuer: published.as_ref().map(|p| p.issuer.clone()),
        authorization: typed(settings.authorization_url.as_ref())
            .or_else(|| of(|p| &p.authorization_endpoint))
            .ok_or_else(|| missing("authorization endpoint"))?,
        token: typed(settings.access_token_url.as_ref())
            .or_else(|| of(|p| &p.token_endpoint))
            .ok_or_else(|| missing("token endpoint"))?,
        userinfo: typed(settings.profile_url.as_ref())
            .or_else(|| published.as_ref().and_then(|p| p.userinfo_endpoint.clone())),
        algorithms: published.as_ref().map(|p| p.algorithms.clone()).unwrap_or_default(),
        names_itself: published.as_ref().is_some_and(|p| p.names_itself),
        keys: match &settings.oidc_jwks {
            Json::Object(own) if !own.is_empty() => settings.oidc_jwks.clone(),
            _ => published.map(|p| p.keys).unwrap_or_default(),
        },
    })
}

async fn current(core: &Core, source: &Object, settings: &OAuthSource, address: &str) -> Result<Published> {
    let before = kept(core, source).await?.filter(|before| before.from == address);
    if let Some(before) = &before
        && core.now() < before.read.plus(FRESH)
        && before.keys_from == keys_address(settings, before)
    {
        return Ok(before.clone());
    }
    match refresh(core, source, settings).await {
        Ok(published) => Ok(published),
        Err(error) => {
            let Some(before) = before else { return Err(error) };
            tracing::warn!(source = source.name(), %error, "what a source publishes could not be read: what was read before stays");
            Ok(before)
        }
    }
}

fn keys_address(settings: &OAuthSource, published: &Published) -> String {
    match settings.oidc_jwks_url.as_str() {
        "" => published.jwks_uri.clone().unwrap_or_default(),
        own => own.to_owned(),
    }
}

/// Reads settings and keys of the server.
pub(super) async fn refresh(core: &Core, source: &Object, settings: &OAuthSource) -> Result<Published> {
    let address = settings.oidc_well_known_url.as_str();
    let before = kept(core, source).await?.filter(|before| before.from == address);
    let document = read(core, address, address).await?;
    let mut published =
        parse(address, &document).map_err(|why| Error::unavailable(format!("{}: {why}", host(address))))?;
    published.read = core.now();
    published.keys_from = keys_address(settings, &published);
    if let Some(before) = before.filter(|before| before.keys_from == published.keys_from) {
        (published.keys, published.keys_read) = (before.keys, before.keys_read);
    }
    if !published.keys_from.is_empty() {
        match keys(core, settings, &published.keys_from).await {
            Ok(keys) => (published.keys, published.keys_read) = (keys, core.now()),
            Err(error) if published.keys.is_null() => return Err(error),
            Err(error) => {
                tracing::warn!(source = source.name(), %error, "the keys of a source could not be read: those before stay")
            }
        }
    }
    keep(core, source, &published).await?;
    Ok(published)
}

/// The keys once more, since a token names one that is not among them. `None`: they were read a moment ago.
pub(super) async fn newer_keys(core: &Core, source: &Object, settings: &OAuthSource) -> Result<Option<Json>> {
    let Some(mut published) = kept(core, source).await? else { return Ok(None) };
    if core.now() < published.keys_read.plus(KEY_PAUSE) || published.keys_from.is_empty() {
        return Ok(None);
    }
    // Noted first: an address that does not answer is not asked by everybody.
    published.keys_read = core.now();
    keep(core, source, &published).await?;
    published.keys = keys(core, settings, &published.keys_from).await?;
    keep(core, source, &published).await?;
    Ok(Some(published.keys))
}

async fn keys(core: &Core, settings: &OAuthSource, address: &str) -> Result<Json> {
    let document =
        read(core, address, typed_or(&settings.oidc_jwks_url, &settings.oidc_well_known_url)).await?;
    let set = JwkSet::from_json(document.to_string().as_bytes()).map_err(|error| {
        Error::unavailable(format!("{}: the keys cannot be read: {error}", host(address)))
    })?;
    if set.keys().is_empty() {
        return Err(Error::unavailable(format!("{} publishes no key that can be used", host(address))));
    }
    Ok(document)
}
fn typed_or<'a>(typed: &'a str, other: &'a str) -> &'a str {
    if typed.is_empty() { other } else { typed }
}

/// A request to the server. Addresses that it publishes itself, on another host than the one that the administrator typed,
/// must be reachable from everywhere: it does not choose addresses within our network.
pub(super) fn request(method: &str, address: &str, trusted: &str) -> HttpRequest {
    let mut request = HttpRequest::new(method, address).header("accept", "application/json");
    request.timeout = TIMEOUT;
    request.max_response = MAX_DOCUMENT;
    request.public_only = host(address) != host(trusted);
    request
}

async fn read(core: &Core, address: &str, trusted: &str) -> Result<Json> {
    let answer = core.ports.http.send(request("GET", address, trusted)).await?;
    json(&answer).map_err(|why| Error::unavailable(format!("{}: {why}", host(address))))
}
pub(super) fn json(answer: &HttpResponse) -> Result<Json, String> {
    if answer.status != 200 {
        return Err(format!("status {}", answer.status));
    }
    serde_json::from_slice(&answer.body).map_err(|_| "the answer is no JSON".to_owned())
}

/// Reads a document of settings.
fn parse(address: &str, document: &Json) -> Result<Published, String> {
    let text = |name: &str| document.get(name).and_then(Json::as_str).unwrap_or_default();
    let endpoint = |name: &str| -> Result<Option<String>, String> {
        let found = text(name);
        let secure =
            found.starts_with("https://") || (found.starts_with("http://") && address.starts_with("http://"));
        match found {
            "" => Ok(None),
            _ if secure => Ok(Some(found.to_owned())),
            _ => Err(format!("{name} is not encrypted")),
        }
    };
    let issuer = text("issuer");
    // OpenID Connect Discovery 1.0 §4.3: the issuer is what the address was made from.
    if address.strip_suffix(SUFFIX) != Some(issuer.trim_end_matches('/')) {
        return Err(format!("it names the issuer {issuer:?}, whose settings are at another address"));
    }
    let list = document.get("id_token_signing_alg_values_supported").and_then(Json::as_array);
    let algorithms = list.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
    Ok(Published {
        from: address.to_owned(),
        issuer: issuer.to_owned(),
        authorization_endpoint: endpoint("authorization_endpoint")?.unwrap_or_default(),
        token_endpoint: endpoint("token_endpoint")?.unwrap_or_default(),
        userinfo_endpoint: endpoint("userinfo_endpoint")?,
        jwks_uri: endpoint("jwks_uri")?,
        algorithms,
        names_itself: document.get("authorization_response_iss_parameter_supported")
            == Some(&Json::Bool(true)),
        ..Published::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;

    const ADDRESS: &str = "https://up.test/a/.well-known/openid-configuration";

    #[test]
    fn federation_o8_what_is_missing_is_left_out_and_what_is_wrong_is_refused() {
        let good =
            parse(ADDRESS, &json!({"issuer": "https://up.test/a/", "token_endpoint": "https://up.test/t"}))
                .unwrap();
        assert_eq!((good.token_endpoint.as_str(), good.userinfo_endpoint), ("https://up.test/t", None));
        assert!(parse(ADDRESS, &json!({"issuer": "https://up.test/b"})).unwrap_err().contains("issuer"));
        assert!(parse(ADDRESS, &json!({})).is_err());
        let plain = json!({"issuer": "https://up.test/a", "jwks_uri": "http://up.test/keys"});
        assert!(parse(ADDRESS, &plain).unwrap_err().contains("jwks_uri"));
    }
    #[test]
    fn a_server_does_not_choose_addresses_within_our_network() {
        assert!(!request("GET", "https://up.test/keys", ADDRESS).public_only);
        assert!(request("GET", "https://10.0.0.1/keys", ADDRESS).public_only);
        assert!(request("GET", "https://up.test:8443/keys", ADDRESS).public_only);
    }
}
