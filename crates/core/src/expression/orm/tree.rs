//! Conditions of `filter`, `exclude` and `Q`, independent of the model.
use super::classes::{Class, ClassKind};
use super::plain::{KEYS, plain};
use signet_base::Json;
use signet_expr::{BoxFuture, CallError, Kwargs, Value};
use signet_model::{Object, Snapshot};
use signet_store::lookups::{Condition, Lookup, holds};
use std::sync::Arc;

/// Maximum number of parts and nesting depth of a condition.
const MOST_PARTS: usize = 200;
const DEEPEST: usize = 20;

#[derive(Debug, Clone)]
pub enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
    /// Look-ups that one related object must fulfil together.
    Pairs(Vec<(String, Json)>),
}

/// The condition of a call: `Q` objects and keyword look-ups.
pub async fn read(args: &[Value], kwargs: &Kwargs) -> Result<Tree, CallError> {
    let mut parts = Vec::new();
    for arg in args {
        parts.push(of_q(arg, 0).await?);
    }
    if !kwargs.is_empty() {
        let mut pairs = Vec::with_capacity(kwargs.len());
        for (name, value) in kwargs {
            pairs.push((name.clone(), plain(value).await?));
        }
        parts.push(Tree::Pairs(pairs));
    }
    Ok(Tree::All(parts))
}

fn of_q(value: &Value, depth: usize) -> BoxFuture<'_, Result<Tree, CallError>> {
    Box::pin(async move {
        let Value::Record(q) = value else {
            return Err(CallError::Type("filter() takes look-ups by name and Q objects".into()));
        };
        if q.type_name != "Q" || depth > DEEPEST {
            return Err(CallError::Type(
                "filter() takes look-ups by name and Q objects, not nested too deeply".into(),
            ));
        }
        let field = |name: &str| q.fields.get(name).cloned().unwrap_or_default();
        let mut parts = Vec::new();
        for part in field("parts").as_list().unwrap_or_default() {
            parts.push(of_q(part, depth + 1).await?);
        }
        for (name, value) in field("pairs").as_dict().into_iter().flat_map(signet_expr::Dict::iter) {
            parts.push(Tree::Pairs(vec![(name.to_owned(), plain(value).await?)]));
        }
        if parts.len() > MOST_PARTS {
            return Err(CallError::Value("the condition has too many parts".into()));
        }
        let tree = if field("joined").as_str() == Some("or") { Tree::Any(parts) } else { Tree::All(parts) };
        Ok(if field("negated").is_truthy() { Tree::Not(Box::new(tree)) } else { tree })
    })
}

impl Tree {
    /// The condition for the store.
    pub fn condition(&self, class: &Class) -> Result<Condition, CallError> {
        let ClassKind::Rows(model) = class.kind else {
            return Err(CallError::Type(format!("{} has no rows", class.name)));
        };
        let each =
            |parts: &[Tree]| parts.iter().map(|part| part.condition(class)).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Tree::All(parts) => Condition::All(each(parts)?),
            Tree::Any(parts) => Condition::Any(each(parts)?),
            Tree::Not(part) => Condition::Not(Box::new(part.condition(class)?)),
            Tree::Pairs(pairs) => {
                let pairs = pairs.iter().map(|(name, value)| (name.clone(), first_key(value))).collect();
                Condition::parse(model, pairs).map_err(CallError::Type)?
            }
        })
    }

    /// Whether a configuration object matches. An unknown name is always an error.
    pub fn fits(&self, config: &Snapshot, object: &Object) -> Result<bool, CallError> {
        Ok(match self {
            Tree::All(parts) => {
                let mut all = true;
                for part in parts {
                    all &= part.fits(config, object)?;
                }
                all
            }
            Tree::Any(parts) => {
                let mut any = false;
                for part in parts {
                    any |= part.fits(config, object)?;
                }
                any
            }
            Tree::Not(part) => !part.fits(config, object)?,
            Tree::Pairs(pairs) => {
                let mut all = true;
                for (name, value) in pairs {
                    all &= one(config, object, name, value)?;
                }
                all
            }
        })
    }
}

/// Rows contain one key of an object.
fn first_key(value: &Json) -> Json {
    match value.get(KEYS).and_then(Json::as_array) {
        Some(keys) => keys.first().cloned().unwrap_or_default(),
        None => value.clone(),
    }
}

fn one(config: &Snapshot, object: &Object, name: &str, wanted: &Json) -> Result<bool, CallError> {
    let mut path: Vec<&str> = name.split("__").collect();
    let lookup = path.last().and_then(|last| Lookup::parse(last)).filter(|_| path.len() > 1);
    if lookup.is_some() {
        path.pop();
    }
    let lookup = lookup.unwrap_or(Lookup::Exact);
    let unknown = || CallError::Type(format!("Cannot resolve keyword '{name}' into field."));
    let (first, rest) = path.split_first().ok_or_else(unknown)?;
    let found = field(object, first).ok_or_else(unknown)?;
    if let Some(keys) = wanted.get(KEYS).and_then(Json::as_array) {
        return Ok(rest.is_empty() && keys.contains(&found));
    }
    if lookup == Lookup::Isnull {
        return Ok(found.is_null() == wanted.as_bool().unwrap_or(true));
    }
    // A name after a reference is a field of the referenced object.
    if let (false, Some(meant)) = (rest.is_empty(), referred(config, object, first, &found)) {
        return one(config, &meant, &name[first.len() + 2..], wanted);
    }
    if !rest.is_empty() && !found.is_object() {
        // A null reference matches no condition on its target.
        return if reference(object, first).is_some() { Ok(false) } else { Err(unknown()) };
    }
    let wanted = match wanted {
        Json::Array(items) => Json::Array(
            items
                .iter()
                .flat_map(|item| {
                    item.get(KEYS).and_then(Json::as_array).cloned().unwrap_or_else(|| vec![item.clone()])
                })
                .collect(),
        ),
        other => other.clone(),
    };
    signet_store::lookups::pattern(lookup, &wanted).map_err(CallError::Type)?;
    let rest: Vec<String> = rest.iter().map(|part| (*part).to_owned()).collect();
    Ok(holds(&found, &rest, lookup, &wanted) == Some(true))
}

/// A setting by name, or one of the keys.
pub fn field(object: &Object, name: &str) -> Option<Json> {
    match name {
        "pk" | "id" => Some(object.wire_pk()),
        "uuid" => Some(Json::from(object.pk.to_string())),
        "pbm_uuid" | "policybindingmodel_ptr_id" => object.pbm().map(|pbm| Json::from(pbm.to_string())),
        _ => {
            let known =
                object.def.field(name).filter(|field| !field.secret && !field.write_only && !field.hidden)?;
            Some(object.data.get(known.name).cloned().unwrap_or_default())
        }
    }
}

fn referred(config: &Snapshot, object: &Object, name: &str, value: &Json) -> Option<Arc<Object>> {
    reference(object, name)?;
    let found = match value {
        Json::Number(number) => config.by_num(number.as_i64()?),
        Json::String(text) => {
            let key = signet_base::Uuid::parse_str(text).ok()?;
            config.get(key).or_else(|| config.by_pbm(key))
        }
        _ => None,
    };
    found.cloned()
}

fn reference(object: &Object, name: &str) -> Option<()> {
    matches!(object.def.field(name)?.kind, signet_model::FieldKind::Ref { .. }).then_some(())
}
