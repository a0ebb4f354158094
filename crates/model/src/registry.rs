//! The registry of all declarations, by path and by name.
use crate::{Base, ModelDef};
use std::collections::HashMap;

#[derive(Default)]
pub struct Registry {
    all: Vec<&'static ModelDef>,
    by_name: HashMap<String, &'static ModelDef>,
}

impl Registry {
    pub fn new(defs: impl IntoIterator<Item = &'static ModelDef>) -> Self {
        let mut me = Self::default();
        for def in defs {
            me.by_name.insert(def.full_name(), def);
            me.all.push(def);
        }
        me
    }
    pub fn all(&self) -> &[&'static ModelDef] {
        &self.all
    }
    /// Finds `app_label.model`.
    pub fn find(&self, full_name: &str) -> Option<&'static ModelDef> {
        self.by_name.get(full_name).copied()
    }
    pub fn by_path(&self, path: &str) -> Option<&'static ModelDef> {
        self.all.iter().copied().find(|d| d.path == path)
    }
    pub fn family(&self, base: Base) -> impl Iterator<Item = &'static ModelDef> + '_ {
        self.all.iter().copied().filter(move |d| d.base == Some(base))
    }
}
