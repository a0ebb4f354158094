//! Second factors of people: TOTP, recovery codes, passkeys, SMS, e-mail, Duo.
use super::list::{Filter, Page};
use crate::db::{Batch, Db, Row, Value};
use crate::params;
use signet_base::{Error, Json, Map, Ports, Result, Secret, Timestamp, Uuid, Vault, json};

/// The kinds of devices, in the order in which they are offered.
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
    /// The name in the database, in addresses and in challenges.
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
    /// `app_label` and `model` of the kind on the wire: `("authentik_stages_authenticator_totp",
    /// "TOTPDevice")`.
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
    /// For people.
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

/// One device.
#[derive(Debug, Clone)]
pub struct Device {
    /// 0 before [`insert`].
    pub id: i64,
    /// The place that the secret is sealed to.
    pub uuid: Uuid,
    pub kind: DeviceKind,
    pub user_id: i64,
    /// What the person calls it.
    pub name: String,
    /// Only confirmed devices count at a sign-in.
    pub confirmed: bool,
    /// What the kind keeps that is no secret.
    pub data: Map,
    /// The sealed secret; empty where the kind has none. See [`Device::secret`].
    pub sealed: String,
    /// Id of a WebAuthn credential (base64url); unique over all people.
    pub credential: Option<String>,
    /// Last TOTP step or WebAuthn signature count that was accepted. Only [`advance`] moves it.
    pub counter: i64,
    pub created: Timestamp,
    pub updated: Timestamp,
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
    /// Seals the secret into the device.
    pub fn seal(&mut self, vault: &Vault, secret: &Secret) -> Result<()> {
        self.sealed = vault.seal(("device", &self.uuid.to_string(), "secret"), secret)?;
        Ok(())
    }
    /// The secret in clear. An error where there is none.
    pub fn secret(&self, vault: &Vault) -> Result<Secret> {
        vault.open(("device", &self.uuid.to_string(), "secret"), &self.sealed)
    }
    /// A text of the data; empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.data.get(name).and_then(|v| v.as_str()).unwrap_or_default()
    }
    /// How events name the device.
    pub fn event_model(&self, id: i64) -> Json {
        let (app, model) = self.kind.model();
        json!({"app": app, "model_name": model.to_lowercase(), "pk": id.to_string(), "name": self.name})
    }
    /// The digest under which a code of this device is kept.
    pub fn code_digest(&self, vault: &Vault, code: &str) -> String {
        vault.digest("device code", &format!("{}:{code}", self.uuid))
    }
}

const COLUMNS: &str = "d.id, d.uuid, d.kind, d.user_id, d.name, d.confirmed, d.data, d.secret, d.credential, d.counter, d.created, d.updated, d.last_used";
const OF_USER: &str = "SELECT d.id, d.uuid, d.kind, d.user_id, d.name, d.confirmed, d.data, d.secret, d.credential, d.counter, d.created, d.updated, d.last_used \
    FROM device d WHERE d.user_id = ? ORDER BY d.id";
const OF_USER_AND_KIND: &str = "SELECT d.id, d.uuid, d.kind, d.user_id, d.name, d.confirmed, d.data, d.secret, d.credential, d.counter, d.created, d.updated, d.last_used \
    FROM device d WHERE d.user_id = ? AND d.kind = ? ORDER BY d.id";
const GET: &str = "SELECT d.id, d.uuid, d.kind, d.user_id, d.name, d.confirmed, d.data, d.secret, d.credential, d.counter, d.created, d.updated, d.last_used \
    FROM device d WHERE d.id = ? AND d.kind = ?";
const BY_CREDENTIAL: &str = "SELECT d.id, d.uuid, d.kind, d.user_id, d.name, d.confirmed, d.data, d.secret, d.credential, d.counter, d.created, d.updated, d.last_used \
    FROM device d WHERE d.credential = ?";
const INSERT: &str = "INSERT INTO device (uuid, kind, user_id, name, confirmed, data, secret, credential, counter, created, updated, last_used) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
const UPDATE: &str = "UPDATE device SET name = ?, confirmed = ?, data = ?, updated = ? WHERE id = ?";
const TOUCH: &str = "UPDATE device SET last_used = ? WHERE id = ?";
const ADVANCE: &str = "UPDATE device SET counter = ?, last_used = ? WHERE id = ? AND counter < ?";
const DELETE: &str = "DELETE FROM device WHERE id = ?";
const ADD_CODE: &str =
    "INSERT INTO device_code (device_id, digest, expires) SELECT id, ?, ? FROM device WHERE uuid = ?";
const DROP_CODES: &str = "DELETE FROM device_code WHERE device_id = (SELECT id FROM device WHERE uuid = ?)";
const TAKE_CODE: &str =
    "DELETE FROM device_code WHERE device_id = ? AND digest = ? AND (expires IS NULL OR expires > ?)";
const COUNT_CODES: &str =
    "SELECT count(*) FROM device_code WHERE device_id = ? AND (expires IS NULL OR expires > ?)";

pub(crate) const STATEMENTS: &[&str] = &[
    OF_USER,
    OF_USER_AND_KIND,
    GET,
    BY_CREDENTIAL,
    INSERT,
    UPDATE,
    TOUCH,
    ADVANCE,
    DELETE,
    ADD_CODE,
    DROP_CODES,
    TAKE_CODE,
    COUNT_CODES,
];

fn from_row(row: &Row) -> Result<Device> {
    let kind = row.text(2)?;
    Ok(Device {
        id: row.int(0)?,
        uuid: row.uuid(1)?,
        kind: DeviceKind::parse(kind)
            .ok_or_else(|| Error::internal(format!("a device of the unknown kind {kind:?}")))?,
        user_id: row.int(3)?,
        name: row.string(4)?,
        confirmed: row.bool(5)?,
        data: row.map(6)?,
        sealed: row.string(7)?,
        credential: row.opt_string(8)?,
        counter: row.int(9)?,
        created: row.time(10)?,
        updated: row.time(11)?,
        last_used: row.opt_time(12)?,
    })
}

async fn one(db: &Db, sql: &str, params: Vec<Value>) -> Result<Option<Device>> {
    db.query_one(sql, params).await?.as_ref().map(from_row).transpose()
}

/// The devices of a person, confirmed or not, oldest first; of one kind where it is given.
pub async fn of_user(db: &Db, user: i64, kind: Option<DeviceKind>) -> Result<Vec<Device>> {
    let rows = match kind {
        Some(kind) => db.query(OF_USER_AND_KIND, params![user, kind.as_str()]).await?,
        None => db.query(OF_USER, params![user]).await?,
    };
    rows.iter().map(from_row).collect()
}
pub async fn get(db: &Db, kind: DeviceKind, id: i64) -> Result<Option<Device>> {
    one(db, GET, params![id, kind.as_str()]).await
}
/// The WebAuthn device with this credential, whoever it belongs to.
pub async fn by_credential(db: &Db, credential: &str) -> Result<Option<Device>> {
    one(db, BY_CREDENTIAL, params![credential]).await
}
/// The new id. `Error::Conflict("device.credential")` when somebody has the credential already.
pub async fn insert(db: &Db, device: &Device) -> Result<i64> {
    insert_with_codes(db, device, &[]).await
}
/// [`insert`] together with codes that work once and do not expire, as [`Device::code_digest`] makes them.
pub async fn insert_with_codes(db: &Db, device: &Device, digests: &[String]) -> Result<i64> {
    insert_when(db, Batch::new(), device, digests).await
}
/// [`insert_with_codes`] where `when` holds, in the same commit.
pub async fn insert_when(db: &Db, when: Batch, device: &Device, digests: &[String]) -> Result<i64> {
    let d = device;
    let values = params![
        d.uuid,
        d.kind.as_str(),
        d.user_id,
        &d.name,
        d.confirmed,
        &d.data,
        &d.sealed,
        d.credential.as_deref(),
        d.counter,
        d.created,
        d.updated,
        d.last_used
    ];
    let mut batch = when.then(Batch::new().add(INSERT, values).returning());
    for digest in digests {
        batch.push(ADD_CODE, params![digest, None::<Timestamp>, d.uuid]);
    }
    let answer = db.batch(batch).await?;
    answer.iter().flatten().next().ok_or_else(|| Error::internal("no id came back"))?.int(0)
}
/// Writes name, confirmation and data; secret, credential and counter stay.
pub async fn update(db: &Db, device: &Device, now: Timestamp) -> Result<()> {
    let d = device;
    missing(
        db.batch(
            Batch::new()
                .add(UPDATE, params![&d.name, d.confirmed, &d.data, now, d.id])
                .expect_rows(1, "no such row"),
        )
        .await,
    )
}
pub async fn delete(db: &Db, id: i64) -> Result<()> {
    missing(db.batch(delete_batch(id)).await)
}
/// [`delete`] as a part of a larger batch.
pub fn delete_batch(id: i64) -> Batch {
    Batch::new().add(DELETE, params![id]).expect_rows(1, "no such row")
}
/// Notes when the device was last used. False when it is gone.
pub async fn touch_used(db: &Db, id: i64, now: Timestamp) -> Result<bool> {
    once(db.batch(Batch::relaxed().add(TOUCH, params![now, id]).expect_rows(1, "used")).await)
}
/// Moves the counter forward and notes the use. False, and nothing changed, when it is there already: of many
/// who show the same step or count, one is told true.
pub async fn advance(db: &Db, id: i64, counter: i64, now: Timestamp) -> Result<bool> {
    once(db.batch(Batch::new().add(ADVANCE, params![counter, now, id, counter]).expect_rows(1, "used")).await)
}
/// Replaces what was sent before: from now on only this code is right, until it expires.
pub async fn put_code(db: &Db, device: &Device, digest: &str, expires: Timestamp) -> Result<()> {
    let batch = Batch::new()
        .add(DROP_CODES, params![device.uuid])
        .add(ADD_CODE, params![digest, Some(expires), device.uuid])
        .expect_rows(1, "no such row");
    missing(db.batch(batch).await)
}
/// Whether the code was there; it is gone then, and the use is noted. Of many who show the same code, one is
/// told true.
pub async fn take_code(db: &Db, device: i64, digest: &str, now: Timestamp) -> Result<bool> {
    let batch = Batch::new()
        .add(TAKE_CODE, params![device, digest, now])
        .expect_rows(1, "used")
        .add(TOUCH, params![now, device]);
    once(db.batch(batch).await)
}
/// How many codes can still be used.
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
        Err(Error::Conflict(tag)) if tag == "used" => Ok(false),
        Err(error) => Err(error),
    }
}
fn missing<T>(answer: Result<T>) -> Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(Error::Conflict(tag)) if tag == "no such row" => Err(Error::NotFound),
        Err(error) => Err(error),
    }
}

/// What a list of devices is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct DeviceQuery {
    pub kind: Option<DeviceKind>,
    pub name: Option<String>,
    pub search: String,
    /// Only this person's.
    pub owner: Option<i64>,
    pub page: Page,
}

const SORT: &[(&str, &str)] = &[
    ("pk", "d.id"),
    ("name", "d.name"),
    ("created_on", "d.created"),
    ("user", "d.user_id"),
    ("last_used", "d.last_used"),
];

/// One page of devices, and how many fit the query.
pub async fn list(db: &Db, q: &DeviceQuery) -> Result<(Vec<Device>, u64)> {
    let mut f = Filter::default();
    f.equal("d.kind", q.kind.map(DeviceKind::as_str));
    f.equal("d.name", q.name.as_deref());
    f.equal("d.user_id", q.owner);
    f.search(&q.search, &["d.name"]);
    let (rows, total) = f.page(db, COLUMNS, "device d", SORT, "d.id", &q.page).await?;
    Ok((rows.iter().map(from_row).collect::<Result<_>>()?, total))
}
