//! Requests that were sent to another party, and messages that came by a cross-site POST, until they are continued by a
//! GET of our own. Each is kept under a random key (`state`, or the id in the address), used once, and bound to the
//! browser that began it. A browser may have several at once.
use crate::budget::{self, BudgetKind};
use crate::session::rules::SameSite;
use crate::{Client, Core};
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Result, Secret, Span, Uuid};
use signet_store::pending_requests;

/// The cookie that browsers are told apart by. It is never `SameSite=Strict`: the answer comes from another site.
pub const COOKIE: &str = "authentik_pending";
/// Characters of a key: 238 bits.
const KEY_LENGTH: usize = 40;
/// Bytes of the cookie's value.
const BROWSER_BYTES: usize = 20;
/// Largest content in bytes.
const MAX_CONTENT: usize = 256 * 1024;

/// Why the request was made; decided when it begins, not when its answer arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A message to be read: it asks for what it says itself.
    Message,
    SignIn,
    /// Connects what is proven with this person's account, in this session of theirs.
    Link {
        user: i64,
        epoch: i64,
        session: Uuid,
    },
    /// Continues a run of a flow at the stage that asked.
    Resume {
        flow: Uuid,
        query: String,
        mark: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingRequest {
    pub purpose: Purpose,
    /// Where the person goes afterwards: a path of this server; empty for the default.
    pub target: String,
    /// What the protocol needs to check the answer: nonce, verifier, the message itself.
    pub content: Json,
}

/// Who may continue a request.
#[derive(Debug, Clone, Copy)]
pub enum BoundTo {
    /// The browser of the request.
    Browser,
    /// Whoever has the key. For messages by a cross-site POST, which bring no cookies.
    Key,
}

/// The value of the browser's cookie, if it is one of ours.
fn browser(client: &Client) -> Option<&str> {
    Some(client.pending.as_str())
        .filter(|value| value.len() == BROWSER_BYTES * 2 && value.bytes().all(|b| b.is_ascii_hexdigit()))
}
fn digest(core: &Core, browser: &str) -> String {
    core.vault.digest("pending_request/browser", browser)
}
fn charge(core: &Core, key: &str) -> u64 {
    core.budgets.name(&format!("pending request {key}"))
}

/// A new key.
pub fn key(core: &Core) -> Secret {
    Secret::new(core.ports.alphanumeric(KEY_LENGTH))
}

/// Keeps a request under a new [`key`]. `kind` names the protocol: only it can take the request. Gives a `Set-Cookie` value
/// if the browser has no cookie yet.
///
/// # Errors
/// `TooMany` for strangers whose network has too many open, `Invalid` for a content that is too large.
pub async fn store(
    core: &Core,
    client: &Client,
    kind: &str,
    bound_to: BoundTo,
    lifetime: Span,
    key: &Secret,
    request: &PendingRequest,
) -> Result<Option<String>> {
    let content = serde_json::to_string(request)?;
    if content.len() > MAX_CONTENT {
        return Err(Error::invalid("non_field_errors", "The message is too large."));
    }
    if client.sent.person().is_none() && !budget::is_exempt(core, client).await? {
        core.budgets.spend(BudgetKind::Session, client.ip, charge(core, key.reveal()), 1.0, core.now())?;
    }
    let (browser, set_cookie) = match bound_to {
        BoundTo::Key => (None, None),
        BoundTo::Browser => match browser(client) {
            Some(known) => (Some(digest(core, known)), None),
            None => {
                let new = core.ports.hex(BROWSER_BYTES);
                let same_site = match core.settings.sessions.same_site {
                    SameSite::Strict => SameSite::Lax,
                    other => other,
                };
                let cookie = core.cookie_with(client, COOKIE, &new, None, true, same_site);
                (Some(digest(core, &new)), Some(cookie))
            }
        },
    };
    let now = core.now();
    let row = pending_requests::PendingRequest {
        kind: kind.to_owned(),
        browser,
        content: Secret::new(content),
        created: now,
        expires: now.plus(lifetime),
    };
    pending_requests::insert(&core.db, &core.vault, core.ports.uuid_v7(), key, &row).await?;
    Ok(set_cookie)
}

/// Takes a request out: of several calls with its key one gets it. `None` if it is used, over, of another kind or of
/// another browser.
pub async fn take(core: &Core, client: &Client, kind: &str, key: &str) -> Result<Option<PendingRequest>> {
    if key.len() != KEY_LENGTH {
        return Ok(None);
    }
    let browser = browser(client).map(|value| digest(core, value));
    let now = core.now();
    let taken = pending_requests::take(&core.db, &core.vault, kind, key, browser.as_deref(), now).await?;
    let Some(content) = taken else { return Ok(None) };
    core.budgets.give_back(BudgetKind::Session, client.ip, charge(core, key), now);
    Ok(Some(serde_json::from_str(content.reveal())?))
}
