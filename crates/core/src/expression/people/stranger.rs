//! Users without an account.
use super::{Base, CallResult, PendingUser, Query, Shared, WRITES, asked, locale_of};
use crate::rows;
use signet_base::{Json, Map};
use signet_expr::{CallError, Effect, HostObject, Special, Value};
use std::sync::Arc;

/// A user without an account.
pub struct Stranger {
    pub shared: Arc<Shared>,
    pub type_name: &'static str,
    pub person: PendingUser,
}

impl HostObject for Stranger {
    fn type_name(&self) -> &str {
        self.type_name
    }
    fn identity(&self) -> String {
        format!("-{}", self.person.username)
    }
    fn special(&self) -> Special {
        let text =
            if self.type_name == "User" { self.person.username.clone() } else { self.type_name.to_owned() };
        Special { text: Some(text), ..Special::default() }
    }
    fn eager(&self) -> Vec<(&str, Value)> {
        vec![("attributes", Value::from(Json::Object(Map::new())))]
    }
    fn attr(&self, name: &str) -> Option<Value> {
        Some(match name {
            "pk" | "id" | "uuid" | "last_login" => Value::None,
            "uid" | "first_name" | "last_name" => "".into(),
            "username" => self.person.username.as_str().into(),
            "name" => self.person.name.as_str().into(),
            "email" => self.person.email.as_str().into(),
            "is_active" | "is_superuser" | "is_authenticated" | "is_staff" => false.into(),
            "is_anonymous" => (self.type_name == "AnonymousUser").into(),
            "type" => "external".into(),
            "path" => "users".into(),
            "avatar" => {
                rows::avatar(&self.shared.core, &self.person.name, &self.person.username, &self.person.email)
                    .into()
            }
            "attributes" => Value::from(Json::Object(Map::new())),
            "groups" | "ak_groups" => {
                Value::object(crate::expression::orm::groups_query(&self.shared, Base::Nothing))
            }
            "roles" => {
                Value::object(Query::manager(&self.shared, &crate::expression::orm::ROLE, Base::Nothing))
            }
            _ => return None,
        })
    }
    fn effect(&self, method: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        if WRITES.contains(&method) { Effect::Now } else { Effect::None }
    }
    fn call_now(&self, method: &str, args: &[Value], _: &[(String, Value)]) -> Option<CallResult> {
        let (method, own) = match asked(method, args) {
            Ok((method, own, _)) => (method, own.unwrap_or_default()),
            Err(error) => return Some(Err(error)),
        };
        match method {
            "all_groups" => Some(Ok(Value::object(
                crate::expression::orm::groups_query(&self.shared, Base::Nothing).all(),
            ))),
            "app_entitlements" => Some(Ok(Value::object(
                Query::manager(&self.shared, &crate::expression::orm::ENTITLEMENT, Base::Nothing).all(),
            ))),
            "group_attributes" | "app_entitlements_attributes" => Some(Ok(Value::from(Json::Object(own)))),
            "locale" => Some(Ok(locale_of(&own))),
            "has_usable_password" | "check_password" => Some(Ok(false.into())),
            "get_full_name" | "get_short_name" => Some(Ok("".into())),
            "get_username" => Some(Ok(self.person.username.as_str().into())),
            _ if WRITES.contains(&method) => {
                let why =
                    "somebody without an account: a user write stage makes it, or User.objects.create()";
                Some(Err(CallError::Fatal(format!("{method}() of {why}"))))
            }
            _ => None,
        }
    }
}
