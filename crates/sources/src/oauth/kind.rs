//! The hooks of the engine.
use super::discovery::{self, Server};
use super::model::callback_path;
use super::model::{OAuthSource, Pkce};
use super::{answer, claims};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result, query};
use signet_core::flow::Challenge;
use signet_core::source::{Begun, Exchange, LoginButton, Remote, SourceKind, SourceSettings};
use signet_core::{Client, Core, address};
use signet_jose::pkce_s256;
use signet_model::{Model, ModelDef, Object};
use std::sync::Arc;

const SCOPES: &str = "openid email profile";

/// What the answer is checked by.
#[derive(Serialize, Deserialize)]
struct Expected {
    nonce: String,
    verifier: Option<String>,
    redirect_uri: String,
    issuer: Option<String>,
    token: String,
}

pub(super) struct OAuthKind;

fn settings(source: &Arc<Object>) -> Result<Arc<OAuthSource>> {
    source.share::<OAuthSource>().ok_or_else(|| Error::internal("no OAuth source"))
}

fn scopes(settings: &OAuthSource) -> String {
    match settings.additional_scopes.trim() {
        "" => SCOPES.to_owned(),
        more => match more.strip_prefix('*') {
            Some(instead) => instead.trim().to_owned(),
            None => format!("{SCOPES} {more}"),
        },
    }
}

/// Where the browser goes (RFC 6749 §4.1.1), with whatever the address has already.
fn authorization(settings: &OAuthSource, server: &Server, key: &str, expected: &Expected) -> String {
    let scopes = scopes(settings);
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", settings.consumer_key.as_str()),
        ("redirect_uri", expected.redirect_uri.as_str()),
        ("scope", scopes.as_str()),
        ("state", key),
        ("nonce", expected.nonce.as_str()),
    ];
    let challenge = expected.verifier.as_deref().map(|verifier| match settings.pkce {
        Pkce::S256 => (pkce_s256(verifier), "S256"),
        Pkce::Plain | Pkce::None => (verifier.to_owned(), "plain"),
    });
    if let Some((challenge, method)) = &challenge {
        pairs.extend([("code_challenge", challenge.as_str()), ("code_challenge_method", *method)]);
    }
    let join = if server.authorization.contains('?') { '&' } else { '?' };
    format!("{}{join}{}", server.authorization, query::build(pairs))
}

/// The code, after what the answer says of itself (RFC 6749 §4.1.2, RFC 9207).
fn code(settings: &OAuthSource, server: &Server, answer: &[(String, String)]) -> Result<String> {
    let value = |name: &str| answer.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let another = || Error::denied(format!("The answer is not one of {}. Start again.", settings.name));
    match (value("iss"), &server.issuer) {
        (Some(named), Some(issuer)) if named != issuer => return Err(another()),
        (None, Some(_)) if server.names_itself => return Err(another()),
        _ => {}
    }
    match value("error") {
        Some("access_denied") => Err(Error::denied(format!(
            "You have not agreed at {}, or it does not let you in.",
            settings.name
        ))),
        Some(word) => {
            let word: String =
                word.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect();
            Err(Error::denied(format!("{} answered with an error ({word}).", settings.name)))
        }
        None => value("code")
            .filter(|code| !code.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| Error::denied(format!("{} sent no code.", settings.name))),
    }
}

#[async_trait]
impl SourceKind for OAuthKind {
    fn def(&self) -> &'static ModelDef {
        OAuthSource::DEF
    }
    fn login_button(
        &self,
        core: &Core,
        _: &Client,
        source: &Arc<Object>,
        query: &str,
    ) -> Option<LoginButton> {
        let settings = SourceSettings::of(source).ok().filter(|settings| settings.enabled)?;
        let start = self.connect_url(&settings.slug);
        let next = query::value(query, "next").filter(|next| !next.is_empty());
        let to = next.map_or_else(|| start.clone(), |next| format!("{start}?next={}", query::encode(&next)));
        Some(LoginButton {
            icon_url: settings.icon_url(core),
            name: settings.name,
            promoted: settings.promoted,
            challenge: Challenge::new("xak-flow-redirect").with("to", to),
        })
    }
    fn connect_url(&self, slug: &str) -> String {
        format!("/source/oauth/login/{slug}/")
    }
    async fn begin(&self, exchange: &Exchange<'_>, key: &str) -> Result<Begun> {
        let Exchange { core, client, source } = exchange;
        let settings = settings(source)?;
        let server = discovery::server(core, source, &settings).await?;
        let expected = Expected {
            nonce: core.ports.alphanumeric(43),
            verifier: (settings.pkce != Pkce::None).then(|| core.ports.alphanumeric(64)),
            redirect_uri: format!("{}{}", address::of(core, client), callback_path(&settings.slug)),
            issuer: server.issuer.clone(),
            token: server.token.clone(),
        };
        let to = authorization(&settings, &server, key, &expected);
        Ok(Begun { to, content: serde_json::to_value(expected)? })
    }
    async fn finish(
        &self,
        exchange: &Exchange<'_>,
        content: &Json,
        answer: &[(String, String)],
    ) -> Result<Remote> {
        let Exchange { core, source, .. } = exchange;
        let settings = settings(source)?;
        let expected = Expected::deserialize(content)?;
        let server = discovery::server(core, source, &settings).await?;
        if (&server.issuer, &server.token) != (&expected.issuer, &expected.token) {
            return Err(Error::denied(format!("{} has changed meanwhile. Start again.", settings.name)));
        }
        let code = code(&settings, &server, answer)?;
        let verifier = expected.verifier.as_deref();
        let tokens =
            answer::exchange(core, &settings, &server, &code, &expected.redirect_uri, verifier).await?;
        let id = match (&server.issuer, &tokens.id_token) {
            (Some(issuer), Some(token)) => {
                let expected = answer::Expected {
                    source,
                    settings: &settings,
                    server: &server,
                    issuer,
                    nonce: &expected.nonce,
                    access: &tokens.access,
                };
                answer::id_token(core, token, &expected).await?
            }
            (Some(_), None) => {
                return Err(Error::denied(format!("{} did not say who you are.", settings.name)));
            }
            (None, _) => Map::new(),
        };
        let subject = id.get("sub").and_then(Json::as_str);
        let info = match &server.userinfo {
            Some(address) => answer::userinfo(core, &settings, address, &tokens.access, subject).await?,
            None => Map::new(),
        };
        Ok(claims::remote(&id, &info, &tokens, &settings.consumer_key, core.now()))
    }
    async fn sync(&self, core: &Arc<Core>, source: &Arc<Object>) -> Result<()> {
        let settings = settings(source)?;
        if settings.oidc_well_known_url.is_empty() {
            return Ok(());
        }
        discovery::refresh(core, source, &settings).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;

    fn source(more: Json) -> OAuthSource {
        let mut all = json!({"name": "Up", "slug": "up", "enabled": true, "promoted": false, "authentication_flow": null,
            "enrollment_flow": null, "policy_engine_mode": "any", "user_matching_mode": "identifier",
            "group_matching_mode": "identifier", "user_path_template": "", "icon": "", "provider_type": "openidconnect",
            "request_token_url": null, "authorization_url": null, "access_token_url": null, "profile_url": null,
            "pkce": "S256", "consumer_key": "me", "additional_scopes": "", "oidc_well_known_url": "",
            "oidc_jwks_url": "", "authorization_code_auth_method": "basic_auth"});
        all.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        serde_json::from_value(all).unwrap()
    }
    fn server(issuer: Option<&str>, names_itself: bool) -> Server {
        Server {
            issuer: issuer.map(str::to_owned),
            authorization: "https://up.test/a?x=1".into(),
            token: "https://up.test/t".into(),
            userinfo: None,
            algorithms: Vec::new(),
            names_itself,
            keys: Json::Null,
        }
    }
    fn pairs(text: &str) -> Vec<(String, String)> {
        query::pairs(text)
    }

    #[test]
    fn federation_o13_an_answer_of_another_server_is_refused_before_its_code_is_used() {
        let source = source(json!({}));
        let read = |server: &Server, text: &str| code(&source, server, &pairs(text)).ok();
        let (plain, promised) =
            (server(Some("https://up.test"), false), server(Some("https://up.test"), true));
        assert_eq!(read(&plain, "code=c").as_deref(), Some("c"));
        assert_eq!(read(&promised, "code=c&iss=https%3A%2F%2Fup.test").as_deref(), Some("c"));
        assert_eq!(read(&promised, "code=c"), None, "promised");
        assert_eq!(read(&plain, "code=c&iss=https%3A%2F%2Fevil.test"), None);
        assert_eq!(read(&plain, "code=c&error=access_denied"), None);
        assert_eq!(read(&plain, "code="), None);
    }
    #[test]
    fn federation_o2_an_error_shows_its_word_and_no_markup() {
        let source = source(json!({}));
        let text = code(
            &source,
            &server(None, false),
            &pairs("error=%3Cb%3Ebad%3C%2Fb%3E&error_description=%3Cscript%3E"),
        );
        assert!(matches!(text, Err(Error::Denied(text)) if text == "Up answered with an error (bbadb)."));
    }
    #[test]
    fn the_request_has_state_nonce_and_the_challenge() {
        let expected = Expected {
            nonce: "n".into(),
            verifier: Some("v".repeat(43)),
            redirect_uri: "https://id.test/cb".into(),
            issuer: None,
            token: String::new(),
        };
        let of = |more: Json| authorization(&source(more), &server(None, false), "key", &expected);
        let to = of(json!({"additional_scopes": "groups"}));
        assert!(to.starts_with("https://up.test/a?x=1&response_type=code&client_id=me&"), "{to}");
        assert!(
            to.contains("scope=openid%20email%20profile%20groups") && to.contains("state=key&nonce=n"),
            "{to}"
        );
        assert!(to.contains("code_challenge_method=S256") && !to.contains("vvvv"), "{to}");
        assert!(of(json!({"pkce": "plain"})).contains("code_challenge_method=plain"));
        assert!(of(json!({"additional_scopes": "*a b"})).contains("scope=a%20b&"));
    }
}
