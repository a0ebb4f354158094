//! Configuration objects of all models.
pub(crate) mod family;
pub(crate) mod filter;
pub(crate) mod list;
pub(crate) mod show;
pub(crate) mod used_by;
pub(crate) mod write;

use signet_base::Uuid;
use signet_model::{ModelDef, Object};
use signet_rest::{Call, Fault};
use std::sync::Arc;

/// The object of the path.
pub(crate) fn find(call: &Call, def: &'static ModelDef) -> Result<Arc<Object>, Fault> {
    let found = if def.field(def.key).is_some() {
        call.config.having_text(def, def.key, &call.key).next()
    } else if def.numbered {
        let num = call.key.parse().map_err(|_| Fault::not_found())?;
        call.config.by_num(num).filter(|o| same(o.def, def))
    } else {
        let pk = Uuid::parse_str(&call.key).map_err(|_| Fault::not_found())?;
        call.config.get(pk).filter(|o| same(o.def, def))
    };
    let found = found.cloned().ok_or_else(|| Fault::missing(def.class))?;
    call.reach_object(&found)?;
    Ok(found)
}

/// Whether two declarations are the same model. Their addresses may differ between crates.
pub(crate) fn same(a: &ModelDef, b: &ModelDef) -> bool {
    a.app == b.app && a.name == b.name
}
