//! Values of look-ups: objects become keys, times become text, queries become the keys of their objects.
use super::query::Query;
use crate::expression::people;
use signet_base::Json;
use signet_expr::{BoxFuture, CallError, Value};

/// The member under which a configuration object lists its keys.
pub const KEYS: &str = "\u{0}keys";

/// Whether evaluating the value needs the database.
pub fn is_asked(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.as_any().is_some_and(|any| any.is::<Query>()),
        Value::List(items) => items.iter().any(is_asked),
        _ => false,
    }
}

pub fn plain(value: &Value) -> BoxFuture<'_, Result<Json, CallError>> {
    Box::pin(async move {
        Ok(match value {
            Value::Object(object) => {
                if let Some(query) = object.as_any().and_then(|any| any.downcast_ref::<Query>()) {
                    let found = query.objects().await?;
                    let mut keys = Vec::with_capacity(found.len());
                    for one in found.iter() {
                        keys.push(plain(one).await?);
                    }
                    return Ok(Json::Array(keys));
                }
                if let Some(config) = people::configured(value) {
                    let keys = [
                        Some(config.wire_pk()),
                        Some(Json::from(config.pk.to_string())),
                        config.pbm().map(|pbm| Json::from(pbm.to_string())),
                    ];
                    return Ok(Json::Object(
                        [(KEYS.to_owned(), Json::Array(keys.into_iter().flatten().collect()))]
                            .into_iter()
                            .collect(),
                    ));
                }
                if let Some(key) = object.as_any().and_then(|any| any.downcast_ref::<people::NewKey>()) {
                    return Ok(Json::from(key.0));
                }
                match object.attr("pk") {
                    Some(pk) => return plain(&pk).await,
                    // A UUID.
                    None => object
                        .special()
                        .text
                        .filter(|_| object.type_name() == "UUID")
                        .map(Json::from)
                        .ok_or_else(|| {
                            CallError::Type(format!("{} cannot be compared with", object.type_name()))
                        })?,
                }
            }
            Value::List(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items.iter() {
                    out.push(plain(item).await?);
                }
                Json::Array(out)
            }
            other => other.to_json().map_err(|error| CallError::Type(error.to_string()))?,
        })
    })
}
