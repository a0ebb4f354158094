//! Validation of row resources, by the same rules as fields of configuration models.
use crate::call::{Call, Fault};
use signet_base::{FieldErrors, Json, Map, Result, Uuid};
use signet_core::Core;
use signet_model::check::{ValueError, normal};
use signet_model::{FieldDef, FieldKind, Lookup};
use signet_store::{groups, users};
use std::collections::HashSet;

/// The widget of members that are files of a form ([`crate::Content::file`]).
pub const FILE: &str = "file";

/// Users and groups referenced by a body, looked up before validation.
#[derive(Default)]
pub struct Rows {
    users: HashSet<i64>,
    groups: HashSet<Uuid>,
}
impl Lookup for Rows {
    fn user_exists(&self, id: i64) -> bool {
        self.users.contains(&id)
    }
    fn group_exists(&self, id: Uuid) -> bool {
        self.groups.contains(&id)
    }
}

impl Rows {
    /// The existing rows among those the body refers to.
    pub async fn of(core: &Core, fields: &[FieldDef], body: &Map) -> Result<Self> {
        let (mut people, mut teams) = (Vec::new(), Vec::new());
        for field in fields {
            let Some(value) = body.get(field.name) else { continue };
            let values: &[Json] = match value {
                Json::Array(list) => list,
                one => std::slice::from_ref(one),
            };
            let target = match field.kind {
                FieldKind::Ref { target, .. } => target,
                FieldKind::List(FieldKind::Ref { target, .. }) => *target,
                _ => continue,
            };
            match target {
                "authentik_core.user" => people
                    .extend(values.iter().filter_map(|v| v.as_i64().or_else(|| v.as_str()?.parse().ok()))),
                "authentik_core.group" => {
                    teams.extend(values.iter().filter_map(|v| Uuid::parse_str(v.as_str()?).ok()))
                }
                _ => {}
            }
        }
        let mut out = Self::default();
        if !people.is_empty() {
            out.users = users::by_ids(&core.db, &people).await?.into_iter().map(|u| u.id).collect();
        }
        if !teams.is_empty() {
            out.groups = groups::many(&core.db, &teams).await?.into_iter().map(|g| g.id).collect();
        }
        Ok(out)
    }
}

/// The sent members in normal form, and the errors of the others. Without `partial`, required members must be
/// present.
pub async fn judge(call: &Call, fields: &[FieldDef], partial: bool) -> Result<(Map, FieldErrors)> {
    let rows = Rows::of(&call.core, fields, &call.body).await?;
    let mut errors = FieldErrors::new();
    let mut out = Map::new();
    for field in fields.iter().filter(|f| !f.read_only) {
        if field.widget == FILE {
            if field.required && call.content.file(field.name).is_none() {
                errors.add(field.name, "No file was submitted.");
            }
            continue;
        }
        match call.body.get(field.name) {
            Some(value) => match normal(field, value, &call.config, &rows) {
                Ok(value) => drop(out.insert(field.name.to_owned(), value)),
                Err(ValueError::Text(text)) => errors.add(field.name, text),
                Err(ValueError::Shape(shape)) => errors.set(field.name, shape),
            },
            None if field.required && !partial => errors.add(field.name, "This field is required."),
            None => {}
        }
    }
    Ok((out, errors))
}

/// [`judge`] for callers that add no errors.
pub async fn read(call: &Call, fields: &[FieldDef], partial: bool) -> Result<Map, Fault> {
    let (map, errors) = judge(call, fields, partial).await?;
    errors.into_result()?;
    Ok(map)
}

/// Typed access to validated members.
pub trait Members {
    fn text(&self, name: &str) -> Option<String>;
    fn flag(&self, name: &str) -> Option<bool>;
    fn int(&self, name: &str) -> Option<i64>;
    fn map(&self, name: &str) -> Option<Map>;
    fn uuids(&self, name: &str) -> Option<Vec<Uuid>>;
    fn ints(&self, name: &str) -> Option<Vec<i64>>;
}
impl Members for Map {
    fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.as_str().map(str::to_owned)
    }
    fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }
    fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }
    fn map(&self, name: &str) -> Option<Map> {
        self.get(name)?.as_object().cloned()
    }
    fn uuids(&self, name: &str) -> Option<Vec<Uuid>> {
        Some(self.get(name)?.as_array()?.iter().filter_map(|v| Uuid::parse_str(v.as_str()?).ok()).collect())
    }
    fn ints(&self, name: &str) -> Option<Vec<i64>> {
        Some(self.get(name)?.as_array()?.iter().filter_map(Json::as_i64).collect())
    }
}
