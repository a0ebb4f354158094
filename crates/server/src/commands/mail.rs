//! `signet test_email`.
use super::output::say;
use crate::config::Options;
use crate::{serve, wiring};
use signet_base::{Error, Result, Uuid};
use signet_core::mail::{self, Email};
use signet_core::{Client, Core};
use signet_stages::email::EmailStage;

/// Sends a test email through the installation's mail server, or through an e-mail stage's, and waits for the
/// result.
pub async fn test(options: &Options, to: &str, stage: Option<&str>) -> Result<()> {
    let core = serve::open(options, wiring::ports(options)).await?;
    let sent = send(&core, to, stage).await;
    core.db.close().await;
    sent
}

async fn send(core: &Core, to: &str, stage: Option<&str>) -> Result<()> {
    let sender = match stage {
        None => core.settings.mail.sender.clone(),
        Some(name) => {
            let config = core.config();
            let by_pk =
                Uuid::parse_str(name).ok().and_then(|pk| config.get_typed::<EmailStage>(pk)).map(|(_, s)| s);
            let found = by_pk.or_else(|| config.all::<EmailStage>().map(|(_, s)| s).find(|s| s.name == name));
            found
                .ok_or_else(|| Error::unavailable(format!("there is no e-mail stage {name:?}")))?
                .sender(core)
        }
    };
    let letter = Email {
        to: vec![to.to_owned()],
        subject: "Test of the mail server".into(),
        template: "email/setup.html".into(),
        ..Email::default()
    };
    mail::send(core, &Client::internal(), &sender, &letter).await?;
    say!("{}:{} has taken the message.", sender.server.host, sender.server.port);
    Ok(())
}
