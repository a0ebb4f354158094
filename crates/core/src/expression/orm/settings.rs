//! Constants of authentik's models.
use crate::event::{CUSTOM_PREFIX, EventAction};
use signet_expr::Value;

const CORE: [(&str, &str); 12] = [
    ("USER_ATTRIBUTE_DEBUG", "goauthentik.io/user/debug"),
    ("USER_ATTRIBUTE_GENERATED", "goauthentik.io/user/generated"),
    ("USER_ATTRIBUTE_EXPIRES", "goauthentik.io/user/expires"),
    ("USER_ATTRIBUTE_DELETE_ON_LOGOUT", "goauthentik.io/user/delete-on-logout"),
    ("USER_ATTRIBUTE_SOURCES", "goauthentik.io/user/sources"),
    ("USER_ATTRIBUTE_TOKEN_EXPIRING", "goauthentik.io/user/token-expires"),
    ("USER_ATTRIBUTE_TOKEN_MAXIMUM_LIFETIME", "goauthentik.io/user/token-maximum-lifetime"),
    ("USER_ATTRIBUTE_CHANGE_USERNAME", "goauthentik.io/user/can-change-username"),
    ("USER_ATTRIBUTE_CHANGE_NAME", "goauthentik.io/user/can-change-name"),
    ("USER_ATTRIBUTE_CHANGE_EMAIL", "goauthentik.io/user/can-change-email"),
    ("USER_PATH_SYSTEM_PREFIX", "goauthentik.io"),
    ("USER_PATH_SERVICE_ACCOUNT", "goauthentik.io/service-accounts"),
];
/// Members of an enumeration are strings, named in upper case.
fn choices(name: &str, prefix: &str, values: &[&str]) -> Value {
    Value::record(
        name,
        values.iter().map(|value| (format!("{prefix}{}", value.to_uppercase()), Value::from(*value))),
    )
}

/// A constant of a module.
pub fn constant(module: &str, name: &str) -> Option<Value> {
    Some(match (module, name) {
        ("authentik.core.models", "UserTypes") => {
            choices(name, "", &["internal", "external", "service_account", "internal_service_account"])
        }
        ("authentik.core.models", "TokenIntents") => {
            choices(name, "INTENT_", &["verification", "api", "recovery", "app_password"])
        }
        ("authentik.core.models", _) => {
            CORE.iter().find(|(known, _)| *known == name).map(|(_, value)| Value::from(*value))?
        }
        ("authentik.events.models", "EventAction") => {
            let custom = ("CUSTOM_PREFIX".to_owned(), Value::from(CUSTOM_PREFIX));
            let all = EventAction::ALL.iter().map(|action| action.word());
            Value::record(
                name,
                all.map(|word| (word.to_uppercase(), Value::from(word.as_ref()))).chain([custom]),
            )
        }
        ("authentik.flows.models", "FlowDesignation") => choices(
            name,
            "",
            &[
                "authentication",
                "authorization",
                "invalidation",
                "enrollment",
                "unenrollment",
                "recovery",
                "stage_configuration",
            ],
        ),
        ("authentik.flows.models", "FlowAuthenticationRequirement") => choices(
            name,
            "",
            &[
                "none",
                "require_authenticated",
                "require_unauthenticated",
                "require_superuser",
                "require_redirect",
                "require_outpost",
                "require_token",
            ],
        ),
        _ => return None,
    })
}
