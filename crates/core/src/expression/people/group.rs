//! Groups as texts see them.
use super::saving::refused;
use super::{CallResult, Shared, account, overlay};
use crate::expression::objects::uuid;
use crate::expression::orm::{Base, Query, ROLE, RoleOwner, USER, groups_query};
use crate::rows;
use signet_base::{Json, json};
use signet_expr::{BoxFuture, CallError, Dict, Effect, HostObject, Kwargs, Special, Value};
use signet_store::groups;
use std::any::Any;
use std::sync::Arc;

/// One group of a list that was read.
#[derive(Clone)]
pub struct Group {
    pub(super) shared: Arc<Shared>,
    of: Arc<Vec<groups::Group>>,
    index: usize,
    /// What the text changed.
    pub(super) changed: Dict,
}

pub(super) const WRITES: [&str; 5] = ["__save__", "save", "delete", "refresh_from_db", "asave"];
/// What a text may change of a group.
const SAVED: [&str; 3] = ["name", "is_superuser", "attributes"];

impl Group {
    /// All of a list.
    pub fn all(shared: &Arc<Shared>, of: &Arc<Vec<groups::Group>>) -> Vec<Group> {
        let one = |index| Group { shared: shared.clone(), of: of.clone(), index, changed: Dict::new() };
        (0..of.len()).map(one).collect()
    }
    pub fn of_value(value: &Value) -> Option<&Group> {
        value.as_object()?.as_any()?.downcast_ref::<Group>()
    }
    /// The group as it was read.
    pub fn row(&self) -> &groups::Group {
        &self.of[self.index]
    }
    fn related(&self, name: &str) -> Query {
        groups_query(&self.shared, Base::All).related(name, self.row().id.to_string())
    }
}

/// What conditions about groups are judged by.
pub fn record(group: &groups::Group) -> Json {
    json!({"pk": group.id, "group_uuid": group.id, "uuid": group.id, "name": group.name, "is_superuser": group.is_superuser, "attributes": group.attributes})
}

impl HostObject for Group {
    fn type_name(&self) -> &str {
        "Group"
    }
    fn identity(&self) -> String {
        self.row().id.to_string()
    }
    fn special(&self) -> Special {
        Special { text: Some(format!("Group {}", self.row().name)), ..Special::default() }
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
    fn eager(&self) -> Vec<(&str, Value)> {
        // A list of many groups without attributes stays small, unless a text may give them some.
        if self.row().attributes.is_empty() && !self.shared.journal.is_open() {
            Vec::new()
        } else {
            vec![("attributes", Value::from(Json::Object(self.row().attributes.clone())))]
        }
    }
    fn attr(&self, name: &str) -> Option<Value> {
        let group = self.row();
        Some(match name {
            "pk" | "group_uuid" | "uuid" => uuid(group.id),
            "num_pk" => rows::num_pk(group).into(),
            "name" => group.name.as_str().into(),
            "is_superuser" => group.is_superuser.into(),
            "attributes" => Value::from(Json::Object(group.attributes.clone())),
            "users" => Value::object(Query::manager(&self.shared, &USER, Base::All).members_of(group.id)),
            "parents" => Value::object(self.related("children")),
            "children" => Value::object(self.related("parents")),
            "roles" => {
                let of = Base::RolesOf(RoleOwner::Group(group.id));
                Value::object(Query::manager(&self.shared, &ROLE, of))
            }
            _ => return None,
        })
    }
    fn effect(&self, method: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        if WRITES.contains(&method) { Effect::Now } else { Effect::None }
    }
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>, kwargs: Kwargs) -> BoxFuture<'a, CallResult> {
        Box::pin(async move {
            match method {
                "is_member" => {
                    let user = args
                        .first()
                        .and_then(account)
                        .ok_or_else(|| CallError::Type("is_member() takes a user".into()))?;
                    let all = overlay::groups_of(&self.shared, user.id(), true).await?;
                    Ok(all.iter().any(|group| group.id == self.row().id).into())
                }
                // The first by name, as before groups had several.
                "__parent__" => {
                    let all = Value::object(self.related("children").all());
                    let Some(all) = all.as_object() else { return Ok(Value::None) };
                    all.call("first", Vec::new(), Kwargs::new()).await
                }
                "__save__" => self.save(&kwargs).await,
                "delete" => self.delete().await,
                _ if WRITES.contains(&method) => Err(refused("Group", method)),
                _ => Err(CallError::NotFound),
            }
        })
    }
    fn leaving(&self, attrs: &Dict) -> Option<Value> {
        let mut changed = self.changed.clone();
        for name in SAVED {
            let Some(now) = attrs.get(name) else { continue };
            if self.attr(name).as_ref() != Some(now) {
                changed.insert(name, now.clone());
            }
        }
        (changed != self.changed).then(|| Value::object(Self { changed, ..self.clone() }))
    }
}
