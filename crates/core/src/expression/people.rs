//! Users and groups for expressions. Attributes are read on demand, without waiting; whatever needs the
//! database is a method or a query.
mod group;
mod saving;
mod stranger;

use super::objects::{CallResult, Config, Shared, gone};
use super::orm::{Base, Query, RoleOwner, class_of, overlay};
use crate::flow::PendingUser;
use crate::models::{ApplicationEntitlement, PolicyBinding};
use crate::{Principal, brand, rows};
use signet_base::{Json, Map, Secret, Uuid};
use signet_expr::{BoxFuture, CallError, Dict, Effect, HostObject, Kwargs, Special, Value};
use signet_model::Object;
use signet_store::groups;
use signet_store::lookups::Model;
use signet_store::users;
use std::any::Any;
use std::sync::{Arc, OnceLock};
use stranger::Stranger;

pub use group::{Group, record};
pub use saving::{
    checked, checked_group, current, current_group, deleted, put, put_group, set_field, set_group_field,
};

/// Attributes that an expression may change for later stages.
pub const CHANGEABLE: [&str; 4] = ["username", "name", "email", "attributes"];

pub fn user(shared: &Arc<Shared>, principal: Principal, backend: Option<String>) -> Value {
    let direct = match &principal.direct {
        // No groups, so nothing is inherited.
        _ if principal.groups.is_empty() => Some(principal.groups.clone()),
        Some(direct) if direct.len() == principal.groups.len() => Some(principal.groups.clone()),
        Some(direct) => {
            Some(Arc::new(principal.groups.iter().filter(|g| direct.contains(&g.id)).cloned().collect()))
        }
        None => None,
    };
    Value::object(User {
        shared: shared.clone(),
        account: principal.user.clone(),
        is_superuser: principal.is_superuser,
        groups: Some(principal.groups.clone()),
        direct,
        backend,
        attributes: OnceLock::new(),
        changed: Dict::new(),
    })
}
/// Accounts of a query; their groups are read on demand.
pub async fn accounts(shared: &Arc<Shared>, found: Vec<users::User>) -> Result<Vec<Value>, CallError> {
    let ids: Vec<i64> = found.iter().map(|user| user.id).collect();
    let superusers = groups::is_superuser(&shared.core.db, &ids).await.map_err(gone)?;
    let one = |account: users::User| {
        let is_superuser = superusers.contains(&account.id);
        Value::object(User {
            shared: shared.clone(),
            account: Arc::new(account),
            is_superuser,
            groups: None,
            direct: None,
            backend: None,
            attributes: OnceLock::new(),
            changed: Dict::new(),
        })
    };
    Ok(found.into_iter().map(one).collect())
}
/// A user without an account: an unknown identifier, or an enrolment before the account is written.
pub fn pretended(shared: &Arc<Shared>, person: PendingUser) -> Value {
    Value::object(Stranger { shared: shared.clone(), type_name: "User", person })
}
pub fn nobody(shared: &Arc<Shared>) -> Value {
    let person = PendingUser { id: None, username: String::new(), name: String::new(), email: String::new() };
    Value::object(Stranger { shared: shared.clone(), type_name: "AnonymousUser", person })
}

/// The configuration object of a value.
pub fn configured(value: &Value) -> Option<&Arc<Object>> {
    value.as_object()?.as_any()?.downcast_ref::<Config>().map(|config| &config.object)
}
/// The account of a value.
pub fn account(value: &Value) -> Option<&User> {
    value.as_object()?.as_any()?.downcast_ref::<User>()
}

#[derive(Clone)]
pub struct User {
    shared: Arc<Shared>,
    account: Arc<users::User>,
    is_superuser: bool,
    /// Including inherited groups, if they were read.
    groups: Option<Arc<Vec<groups::Group>>>,
    direct: Option<Arc<Vec<groups::Group>>>,
    /// Set when the user is authenticated.
    backend: Option<String>,
    attributes: OnceLock<Value>,
    /// Changes by the expression.
    pub changed: Dict,
}

impl User {
    pub fn id(&self) -> i64 {
        self.account.id
    }
    fn attributes(&self) -> Value {
        self.attributes.get_or_init(|| Value::from(Json::Object(self.account.attributes.clone()))).clone()
    }
    fn text(&self) -> String {
        self.account.username.clone()
    }
    fn manager(&self) -> Query {
        let base = Base::Member { user: self.id(), inherited: false, known: self.direct.clone() };
        super::orm::groups_query(&self.shared, base)
    }
    fn all_groups(&self) -> Query {
        let base = Base::Member { user: self.id(), inherited: true, known: self.groups.clone() };
        super::orm::groups_query(&self.shared, base).all()
    }
    /// The account as it was read.
    pub fn row(&self) -> &users::User {
        &self.account
    }
    /// An account that the text makes has no number yet.
    fn key(&self) -> Value {
        if self.id() < 0 { Value::object(NewKey(self.id())) } else { self.id().into() }
    }
    /// Merged attributes: the brand's (if a request is given), the groups' by name, the user's own.
    fn merged(&self, own: &Map, groups: &[groups::Group], request: bool) -> Value {
        let mut out = Map::new();
        if request {
            let config = self.shared.core.config();
            out = brand::of(&config, self.shared.client.domain())
                .map(|(_, b)| b.attributes.clone())
                .unwrap_or_default();
        }
        let mut sorted: Vec<&groups::Group> = groups.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        for group in sorted {
            rows::merge(&mut out, &group.attributes);
        }
        rows::merge(&mut out, own);
        Value::from(Json::Object(out))
    }
    /// Entitlements bound to the user or one of the groups, by name.
    fn entitlements(&self, groups: &[groups::Group], of: Option<Uuid>) -> Vec<Arc<Object>> {
        let config = self.shared.core.config();
        let mine = |binding: &PolicyBinding| {
            binding.enabled
                && (binding.user == Some(self.id())
                    || binding.group.is_some_and(|id| groups.iter().any(|g| g.id == id)))
        };
        let bound = |object: &Object| {
            object.pbm().is_some_and(|pbm| {
                config.bindings_of(pbm).iter().filter_map(|b| b.get::<PolicyBinding>()).any(mine)
            })
        };
        let mut found: Vec<_> = match of {
            Some(app) => {
                config.referring_key(&app.to_string(), "app").filter(|o| bound(o)).cloned().collect()
            }
            None => config
                .of(<ApplicationEntitlement as signet_model::Model>::DEF)
                .filter(|o| bound(o))
                .cloned()
                .collect(),
        };
        found.sort_by(|a, b| a.name().cmp(b.name()));
        found
    }
    /// Methods that need the groups; `own` are the attributes of the program's copy.
    fn with_groups(
        &self,
        (method, own, args): Asked<'_>,
        groups: &[groups::Group],
        kwargs: &[(String, Value)],
    ) -> CallResult {
        let own = own.as_ref().unwrap_or(&self.account.attributes);
        let given = args
            .first()
            .or_else(|| kwargs.first().map(|(_, value)| value))
            .filter(|value| !matches!(value, Value::None));
        let app = || match given {
            None => Ok(None),
            Some(value) => configured(value)
                .map(|object| Some(object.pk))
                .ok_or_else(|| CallError::Type(format!("{method}() takes an application"))),
        };
        Ok(match method {
            "group_attributes" => self.merged(own, groups, given.is_some()),
            "app_entitlements" => Value::object(
                Query::manager(
                    &self.shared,
                    &super::orm::ENTITLEMENT,
                    Base::Objects(self.entitlements(groups, app()?)),
                )
                .all(),
            ),
            "app_entitlements_attributes" => {
                let mut out = Map::new();
                for entitlement in self.entitlements(groups, app()?) {
                    if let Some(entitlement) = entitlement.get::<ApplicationEntitlement>() {
                        rows::merge(&mut out, &entitlement.attributes);
                    }
                }
                rows::merge(&mut out, own);
                Value::from(Json::Object(out))
            }
            _ => return Err(CallError::NotFound),
        })
    }
    /// The account with changes by earlier expressions.
    #[must_use]
    pub fn changed_by(mut self, changes: Map) -> Self {
        let mut account = (*self.account).clone();
        let text = |name: &str, place: &mut String| {
            if let Some(text) = changes.get(name).and_then(Json::as_str) {
                text.clone_into(place);
            }
        };
        text("username", &mut account.username);
        text("name", &mut account.name);
        text("email", &mut account.email);
        if let Some(Json::Object(attributes)) = changes.get("attributes") {
            account.attributes.clone_from(attributes);
        }
        self.account = Arc::new(account);
        self.attributes = OnceLock::new();
        self.changed = changes.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        self
    }
}

/// A method, the attributes of the program's copy if they were handed over, and the other arguments.
type Asked<'a> = (&'a str, Option<Map>, &'a [Value]);
/// `__group_attributes__(attributes, …)` and the like are `group_attributes(…)` with those attributes.
fn asked<'a>(method: &'a str, args: &'a [Value]) -> Result<Asked<'a>, CallError> {
    let plain = method.strip_prefix("__").and_then(|name| name.strip_suffix("__"));
    match (plain.filter(|name| OF_ATTRIBUTES.contains(name)), args) {
        (Some(name), [own, rest @ ..]) => Ok((name, Some(saving::map("attributes", own)?), rest)),
        _ => Ok((method, None, args)),
    }
}

fn locale_of(attributes: &Map) -> Value {
    attributes.get("settings").and_then(|s| s.get("locale")).and_then(Json::as_str).unwrap_or_default().into()
}

/// Methods that read the attributes.
const OF_ATTRIBUTES: [&str; 3] = ["group_attributes", "app_entitlements_attributes", "locale"];
const NEED_GROUPS: [&str; 3] = ["group_attributes", "app_entitlements", "app_entitlements_attributes"];
const WRITES: [&str; 10] = [
    "__save__",
    "save",
    "delete",
    "set_password",
    "set_unusable_password",
    "refresh_from_db",
    "assign_perms_to_managed_role",
    "remove_perms_from_managed_role",
    "asave",
    "adelete",
];

impl HostObject for User {
    fn type_name(&self) -> &str {
        "User"
    }
    fn identity(&self) -> String {
        self.id().to_string()
    }
    fn special(&self) -> Special {
        Special { text: Some(self.text()), ..Special::default() }
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
    fn eager(&self) -> Vec<(&str, Value)> {
        vec![("attributes", self.attributes())]
    }
    fn attr(&self, name: &str) -> Option<Value> {
        let user = &self.account;
        Some(match name {
            "pk" | "id" => self.key(),
            "uid" if user.id > 0 => self.shared.core.uid(user.id).into(),
            "uuid" => super::objects::uuid(user.uuid),
            "username" => user.username.as_str().into(),
            "name" => user.name.as_str().into(),
            "email" => user.email.as_str().into(),
            // authentik stores them but does not show them.
            "first_name" | "last_name" => "".into(),
            "is_active" => user.is_active.into(),
            "is_superuser" | "is_staff" => self.is_superuser.into(),
            "is_authenticated" => true.into(),
            "is_anonymous" => false.into(),
            "type" => user.user_type.as_str().into(),
            "path" => user.path.as_str().into(),
            "avatar" => rows::avatar(&self.shared.core, &user.name, &user.username, &user.email).into(),
            "attributes" => self.attributes(),
            "date_joined" => user.joined.into(),
            "last_login" => user.last_login.into(),
            "last_updated" => user.updated.into(),
            "password_change_date" => user.password_changed.into(),
            // The hash is not exposed.
            "password" => Value::object(Hidden),
            "backend" => self.backend.as_deref()?.into(),
            "groups" | "ak_groups" => Value::object(self.manager()),
            "roles" => {
                let of = Base::RolesOf(RoleOwner::Account(user.id));
                Value::object(Query::manager(&self.shared, &super::orm::ROLE, of))
            }
            _ => return None,
        })
    }
    fn effect(&self, method: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        // Password checks are expensive, so each is made once.
        if method == "check_password" || WRITES.contains(&method) { Effect::Now } else { Effect::None }
    }
    fn call_now(&self, method: &str, args: &[Value], kwargs: &[(String, Value)]) -> Option<CallResult> {
        let asked = match asked(method, args) {
            Ok(asked) => asked,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(match asked.0 {
            "all_groups" => Value::object(self.all_groups()),
            "locale" => locale_of(asked.1.as_ref().unwrap_or(&self.account.attributes)),
            "has_usable_password" => crate::hash::is_usable(&self.account.password).into(),
            "get_username" => self.account.username.as_str().into(),
            "get_full_name" | "get_short_name" => "".into(),
            method if NEED_GROUPS.contains(&method) && !self.shared.journal.concerns(Model::Group) => {
                return self.groups.as_ref().map(|groups| self.with_groups(asked, groups, kwargs));
            }
            _ => return None,
        }))
    }
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>, kwargs: Kwargs) -> BoxFuture<'a, CallResult> {
        Box::pin(async move {
            let asked = asked(method, &args)?;
            match (method, args.first()) {
                _ if NEED_GROUPS.contains(&asked.0) => {
                    let groups = overlay::groups_of(&self.shared, self.id(), true).await?;
                    self.with_groups(asked, &groups, &kwargs)
                }
                (method, _) if WRITES.contains(&method) => self.write(method, &args, &kwargs).await,
                ("check_password", Some(Value::Str(text))) => {
                    let stored = self.password();
                    self.shared
                        .core
                        .hasher
                        .verify(Some(&stored), &Secret::new(text.as_ref()))
                        .await
                        .map(Value::from)
                        .map_err(gone)
                }
                ("check_password", _) => Err(CallError::Type("check_password() takes one text".into())),
                _ => Err(CallError::NotFound),
            }
        })
    }
    fn leaving(&self, attrs: &Dict) -> Option<Value> {
        let mut changed = self.changed.clone();
        for name in saving::SAVED {
            let Some(now) = attrs.get(name) else { continue };
            if self.attr(name).as_ref() != Some(now) {
                changed.insert(name, now.clone());
            }
        }
        (changed != self.changed).then(|| Value::object(Self { changed, ..self.clone() }))
    }
}

/// A value that exists but cannot be read.
struct Hidden;
impl HostObject for Hidden {
    fn type_name(&self) -> &str {
        "Hidden"
    }
    fn identity(&self) -> String {
        String::new()
    }
    fn attr(&self, _: &str) -> Option<Value> {
        None
    }
}

/// The key of an account that the text makes: a number that is known when the text has succeeded.
pub struct NewKey(pub i64);
impl HostObject for NewKey {
    fn type_name(&self) -> &str {
        "NewKey"
    }
    fn identity(&self) -> String {
        self.0.to_string()
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
    fn attr(&self, _: &str) -> Option<Value> {
        None
    }
}

/// The class name of a configuration object.
pub fn class_name(object: &Object) -> &'static str {
    class_of(object).map_or("Object", |class| class.name)
}
