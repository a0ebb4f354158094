//! API actions of passkey stages: models of authenticators.
use super::device_types;
use signet_base::Uuid;
use signet_model::{FieldDef, FieldKind};
use signet_rest::{Action, ApiResult, Call, Fault, Output, Permission, Reply, run};

const DEVICE_TYPES: &[&str] = &["authentik_stages_authenticator_webauthn.view_webauthndevicetype"];
const DEVICE_TYPE: &[FieldDef] =
    &[FieldDef::shown("aaguid", FieldKind::Uuid), FieldDef::shown("description", FieldKind::Text)];

pub fn actions() -> Vec<Action> {
    vec![
        Action::get(
            "stages/authenticator/webauthn_device_types",
            Permission::Named(DEVICE_TYPES),
            "Models of passkeys and security keys that have a name.",
            run!(list),
        )
        .output(Output::Page("WebAuthnDeviceType")),
        Action::get(
            "stages/authenticator/webauthn_device_types/{aaguid}",
            Permission::Named(DEVICE_TYPES),
            "A model of passkeys or security keys.",
            run!(one),
        )
        .output(Output::Members("WebAuthnDeviceType", DEVICE_TYPE)),
    ]
}

async fn list(call: &mut Call) -> ApiResult {
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
    signet_rest::page(
        call,
        device_types::all().filter(fits).map(|(id, _)| device_types::present(id)).collect(),
    )
}

async fn one(call: &mut Call) -> ApiResult {
    let known = Uuid::parse_str(&call.key).ok().filter(|id| device_types::name(*id).is_some());
    known.map(|id| Reply::ok(device_types::present(id))).ok_or_else(|| Fault::missing("WebAuthnDeviceType"))
}
