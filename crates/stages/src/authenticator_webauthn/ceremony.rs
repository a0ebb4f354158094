//! WebAuthn challenges of a run. A challenge is random, stored in the session's plan, and valid once: for its
//! flow, stage, user and ceremony.
use serde::{Deserialize, Serialize};
use signet_base::{Result, Span, Timestamp, Uuid};
use signet_core::flow::{FlowRun, Key};
use signet_store::attempts;
use signet_webauthn::{b64, b64_decode};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ceremony {
    Create,
    Get,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Issued {
    challenge: String,
    flow: Uuid,
    stage: Uuid,
    /// `None`: any user.
    user: Option<i64>,
    ceremony: Ceremony,
    at: Timestamp,
}
const ISSUED: Key<Issued> = Key::new("goauthentik.io/webauthn/issued");

/// Lifetime in seconds: a page with passkey autofill may stay open for a while.
const LIFE: i64 = 30 * 60;
/// Timeout for browsers, in milliseconds.
pub const TIMEOUT: u32 = 5 * 60 * 1000;

/// The open challenge, or a new one. A reload shows the same.
pub fn challenge(flow: &mut FlowRun<'_>, ceremony: Ceremony, user: Option<i64>) -> Vec<u8> {
    let now = flow.core.now();
    // A challenge that is about to expire is replaced.
    let fresh = |issued: &Issued| now < issued.at.plus_secs(LIFE / 2);
    if let Some(issued) = open(flow, ceremony, user).filter(fresh)
        && let Some(bytes) = b64_decode(&issued.challenge)
    {
        return bytes;
    }
    let bytes: [u8; 32] = flow.core.ports.bytes();
    let stage = flow.stage.as_ref().map_or(Uuid::nil(), |s| s.pk);
    let issued = Issued { challenge: b64(&bytes), flow: flow.flow.pk, stage, user, ceremony, at: now };
    flow.context().set(&ISSUED, issued);
    bytes.to_vec()
}

/// Takes the open challenge: it is invalid afterwards, also for a concurrent answer.
pub async fn take(flow: &mut FlowRun<'_>, ceremony: Ceremony, user: Option<i64>) -> Result<Option<Vec<u8>>> {
    let open = open(flow, ceremony, user);
    flow.context().remove(&ISSUED);
    let (core, now) = (flow.core, flow.core.now());
    let Some(issued) = open.filter(|i| now < i.at.plus_secs(LIFE)) else { return Ok(None) };
    let name = format!("webauthn/{}", core.vault.digest("webauthn challenge", &issued.challenge));
    if !attempts::take(&core.db, &name, 1, Span::from_secs(LIFE), now).await?.is_allowed() {
        return Ok(None);
    }
    Ok(b64_decode(&issued.challenge))
}

fn open(flow: &FlowRun<'_>, ceremony: Ceremony, user: Option<i64>) -> Option<Issued> {
    let stage = flow.stage.as_ref().map(|s| s.pk)?;
    flow.plan
        .context
        .get(&ISSUED)
        .filter(|i| i.flow == flow.flow.pk && i.stage == stage && i.user == user && i.ceremony == ceremony)
}
