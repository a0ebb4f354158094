//! What happened, for administrators: one row each.
use crate::policy::Decision;
use crate::{Client, Core, Principal};
use signet_base::{Json, Map, Span, Uuid, json};
use signet_store::events::{self, Event};
use signet_store::logins;
use signet_store::users::User;

/// What happens with every sign-in: nobody waits for its record, which is written within 50 ms together with others.
/// Everything else is on the disk before the action goes on.
const BEHIND: [&str; 7] = ["login", "login_failed", "logout", "authorize_application", "policy_execution", "policy_exception", "property_mapping_exception"];

impl Core {
    /// Writes an event and gives its id. A failure to write is logged, and told to callers for whom the record is a
    /// condition (privileged actions) by `None`.
    pub async fn event(&self, client: &Client, user: Option<&Principal>, action: &str, app: &str, context: Json) -> Option<Uuid> {
        let id = self.ports.timed_uuid();
        let mut context = match context {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        context.insert("http_request".into(), json!({"args": {}, "path": client.path, "method": client.method, "request_id": client.request_id, "user_agent": client.user_agent}));
        if let Ok(located) = self.geoip.look_up(client.ip) {
            context.extend(located.place.map(|place| ("geo".to_owned(), Json::Object(place.to_map()))));
            context.extend(located.network.map(|network| ("asn".to_owned(), Json::Object(network.to_map()))));
        }
        let named = |user: &User| json!({"pk": user.id, "email": user.email, "username": user.username});
        let person = match user {
            None => json!({"pk": null, "email": "", "username": "AnonymousUser"}),
            Some(Principal { user, impersonator: None, .. }) => named(user),
            // It was the administrator, whoever it looked like.
            Some(Principal { user, impersonator: Some(by), .. }) => {
                let mut person = named(by);
                person["on_behalf_of"] = named(user);
                person
            }
        };
        let map = |value: Json| match value {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        let now = self.now();
        let keep = Span::parse(&self.system().event_retention).unwrap_or_default();
        let event = Event {
            id,
            action: action.to_owned(),
            app: app.to_owned(),
            user: map(person),
            context,
            client_ip: Some(client.ip.to_string()),
            created: now,
            expires: (!keep.is_zero()).then(|| now.plus(keep)),
            brand: map(json!({"host": client.host})),
        };
        let written = if BEHIND.contains(&action) { events::insert_behind(&self.db, &[event]).await } else { events::insert(&self.db, &[event], true).await };
        match written {
            Ok(()) => Some(id),
            Err(error) => {
                tracing::error!(%action, %error, "an event could not be written");
                None
            }
        }
    }
    /// A refusal that a person saw, with what the policies said in this request; found by the request's id.
    pub async fn event_denied(&self, client: &Client, user: Option<&Principal>, what: &str, text: &str) {
        tracing::info!(request_id = %client.request_id, %what, %text, "refused");
        let decisions: Vec<Json> = client.notes.decisions().iter().map(Decision::to_json).collect();
        let said = json!({"target": what, "passing": false, "message": text, "decisions": decisions});
        let Some(event) = self.event(client, user, "policy_execution", "authentik_flows", said).await else { return };
        if !client.request_id.is_empty()
            && let Err(error) = logins::refused_behind(&self.db, event, &client.request_id, self.now()).await
        {
            tracing::warn!(%error, "a refusal cannot be found by its request");
        }
    }
    /// Secrets in an event's context are replaced by their name.
    pub fn model_event(object: &signet_model::Object) -> Json {
        json!({"app": object.def.app, "model_name": object.def.name, "pk": object.pk.simple().to_string(), "name": object.name()})
    }
}
