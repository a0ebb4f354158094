//! The OpenAPI 3.0.3 document, generated from the route table and the model declarations.
mod flows;
mod schema;
mod yaml;

use crate::rows;
use http::{Method, header};
use signet_base::{Json, Map, json};
use signet_core::page::Lasting;
use signet_core::system::API_VERSION;
use signet_model::{FieldDef, FieldKind, FilterOp, Registry};
use signet_rest::{Accepts, Action, ApiResult, Call, Output, Permission, Reply, Run, Table};
use signet_store::TABLES;
use std::sync::{Arc, OnceLock};

pub(crate) use schema::component;

/// The document as JSON and YAML.
struct Document {
    json: Arc<Lasting>,
    yaml: Arc<Lasting>,
}

/// `GET /schema/`; the document is written when it is first asked for.
pub(crate) fn schema() -> Run {
    let document = Arc::<OnceLock<Document>>::default();
    Run::Shared(Arc::new(move |call| {
        let document = document.clone();
        Box::pin(async move { answer(call, document.get_or_init(|| Document::of(call))) })
    }))
}

impl Document {
    fn of(call: &Call) -> Self {
        let whole = build(&call.table, &call.core.registry);
        Self {
            json: Arc::new(Lasting::new(whole.to_string())),
            yaml: Arc::new(Lasting::new(yaml::write(&whole))),
        }
    }
}

fn answer(call: &Call, document: &Document) -> ApiResult {
    let accept = call.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let as_json = match call.param("format") {
        Some(format) => format == "json",
        None => accept.contains("json") && !accept.contains("yaml"),
    };
    Ok(if as_json {
        Reply::Lasting {
            content_type: "application/vnd.oai.openapi+json; charset=utf-8",
            text: document.json.clone(),
        }
    } else {
        Reply::Lasting {
            content_type: "application/vnd.oai.openapi; charset=utf-8",
            text: document.yaml.clone(),
        }
    })
}

pub(crate) fn build(table: &Table, registry: &Registry) -> Json {
    let mut paths = Map::new();
    let mut schemas = schema::shared();
    for def in registry.all().iter().filter(|d| !d.rows && !d.path.is_empty()) {
        schema::model(def, &mut schemas);
    }
    for (name, fields) in rows::components() {
        schema::fields(name, fields, &mut schemas);
    }
    for route in table.routes() {
        let path = if route.path.is_empty() { "/".to_owned() } else { format!("/{}/", route.path) };
        let mut verbs = Map::new();
        for action in &route.actions {
            if route.path.is_empty() {
                continue;
            }
            verbs.insert(action.method.as_str().to_ascii_lowercase(), operation(action, &mut schemas));
        }
        if !verbs.is_empty() {
            paths.insert(path, Json::Object(verbs));
        }
    }
    flows::describe(&mut paths, &mut schemas);
    let whole = json!({"schema": {"type": "object", "additionalProperties": {}}});
    let forms = json!({"application/vnd.oai.openapi": whole, "application/vnd.oai.openapi+json": whole});
    if let Some(own) = paths.get_mut("/schema/") {
        own["get"]["responses"]["200"] = json!({"description": "", "content": forms});
    }
    json!({
        "openapi": "3.0.3",
        "info": {"title": "authentik", "version": API_VERSION, "description": "Identity provider: people, applications, flows and what protects them.", "license": {"name": "MIT OR Apache-2.0"}},
        "servers": [{"url": "/api/v3"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"authentik": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "ValidationErrorResponse": {"description": "What is wrong with the input, by field.", "content": {"application/json": {"schema": reference("ValidationError")}}},
                "GenericErrorResponse": {"description": "Not allowed.", "content": {"application/json": {"schema": reference("GenericError")}}},
            },
        },
    })
}

pub(super) fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Whether a path is a list: a GET whose path ends in a name and returns a component.
fn is_list(action: &Action) -> bool {
    action.method == Method::GET
        && (matches!(action.output, Output::Page(_) | Output::Plain(_))
            || (action.gives.is_some() && !action.path.ends_with('}')))
}

pub(crate) fn operation_id(action: &Action) -> String {
    let mut words: Vec<String> =
        action.path.split('/').filter(|s| !s.starts_with('{')).map(|s| s.replace('-', "_")).collect();
    words.push(
        match action.method {
            Method::GET if is_list(action) => "list",
            Method::GET => "retrieve",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "partial_update",
            _ => "destroy",
        }
        .to_owned(),
    );
    words.join("_")
}

fn operation(action: &Action, schemas: &mut Map) -> Json {
    let tag = action.path.split('/').next().unwrap_or_default();
    let mut out = json!({"operationId": operation_id(action), "description": action.doc, "tags": [tag]});
    let mut parameters: Vec<Json> = Vec::new();
    if is_list(action) && !matches!(action.output, Output::Plain(_)) {
        parameters.extend(list_parameters(action));
    }
    if let Some(name) = action.path.split('/').find_map(|s| s.strip_prefix('{')?.strip_suffix('}')) {
        let kind = if name == "id" { json!({"type": "integer"}) } else { json!({"type": "string"}) };
        parameters.push(json!({"in": "path", "name": name, "schema": kind, "required": true}));
    }
    if !parameters.is_empty() {
        out["parameters"] = Json::Array(parameters);
    }
    if let Some(body) = body(action, schemas) {
        let kind = match action.accepts {
            Accepts::Json => "application/json",
            Accepts::Multipart => "multipart/form-data",
            Accepts::Bytes | Accepts::Stream => "application/octet-stream",
        };
        out["requestBody"] =
            json!({"content": {kind: {"schema": body}}, "required": action.method != Method::PATCH});
    }
    out["security"] = if action.permission == Permission::Anyone {
        json!([{"authentik": []}, {}])
    } else {
        json!([{"authentik": []}])
    };
    // Who may call it, as the gate and OPTIONS read it.
    out["x-permissions"] = json!({"rule": action.permission.word(), "permissions": action.needs()});
    out["responses"] = responses(action, schemas);
    out
}

fn list_parameters(action: &Action) -> Vec<Json> {
    let mut out = Vec::new();
    let fields: &[FieldDef] = action.def.map_or(&[], |d| d.fields);
    for field in fields.iter().filter(|f| f.filter) {
        let many = matches!(field.kind, FieldKind::List(_)) || field.name == "managed";
        let mut value = schema::value(&field.kind);
        if many && !matches!(field.kind, FieldKind::List(_)) {
            value = json!({"type": "array", "items": value});
        }
        out.push(json!({"in": "query", "name": field.name, "schema": value}));
    }
    // Rows: the parameters that their table declares.
    let table = TABLES.iter().find(|t| action.def.is_none() && action.gives.as_deref() == Some(t.component));
    for (column, filter) in
        table.iter().flat_map(|t| t.columns).flat_map(|c| c.filters.iter().map(move |f| (c, f)))
    {
        let value = match filter.op {
            FilterOp::IsNull => json!({"type": "boolean"}),
            FilterOp::AnyOf => json!({"type": "array", "items": schema::value(&column.field.kind)}),
            _ => schema::value(&column.field.kind),
        };
        out.push(json!({"in": "query", "name": filter.name, "schema": value}));
    }
    for (name, kind) in
        [("ordering", "string"), ("page", "integer"), ("page_size", "integer"), ("search", "string")]
    {
        out.push(json!({"in": "query", "name": name, "schema": {"type": kind}}));
    }
    out
}

fn body(action: &Action, schemas: &mut Map) -> Option<Json> {
    if let Some(name) = &action.takes {
        return Some(reference(&if action.method == Method::PATCH {
            format!("Patched{name}Request")
        } else {
            format!("{name}Request")
        }));
    }
    if matches!(action.accepts, Accepts::Bytes | Accepts::Stream) {
        return Some(json!({"type": "string", "format": "binary"}));
    }
    if action.input.is_empty() {
        return None;
    }
    let name = format!("{}Request", camel(&operation_id(action)));
    schemas.insert(name.clone(), schema::object(action.input.iter(), action.method == Method::PATCH));
    Some(reference(&name))
}
fn camel(name: &str) -> String {
    name.split('_')
        .map(|w| {
            w.chars()
                .next()
                .map(|c| c.to_uppercase().collect::<String>() + &w[c.len_utf8()..])
                .unwrap_or_default()
        })
        .collect()
}

fn responses(action: &Action, schemas: &mut Map) -> Json {
    let mut out = Map::new();
    let content =
        |schema: Json| json!({"description": "", "content": {"application/json": {"schema": schema}}});
    let any = |schemas: &Map, name: &str| {
        if schemas.contains_key(name) {
            reference(name)
        } else {
            json!({"type": "object", "additionalProperties": {}})
        }
    };
    let (status, answer) = match (&action.gives, action.output) {
        (Some(name), _) if is_list(action) => ("200", content(page(name, schemas))),
        (Some(name), _) if action.method == Method::POST => ("201", content(reference(name))),
        (Some(name), _) => ("200", content(reference(name))),
        (None, Output::Nothing) => ("204", json!({"description": "No content"})),
        (None, Output::One(name)) => ("200", content(any(schemas, name))),
        (None, Output::Plain(name)) => {
            ("200", content(json!({"type": "array", "items": any(schemas, name)})))
        }
        (None, Output::Page(name)) => ("200", content(page(name, schemas))),
        (None, Output::Members(name, fields)) => {
            schemas.insert(name.to_owned(), schema::object(fields.iter(), false));
            ("200", content(reference(name)))
        }
        (None, Output::Any) => ("200", content(json!({}))),
        (None, Output::File(kind)) => {
            let bytes = json!({"schema": {"type": "string", "format": "binary"}});
            ("200", json!({"description": "", "content": {kind: bytes}}))
        }
    };
    out.insert(status.to_owned(), answer);
    out.insert("400".into(), json!({"$ref": "#/components/responses/ValidationErrorResponse"}));
    out.insert("403".into(), json!({"$ref": "#/components/responses/GenericErrorResponse"}));
    Json::Object(out)
}

/// The list envelope of a component.
fn page(name: &str, schemas: &mut Map) -> Json {
    let whole = format!("Paginated{name}List");
    let item = if schemas.contains_key(name) {
        reference(name)
    } else {
        json!({"type": "object", "additionalProperties": {}})
    };
    schemas.entry(whole.clone()).or_insert_with(|| {
        json!({
            "type": "object",
            "properties": {"pagination": reference("Pagination"), "results": {"type": "array", "items": item}, "autocomplete": {"type": "object", "additionalProperties": {}}},
            "required": ["autocomplete", "pagination", "results"],
        })
    });
    reference(&whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_core::models;
    fn document() -> Json {
        let registry = Registry::new(models::ALL.iter().copied());
        build(&crate::table(&registry, Vec::new(), 0), &registry)
    }
    #[test]
    fn every_operation_has_an_id_of_its_own_and_every_reference_leads_somewhere() {
        let document = document();
        let mut ids = std::collections::HashSet::new();
        for (path, verbs) in document["paths"].as_object().unwrap() {
            for operation in verbs.as_object().unwrap().values() {
                assert!(
                    ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
                    "{path}: {}",
                    operation["operationId"]
                );
            }
        }
        assert!(
            ids.contains("core_users_list")
                && ids.contains("core_users_set_password_create")
                && ids.contains("flows_instances_partial_update")
        );
        fn walk(node: &Json, document: &Json) {
            match node {
                Json::Object(map) => {
                    if let Some(Json::String(target)) = map.get("$ref") {
                        assert!(document.pointer(&target[1..]).is_some(), "{target}");
                    }
                    map.values().for_each(|v| walk(v, document));
                }
                Json::Array(list) => list.iter().for_each(|v| walk(v, document)),
                _ => {}
            }
        }
        walk(&document, &document);
    }
    #[test]
    fn components_carry_the_names_that_clients_know() {
        let document = document();
        for name in [
            "Flow",
            "FlowRequest",
            "PatchedFlowRequest",
            "PaginatedFlowList",
            "FlowStageBinding",
            "CertificateKeyPair",
            "User",
            "PatchedUserRequest",
            "UsedBy",
        ] {
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        assert!(
            document["components"]["schemas"]["CertificateKeyPair"]["properties"].get("key_data").is_none()
        );
        assert!(
            document["components"]["schemas"]["CertificateKeyPairRequest"]["properties"]
                .get("key_data")
                .is_some()
        );
    }
}
