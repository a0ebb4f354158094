//! Import of values into the interpreter: an arena of nodes, and a registry of host objects.
use crate::convert::time_to_node;
use crate::value::MAX_DEPTH;
use crate::{Dict, HostObject, Program, Record, Value};
use monty_types::unstable::{ClassTypeNode, MontyGraph, MontyNode, NodeId, object_from_graph};
use monty_types::{MontyObject, MontyUuid};
use std::collections::HashMap;
use std::sync::Arc;

/// Maximum number of values in one import (inputs, an attribute, a call's result).
const MAX_IMPORT_NODES: usize = 500_000;
/// The attribute that makes instances of one host object equal: the interpreter compares attributes.
pub(crate) const IDENTITY: &str = "_identity";
/// Attributes that the helpers of [`datamodel`](crate::datamodel) read: whether it is a query; its text; the
/// types of a class's instances.
const QUERY: &str = "_query";
const TEXT: &str = "_text";
const CLASS: &str = "_class";
/// Class identifiers are above all instance identifiers.
const CLASS_BASE: u128 = 1 << 64;

/// The target of an instance.
#[derive(Clone)]
pub(crate) enum Entry {
    Object(Arc<dyn HostObject>),
    Record,
}

/// The host objects that one run has seen. Identifiers are indexes, valid in this run only.
pub(crate) struct Registry {
    program: Program,
    entries: Vec<Entry>,
    objects: HashMap<usize, usize>,
    classes: HashMap<String, u128>,
}

#[derive(Debug)]
pub(crate) struct TooLarge;

impl Registry {
    pub(crate) fn new(program: Program) -> Self {
        Self { program, entries: Vec::new(), objects: HashMap::new(), classes: HashMap::new() }
    }

    pub(crate) fn get(&self, id: MontyUuid) -> Option<&Entry> {
        let position = u128::from_be_bytes(*id.as_bytes()).checked_sub(1)?;
        self.entries.get(usize::try_from(position).ok()?)
    }

    fn class(&mut self, name: &str) -> MontyUuid {
        let next = CLASS_BASE + self.classes.len() as u128;
        let id = match self.classes.get(name) {
            Some(id) => *id,
            None => *self.classes.entry(name.to_owned()).or_insert(next),
        };
        MontyUuid::from_u128(id)
    }

    fn add(&mut self, entry: Entry) -> MontyUuid {
        let key = match &entry {
            Entry::Object(object) => Some(address(object)),
            Entry::Record => None,
        };
        let position = match key.and_then(|key| self.objects.get(&key)) {
            Some(position) => *position,
            None => {
                self.entries.push(entry);
                let position = self.entries.len() - 1;
                // The entry holds an Arc, so the address is not reused during the run.
                key.map(|key| self.objects.insert(key, position));
                position
            }
        };
        MontyUuid::from_u128(position as u128 + 1)
    }

    /// Imports one value.
    pub(crate) fn import(&mut self, value: &Value) -> Result<MontyObject, TooLarge> {
        let mut import = Import { registry: self, graph: MontyGraph::new(), shared: HashMap::new() };
        let root = import.value(value, 0)?;
        object_from_graph(import.graph, root).map_err(|_| TooLarge)
    }

    /// Imports several values as a tuple, preserving shared references.
    pub(crate) fn import_tuple(&mut self, values: &[Value]) -> Result<MontyObject, TooLarge> {
        let mut import = Import {
            registry: self,
            graph: MontyGraph::with_capacity(values.len() * 4),
            shared: HashMap::new(),
        };
        let ids = values.iter().map(|value| import.value(value, 0)).collect::<Result<_, _>>()?;
        let root = import.graph.push(MontyNode::Tuple(ids));
        object_from_graph(import.graph, root).map_err(|_| TooLarge)
    }
}

fn address<T: ?Sized>(shared: &Arc<T>) -> usize {
    Arc::as_ptr(shared).cast::<()>() as usize
}

struct Import<'a> {
    registry: &'a mut Registry,
    graph: MontyGraph,
    /// Nodes of containers seen before, by address.
    shared: HashMap<usize, NodeId>,
}

impl Import<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<NodeId, TooLarge> {
        if depth > MAX_DEPTH || self.graph.len() > MAX_IMPORT_NODES {
            return Err(TooLarge);
        }
        let node = match value {
            Value::None => MontyNode::None,
            Value::Bool(value) => MontyNode::Bool(*value),
            Value::Int(value) => MontyNode::Int(*value),
            Value::Float(value) => MontyNode::Float(*value),
            Value::Str(text) | Value::Opaque(text) => MontyNode::String(text.to_string()),
            Value::Bytes(bytes) => MontyNode::Bytes(bytes.to_vec()),
            Value::Time(at) => time_to_node(*at),
            Value::List(items) => {
                return self.once(items, |this| {
                    let ids =
                        items.iter().map(|item| this.value(item, depth + 1)).collect::<Result<_, _>>()?;
                    Ok(this.graph.push(MontyNode::List(ids)))
                });
            }
            Value::Dict(dict) => {
                return self.once(dict, |this| {
                    let pairs = this.pairs(dict, depth)?;
                    Ok(this.graph.push(MontyNode::Dict(pairs)))
                });
            }
            Value::Record(record) => return self.once(record, |this| this.record(record, depth)),
            Value::Object(object) => return self.once(object, |this| this.object(object, depth)),
        };
        Ok(self.graph.push(node))
    }

    /// The node of a shared container, created once. Only containers with other owners are remembered, so
    /// their addresses are not reused during the import.
    fn once<T: ?Sized>(
        &mut self,
        item: &Arc<T>,
        make: impl FnOnce(&mut Self) -> Result<NodeId, TooLarge>,
    ) -> Result<NodeId, TooLarge> {
        if Arc::strong_count(item) == 1 {
            return make(self);
        }
        if let Some(id) = self.shared.get(&address(item)) {
            return Ok(*id);
        }
        let id = make(self)?;
        self.shared.insert(address(item), id);
        Ok(id)
    }

    fn pairs(&mut self, dict: &Dict, depth: usize) -> Result<Vec<(NodeId, NodeId)>, TooLarge> {
        dict.iter()
            .map(|(key, value)| {
                let key = self.graph.push(MontyNode::String(key.to_owned()));
                Ok((key, self.value(value, depth + 1)?))
            })
            .collect()
    }

    fn class(&mut self, name: &str) -> NodeId {
        let id = self.registry.class(name);
        let class = ClassTypeNode {
            name: name.to_owned(),
            id,
            host_defined: true,
            is_dataclass: false,
            attrs: Vec::new(),
        };
        self.graph.push(MontyNode::ClassType(Box::new(class)))
    }

    fn record(&mut self, record: &Record, depth: usize) -> Result<NodeId, TooLarge> {
        let attrs = self.pairs(&record.fields, depth)?;
        let class_type = self.class(&record.type_name);
        let instance_id = self.registry.add(Entry::Record);
        Ok(self.graph.push(MontyNode::ClassInstance { class_type, instance_id, attrs }))
    }

    fn object(&mut self, object: &Arc<dyn HostObject>, depth: usize) -> Result<NodeId, TooLarge> {
        let key = self.graph.push(MontyNode::String(IDENTITY.to_owned()));
        let identity = self.graph.push(MontyNode::String(object.identity()));
        let mut attrs = vec![(key, identity)];
        for (name, value) in object.eager() {
            // Attributes that the source never names are not imported.
            if !self.registry.program.may_name(name) {
                continue;
            }
            let key = self.graph.push(MontyNode::String(name.to_owned()));
            attrs.push((key, self.value(&value, depth + 1)?));
        }
        if self.registry.program.asks() {
            let special = object.special();
            let mut own = |name: &str, node: MontyNode| {
                let key = self.graph.push(MontyNode::String(name.to_owned()));
                attrs.push((key, self.graph.push(node)));
            };
            if special.query {
                own(QUERY, MontyNode::Bool(true));
            }
            if let Some(text) = special.text {
                own(TEXT, MontyNode::String(text));
            }
            if let Some(names) = special.class {
                let names = names.into_iter().map(|name| self.graph.push(MontyNode::String(name))).collect();
                let key = self.graph.push(MontyNode::String(CLASS.to_owned()));
                attrs.push((key, self.graph.push(MontyNode::List(names))));
            }
        }
        let class_type = self.class(object.type_name());
        let instance_id = self.registry.add(Entry::Object(object.clone()));
        Ok(self.graph.push(MontyNode::ClassInstance { class_type, instance_id, attrs }))
    }
}
