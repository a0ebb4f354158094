//! A configuration object as nodes hold it in memory.
use crate::def::{Model, ModelDef, Prepared};
use signet_base::{Error, Json, Map, Result, Secret, Timestamp, Uuid};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Decrypted secrets by field name.
pub type Secrets = BTreeMap<String, Secret>;

pub struct Object {
    pub pk: Uuid,
    /// Integer primary key of numbered models.
    pub num: Option<i64>,
    pub def: &'static ModelDef,
    /// Every declared field but the secret ones.
    pub data: Map,
    pub secrets: Secrets,
    pub version: i64,
    pub created: Timestamp,
    pub updated: Timestamp,
    typed: Prepared,
    prepared: Option<Result<Prepared, String>>,
}

impl Object {
    /// Deserialises the settings and builds what hot paths need.
    pub fn new(
        pk: Uuid,
        num: Option<i64>,
        def: &'static ModelDef,
        data: Map,
        secrets: Secrets,
        version: i64,
        created: Timestamp,
        updated: Timestamp,
    ) -> Result<Self> {
        let mut whole = data.clone();
        for (name, secret) in &secrets {
            whole.insert(name.clone(), Json::String(secret.reveal().to_owned()));
        }
        let typed = (def.build)(whole).map_err(|e| Error::internal(format!("object {pk}: {e}")))?;
        let prepared = def.prepare.map(|f| f(typed.as_ref()));
        Ok(Self { pk, num, def, data, secrets, version, created, updated, typed, prepared })
    }
    /// The settings, if the object is a `T`.
    pub fn get<T: Model>(&self) -> Option<&T> {
        self.typed.downcast_ref()
    }
    /// The settings as an `Arc`.
    pub fn share<T: Model>(&self) -> Option<Arc<T>> {
        self.typed.clone().downcast().ok()
    }
    /// The result of the model's `prepare`. An error at that time is an error now.
    pub fn prepared<P: Send + Sync + 'static>(&self) -> Result<&P> {
        match &self.prepared {
            Some(Ok(any)) => any
                .downcast_ref()
                .ok_or_else(|| Error::internal(format!("{:?}: other prepared type", self.def))),
            Some(Err(why)) => Err(Error::internal(format!("{} {}: {why}", self.def.name, self.pk))),
            None => Err(Error::internal(format!("{:?} prepares nothing", self.def))),
        }
    }
    pub fn text(&self, field: &str) -> &str {
        self.data.get(field).and_then(Json::as_str).unwrap_or_default()
    }
    pub fn name(&self) -> &str {
        for field in ["name", "slug", "identifier", "domain"] {
            let text = self.text(field);
            if !text.is_empty() {
                return text;
            }
        }
        ""
    }
    /// The primary key as the API shows it.
    pub fn wire_pk(&self) -> Json {
        match self.num {
            Some(n) => Json::from(n),
            None => Json::String(self.pk.to_string()),
        }
    }
    /// [`Object::wire_pk`] as text.
    pub fn wire_key(&self) -> String {
        self.num.map_or_else(|| self.pk.to_string(), |n| n.to_string())
    }
    /// The texts by which other objects refer to it: its UUID, `num:<n>`, its `pbm_uuid`.
    pub fn reference_keys(&self) -> Vec<String> {
        let mut keys = vec![self.pk.to_string()];
        keys.extend(self.num.map(|n| format!("num:{n}")));
        keys.extend(self.pbm().filter(|pbm| *pbm != self.pk).map(|pbm| pbm.to_string()));
        keys
    }
    /// The `pbm_uuid` that policy bindings refer to, for bindable models.
    pub fn pbm(&self) -> Option<Uuid> {
        if self.def.bound_by_pk {
            return Some(self.pk);
        }
        self.def.bindable.then(|| Uuid::parse_str(self.text("pbm_uuid")).ok()).flatten()
    }
}
