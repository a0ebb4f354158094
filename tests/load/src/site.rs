//! One measured client of one provider, and a person who walks through it: the same code walks through ours
//! and the peer.
use crate::client::{Connection, Jar, Result, encode, parameter, request};
use crate::runner::Log;
use crate::tokens::{Keys, member};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Hops of one sign-in before it counts as a loop.
const HOPS: usize = 16;
const FORM: &str = "application/x-www-form-urlencoded";
pub const SCOPE: &str = "openid email profile offline_access";
pub const REDIRECT: &str = "http://localhost:9/cb";

/// A registered client, and where its provider answers.
pub struct Site {
    pub address: SocketAddr,
    pub client_id: String,
    pub client_secret: String,
    pub authorize: String,
    pub token: String,
    pub userinfo: String,
    pub introspect: String,
    pub discovery: String,
    pub jwks: String,
    pub scope: String,
    /// Names and passwords; empty where signing in asks nothing.
    pub people: Vec<(String, String)>,
    pub keys: Keys,
}

impl Site {
    pub fn host(&self) -> String {
        self.address.to_string()
    }
    /// Credentials of the client (RFC 6749 §2.3.1).
    pub fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.client_id, self.client_secret)))
    }
    /// A POST of the client with its credentials.
    pub fn form(&self, path: &str, form: &str) -> Vec<u8> {
        request("POST", path, &self.host(), &[("authorization", &self.basic())], Some((FORM, form)))
    }
    fn authorize_target(&self) -> String {
        format!(
            "{}?client_id={}&redirect_uri={}&response_type=code&scope={}&state=st&nonce=no",
            self.authorize,
            encode(&self.client_id),
            encode(REDIRECT),
            encode(&self.scope)
        )
    }
}

/// Somebody with cookies and one connection.
pub struct Person {
    pub site: Arc<Site>,
    pub connection: Connection,
    pub jar: Jar,
    /// The one-time code that the next challenge for one is answered with.
    pub code: Option<String>,
}

/// What is left of an answer once the connection is free again.
pub struct Reply {
    pub status: u16,
    location: Option<String>,
    /// It says when to come again.
    pub retry_after: bool,
    body: Vec<u8>,
    pub text: String,
}

impl Person {
    pub fn new(site: &Arc<Site>) -> Self {
        Self {
            site: site.clone(),
            connection: Connection::new(site.address),
            jar: Jar::default(),
            code: None,
        }
    }

    async fn call(&mut self, path: &str, body: Option<&Value>, log: &mut Log) -> Result<Reply> {
        let (cookies, host) = (self.jar.header(), self.site.host());
        let mut headers = vec![];
        if !cookies.is_empty() {
            headers.push(("cookie", cookies.as_str()));
        }
        if let Some(csrf) = self.jar.get("authentik_csrf").filter(|_| body.is_some()) {
            headers.push(("x-authentik-csrf", csrf));
        }
        let text = body.map(Value::to_string);
        let bytes = request(
            if body.is_some() { "POST" } else { "GET" },
            path,
            &host,
            &headers,
            text.as_deref().map(|t| ("application/json", t)),
        );
        let began = Instant::now();
        let answer = self.connection.send(&bytes).await?;
        log.step(began);
        self.jar.absorb(&answer.head);
        Ok(Reply {
            status: answer.status,
            location: answer.header("location").map(|l| relative(l, &host)),
            retry_after: answer.header("retry-after").is_some(),
            body: answer.body.to_vec(),
            text: answer.unexpected(path),
        })
    }

    /// Opens the library: a page gives the CSRF cookie, without which a signed-in person changes nothing.
    pub async fn library(&mut self) -> Result<()> {
        let reply = self.call("/if/user/", None, &mut Log::default()).await?;
        if reply.status == 200 { Ok(()) } else { Err(reply.text) }
    }

    /// One answer to the flow executor, as it comes back.
    pub async fn post(&mut self, flow: &str, body: &Value) -> Result<Reply> {
        self.call(&format!("/api/v3/flows/executor/{flow}/?query="), Some(body), &mut Log::default()).await
    }

    /// One call of the flow executor, its redirects to itself followed; the challenge.
    pub async fn challenge(
        &mut self,
        flow: &str,
        query: &str,
        body: Option<&Value>,
        log: &mut Log,
    ) -> Result<Value> {
        let mut reply =
            self.call(&format!("/api/v3/flows/executor/{flow}/?query={}", encode(query)), body, log).await?;
        for _ in 0..HOPS {
            match (reply.status, &reply.location) {
                (302, Some(to)) => {
                    let to = to.clone();
                    reply = self.call(&to, None, log).await?;
                }
                (200, _) => {
                    return serde_json::from_slice(&reply.body)
                        .map_err(|e| format!("the executor's answer: {e}"));
                }
                _ => return Err(reply.text),
            }
        }
        Err(format!("flow {flow} goes in circles"))
    }

    /// A whole flow; where it leads to.
    async fn flow(
        &mut self,
        flow: &str,
        query: &str,
        login: Option<(&str, &str)>,
        log: &mut Log,
    ) -> Result<String> {
        let mut challenge = self.challenge(flow, query, None, log).await?;
        for _ in 0..HOPS {
            let component = challenge["component"].as_str().unwrap_or_default().to_owned();
            if challenge["response_errors"].is_object() {
                return Err(format!("{component} was refused: {}", challenge["response_errors"]));
            }
            let answer = match (component.as_str(), login) {
                ("xak-flow-redirect", _) => {
                    return challenge["to"]
                        .as_str()
                        .map(|to| relative(to, &self.site.host()))
                        .ok_or("a redirect to nowhere".into());
                }
                ("ak-stage-identification", Some((name, _))) => {
                    json!({"component": component, "uid_field": name})
                }
                ("ak-stage-password", Some((_, password))) => {
                    json!({"component": component, "password": password})
                }
                ("ak-stage-authenticator-validate", _) if self.code.is_some() => {
                    json!({"component": component, "code": self.code.take()})
                }
                ("ak-stage-user-login", _) => json!({"component": component, "remember_me": false}),
                ("ak-stage-consent", _) => json!({"component": component, "token": challenge["token"]}),
                _ => return Err(format!("flow {flow} stops at {component}: {challenge}")),
            };
            challenge = self.challenge(flow, query, Some(&answer), log).await?;
        }
        Err(format!("flow {flow} does not end"))
    }

    /// From the authorize endpoint to the code, through whatever lies between.
    pub async fn code(&mut self, login: Option<(&str, &str)>, log: &mut Log) -> Result<String> {
        let mut target = self.site.authorize_target();
        for _ in 0..HOPS {
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            if path == REDIRECT {
                return parameter(query, "code").ok_or_else(|| format!("no code: {query}"));
            }
            target = if let Some(flow) = path.strip_prefix("/if/flow/").map(|p| p.trim_end_matches('/')) {
                let (flow, query) = (flow.to_owned(), query.to_owned());
                self.flow(&flow, &query, login, log).await?
            } else {
                let reply = self.call(&target, None, log).await?;
                reply.location.filter(|_| matches!(reply.status, 302 | 303)).ok_or(reply.text)?
            };
        }
        Err("authorize goes in circles".into())
    }

    /// A token request; the body of its answer.
    pub async fn token(&mut self, form: &str) -> Result<Vec<u8>> {
        let bytes = self.site.form(&self.site.token, form);
        let answer = self.connection.send(&bytes).await?;
        if answer.status != 200 {
            return Err(answer.unexpected("token"));
        }
        Ok(answer.body.into_owned())
    }

    /// Code, then tokens.
    pub async fn sign_in(&mut self, login: Option<(&str, &str)>, log: &mut Log) -> Result<Vec<u8>> {
        let code = self.code(login, log).await?;
        let body = self
            .token(&format!(
                "grant_type=authorization_code&code={}&redirect_uri={}",
                encode(&code),
                encode(REDIRECT)
            ))
            .await?;
        self.sample(&body)?;
        Ok(body)
    }

    /// Puts a token of the answer into the sample: the access token, or the ID token where that is opaque.
    pub fn sample(&self, body: &[u8]) -> Result<()> {
        let token = member(body, "access_token")
            .filter(|t| t.matches('.').count() == 2)
            .or_else(|| member(body, "id_token"));
        self.site.keys.sample(token.ok_or("a token answer without a signed token")?)
    }
}

fn relative(location: &str, host: &str) -> String {
    location.strip_prefix("http://").and_then(|l| l.strip_prefix(host)).unwrap_or(location).to_owned()
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn own_addresses_lose_their_host() {
        assert_eq!(relative("http://127.0.0.1:1/a?b", "127.0.0.1:1"), "/a?b");
        assert_eq!(relative("http://localhost:9/cb", "127.0.0.1:1"), "http://localhost:9/cb");
        assert_eq!(relative("/a", "h"), "/a");
    }
}
