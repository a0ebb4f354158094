//! Confirmation of a contact (phone number, email address) by a code sent to it.
use super::{random_digits, wrong_code};
use serde::{Deserialize, Serialize};
use signet_base::{Error, Result, Secret, Span, Timestamp, Uuid};
use signet_core::flow::{FlowRun, Key, ResponseErrors};
use signet_core::{Client, Core, device};
use signet_store::attempts;
use signet_store::devices::DeviceKind;

/// Maximum number of messages to a user, and to a contact, in [`SEND_WINDOW`] seconds.
const SENDS: i64 = 5;
const SEND_WINDOW: i64 = 600;
/// Maximum number of codes compared for a user in [`JUDGE_WINDOW`] seconds.
const JUDGED: i64 = 10;
const JUDGE_WINDOW: i64 = 600;

/// A code that was sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SentCode {
    stage: Uuid,
    user: i64,
    /// The device to be confirmed.
    pub device: Uuid,
    pub contact: String,
    digest: String,
    expires: Timestamp,
}
const SENT: Key<SentCode> = Key::new("goauthentik.io/authenticators/sent");

/// The code sent in this stage to this user.
pub(super) fn sent(flow: &FlowRun<'_>, user: i64) -> Option<SentCode> {
    let stage = flow.stage.as_ref().map(|s| s.pk);
    flow.plan.context.get(&SENT).filter(|s| Some(s.stage) == stage && s.user == user)
}
pub(super) fn forget(flow: &mut FlowRun<'_>) {
    flow.context().remove(&SENT);
}

/// A new code for the contact, which the caller sends; the previous one becomes invalid. `None`: too many
/// were sent.
pub(super) async fn begin(
    flow: &mut FlowRun<'_>,
    kind: DeviceKind,
    user: i64,
    contact: &str,
    valid: Span,
) -> Result<Option<Secret>> {
    if !may_send(flow.core, flow.client, kind, user, contact).await? {
        return Ok(None);
    }
    let stage = flow
        .stage
        .as_ref()
        .map(|s| s.pk)
        .ok_or_else(|| Error::internal("a set-up stage without settings"))?;
    let device = sent(flow, user).map_or_else(|| flow.core.ports.uuid(), |s| s.device);
    let code = random_digits(&flow.core.ports);
    let sent = SentCode {
        stage,
        user,
        device,
        contact: contact.to_owned(),
        digest: digest(flow.core, device, code.reveal()),
        expires: flow.core.now().plus(valid),
    };
    flow.context().set(&SENT, sent);
    Ok(Some(code))
}

/// Whether the code is right and not expired. The attempt is counted before the comparison.
pub(super) async fn judge(
    core: &Core,
    kind: DeviceKind,
    sent: &SentCode,
    code: &str,
) -> Result<Result<(), ResponseErrors>> {
    let name = format!("device confirm {} {}", kind.as_str(), sent.user);
    if !attempts::take(&core.db, &name, JUDGED, Span::from_secs(JUDGE_WINDOW), core.now()).await?.is_allowed()
    {
        return Ok(Err(ResponseErrors::one("code", "Too many wrong codes. Try again later.", "throttled")));
    }
    let fits = Secret::new(sent.digest.as_str()).matches(&digest(core, sent.device, code));
    if !fits || sent.expires <= core.now() {
        return Ok(Err(wrong_code()));
    }
    attempts::clear(&core.db, &name).await?;
    Ok(Ok(()))
}

/// Counts a message to the contact. `false`: the limit is reached. A known browser of the user has a count of its own, so
/// that others who know the password cannot keep the user's messages away.
pub(super) async fn may_send(
    core: &Core,
    client: &Client,
    kind: DeviceKind,
    user: i64,
    contact: &str,
) -> Result<bool> {
    let kind = kind.as_str();
    let browser = match device::is_known(core, client, user).await? {
        true => core.vault.digest("attempt", &format!("send\n{}", client.device)),
        false => String::new(),
    };
    for whose in [user.to_string(), core.vault.digest("contact", contact)] {
        let name = format!("device send {kind} {whose} {browser}");
        let taken =
            attempts::take(&core.db, name.trim_end(), SENDS, Span::from_secs(SEND_WINDOW), core.now())
                .await?;
        if !taken.is_allowed() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn digest(core: &Core, device: Uuid, code: &str) -> String {
    core.vault.digest("contact code", &format!("{device}:{code}"))
}

/// Uniqueness key over all devices: a contact can be set up once per `scope`. WebAuthn ids contain no colon.
pub(super) fn unique(core: &Core, kind: DeviceKind, scope: &str, contact: &str) -> String {
    format!("{}:{}", kind.as_str(), core.vault.digest("contact of a device", &format!("{scope}:{contact}")))
}
