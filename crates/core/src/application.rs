//! Where an application opens.
use crate::models::Application;
use crate::{Core, Principal};
use signet_base::Json;
use signet_model::{Object, Snapshot};

/// The launch URL: the administrator's, else the provider's. `%(username)s` and the like are filled in from
/// the person; a placeholder nobody knows leaves the text as it is.
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

/// Only public members of the person; never a hash.
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
