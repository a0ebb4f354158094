//! Built-in helpers of every program: no I/O, no suspension.
mod addresses;
mod patterns;
mod text;
mod urls;
mod zones;

use crate::library::{self, Library};
use crate::{CallError, Value};
use monty_types::{MontyObject, MontyUuid};
use std::collections::BTreeSet;

/// Property mappings raise it to exclude an object. The engine has no derived exception classes; this one is
/// not caught by `except Exception`, and `RunError` tells it apart.
const SKIP_OBJECT: &str = "SkipObject = KeyboardInterrupt\n";

pub(crate) use addresses::facts as address_facts;
pub(crate) use patterns::{anchored, anchored_test, may_be_empty};
/// Whether this crate implements a function of this name.
pub(crate) fn is_helper(name: &str) -> bool {
    matches!(
        name,
        "slugify"
            | "_signet_slugify"
            | "list_flatten"
            | addresses::FACTS
            | zones::ZONE
            | patterns::MATCHES
            | patterns::ANCHORED
    )
}

/// Calls a helper; `None` if there is none of this name.
pub(crate) fn call(
    name: &str,
    args: &[Value],
    kwargs: &[(String, Value)],
) -> Option<Result<Value, CallError>> {
    Some(match name {
        "slugify" | "_signet_slugify" => text::slugify(args, kwargs),
        zones::ZONE => zones::zone(args),
        patterns::MATCHES => patterns::matches(args),
        patterns::ANCHORED => patterns::of_text(args),
        "list_flatten" => text::list_flatten(args, kwargs),
        addresses::FACTS => addresses::facts(args),
        _ => return urls::call(name, args, kwargs),
    })
}

/// Modules that the interpreter lacks and this crate supplies.
pub(crate) fn module(name: &str) -> Option<MontyObject> {
    if name != "urllib" {
        return None;
    }
    let functions = urls::FUNCTIONS.map(|name| {
        (MontyObject::string(name), MontyObject::function(format!("{}{name}", urls::PREFIX), None))
    });
    let parse = MontyObject::module("urllib.parse", MontyUuid::from_u128(u128::MAX), functions);
    Some(MontyObject::module(
        "urllib",
        MontyUuid::from_u128(u128::MAX - 1),
        [(MontyObject::string("parse"), parse)],
    ))
}

/// Python code appended to the program, for the helpers it mentions.
pub(crate) fn prelude(source: &str, needs: &BTreeSet<Library>) -> String {
    let mut text = String::new();
    if source.contains("SkipObject") {
        text.push_str(SKIP_OBJECT);
    }
    if source.contains("regex_match") {
        text.push_str(text::MATCH);
    }
    if source.contains("regex_replace") {
        if !needs.contains(&Library::PATTERNS) {
            text.push_str(library::PATTERNS);
        }
        text.push_str(text::REPLACE);
    }
    let named = ["ip_address", "ip_network", "ak_client_ip"].iter().any(|name| source.contains(name));
    if named || needs.contains(&Library("ipaddress")) || needs.contains(&Library("django.core.validators")) {
        text.push_str(&library::ADDRESSES);
    }
    text
}

/// The argument at `index`, or named `name`.
fn argument<'a>(
    args: &'a [Value],
    kwargs: &'a [(String, Value)],
    index: usize,
    name: &str,
) -> Option<&'a Value> {
    args.get(index).or_else(|| kwargs.iter().find(|(key, _)| key == name).map(|(_, value)| value))
}

fn required<'a>(
    args: &'a [Value],
    kwargs: &'a [(String, Value)],
    index: usize,
    name: &str,
) -> Result<&'a Value, CallError> {
    argument(args, kwargs, index, name)
        .ok_or_else(|| CallError::Type(format!("missing required argument: '{name}'")))
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
