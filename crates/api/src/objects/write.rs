//! Writing objects: validated, then committed with their events by `signet_core::directory`.
use super::{find, show};
use crate::actions::applications;
use signet_base::{Error, Map, Result, json};
use signet_core::directory::{self, Transaction};
use signet_core::event::EventAction;
use signet_core::permission::{closure as rights, flows, initial};
use signet_core::{Core, brand, compat};
use signet_model::{Change, ModelDef, Object, Secrets, check};
use signet_rest::form::Rows;
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::roles::Target;
use signet_store::{Batch, Write};
use std::sync::Arc;

/// How often a write is repeated after a conflict.
const ATTEMPTS: usize = 32;

/// `POST /<model>/`
pub(crate) async fn create(call: &mut Call) -> ApiResult {
    let def = call.model()?;
    compat::object(def, &call.config, call.client.domain(), &mut call.body, true);
    let extra = if def.is("authentik_core.application") {
        applications::wanted_bindings(&call.body)?
    } else {
        Vec::new()
    };
    let object = if extra.is_empty() {
        insert(call, def, call.body.clone()).await?
    } else {
        applications::create_with_bindings(call, def, &extra).await?
    };
    Ok(Reply::created(show::written(call, &object).await?))
}

/// Validates and stores a new object.
pub(crate) async fn insert(call: &mut Call, def: &'static ModelDef, body: Map) -> Result<Arc<Object>, Fault> {
    initial::check(&call.core, def, &body)?;
    let rows = Rows::of(&call.core, def.fields, &body).await?;
    let (pk, mut attempt) = (call.core.ports.uuid(), 0);
    let object = loop {
        attempt += 1;
        let (data, secrets) = judged(check(def, &body, None, false, &call.config, &rows, &call.core.ports)?);
        call.may_give(&rights::of_object(&call.core, &call.config, def, None, &data)).await?;
        let write = Write::Create { def, pk: Some(pk), data, secrets };
        let initial = call.initial(&def.full_name(), &Target::Object(pk))?;
        match create_all(call, vec![write], initial).await {
            Ok(object) => break object,
            Err(Error::Conflict(_)) if attempt < ATTEMPTS => {
                call.config = call.core.objects.refresh_if_stale().await?
            }
            Err(error) => return Err(error.into()),
        }
    };
    call.renew();
    warn(call, &object, true).await;
    Ok(object)
}

/// Commits new objects in the name of the caller, with what the caller's roles get on them; the first of them.
pub(crate) async fn create_all(call: &Call, writes: Vec<Write>, initial: Batch) -> Result<Arc<Object>> {
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    all.write(writes);
    all.also(initial);
    let first = all.commit().await?.objects.into_iter().next();
    first.ok_or_else(|| Error::internal("nothing was written"))
}

/// `PUT /<model>/<key>/`
pub(crate) async fn update(call: &mut Call) -> ApiResult {
    change(call, false).await
}
/// `PATCH /<model>/<key>/`
pub(crate) async fn partial_update(call: &mut Call) -> ApiResult {
    change(call, true).await
}

async fn change(call: &mut Call, partial: bool) -> ApiResult {
    let def = call.model()?;
    let mut before = find(call, def)?;
    compat::object(def, &call.config, call.client.domain(), &mut call.body, false);
    initial::check(&call.core, def, &call.body)?;
    let rows = Rows::of(&call.core, def.fields, &call.body).await?;
    let mut attempt = 0;
    let object = loop {
        attempt += 1;
        let (data, secrets) =
            judged(check(def, &call.body, Some(&before), partial, &call.config, &rows, &call.core.ports)?);
        call.may_give(&rights::of_object(&call.core, &call.config, def, Some(&before), &data)).await?;
        let write = Write::Update { pk: before.pk, version: Some(before.version), data, secrets };
        match directory::write(&call.core, &call.author(), [write]).await {
            Ok(mut written) => break written.pop().ok_or_else(|| Error::internal("nothing was written"))?,
            Err(Error::Conflict(_)) if attempt < ATTEMPTS => {
                call.config = call.core.objects.refresh_if_stale().await?;
                before = call.config.get(before.pk).cloned().ok_or_else(|| Fault::missing(def.class))?;
            }
            Err(error) => return Err(error.into()),
        }
    };
    call.renew();
    warn(call, &object, true).await;
    Ok(Reply::ok(show::written(call, &object).await?))
}

fn judged(change: Change<'_>) -> (Map, Secrets) {
    (change.data, change.secrets)
}

/// `DELETE /<model>/<key>/`
pub(crate) async fn destroy(call: &mut Call) -> ApiResult {
    let object = find(call, call.model()?)?;
    delete(call, &object).await
}

/// Deletes an object and its dependents.
pub(crate) async fn delete(call: &mut Call, object: &Arc<Object>) -> ApiResult {
    call.may_give(&flows::of_deletion(&call.config, object)).await?;
    directory::write(&call.core, &call.author(), [Write::Delete { pk: object.pk }]).await?;
    call.renew();
    Ok(Reply::Empty)
}

/// Warns about a brand whose sign-in flow asks for a second factor while other sign-in flows stay open without one; after a
/// write by an event too.
pub(crate) async fn warn(call: &mut Call, object: &Object, written: bool) {
    if !object.def.is("authentik_brands.brand") {
        return;
    }
    let domain = object.text("domain");
    let open = brand::open_beside(&call.config).into_iter().find(|(brand, _)| brand == domain);
    let Some((_, flows)) = open else { return };
    let text = format!(
        "Other sign-in flows are open without a second factor: {}. Set their authentication to require_redirect, or delete them.",
        flows.join(", ")
    );
    if written {
        call.event(
            EventAction::ConfigurationWarning,
            json!({"message": text, "model": Core::model_event(object)}),
        )
        .await;
    }
    call.warnings.push(text);
}
