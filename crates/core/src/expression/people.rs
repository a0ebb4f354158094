//! People and groups as programs see them. Attributes are read on demand and never wait; what needs the database is a
//! method.
use super::filter::Filter;
use super::objects::{Answer, Shared, gone};
use crate::flow::PendingUser;
use crate::{Principal, brand, rows};
use signet_base::{Json, Map, Secret};
use signet_expr::{BoxFuture, CallError, Effect, HostObject, Kwargs, Value};
use signet_store::groups;
use std::sync::{Arc, OnceLock};

pub fn user(shared: &Arc<Shared>, principal: Principal, backend: Option<String>) -> Value {
    Value::object(User { shared: shared.clone(), principal, backend, attributes: OnceLock::new() })
}
/// Somebody without an account: a typed name that matched nobody, or an enrolment that has not been written yet.
pub fn pretended(person: PendingUser) -> Value {
    Value::object(Stranger { type_name: "User", person })
}
pub fn nobody() -> Value {
    Value::object(Stranger { type_name: "AnonymousUser", person: PendingUser { id: None, username: String::new(), name: String::new(), email: String::new() } })
}

pub struct User {
    shared: Arc<Shared>,
    principal: Principal,
    /// Set once the person has proven who they are.
    backend: Option<String>,
    attributes: OnceLock<Value>,
}

impl User {
    fn attributes(&self) -> Value {
        self.attributes.get_or_init(|| Value::from(Json::Object(self.principal.user.attributes.clone()))).clone()
    }
    /// The brand's attributes, then those of groups by name, then the person's own.
    fn group_attributes(&self) -> Value {
        let world = self.shared.core.world();
        let mut out = brand::of(&world, self.shared.client.domain()).map(|(_, b)| b.attributes.clone()).unwrap_or_default();
        rows::merge(&mut out, &rows::group_attributes(&self.principal));
        Value::from(Json::Object(out))
    }
    fn locale(&self) -> Value {
        let own = self.principal.user.attributes.get("settings").and_then(|s| s.get("locale")).and_then(Json::as_str);
        own.unwrap_or_default().into()
    }
}

impl HostObject for User {
    fn type_name(&self) -> &str {
        "User"
    }
    fn identity(&self) -> String {
        self.principal.user.id.to_string()
    }
    fn eager(&self) -> Vec<(&str, Value)> {
        vec![("attributes", self.attributes())]
    }
    fn attr(&self, name: &str) -> Option<Value> {
        let user = &self.principal.user;
        Some(match name {
            "pk" | "id" => user.id.into(),
            "uid" => self.principal.uid.as_str().into(),
            "uuid" => user.uuid.to_string().into(),
            "username" => user.username.as_str().into(),
            "name" => user.name.as_str().into(),
            "email" => user.email.as_str().into(),
            "is_active" => user.is_active.into(),
            "is_superuser" => self.principal.is_superuser.into(),
            "is_authenticated" => true.into(),
            "is_anonymous" => false.into(),
            "type" => user.user_type.as_str().into(),
            "path" => user.path.as_str().into(),
            "attributes" => self.attributes(),
            "date_joined" => user.joined.into(),
            "last_login" => user.last_login.into(),
            "last_updated" => user.updated.into(),
            "password_change_date" => user.password_changed.into(),
            "backend" => self.backend.as_deref()?.into(),
            "groups" | "ak_groups" => Value::object(Manager { shared: self.shared.clone(), of: Arc::new(Membership::of(&self.principal)), filter: Filter::default() }),
            _ => return None,
        })
    }
    fn effect(&self, method: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        // A password is checked once: it takes long.
        if method == "check_password" { Effect::Now } else { Effect::None }
    }
    fn call_now(&self, method: &str, _: &[Value], _: &[(String, Value)]) -> Option<Answer> {
        Some(Ok(match method {
            "all_groups" => Value::list((0..self.principal.groups.len()).map(|index| Value::object(Group { of: self.principal.groups.clone(), index }))),
            "group_attributes" => self.group_attributes(),
            // Entitlements are objects of a later version: nobody has one.
            "app_entitlements" => Value::list(Vec::<Value>::new()),
            "app_entitlements_attributes" => Value::from(Json::Object(Map::new())),
            "locale" => self.locale(),
            "has_usable_password" => crate::hash::is_usable(&self.principal.user.password).into(),
            _ => return None,
        }))
    }
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>, _: Kwargs) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match (method, args.first()) {
                ("check_password", Some(Value::Str(text))) => {
                    let stored = self.principal.user.password.as_str();
                    self.shared.core.hasher.verify(Some(stored), &Secret::new(text.as_ref())).await.map(Value::from).map_err(gone)
                }
                ("check_password", _) => Err(CallError::Type("check_password() takes one text".into())),
                _ => Err(CallError::NotFound),
            }
        })
    }
}

struct Stranger {
    type_name: &'static str,
    person: PendingUser,
}

impl HostObject for Stranger {
    fn type_name(&self) -> &str {
        self.type_name
    }
    fn identity(&self) -> String {
        format!("-{}", self.person.username)
    }
    fn eager(&self) -> Vec<(&str, Value)> {
        vec![("attributes", Value::from(Json::Object(Map::new())))]
    }
    fn attr(&self, name: &str) -> Option<Value> {
        Some(match name {
            "pk" | "id" | "uuid" => Value::None,
            "uid" => "".into(),
            "username" => self.person.username.as_str().into(),
            "name" => self.person.name.as_str().into(),
            "email" => self.person.email.as_str().into(),
            "is_active" | "is_superuser" | "is_authenticated" => false.into(),
            "is_anonymous" => (self.type_name == "AnonymousUser").into(),
            "type" => "external".into(),
            "path" => "users".into(),
            "attributes" => Value::from(Json::Object(Map::new())),
            "groups" | "ak_groups" => Value::object(Nothing),
            _ => return None,
        })
    }
    fn effect(&self, _: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        Effect::None
    }
    fn call_now(&self, method: &str, _: &[Value], _: &[(String, Value)]) -> Option<Answer> {
        match method {
            "all_groups" | "app_entitlements" => Some(Ok(Value::list(Vec::<Value>::new()))),
            "group_attributes" | "app_entitlements_attributes" => Some(Ok(Value::from(Json::Object(Map::new())))),
            "has_usable_password" | "check_password" => Some(Ok(false.into())),
            "locale" => Some(Ok("".into())),
            _ => None,
        }
    }
}

/// `groups` of somebody without an account.
struct Nothing;
impl HostObject for Nothing {
    fn type_name(&self) -> &str {
        "GroupManager"
    }
    fn identity(&self) -> String {
        String::new()
    }
    fn attr(&self, _: &str) -> Option<Value> {
        None
    }
    fn effect(&self, _: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        Effect::None
    }
    fn call_now(&self, method: &str, _: &[Value], _: &[(String, Value)]) -> Option<Answer> {
        match method {
            "all" | "values_list" => Some(Ok(Value::list(Vec::<Value>::new()))),
            "filter" | "exclude" | "order_by" => Some(Ok(Value::object(Nothing))),
            "exists" => Some(Ok(false.into())),
            "count" => Some(Ok(0_i64.into())),
            "first" => Some(Ok(Value::None)),
            _ => None,
        }
    }
}

/// One group of a list that was read.
pub struct Group {
    of: Arc<Vec<groups::Group>>,
    index: usize,
}
/// Names by which groups may be filtered.
pub const GROUP_FILTERS: &[&str] = &["name", "pk", "group_uuid", "uuid", "num_pk", "is_superuser", "attributes"];

impl Group {
    /// All of a list.
    pub fn all(of: Vec<groups::Group>) -> Vec<Group> {
        let of = Arc::new(of);
        (0..of.len()).map(|index| Group { of: of.clone(), index }).collect()
    }
    fn get(&self) -> &groups::Group {
        &self.of[self.index]
    }
}

impl HostObject for Group {
    fn type_name(&self) -> &str {
        "Group"
    }
    fn identity(&self) -> String {
        self.get().id.to_string()
    }
    fn eager(&self) -> Vec<(&str, Value)> {
        // A list of many groups without attributes stays small.
        if self.get().attributes.is_empty() { Vec::new() } else { vec![("attributes", Value::from(Json::Object(self.get().attributes.clone())))] }
    }
    fn attr(&self, name: &str) -> Option<Value> {
        let group = self.get();
        Some(match name {
            "pk" | "group_uuid" | "uuid" => group.id.to_string().into(),
            "num_pk" => rows::num_pk(group).into(),
            "name" => group.name.as_str().into(),
            "is_superuser" => group.is_superuser.into(),
            "attributes" => Value::from(Json::Object(group.attributes.clone())),
            _ => return None,
        })
    }
}

/// The direct groups of a person.
struct Membership {
    user: i64,
    /// The groups, where nothing has to be read for them.
    known: Option<Arc<Vec<groups::Group>>>,
}
impl Membership {
    fn of(person: &Principal) -> Self {
        let known = match &person.direct {
            // Nothing is inherited.
            _ if person.groups.is_empty() => Some(person.groups.clone()),
            Some(direct) if direct.len() == person.groups.len() => Some(person.groups.clone()),
            Some(direct) => Some(Arc::new(person.groups.iter().filter(|g| direct.contains(&g.id)).cloned().collect())),
            None => None,
        };
        Self { user: person.user.id, known }
    }
}

/// The direct groups of a person, with filters.
struct Manager {
    shared: Arc<Shared>,
    of: Arc<Membership>,
    filter: Filter,
}

impl Manager {
    fn narrowed(&self, kwargs: &[(String, Value)], negated: bool) -> Answer {
        let more = Filter::parse(&kwargs.to_vec(), GROUP_FILTERS, negated)?;
        Ok(Value::object(Manager { shared: self.shared.clone(), of: self.of.clone(), filter: self.filter.clone().and(more) }))
    }
    async fn read(&self) -> Result<Arc<Vec<groups::Group>>, CallError> {
        match &self.of.known {
            Some(known) => Ok(known.clone()),
            None => groups::direct_groups(&self.shared.core.db, self.of.user).await.map(Arc::new).map_err(gone),
        }
    }
    fn answer(&self, of: &Arc<Vec<groups::Group>>, method: &str, args: &[Value]) -> Answer {
        let fitting = (0..of.len()).map(|index| Group { of: of.clone(), index }).filter(|g| self.filter.is_empty() || self.filter.fits(|name| g.attr(name)));
        found(fitting.map(|group| Found(Value::object(group))), method, args)
    }
}

/// A person or group that a query found.
pub struct Found(pub Value);

/// What the methods of a query answer about those that fit.
pub fn found(mut fitting: impl Iterator<Item = Found>, method: &str, args: &[Value]) -> Answer {
    Ok(match method {
        "all" => Value::list(fitting.map(|one| one.0)),
        "exists" => fitting.next().is_some().into(),
        "count" => i64::try_from(fitting.count()).unwrap_or(i64::MAX).into(),
        "first" => fitting.next().map(|one| one.0).into(),
        "values_list" => match args {
            [Value::Str(name)] => Value::list(fitting.map(|one| one.0.as_object().and_then(|object| object.attr(name)))),
            _ => return Err(CallError::Type("values_list() takes one name and flat=True".into())),
        },
        _ => return Err(CallError::NotFound),
    })
}

impl HostObject for Manager {
    fn type_name(&self) -> &str {
        "GroupManager"
    }
    fn identity(&self) -> String {
        self.of.user.to_string()
    }
    fn attr(&self, _: &str) -> Option<Value> {
        None
    }
    fn effect(&self, _: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        Effect::None
    }
    fn call_now(&self, method: &str, args: &[Value], kwargs: &[(String, Value)]) -> Option<Answer> {
        match method {
            "filter" => Some(self.narrowed(kwargs, false)),
            "exclude" => Some(self.narrowed(kwargs, true)),
            // Groups come by name anyway.
            "order_by" => Some(self.narrowed(&[], false)),
            _ => self.of.known.as_ref().map(|known| self.answer(known, method, args)),
        }
    }
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>, _: Kwargs) -> BoxFuture<'a, Answer> {
        Box::pin(async move { self.answer(&self.read().await?, method, &args) })
    }
}
