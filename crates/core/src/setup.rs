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
/// Takes the one chance: of any number of callers exactly one gets `true`.
pub async fn claim(core: &Core) -> Result<bool> {
    let version = match kv::get(&core.db, KEY).await? {
        Some((value, _)) if value.get("done") == Some(&Json::Bool(true)) => return Ok(false),
        Some((_, version)) => version,
        None => 0,
    };
    match kv::put(&core.db, &core.ports, KEY, &json!({"done": true}), Some(version)).await {
        Ok(_) => Ok(true),
        Err(Error::Conflict(_)) => Ok(false),
        Err(e) => Err(e),
    }
}
/// Gives the chance back: the claimed write did not happen.
pub async fn release(core: &Core) -> Result<()> {
    kv::put(&core.db, &core.ports, KEY, &json!({"done": false}), None).await.map(drop)
}
/// The flow of the first run.
pub const FLOW: &str = "initial-setup";
