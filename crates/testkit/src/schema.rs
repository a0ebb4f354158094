//! Holds every answer of the API to the OpenAPI document that the server publishes: status, content type, and the body with
//! its types, enums, formats and required members. A member that is not declared is a fault as well: generated clients drop
//! it, and nobody knows that it is there.
use http::{HeaderMap, Method, StatusCode, header};
use signet_base::{Json, Timestamp, Uuid};
use std::sync::OnceLock;

/// Answers that no document describes.
const OTHER: [(&str, &str); 2] = [
    ("/", "the page of the API browser"),
    ("/outposts/", "health checks without a credential get a plain word"),
];

static DOCUMENT: OnceLock<Json> = OnceLock::new();

/// All servers of a process have the same document.
pub(crate) fn publish(document: impl FnOnce() -> Json) {
    DOCUMENT.get_or_init(document);
}

/// # Panics
/// Where the answer is not what the document says.
pub(crate) fn check(method: &Method, path: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let (Some(document), Some(path)) = (DOCUMENT.get(), path.strip_prefix("/api/v3")) else { return };
    let is_other = OTHER.iter().any(|(other, _)| *other == path);
    let is_packed = headers.contains_key(header::CONTENT_ENCODING);
    if matches!(*method, Method::HEAD | Method::OPTIONS) || is_other || is_packed {
        return;
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if let Err(fault) = judge(document, method, path, status, (kind, body)) {
        panic!("{method} /api/v3{path}: {status}: {fault}\n{}", String::from_utf8_lossy(body));
    }
}

fn judge(
    document: &Json,
    method: &Method,
    path: &str,
    status: StatusCode,
    (kind, body): (&str, &[u8]),
) -> Result<(), String> {
    let operation = operation(document, method, path);
    let declared = operation.and_then(|o| response(document, o, status));
    if status.is_success() {
        let response = declared.ok_or("the document has no such answer")?;
        let Some(content) = response["content"].as_object() else {
            return if body.is_empty() { Ok(()) } else { Err("a body where none is declared".into()) };
        };
        let schema =
            &content.get(kind).ok_or_else(|| format!("content type {kind:?} is not declared"))?["schema"];
        return of_body(document, schema, kind, body);
    }
    if status.is_redirection() || !kind.ends_with("json") {
        return Ok(());
    }
    // 404, 405, 429 and others are declared by no operation: all have this form. 400 names fields.
    let error: Json = serde_json::from_slice(body).map_err(|e| format!("no JSON: {e}"))?;
    let has_form = match status {
        StatusCode::BAD_REQUEST => error.is_object() || error.is_array(),
        _ => error["detail"].is_string(),
    };
    if has_form { Ok(()) } else { Err("an error of another form".into()) }
}

fn of_body(document: &Json, schema: &Json, kind: &str, body: &[u8]) -> Result<(), String> {
    if schema["format"] == "binary" || !kind.ends_with("json") {
        return Ok(());
    }
    let value: Json = serde_json::from_slice(body).map_err(|e| format!("no JSON: {e}"))?;
    of_value(document, schema, &value, "")
}

/// The operation at a path; a literal segment comes before a parameter.
fn operation<'a>(document: &'a Json, method: &Method, path: &str) -> Option<&'a Json> {
    let sent: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        let same = parts.len() == sent.len()
            && parts
                .iter()
                .zip(&sent)
                .all(|(part, sent)| part == sent || (part.starts_with('{') && !sent.is_empty()));
        same.then(|| parts.iter().filter(|part| part.starts_with('{')).count())
    };
    let paths = document["paths"].as_object()?.iter();
    let found = paths.filter_map(|(template, verbs)| Some((fits(template)?, verbs)));
    found.min_by_key(|(parameters, _)| *parameters)?.1.get(method.as_str().to_ascii_lowercase())
}

fn response<'a>(document: &'a Json, operation: &'a Json, status: StatusCode) -> Option<&'a Json> {
    let response = operation["responses"].get(status.as_str())?;
    Some(resolve(document, response))
}

fn resolve<'a>(document: &'a Json, node: &'a Json) -> &'a Json {
    match node["$ref"].as_str() {
        Some(target) => {
            resolve(document, document.pointer(&target[1..]).expect("a reference leads somewhere"))
        }
        None => node,
    }
}

/// `at`: where the value stands, as `/results/0/name`.
fn of_value(document: &Json, schema: &Json, value: &Json, at: &str) -> Result<(), String> {
    let schema = resolve(document, schema);
    let fault = |what: &str| Err(format!("{}: {what}: {value}", if at.is_empty() { "the body" } else { at }));
    if value.is_null()
        && (schema["nullable"] == true
            || schema.as_object().is_some_and(|s| {
                !s.contains_key("type") && !s.contains_key("allOf") && !s.contains_key("oneOf")
            }))
    {
        return Ok(());
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().try_for_each(|part| of_value(document, part, value, at));
    }
    if let Some(any) = schema["oneOf"].as_array() {
        let faults: Vec<String> =
            any.iter().filter_map(|part| of_value(document, part, value, at).err()).collect();
        return if faults.len() < any.len() { Ok(()) } else { Err(faults.join("; ")) };
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return fault(&format!("none of {}", schema["enum"]));
    }
    match schema["type"].as_str() {
        None => Ok(()),
        Some("string") => match value.as_str() {
            None => fault("no text"),
            Some(text) => match schema["format"].as_str() {
                Some("uuid") if Uuid::parse_str(text).is_err() => fault("no UUID"),
                Some("date-time") if Timestamp::parse(text).is_err() => fault("no time"),
                Some("email") if !text.is_empty() && !text.contains('@') => fault("no address"),
                _ => Ok(()),
            },
        },
        Some("integer") if !value.is_i64() && !value.is_u64() => fault("no integer"),
        Some("number") if !value.is_number() => fault("no number"),
        Some("boolean") if !value.is_boolean() => fault("no boolean"),
        Some("array") => {
            let Some(items) = value.as_array() else { return fault("no array") };
            let each = |(n, item)| of_value(document, &schema["items"], item, &format!("{at}/{n}"));
            items.iter().enumerate().try_for_each(each)
        }
        Some("object") => of_object(document, schema, value, at),
        Some(_) => Ok(()),
    }
}

fn of_object(document: &Json, schema: &Json, value: &Json, at: &str) -> Result<(), String> {
    let Some(members) = value.as_object() else {
        return Err(format!("{at}: no object: {value}"));
    };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        if !members.contains_key(name) {
            return Err(format!("{at}/{name} is missing"));
        }
    }
    for (name, value) in members {
        let at = format!("{at}/{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(declared), _) => of_value(document, declared, value, &at)?,
            (None, Some(Json::Bool(true))) => {}
            (None, Some(others)) if others.is_object() => of_value(document, others, value, &at)?,
            _ => return Err(format!("{at} is not declared: {value}")),
        }
    }
    Ok(())
}
