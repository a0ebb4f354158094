//! Public endpoints: `/root/config/`, `/core/brands/current/`.
use signet_base::{Json, Map, json};
use signet_core::brand::{self, slug};
use signet_core::media;
use signet_core::models::Brand;
use signet_rest::{ApiResult, Call, Reply};

/// `GET /root/config/`
pub(crate) async fn config(call: &mut Call) -> ApiResult {
    let settings = &call.core.settings;
    let mut able = Vec::new();
    for (name, is) in [
        ("can_save_media", call.core.ports.media.max_size() > 0),
        ("can_geo_ip", call.core.geoip.knows_places().is_ok()),
        ("can_asn", call.core.geoip.knows_networks().is_ok()),
        ("can_impersonate", call.core.system().impersonation),
    ] {
        able.extend(is.then_some(name));
    }
    Ok(Reply::ok(json!({
        "error_reporting": {
            "enabled": settings.error_reporting_enabled, "sentry_dsn": "", "environment": settings.error_reporting_environment,
            "send_pii": settings.error_reporting_send_pii, "traces_sample_rate": 0.0,
        },
        "capabilities": able,
        "cache_timeout": settings.cache_timeout, "cache_timeout_flows": settings.cache_timeout_flows, "cache_timeout_policies": settings.cache_timeout_policies,
    })))
}

/// `GET /core/brands/current/`: flows as slugs; unset ones are omitted.
pub(crate) async fn brand(call: &mut Call) -> ApiResult {
    let look = brand::look(&call.core, &call.client);
    let system = call.core.system();
    let found = brand::of(&call.config, call.client.domain()).map(|(_, b)| b);
    let flag = |name: &str| system.flags.get(name).and_then(Json::as_bool).unwrap_or(false);
    let links: Vec<Json> =
        look.footer_links.iter().map(|(name, href)| json!({"name": name, "href": href})).collect();
    let mut out = Map::new();
    out.insert("matched_domain".into(), json!(found.map_or("fallback", |b| b.domain.as_str())));
    out.insert("branding_title".into(), json!(look.title));
    out.insert("branding_logo".into(), json!(look.logo));
    let themed =
        |of: fn(&Brand) -> &str| found.map_or(Json::Null, |brand| media::themed_urls(&call.core, of(brand)));
    out.insert("branding_logo_themed_urls".into(), themed(|b| &b.branding_logo));
    out.insert("branding_favicon".into(), json!(look.favicon));
    out.insert("branding_favicon_themed_urls".into(), themed(|b| &b.branding_favicon));
    out.insert("branding_custom_css".into(), json!(look.custom_css));
    out.insert("branding_map_tiles".into(), json!(""));
    out.insert("ui_footer_links".into(), json!(links));
    out.insert("ui_theme".into(), json!(look.theme));
    if let Some(b) = found {
        for (name, flow) in [
            ("flow_authentication", b.flow_authentication),
            ("flow_invalidation", b.flow_invalidation),
            ("flow_recovery", b.flow_recovery),
            ("flow_unenrollment", b.flow_unenrollment),
            ("flow_user_settings", b.flow_user_settings),
            ("flow_device_code", b.flow_device_code),
            ("flow_lockdown", b.flow_lockdown),
        ] {
            if let Some(slug) = slug(&call.config, flow) {
                out.insert(name.into(), json!(slug));
            }
        }
    }
    out.insert("default_locale".into(), json!(look.locale));
    out.insert("flags".into(), json!({"flows_continuous_login": flag("flows_continuous_login"), "flows_refresh_others": flag("flows_refresh_others")}));
    Ok(Reply::ok(Json::Object(out)))
}
