//! The two key pairs of a new installation. Each is created once: a deleted pair is not created again.
use signet_base::{Error, Json, Map, Result, Uuid, json};
use signet_core::Core;
use signet_core::directory::{self, Author};
use signet_core::models::{CertificateKeyPair, ES256, SELF_SIGNED};
use signet_jose::x509::{Generate, Generated, KeyAlgorithm, generate};
use signet_model::{Lookup, Model, check};
use signet_store::{Write, kv};
use tokio::task::JoinHandle;

/// Key of the record of created pairs.
const KEY: &str = "certificates";

/// Certificates refer to no rows.
pub(crate) struct NoRows;
impl Lookup for NoRows {
    fn user_exists(&self, _: i64) -> bool {
        false
    }
    fn group_exists(&self, _: Uuid) -> bool {
        false
    }
}

async fn made_before(core: &Core, name: &str) -> Result<bool> {
    Ok(kv::get(&core.db, KEY).await?.is_some_and(|(made, _)| made.get(name) == Some(&Json::Bool(true))))
}

async fn store(core: &Core, name: &str, pair: Generated) -> Result<()> {
    let config = core.config();
    if config.find::<CertificateKeyPair>("name", name).is_none() {
        let sent: Map = [
            ("name", json!(name)),
            ("certificate_data", json!(pair.certificate_pem)),
            ("key_data", json!(pair.key_pem.reveal())),
        ]
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v))
        .collect();
        let change = check(CertificateKeyPair::DEF, &sent, None, false, &config, &NoRows, &core.ports)?;
        let (data, secrets) = (change.data, change.secrets);
        let write = Write::Create { def: CertificateKeyPair::DEF, pk: None, data, secrets };
        match directory::write(core, &Author::system(), [write]).await {
            // Another node has created it.
            Ok(_) | Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    for _ in 0..10 {
        let (mut made, version) = kv::get(&core.db, KEY).await?.unwrap_or((json!({}), 0));
        made[name] = Json::Bool(true);
        match kv::put(&core.db, &core.ports, KEY, &made, Some(version)).await {
            Err(Error::Conflict(_)) => {}
            other => return other.map(drop),
        }
    }
    Err(Error::Unavailable("the notes about key pairs could not be written".into()))
}

fn request(core: &Core, alg: KeyAlgorithm) -> Generate<'static> {
    Generate {
        common_name: "authentik",
        subject_alt_names: &["localhost"],
        validity_days: 365,
        alg,
        now: core.now().secs(),
    }
}

/// Creates the ES256 pair; takes about a millisecond.
pub async fn ensure_es256(core: &Core) -> Result<()> {
    if made_before(core, ES256).await? {
        return Ok(());
    }
    let pair = generate(&request(core, KeyAlgorithm::Ecdsa)).map_err(Error::internal)?;
    store(core, ES256, pair).await
}

/// A pair that is being generated.
pub type Making = JoinHandle<Result<Generated>>;

/// Starts generating the RSA pair (up to a second of processor time) concurrently with the rest of the start.
/// `None`: the installation had it.
pub async fn begin_rsa(core: &Core) -> Result<Option<Making>> {
    if made_before(core, SELF_SIGNED).await? {
        return Ok(None);
    }
    let wanted = request(core, KeyAlgorithm::Rsa);
    Ok(Some(tokio::task::spawn_blocking(move || generate(&wanted).map_err(Error::internal))))
}

/// Stores the pair that [`begin_rsa`] generates.
pub async fn keep_rsa(core: &Core, pair: Option<Making>) -> Result<()> {
    match pair {
        Some(pair) => store(core, SELF_SIGNED, pair.await.map_err(Error::internal)??).await,
        None => Ok(()),
    }
}
