//! Configuration objects: the events of what is done to them. A secret is never among them, only that it has changed.
use super::{Author, told};
use crate::Core;
use crate::event::EventAction;
use crate::event::diff::{self, SecretPaths};
use crate::system::SystemSettings;
use signet_base::{Map, Secret};
use signet_model::Object;
use signet_store::ObjectChange;
use signet_store::events::Event;

/// One event for each object that is made, changed or deleted, those of a cascade included.
pub(super) fn events(core: &Core, author: &Author, changes: &[ObjectChange<'_>]) -> Vec<Event> {
    let secret = SecretPaths::of(&core.config(), &core.registry);
    let one = |change: &ObjectChange<'_>| {
        let (action, object, changed) = match (change.before, change.after) {
            (None, Some(made)) if made.pk == SystemSettings::PK => {
                // They hold before they are stored.
                let before = core.default_system().to_map().unwrap_or_default();
                (EventAction::ModelUpdated, made, diff::between(&before, &fields(made), &secret))
            }
            (None, Some(made)) => (EventAction::ModelCreated, made, changed(None, made, &secret)),
            (Some(before), Some(after)) => {
                (EventAction::ModelUpdated, after, changed(Some(before), after, &secret))
            }
            (Some(gone), None) => (EventAction::ModelDeleted, gone, Map::new()),
            (None, None) => return None,
        };
        Some(author.event(core, action, told(&Core::model_event(object), changed)))
    };
    changes.iter().filter_map(one).collect()
}

/// The fields that are no secrets, as the API names them.
fn fields(object: &Object) -> Map {
    let shown = object.def.fields.iter().filter(|f| !f.secret && !f.hidden);
    shown.filter_map(|f| Some((f.name.to_owned(), object.data.get(f.name)?.clone()))).collect()
}

/// What prompts for passwords offer beforehand is a password.
const OFFERED: [&str; 2] = ["initial_value", "placeholder"];

const BLUEPRINT: &str = "authentik_blueprints.blueprintinstance";

fn changed(before: Option<&Object>, after: &Object, secret: &SecretPaths) -> Map {
    let is_password = |o: &Object| o.def.is(diff::PROMPT) && o.text("type") == diff::PASSWORD;
    let old = before.map(fields).unwrap_or_default();
    let mut changed = if is_password(after) || before.is_some_and(is_password) {
        let mut secret = secret.clone();
        secret.0.extend(OFFERED.map(str::to_owned));
        diff::between(&old, &fields(after), &secret)
    } else {
        diff::between(&old, &fields(after), secret)
    };
    // A blueprint may set passwords.
    if after.def.is(BLUEPRINT) {
        for field in ["content", "context"] {
            changed.entry(field).and_modify(|diff| *diff = diff::masked());
        }
    }
    for field in after.def.fields.iter().filter(|f| f.secret) {
        let (old, new) = (before.map_or("", |o| secret_of(o, field.name)), secret_of(after, field.name));
        if old != new {
            changed.insert(field.name.to_owned(), diff::secret(old, new));
        }
    }
    changed
}
fn secret_of<'a>(object: &'a Object, field: &str) -> &'a str {
    object.secrets.get(field).map_or("", Secret::reveal)
}
