//! What an application speaks. A provider kind brings its routes; the gate (`access::may_use`) is one for all.
use signet_model::{ModelDef, Object, Snapshot};

pub trait ProviderKind: Send + Sync {
    fn def(&self) -> &'static ModelDef;
    /// Where the library sends a person who opens the application.
    fn launch_url(&self, _provider: &Object, _world: &Snapshot) -> Option<String> {
        None
    }
}
