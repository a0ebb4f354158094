//! API actions of blueprints.
use crate::apply::{Import, Source};
use crate::instance::BlueprintInstance;
use crate::instances::{self, Repeat};
use crate::library;
use crate::problem::sentence;
use crate::{export_flow, oci};
use signet_base::{Error, Json, Map, Uuid, json};
use signet_core::models::Flow;
use signet_core::permission::Right;
use signet_core::wire;
use signet_model::{FieldDef, FieldKind, Model, Verb};
use signet_rest::form::FILE;
use signet_rest::{Accepts, Action, ApiResult, Call, Fault, Output, Permission, Reply, run};

/// The file contains all objects of the flow.
const EXPORTED: &[&str] = &[
    "authentik_flows.view_flow",
    "authentik_flows.view_flowstagebinding",
    "authentik_flows.view_stage",
    "authentik_policies.view_policy",
    "authentik_policies.view_policybinding",
    "authentik_stages_prompt.view_prompt",
];

/// Largest form of an import, in bytes.
const MAX_IMPORT: usize = 5 * 1024 * 1024;
const IMPORT: &[FieldDef] = &[
    FieldDef { widget: FILE, ..FieldDef::plain("file", FieldKind::Text) },
    FieldDef { blank: true, ..FieldDef::plain("path", FieldKind::Text) },
    FieldDef { blank: true, ..FieldDef::plain("context", FieldKind::Text) },
];
const LOG: &[FieldDef] = &[
    FieldDef::shown("timestamp", FieldKind::Time),
    FieldDef::shown("log_level", FieldKind::Choice(&["info", "warning", "error"])),
    FieldDef::shown("logger", FieldKind::Text),
    FieldDef::shown("event", FieldKind::Text),
    FieldDef::shown("attributes", FieldKind::Object),
];
const RESULT: &[FieldDef] =
    &[FieldDef::shown("logs", FieldKind::Items(LOG)), FieldDef::shown("success", FieldKind::Bool)];

pub fn actions() -> Vec<Action> {
    vec![
        Action::get(
            "flows/instances/{slug}/export",
            Permission::Named(&["authentik_flows.export_flow"]),
            "The flow as a blueprint.",
            run!(export),
        )
        .about("authentik_flows.flow")
        .output(Output::File("text/html")),
        Action::get(
            "managed/blueprints/available",
            Permission::Named(&["authentik_blueprints.view_blueprintinstance"]),
            "Files that instances can name.",
            run!(available),
        )
        .output(Output::Plain("BlueprintFile")),
        Action::post(
            "managed/blueprints/{instance_uuid}/apply",
            Permission::Model(Verb::Change),
            "Applies the instance now. Its status says how it went.",
            run!(apply),
        )
        .about(BlueprintInstance::DEF.full_name())
        .output(Output::One("BlueprintInstance")),
        Action::post(
            "managed/blueprints/import",
            Permission::Named(&["authentik_blueprints.add_blueprintinstance"]),
            "Applies a file once, without an instance.",
            run!(import),
        )
        .accepts(Accepts::Multipart, MAX_IMPORT)
        .input(IMPORT)
        .output(Output::Members("BlueprintImportResult", RESULT)),
    ]
}

async fn export(call: &mut Call) -> ApiResult {
    let found = call.config.find::<Flow>("slug", &call.key).map(|(flow, _)| flow.clone());
    let flow = found.ok_or_else(|| Fault::missing("Flow"))?;
    call.reach_object(&flow)?;
    if !EXPORTED.iter().all(|permission| call.may(permission)) {
        return Err(Fault::forbidden());
    }
    let text = export_flow(&call.core, flow.text("slug")).await?;
    // The content type that clients expect.
    Ok(Reply::file(format!("{}.yaml", flow.text("slug")), "text/html; charset=utf-8", text))
}

async fn available(call: &mut Call) -> ApiResult {
    let one = |file: &library::LibraryFile| json!({"path": file.path, "last_m": file.modified, "hash": file.hash(), "meta": file.head.to_map()});
    Ok(Reply::ok(library::list(&call.core).iter().map(one).collect::<Vec<_>>()))
}

async fn apply(call: &mut Call) -> ApiResult {
    let pk = Uuid::parse_str(&call.key).map_err(|_| Fault::not_found())?;
    let missing = || Fault::missing("BlueprintInstance");
    let object = call.config.get(pk).filter(|o| o.def.is(instances::NAME)).cloned().ok_or_else(missing)?;
    call.reach_object(&object)?;
    match instances::apply_instance(&call.core, pk, &call.author(), Repeat::Always).await {
        Ok(report) => call.warnings.extend(report.notes),
        Err(Error::Invalid(fields)) => call.warnings.push(sentence(&fields).1),
        Err(Error::NotFound | Error::Unavailable(_)) => {}
        Err(error) => return Err(error.into()),
    }
    call.renew();
    let object = call.config.get(pk).cloned().ok_or_else(missing)?;
    Ok(Reply::ok(Json::Object(wire::present(&object, &call.config))))
}

async fn import(call: &mut Call) -> ApiResult {
    call.may_give(&[Right::Everything]).await?;
    signet_rest::form::read(call, IMPORT, false).await?;
    let context = context(call)?;
    let path = call.body.get("path").and_then(Json::as_str).unwrap_or_default().to_owned();
    let (name, text, is_trusted) = match (call.content.file("file"), path.as_str()) {
        (Some(file), "") => {
            let text = std::str::from_utf8(&file.bytes);
            let text = text.map_err(|_| Fault::invalid("file", "The file is not UTF-8."))?;
            (file.file_name.clone(), text.to_owned(), false)
        }
        (None, "") => return Err(Fault::invalid("file", "Either file or path must be set.")),
        (Some(_), _) => return Err(Fault::invalid("path", "Set either file or path, not both.")),
        (None, path) if oci::is_artifact(path) => {
            return Err(Fault::invalid("path", "Artifacts need an instance."));
        }
        (None, path) => {
            let file = library::read(&call.core, path);
            let file = file.map_err(|_| Fault::invalid("path", "Blueprint file does not exist"))?;
            (file.path, file.text, !file.is_shipped)
        }
    };
    let environment = is_trusted.then(library::environment);
    let source =
        Source { file: &name, text: &text, environment: environment.as_ref(), context: Some(&context) };
    let mut import = Import::new(&call.core);
    let done = match import.file(&source).await {
        Ok(_) => import.commit(&call.author()).await,
        Err(error) => Err(error),
    };
    let (success, lines) = match done {
        Ok(report) => (true, report.notes.into_iter().map(|note| ("warning", note)).collect()),
        Err(Error::Invalid(fields)) => (false, vec![("error", sentence(&fields).1)]),
        Err(error) => return Err(error.into()),
    };
    let now = call.core.now();
    let log = |(level, text): (&str, String)| json!({"timestamp": now, "log_level": level, "logger": "authentik.blueprints", "event": text, "attributes": {}});
    call.renew();
    Ok(Reply::ok(json!({"success": success, "logs": lines.into_iter().map(log).collect::<Vec<_>>()})))
}

/// A JSON object in a text.
fn context(call: &Call) -> Result<Map, Fault> {
    match call.body.get("context") {
        None | Some(Json::Null) => Ok(Map::new()),
        Some(Json::Object(map)) => Ok(map.clone()),
        Some(Json::String(text)) if text.trim().is_empty() => Ok(Map::new()),
        Some(other) => serde_json::from_str(other.as_str().unwrap_or_default())
            .map_err(|_| Fault::invalid("context", "Expected a JSON object.")),
    }
}
