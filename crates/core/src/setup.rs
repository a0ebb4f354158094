//! The first run: `initial-setup` works once, then never again, whatever is deleted later.
use crate::Core;
use signet_base::{Json, Result, json};
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
