//! Applications.
use super::EngineMode;
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, json};
use signet_model::{Change, FieldDef, FieldKind, Model, Object, Snapshot};
use std::sync::Arc;

const APPLICATION_EXTRA: &[FieldDef] = &[
    FieldDef::shown("pbm_uuid", FieldKind::Uuid),
    FieldDef::shown("provider_obj", FieldKind::Object).nullable(),
    FieldDef::shown("backchannel_providers_obj", FieldKind::List(&FieldKind::Object)),
    FieldDef::shown("launch_url", FieldKind::Text).nullable(),
    FieldDef::shown("meta_icon_url", FieldKind::Text).nullable(),
    FieldDef::shown("meta_icon_themed_urls", FieldKind::Json).nullable(),
];

/// What people open and what policies guard.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_core", path = "core/applications", key = "slug", label = "Application", search("name", "slug", "meta_launch_url", "meta_description", "meta_publisher", "group"), ordering = "name", bound_by_pk, check = check_application, present = present_application, extra = APPLICATION_EXTRA)]
pub struct Application {
    /// Name shown to people.
    #[field(filter)]
    pub name: String,
    /// Internal name, used in URLs.
    #[field(kind = "slug", unique, filter, max = 50)]
    pub slug: String,
    #[field(refers = "authentik_core.provider", unique)]
    pub provider: Option<i64>,
    #[field(refers = "authentik_core.provider", default_fn = |_| json!([]))]
    #[serde(default)]
    pub backchannel_providers: Vec<i64>,
    /// Open the launch URL in a new tab or window.
    #[field(default = false)]
    pub open_in_new_tab: bool,
    #[field(default = "", blank, filter)]
    pub meta_launch_url: String,
    #[field(default = "", blank)]
    pub meta_icon: String,
    #[field(default = "", blank, filter)]
    pub meta_description: String,
    #[field(default = "", blank, filter)]
    pub meta_publisher: String,
    #[field(choice, default = "any")]
    pub policy_engine_mode: EngineMode,
    /// Heading in the library.
    #[field(default = "", blank, filter)]
    pub group: String,
    /// Not shown in the library.
    #[field(default = false, filter)]
    pub meta_hide: bool,
}
/// The application that uses a provider as its own.
pub fn application_of(config: &Snapshot, provider: i64) -> Option<&Arc<Object>> {
    config.referring_key(&format!("num:{provider}"), "provider").find(|o| o.get::<Application>().is_some())
}

const RESERVED_SLUGS: [&str; 6] = ["authorize", "token", "device", "userinfo", "introspect", "revoke"];
fn check_application(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    if RESERVED_SLUGS.contains(&change.text("slug")) {
        return Err(FieldErrors::one("slug", "The slug is reserved and cannot be used for applications."));
    }
    let url = change.text("meta_launch_url");
    // As on the library page, and nowhere else: `//host` would be another site's.
    let fine = url.is_empty()
        || (signet_pages::safe_href(url).is_some() && !url.starts_with("//") && !url.contains('\\'));
    if fine {
        Ok(())
    } else {
        Err(FieldErrors::one(
            "meta_launch_url",
            "Use a whole address, as https://app.example.com, or a path on this server.",
        ))
    }
}
fn present_application(app: &Object, config: &Snapshot, out: &mut Map) {
    let view = |n: &Json| {
        n.as_i64().and_then(|n| config.by_num(n)).map(|p| Json::Object(crate::wire::family_view(p, config)))
    };
    out.insert("pbm_uuid".into(), json!(app.pbm()));
    out.insert("provider_obj".into(), app.data.get("provider").and_then(view).unwrap_or_default());
    let back = app
        .data
        .get("backchannel_providers")
        .and_then(Json::as_array)
        .map(|l| l.iter().filter_map(view).collect())
        .unwrap_or_default();
    out.insert("backchannel_providers_obj".into(), Json::Array(back));
    out.insert("launch_url".into(), Json::Null);
    let icon = app.text("meta_icon");
    out.insert("meta_icon_url".into(), if icon.is_empty() { Json::Null } else { json!(icon) });
    out.insert("meta_icon_themed_urls".into(), Json::Null);
}
