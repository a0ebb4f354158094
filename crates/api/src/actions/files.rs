//! `/admin/file/`: stored pictures of applications, flows, brands and sources.
use signet_base::storage::FileName;
use signet_base::{Error, Json, json};
use signet_core::event::EventAction;
use signet_core::media;
use signet_model::{FieldDef, FieldKind};
use signet_rest::form::{self, FILE, Members};
use signet_rest::{Accepts, Action, ApiResult, Call, Fault, Output, Permission, Reply, run};

const USAGE: FieldKind = FieldKind::Choice(&["media"]);
const SENT: &[FieldDef] = &[
    FieldDef { widget: FILE, ..FieldDef::plain("file", FieldKind::Text).required() },
    FieldDef::plain("name", FieldKind::Text),
    FieldDef::plain("usage", USAGE),
];
const VIEW: Permission = Permission::Named(&["authentik_rbac.view_media_files"]);
const MANAGE: Permission = Permission::Named(&["authentik_rbac.manage_media_files"]);
/// What a form adds to its file, in bytes.
const AROUND: usize = 64 * 1024;

/// `largest`: the largest file in bytes.
pub(crate) fn register(largest: usize, rows: &mut Vec<Action>) {
    rows.push(
        Action::get("admin/file", VIEW, "Lists stored files.", run!(list)).output(Output::Plain("FileList")),
    );
    rows.push(
        Action::post("admin/file", MANAGE, "Stores a file.", run!(create))
            .accepts(Accepts::Multipart, largest + AROUND)
            .input(SENT)
            .output(Output::Nothing),
    );
    rows.push(
        Action::new(http::Method::DELETE, "admin/file", MANAGE, "Removes a file.", run!(destroy))
            .output(Output::Nothing),
    );
    rows.push(
        Action::get("admin/file/used_by", VIEW, "Lists what shows a file.", run!(used_by))
            .output(Output::Plain("UsedBy")),
    );
}

/// The parameter `usage`: there is one.
fn judge_usage(call: &Call) -> Result<(), Fault> {
    match call.param("usage") {
        None | Some("" | "media") => Ok(()),
        Some(other) => Err(Fault::invalid("usage", format!("\"{other}\" is not a valid choice."))),
    }
}
/// The parameter `name`.
fn named(call: &Call) -> Result<FileName, Fault> {
    let name = call.param("name").filter(|name| !name.is_empty());
    Ok(FileName::parse(name.ok_or_else(|| Fault::invalid("name", "This field is required."))?)?)
}

/// `GET /admin/file/`
async fn list(call: &mut Call) -> ApiResult {
    judge_usage(call)?;
    let search = call.param("search").unwrap_or_default();
    let all = call.core.ports.media.list("").await?;
    let found = all.iter().map(|file| &file.name).filter(|name| name.as_str().contains(search));
    let show = |name: &FileName| {
        let text = name.as_str();
        json!({
            "name": text, "mime_type": name.content_type(), "url": media::url(&call.core, text),
            "themed_urls": media::themed_urls(&call.core, text),
        })
    };
    Ok(Reply::ok(found.map(show).collect::<Vec<Json>>()))
}

/// `POST /admin/file/`: a form with `file`, and `name` if it shall have another name than the client's file.
async fn create(call: &mut Call) -> ApiResult {
    let (sent, mut errors) = form::judge(call, SENT, false).await?;
    let file = call.content.file("file").cloned();
    let given = sent.text("name").filter(|name| !name.is_empty());
    let name = given.or_else(|| file.as_ref().map(|file| file.file_name.clone())).unwrap_or_default();
    let name = match FileName::parse(&name) {
        Ok(name) => Some(name),
        Err(Error::Invalid(why)) => {
            if file.is_some() {
                errors.merge(why);
            }
            None
        }
        Err(other) => return Err(other.into()),
    };
    errors.into_result()?;
    let (Some(name), Some(file)) = (name, file) else { return Err(Fault::not_found()) };
    match call.core.ports.media.put(&name, file.bytes.to_vec(), false).await {
        Ok(()) => {}
        Err(Error::Conflict(_)) => {
            return Err(Fault::invalid("name", "A file with this name exists already."));
        }
        Err(other) => return Err(other.into()),
    }
    call.event(EventAction::ModelCreated, event(&name)).await;
    Ok(Reply::Empty)
}

/// `DELETE /admin/file/?name=…`
async fn destroy(call: &mut Call) -> ApiResult {
    judge_usage(call)?;
    let name = named(call)?;
    call.core.ports.media.delete(&name).await?;
    call.event(EventAction::ModelDeleted, event(&name)).await;
    Ok(Reply::Empty)
}

fn event(name: &FileName) -> Json {
    let model = json!({"app": "authentik_admin_files", "model_name": "file", "pk": name.as_str(), "name": name.as_str()});
    json!({"model": model})
}

/// Fields that name pictures.
const PICTURES: &[&str] = &[
    "meta_icon",
    "icon",
    "background",
    "branding_logo",
    "branding_favicon",
    "branding_default_flow_background",
];

/// `GET /admin/file/used_by/?name=…`
async fn used_by(call: &mut Call) -> ApiResult {
    let name = named(call)?;
    let shows = |object: &&std::sync::Arc<signet_model::Object>| {
        call.sees(object) && PICTURES.iter().any(|field| object.text(field) == name.as_str())
    };
    let entry = |object: &std::sync::Arc<signet_model::Object>| json!({"app": object.def.app, "model_name": object.def.name, "pk": object.wire_key(), "name": object.name(), "action": "left_dangling"});
    Ok(Reply::ok(call.config.objects().filter(shows).map(entry).collect::<Vec<Json>>()))
}
