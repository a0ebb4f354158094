//! `/admin/settings/`
use signet_base::{Json, Map, json};
use signet_core::Core;
use signet_core::address::Origin;
use signet_core::permission::Right;
use signet_core::system::{SystemSettings, are_footer_links};
use signet_rest::form;
use signet_rest::{ApiResult, Call, Reply};

/// The address that holds: a variable goes before what is stored.
fn show(core: &Core) -> signet_base::Result<Json> {
    let mut out = serde_json::to_value(&*core.system())?;
    if let Some(base) = &core.settings.base_url {
        out["base_url"] = json!(base.to_string());
    }
    Ok(out)
}

/// What may be written as `base_url`. None: what a variable says is left as it is.
fn base_url(core: &Core, sent: &str) -> Result<Option<String>, &'static str> {
    let read = Origin::parse(sent);
    match &core.settings.base_url {
        Some(base) if read.as_ref() == Some(base) => Ok(None),
        Some(_) => Err("AUTHENTIK_WEB__BASE_URL or AUTHENTIK_DOMAIN says the address. Change it there."),
        None if sent.is_empty() => Ok(Some(String::new())),
        None => read
            .map(|origin| Some(origin.to_string()))
            .ok_or("Enter an http or https address without a path, as https://id.example.com."),
    }
}

/// The settings with the members that were sent.
fn changed(system: &SystemSettings, sent: &Map) -> signet_base::Result<SystemSettings> {
    let mut data = system.to_map()?;
    for (name, value) in sent {
        match (data.get_mut(name), value) {
            // Flags that were not sent keep their value.
            (Some(Json::Object(old)), Json::Object(new)) if name == "flags" => {
                old.extend(new.iter().filter(|(_, v)| v.is_boolean()).map(|(k, v)| (k.clone(), v.clone())));
            }
            (_, Json::Null) => drop(data.insert(name.clone(), json!([]))),
            (_, value) => drop(data.insert(name.clone(), value.clone())),
        }
    }
    Ok(serde_json::from_value(Json::Object(data))?)
}

/// `GET /admin/settings/`
pub(crate) async fn read(call: &mut Call) -> ApiResult {
    Ok(Reply::ok(show(&call.core)?))
}
/// `PUT /admin/settings/`
pub(crate) async fn update(call: &mut Call) -> ApiResult {
    change(call, false).await
}
/// `PATCH /admin/settings/`
pub(crate) async fn partial_update(call: &mut Call) -> ApiResult {
    change(call, true).await
}

async fn change(call: &mut Call, partial: bool) -> ApiResult {
    let (mut sent, mut errors) = form::judge(call, SystemSettings::FIELDS, partial).await?;
    if sent.get("footer_links").is_some_and(|links| !are_footer_links(links)) {
        errors.add("footer_links", "Expected a list of objects with name and href.");
    }
    if let Some(text) = sent.get("base_url").and_then(Json::as_str).map(str::to_owned) {
        match base_url(&call.core, text.trim()) {
            Ok(Some(address)) => drop(sent.insert("base_url".into(), json!(address))),
            Ok(None) => drop(sent.remove("base_url")),
            Err(why) => errors.add("base_url", why),
        }
    }
    for (name, fixed) in &call.core.settings.fixed {
        if sent.get(name).is_some_and(|value| value != fixed) {
            let variable = name.to_uppercase();
            errors.add(name.as_str(), format!("AUTHENTIK_{variable} says this. Change it there."));
        }
    }
    errors.into_result()?;
    // The links in everybody's mail lead there.
    if sent.get("base_url").is_some_and(|url| *url != call.core.system().base_url) {
        call.may_give(&[Right::Everything]).await?;
    }
    call.core.set_system(&call.author(), |system| changed(system, &sent)).await?;
    Ok(Reply::ok(show(&call.core)?))
}
