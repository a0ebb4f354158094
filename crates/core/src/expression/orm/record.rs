//! Devices, tokens, sessions, events, invitations and scores for expressions: their columns without secrets.
use super::classes::{Class, ClassKind};
use super::query::gone_row;
use crate::expression::objects::{CallResult, Shared, gone};
use crate::expression::people;
use signet_base::{Json, Timestamp};
use signet_expr::{BoxFuture, CallError, Effect, HostObject, Kwargs, Special, Value};
use signet_store::lookups::Field;
use signet_store::tokens::Token;
use signet_store::users;
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Clone)]
pub struct Record {
    shared: Arc<Shared>,
    class: &'static Class,
    now: Timestamp,
    fields: Vec<(&'static str, Field)>,
    /// The owner.
    user: Value,
}

/// The column with the owner's key, by class.
fn owner(fields: &[(&'static str, Field)]) -> Option<i64> {
    fields.iter().find(|(name, _)| matches!(*name, "user_id" | "created_by_id")).and_then(|(_, field)| {
        match field {
            Field::Json(id) => id.as_i64(),
            Field::Time(_) => None,
        }
    })
}

impl Record {
    /// The records of a list with their owners.
    pub async fn all(
        shared: &Arc<Shared>,
        class: &'static Class,
        rows: Vec<Vec<(&'static str, Field)>>,
    ) -> Result<Vec<Value>, CallError> {
        let mut ids: Vec<i64> = rows.iter().filter_map(|row| owner(row)).collect();
        ids.sort_unstable();
        ids.dedup();
        let accounts = if ids.is_empty() {
            Vec::new()
        } else {
            users::by_ids(&shared.core.db, &ids).await.map_err(gone)?
        };
        let keys: Vec<i64> = accounts.iter().map(|user| user.id).collect();
        let people: HashMap<i64, Value> =
            keys.into_iter().zip(people::accounts(shared, accounts).await?).collect();
        let now = shared.core.now();
        let made = rows.into_iter().map(|fields| {
            let user = owner(&fields).and_then(|id| people.get(&id).cloned()).unwrap_or_default();
            Value::object(Self { shared: shared.clone(), class, now, fields, user })
        });
        Ok(made.collect())
    }
    fn field(&self, name: &str) -> Option<Value> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, field)| match field {
            Field::Json(json) => Value::from(json),
            Field::Time(at) => (*at).into(),
        })
    }
    /// Notes that the row goes.
    pub async fn delete(&self) -> Result<(), CallError> {
        let shared = &self.shared;
        let what = format!("delete() of {}", self.class.name);
        shared.journal.allows(&what)?;
        let owner = owner(&self.fields);
        if let Some(owner) = owner {
            let owner = people::current(shared, owner).await?;
            shared.journal.allows_account(shared, &owner, &what).await?;
        }
        let pk = self.field("pk").and_then(|pk| pk.to_json().ok()).unwrap_or_default();
        let ClassKind::Rows(model) = self.class.kind else { return Ok(()) };
        match gone_row(&shared.core.vault, model, &pk, owner) {
            Some(row) => shared.journal.write(|state| state.gone.insert(row)).map(drop),
            None => Err(CallError::Fatal(format!("{what} is not offered to expressions"))),
        }
    }
    /// A token that the text makes.
    pub fn token(shared: &Arc<Shared>, class: &'static Class, token: &Token, user: Value) -> Value {
        let json = |value: Json| Field::Json(value);
        let fields = vec![
            ("pk", json(token.id.to_string().into())),
            ("token_uuid", json(token.id.to_string().into())),
            ("identifier", json(token.identifier.as_str().into())),
            ("intent", json(token.intent.as_str().into())),
            ("user_id", json(token.user_id.into())),
            ("description", json(token.description.as_str().into())),
            ("expires", token.expires.map_or(json(Json::Null), Field::Time)),
            ("expiring", json(token.expiring.into())),
            ("managed", json(Json::Null)),
        ];
        Value::object(Self { shared: shared.clone(), class, now: shared.core.now(), fields, user })
    }
    fn time(&self, name: &str) -> Option<Timestamp> {
        self.fields
            .iter()
            .find(|(known, _)| *known == name)
            .and_then(|(_, field)| if let Field::Time(at) = field { Some(*at) } else { None })
    }
    fn data(&self, name: &str) -> Option<Value> {
        self.fields.iter().find(|(known, _)| *known == "data").and_then(|(_, field)| match field {
            Field::Json(data) => data.get(name).map(Value::from),
            Field::Time(_) => None,
        })
    }
}

impl HostObject for Record {
    fn type_name(&self) -> &str {
        self.class.name
    }
    fn identity(&self) -> String {
        self.field("pk").and_then(|pk| pk.to_json().ok()).unwrap_or_default().to_string()
    }
    fn special(&self) -> Special {
        let text = match self.class.name {
            "Invitation" => Some(format!(
                "Invitation {}",
                self.field("pk").and_then(|pk| pk.as_str().map(str::to_owned)).unwrap_or_default()
            )),
            _ => None,
        };
        Special { text, ..Special::default() }
    }
    fn attr(&self, name: &str) -> Option<Value> {
        match name {
            // Names that would be ambiguous.
            "user__username" | "data" => None,
            "user" if owner(&self.fields).is_some() => Some(self.user.clone()),
            "created_by" if self.class.name == "Invitation" => Some(self.user.clone()),
            "is_expired" if self.fields.iter().any(|(known, _)| *known == "expires") => {
                let expiring = self.field("expiring").is_none_or(|expiring| expiring.is_truthy());
                Some((expiring && self.time("expires").is_some_and(|at| at <= self.now)).into())
            }
            "expiring" if self.class.name == "Invitation" => Some(self.time("expires").is_some().into()),
            "phone_number" | "email" | "device_type" | "duo_user_id" => self.data(name),
            _ => self.field(name),
        }
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
    fn effect(&self, _: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        Effect::Now
    }
    fn call<'a>(&'a self, method: &'a str, _: Vec<Value>, _: Kwargs) -> BoxFuture<'a, CallResult> {
        Box::pin(async move {
            match method {
                "delete" => {
                    self.delete().await?;
                    Ok(people::deleted(1, self.class.name))
                }
                "save" | "__save__" | "refresh_from_db" => {
                    let what = format!("{method}() of {} is not offered to expressions", self.class.name);
                    Err(CallError::Fatal(what))
                }
                _ => Err(CallError::NotFound),
            }
        })
    }
}

/// A loaded invitation.
pub fn invitation(shared: &Arc<Shared>, invitation: &signet_store::invitations::Invitation) -> Value {
    let json = |value: Json| Field::Json(value);
    let fields = vec![
        ("pk", json(Json::from(invitation.id.to_string()))),
        ("invite_uuid", json(Json::from(invitation.id.to_string()))),
        ("name", json(Json::from(invitation.name.clone()))),
        ("fixed_data", json(Json::Object(invitation.fixed_data.clone()))),
        ("single_use", json(Json::from(invitation.single_use))),
        ("expires", invitation.expires.map_or(json(Json::Null), Field::Time)),
    ];
    let (class, now) = (&super::classes::INVITATION, shared.core.now());
    Value::object(Record { shared: shared.clone(), class, now, fields, user: Value::None })
}
