//! Export of values from the interpreter.
use crate::bridge::{Entry, Registry};
use crate::value::MAX_DEPTH;
use crate::{Dict, Record, Value};
use monty_types::unstable::{MontyGraph, MontyNode, NodeId, into_call_args_parts, into_graph_parts};
use monty_types::{CallArgs, MontyDate, MontyDateTime, MontyObject};
use signet_base::Timestamp;
use std::sync::Arc;
use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};

/// Maximum number of values in a result or call.
const MAX_EXPORT_NODES: usize = 200_000;

pub(crate) type Arguments = (Vec<Value>, Vec<(String, Value)>);

/// The result of a run.
pub(crate) fn export(object: MontyObject, registry: &Registry) -> Result<Value, String> {
    let (graph, root) = into_graph_parts(object);
    Ok(Export::new(&graph, registry, true)?.at(root))
}

/// The arguments of a host call; `changed`: objects go with what the program changed of them.
pub(crate) fn export_args(args: CallArgs, registry: &Registry, changed: bool) -> Result<Arguments, String> {
    let (graph, args, kwargs) = into_call_args_parts(args);
    let export = Export::new(&graph, registry, changed)?;
    let args = args.into_iter().map(|id| export.at(id)).collect();
    let kwargs = kwargs
        .into_iter()
        .map(|(key, value)| Ok((key_text(graph.node(key))?, export.at(value))))
        .collect::<Result<_, String>>()?;
    Ok((args, kwargs))
}

/// Children precede the nodes that contain them, so one forward pass builds every value once; sharing is
/// preserved as shared `Arc`s.
struct Export {
    values: Vec<Value>,
    /// Objects leave with what the program changed of them.
    last: bool,
}

impl Export {
    fn new(graph: &MontyGraph, registry: &Registry, last: bool) -> Result<Self, String> {
        if graph.len() > MAX_EXPORT_NODES {
            return Err("the value holds too many parts".into());
        }
        let mut this = Self { values: Vec::with_capacity(graph.len()), last };
        let mut depths: Vec<usize> = Vec::with_capacity(graph.len());
        for (index, node) in graph.nodes().iter().enumerate() {
            let mut depth = 0;
            node.for_each_child(|child| depth = depth.max(depths[child.index()] + 1));
            // Values are dropped and printed recursively, so depth is limited here.
            if depth > MAX_DEPTH {
                return Err("the value is nested too deeply".into());
            }
            depths.push(depth);
            let value = this.node(graph, node, NodeId(index as u32), registry)?;
            this.values.push(value);
        }
        Ok(this)
    }

    fn at(&self, id: NodeId) -> Value {
        self.values.get(id.index()).cloned().unwrap_or_default()
    }

    fn items(&self, ids: &[NodeId]) -> Value {
        Value::List(Arc::new(ids.iter().map(|id| self.at(*id)).collect()))
    }

    fn pairs(&self, graph: &MontyGraph, pairs: &[(NodeId, NodeId)]) -> Result<Dict, String> {
        let mut dict = Dict::new();
        for (key, value) in pairs {
            dict.push(key_text(graph.node(*key))?, self.at(*value));
        }
        Ok(dict)
    }

    fn node(
        &self,
        graph: &MontyGraph,
        node: &MontyNode,
        id: NodeId,
        registry: &Registry,
    ) -> Result<Value, String> {
        Ok(match node {
            MontyNode::None => Value::None,
            MontyNode::Bool(value) => Value::Bool(*value),
            MontyNode::Int(value) => Value::Int(*value),
            MontyNode::Float(value) => Value::Float(*value),
            MontyNode::String(text) | MontyNode::Path(text) | MontyNode::Decimal(text) => {
                Value::Str(text.as_str().into())
            }
            MontyNode::Date(date) => Value::from(date_text(date)),
            MontyNode::DateTime(at) => time_from(at),
            MontyNode::List(ids)
            | MontyNode::Tuple(ids)
            | MontyNode::Set(ids)
            | MontyNode::FrozenSet(ids) => self.items(ids),
            MontyNode::NamedTuple { values, .. } => self.items(values),
            MontyNode::Dict(pairs) => Value::Dict(Arc::new(self.pairs(graph, pairs)?)),
            MontyNode::ClassInstance { class_type, instance_id, attrs } => {
                let host_defined =
                    matches!(graph.node(*class_type), MontyNode::ClassType(class) if class.host_defined);
                match registry.get(*instance_id).filter(|_| host_defined) {
                    Some(Entry::Object(object)) => {
                        let left = if self.last { object.leaving(&self.pairs(graph, attrs)?) } else { None };
                        left.unwrap_or_else(|| Value::Object(object.clone()))
                    }
                    Some(Entry::Record) => {
                        let fields = self.pairs(graph, attrs)?;
                        Value::Record(Arc::new(Record { type_name: graph.type_name(id).to_owned(), fields }))
                    }
                    None => self.sandbox_instance(graph, id, attrs),
                }
            }
            MontyNode::BigInt(_) => Value::Opaque("an integer beyond 64 bits".into()),
            MontyNode::Bytes(bytes) => Value::Bytes(bytes.as_slice().into()),
            MontyNode::Repr(text) => Value::Opaque(text.as_str().into()),
            _ => Value::Opaque(graph.value(id).py_repr().into()),
        })
    }

    /// Addresses, networks and UUIDs are library classes; they are exported as strings.
    fn sandbox_instance(&self, graph: &MontyGraph, id: NodeId, attrs: &[(NodeId, NodeId)]) -> Value {
        let class = graph.type_name(id);
        let text = match class {
            "IPv4Address" | "IPv6Address" | "IPv4Network" | "IPv6Network" => Some("compressed"),
            "UUID" => Some("_text"),
            _ => None,
        };
        if let Some(attribute) = text {
            let text = attrs
                .iter()
                .find(|(key, _)| matches!(graph.node(*key), MontyNode::String(name) if name == attribute));
            if let Some((_, text)) = text {
                return self.at(*text);
            }
        }
        if class == "_host_Q"
            && let Ok(fields) = self.pairs(graph, attrs)
        {
            return Value::Record(Arc::new(Record { type_name: "Q".into(), fields }));
        }
        Value::Opaque(class.into())
    }
}

/// Dictionary keys as in JSON.
fn key_text(node: &MontyNode) -> Result<String, String> {
    Ok(match node {
        MontyNode::String(text) => text.clone(),
        MontyNode::Int(value) => value.to_string(),
        MontyNode::Bool(value) => value.to_string(),
        MontyNode::None => "null".into(),
        _ => return Err("the keys of a dictionary must be text".into()),
    })
}

pub(crate) fn time_to_node(at: Timestamp) -> MontyNode {
    let utc = at.to_offset();
    // Python's years are 1 to 9999; times outside are clamped.
    let year = utc.year().clamp(1, 9999);
    MontyNode::DateTime(MontyDateTime {
        year,
        month: u8::from(utc.month()),
        day: if year == utc.year() { utc.day() } else { utc.day().min(28) },
        hour: utc.hour(),
        minute: utc.minute(),
        second: utc.second(),
        microsecond: utc.microsecond(),
        offset_seconds: Some(0),
        timezone_name: None,
    })
}

fn date_text(date: &MontyDate) -> String {
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}

/// A datetime with an offset is a timestamp; without one it stays text.
fn time_from(at: &MontyDateTime) -> Value {
    let naive = || {
        let day = Date::from_calendar_date(at.year, Month::try_from(at.month).ok()?, at.day).ok()?;
        let clock = Time::from_hms_micro(at.hour, at.minute, at.second, at.microsecond).ok()?;
        Some(PrimitiveDateTime::new(day, clock))
    };
    let zoned = at
        .offset_seconds
        .and_then(|seconds| UtcOffset::from_whole_seconds(seconds).ok())
        .zip(naive())
        .and_then(|(offset, naive)| {
            i64::try_from(naive.assume_offset(offset).unix_timestamp_nanos() / 1000).ok()
        });
    match zoned {
        Some(micros) => Value::Time(Timestamp(micros)),
        None => {
            let date = date_text(&MontyDate { year: at.year, month: at.month, day: at.day });
            let micros = if at.microsecond == 0 { String::new() } else { format!(".{:06}", at.microsecond) };
            Value::from(format!("{date}T{:02}:{:02}:{:02}{micros}", at.hour, at.minute, at.second))
        }
    }
}
