//! The context of a blueprint (`!Context`).
use crate::yaml::Node;
use signet_base::{Json, Map, json};
use signet_core::Core;
use std::collections::HashMap;

pub struct Context {
    /// Values from the caller, and built-in ones.
    pub given: Map,
    nodes: HashMap<String, Node>,
}

impl Context {
    pub fn new(core: &Core, nodes: &[(String, Node)], given: Option<&Map>) -> Self {
        let models: Map = core.registry.all().iter().map(|d| (d.full_name(), json!(d.label))).collect();
        let mut all = Map::new();
        all.insert("goauthentik.io/enterprise/licensed".into(), Json::Bool(false));
        all.insert("goauthentik.io/rbac/models".into(), Json::Object(models));
        let nodes: HashMap<String, Node> = nodes.iter().cloned().collect();
        all.retain(|key, _| !nodes.contains_key(key));
        all.extend(given.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
        Self { given: all, nodes }
    }
    /// The value in the file.
    pub fn node(&self, key: &str) -> Option<&Node> {
        self.nodes.get(key)
    }
}
