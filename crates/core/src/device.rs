//! Known browsers: those with which a user has signed in before. A signal for policies; it grants nothing.
use crate::session::DEVICE_COOKIE;
use crate::{Client, Core};
use signet_base::{Result, Span};
use signet_store::Batch;
use signet_store::known_devices::{self, KnownDevice};
use signet_store::users::User;

/// Length of the cookie's key in characters.
const KEY: usize = 40;

/// The digest of the browser's key; `None` without a valid key.
pub(crate) fn digest(core: &Core, client: &Client) -> Option<String> {
    let well_formed = client.device.len() == KEY && client.device.bytes().all(|b| b.is_ascii_hexdigit());
    well_formed.then(|| core.vault.digest("device", &client.device))
}

/// Whether the user has signed in with this browser before.
pub async fn is_known(core: &Core, client: &Client, user: i64) -> Result<bool> {
    match digest(core, client) {
        Some(digest) => known_devices::is_known(&core.db, user, &digest, core.now()).await,
        None => Ok(false),
    }
}

/// Registers the browser for `age`: returns the row to write and the cookie to set. Zero: not registered. A
/// browser that is new for the user gets a new key, so that a planted key does not become known.
pub fn remember(
    core: &Core,
    client: &Client,
    user: &User,
    known: bool,
    age: Span,
) -> (Batch, Option<String>) {
    if age <= Span::ZERO {
        return (Batch::new(), None);
    }
    let now = core.now();
    let before = digest(core, client);
    let key = if known { client.device.clone() } else { core.ports.hex(KEY / 2) };
    let device = KnownDevice {
        user_id: user.id,
        digest: core.vault.digest("device", &key),
        ip: client.ip.to_string(),
        user_agent: client.user_agent.clone(),
        created: now,
        last_used: now,
        expires: now.plus(age),
        epoch: user.epoch,
    };
    (
        known_devices::put(&device, before.as_deref()),
        Some(core.cookie(client, DEVICE_COOKIE, &key, Some(age.secs()), true)),
    )
}
