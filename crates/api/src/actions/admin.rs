//! `/admin/…`: information about the installation.
use signet_base::{Json, Map, Result, json};
use signet_core::system::API_VERSION;
use signet_core::{Core, address, brand};
use signet_model::{FieldDef, FieldKind};
use signet_rest::{ApiResult, Call, Reply};
use signet_store::kv;
use std::collections::BTreeMap;

pub(crate) const VERSION: &[FieldDef] = &[
    FieldDef::shown("version_current", FieldKind::Text),
    FieldDef::shown("version_latest", FieldKind::Text),
    FieldDef::shown("version_latest_valid", FieldKind::Bool),
    FieldDef::shown("build_hash", FieldKind::Text),
    FieldDef::shown("outdated", FieldKind::Bool),
    FieldDef::shown("outpost_outdated", FieldKind::Bool),
];
/// This server's version, beside the API version that clients expect.
const BUILD: &str = concat!("signet-", env!("CARGO_PKG_VERSION"));
const HISTORY: &str = "version_history";

/// `GET /admin/version/`
pub(crate) async fn version(_: &mut Call) -> ApiResult {
    Ok(Reply::ok(json!({
        "version_current": API_VERSION, "version_latest": API_VERSION, "version_latest_valid": false, "build_hash": BUILD, "outdated": false, "outpost_outdated": false,
    })))
}

/// `GET /admin/version/history/`: newest first.
pub(crate) async fn history(call: &mut Call) -> ApiResult {
    let mut list = seen(&call.core).await?;
    for (name, field) in [("version", "version"), ("build", "build")] {
        if let Some(wanted) = call.param(name).filter(|t| !t.is_empty()) {
            list.retain(|e| e[field] == wanted);
        }
    }
    list.reverse();
    Ok(Reply::ok(list))
}

/// The versions that ran here; the current one is added.
async fn seen(core: &Core) -> Result<Vec<Json>> {
    let (mut list, version) = match kv::get(&core.db, HISTORY).await? {
        Some((Json::Array(list), version)) => (list, version),
        Some((_, version)) => (Vec::new(), version),
        None => (Vec::new(), 0),
    };
    if list.last().is_none_or(|e| e["version"] != API_VERSION || e["build"] != BUILD) {
        list.push(
            json!({"id": list.len() + 1, "timestamp": core.now(), "version": API_VERSION, "build": BUILD}),
        );
        match kv::put(&core.db, &core.ports, HISTORY, &Json::Array(list.clone()), Some(version)).await {
            // A concurrent writer stored the same.
            Ok(_) | Err(signet_base::Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(list)
}

/// Models that the API shows as such.
fn shown(call: &Call) -> impl Iterator<Item = &'static signet_model::ModelDef> {
    call.core.registry.all().iter().copied().filter(|d| d.rows || !d.path.is_empty())
}

/// `GET /admin/apps/`
pub(crate) async fn apps(call: &mut Call) -> ApiResult {
    let names: BTreeMap<String, String> =
        shown(call).map(|d| (d.app.replacen('_', ".", 1), title(d.app))).collect();
    Ok(Reply::ok(
        names.into_iter().map(|(name, label)| json!({"name": name, "label": label})).collect::<Vec<_>>(),
    ))
}
/// `authentik_stages_deny` becomes `authentik Stages.Deny`.
pub(crate) fn title(app: &str) -> String {
    let Some((product, rest)) = app.split_once('_') else { return app.to_owned() };
    let word = |w: &str| {
        w.chars()
            .next()
            .map(|c| c.to_uppercase().collect::<String>() + &w[c.len_utf8()..])
            .unwrap_or_default()
    };
    match rest.split_once('_') {
        Some((family, kind)) => {
            format!("{product} {}.{}", word(family), kind.split('_').map(word).collect::<Vec<_>>().join(" "))
        }
        None => format!("{product} {}", word(rest)),
    }
}

/// `GET /admin/models/`
pub(crate) async fn models(call: &mut Call) -> ApiResult {
    let rows = [
        ("authentik_core.user", "User"),
        ("authentik_core.group", "Group"),
        ("authentik_core.token", "Token"),
        ("authentik_events.event", "Event"),
    ];
    let mut all: BTreeMap<String, &str> = rows.into_iter().map(|(n, l)| (n.to_owned(), l)).collect();
    all.extend(shown(call).map(|d| (d.full_name(), d.label)));
    Ok(Reply::ok(
        all.into_iter().map(|(name, label)| json!({"name": name, "label": label})).collect::<Vec<_>>(),
    ))
}

/// `GET /admin/system/`
pub(crate) async fn system(call: &mut Call) -> ApiResult {
    let runtime = json!({
        "python_version": "", "environment": BUILD, "architecture": std::env::consts::ARCH, "platform": std::env::consts::OS, "uname": std::env::consts::FAMILY,
        "openssl_version": "AWS-LC", "openssl_fips_enabled": null, "authentik_version": API_VERSION,
    });
    let name =
        brand::of(&call.config, call.client.domain()).map(|(_, b)| b.domain.clone()).unwrap_or_default();
    Ok(Reply::ok(json!({
        "http_headers": headers(call), "http_host": call.client.host, "http_is_secure": call.client.secure, "runtime": runtime, "brand": name,
        "server_time": call.core.now(), "embedded_outpost_disabled": false, "embedded_outpost_host": "", "base_url": address::base(&call.core).map(|base| base.to_string()).unwrap_or_default(),
    })))
}

/// The request as CGI variables (RFC 3875 §4.1), without credentials.
fn headers(call: &Call) -> Map {
    let mut out = Map::new();
    for (name, value) in &call.headers {
        let key = format!("HTTP_{}", name.as_str().to_ascii_uppercase().replace('-', "_"));
        let secret =
            matches!(name.as_str(), "authorization" | "cookie" | "proxy-authorization" | "x-authentik-csrf");
        let text = if secret { "********" } else { value.to_str().unwrap_or_default() };
        out.insert(key, json!(text));
    }
    let ip = call.client.ip.to_string();
    let port =
        call.client.host.rsplit_once(':').map_or(if call.client.secure { "443" } else { "80" }, |(_, p)| p);
    for (name, value) in [
        ("PATH_INFO", call.client.path.as_str()),
        ("QUERY_STRING", call.client.query.as_str()),
        ("REMOTE_ADDR", &ip),
        ("REMOTE_HOST", ""),
        ("REQUEST_METHOD", call.method.as_str()),
        ("SCRIPT_NAME", ""),
        ("SERVER_NAME", call.client.domain()),
        ("SERVER_PORT", port),
    ] {
        out.insert(name.to_owned(), json!(value));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn apps_have_titles() {
        assert_eq!(title("authentik_core"), "authentik Core");
        assert_eq!(title("authentik_stages_user_login"), "authentik Stages.User Login");
    }
}
