//! SMTP client (RFC 5321), one connection per message.
use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::{Mailbox, Mailboxes, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use signet_base::outbound::{Mail, MailSecurity, MailServer, Mailer};
use signet_base::{Clock, Error, Random, Result};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Sends mail. Timestamps and message IDs come from the ports.
pub struct Smtp {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Smtp {
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
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
        let transport = transport(server, name)?;
        // The server's timeout applies to each command; this one to the whole exchange.
        match tokio::time::timeout(server.timeout.saturating_mul(3), transport.send_raw(&envelope, &bytes))
            .await
        {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(unavailable(server, chain(&error))),
            Err(_) => Err(unavailable(server, "no answer in time")),
        }
    }
}

fn transport(server: &MailServer, name: String) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
    let parameters = || {
        TlsParameters::builder(server.host.clone()).build_rustls().map_err(|e| unavailable(server, chain(&e)))
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
    if !server.username.is_empty() {
        builder = builder
            .credentials(Credentials::new(server.username.clone(), server.password.reveal().to_owned()));
    }
    Ok(builder.build())
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
    Error::Unavailable(format!("the mail server {}:{}: {why}", server.host, server.port))
}
/// The error with its sources. The innermost one is the server's reply.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}
