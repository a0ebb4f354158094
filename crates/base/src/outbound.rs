//! Ports to the outside: mail, HTTP, and connections of other protocols. `signet-outbound` implements them; tests use their own.
use crate::{Error, Result, Secret};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// Whom a TLS connection trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// The authorities of the system and of the installation.
    #[default]
    Installation,
    /// These certificates alone (PEM): authorities, or the server's own.
    Certificates(String),
    /// Anyone. Only for a field by which an administrator has switched verification off.
    Anyone,
}

/// Certificate (PEM, with its chain) and key (PEM) by which this side authenticates.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    pub certificate: String,
    pub key: Secret,
}

/// TLS of one connection.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    pub trust: Trust,
    pub client: Option<ClientCertificate>,
}

/// An outbound HTTP request.
#[derive(Clone)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// `http` or `https`.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Timeout of the whole exchange.
    pub timeout: Duration,
    /// Maximum response size in bytes; a larger response is an error.
    pub max_response: usize,
    /// Refuses addresses that are not globally reachable (loopback, link-local, private, …). Set for URLs
    /// that somebody other than an administrator chose.
    pub public_only: bool,
    /// Of `https` URLs.
    pub tls: TlsOptions,
}
impl fmt::Debug for HttpRequest {
    /// URLs, headers and bodies contain secrets; `Debug` prints none of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("method", &self.method).finish_non_exhaustive()
    }
}
impl HttpRequest {
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(10),
            max_response: 1 << 20,
            public_only: false,
            tls: TlsOptions::default(),
        }
    }
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    pub status: u16,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Outbound HTTP. Redirects are not followed.
#[async_trait]
pub trait Http: Send + Sync {
    /// `Ok` for every response, whatever its status. A timeout is `Error::Unavailable`.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse>;
}

/// A connection.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Outbound connections of protocols other than HTTP (LDAP, syslog, …). They use no proxy.
#[async_trait]
pub trait Dialer: Send + Sync {
    /// A TCP connection to the first address of the host that accepts. `public_only`: as in [`HttpRequest`]. A timeout
    /// is `Error::Unavailable`.
    async fn connect(
        &self,
        host: &str,
        port: u16,
        timeout: Duration,
        public_only: bool,
    ) -> Result<Box<dyn Stream>>;
    /// TLS over a connection, at its start or after the protocol's STARTTLS. The certificate has to be for `name`, a
    /// host name or an address.
    ///
    /// # Errors
    /// `Unavailable` when the other side is not trusted or does not speak TLS, `Invalid` for unusable options.
    async fn secure(
        &self,
        stream: Box<dyn Stream>,
        name: &str,
        tls: &TlsOptions,
        timeout: Duration,
    ) -> Result<Box<dyn Stream>>;
}

/// Transport security of SMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    Plain,
    StartTls,
    Tls,
}

/// An SMTP server (RFC 5321).
#[derive(Debug, Clone)]
pub struct MailServer {
    pub host: String,
    pub port: u16,
    /// Empty for no authentication.
    pub username: String,
    pub password: Secret,
    /// An access token instead of the password (XOAUTH2), over TLS only.
    pub oauth: Option<MailOAuth>,
    pub security: MailSecurity,
    pub timeout: Duration,
}

/// Where access tokens for a mail server come from (RFC 6749 §4.4, §6).
#[derive(Debug, Clone)]
pub struct MailOAuth {
    pub token_url: String,
    pub client_id: String,
    /// Empty for a public client.
    pub client_secret: Secret,
    pub scope: String,
    /// Empty for the grant `client_credentials`.
    pub refresh_token: Secret,
}

/// An email message. Addresses are `name@host` or `Name <name@host>`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    pub subject: String,
    pub text: String,
    /// HTML alternative; empty for text only.
    pub html: String,
    /// The part of `Message-ID` before the sender's domain; empty for a random one.
    pub message_id: String,
}

impl fmt::Debug for Mail {
    /// Emails contain sign-in links; `Debug` prints recipient and subject only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("to", &self.to).field("subject", &self.subject).finish_non_exhaustive()
    }
}

#[async_trait]
pub trait Mailer: Send + Sync {
    /// `Ok` when the server has accepted the message. `Error::Invalid` for a malformed address,
    /// `Error::Unavailable` with the server's reply for everything else.
    async fn send(&self, server: &MailServer, mail: &Mail) -> Result<()>;
}

/// The default of `Ports`: refuses mail, HTTP and connections.
pub struct NoOutbound;
#[async_trait]
impl Http for NoOutbound {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        Err(Error::unavailable(format!("outbound HTTP is not set up ({})", request.method)))
    }
}
#[async_trait]
impl Dialer for NoOutbound {
    async fn connect(&self, host: &str, _: u16, _: Duration, _: bool) -> Result<Box<dyn Stream>> {
        Err(Error::unavailable(format!("outbound connections are not set up ({host})")))
    }
    async fn secure(
        &self,
        _: Box<dyn Stream>,
        name: &str,
        _: &TlsOptions,
        _: Duration,
    ) -> Result<Box<dyn Stream>> {
        Err(Error::unavailable(format!("outbound connections are not set up ({name})")))
    }
}
#[async_trait]
impl Mailer for NoOutbound {
    async fn send(&self, _: &MailServer, _: &Mail) -> Result<()> {
        Err(Error::unavailable("mail is not set up"))
    }
}

/// A mailer for tests; keeps the messages.
#[derive(Default)]
pub struct MailBox {
    kept: Mutex<Vec<Mail>>,
    refuses: AtomicBool,
}
impl MailBox {
    /// From now on messages are refused, or taken again.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }
    /// Removes and returns the messages so far.
    pub fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
#[async_trait]
impl Mailer for MailBox {
    async fn send(&self, _: &MailServer, mail: &Mail) -> Result<()> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(Error::unavailable("451 not now"));
        }
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(mail.clone());
        Ok(())
    }
}

/// Outbound HTTP for tests: returns the given responses in order and keeps the requests. Without a response
/// left it returns `Error::Unavailable`.
#[derive(Default)]
pub struct ScriptedHttp {
    answers: Mutex<VecDeque<HttpResponse>>,
    requests: Mutex<Vec<HttpRequest>>,
}
impl ScriptedHttp {
    pub fn answer(&self, status: u16, body: &str) {
        let answer = HttpResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push_back(answer);
    }
    /// Removes and returns the requests so far.
    pub fn requests(&self) -> Vec<HttpRequest> {
        std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
#[async_trait]
impl Http for ScriptedHttp {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
            .ok_or_else(|| Error::unavailable("nobody answers"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_shows_no_key_in_a_log() {
        let request = HttpRequest::new("POST", "https://a.test/key-1")
            .header("authorization", "key-2")
            .body("text/plain", "key-3");
        let mail = Mail {
            to: vec!["ada@example.test".into()],
            text: "key-4".into(),
            html: "key-5".into(),
            ..Mail::default()
        };
        let shown = format!("{request:?} {mail:?}");
        assert!(
            !shown.contains("key-") && shown.contains("POST") && shown.contains("ada@example.test"),
            "{shown}"
        );
    }
}
