//! What each connection repeats, by row.
use crate::client::{Connection, Jar, Result, encode, request};
use crate::runner::{self, Log, Outcome, Work};
use crate::site::{Person, SCOPE, Site};
use crate::tokens::{member, signatures};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Bodies are looked at once in so many answers; statuses always.
const LOOK: u32 = 64;
const AUTHENTICATION: &str = "default-authentication-flow";

/// The same request again and again.
pub struct Fixed {
    connection: Connection,
    request: Vec<u8>,
    /// What the body must contain.
    expected: &'static str,
    /// Set for token answers, whose tokens are sampled.
    tokens: Option<Arc<Site>>,
    turns: u32,
}

impl Fixed {
    pub fn plain(address: SocketAddr, request: Vec<u8>) -> Self {
        Self { connection: Connection::new(address), request, expected: "", tokens: None, turns: 0 }
    }
}

impl Work for Fixed {
    async fn turn(&mut self, _: &mut Log) -> Result<()> {
        let answer = self.connection.send(&self.request).await?;
        if answer.status != 200 {
            return Err(answer.unexpected("answer"));
        }
        if let Some(site) = &self.tokens {
            site.keys.sample(
                member(&answer.body, "access_token").ok_or_else(|| answer.unexpected("no access_token"))?,
            )?;
        } else if self.turns.is_multiple_of(LOOK) && !contains(&answer.body, self.expected) {
            return Err(answer.unexpected(&format!("no {}", self.expected)));
        }
        self.turns = self.turns.wrapping_add(1);
        Ok(())
    }
}

/// Whether the text is there, spaces after colons aside.
fn contains(body: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(body).replace("\": ", "\":").contains(text)
}

/// A refresh token that rotates with each use.
pub struct Refresh {
    person: Person,
    token: String,
}

impl Work for Refresh {
    async fn turn(&mut self, _: &mut Log) -> Result<()> {
        let body = self
            .person
            .token(&format!("grant_type=refresh_token&refresh_token={}", encode(&self.token)))
            .await?;
        let next = member(&body, "refresh_token").ok_or("no new refresh token")?;
        if next == self.token {
            return Err("the refresh token did not rotate".into());
        }
        self.token = next.to_owned();
        self.person.sample(&body)
    }
}

/// Authorize and token with a live session.
pub struct Code(Person);

impl Work for Code {
    async fn turn(&mut self, log: &mut Log) -> Result<()> {
        self.0.sign_in(None, log).await.map(drop)
    }
}

/// Everything from an empty cookie jar to tokens.
pub struct Login {
    person: Person,
    name: String,
    password: String,
}

impl Work for Login {
    async fn turn(&mut self, log: &mut Log) -> Result<()> {
        self.person.jar = Jar::default();
        self.person.sign_in(Some((&self.name, &self.password)), log).await.map(drop)
    }
}

/// The steps of a sign-in that hash nothing: a challenge, an answer to it, the next challenge.
pub struct Steps {
    person: Person,
    name: String,
}

impl Work for Steps {
    async fn turn(&mut self, log: &mut Log) -> Result<()> {
        self.person.jar = Jar::default();
        let challenge = self.person.challenge(AUTHENTICATION, "", None, log).await?;
        if challenge["component"] != "ak-stage-identification" {
            return Err(format!("not the first challenge: {challenge}"));
        }
        let answer = json!({"component": "ak-stage-identification", "uid_field": self.name});
        let challenge = self.person.challenge(AUTHENTICATION, "", Some(&answer), log).await?;
        if challenge["component"] == "ak-stage-password" {
            Ok(())
        } else {
            Err(format!("not the second challenge: {challenge}"))
        }
    }
}

/// Which operation a row repeats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Discovery,
    Jwks,
    ClientCredentials,
    Introspect,
    Userinfo,
    Refresh,
    Code,
    Login,
    Steps,
}

/// People with one-time codes, one connection for each of so many of them.
pub fn totp(site: &Arc<Site>, people: &crate::mfa::People, connections: usize) -> Load {
    Load {
        workers: Workers::Totp((0..connections).map(|_| crate::mfa::TotpLogin::new(site, people)).collect()),
        signatures: 0,
    }
}

enum Workers {
    Fixed(Vec<Fixed>),
    Refresh(Vec<Refresh>),
    Code(Vec<Code>),
    Login(Vec<Login>),
    Steps(Vec<Steps>),
    Totp(Vec<crate::mfa::TotpLogin>),
}

/// Connections that are ready to run: signed in, with tokens, as the row needs it.
pub struct Load {
    workers: Workers,
    /// Signatures in one answer; 0 where there are no tokens.
    pub signatures: usize,
}

impl Load {
    pub async fn prepare(kind: Kind, site: &Arc<Site>, connections: usize) -> Result<Self> {
        let get = |path: &str, expected| (request("GET", path, &site.host(), &[], None), expected);
        let people = || {
            (0..connections)
                .map(|n| site.people.get(n % site.people.len().max(1)).cloned().unwrap_or_default())
        };
        let fixed = |(request, expected): (Vec<u8>, &'static str)| {
            let one = |_| Fixed {
                connection: Connection::new(site.address),
                request: request.clone(),
                expected,
                tokens: None,
                turns: 0,
            };
            Self { workers: Workers::Fixed((0..connections).map(one).collect()), signatures: 0 }
        };
        Ok(match kind {
            Kind::Discovery => fixed(get(&site.discovery, "\"issuer\":")),
            Kind::Jwks => fixed(get(&site.jwks, "\"kid\":")),
            Kind::ClientCredentials => {
                let form = "grant_type=client_credentials";
                let signatures = signatures(&Person::new(site).token(form).await?);
                let one = |_| Fixed {
                    tokens: Some(site.clone()),
                    ..Fixed::plain(site.address, site.form(&site.token, form))
                };
                Self { workers: Workers::Fixed((0..connections).map(one).collect()), signatures }
            }
            Kind::Introspect | Kind::Userinfo => {
                let (_, body) = signed_in(site, people().next().unwrap_or_default()).await?;
                let token = member(&body, "access_token").ok_or("no access token")?;
                if kind == Kind::Introspect {
                    fixed((
                        site.form(&site.introspect, &format!("token={}", encode(token))),
                        "\"active\":true",
                    ))
                } else {
                    fixed((
                        request(
                            "GET",
                            &site.userinfo,
                            &site.host(),
                            &[("authorization", &format!("Bearer {token}"))],
                            None,
                        ),
                        "\"sub\":",
                    ))
                }
            }
            Kind::Refresh => {
                let (mut workers, mut count) = (Vec::new(), 0);
                for who in people() {
                    let (person, body) = signed_in(site, who).await?;
                    count = signatures(&body);
                    let token = member(&body, "refresh_token")
                        .ok_or_else(|| format!("no refresh token for {SCOPE}"))?
                        .to_owned();
                    workers.push(Refresh { person, token });
                }
                Self { workers: Workers::Refresh(workers), signatures: count }
            }
            Kind::Code => {
                let (mut workers, mut count) = (Vec::new(), 0);
                for who in people() {
                    let (person, body) = signed_in(site, who).await?;
                    count = signatures(&body);
                    workers.push(Code(person));
                }
                Self { workers: Workers::Code(workers), signatures: count }
            }
            Kind::Login => Self {
                workers: Workers::Login(
                    people()
                        .map(|(name, password)| Login { person: Person::new(site), name, password })
                        .collect(),
                ),
                signatures: 0,
            },
            Kind::Steps => Self {
                workers: Workers::Steps(
                    people().map(|(name, _)| Steps { person: Person::new(site), name }).collect(),
                ),
                signatures: 0,
            },
        })
    }

    pub async fn run(&mut self, ramp: Duration, time: Duration) -> Result<Outcome> {
        match &mut self.workers {
            Workers::Fixed(w) => runner::run(w, ramp, time).await,
            Workers::Refresh(w) => runner::run(w, ramp, time).await,
            Workers::Code(w) => runner::run(w, ramp, time).await,
            Workers::Login(w) => runner::run(w, ramp, time).await,
            Workers::Steps(w) => runner::run(w, ramp, time).await,
            Workers::Totp(w) => runner::run(w, ramp, time).await,
        }
    }
}

/// A person with a live session, and their first token answer.
async fn signed_in(site: &Arc<Site>, (name, password): (String, String)) -> Result<(Person, Vec<u8>)> {
    let mut person = Person::new(site);
    let body = person.sign_in(Some((&name, &password)), &mut Log::default()).await?;
    Ok((person, body))
}
