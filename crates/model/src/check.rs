//! Validates a client's input for a model: types, required members, ranges, choices, references, uniqueness.
//! Messages follow the API contract.
use crate::{FieldDef, FieldKind, ModelDef, Object, Secrets, Snapshot};
use signet_base::{FieldErrors, Json, Map, Ports, Result, Secret, Span, Timestamp, Uuid};

pub use crate::references::reference_values;

/// A write in validation: the object before and its data after.
pub struct Change<'a> {
    pub def: &'static ModelDef,
    /// The object before the write; `None` on creation.
    pub before: Option<&'a Object>,
    pub data: Map,
    pub secrets: Secrets,
    /// Members the client sent. Rules that treat a default differently from a sent value need them.
    pub sent: Vec<&'static str>,
}

impl Change<'_> {
    pub fn text(&self, field: &str) -> &str {
        self.data.get(field).and_then(Json::as_str).unwrap_or_default()
    }
    /// The secret after the write.
    pub fn secret(&self, field: &str) -> Option<&Secret> {
        self.secrets.get(field)
    }
}

/// Existence of rows outside the object store. Looked up before validation, so that validation stays pure.
pub trait Lookup {
    fn user_exists(&self, id: i64) -> bool;
    fn group_exists(&self, id: Uuid) -> bool;
}

/// Validates `incoming` against the declaration. With `partial` (PATCH) unsent members keep their values.
/// Otherwise (PUT) an unsent member falls back to the stored value, then to the default, as in authentik;
/// without either it is missing.
pub fn check<'a>(
    def: &'static ModelDef,
    incoming: &Map,
    before: Option<&'a Object>,
    partial: bool,
    config: &Snapshot,
    rows: &dyn Lookup,
    ports: &Ports,
) -> Result<Change<'a>> {
    let mut errors = FieldErrors::new();
    let mut change = Change { def, before, data: Map::new(), secrets: Secrets::new(), sent: Vec::new() };
    for field in def.fields {
        let sent = incoming.get(field.name).filter(|_| !field.read_only);
        if sent.is_some() {
            change.sent.push(field.name);
        }
        let value = match sent {
            Some(value) => match normal(field, value, config, rows) {
                Ok(value) => value,
                Err(ValueError::Text(text)) => {
                    errors.add(field.name, text);
                    continue;
                }
                Err(ValueError::Shape(shape)) => {
                    errors.set(field.name, shape);
                    continue;
                }
            },
            None if field.required && !partial => {
                errors.add(field.name, "This field is required.");
                continue;
            }
            None => {
                if field.secret {
                    if let Some(secret) = before.and_then(|o| o.secrets.get(field.name)) {
                        change.secrets.insert(field.name.to_owned(), secret.clone());
                        continue;
                    }
                } else if let Some(value) = before.and_then(|o| o.data.get(field.name)) {
                    change.data.insert(field.name.to_owned(), value.clone());
                    continue;
                }
                let value = field.default.map_or_else(|| empty(&field.kind, field.nullable), |f| f(ports));
                if matches!(field.kind, FieldKind::Float) { float(&value).unwrap_or(value) } else { value }
            }
        };
        if field.secret {
            if let Json::String(text) = value {
                change.secrets.insert(field.name.to_owned(), Secret::new(text));
            }
        } else {
            change.data.insert(field.name.to_owned(), value);
        }
    }
    if def.bindable && !def.bound_by_pk {
        let pbm = before
            .map(|o| o.text("pbm_uuid").to_owned())
            .filter(|t| !t.is_empty())
            .unwrap_or_else(|| ports.uuid().to_string());
        change.data.insert("pbm_uuid".into(), Json::String(pbm));
    }
    unique(&change, config, &mut errors);
    if errors.is_empty()
        && let Some(rule) = def.check
        && let Err(more) = rule(&mut change, config)
    {
        errors.merge(more);
    }
    errors.into_result()?;
    Ok(change)
}

fn unique(change: &Change<'_>, config: &Snapshot, errors: &mut FieldErrors) {
    let def = change.def;
    let other = |o: &Object| change.before.is_none_or(|before| before.pk != o.pk);
    // That a flag is set once has a sentence of the model's own rule.
    for field in def.fields.iter().filter(|f| f.unique && !matches!(f.kind, FieldKind::Bool)) {
        if errors.contains(field.name) {
            continue;
        }
        let Some(value) = change.data.get(field.name).filter(|v| !v.is_null()) else { continue };
        let same = |o: &Object| {
            other(o)
                && o.def.field(field.name).is_some_and(|f| f.unique)
                && o.data.get(field.name) == Some(value)
        };
        let taken = match def.base.filter(|base| def.unique_scope(field.name) == base.label()) {
            Some(base) => config.family_having(base, field.name, value).any(|o| same(o)),
            None => config.having(def, field.name, value).any(|o| same(o)),
        };
        if taken {
            errors.add(
                field.name,
                format!(
                    "{} with this {} already exists.",
                    def.verbose_name(field.name),
                    field.name.replace('_', " ")
                ),
            );
        }
    }
    if errors.is_empty() && config.having_together(def, &change.data).any(|o| other(o)) {
        errors.add(
            "non_field_errors",
            format!("The fields {} must make a unique set.", def.unique_together.join(", ")),
        );
    }
}

fn empty(kind: &FieldKind, nullable: bool) -> Json {
    match kind {
        _ if nullable => Json::Null,
        FieldKind::Bool => Json::Bool(false),
        FieldKind::Int => Json::from(0),
        FieldKind::Float => Json::from(0.0),
        FieldKind::Object => Json::Object(Map::new()),
        FieldKind::List(_) | FieldKind::Items(_) => Json::Array(Vec::new()),
        FieldKind::Json | FieldKind::Time | FieldKind::Uuid | FieldKind::Ref { .. } => Json::Null,
        FieldKind::Text
        | FieldKind::Slug
        | FieldKind::Email
        | FieldKind::Url
        | FieldKind::Expression
        | FieldKind::Duration => Json::String(String::new()),
        FieldKind::Choice(words) => words.first().map_or(Json::Null, |w| Json::String((*w).to_owned())),
    }
}

/// An error of one value: a message, or nested errors of list items.
pub enum ValueError {
    Text(String),
    Shape(Json),
}
impl From<String> for ValueError {
    fn from(text: String) -> Self {
        ValueError::Text(text)
    }
}
impl From<&str> for ValueError {
    fn from(text: &str) -> Self {
        ValueError::Text(text.to_owned())
    }
}

/// Converts a sent value to its stored form, or returns the error.
pub fn normal(
    field: &FieldDef,
    value: &Json,
    config: &Snapshot,
    rows: &dyn Lookup,
) -> Result<Json, ValueError> {
    if value.is_null() {
        return if field.nullable { Ok(Json::Null) } else { Err("This field may not be null.".into()) };
    }
    if field.nullable
        && let Json::String(text) = value
        && text.is_empty()
        && matches!(
            field.kind,
            FieldKind::Ref { .. } | FieldKind::Choice(_) | FieldKind::Time | FieldKind::Uuid | FieldKind::Int
        )
    {
        // Forms and PowerShell clients of 2024 send "" for null.
        return Ok(Json::Null);
    }
    let value = one(field, &field.kind, value, config, rows)?;
    if field.nonempty && value.as_array().is_some_and(Vec::is_empty) {
        return Err("This list may not be empty.".into());
    }
    Ok(value)
}

fn one(
    field: &FieldDef,
    kind: &FieldKind,
    value: &Json,
    config: &Snapshot,
    rows: &dyn Lookup,
) -> Result<Json, ValueError> {
    match kind {
        FieldKind::Text | FieldKind::Slug | FieldKind::Email | FieldKind::Url | FieldKind::Expression | FieldKind::Duration => text(field, kind, value),
        FieldKind::Bool => match value {
            Json::Bool(b) => Ok(Json::Bool(*b)),
            Json::String(s) if matches!(s.to_ascii_lowercase().as_str(), "true" | "t" | "yes" | "y" | "on" | "1") => Ok(Json::Bool(true)),
            Json::String(s) if matches!(s.to_ascii_lowercase().as_str(), "false" | "f" | "no" | "n" | "off" | "0") => Ok(Json::Bool(false)),
            Json::Number(n) if n.as_i64() == Some(1) => Ok(Json::Bool(true)),
            Json::Number(n) if n.as_i64() == Some(0) => Ok(Json::Bool(false)),
            _ => Err("Must be a valid boolean.".into()),
        },
        FieldKind::Int => {
            let n = match value {
                Json::Number(n) => n.as_i64(),
                Json::String(s) => s.trim().parse().ok(),
                _ => None,
            };
            let n = n.ok_or(ValueError::from("A valid integer is required."))?;
            let (min, max) = (field.min.unwrap_or(i64::from(i32::MIN)), field.max.unwrap_or(i64::from(i32::MAX)));
            if n < min {
                return Err(format!("Ensure this value is greater than or equal to {min}.").into());
            }
            if n > max {
                return Err(format!("Ensure this value is less than or equal to {max}.").into());
            }
            Ok(Json::from(n))
        }
        FieldKind::Float => match value {
            Json::Number(_) => float(value).ok_or_else(|| "A valid number is required.".into()),
            Json::String(s) => s.trim().parse::<f64>().ok().filter(|f| f.is_finite()).map(Json::from).ok_or_else(|| "A valid number is required.".into()),
            _ => Err("A valid number is required.".into()),
        },
        FieldKind::Time => match value.as_str().map(Timestamp::parse) {
            Some(Ok(at)) => Ok(Json::String(at.to_string())),
            _ => Err("Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].".into()),
        },
        FieldKind::Uuid => match value.as_str().map(Uuid::parse_str) {
            Some(Ok(id)) => Ok(Json::String(id.to_string())),
            _ => Err("Must be a valid UUID.".into()),
        },
        FieldKind::Object => match value {
            Json::Object(_) => Ok(value.clone()),
            _ => Err("Value must be a dictionary, and not have any duplicate keys.".into()),
        },
        FieldKind::Json => Ok(value.clone()),
        FieldKind::Choice(words) => match value {
            Json::String(s) if words.contains(&s.as_str()) => Ok(value.clone()),
            Json::Number(n) if words.contains(&n.to_string().as_str()) => Ok(Json::String(n.to_string())),
            other => Err(format!("\"{}\" is not a valid choice.", plain(other)).into()),
        },
        FieldKind::Ref { target, .. } => reference(target, value, config, rows),
        FieldKind::List(inner) => {
            let Json::Array(list) = value else { return Err(format!("Expected a list of items but got type \"{}\".", type_name(value)).into()) };
            let mut out = Vec::with_capacity(list.len());
            let mut wrong = Map::new();
            for (index, item) in list.iter().enumerate() {
                match one(field, inner, item, config, rows) {
                    Ok(v) => {
                        if !(matches!(inner, FieldKind::Ref { .. } | FieldKind::Choice(_)) && out.contains(&v)) {
                            out.push(v);
                        }
                    }
                    // References report one error for the list; other items report theirs by index.
                    Err(ValueError::Text(text)) if !matches!(inner, FieldKind::Ref { .. }) => {
                        wrong.insert(index.to_string(), Json::Array(vec![Json::String(text)]));
                    }
                    Err(c) => return Err(c),
                }
            }
            if wrong.is_empty() { Ok(Json::Array(out)) } else { Err(ValueError::Shape(Json::Object(wrong))) }
        }
        FieldKind::Items(members) => items(members, value, config, rows),
    }
}

fn items(
    members: &'static [FieldDef],
    value: &Json,
    config: &Snapshot,
    rows: &dyn Lookup,
) -> Result<Json, ValueError> {
    let Json::Array(list) = value else {
        return Err(ValueError::Shape(
            serde_json::json!({"non_field_errors": [format!("Expected a list of items but got type \"{}\".", type_name(value))]}),
        ));
    };
    let (mut out, mut wrong, mut any) = (Vec::new(), Vec::new(), false);
    for item in list {
        let mut errors = FieldErrors::new();
        let mut data = Map::new();
        match item {
            Json::Object(sent) => {
                for member in members {
                    match sent.get(member.name) {
                        Some(v) => match normal(member, v, config, rows) {
                            Ok(v) => {
                                data.insert(member.name.to_owned(), v);
                            }
                            Err(ValueError::Text(t)) => errors.add(member.name, t),
                            Err(ValueError::Shape(s)) => errors.set(member.name, s),
                        },
                        None if member.required => errors.add(member.name, "This field is required."),
                        None => {
                            data.insert(
                                member.name.to_owned(),
                                member.default.map_or_else(
                                    || empty(&member.kind, member.nullable),
                                    |f| f(&Ports::system()),
                                ),
                            );
                        }
                    }
                }
            }
            other => errors.add(
                "non_field_errors",
                format!("Invalid data. Expected a dictionary, but got {}.", type_name(other)),
            ),
        }
        any |= !errors.is_empty();
        wrong.push(errors.to_json());
        out.push(Json::Object(data));
    }
    if any { Err(ValueError::Shape(Json::Array(wrong))) } else { Ok(Json::Array(out)) }
}

/// The number as a float: 1 becomes 1.0 on the wire.
fn float(value: &Json) -> Option<Json> {
    value.as_f64().filter(|f| f.is_finite()).map(Json::from)
}

/// Surrounding spaces are trimmed, except in a text that equals the default.
fn is_default(field: &FieldDef, text: &str) -> bool {
    field.default.is_some_and(|default| default(&Ports::system()).as_str() == Some(text))
}

fn text(field: &FieldDef, kind: &FieldKind, value: &Json) -> Result<Json, ValueError> {
    let text = match value {
        Json::String(s) => s.clone(),
        Json::Number(n) => n.to_string(),
        _ => return Err("Not a valid string.".into()),
    };
    if text.contains('\0') {
        return Err("Null characters are not allowed.".into());
    }
    let verbatim = field.secret
        || matches!(kind, FieldKind::Expression)
        || text.trim().len() == text.len()
        || is_default(field, &text);
    let text = if verbatim { text } else { text.trim().to_owned() };
    if text.is_empty() {
        return if field.blank { Ok(Json::String(text)) } else { Err("This field may not be blank.".into()) };
    }
    let limit = field.max.unwrap_or(i64::from(u32::MAX));
    if i64::try_from(text.chars().count()).unwrap_or(i64::MAX) > limit {
        return Err(format!("Ensure this field has no more than {limit} characters.").into());
    }
    match kind {
        FieldKind::Slug if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') => {
            return Err("Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.".into());
        }
        FieldKind::Email if !email(&text) => return Err("Enter a valid email address.".into()),
        FieldKind::Duration => {
            Span::parse(&text)?;
        }
        FieldKind::Url if !(text.starts_with("http://") || text.starts_with("https://")) => {
            return Err("Enter a valid URL.".into());
        }
        _ => {}
    }
    Ok(Json::String(text))
}

/// Maximum length of a user's name in characters.
pub const MAX_NAME: usize = 150;
/// Whether a text is usable as a user's name: a single line, since it appears in emails to others.
pub fn person_name(text: &str) -> bool {
    text.chars().count() <= MAX_NAME
        && !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

/// Syntax of email addresses: one `@`, a local part, and a host with a dot or `localhost`; no spaces, no
/// control characters.
pub fn email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let host_ok = host == "localhost"
        || (host.contains('.')
            && host.split('.').all(|l| {
                !l.is_empty()
                    && !l.starts_with('-')
                    && !l.ends_with('-')
                    && l.chars().all(|c| c.is_alphanumeric() || c == '-')
            }));
    !local.is_empty()
        && text.len() <= 254
        && host_ok
        && !local.starts_with('.')
        && !local.ends_with('.')
        && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c))
}

fn reference(target: &str, value: &Json, config: &Snapshot, rows: &dyn Lookup) -> Result<Json, ValueError> {
    let missing = || ValueError::Text(format!("Invalid pk \"{}\" - object does not exist.", plain(value)));
    if target == "authentik_core.user" {
        let id = match value {
            Json::Number(n) => n.as_i64(),
            Json::String(s) => s.parse().ok(),
            _ => None,
        };
        let id = id.ok_or_else(|| {
            ValueError::Text(format!("Incorrect type. Expected pk value, received {}.", type_name(value)))
        })?;
        return if rows.user_exists(id) { Ok(Json::from(id)) } else { Err(missing()) };
    }
    if let Some(n) = value
        .as_i64()
        .or_else(|| if target == "authentik_core.provider" { value.as_str()?.parse().ok() } else { None })
    {
        let found = config.by_num(n).filter(|o| o.def.answers_to(target));
        return found.map(|_| Json::from(n)).ok_or_else(missing);
    }
    let Some(id) = value.as_str().and_then(|s| Uuid::parse_str(s).ok()) else {
        return Err(ValueError::Text(match value {
            Json::String(s) => format!("“{s}” is not a valid UUID."),
            other => format!("Incorrect type. Expected pk value, received {}.", type_name(other)),
        }));
    };
    let found = match target {
        "authentik_core.group" => rows.group_exists(id),
        // Clients send the primary key of the guarded object; stored is its `pbm_uuid`, which policies are
        // bound to.
        "bindable" => {
            let pbm = config.by_pbm(id).or_else(|| config.get(id)).and_then(|o| o.pbm());
            return pbm.map(|pbm| Json::String(pbm.to_string())).ok_or_else(missing);
        }
        _ => config.get(id).is_some_and(|o| o.def.answers_to(target)),
    };
    if found { Ok(Json::String(id.to_string())) } else { Err(missing()) }
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(s) => s.clone(),
        other => other.to_string(),
    }
}
fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "NoneType",
        Json::Bool(_) => "bool",
        Json::Number(n) if n.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
    }
}
