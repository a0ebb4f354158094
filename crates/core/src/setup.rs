//! The first run: `initial-setup` works once, then never again, whatever is deleted later.
use crate::Core;
use signet_base::{Error, Json, Result, json};
use signet_store::kv;

const KEY: &str = "setup";

/// Whether the first run is over.
pub async fn is_done(core: &Core) -> Result<bool> {
    Ok(kv::get(&core.db, KEY).await?.is_some_and(|(v, _)| v.get("done") == Some(&Json::Bool(true))))
}
/// Closes the first run for ever. Called when the administrator's password is set, by whatever way.
pub async fn finish(core: &Core) -> Result<()> {
    kv::put(&core.db, &core.ports, KEY, &json!({"done": true}), None).await.map(drop)
}
/// The one chance, taken: the version of the record that says so.
pub struct Claim(i64);
/// Takes the one chance: of any number of callers exactly one gets it.
pub async fn claim(core: &Core) -> Result<Option<Claim>> {
    let version = match kv::get(&core.db, KEY).await? {
        Some((value, _)) if value.get("done") == Some(&Json::Bool(true)) => return Ok(None),
        Some((_, version)) => version,
        None => 0,
    };
    match kv::put(&core.db, &core.ports, KEY, &json!({"done": true}), Some(version)).await {
        Ok(version) => Ok(Some(Claim(version))),
        Err(Error::Conflict(_)) => Ok(None),
        Err(e) => Err(e),
    }
}
/// Gives the chance back: the claimed write did not happen. Nothing changes when the first run was closed meanwhile.
pub async fn release(core: &Core, claim: Claim) -> Result<()> {
    match kv::put(&core.db, &core.ports, KEY, &json!({"done": false}), Some(claim.0)).await {
        Ok(_) | Err(Error::Conflict(_)) => Ok(()),
        Err(e) => Err(e),
    }
}
/// The flow of the first run.
pub const FLOW: &str = "initial-setup";
