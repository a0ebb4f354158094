//! Applications: visibility, access checks, creation with bindings.
use crate::launch;
use crate::objects::write;
use signet_base::{Error, Json, Map, Result, json};
use signet_core::models::PolicyBinding;
use signet_core::permission::closure as rights;
use signet_core::{Principal, access};
use signet_model::{Model, ModelDef, Object, check};
use signet_rest::form::Rows;
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::Write;
use signet_store::roles::Target;
use std::sync::Arc;

/// The applications of a list that the caller may use. `superuser_full_list` selects those the caller may
/// view by permission (ignored without the permission), `for_user` those another user may use.
pub(crate) async fn visible(call: &Call, all: Vec<Arc<Object>>) -> Result<Vec<Arc<Object>>, Fault> {
    let with_link = call.flag("only_with_launch_url") == Some(true);
    if call.flag("superuser_full_list") == Some(true) {
        let seen: Vec<_> = all.iter().filter(|a| call.sees(a)).cloned().collect();
        if call.may(VIEW) || !seen.is_empty() {
            return Ok(linked(call, seen, with_link));
        }
    }
    let person = match call.param("for_user") {
        Some(text) if may_ask_for(call, text) => somebody(call, text).await?,
        _ => call.person()?.clone(),
    };
    let mut out = Vec::with_capacity(all.len());
    for application in linked(call, all, with_link) {
        if access::is_shown(&call.core, &call.client, &person, &application).await? {
            out.push(application);
        }
    }
    Ok(out)
}
const VIEW: &str = "authentik_core.view_application";
fn may_ask_for(call: &Call, user: &str) -> bool {
    call.may_on("authentik_core.view_user_applications", user)
}
fn linked(call: &Call, mut all: Vec<Arc<Object>>, only: bool) -> Vec<Arc<Object>> {
    if only {
        all.retain(|a| {
            launch::url(&call.core, &call.config, a, call.principal.as_ref()).is_some_and(|u| !u.is_empty())
        });
    }
    all
}
async fn somebody(call: &Call, text: &str) -> Result<Principal, Fault> {
    let unknown = || Fault::bad(json!({"for_user": "User not found"}));
    let id = text.parse().map_err(|_| unknown())?;
    Principal::load_any(&call.core, id).await?.ok_or_else(unknown)
}

/// `GET /core/applications/<slug>/check_access/`
pub(crate) async fn check_access(call: &mut Call) -> ApiResult {
    let application = call
        .config
        .find::<signet_core::models::Application>("slug", &call.key)
        .map(|(o, _)| o.clone())
        .ok_or_else(|| Fault::missing("Application"))?;
    let person = match call.param("for_user") {
        Some(text) if may_ask_for(call, text) => somebody(call, text).await?,
        Some(_) => return Err(Fault::forbidden()),
        None => call.person()?.clone(),
    };
    let verdict = access::may_use(&call.core, &call.client, &person, &application, &Map::new()).await?;
    Ok(Reply::ok(json!({"passing": verdict.passing, "messages": verdict.messages, "log_messages": []})))
}

/// `policy_bindings` of a new application, as 2024's scripts send them: an object, a list of objects, or
/// objects by name.
pub(crate) fn wanted_bindings(body: &Map) -> Result<Vec<Map>, Fault> {
    let wrong = || Fault::invalid("policy_bindings", "Expected a list of policy bindings.");
    let objects = |list: Vec<&Json>| {
        list.into_iter().map(|v| v.as_object().cloned().ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()
    };
    match body.get("policy_bindings") {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(list)) => objects(list.iter().collect()),
        Some(Json::Object(one)) if ["policy", "group", "user"].iter().any(|k| one.contains_key(*k)) => {
            Ok(vec![one.clone()])
        }
        Some(Json::Object(named)) => objects(named.values().collect()),
        Some(_) => Err(wrong()),
    }
}

/// Creates an application with its bindings, or nothing.
pub(crate) async fn create_with_bindings(
    call: &mut Call,
    def: &'static ModelDef,
    wanted: &[Map],
) -> Result<Arc<Object>, Fault> {
    let core = call.core.clone();
    let change = check(def, &call.body, None, false, &call.config, &Rows::default(), &core.ports)?;
    call.may_give(&rights::of_object(&core, &call.config, def, None, &change.data)).await?;
    if !call.may("authentik_policies.add_policybinding") {
        return Err(Fault::forbidden());
    }
    let (pk, now) = (core.ports.uuid(), core.now());
    let draft = Object::new(pk, None, def, change.data.clone(), change.secrets.clone(), 1, now, now)?;
    let target = draft.pbm().ok_or_else(|| Error::internal("an application without its policy key"))?;
    // The bindings are validated as if the application existed.
    let config = call.config.with(call.config.counter, [Arc::new(draft)], &[]);
    let mut writes = vec![Write::Create { def, pk: Some(pk), data: change.data, secrets: change.secrets }];
    let mut initial = call.initial(&def.full_name(), &Target::Object(pk))?;
    for (n, binding) in wanted.iter().enumerate() {
        let mut body = binding.clone();
        body.insert("target".into(), json!(target));
        body.entry("order").or_insert_with(|| json!(n));
        let rows = Rows::of(&core, PolicyBinding::DEF.fields, &body).await?;
        let nested = |e: Error| match e {
            Error::Invalid(fields) => Fault::bad(json!({"policy_bindings": [fields.to_json()]})),
            other => other.into(),
        };
        let judged =
            check(PolicyBinding::DEF, &body, None, false, &config, &rows, &core.ports).map_err(nested)?;
        let pk = core.ports.uuid();
        initial = initial.then(call.initial(&PolicyBinding::DEF.full_name(), &Target::Object(pk))?);
        writes.push(Write::Create {
            def: PolicyBinding::DEF,
            pk: Some(pk),
            data: judged.data,
            secrets: judged.secrets,
        });
    }
    let application = write::create_all(call, writes, initial).await?;
    call.renew();
    Ok(application)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn bindings_come_in_the_forms_of_the_guide() {
        let of = |v: Json| {
            wanted_bindings(json!({"policy_bindings": v}).as_object().unwrap()).map(|l| l.len()).ok()
        };
        assert_eq!(of(json!(null)), Some(0));
        assert_eq!(of(json!({"policy": "x", "order": 1})), Some(1));
        assert_eq!(of(json!({"a": {"policy": "x"}, "b": {"group": "y"}})), Some(2));
        assert_eq!(of(json!([{"user": 1}])), Some(1));
        assert_eq!(of(json!("x")), None);
        assert_eq!(of(json!([1])), None);
    }
}
