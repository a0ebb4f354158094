//! A core with the fixture's users and the case's additions, and one run.
use super::case::Case;
use super::outside::{ADDRESS, CLIENT, HOST, Upstream};
use super::site::{self, map};
use base64::{Engine, engine::general_purpose::STANDARD};
use signet_base::outbound::MailBox;
use signet_base::{Json, Map, Span, Timestamp, json};
use signet_core::expression::{self, Author, Value};
use signet_core::models::{Application, ApplicationEntitlement, Brand, Flow, PolicyBinding};
use signet_core::policy::Question;
use signet_core::{Client, Core, Principal};
use signet_model::{Model, Object};
use signet_policies::expression::ExpressionPolicy;
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::groups::{self, Group};
use signet_store::invitations::{self, Invitation};
use signet_store::users::{self, User};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The values that are compared with the expectation.
#[derive(Debug, PartialEq)]
pub struct Shown {
    pub passing: bool,
    pub value: Json,
    pub messages: Json,
    pub redirect: Option<Json>,
    /// The flow context after the run; groups by name, users by username.
    pub plan: Map,
    /// What the case expects afterwards, as it is.
    pub effects: Vec<Json>,
}

pub struct Fixture {
    core: Arc<Core>,
    upstream: Arc<Upstream>,
    application: Arc<Object>,
    flow: Arc<Object>,
    groups: BTreeMap<String, Group>,
    invitations: BTreeMap<String, Invitation>,
}

fn list<'a>(map: &'a Map, name: &str) -> &'a [Json] {
    map.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}
fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json.get(name).and_then(Json::as_str).unwrap_or_default()
}
fn object(json: &Json, name: &str) -> Map {
    json.get(name).and_then(Json::as_object).cloned().unwrap_or_default()
}

impl Fixture {
    pub async fn new(case: &Case) -> Self {
        let upstream = Arc::new(Upstream::new(list(&case.given, "upstream").to_vec()));
        let core = site::core(upstream.clone(), Arc::new(MailBox::default()), HOST).await;
        let application = site::make(&core, Application::DEF, json!({"name": "Wiki", "slug": "wiki"})).await;
        let flow = site::make(
            &core,
            Flow::DEF,
            json!({"name": "f", "slug": "f", "title": "F", "designation": "authentication"}),
        )
        .await;
        let mut built =
            Self { core, upstream, application, flow, groups: BTreeMap::new(), invitations: BTreeMap::new() };
        let fixture = map(serde_json::from_str(include_str!("fixture.json")).unwrap());
        for group in list(&fixture, "groups").iter().chain(list(&case.given, "groups")) {
            built.group(group).await;
        }
        for user in list(&fixture, "users").iter().chain(list(&case.given, "users")) {
            built.user(user).await;
        }
        built.rest(case).await;
        built
    }

    async fn group(&mut self, given: &Json) {
        let mut group = Group::new(&self.core.ports, text(given, "name"));
        group.is_superuser = given["is_superuser"] == true;
        group.attributes = object(given, "attributes");
        let parents: Vec<_> = given["parents"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|name| self.groups[name.as_str().unwrap()].id)
            .collect();
        groups::insert(&self.core.db, &group, &parents, &[]).await.unwrap();
        self.groups.insert(group.name.clone(), group);
    }

    /// Creates a user, or changes the one of this name.
    async fn user(&mut self, given: &Json) {
        let (core, name) = (&self.core, text(given, "username"));
        let before = users::by_username(&core.db, name).await.unwrap();
        let mut user = before.clone().unwrap_or_else(|| User::new(&core.ports, name));
        let texts = [
            ("name", &mut user.name),
            ("email", &mut user.email),
            ("type", &mut user.user_type),
            ("path", &mut user.path),
        ];
        for (field, place) in texts {
            if let Some(value) = given.get(field).and_then(Json::as_str) {
                *place = value.to_owned();
            }
        }
        user.is_active = given.get("is_active").and_then(Json::as_bool).unwrap_or(user.is_active);
        user.attributes.extend(object(given, "attributes"));
        if given.get("password").is_some() {
            // Nobody signs in: any usable hash will do.
            user.password = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA".to_owned();
        }
        let groups: Option<Vec<_>> = given
            .get("groups")
            .and_then(Json::as_array)
            .map(|names| names.iter().map(|name| self.groups[name.as_str().unwrap()].id).collect());
        match before {
            Some(_) => users::update(&core.db, &user, None, groups.as_deref(), core.now()).await.unwrap(),
            None => drop(users::insert(&core.db, &user, &groups.unwrap_or_default()).await.unwrap()),
        }
    }

    async fn rest(&mut self, case: &Case) {
        let (core, given) = (self.core.clone(), &case.given);
        for device in list(given, "devices") {
            let owner = self.id(text(device, "user")).await;
            devices::insert(
                &core.db,
                &Device::new(&core.ports, DeviceKind::parse(text(device, "type")).unwrap(), owner, "d"),
            )
            .await
            .unwrap();
        }
        for (name, expression) in given.get("policies").and_then(Json::as_object).into_iter().flatten() {
            site::make(&core, ExpressionPolicy::DEF, json!({"name": name, "expression": expression})).await;
        }
        for flow in list(given, "flows") {
            let slug = text(flow, "slug");
            site::make(&core, Flow::DEF, json!({"name": text(flow, "name"), "slug": slug, "title": slug, "designation": "stage_configuration"})).await;
        }
        for invitation in list(given, "invitations") {
            let made = Invitation {
                id: core.ports.uuid(),
                name: text(invitation, "name").to_owned(),
                flow: None,
                fixed_data: object(invitation, "fixed_data"),
                single_use: invitation["single_use"] == true,
                created_by: None,
                created: core.now(),
                expires: invitation["expires_hours"]
                    .as_i64()
                    .map(|hours| core.now().plus(Span::parse(&format!("hours={hours}")).unwrap())),
                claimed: false,
            };
            invitations::insert(&core.db, &core.vault, &made).await.unwrap();
            self.invitations.insert(made.name.clone(), made);
        }
        for entitlement in list(given, "entitlements") {
            let sent = json!({"name": text(entitlement, "name"), "app": self.application.pk, "attributes": object(entitlement, "attributes")});
            let made = site::make(&core, ApplicationEntitlement::DEF, sent).await;
            for (order, user) in entitlement["users"].as_array().into_iter().flatten().enumerate() {
                let sent = json!({"target": made.pbm(), "user": self.id(user.as_str().unwrap()).await, "order": order});
                site::make(&core, PolicyBinding::DEF, sent).await;
            }
        }
        if given.contains_key("brand_attributes") || given.contains_key("brand_title") {
            let attributes = given.get("brand_attributes").cloned().unwrap_or_else(|| json!({}));
            let title = given.get("brand_title").cloned().unwrap_or_else(|| json!("authentik"));
            site::make(&core, Brand::DEF, json!({"domain": "id.example.test", "default": true, "branding_title": title, "attributes": attributes})).await;
        }
    }

    async fn id(&self, name: &str) -> i64 {
        users::by_username(&self.core.db, name).await.unwrap().unwrap().id
    }
    async fn person(&self, name: &Json) -> Option<Principal> {
        Principal::by_username(&self.core, name.as_str()?).await.unwrap()
    }

    fn client(&self, case: &Case) -> Client {
        let given = &case.given;
        let pairs = |name: &str| -> Vec<(String, String)> {
            given
                .get(name)
                .and_then(Json::as_object)
                .into_iter()
                .flatten()
                .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
                .collect()
        };
        let mut client = Client {
            host: "id.example.test".into(),
            secure: true,
            ip: given.get("ip").and_then(Json::as_str).unwrap_or("127.0.0.1").parse().unwrap(),
            method: "GET".into(),
            path: "/x/".into(),
            user_agent: "Mozilla/5.0".into(),
            request_id: "r1".into(),
            ..Client::internal()
        };
        let query = pairs("query");
        client.query = signet_base::query::build(query.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        for (name, value) in pairs("headers") {
            if name.eq_ignore_ascii_case("user-agent") {
                client.user_agent = value;
            }
        }
        client.sent = Arc::new(signet_core::client::Sent::new(Vec::new(), pairs("cookies")));
        client
    }

    pub async fn run(&self, case: &Case, interpreted: bool) -> Result<Shown, String> {
        let in_flow = case.given.get("flow") == Some(&json!(true));
        let mut context = Map::new();
        let mut extra: Vec<(String, Value)> = Vec::new();
        let client = self.client(case);
        for (name, value) in case.given.get("context").and_then(Json::as_object).into_iter().flatten() {
            match value.as_object().and_then(|map| map.iter().next()) {
                Some((mark, Json::String(who))) if mark == "@user" => {
                    let pending = self.person(&json!(who)).await.unwrap().pending();
                    context.insert(name.clone(), serde_json::to_value(pending).unwrap());
                }
                Some((mark, new)) if mark == "@new_user" => {
                    context.insert(name.clone(), json!({"id": null, "username": new["username"], "name": text(new, "name"), "email": text(new, "email")}));
                }
                Some((mark, _)) if mark.starts_with('@') && mark != "@pk" => {
                    extra.push((name.clone(), self.value(value, &client).await))
                }
                _ => drop(context.insert(name.clone(), self.plain(value).await)),
            }
        }
        if case.given.get("proven") == Some(&json!(true)) {
            context.insert("user_backend".into(), json!("authentik.core.auth.InbuiltBackend"));
        }
        let asked = match (
            in_flow,
            case.given.get("context").and_then(|c| c.get("pending_user")).and_then(|p| p.get("@user")),
        ) {
            (true, Some(pending)) => self.person(pending).await,
            _ => self.person(case.given.get("user").unwrap_or(&Json::Null)).await,
        };
        if let Some(person) = self.person(case.given.get("session_user").unwrap_or(&Json::Null)).await {
            client.sent.signed_in(&person);
        }
        let mut front = String::new();
        if case.text.contains("@datetime") || json!(case.given).to_string().contains("@datetime") {
            front += "from datetime import datetime\n";
        }
        for (name, value) in case.given.get("vars").and_then(Json::as_object).into_iter().flatten() {
            if name == "client" {
                front += CLIENT;
            } else if name == "source" {
                front += &self.source(case, name);
            } else if value.to_string().contains("\"@user\"")
                || value.to_string().contains("\"@group\"")
                || value.to_string().contains("\"@object\"")
            {
                extra.push((name.clone(), self.value(value, &client).await));
            } else {
                front += &format!("{name} = {}\n", literal(value));
            }
        }
        match case.kind.as_str() {
            "radius" => front += "packet = {}\ndef define_attribute(**attribute):\n    pass\n",
            "rac" => front += "class _Endpoint:\n    protocol = 'rdp'\nendpoint = _Endpoint()\n",
            _ => {}
        }
        if matches!(case.kind.as_str(), "scope" | "saml") {
            let scopes = case.given.get("scopes").cloned().unwrap_or_else(|| json!(["openid"]));
            extra.push(("token".into(), Value::record("AccessToken", [("scope", Value::from(scopes))])));
        }
        if !case.kind.contains("policy") {
            extra.push((
                "provider".into(),
                Value::record(
                    "Provider",
                    [
                        ("name", Value::from("P")),
                        ("application", expression::object_value(&self.application)),
                    ],
                ),
            ));
        }
        if case.kind.starts_with("prompt") {
            let given = context.get("prompt_data").cloned().unwrap_or_else(|| json!({}));
            extra.push(("prompt_context".into(), Value::from(given)));
        }
        let source = format!("{front}{}", case.text).replace("%UPSTREAM%", ADDRESS);
        let extra: Vec<(&'static str, Value)> =
            extra.into_iter().map(|(name, value)| (&*Box::leak(name.into_boxed_str()), value)).collect();
        let more: Vec<&str> =
            extra.iter().map(|(name, _)| *name).filter(|name| !name.contains('/')).collect();
        let program = expression::parse_with(&source, &more)?;
        let program = if interpreted { program.interpreted() } else { program };
        let target = if in_flow { &self.flow } else { &self.application };
        let question = Question {
            core: &self.core,
            client: &client,
            user: asked.as_ref(),
            context: &context,
            target: Some(target),
        };
        // Only policies write.
        let author = Author { model: "policy".to_owned(), name: case.id.clone() };
        let author = case.kind.contains("policy").then_some(&author);
        let outcome = expression::evaluate_as(author, &question, &program, extra).await;
        let outcome = outcome.map_err(|e| e.to_string())?;
        let value =
            if case.expect.contains_key("value") { expression::to_json(&outcome.value)? } else { Json::Null };
        let mut plan = context.clone();
        let mut changes = outcome.changes;
        let redirect = changes.remove(expression::REDIRECTED);
        for (name, value) in changes {
            if value.is_null() { drop(plan.remove(&name)) } else { drop(plan.insert(name, value)) }
        }
        if let Some(Json::Array(groups)) = plan.get_mut("groups") {
            for group in groups {
                let id = group.as_str().and_then(|id| id.parse().ok()).unwrap_or_default();
                *group = json!(groups::by_id(&self.core.db, id).await.unwrap().map(|group| group.name));
            }
        }
        if let Some(pending) = plan.get_mut("pending_user") {
            *pending = pending["username"].take();
        }
        self.core.db.flush().await.unwrap();
        let mut effects = Vec::new();
        // What a user write stage writes is of another crate.
        let written = case.given.get("user_write") == Some(&json!(true));
        for wanted in case.effects().iter().filter(|_| !written) {
            effects.push(super::effects::found(&self.core, &self.upstream, wanted).await);
        }
        Ok(Shown {
            effects,
            passing: outcome.value.is_truthy(),
            value,
            messages: json!(outcome.messages),
            redirect,
            plan,
        })
    }

    /// Replaces placeholders inside plain values.
    async fn plain(&self, value: &Json) -> Json {
        let mut out = value.clone();
        let mut places = vec![&mut out];
        while let Some(place) = places.pop() {
            if let Some(name) = place.get("@pk").and_then(Json::as_str) {
                let id = self.id(name).await;
                *place = json!(id);
                continue;
            }
            match place {
                Json::Object(map) => places.extend(map.values_mut()),
                Json::Array(items) => places.extend(items.iter_mut()),
                _ => {}
            }
        }
        out
    }

    async fn value(&self, value: &Json, client: &Client) -> Value {
        let Some((mark, of)) =
            value.as_object().filter(|map| map.len() == 1).and_then(|map| map.iter().next())
        else {
            return Value::from(self.plain(value).await);
        };
        match mark.as_str() {
            "@user" => expression::person_value(&self.core, client, &self.person(of).await.unwrap()),
            "@group" => {
                expression::group_value(&self.core, client, self.groups[of.as_str().unwrap()].clone())
            }
            "@invitation" => expression::invitation_value(
                &self.core,
                client,
                self.invitations[of.as_str().unwrap()].clone(),
            ),
            "@datetime" => Value::from(Timestamp::parse(of.as_str().unwrap()).unwrap()),
            "@source" => Value::record(
                "OAuthSource",
                [("slug", Value::from(of.clone())), ("provider_type", Value::from(of.clone()))],
            ),
            "@object" | "@event" => {
                let mut fields = Vec::new();
                for (name, value) in of.as_object().unwrap() {
                    let value = if name == "created" {
                        Value::from(Timestamp::parse(value.as_str().unwrap()).unwrap())
                    } else {
                        Box::pin(self.value(value, client)).await
                    };
                    fields.push((name.clone(), value));
                }
                Value::record(if mark == "@event" { "Event" } else { "Object" }, fields)
            }
            _ => Value::from(self.plain(value).await),
        }
    }

    /// A source, as a class in the expression itself.
    fn source(&self, case: &Case, name: &str) -> String {
        let members = list(&case.given, "sources")[0].as_object().unwrap();
        let mut out = "class _Source:\n    def get_user_path(self):\n        return 'goauthentik.io/sources/' + self.slug\n".to_owned();
        out += &format!("{name} = _Source()\n");
        for (member, value) in members {
            out += &format!("{name}.{member} = {}\n", literal(value));
        }
        out
    }
}

/// The value as a Python literal.
fn literal(value: &Json) -> String {
    match value {
        Json::Null => "None".into(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Json::Object(map) if map.contains_key("@bytes") => {
            let bytes = STANDARD.decode(text(value, "@bytes")).unwrap();
            format!("b'{}'", bytes.iter().map(|b| format!("\\x{b:02x}")).collect::<String>())
        }
        Json::Object(map) if map.contains_key("@datetime") => {
            format!("datetime.fromisoformat({})", json!(text(value, "@datetime")))
        }
        Json::Object(map) => format!(
            "{{{}}}",
            map.iter()
                .map(|(key, value)| format!("{}: {}", json!(key), literal(value)))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        plain => plain.to_string(),
    }
}
