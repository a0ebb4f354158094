//! The context of a blueprint (`!Context`).
use crate::yaml::Node;
use signet_base::{Json, Map, json};
use signet_core::Core;
use signet_core::permission::catalogue;
use signet_model::Base;
use std::collections::HashMap;

pub struct Context {
    /// Values from the caller, and built-in ones.
    pub given: Map,
    nodes: HashMap<String, Node>,
}

impl Context {
    pub fn new(core: &Core, nodes: &[(String, Node)], given: Option<&Map>) -> Self {
        let mut all = Map::new();
        all.insert("goauthentik.io/enterprise/licensed".into(), Json::Bool(false));
        all.insert("goauthentik.io/rbac/models".into(), Json::Object(models(core)));
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

/// Models that blueprints cannot write.
const INTERNAL: [&str; 4] = ["authenticatedsession", "accesstoken", "authorizationcode", "refreshtoken"];

/// Models with their apps, `flow: authentik_flows`; neither families nor what expires.
fn models(core: &Core) -> Map {
    let all = core.permissions.all().iter().map(|permission| permission.model.as_str());
    all.filter(|model| *model != catalogue::SYSTEM && Base::ALL.iter().all(|base| base.label() != *model))
        .filter_map(|model| model.split_once('.').map(|(app, name)| (name.to_owned(), json!(app))))
        .filter(|(name, _)| !INTERNAL.contains(&name.as_str()))
        .collect()
}
