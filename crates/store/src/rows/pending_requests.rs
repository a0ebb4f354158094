//! Requests that wait for the answer of another party, each under a key that is used once.
use super::table;
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Result, Secret, Timestamp, Uuid, Vault};
use signet_model::Table;

/// Most that one browser has at once; the oldest goes first.
const MOST: i64 = 16;

/// A request without its key.
#[derive(Debug)]
pub struct PendingRequest {
    /// The protocol whose it is: `source/oauth`.
    pub kind: String,
    /// Digest of the browser's cookie; `None`: any browser may continue it.
    pub browser: Option<String>,
    pub content: Secret,
    pub created: Timestamp,
    pub expires: Timestamp,
}

/// A request as it is kept.
#[derive(Table)]
#[table(
    model = "signet.pendingrequest",
    table = "pending_request",
    alias = "q",
    label = "Pending Request",
    order = "pk"
)]
#[table(component = "PendingRequest", internal, expires = "expires")]
pub(crate) struct PendingRequestRow {
    #[column(wire = "pk", fixed, order)]
    id: Uuid,
    #[column(secret, fixed)]
    digest: String,
    #[column(fixed)]
    kind: String,
    #[column(hidden, fixed)]
    browser: Option<String>,
    /// Sealed.
    #[column(secret, fixed)]
    content: String,
    #[column(hidden, fixed)]
    created: Timestamp,
    #[column(hidden, fixed)]
    expires: Timestamp,
}

const TAKE: &str = "DELETE FROM pending_request WHERE digest = ? AND kind = ? AND (browser IS NULL OR browser = ?) AND expires > ? \
    RETURNING id, content";
const TRIM: &str = "DELETE FROM pending_request WHERE browser = ? AND id NOT IN (\
    SELECT id FROM pending_request WHERE browser = ? ORDER BY created DESC, id DESC LIMIT ?)";

pub(crate) const STATEMENTS: &[&str] = &[TAKE, TRIM];

fn digest(vault: &Vault, key: &str) -> String {
    vault.digest("pending_request", key)
}

/// Keeps a request under a key of at least 128 random bits.
pub async fn insert(db: &Db, vault: &Vault, id: Uuid, key: &Secret, request: &PendingRequest) -> Result<()> {
    let row = PendingRequestRow {
        id,
        digest: digest(vault, key.reveal()),
        kind: request.kind.clone(),
        browser: request.browser.clone(),
        content: vault.seal(("pending_request", &id.to_string(), "content"), &request.content)?,
        created: request.created,
        expires: request.expires,
    };
    let mut batch = Batch::relaxed();
    if let Some(browser) = &request.browser {
        batch.push(TRIM, params![browser, browser, MOST - 1]);
    }
    db.batch(batch.then(table::insert(&row))).await.map(drop)
}

/// Removes the request and gives its content. Of calls at the same moment, on whatever node, one gets it. A call from
/// another browser, or for another kind, changes nothing.
pub async fn take(
    db: &Db,
    vault: &Vault,
    kind: &str,
    key: &str,
    browser: Option<&str>,
    now: Timestamp,
) -> Result<Option<Secret>> {
    let params = params![digest(vault, key), kind, browser.unwrap_or_default(), now];
    let answers = db.batch(Batch::new().add(TAKE, params).returning()).await?;
    let Some(row) = answers.iter().flatten().next() else { return Ok(None) };
    vault.open(("pending_request", row.text(0)?, "content"), row.text(1)?).map(Some)
}
