//! Conversion of an entry's values, and of rows for comparison.
use super::Wrong;
use signet_base::{Json, Map, Uuid};
use signet_model::FieldKind;
use signet_store::table::Record;

pub fn wrong<T>(field: &str, message: impl Into<String>) -> Result<T, Wrong> {
    Err((field.to_owned(), message.into()))
}
pub fn internal(error: signet_base::Error) -> Wrong {
    (String::new(), error.to_string())
}

pub fn same<T: Ord + Clone>(a: &[T], b: &[T]) -> bool {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    a.sort_unstable();
    b.sort_unstable();
    a == b
}
pub fn text(field: &str, value: &Json, blank: bool) -> Result<String, Wrong> {
    match value {
        Json::String(text) if blank || !text.trim().is_empty() => Ok(text.clone()),
        Json::String(_) => wrong(field, "This field may not be blank."),
        Json::Number(n) => Ok(n.to_string()),
        _ => wrong(field, "Not a valid string."),
    }
}
/// Primary keys, each once.
pub fn keys(field: &str, value: &Json) -> Result<Vec<Uuid>, Wrong> {
    let Json::Array(list) = value else { return wrong(field, "Expected a list of items.") };
    let mut out = Vec::with_capacity(list.len());
    for item in list {
        let Some(id) = item.as_str().and_then(|s| Uuid::parse_str(s).ok()) else {
            return wrong(field, format!("“{item}” is not a valid UUID."));
        };
        if !out.contains(&id) {
            out.push(id);
        }
    }
    Ok(out)
}
pub fn flag(field: &str, value: &Json) -> Result<bool, Wrong> {
    match value {
        Json::Bool(b) => Ok(*b),
        Json::String(s) if matches!(s.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1") => Ok(true),
        Json::String(s) if matches!(s.to_ascii_lowercase().as_str(), "false" | "no" | "off" | "0") => {
            Ok(false)
        }
        Json::Number(n) if n.as_i64() == Some(1) => Ok(true),
        Json::Number(n) if n.as_i64() == Some(0) => Ok(false),
        _ => wrong(field, "Must be a valid boolean."),
    }
}
pub fn object(field: &str, value: &Json) -> Result<Map, Wrong> {
    value.as_object().cloned().map_or_else(|| wrong(field, "Value must be a dictionary."), Ok)
}
/// Whether the table has a column of this name that an entry may set.
pub fn has_column<T: Record>(field: &str) -> bool {
    T::TABLE.column(field).is_some_and(|column| !column.field.hidden && !column.field.read_only)
}
/// Sets a column by its declaration, with the leniency of entries; what the table does not have is refused.
pub fn set<T: Record>(record: &mut T, field: &str, value: &Json) -> Result<(), Wrong> {
    let Some(column) = T::TABLE.column(field).filter(|c| !c.field.hidden && !c.field.read_only) else {
        return wrong(field, format!("A {} has no such field.", T::TABLE.label));
    };
    let json = match column.field.kind {
        _ if value.is_null() && column.nullable => Json::Null,
        FieldKind::Bool => flag(field, value)?.into(),
        FieldKind::Object => object(field, value)?.into(),
        FieldKind::Choice(words) => {
            let word = text(field, value, false)?;
            if !words.contains(&word.as_str()) {
                return wrong(field, format!("\"{word}\" is not a valid choice."));
            }
            word.into()
        }
        FieldKind::Text | FieldKind::Slug | FieldKind::Email => {
            text(field, value, column.field.blank)?.into()
        }
        _ => value.clone(),
    };
    if record.set(column.field.name, &json) { Ok(()) } else { wrong(field, "Not a valid value.") }
}
