//! API rows of families and blueprints: the API crate knows neither.
use http::Method;
use signet_api::{Action, Answer, Bearer, Call, Export, Fault, Output, Permission, Reply, Run, Wiring};
use signet_base::{Error, Map, Ports, Uuid};
use signet_core::Core;
use signet_model::{Lookup, Model, Object, Snapshot, check};
use signet_providers::oauth2::{self, OAuth2Provider};
use signet_stages::prompt::{self, Prompt};
use std::sync::Arc;

/// Everything that is plugged into the API.
pub fn wiring() -> Wiring {
    let bearer: Bearer = Arc::new(|core, _client, token| Box::pin(oauth2::bearer(core, token)));
    let export: Export = Arc::new(|core, flow| Box::pin(export(core, flow)));
    let extra = vec![
        Action::get("providers/oauth2/{id}/setup_urls", Permission::Superuser, "Addresses to set a client up with.", Run::Plain(|call| Box::pin(setup_urls(call)))),
        Action::get("providers/oauth2/{id}/preview_user", Permission::Superuser, "Claims that a person's tokens would have.", Run::Plain(|call| Box::pin(preview_user(call)))),
        Action::new(
            Method::POST,
            "stages/prompt/prompts/preview",
            Permission::Superuser,
            "The challenge with this prompt alone.",
            Run::Plain(|call| Box::pin(preview_prompt(call))),
        )
        .input(Prompt::DEF.fields)
        .output(Output::Any),
    ];
    Wiring { extra, bearer: Some(bearer), export: Some(export) }
}

async fn export(core: &Core, flow: &Object) -> signet_base::Result<String> {
    signet_blueprints::export_flow(core, flow.text("slug")).await
}

fn provider(call: &Call) -> Result<Arc<Object>, Fault> {
    let found = call.key.parse::<i64>().ok().and_then(|num| call.world.by_num(num)).filter(|o| o.def.is(&OAuth2Provider::DEF.full_name()));
    found.cloned().ok_or_else(|| Fault::missing("OAuth2Provider"))
}

async fn setup_urls(call: &mut Call) -> Answer {
    let provider = provider(call)?;
    Ok(Reply::ok(oauth2::api::setup_urls(&call.core, &provider, &call.client).await?))
}

async fn preview_user(call: &mut Call) -> Answer {
    let provider = provider(call)?;
    let for_user = match call.param("for_user") {
        None => None,
        Some(text) => Some(text.parse::<i64>().map_err(|_| Fault::invalid("for_user", "A valid integer is required."))?),
    };
    let caller = call.person()?.clone();
    Ok(Reply::ok(oauth2::api::preview_user(&call.core, &provider, &call.client, &caller, for_user).await?))
}

/// A prompt refers to nothing.
struct NoRows;
impl Lookup for NoRows {
    fn user_exists(&self, _: i64) -> bool {
        false
    }
    fn group_exists(&self, _: Uuid) -> bool {
        false
    }
}

fn read_prompt(body: &Map, ports: &Ports) -> Result<Prompt, Fault> {
    // Judged alone: the prompt may be one that exists under this name.
    let change = check(Prompt::DEF, body, None, false, &Snapshot::default(), &NoRows, ports)?;
    Ok(serde_json::from_value(change.data.into()).map_err(Error::from)?)
}

async fn preview_prompt(call: &mut Call) -> Answer {
    let prompt = read_prompt(&call.body, &call.core.ports)?;
    let author = call.person()?.clone();
    Ok(Reply::ok(prompt::preview(&call.core, &call.client, &author, &prompt).await?))
}
