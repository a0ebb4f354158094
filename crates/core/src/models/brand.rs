//! Brands.
use super::DEFAULT_BACKGROUND;
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Uuid, json};
use signet_model::{Change, Model, Snapshot};

/// Look and flows of one host name.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_brands", path = "core/brands", key = "brand_uuid", label = "Brand", search("domain", "branding_title", "web_certificate__name"), ordering = "domain", check = check_brand)]
pub struct Brand {
    /// Domain that activates this brand. Can be a superset: `a.b` also covers `aa.b` ending in it.
    #[field(unique, filter, gives = "everything")]
    pub domain: String,
    #[field(default = false, unique, filter)]
    pub default: bool,
    #[field(default = "authentik", filter)]
    pub branding_title: String,
    #[field(default = "/static/dist/assets/icons/icon_left_brand.svg", filter)]
    pub branding_logo: String,
    #[field(default = "/static/dist/assets/icons/icon.png", filter)]
    pub branding_favicon: String,
    #[field(default = "", blank)]
    pub branding_custom_css: String,
    #[field(default = DEFAULT_BACKGROUND, blank, filter)]
    pub branding_default_flow_background: String,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_authentication: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_invalidation: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_recovery: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_unenrollment: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_user_settings: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_device_code: Option<Uuid>,
    #[field(refers = "authentik_flows.flow", filter)]
    pub flow_lockdown: Option<Uuid>,
    /// Application that people without rights on the admin interface are sent to.
    #[field(refers = "authentik_core.application")]
    pub default_application: Option<Uuid>,
    /// Certificate of the HTTPS listener for this host.
    #[field(refers = "authentik_crypto.certificatekeypair", filter)]
    pub web_certificate: Option<Uuid>,
    #[field(refers = "authentik_crypto.certificatekeypair", default_fn = |_| json!([]), filter)]
    #[serde(default)]
    pub client_certificates: Vec<Uuid>,
    #[field(default_fn = |_| json!({}))]
    pub attributes: Map,
}
fn check_brand(change: &mut Change<'_>, config: &Snapshot) -> Result<(), FieldErrors> {
    let mine = change.before.map(|o| o.pk);
    if change.data.get("default").and_then(Json::as_bool) == Some(true)
        && config.all::<Brand>().any(|(o, b)| b.default && Some(o.pk) != mine)
    {
        return Err(FieldErrors::one("non_field_errors", "Only a single brand can be set as default."));
    }
    let color = change.data.get("attributes").and_then(|a| a.pointer("/settings/theme/brand"));
    if let Some(color) = color.filter(|c| !c.is_null() && c.as_str() != Some(""))
        && !color.as_str().is_some_and(signet_pages::is_color)
    {
        return Err(FieldErrors::one(
            "attributes",
            "settings.theme.brand: write a colour as #rgb, #rrggbb or oklch(…).",
        ));
    }
    Ok(())
}
