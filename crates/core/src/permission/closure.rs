//! Privilege closure: nobody hands on a right that they do not hold, whatever permission lets them write at all.
use super::flows::{keys, uuid};
use super::initial;
use crate::{Core, Principal};
use signet_base::{Error, Json, Map, Ports, Result, Uuid};
use signet_model::{FieldDef, FieldKind, Gives, Grants, ModelDef, Object, Snapshot};
use signet_store::{groups, roles};
use std::sync::Arc;

/// What a write hands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Right {
    /// To be in these groups, and so in their ancestors.
    Membership(Vec<Uuid>),
    Roles(Vec<Uuid>),
    /// Power over an account: to act as it, to read or set what signs it in, to change what it may.
    Account(i64),
    /// A permission, on one object or on all.
    Permission(String, Option<String>),
    /// What runs with the rights of the server, or brings the caller what others sign in with.
    Everything,
}

/// Why a write is refused.
pub const REFUSED: &str = "You cannot give or use rights that you do not have.";

/// Refuses where the giver lacks one of the rights. Every writer asks here.
pub async fn may_give(core: &Core, giver: &Grants, rights: &[Right]) -> Result<()> {
    if giver.is_everything() {
        return Ok(());
    }
    for right in rights {
        let given = grants(core, right).await?;
        if !giver.covers(&given) {
            return Err(Error::denied(REFUSED));
        }
    }
    Ok(())
}

async fn grants(core: &Core, right: &Right) -> Result<Arc<Grants>> {
    match right {
        Right::Everything => Ok(Arc::new(Grants::everything())),
        Right::Permission(name, object) => {
            let mut one = Grants::default();
            one.add(name.as_str(), object.as_deref());
            Ok(Arc::new(one))
        }
        Right::Roles(list) => roles::grants(&core.db, list).await,
        Right::Membership(list) => {
            let mut all: Vec<Uuid> = groups::ancestors(&core.db, list).await?.into_iter().collect();
            all.extend(list);
            if groups::many(&core.db, &all).await?.iter().any(|g| g.is_superuser) {
                return Ok(Arc::new(Grants::everything()));
            }
            Ok(roles::of_groups(&core.db, list).await?.grants)
        }
        Right::Account(id) => Ok(Principal::load_any(core, *id).await?.map(|p| p.grants).unwrap_or_default()),
    }
}

/// The scope by which an access token is one for the API: its holder acts as the person.
const API_SCOPE: &str = "goauthentik.io/api";

/// What the new data of an object hands on that the old did not.
pub fn of_object(
    core: &Core,
    config: &Snapshot,
    def: &ModelDef,
    before: Option<&Object>,
    data: &Map,
) -> Vec<Right> {
    let mut out = Vec::new();
    let changed = before.is_none_or(|object| object.data != *data);
    for field in def.fields {
        let gives = match field.kind {
            FieldKind::Expression => Some(Gives::Everything),
            _ => field.gives,
        };
        let new = data.get(field.name).unwrap_or(&Json::Null);
        let own = || before.is_none_or(|object| object.data.get(field.name) != Some(new));
        match gives {
            // A switch that says that other texts of the object are programs.
            Some(Gives::Everything) if matches!(field.kind, FieldKind::Bool) => {
                out.extend((changed && *new == Json::Bool(true)).then_some(Right::Everything));
            }
            Some(Gives::Everything) if own() && !is_nothing(field, new, &core.ports) => {
                out.push(Right::Everything)
            }
            Some(Gives::Delivery) if own() && (before.is_some() || is_address(new)) => {
                out.push(Right::Everything);
            }
            Some(Gives::Membership) if own() => out.push(Right::Membership(keys(new))),
            _ => {}
        }
    }
    if changed {
        out.extend(opens_the_api(config, data).then_some(Right::Everything));
        out.extend(super::flows::of_write(config, def, before, data));
    }
    // As with groups: who may less changes nothing of it.
    out.extend(before.filter(|_| def.is("authentik_rbac.role")).map(|role| Right::Roles(vec![role.pk])));
    if def.is(initial::MODEL) && changed {
        let ids = data.get("permissions").and_then(Json::as_array).into_iter().flatten();
        let known = ids.filter_map(|id| core.permissions.by_id(id.as_i64()?));
        out.extend(known.map(|permission| Right::Permission(permission.name(), None)));
    }
    out
}

/// Whether the server would call it.
fn is_address(value: &Json) -> bool {
    value.as_str().is_some_and(|text| text.contains("://"))
}

/// Empty, or what stands there by itself.
fn is_nothing(field: &FieldDef, value: &Json, ports: &Ports) -> bool {
    value.is_null()
        || value.as_str().is_some_and(|t| t.trim().is_empty())
        || field.default.is_some_and(|f| f(ports) == *value)
}

/// A mapping with the scope of the API, or a provider that has one: whoever holds its tokens acts as other people.
fn opens_the_api(config: &Snapshot, data: &Map) -> bool {
    let is_api = |data: &Map| data.get("scope_name").is_some_and(|scope| scope == API_SCOPE);
    let mappings = data.get("property_mappings").and_then(Json::as_array).into_iter().flatten();
    is_api(data) || mappings.filter_map(uuid).any(|pk| config.get(pk).is_some_and(|o| is_api(&o.data)))
}
