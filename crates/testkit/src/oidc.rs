//! An OpenID Connect server of somebody else, on a loopback socket. It is honest unless a test says otherwise.
use crate::outside::{Received, read};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use signet_base::{Json, Map, Ports, json, query};
use signet_jose::x509::{Generate, KeyAlgorithm, generate};
use signet_jose::{Encoder, Jwk, SigningKey, pkce_s256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// How ID tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdToken {
    Signed,
    /// By a key that the server does not publish.
    OtherKey,
    /// `alg: none`.
    Unsigned,
    /// HS256 with the published key as the secret.
    SharedSecret,
    /// There is none.
    Missing,
}

struct Grant {
    nonce: String,
    challenge: Option<String>,
    redirect_uri: String,
    claims: Map,
}

/// Changes what the server says.
type Twist = Box<dyn Fn(&mut Map) + Send>;

struct State {
    key: Arc<SigningKey>,
    codes: HashMap<String, Grant>,
    tokens: HashMap<String, Map>,
    id_token: IdToken,
    twist_id: Option<Twist>,
    twist_info: Option<Twist>,
    twist_discovery: Option<Twist>,
    /// Requests so far, as `GET /keys`.
    seen: Vec<String>,
    count: u64,
    is_down: bool,
}

/// The server.
pub struct OidcServer {
    pub url: String,
    now: Box<dyn Fn() -> i64 + Send + Sync>,
    state: Arc<Mutex<State>>,
}

fn new_key(name: &str) -> Arc<SigningKey> {
    let request = Generate {
        common_name: name,
        subject_alt_names: &[],
        validity_days: 365,
        alg: KeyAlgorithm::Ecdsa,
        now: Ports::system().now().secs(),
    };
    Arc::new(SigningKey::from_pem(generate(&request).unwrap().key_pem.reveal()).unwrap())
}

impl OidcServer {
    pub const CLIENT: &'static str = "signet at this server";
    pub const SECRET: &'static str = "s3cret & more";

    /// `now` is the clock of its tokens, in Unix seconds.
    pub async fn start(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            key: new_key("one"),
            codes: HashMap::new(),
            tokens: HashMap::new(),
            id_token: IdToken::Signed,
            twist_id: None,
            twist_info: None,
            twist_discovery: None,
            seen: Vec::new(),
            count: 0,
            is_down: false,
        }));
        let now: Arc<dyn Fn() -> i64 + Send + Sync> = Arc::new(now);
        let (shared, issuer, clock) = (state.clone(), url.clone(), now.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (shared, issuer, clock) = (shared.clone(), issuer.clone(), clock.clone());
                tokio::spawn(async move {
                    let Some(received) = read(&mut stream).await else { return };
                    let (status, body) = shared.lock().unwrap().respond(&issuer, &received, clock());
                    let text = format!(
                        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = stream.write_all(text.as_bytes()).await;
                });
            }
        });
        Self { url, now: Box::new(move || now()), state }
    }
    pub fn well_known(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url)
    }
    pub fn now(&self) -> i64 {
        (self.now)()
    }
    /// The person agrees: the query of the answer to the request with this address.
    pub fn agree(&self, authorization: &str, claims: Json) -> String {
        let asked = authorization.split_once('?').map(|(_, asked)| asked).unwrap_or_default();
        let value = |name: &str| query::value(asked, name).unwrap_or_default();
        assert_eq!((value("response_type").as_str(), value("client_id").as_str()), ("code", Self::CLIENT));
        let mut state = self.state.lock().unwrap();
        state.count += 1;
        let code = format!("code-{}", state.count);
        let grant = Grant {
            nonce: value("nonce"),
            challenge: Some(value("code_challenge")).filter(|challenge| !challenge.is_empty()),
            redirect_uri: value("redirect_uri"),
            claims: claims.as_object().cloned().unwrap(),
        };
        state.codes.insert(code.clone(), grant);
        let key = value("state");
        query::build([("code", code.as_str()), ("state", key.as_str()), ("iss", self.url.as_str())])
    }
    pub fn sign(&self, how: IdToken) {
        self.state.lock().unwrap().id_token = how;
    }
    /// Changes the claims of ID tokens from now on.
    pub fn twist_id(&self, twist: impl Fn(&mut Map) + Send + 'static) {
        self.state.lock().unwrap().twist_id = Some(Box::new(twist));
    }
    /// Changes the answers of the userinfo endpoint.
    pub fn twist_info(&self, twist: impl Fn(&mut Map) + Send + 'static) {
        self.state.lock().unwrap().twist_info = Some(Box::new(twist));
    }
    /// Changes the published settings.
    pub fn twist_discovery(&self, twist: impl Fn(&mut Map) + Send + 'static) {
        self.state.lock().unwrap().twist_discovery = Some(Box::new(twist));
    }
    /// Honest again.
    pub fn straighten(&self) {
        let mut state = self.state.lock().unwrap();
        (state.twist_id, state.twist_info, state.twist_discovery) = (None, None, None);
        state.id_token = IdToken::Signed;
    }
    /// From now on it signs with another key.
    pub fn rotate(&self, name: &str) {
        self.state.lock().unwrap().key = new_key(name);
    }
    pub fn go_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
    }
    /// Removes and returns the requests so far.
    pub fn seen(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }
}

impl State {
    fn respond(&mut self, issuer: &str, received: &Received, now: i64) -> (u16, String) {
        self.seen.push(format!("{} {}", received.method, received.path));
        if self.is_down {
            return (503, "{}".to_owned());
        }
        let (status, body) = match received.path.as_str() {
            "/.well-known/openid-configuration" => (200, self.discovery(issuer)),
            "/keys" => (200, json!({"keys": [Jwk::of(&self.key, None).unwrap(), {"kty": "novel"}]})),
            "/token" => self.token(issuer, received, now),
            "/userinfo" => self.userinfo(received),
            _ => (404, json!({})),
        };
        (status, body.to_string())
    }
    fn discovery(&self, issuer: &str) -> Json {
        let mut out = json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"), "jwks_uri": format!("{issuer}/keys"),
            "id_token_signing_alg_values_supported": ["ES256"], "authorization_response_iss_parameter_supported": true,
        })
        .as_object()
        .cloned()
        .unwrap();
        if let Some(twist) = &self.twist_discovery {
            twist(&mut out);
        }
        out.into()
    }
    fn token(&mut self, issuer: &str, received: &Received, now: i64) -> (u16, Json) {
        let value = |name: &str| query::value(&received.body, name).unwrap_or_default();
        let pair = format!("{}:{}", query::encode(OidcServer::CLIENT), query::encode(OidcServer::SECRET));
        let basic = base64::engine::general_purpose::STANDARD.encode(pair);
        if received.header("authorization") != format!("Basic {basic}")
            && value("client_secret") != OidcServer::SECRET
        {
            return (401, json!({"error": "invalid_client"}));
        }
        // A code works once.
        let Some(grant) = self.codes.remove(&value("code")) else {
            return (400, json!({"error": "invalid_grant"}));
        };
        let proven = grant.challenge.as_ref().is_none_or(|challenge| {
            let verifier = value("code_verifier");
            *challenge == pkce_s256(&verifier) || *challenge == verifier
        });
        if !proven || value("redirect_uri") != grant.redirect_uri {
            return (400, json!({"error": "invalid_grant"}));
        }
        self.count += 1;
        let access = format!("access-{}", self.count);
        let mut claims = grant.claims.clone();
        self.tokens.insert(access.clone(), grant.claims);
        for (name, value) in json!({"iss": issuer, "aud": OidcServer::CLIENT, "nonce": grant.nonce, "iat": now, "exp": now + 300})
            .as_object()
            .unwrap()
        {
            claims.insert(name.clone(), value.clone());
        }
        if let Some(twist) = &self.twist_id {
            twist(&mut claims);
        }
        let mut out =
            json!({"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r"});
        if let Some(token) = self.signed(&claims) {
            out["id_token"] = json!(token);
        }
        (200, out)
    }
    fn signed(&self, claims: &Map) -> Option<String> {
        let encoded = |key: &Arc<SigningKey>| Encoder::new(key.clone(), "JWT").encode(claims).unwrap();
        Some(match self.id_token {
            IdToken::Signed => encoded(&self.key),
            IdToken::OtherKey => encoded(&new_key("other")),
            IdToken::SharedSecret => {
                let public = json!(Jwk::of(&self.key, None).unwrap()).to_string();
                encoded(&Arc::new(SigningKey::hs256(public).unwrap()))
            }
            IdToken::Unsigned => {
                let part = |json: Json| URL_SAFE_NO_PAD.encode(json.to_string());
                format!("{}.{}.", part(json!({"alg": "none"})), part(json!(claims)))
            }
            IdToken::Missing => return None,
        })
    }
    fn userinfo(&self, received: &Received) -> (u16, Json) {
        let token = received.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        let Some(claims) = self.tokens.get(token) else { return (401, json!({})) };
        let mut claims = claims.clone();
        if let Some(twist) = &self.twist_info {
            twist(&mut claims);
        }
        (200, claims.into())
    }
}
