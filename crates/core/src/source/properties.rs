//! What an account or group of a source is here: the source's own properties, then the results of its mappings, in order.
use super::{Exchange, Remote};
use crate::event::EventAction;
use crate::expression::{self, Program, Value};
use crate::policy::Question;
use crate::rows::merge;
use signet_base::{Error, Json, Map, Result, Uuid, json};
use signet_model::Object;
use std::sync::Arc;

/// Shown to the person when a mapping fails.
const FAILED: &str = "What the source says about you could not be read. Ask your administrator.";

/// The properties of the account.
pub(super) async fn of_user(exchange: &Exchange<'_>, mappings: &[Uuid], remote: &Remote) -> Result<Map> {
    build(exchange, mappings, remote, None, remote.properties.clone()).await
}
/// The properties of a group, by its identifier there.
pub(super) async fn of_group(
    exchange: &Exchange<'_>,
    mappings: &[Uuid],
    remote: &Remote,
    group: &str,
) -> Result<Map> {
    build(exchange, mappings, remote, Some(group), Map::from_iter([("name".to_owned(), json!(group))])).await
}

async fn build(
    exchange: &Exchange<'_>,
    mappings: &[Uuid],
    remote: &Remote,
    group: Option<&str>,
    mut properties: Map,
) -> Result<Map> {
    let (core, config) = (exchange.core, exchange.core.config());
    let context = Map::new();
    let question = Question {
        core,
        client: exchange.client,
        user: None,
        context: &context,
        target: Some(exchange.source),
    };
    for pk in mappings {
        let Some(mapping) = config.get(*pk) else { continue };
        let program = mapping
            .prepared::<Program>()
            .map_err(|why| Error::internal(format!("{}: {why}", mapping.name())))?;
        let mut given = vec![
            ("source", expression::object_value(exchange.source)),
            ("properties", Value::from(Json::Object(properties.clone()))),
            ("group_id", group.map_or(Value::None, |id| id.to_owned().into())),
        ];
        given.extend(remote.inputs.iter().map(|(name, value)| (*name, Value::from(value.clone()))));
        let made = expression::evaluate(&question, program, given).await;
        let found = match made {
            Ok(outcome) if matches!(outcome.value, Value::None) => continue,
            Ok(outcome) => expression::to_json(&outcome.value),
            Err(error) => Err(error.to_string()),
        };
        match found {
            Ok(Json::Object(found)) => merge(&mut properties, &found),
            Ok(_) => return Err(failed(exchange, mapping, "The expression returned no dictionary.").await),
            Err(why) => return Err(failed(exchange, mapping, &why).await),
        }
    }
    Ok(tidied(properties))
}

async fn failed(exchange: &Exchange<'_>, mapping: &Arc<Object>, why: &str) -> Error {
    let context = json!({"message": why, "mapping": crate::Core::model_event(mapping), "source": crate::Core::model_event(exchange.source)});
    exchange
        .core
        .event(exchange.client, None, EventAction::PropertyMappingException, "authentik_core", context)
        .await;
    Error::denied(FAILED)
}

/// Null means nothing; a list of one is its element, where a field of an account holds one value.
fn tidied(properties: Map) -> Map {
    let single = |name: &str| ["username", "name", "email"].contains(&name);
    properties
        .into_iter()
        .map(|(name, value)| match value {
            Json::Array(mut list) if single(&name) && list.len() == 1 => (name, list.remove(0)),
            value => (name, value),
        })
        .filter(|(_, value)| !value.is_null())
        .collect()
}

/// A text property.
pub(super) fn text<'a>(properties: &'a Map, name: &str) -> Option<&'a str> {
    properties.get(name).and_then(Json::as_str).map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_stays_nothing_and_one_value_is_itself() {
        let made = tidied(
            json!({"username": ["ada"], "email": null, "attributes": {"a": ["x"]}, "name": ["a", "b"]})
                .as_object()
                .cloned()
                .unwrap(),
        );
        assert_eq!(
            Json::Object(made),
            json!({"username": "ada", "attributes": {"a": ["x"]}, "name": ["a", "b"]})
        );
    }
}
