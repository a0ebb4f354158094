//! The flow executor and the inspector: the front answers them, below the path of the API.
use super::reference;
use signet_base::{Json, Map, json};

fn content(schema: &Json) -> Json {
    json!({"application/json": {"schema": schema}})
}
fn operation(id: &str, description: &str, answer: &str) -> Json {
    json!({
        "operationId": id,
        "description": description,
        "tags": ["flows"],
        "parameters": [
            {"in": "path", "name": "flow_slug", "schema": {"type": "string"}, "required": true},
            {"in": "query", "name": "query", "schema": {"type": "string"}, "description": "The query string of the page."},
        ],
        "security": [{"authentik": []}, {}],
        "responses": {
            "200": {"description": "", "content": content(&reference(answer))},
            "302": {"description": "The stage is done: ask for the next one."},
            "400": {"description": "The request cannot be read.", "content": content(&json!({}))},
            "403": {"$ref": "#/components/responses/GenericErrorResponse"},
        },
    })
}

pub(super) fn describe(paths: &mut Map, schemas: &mut Map) {
    let of_component = |description: &str| {
        json!({
            "type": "object",
            "description": description,
            "properties": {"component": {"type": "string"}},
            "required": ["component"],
            "additionalProperties": {},
        })
    };
    schemas.insert(
        "ChallengeTypes".into(),
        of_component("A step of a flow; its component says which members it has."),
    );
    schemas.insert(
        "FlowChallengeResponseRequest".into(),
        of_component("The answer to a step of this component."),
    );
    schemas.insert("FlowInspection".into(), json!({"type": "object", "additionalProperties": {}}));
    let mut solve = operation("flows_executor_solve", "Answers a step of a flow.", "ChallengeTypes");
    solve["requestBody"] =
        json!({"content": content(&reference("FlowChallengeResponseRequest")), "required": true});
    let get = operation("flows_executor_get", "Returns the next step of a flow.", "ChallengeTypes");
    paths.insert("/flows/executor/{flow_slug}/".into(), json!({"get": get, "post": solve}));
    let inspect = operation("flows_inspector_get", "Returns plan and history of the run.", "FlowInspection");
    paths.insert("/flows/inspector/{flow_slug}/".into(), json!({"get": inspect}));
}
