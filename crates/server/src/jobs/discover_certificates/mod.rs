//! Certificates that other programs renew in a folder, as certbot does.
mod folder;

use crate::certificates::NoRows;
use async_trait::async_trait;
use folder::Found;
use signet_base::{Error, Json, Map, Result, json};
use signet_core::Core;
use signet_core::directory::{self, Author};
use signet_core::job::{Job, JobRun, LogLevel, NewJob};
use signet_core::models::CertificateKeyPair;
use signet_model::{Model, Object, check};
use signet_store::{Batch, Write};
use std::sync::Arc;

/// Takes over the certificates of the folder, and replaces those that have changed there.
pub struct DiscoverCertificates;

/// Queues the job, unless one waits: at the start, and at SIGHUP.
pub async fn queue(core: &Core) -> Result<()> {
    NewJob::new(&DiscoverCertificates, &Json::Null)?.unique("certificate_discovery").commit(core).await
}

#[async_trait]
impl Job for DiscoverCertificates {
    fn name(&self) -> &'static str {
        "authentik.crypto.tasks.certificate_discovery"
    }
    fn description(&self) -> &'static str {
        "Find new and renewed certificates"
    }
    fn schedule(&self) -> Option<&'static str> {
        Some("17 * * * *")
    }
    fn app(&self) -> &'static str {
        "authentik_crypto"
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        let core = run.core.clone();
        let root = core.settings.certificates.clone();
        let read = tokio::task::spawn_blocking(move || folder::read(&root));
        let (pairs, failures) = read.await.map_err(Error::internal)?;
        for (path, why) in failures {
            run.log(LogLevel::Warning, format!("{path}: {why}"));
        }
        core.objects.refresh_if_stale().await?;
        for (name, found) in pairs {
            match keep(&core, &name, found).await {
                Ok(Some(what)) => run.log(LogLevel::Info, format!("{name}: {what}")),
                Ok(None) => {}
                // One that cannot be used keeps no other from being renewed.
                Err(Error::Invalid(errors)) => {
                    run.log(LogLevel::Warning, format!("{name}: {}", errors.to_json()))
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Batch::new())
    }
}

/// Writes a pair where it is new or differs; what was done.
async fn keep(core: &Core, name: &str, found: Found) -> Result<Option<&'static str>> {
    let Some(certificate) = found.certificate else { return Ok(None) };
    let managed = format!("goauthentik.io/crypto/discovered/{name}");
    let config = core.config();
    let known: Option<Arc<Object>> =
        config.of(CertificateKeyPair::DEF).find(|pair| pair.text("managed") == managed).cloned();
    if known.is_none() && config.find::<CertificateKeyPair>("name", name).is_some() {
        return Err(Error::invalid("name", "Another certificate has this name. Rename it, or the file."));
    }
    let mut sent: Map = Map::new();
    let pair = known.as_ref().and_then(|object| object.get::<CertificateKeyPair>());
    if pair.is_none_or(|pair| pair.certificate_data.trim() != certificate.trim()) {
        sent.insert("certificate_data".into(), json!(certificate));
    }
    if let Some(key) =
        found.key.filter(|key| pair.is_none_or(|pair| pair.key_data.reveal().trim() != key.reveal().trim()))
    {
        sent.insert("key_data".into(), json!(key.reveal()));
    }
    if sent.is_empty() {
        return Ok(None);
    }
    if known.is_none() {
        sent.insert("name".into(), json!(name));
    }
    let def = CertificateKeyPair::DEF;
    let before = known.as_deref();
    let mut change = check(def, &sent, before, before.is_some(), &config, &NoRows, &core.ports)?;
    change.data.insert("managed".into(), json!(managed));
    let (data, secrets) = (change.data, change.secrets);
    let (write, what) = match before {
        Some(object) => {
            (Write::Update { pk: object.pk, version: Some(object.version), data, secrets }, "it was renewed")
        }
        None => (Write::Create { def, pk: None, data, secrets }, "it was found"),
    };
    directory::write(core, &Author::system(), [write]).await.map(|_| Some(what))
}
