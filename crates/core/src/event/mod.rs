//! Events: what happened, one row each, for administrators.
mod action;
pub mod diff;

pub use action::{AuditType, CUSTOM_PREFIX, EventAction};

use crate::budget::{EventKey, Prefix};
use crate::policy::Decision;
use crate::{Client, Core, Principal};
use signet_base::{Json, Map, Span, Uuid, json};
use signet_store::Batch;
use signet_store::events::{self, Event};
use signet_store::logins;
use signet_store::users::User;

/// Events of requests that change nothing. They go through the write-behind queue (within 50 ms); all others
/// are written before the action continues, or in its commit.
const BEHIND: [EventAction; 4] = [
    EventAction::AuthorizeApplication,
    EventAction::PolicyExecution,
    EventAction::PolicyException,
    EventAction::PropertyMappingException,
];

/// Events that anonymous clients, or calls without permission, can cause with each request. They are aggregated per minute and address
/// prefix.
const REPEATED: [EventAction; 7] = [
    EventAction::PolicyExecution,
    EventAction::PolicyException,
    EventAction::PropertyMappingException,
    EventAction::SystemException,
    EventAction::SuspiciousRequest,
    EventAction::ConfigurationError,
    EventAction::SystemTaskException,
];
/// Context members that identify the subject of an event.
const ABOUT: [&str; 6] = ["target", "flow", "binding", "mapping", "stage", "task"];
/// Maximum length of a path in an event, in characters.
const MAX_PATH: usize = 255;

/// The part of the program that an event comes from, as the contract names it: a module path.
fn module(app: &str) -> String {
    const FAMILIES: [&str; 4] = ["stages", "policies", "providers", "sources"];
    let Some(label) = app.strip_prefix("authentik_") else { return app.to_owned() };
    if label == "events" {
        return "authentik.events.signals".to_owned();
    }
    let member = |family| label.strip_prefix(family)?.strip_prefix('_').map(|rest| (family, rest));
    match FAMILIES.into_iter().find_map(member) {
        Some((family, rest)) => format!("authentik.{family}.{rest}"),
        None => format!("authentik.{label}"),
    }
}

/// The keys of objects as the contract writes them in events: numbers as numbers, UUIDs without hyphens.
fn keys_of_objects(value: &mut Json) {
    match value {
        Json::Array(list) => list.iter_mut().for_each(keys_of_objects),
        Json::Object(map) => {
            let is_object = map.contains_key("app") && map.contains_key("model_name");
            if let Some(pk) = map.get_mut("pk").filter(|_| is_object)
                && let Some(text) = pk.as_str()
            {
                let number = text.parse::<i64>().ok().map(Json::from);
                let uuid = || Uuid::parse_str(text).ok().map(|id| Json::from(id.simple().to_string()));
                *pk = number.or_else(uuid).unwrap_or_else(|| Json::from(text));
            }
            map.values_mut().for_each(keys_of_objects);
        }
        _ => {}
    }
}

/// What came of an event.
enum Told {
    Written(Uuid),
    /// Another one represents it.
    Before(Uuid),
}

impl Core {
    /// The existing event that represents this one; `None`: this one is written, as `id`.
    fn stands_for(
        &self,
        client: &Client,
        user: Option<&Principal>,
        action: &EventAction,
        app: &str,
        context: &Map,
        id: Uuid,
    ) -> Option<Uuid> {
        if client.request_id.is_empty() || !REPEATED.contains(action) {
            return None;
        }
        let about = ABOUT
            .iter()
            .filter_map(|name| context.get(*name))
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .chain(user.map(|person| person.user.username.clone()))
            .collect::<Vec<_>>();
        let happening = EventKey {
            action: action.clone(),
            app: app.to_owned(),
            about: about.join(" "),
            prefix: Prefix::of(client.ip),
        };
        let event = self.budgets.repeats.stands_for(happening, id, self.now())?;
        self.budgets.count("event");
        Some(event)
    }
    /// Writes how often aggregated events occurred.
    pub async fn tell_repeats(&self) {
        for told in self.budgets.repeats.over(self.now()) {
            let client = Client { ip: told.happening.prefix.address(), ..Client::internal() };
            let text = format!("The same happened {} more times within a minute.", told.more);
            let context = json!({"target": told.happening.about, "message": text, "count": told.more, "event": told.event, "network": told.happening.prefix.to_string()});
            self.event(&client, None, told.happening.action, &told.happening.app, context).await;
        }
    }
    /// Writes an event; returns its id. A failure is logged, and returned as `None`, for callers that require
    /// the record (privileged actions).
    pub async fn event(
        &self,
        client: &Client,
        user: Option<&Principal>,
        action: EventAction,
        app: &str,
        context: Json,
    ) -> Option<Uuid> {
        let (Told::Written(id) | Told::Before(id)) =
            self.event_once(client, user, action, app, map(context), user.is_none()).await?;
        Some(id)
    }
    /// [`Core::event`] through the write-behind queue, for what is itself written there: a crash takes both.
    pub async fn event_behind(
        &self,
        client: &Client,
        user: &Principal,
        action: EventAction,
        app: &str,
        context: Json,
    ) {
        let event = self.event_row(client, Some(user), &action, app, map(context));
        if let Err(error) = events::insert_behind(&self.db, &[event]).await {
            tracing::error!(%action, %error, "an event could not be written");
        }
    }
    /// [`Core::event`]; where it `repeats`, an event of the same minute may represent it.
    async fn event_once(
        &self,
        client: &Client,
        user: Option<&Principal>,
        action: EventAction,
        app: &str,
        mut context: Map,
        repeats: bool,
    ) -> Option<Told> {
        let id = self.ports.uuid_v7();
        context.values_mut().for_each(keys_of_objects);
        if repeats && let Some(event) = self.stands_for(client, user, &action, app, &context, id) {
            return Some(Told::Before(event));
        }
        let event = Event { id, ..self.event_row(client, user, &action, app, context) };
        let written = if BEHIND.contains(&action) {
            events::insert_behind(&self.db, &[event]).await
        } else {
            events::insert(&self.db, &[event], true).await
        };
        match written {
            Ok(()) => Some(Told::Written(id)),
            Err(error) => {
                tracing::error!(%action, %error, "an event could not be written");
                None
            }
        }
    }
    /// [`Core::event`] as statements that the caller commits with what it tells of; empty where another event represents it.
    pub fn event_batch(
        &self,
        client: &Client,
        user: Option<&Principal>,
        action: &EventAction,
        app: &str,
        context: Json,
    ) -> Batch {
        let (id, context) = (self.ports.uuid_v7(), map(context));
        if user.is_none() && self.stands_for(client, user, action, app, &context, id).is_some() {
            return Batch::new();
        }
        let event = Event { id, ..self.event_row(client, user, action, app, context) };
        events::insert_batch(&[event], true)
    }
    /// An event that the caller writes in its own commit.
    pub fn event_row(
        &self,
        client: &Client,
        user: Option<&Principal>,
        action: &EventAction,
        app: &str,
        mut context: Map,
    ) -> Event {
        context.values_mut().for_each(keys_of_objects);
        // Actions of the server itself have no request, address or user.
        let by_request = !client.method.is_empty();
        if by_request {
            let path: String = client.shown_path().chars().take(MAX_PATH).collect();
            context.insert("http_request".into(), json!({"args": {}, "path": path, "method": client.method, "request_id": client.request_id, "user_agent": client.user_agent}));
        }
        if let Ok(located) = self.geoip.look_up(client.ip) {
            context.extend(located.place.map(|place| ("geo".to_owned(), Json::Object(place.to_map()))));
            context.extend(located.network.map(|network| ("asn".to_owned(), Json::Object(network.to_map()))));
        }
        if let Some(token) = user.and_then(|person| person.token.as_ref()) {
            context.entry("token").or_insert_with(|| token.as_ref().clone());
        }
        let named = |user: &User| json!({"pk": user.id, "email": user.email, "username": user.username});
        let person = match user {
            None if by_request => {
                json!({"pk": null, "email": "", "username": "AnonymousUser", "is_anonymous": true})
            }
            None => json!({}),
            Some(Principal { user, impersonator: None, .. }) => named(user),
            // The acting administrator, not the impersonated user.
            Some(Principal { user, impersonator: Some(by), .. }) => {
                let mut person = named(by);
                person["on_behalf_of"] = named(user);
                person
            }
        };
        let now = self.now();
        let keep = Span::parse(&self.system().event_retention).unwrap_or_default();
        let custom = matches!(action, EventAction::Custom(_));
        Event {
            id: self.ports.uuid_v7(),
            action: action.to_string(),
            app: if custom { app.to_owned() } else { module(app) },
            user: map(person),
            context,
            client_ip: (by_request || !client.ip.is_loopback()).then(|| client.ip.to_string()),
            created: now,
            expires: (!keep.is_zero()).then(|| now.plus(keep)),
            brand: map(self.brand_event(client)),
        }
    }
    /// Records a refusal that was shown to a user, with the policies' decisions in this request. It can be
    /// found by the request id.
    pub async fn event_denied(&self, client: &Client, user: Option<&Principal>, what: &str, text: &str) {
        self.refused(client, user, "authentik_flows", what, text, user.is_none()).await;
    }
    /// Records an API call that was refused since the caller lacks a permission: `POST core/users`. One a minute stands for
    /// all of that person's.
    pub async fn event_call_denied(&self, client: &Client, user: &Principal, call: &str, text: &str) {
        self.refused(client, Some(user), "authentik_api", call, text, true).await;
    }
    async fn refused(
        &self,
        client: &Client,
        user: Option<&Principal>,
        app: &str,
        what: &str,
        text: &str,
        repeats: bool,
    ) {
        tracing::info!(request_id = %client.request_id, %what, %text, "refused");
        let decisions: Vec<Json> = client.decision_log.decisions().iter().map(Decision::to_json).collect();
        let said = json!({"target": what, "passing": false, "message": text, "decisions": decisions});
        let told = self.event_once(client, user, EventAction::PolicyExecution, app, map(said), repeats).await;
        let Some(Told::Written(event)) = told else { return };
        if !client.request_id.is_empty()
            && let Err(error) = logins::refused_behind(&self.db, event, &client.request_id, self.now()).await
        {
            tracing::warn!(%error, "a refusal cannot be found by its request");
        }
    }
    /// The brand of the request's host.
    fn brand_event(&self, client: &Client) -> Json {
        let config = self.config();
        let Some((object, brand)) = crate::brand::of(&config, client.domain()) else { return Json::Null };
        let name = if brand.default { "Default brand".to_owned() } else { format!("Brand {}", brand.domain) };
        json!({"app": object.def.app, "model_name": object.def.name, "pk": object.pk.simple().to_string(), "name": name})
    }
    /// An object in an event. Bindings have no name: they are told apart by their order.
    pub fn model_event(object: &signet_model::Object) -> Json {
        let pk = object.num.map_or_else(|| json!(object.pk.simple().to_string()), Json::from);
        let name = match (object.name(), object.data.get("order")) {
            ("", Some(order)) => format!("{} #{order}", object.def.label),
            ("", None) => object.def.label.to_owned(),
            (name, _) => name.to_owned(),
        };
        json!({"app": object.def.app, "model_name": object.def.name, "pk": pk, "name": name})
    }
}

fn map(value: Json) -> Map {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{keys_of_objects, module};
    use signet_base::json;
    #[test]
    fn wire_w3_keys_of_objects_are_numbers_or_hexadecimal() {
        let mut said = json!({"model": {"app": "a", "model_name": "user", "pk": "7"}, "list": [{"app": "a", "model_name": "b",
            "pk": "7b2f1a3c-0000-4000-8000-00000000000a"}], "pk": "7", "name": {"app": "a", "model_name": "c", "pk": "text"}});
        keys_of_objects(&mut said);
        assert_eq!(
            (&said["model"]["pk"], &said["list"][0]["pk"], &said["pk"], &said["name"]["pk"]),
            (
                &json!(7),
                &json!("7b2f1a3c000040008000 00000000000a".replace(' ', "")),
                &json!("7"),
                &json!("text")
            )
        );
    }
    #[test]
    fn wire_w3_the_emitter_is_a_module_path() {
        for (app, path) in [
            ("authentik_events", "authentik.events.signals"),
            ("authentik_stages_user_write", "authentik.stages.user_write"),
            ("authentik_policies_geoip", "authentik.policies.geoip"),
            ("authentik_providers_oauth2", "authentik.providers.oauth2"),
            ("authentik_flows", "authentik.flows"),
            ("authentik.core", "authentik.core"),
            ("my_script", "my_script"),
        ] {
            assert_eq!(module(app), path);
        }
    }
}
