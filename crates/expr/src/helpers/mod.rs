//! Helpers every program has: no I/O, no suspension.
mod addresses;
mod text;
mod urls;

use crate::{CallError, Value};
use monty_types::{MontyObject, MontyUuid};

/// Property mappings raise it to leave an object out. The engine has no classes derived from exceptions; this one passes
/// `except Exception` and is told apart by `RunError`.
const SKIP_OBJECT: &str = "SkipObject = KeyboardInterrupt\n";

pub(crate) use addresses::facts as address_facts;
/// What stands for the module `ipaddress`.
pub(crate) const IPADDRESS: &str = "_signet_ipaddress";
const IPADDRESS_CLASS: &str = "class _signet_ipaddress:\n    ip_address = ip_address\n    ip_network = ip_network\n";

/// Functions answered here, by the name the program calls.
pub(crate) fn is_helper(name: &str) -> bool {
    matches!(name, "slugify" | "list_flatten" | addresses::FACTS)
}

/// Answers a helper; `None` when the name is not one.
pub(crate) fn call(name: &str, args: &[Value], kwargs: &[(String, Value)]) -> Option<Result<Value, CallError>> {
    Some(match name {
        "slugify" => text::slugify(args, kwargs),
        "list_flatten" => text::list_flatten(args, kwargs),
        addresses::FACTS => addresses::facts(args),
        _ => return urls::call(name, args, kwargs),
    })
}

/// Modules the interpreter lacks and this crate supplies.
pub(crate) fn module(name: &str) -> Option<MontyObject> {
    if name != "urllib" {
        return None;
    }
    let functions = urls::FUNCTIONS.map(|name| (MontyObject::string(name), MontyObject::function(format!("{}{name}", urls::PREFIX), None)));
    let parse = MontyObject::module("urllib.parse", MontyUuid::from_u128(u128::MAX), functions);
    Some(MontyObject::module("urllib", MontyUuid::from_u128(u128::MAX - 1), [(MontyObject::string("parse"), parse)]))
}

/// Python text that follows the program, for the helpers it mentions.
pub(crate) fn prelude(source: &str) -> String {
    let mut text = String::new();
    if source.contains("SkipObject") {
        text.push_str(SKIP_OBJECT);
    }
    if source.contains("regex_match") || source.contains("regex_replace") {
        text.push_str(text::REGEX);
    }
    if ["ip_address", "ip_network", "ak_client_ip", "ipaddress"].iter().any(|name| source.contains(name)) {
        text.push_str(addresses::CLASSES);
    }
    if source.contains("ipaddress") {
        text.push_str(IPADDRESS_CLASS);
    }
    text
}

/// The argument at `index` or named `name`.
fn argument<'a>(args: &'a [Value], kwargs: &'a [(String, Value)], index: usize, name: &str) -> Option<&'a Value> {
    args.get(index).or_else(|| kwargs.iter().find(|(key, _)| key == name).map(|(_, value)| value))
}

fn required<'a>(args: &'a [Value], kwargs: &'a [(String, Value)], index: usize, name: &str) -> Result<&'a Value, CallError> {
    argument(args, kwargs, index, name).ok_or_else(|| CallError::Type(format!("missing required argument: '{name}'")))
}

/// `str(value)` of a plain value.
fn plain_text(value: &Value) -> Result<String, CallError> {
    Ok(match value {
        Value::Str(text) => text.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::None => "None".into(),
        _ => return Err(CallError::Type("expected text".into())),
    })
}
