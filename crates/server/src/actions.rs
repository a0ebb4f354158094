//! API actions of the families and of blueprints. The API crate depends on neither.
use http::Method;
use signet_api::{
    Action, ApiResult, Bearer, Call, Export, Fault, Link, Output, Permission, Reply, Run, Wiring,
};
use signet_base::{Error, Json, Uuid, json};
use signet_core::mail::templates;
use signet_core::permission::closure;
use signet_core::{Client, Core};
use signet_model::{FieldDef, FieldKind, Lookup, Model, Object, Snapshot, Verb, check};
use signet_providers::oauth2::{self, OAuth2Provider};
use signet_stages::authenticator_webauthn::device_types;
use signet_stages::email::{Delivery, EmailStage};
use signet_stages::prompt::{self, Prompt};
use signet_store::Batch;
use std::sync::Arc;

/// All actions for the API's route table.
pub fn wiring() -> Wiring {
    let bearer: Bearer = Arc::new(|core, _client, token| Box::pin(oauth2::bearer(core, token)));
    let export: Export = Arc::new(|core, flow| Box::pin(export(core, flow)));
    let extra = vec![
        Action::get(
            "providers/oauth2/{id}/setup_urls",
            Permission::Model(Verb::View),
            "Addresses to set a client up with.",
            Run::Plain(|call| Box::pin(setup_urls(call))),
        )
        .about(OAuth2Provider::DEF.full_name()),
        Action::get(
            "providers/oauth2/{id}/preview_user",
            Permission::Model(Verb::View),
            "Claims that a person's tokens would have.",
            Run::Plain(|call| Box::pin(preview_user(call))),
        )
        .about(OAuth2Provider::DEF.full_name()),
        Action::get(
            "sources/oauth/source_types",
            Permission::Named(&["authentik_sources_oauth.view_oauthsource"]),
            "Kinds of servers that OAuth sources know.",
            Run::Plain(|call| Box::pin(source_types(call))),
        )
        .output(Output::Plain("SourceType")),
        Action::get(
            "stages/email/templates",
            Permission::Named(&["authentik_stages_email.view_emailstage"]),
            "Templates of letters.",
            Run::Plain(|call| Box::pin(email_templates(call))),
        )
        .output(Output::Plain("TypeCreate")),
        Action::new(
            Method::POST,
            "stages/prompt/prompts/preview",
            Permission::Named(&["authentik_stages_prompt.view_prompt"]),
            "The challenge with this prompt alone.",
            Run::Plain(|call| Box::pin(preview_prompt(call))),
        )
        .input(Prompt::DEF.fields)
        .output(Output::Any),
        Action::get(
            "stages/authenticator/webauthn_device_types",
            Permission::Named(DEVICE_TYPES),
            "Models of passkeys and security keys that have a name.",
            Run::Plain(|call| Box::pin(device_types_list(call))),
        )
        .output(Output::Page("WebAuthnDeviceType")),
        Action::get(
            "stages/authenticator/webauthn_device_types/{aaguid}",
            Permission::Named(DEVICE_TYPES),
            "A model of passkeys or security keys.",
            Run::Plain(|call| Box::pin(device_type(call))),
        )
        .output(Output::Members("WebAuthnDeviceType", DEVICE_TYPE)),
    ];
    Wiring {
        extra: [extra, crate::duo::actions(), crate::emails::actions()].concat(),
        bearer: Some(bearer),
        export: Some(export),
        send_link: Some(Arc::new(send_link)),
    }
}

async fn source_types(call: &mut Call) -> ApiResult {
    let name = call.param("name").filter(|name| !name.is_empty()).map(str::to_owned);
    Ok(Reply::ok(signet_sources::oauth::source_types(name.as_deref())))
}

const DEVICE_TYPES: &[&str] = &["authentik_stages_authenticator_webauthn.view_webauthndevicetype"];
const DEVICE_TYPE: &[FieldDef] =
    &[FieldDef::shown("aaguid", FieldKind::Uuid), FieldDef::shown("description", FieldKind::Text)];

async fn device_types_list(call: &mut Call) -> ApiResult {
    let aaguid = match call.param("aaguid").filter(|t| !t.is_empty()) {
        None => None,
        Some(text) => {
            Some(Uuid::parse_str(text).map_err(|_| Fault::invalid("aaguid", "Enter a valid UUID."))?)
        }
    };
    let (description, search) = (
        call.param("description").unwrap_or_default(),
        call.param("search").unwrap_or_default().trim().to_lowercase(),
    );
    let fits = |(id, name): &(Uuid, &str)| {
        aaguid.is_none_or(|a| a == *id)
            && (description.is_empty() || description == *name)
            // No model has an icon.
            && call.param("icon").is_none_or(str::is_empty)
            && (search.is_empty() || name.to_lowercase().contains(&search))
    };
    signet_api::page(
        call,
        device_types::all().filter(fits).map(|(id, _)| device_types::present(id)).collect(),
    )
}

async fn device_type(call: &mut Call) -> ApiResult {
    let known = Uuid::parse_str(&call.key).ok().filter(|id| device_types::name(*id).is_some());
    known.map(|id| Reply::ok(device_types::present(id))).ok_or_else(|| Fault::missing("WebAuthnDeviceType"))
}

/// Queues a recovery link on behalf of an administrator, through the chosen e-mail stage.
fn send_link(core: &Arc<Core>, client: &Client, link: Link) -> signet_base::Result<Option<Batch>> {
    if core.config().get_typed::<EmailStage>(link.stage).is_none() {
        return Ok(None);
    }
    let delivery = Delivery {
        flow: link.flow.pk,
        stage: link.stage,
        plan: link.plan,
        query: String::new(),
        user: Some(link.user),
        by_administrator: true,
        by_stranger: false,
        lifetime: link.lifetime,
    };
    delivery.queue(core, client).map(Some)
}

async fn email_templates(call: &mut Call) -> ApiResult {
    let all = templates::list(&call.core.settings.mail.template_dir).into_iter().map(|(name, description)| {
        // The list shows template errors.
        let description = match templates::check(&name) {
            Ok(()) => description,
            Err(why) => format!("{description}. {why}"),
        };
        json!({"name": name, "description": description, "component": "", "model_name": "", "icon_url": null, "requires_enterprise": false, "deprecated": false})
    });
    Ok(Reply::ok(all.collect::<Vec<Json>>()))
}

async fn export(core: &Core, flow: &Object) -> signet_base::Result<String> {
    signet_blueprints::export_flow(core, flow.text("slug")).await
}

fn provider(call: &Call) -> Result<Arc<Object>, Fault> {
    let found = call
        .key
        .parse::<i64>()
        .ok()
        .and_then(|num| call.config.by_num(num))
        .filter(|o| o.def.is(&OAuth2Provider::DEF.full_name()));
    let found = found.cloned().ok_or_else(|| Fault::missing("OAuth2Provider"))?;
    call.reach_object(&found)?;
    Ok(found)
}

async fn setup_urls(call: &mut Call) -> ApiResult {
    let provider = provider(call)?;
    Ok(Reply::ok(oauth2::api::setup_urls(&call.core, &provider, &call.client).await?))
}

async fn preview_user(call: &mut Call) -> ApiResult {
    let provider = provider(call)?;
    let for_user = match call.param("for_user") {
        None => None,
        Some(text) => Some(
            text.parse::<i64>().map_err(|_| Fault::invalid("for_user", "A valid integer is required."))?,
        ),
    };
    let caller = call.person()?.clone();
    if for_user.is_some_and(|id| id != caller.user.id && !call.may_on("authentik_core.preview_user", id)) {
        return Err(Fault::forbidden());
    }
    Ok(Reply::ok(oauth2::api::preview_user(&call.core, &provider, &call.client, &caller, for_user).await?))
}

/// A prompt has no references.
struct NoRows;
impl Lookup for NoRows {
    fn user_exists(&self, _: i64) -> bool {
        false
    }
    fn group_exists(&self, _: Uuid) -> bool {
        false
    }
}

async fn read_prompt(call: &Call) -> Result<Prompt, Fault> {
    let (body, ports) = (&call.body, &call.core.ports);
    // Validated as a new object: a prompt with this name may exist.
    let change = check(Prompt::DEF, body, None, false, &Snapshot::default(), &NoRows, ports)?;
    // Its expressions run.
    call.may_give(&closure::of_object(&call.config, ports, Prompt::DEF, None, &change.data)).await?;
    Ok(serde_json::from_value(change.data.into()).map_err(Error::from)?)
}

async fn preview_prompt(call: &mut Call) -> ApiResult {
    let prompt = read_prompt(call).await?;
    let author = call.person()?.clone();
    Ok(Reply::ok(prompt::preview(&call.core, &call.client, &author, &prompt).await?))
}
