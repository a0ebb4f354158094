//! `/stages/all/` and similar: all members of a family, with their common fields.
use super::{filter, show, used_by, write};
use signet_base::{Error, Json, Uuid, json};
use signet_model::{Base, Object};
use signet_rest::list::Paging;
use signet_rest::{ApiResult, Call, Fault, Reply, family_name};
use std::sync::Arc;

fn base(call: &Call) -> Result<Base, Fault> {
    call.base.ok_or_else(|| Error::internal("the route names no family").into())
}
fn find(call: &Call) -> Result<Arc<Object>, Fault> {
    let base = base(call)?;
    let found = if base == Base::Provider {
        call.config.by_num(call.key.parse().map_err(|_| Fault::not_found())?)
    } else {
        match Uuid::parse_str(&call.key) {
            Ok(pk) => call.config.get(pk),
            Err(_) if base == Base::Source => call.config.family(base).find(|o| o.text("slug") == call.key),
            Err(_) => return Err(Fault::not_found()),
        }
    };
    let found = found
        .filter(|o| o.def.base == Some(base))
        .cloned()
        .ok_or_else(|| Fault::missing(family_name(base)))?;
    call.reach_object(&found)?;
    Ok(found)
}
/// `GET /<family>/all/`
pub(crate) async fn list(call: &mut Call) -> ApiResult {
    let base = base(call)?;
    let paging = Paging::read(call)?;
    let config = call.config.clone();
    let mut all: Vec<Arc<Object>> = config
        .family(base)
        .filter(|o| call.sees(o) && filter::found(call, o, &["name"], &paging.search))
        .cloned()
        .collect();
    for field in ["name", "managed", "slug"] {
        let wanted: Vec<&str> = call.params(field).into_iter().filter(|t| !t.is_empty()).collect();
        if !wanted.is_empty() {
            all.retain(|o| wanted.contains(&o.text(field)));
        }
    }
    if let Some(null) = call.flag("managed__isnull") {
        all.retain(|o| o.text("managed").is_empty() == null);
    }
    // Free providers: those without an application, for the application form.
    if let Some(null) = call.flag("application__isnull") {
        all.retain(|o| config.referring(o, "provider").next().is_some() != null);
    }
    // No implemented provider kind is a backchannel provider.
    if call.flag("backchannel") == Some(true) {
        all.clear();
    }
    for (filter, field) in [("bindings__isnull", "policy"), ("promptstage__isnull", "validation_policies")] {
        if let Some(null) = call.flag(filter) {
            all.retain(|o| config.referring(o, field).next().is_some() != null);
        }
    }
    filter::sort(call, &mut all, &shown_only(&paging.ordering));
    let (page, total) = paging.cut(all)?;
    paging.envelope(page.iter().map(|o| Json::Object(show::family(call, o))).collect(), total, json!({}))
}

/// The names by which a family is sorted: those of members that its list shows. Others would tell the order of values that
/// the caller does not see.
fn shown_only(ordering: &str) -> String {
    const SHOWN: [&str; 6] = ["pk", "name", "managed", "slug", "created", "last_updated"];
    let is_shown = |name: &&str| SHOWN.contains(&name.trim().trim_start_matches('-'));
    ordering.split(',').filter(is_shown).collect::<Vec<_>>().join(",")
}

/// `GET /<family>/all/types/`
pub(crate) async fn types(call: &mut Call) -> ApiResult {
    let mut kinds: Vec<_> = call
        .core
        .registry
        .family(base(call)?)
        .filter(|d| d.name != "dummypolicy" && d.name != "dummystage")
        .collect();
    kinds.sort_by_key(|d| d.label);
    let kinds: Vec<Json> = kinds
        .into_iter()
        .map(|d| {
            json!({"name": d.label, "description": d.doc, "component": d.component, "model_name": d.name, "icon_url": icon(d.name), "requires_enterprise": false, "deprecated": false})
        })
        .collect();
    Ok(Reply::ok(kinds))
}
fn icon(model: &str) -> Option<&'static str> {
    match model {
        "oauth2provider" => Some("/static/authentik/sources/openidconnect.svg"),
        "ldapprovider" => Some("/static/authentik/sources/ldap.png"),
        "proxyprovider" => Some("/static/authentik/sources/proxy.svg"),
        "radiusprovider" => Some("/static/authentik/sources/radius.svg"),
        "samlprovider" => Some("/static/authentik/sources/saml.png"),
        "scimprovider" => Some("/static/authentik/sources/scim.png"),
        _ => None,
    }
}

/// `GET /<family>/all/<key>/`
pub(crate) async fn retrieve(call: &mut Call) -> ApiResult {
    let object = find(call)?;
    Ok(Reply::ok(Json::Object(show::family(call, &object))))
}
/// `DELETE /<family>/all/<key>/`
pub(crate) async fn destroy(call: &mut Call) -> ApiResult {
    let object = find(call)?;
    write::delete(call, &object).await
}
/// `GET /<family>/all/<key>/used_by/`
pub(crate) async fn used_by(call: &mut Call) -> ApiResult {
    let object = find(call)?;
    Ok(Reply::ok(used_by::of_object(call, &object)))
}

/// `GET /stages/all/user_settings/`: stages with a configuration flow, which users set up themselves.
pub(crate) async fn user_settings(call: &mut Call) -> ApiResult {
    let mut all: Vec<(String, &Arc<Object>)> = call
        .config
        .family(Base::Stage)
        .filter(|o| !o.text("configure_flow").is_empty())
        .filter_map(|o| Some((settings_component(o.def.name)?, o)))
        .collect();
    all.sort_by(|(a, x), (b, y)| (a, x.pk).cmp(&(b, y.pk)));
    let one = |(component, o): (String, &Arc<Object>)| {
        let friendly = o.text("friendly_name");
        let title = if friendly.is_empty() { o.def.label } else { friendly };
        json!({"object_uid": o.pk, "title": title, "component": component, "configure_url": format!("/flows/-/configure/{}/", o.pk)})
    };
    Ok(Reply::ok(all.into_iter().map(one).collect::<Vec<_>>()))
}
/// `passwordstage` and `authenticator<kind>stage`.
fn settings_component(model: &str) -> Option<String> {
    match model.strip_suffix("stage")? {
        "password" => Some("ak-user-settings-password".to_owned()),
        kind => Some(format!(
            "ak-user-settings-authenticator-{}",
            kind.strip_prefix("authenticator").filter(|k| !k.is_empty())?
        )),
    }
}
