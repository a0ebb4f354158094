//! SMTP client (RFC 5321), one connection per message.
use crate::mail_token::MailTokens;
use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::{Mailbox, Mailboxes, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use rustls::pki_types::CertificateDer;
use signet_base::error::Chain;
use signet_base::outbound::{Http, Mail, MailSecurity, MailServer, Mailer};
use signet_base::{Clock, Error, Random, Result, Secret};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Sends mail. Timestamps and message IDs come from the ports.
pub struct Smtp {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    tokens: MailTokens,
    /// Authorities that are trusted beside the system's.
    authorities: Vec<CertificateDer<'static>>,
}

impl Smtp {
    /// `http` fetches access tokens.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>, http: Arc<dyn Http>) -> Self {
        let tokens = MailTokens::new(http, clock.clone());
        Self { clock, random, tokens, authorities: Vec::new() }
    }
    /// Trusts these authorities beside the system's.
    #[must_use]
    pub fn with_authorities(self, authorities: Vec<CertificateDer<'static>>) -> Self {
        Self { authorities, ..self }
    }

    fn number(&self) -> String {
        let mut number = [0; 16];
        self.random.fill(&mut number);
        number.iter().map(|b| format!("{b:02x}")).collect()
    }

    fn message(&self, mail: &Mail) -> Result<(Envelope, Vec<u8>)> {
        let from: Mailbox = address("from", &mail.from)?;
        let number = if mail.message_id.is_empty() { self.number() } else { mail.message_id.clone() };
        let now = UNIX_EPOCH + Duration::from_micros(u64::try_from(self.clock.now().0).unwrap_or_default());
        let mut builder = Message::builder()
            .message_id(Some(format!("<{number}@{}>", from.email.domain())))
            .date(now)
            .from(from);
        for (field, list) in [("to", &mail.to), ("cc", &mail.cc), ("bcc", &mail.bcc)] {
            for text in list {
                let mailbox = address(field, text)?;
                builder = match field {
                    "to" => builder.to(mailbox),
                    "cc" => builder.cc(mailbox),
                    _ => builder.bcc(mailbox),
                };
            }
        }
        // A line break would start another header field (header injection).
        let subject = mail
            .subject
            .split(['\r', '\n'])
            .map(str::trim)
            .filter(|p| !p.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        let builder = builder.subject(subject);
        let built = if mail.html.is_empty() {
            builder.header(lettre::message::header::ContentType::TEXT_PLAIN).body(mail.text.clone())
        } else {
            builder.multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        };
        let message = built.map_err(|e| Error::invalid("to", e.to_string()))?;
        Ok((message.envelope().clone(), message.formatted()))
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, server: &MailServer, mail: &Mail) -> Result<()> {
        let (envelope, bytes) = self.message(mail)?;
        let name = address("from", &mail.from)?.email.domain().to_owned();
        let token = match &server.oauth {
            // A token that is read on the way could be used by anybody.
            Some(_) if server.security == MailSecurity::Plain => {
                return Err(unavailable(server, "an access token is sent over TLS only"));
            }
            Some(oauth) => Some(self.tokens.get(oauth).await?),
            None => None,
        };
        let transport = self.transport(server, name, token)?;
        // The server's timeout applies to each command; this one to the whole exchange.
        match tokio::time::timeout(server.timeout.saturating_mul(3), transport.send_raw(&envelope, &bytes))
            .await
        {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                // 535: the credentials are refused (RFC 4954 §6). The next attempt gets another token.
                if let Some(oauth) =
                    server.oauth.as_ref().filter(|_| error.is_permanent() || error.is_client())
                {
                    self.tokens.forget(oauth).await;
                }
                Err(unavailable(server, Chain(&error)))
            }
            Err(_) => Err(unavailable(server, "no answer in time")),
        }
    }
}

impl Smtp {
    fn transport(
        &self,
        server: &MailServer,
        name: String,
        token: Option<Secret>,
    ) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
        let parameters = || {
            let mut builder = TlsParameters::builder(server.host.clone());
            for der in &self.authorities {
                let authority =
                    Certificate::from_der(der.to_vec()).map_err(|e| unavailable(server, Chain(&e)))?;
                builder = builder.add_root_certificate(authority);
            }
            builder.build_rustls().map_err(|e| unavailable(server, Chain(&e)))
        };
        let tls = match server.security {
            MailSecurity::Plain => Tls::None,
            MailSecurity::StartTls => Tls::Required(parameters()?),
            MailSecurity::Tls => Tls::Wrapper(parameters()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(server.timeout))
            .hello_name(ClientId::Domain(name));
        if let Some(token) = &token {
            builder = builder.authentication(vec![Mechanism::Xoauth2]);
            builder =
                builder.credentials(Credentials::new(server.username.clone(), token.reveal().to_owned()));
        } else if !server.username.is_empty() {
            let password = server.password.reveal().to_owned();
            builder = builder.credentials(Credentials::new(server.username.clone(), password));
        }
        Ok(builder.build())
    }
}

fn address(field: &str, text: &str) -> Result<Mailbox> {
    let all: Mailboxes = text.parse().map_err(|_| wrong(field, text))?;
    let mut all = all.into_iter();
    match (all.next(), all.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(wrong(field, text)),
    }
}
fn wrong(field: &str, text: &str) -> Error {
    Error::invalid(field, format!("{text:?} is not an e-mail address."))
}
fn unavailable(server: &MailServer, why: impl std::fmt::Display) -> Error {
    Error::unavailable(format!("the mail server {}:{}: {why}", server.host, server.port))
}
