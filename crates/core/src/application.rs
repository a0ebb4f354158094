//! Launch URLs of applications.
use crate::models::Application;
use crate::{Core, Principal};
use signet_base::Json;
use signet_model::{Object, Snapshot};

/// The launch URL: the configured one, else the provider's. Placeholders such as `%(username)s` are replaced;
/// a text with an unknown placeholder stays unchanged.
pub fn launch_url(
    core: &Core,
    config: &Snapshot,
    application: &Object,
    person: Option<&Principal>,
) -> Option<String> {
    let settings = application.get::<Application>()?;
    let raw = if settings.meta_launch_url.is_empty() {
        let provider = config.by_num(settings.provider?)?;
        core.families.provider(provider.def)?.launch_url(provider, config)?
    } else {
        settings.meta_launch_url.clone()
    };
    Some(person.map_or_else(|| raw.clone(), |p| fill(&raw, p)))
}

/// Replaces placeholders by public members of the user.
fn fill(text: &str, person: &Principal) -> String {
    if !text.contains("%(") {
        return text.to_owned();
    }
    let values: [(&str, Json); 6] = [
        ("username", Json::from(person.user.username.clone())),
        ("email", Json::from(person.user.email.clone())),
        ("name", Json::from(person.user.name.clone())),
        ("pk", Json::from(person.user.id)),
        ("uid", Json::from(person.uid.clone())),
        ("uuid", Json::from(person.user.uuid.to_string())),
    ];
    values.iter().fold(text.to_owned(), |out, (name, value)| {
        let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        out.replace(&format!("%({name})s"), &signet_base::query::encode(&plain))
    })
}
