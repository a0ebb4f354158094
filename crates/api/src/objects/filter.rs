//! Filters, search and ordering of objects in memory.
use signet_base::{FieldErrors, Json, Timestamp, Uuid};
use signet_core::models::{PolicyBinding, PreparedCertificate};
use signet_model::{Base, FieldDef, FieldKind, ModelDef, Object, OrderKey, Snapshot};
use signet_rest::Call;
use signet_rest::list::boolean;
use std::cmp::Reverse;
use std::sync::Arc;

/// A filter: keeps objects whose field has one of the values.
pub(crate) enum FieldFilter {
    OneOf(String, Vec<Json>),
    Null(&'static str, bool),
    Created(Timestamp),
    Updated(Timestamp),
}

/// Reads the declared filters. Unknown parameters, empty values and invalid booleans are ignored.
pub(crate) fn read(call: &Call, def: &ModelDef) -> Result<Vec<FieldFilter>, FieldErrors> {
    let mut errors = FieldErrors::new();
    let mut out = Vec::new();
    for field in def.fields.iter().filter(|f| f.filter || f.name == "managed" || f.unique) {
        if let Some(null) = call.flag(&format!("{}__isnull", field.name)) {
            out.push(FieldFilter::Null(field.name, null));
        }
        let mut texts: Vec<String> =
            call.params(field.name).into_iter().filter(|t| !t.is_empty()).map(str::to_owned).collect();
        for list in [format!("{}_in", field.name), format!("{}__in", field.name)] {
            texts.extend(
                call.params(&list)
                    .iter()
                    .flat_map(|t| t.split(','))
                    .map(str::trim)
                    .filter(|t| !t.is_empty())
                    .map(str::to_owned),
            );
        }
        let mut values = Vec::new();
        for text in &texts {
            match value(&field.kind, text, call) {
                Ok(Some(v)) => values.push(v),
                Ok(None) => {}
                Err(message) => errors.add(field.name, message),
            }
        }
        if !values.is_empty() {
            out.push(FieldFilter::OneOf(field.name.to_owned(), values));
        }
    }
    for name in ["pk", "pbm_uuid", "flow_uuid", "policy_uuid", "brand_uuid", "stage_uuid", "fsb_uuid"] {
        if let Some(text) = call.param(name).filter(|t| !t.is_empty()) {
            match Uuid::parse_str(text) {
                Ok(id) => out.push(FieldFilter::OneOf(name.to_owned(), vec![Json::String(id.to_string())])),
                Err(_) if def.numbered => {}
                Err(_) => errors.add(name, "Enter a valid UUID."),
            }
        }
    }
    for (name, of) in [
        ("created", FieldFilter::Created as fn(Timestamp) -> FieldFilter),
        ("last_updated", FieldFilter::Updated),
    ] {
        if let Some(text) = call.param(name).filter(|t| !t.is_empty() && def.field(name).is_none()) {
            match Timestamp::parse(text) {
                Ok(at) => out.push(of(at)),
                Err(_) => errors.add(name, "Enter a valid date/time."),
            }
        }
    }
    // Bindings and flows by a bound policy, providers by their application.
    if def.bindable && call.params("policies").iter().any(|t| !t.is_empty()) {
        let policies = keys(call, "policies", &mut errors);
        let bound = call
            .config
            .all::<PolicyBinding>()
            .filter(|(_, b)| b.policy.is_some_and(|p| policies.contains(&p)))
            .map(|(o, _)| o.data.get("target").cloned().unwrap_or_default());
        out.push(FieldFilter::OneOf("pbm_uuid".to_owned(), bound.collect()));
    }
    if def.base == Some(Base::Provider) && call.params("application").iter().any(|t| !t.is_empty()) {
        let applications = keys(call, "application", &mut errors);
        let used = applications
            .iter()
            .filter_map(|pk| call.config.by_num(call.config.get(*pk)?.data.get("provider")?.as_i64()?));
        out.push(FieldFilter::OneOf(
            "pk".to_owned(),
            used.map(|provider| Json::String(provider.pk.to_string())).collect(),
        ));
    }
    if def.is("authentik_stages_invitation.invitationstage")
        && let Some(unused) = call.flag("no_flows")
    {
        let stages = call.config.family(Base::Stage).filter(|s| unused != is_bound(s, &call.config));
        out.push(FieldFilter::OneOf(
            "pk".to_owned(),
            stages.map(|s| Json::String(s.pk.to_string())).collect(),
        ));
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

/// Whether a flow contains the stage.
fn is_bound(stage: &Object, config: &Snapshot) -> bool {
    config.referring(stage, "stage").next().is_some()
}

/// Keys of existing objects.
fn keys(call: &Call, name: &'static str, errors: &mut FieldErrors) -> Vec<Uuid> {
    let mut out = Vec::new();
    for text in call.params(name).into_iter().filter(|t| !t.is_empty()) {
        match Uuid::parse_str(text) {
            Ok(pk) if call.config.get(pk).is_some_and(|o| call.sees(o)) => out.push(pk),
            Ok(_) => errors
                .add(name, format!("Select a valid choice. {text} is not one of the available choices.")),
            Err(_) => errors.add(name, format!("“{text}” is not a valid UUID.")),
        }
    }
    out
}

fn value(kind: &FieldKind, text: &str, call: &Call) -> Result<Option<Json>, String> {
    let config = &call.config;
    let no_choice = || format!("Select a valid choice. {text} is not one of the available choices.");
    match kind {
        FieldKind::Bool => Ok(boolean(text).map(Json::Bool)),
        FieldKind::Int => {
            text.parse::<i64>().map(|n| Some(Json::from(n))).map_err(|_| "Enter a number.".to_owned())
        }
        FieldKind::Float => {
            text.parse::<f64>().map(|n| Some(Json::from(n))).map_err(|_| "Enter a number.".to_owned())
        }
        FieldKind::Uuid => Uuid::parse_str(text)
            .map(|id| Some(Json::String(id.to_string())))
            .map_err(|_| "Enter a valid UUID.".to_owned()),
        FieldKind::Time => Timestamp::parse(text)
            .map(|at| Some(Json::String(at.to_string())))
            .map_err(|_| "Enter a valid date/time.".to_owned()),
        FieldKind::Choice(words) => {
            if words.contains(&text) {
                Ok(Some(Json::from(text)))
            } else {
                Err(no_choice())
            }
        }
        FieldKind::Ref { target: "authentik_core.user", .. } => {
            text.parse::<i64>().map(|n| Some(Json::from(n))).map_err(|_| no_choice())
        }
        FieldKind::Ref { target, .. } => {
            if let Ok(n) = text.parse::<i64>() {
                return config
                    .by_num(n)
                    .filter(|o| o.def.answers_to(target) && call.sees(o))
                    .map(|_| Some(Json::from(n)))
                    .ok_or_else(no_choice);
            }
            let id = Uuid::parse_str(text).map_err(|_| format!("“{text}” is not a valid UUID."))?;
            let known = matches!(*target, "bindable" | "authentik_core.group")
                || config.get(id).is_some_and(|o| o.def.answers_to(target) && call.sees(o));
            if known { Ok(Some(Json::String(id.to_string()))) } else { Err(no_choice()) }
        }
        FieldKind::List(inner) => value(inner, text, call),
        _ => Ok(Some(Json::from(text))),
    }
}

/// Whether an object matches all filters.
pub(crate) fn passes(object: &Object, wanted: &[FieldFilter]) -> bool {
    wanted.iter().all(|w| match w {
        FieldFilter::Null(field, null) => {
            object.data.get(*field).is_none_or(|v| v.is_null() || v.as_array().is_some_and(Vec::is_empty))
                == *null
        }
        FieldFilter::Created(at) => object.created == *at,
        FieldFilter::Updated(at) => object.updated == *at,
        FieldFilter::OneOf(field, values) => match object.data.get(field.as_str()) {
            Some(Json::Array(list)) => values.iter().any(|v| list.contains(v)),
            Some(own) => values.contains(own),
            None if field == "pbm_uuid" => {
                object.pbm().is_some_and(|p| values.contains(&Json::String(p.to_string())))
            }
            None => values.contains(&Json::String(object.pk.to_string())),
        },
    })
}

/// `has_key` and `key_type` of certificates: properties of the key, not fields.
pub(crate) fn certificates(call: &Call, list: &mut Vec<Arc<Object>>) {
    if let Some(wanted) = call.flag("has_key") {
        list.retain(|o| o.prepared::<PreparedCertificate>().is_ok_and(|p| p.key.is_some() == wanted));
    }
    let kinds = call.params("key_type");
    if kinds.iter().any(|k| !k.is_empty()) {
        list.retain(|o| {
            o.prepared::<PreparedCertificate>()
                .is_ok_and(|p| p.certificate.key_type().is_some_and(|t| kinds.contains(&t.as_str())))
        });
    }
}

/// Every search word must occur in one of the model's search fields; `a__b` is field `b` of the object that
/// `a` refers to. Objects hidden from the caller are not searched.
pub(crate) fn found(call: &Call, object: &Object, fields: &[&str], search: &str) -> bool {
    if search.is_empty() {
        return true;
    }
    let texts: Vec<String> = fields.iter().map(|f| text(call, object, f).to_lowercase()).collect();
    search.to_lowercase().split_whitespace().all(|word| texts.iter().any(|t| t.contains(word)))
}

fn text(call: &Call, object: &Object, path: &str) -> String {
    let config = &call.config;
    match path.split_once("__") {
        Some((field, inner)) => {
            let target = match object.data.get(field) {
                Some(Json::String(pk)) => Uuid::parse_str(pk).ok().and_then(|pk| config.get(pk)),
                Some(Json::Number(n)) => n.as_i64().and_then(|n| config.by_num(n)),
                _ => None,
            };
            target
                .filter(|t| call.sees(t) && t.def.field(inner).is_some_and(is_shown))
                .map(|t| t.text(inner).to_owned())
                .unwrap_or_default()
        }
        None => match object.data.get(path) {
            Some(Json::String(s)) => s.clone(),
            Some(Json::Number(n)) => n.to_string(),
            _ => String::new(),
        },
    }
}

/// Whether the value of a field may be told by an order or a search.
fn is_shown(field: &FieldDef) -> bool {
    !(field.hidden || field.write_only || field.secret)
}

/// Sorts by the wanted fields (`-` for descending). Unknown names are ignored; without any the list keeps its order.
pub(crate) fn sort(call: &Call, list: &mut [Arc<Object>], wanted: &str) {
    let known = |name: &str| {
        let name = name.trim_start_matches('-');
        name == "pk"
            || name == "created"
            || name == "last_updated"
            || name.contains("__")
            || list.iter().any(|o| o.data.contains_key(name) && o.def.field(name).is_none_or(is_shown))
    };
    let names: Vec<(&str, bool)> = wanted
        .split(',')
        .map(str::trim)
        .filter(|n| !n.is_empty() && known(n))
        .map(|n| n.strip_prefix('-').map_or((n, false), |n| (n, true)))
        .collect();
    if names.is_empty() {
        return;
    }
    list.sort_by_cached_key(|object| {
        let keys = names.iter().map(|(name, down)| {
            let key = order_key(call, object, name);
            if *down { Direction::Descending(Reverse(key)) } else { Direction::Ascending(key) }
        });
        (keys.collect::<Vec<_>>(), object.num, object.pk)
    });
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Ascending(OrderKey),
    Descending(Reverse<OrderKey>),
}

fn order_key(call: &Call, object: &Object, name: &str) -> OrderKey {
    match name {
        "pk" => {
            object.num.map_or_else(|| OrderKey::text(&object.pk.to_string()), |n| OrderKey::Number(n as f64))
        }
        _ if name.contains("__") => OrderKey::text(&text(call, object, name)),
        _ => OrderKey::of(object, name),
    }
}
