//! Second factors: TOTP, recovery codes, passkeys, SMS, email, Duo.
use super::table::{self, Column, found, selects};
use crate::db::{Batch, Db, Row, Value};
use crate::params;
use signet_base::{Conflict, Error, Json, Map, Ports, Result, Secret, Timestamp, Uuid, Vault, json};
use signet_model::Table;

/// Device kinds, in display order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceKind {
    Static,
    Totp,
    Webauthn,
    Duo,
    Sms,
    Email,
}

impl DeviceKind {
    pub const ALL: [Self; 6] = [Self::Static, Self::Totp, Self::Webauthn, Self::Duo, Self::Sms, Self::Email];
    /// The name in the database, URLs and challenges.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Totp => "totp",
            Self::Webauthn => "webauthn",
            Self::Duo => "duo",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == name)
    }
    /// `app_label` and `model` in the API: `("authentik_stages_authenticator_totp", "TOTPDevice")`.
    pub fn model(self) -> (&'static str, &'static str) {
        match self {
            Self::Static => ("authentik_stages_authenticator_static", "StaticDevice"),
            Self::Totp => ("authentik_stages_authenticator_totp", "TOTPDevice"),
            Self::Webauthn => ("authentik_stages_authenticator_webauthn", "WebAuthnDevice"),
            Self::Duo => ("authentik_stages_authenticator_duo", "DuoDevice"),
            Self::Sms => ("authentik_stages_authenticator_sms", "SMSDevice"),
            Self::Email => ("authentik_stages_authenticator_email", "EmailDevice"),
        }
    }
    /// The label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Static => "Static Device",
            Self::Totp => "TOTP Device",
            Self::Webauthn => "WebAuthn Device",
            Self::Duo => "Duo Device",
            Self::Sms => "SMS Device",
            Self::Email => "Email Device",
        }
    }
}

impl Column for DeviceKind {
    fn load(row: &Row, at: usize) -> Result<Self> {
        let kind = row.text(at)?;
        Self::parse(kind).ok_or_else(|| Error::internal(format!("a device of the unknown kind {kind:?}")))
    }
    fn store(&self) -> Value {
        self.as_str().into()
    }
    fn put(&mut self, _: &Json) -> bool {
        false
    }
}

/// One device.
#[derive(Debug, Clone, Table)]
#[table(
    model = "authentik_core.device",
    component = "Device",
    table = "device",
    alias = "d",
    label = "Device"
)]
#[table(order = "pk", internal)]
pub struct Device {
    /// 0 before [`insert`].
    #[column(wire = "pk", also("id"), generated, read_only, order)]
    pub id: i64,
    /// The place for encrypting the secret.
    #[column(hidden, fixed)]
    pub uuid: Uuid,
    #[column(hidden, fixed, kind = "text", sorted)]
    pub kind: DeviceKind,
    #[column(
        wire = "user",
        also("user_id"),
        read_only,
        fixed,
        refers = "authentik_core.user",
        owner,
        order,
        filter
    )]
    pub user_id: i64,
    /// The user's name for it.
    #[column(order, filter, search, required)]
    pub name: String,
    /// Only confirmed devices are accepted at sign-in.
    #[column(read_only)]
    pub confirmed: bool,
    /// Data of the kind that is not secret.
    #[column(read_only)]
    pub data: Map,
    /// The encrypted secret; empty if the kind has none. See [`Device::secret`].
    #[column(name = "secret", secret, fixed)]
    pub sealed: String,
    /// WebAuthn credential id (Base64url); unique over all users.
    #[column(secret, fixed, unique)]
    pub credential: Option<String>,
    /// Last accepted TOTP step or WebAuthn signature count. Only [`advance`] changes it.
    #[column(hidden, fixed)]
    pub counter: i64,
    #[column(read_only, fixed, order("created_on"))]
    pub created: Timestamp,
    #[column(wire = "last_updated", read_only)]
    pub updated: Timestamp,
    #[column(read_only, fixed, order)]
    pub last_used: Option<Timestamp>,
}

impl Device {
    /// A confirmed device without data.
    pub fn new(ports: &Ports, kind: DeviceKind, user_id: i64, name: impl Into<String>) -> Self {
        let now = ports.now();
        Self {
            id: 0,
            uuid: ports.uuid(),
            kind,
            user_id,
            name: name.into(),
            confirmed: true,
            data: Map::new(),
            sealed: String::new(),
            credential: None,
            counter: 0,
            created: now,
            updated: now,
            last_used: None,
        }
    }
    /// Encrypts the secret into the device.
    pub fn seal(&mut self, vault: &Vault, secret: &Secret) -> Result<()> {
        self.sealed = vault.seal(("device", &self.uuid.to_string(), "secret"), secret)?;
        Ok(())
    }
    /// The decrypted secret; an error if there is none.
    pub fn secret(&self, vault: &Vault) -> Result<Secret> {
        vault.open(("device", &self.uuid.to_string(), "secret"), &self.sealed)
    }
    /// A text member of the data; empty if missing.
    pub fn text(&self, name: &str) -> &str {
        self.data.get(name).and_then(|v| v.as_str()).unwrap_or_default()
    }
    /// The device in events.
    pub fn event_model(&self, id: i64) -> Json {
        let (app, model) = self.kind.model();
        json!({"app": app, "model_name": model.to_lowercase(), "pk": id.to_string(), "name": self.name})
    }
    /// The stored digest of a code of this device.
    pub fn code_digest(&self, vault: &Vault, code: &str) -> String {
        vault.digest("device code", &format!("{}:{code}", self.uuid))
    }
}

selects! { Device:
    OF_USER = "WHERE d.user_id = ? ORDER BY d.id";
    OF_USER_AND_KIND = "WHERE d.user_id = ? AND d.kind = ? ORDER BY d.id";
    GET = "WHERE d.id = ? AND d.kind = ?";
    BY_CREDENTIAL = "WHERE d.credential = ?";
}
const TOUCH: &str = "UPDATE device SET last_used = ? WHERE id = ?";
const ADVANCE: &str = "UPDATE device SET counter = ?, last_used = ? WHERE id = ? AND counter < ?";
const ADD_CODE: &str =
    "INSERT INTO device_code (device_id, digest, expires) SELECT id, ?, ? FROM device WHERE uuid = ?";
const DROP_CODES: &str = "DELETE FROM device_code WHERE device_id = (SELECT id FROM device WHERE uuid = ?)";
const TAKE_CODE: &str =
    "DELETE FROM device_code WHERE device_id = ? AND digest = ? AND (expires IS NULL OR expires > ?)";
const COUNT_CODES: &str =
    "SELECT count(*) FROM device_code WHERE device_id = ? AND (expires IS NULL OR expires > ?)";

pub(crate) const STATEMENTS: &[&str] = &[TOUCH, ADVANCE, ADD_CODE, DROP_CODES, TAKE_CODE, COUNT_CODES];

/// A user's devices, confirmed or not, oldest first; of one kind if given.
pub async fn of_user(db: &Db, user: i64, kind: Option<DeviceKind>) -> Result<Vec<Device>> {
    match kind {
        Some(kind) => table::rows(db, &OF_USER_AND_KIND, params![user, kind.as_str()]).await,
        None => table::rows(db, &OF_USER, params![user]).await,
    }
}
pub async fn get(db: &Db, kind: DeviceKind, id: i64) -> Result<Option<Device>> {
    table::row(db, &GET, params![id, kind.as_str()]).await
}
/// The WebAuthn device with this credential, of any user.
pub async fn by_credential(db: &Db, credential: &str) -> Result<Option<Device>> {
    table::row(db, &BY_CREDENTIAL, params![credential]).await
}
/// Inserts a device; returns its id. `Conflict::Unique("device.credential")` if the credential is registered.
pub async fn insert(db: &Db, device: &Device) -> Result<i64> {
    insert_with_codes(db, device, &[]).await
}
/// [`insert`] with one-time codes that do not expire, as [`Device::code_digest`] returns them.
pub async fn insert_with_codes(db: &Db, device: &Device, digests: &[String]) -> Result<i64> {
    let answer = db.batch(insert_batch(device, digests)).await?;
    table::new_id(&answer)
}
/// [`insert_with_codes`] as a part of a larger batch; its first answer holds the id where the device has none yet.
pub fn insert_batch(device: &Device, digests: &[String]) -> Batch {
    let mut batch = table::insert(device);
    for digest in digests {
        batch.push(ADD_CODE, params![digest, None::<Timestamp>, device.uuid]);
    }
    batch
}
/// Updates name, confirmation and data; secret, credential and counter stay.
pub async fn update(db: &Db, device: &Device, now: Timestamp) -> Result<()> {
    found(db.batch(table::update(&Device { updated: now, ..device.clone() })).await).map(drop)
}
/// [`update`] of what has changed, as a part of a larger batch.
pub fn update_batch(before: &Device, after: &Device, now: Timestamp) -> Batch {
    table::update_changed(before, &Device { updated: now, ..after.clone() })
}
pub async fn delete(db: &Db, id: i64) -> Result<()> {
    found(db.batch(delete_batch(id)).await).map(drop)
}
/// [`delete`] as part of a batch.
pub fn delete_batch(id: i64) -> Batch {
    table::delete::<Device>(id)
}
/// Stores the last use. `false` if the device is deleted.
pub async fn touch_used(db: &Db, id: i64, now: Timestamp) -> Result<bool> {
    once(db.batch(Batch::relaxed().add(TOUCH, params![now, id]).expect_rows(1, Conflict::Used)).await)
}
/// Advances the counter and stores the use. `false`, without a change, if the counter is there already: of
/// concurrent calls with the same step or count one gets `true`.
pub async fn advance(db: &Db, id: i64, counter: i64, now: Timestamp) -> Result<bool> {
    once(
        db.batch(
            Batch::new().add(ADVANCE, params![counter, now, id, counter]).expect_rows(1, Conflict::Used),
        )
        .await,
    )
}
/// Replaces the code that was sent: only this one is valid, until it expires.
pub async fn put_code(db: &Db, device: &Device, digest: &str, expires: Timestamp) -> Result<()> {
    let batch = Batch::new()
        .add(DROP_CODES, params![device.uuid])
        .add(ADD_CODE, params![digest, Some(expires), device.uuid])
        .expect_rows(1, Conflict::NoRow);
    found(db.batch(batch).await).map(drop)
}
/// Takes a code: whether it existed; it is deleted, and the use is stored. Of concurrent calls with the same
/// code one gets `true`.
pub async fn take_code(db: &Db, device: i64, digest: &str, now: Timestamp) -> Result<bool> {
    let batch = Batch::new()
        .add(TAKE_CODE, params![device, digest, now])
        .expect_rows(1, Conflict::Used)
        .add(TOUCH, params![now, device]);
    once(db.batch(batch).await)
}
/// Number of unused codes.
pub async fn count_codes(db: &Db, device: i64, now: Timestamp) -> Result<i64> {
    db.query_one(COUNT_CODES, params![device, now])
        .await?
        .map(|row| row.int(0))
        .transpose()
        .map(Option::unwrap_or_default)
}

fn once<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(Error::Conflict(Conflict::Used)) => Ok(false),
        Err(error) => Err(error),
    }
}
