//! Lists: paging, envelope, filters of row resources.
use crate::call::{ApiResult, Call, Fault};
use crate::reply::Reply;
use http::StatusCode;
use signet_base::akql::Query;
use signet_base::{FieldErrors, Json, Timestamp, Uuid, json};
use signet_model::{ColumnDef, ColumnKind, FieldKind, FilterDef, FilterOp, Scope, TableDef};
use signet_store::table::Record;
use signet_store::{Filters as Declared, ListQuery, Page, Places, Value, understands};

/// The requested part of a list.
#[derive(Debug, Clone)]
pub struct Paging {
    /// From 1.
    pub page: u64,
    pub size: u64,
    pub ordering: String,
    pub search: String,
    /// The rows that the caller may see.
    pub scope: Scope,
    pub places: Places,
    /// Whether rows are found and sorted by the names of their owners.
    pub by_owner_names: bool,
}

/// Whoever lacks it on a person neither finds nor sorts rows by the name of that person.
const VIEW_USER: &str = "authentik_core.view_user";

fn no_page() -> Fault {
    Fault::detail(StatusCode::NOT_FOUND, "Invalid page.")
}

impl Paging {
    /// Reads `page`, `page_size`, `ordering` and `search`. An invalid size becomes the default; an invalid
    /// page is a 404.
    pub fn read(call: &Call) -> Result<Self, Fault> {
        let system = call.core.system();
        let default = u64::try_from(system.pagination_default_page_size).unwrap_or(20).max(1);
        let max = u64::try_from(system.pagination_max_page_size).unwrap_or(100).max(1);
        Ok(Self {
            page: number(call.param("page"))?,
            size: size(call.param("page_size"), default, max),
            ordering: call.param("ordering").unwrap_or_default().to_owned(),
            search: call.param("search").unwrap_or_default().trim().to_owned(),
            scope: call.scope(),
            places: call.core.places.clone(),
            by_owner_names: call.may(VIEW_USER),
        })
    }
    /// The same for the store, with nothing but the page.
    pub fn query(&self) -> ListQuery {
        let page = Page {
            ordering: self.ordering.clone(),
            page: self.page,
            size: self.size,
            scope: self.scope.clone(),
            places: self.places.clone(),
            by_owner_names: self.by_owner_names,
        };
        ListQuery { page, ..ListQuery::default() }
    }
    /// The same for the store, with the filters that the table declares.
    pub fn rows<T: Record>(&self, filters: &mut Filters<'_>) -> ListQuery {
        // Words, or a query of the query language that the list understands.
        let query = Query::parse(&self.search).filter(understands::<T>);
        let search = if query.is_some() { String::new() } else { self.search.clone() };
        ListQuery { search, filters: filters.declared(T::TABLE), query, ..self.query() }
    }
    fn pages(&self, total: u64) -> u64 {
        total.div_ceil(self.size).max(1)
    }
    /// Cuts a page out of a complete list.
    pub fn cut<T>(&self, all: Vec<T>) -> Result<(Vec<T>, u64), Fault> {
        let total = u64::try_from(all.len()).unwrap_or(u64::MAX);
        if self.page > self.pages(total) {
            return Err(no_page());
        }
        let skip = usize::try_from((self.page - 1).saturating_mul(self.size)).unwrap_or(usize::MAX);
        Ok((
            all.into_iter().skip(skip).take(usize::try_from(self.size).unwrap_or(usize::MAX)).collect(),
            total,
        ))
    }
    /// The list envelope.
    pub fn envelope(&self, results: Vec<Json>, total: u64, autocomplete: Json) -> ApiResult {
        let pages = self.pages(total);
        if self.page > pages {
            return Err(no_page());
        }
        let start = (self.page - 1).saturating_mul(self.size);
        Ok(Reply::ok(json!({
            "pagination": {
                "next": if self.page < pages { self.page + 1 } else { 0 },
                "previous": self.page - 1,
                "count": total,
                "current": self.page,
                "total_pages": pages,
                "start_index": if total == 0 { 0 } else { start + 1 },
                "end_index": start.saturating_add(self.size).min(total),
            },
            "results": results,
            "autocomplete": autocomplete,
        })))
    }
}

fn number(text: Option<&str>) -> Result<u64, Fault> {
    match text {
        None | Some("") => Ok(1),
        Some(text) => text.parse().ok().filter(|n| *n >= 1).ok_or_else(no_page),
    }
}
fn size(text: Option<&str>, default: u64, max: u64) -> u64 {
    text.and_then(|t| t.parse::<u64>().ok()).filter(|n| *n >= 1).unwrap_or(default).min(max)
}

/// The requested page of a list that is not in the store.
pub fn page(call: &Call, all: Vec<Json>) -> ApiResult {
    let paging = Paging::read(call)?;
    let (results, total) = paging.cut(all)?;
    paging.envelope(results, total, json!({}))
}

/// Reads query parameters; errors as in Django filters.
pub struct Filters<'a> {
    call: &'a Call,
    pub errors: FieldErrors,
}
impl<'a> Filters<'a> {
    pub fn new(call: &'a Call) -> Self {
        Self { call, errors: FieldErrors::new() }
    }
    pub fn text(&self, name: &str) -> Option<String> {
        self.call.param(name).filter(|t| !t.is_empty()).map(str::to_owned)
    }
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.call.params(name).into_iter().filter(|t| !t.is_empty()).map(str::to_owned).collect()
    }
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.call.flag(name)
    }
    pub fn uuid(&mut self, name: &str) -> Option<Uuid> {
        let text = self.text(name)?;
        let id = Uuid::parse_str(&text).ok();
        if id.is_none() {
            self.errors.add(name, "Enter a valid UUID.");
        }
        id
    }
    pub fn uuids(&mut self, name: &str) -> Vec<Uuid> {
        let mut all = Vec::new();
        for text in self.texts(name) {
            match Uuid::parse_str(&text) {
                Ok(id) => all.push(id),
                Err(_) => self.errors.add(name, format!("“{text}” is not a valid UUID.")),
            }
        }
        all
    }
    pub fn int(&mut self, name: &str) -> Option<i64> {
        let text = self.text(name)?;
        let n = text.parse().ok();
        if n.is_none() {
            self.errors.add(name, "Enter a number.");
        }
        n
    }
    pub fn ints(&mut self, name: &str) -> Vec<i64> {
        let mut all = Vec::new();
        for text in self.texts(name) {
            match text.parse() {
                Ok(n) => all.push(n),
                Err(_) => self.errors.add(name, format!("“{text}” is not a valid value.")),
            }
        }
        all
    }
    pub fn time(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.text(name)?;
        let at = Timestamp::parse(&text).ok();
        if at.is_none() {
            self.errors.add(name, "Enter a valid date/time.");
        }
        at
    }
    /// A repeatable parameter; each value must be one of the words.
    pub fn choices(&mut self, name: &str, words: &[&str]) -> Vec<String> {
        let all = self.texts(name);
        for text in &all {
            if !words.contains(&text.as_str()) {
                self.errors
                    .add(name, format!("Select a valid choice. {text} is not one of the available choices."));
            }
        }
        all
    }
    /// The parameters that a table declares, and the owner's name.
    pub fn declared(&mut self, def: &'static TableDef) -> Declared {
        let mut out = Declared::default();
        for column in def.columns {
            for filter in column.filters {
                let values = self.values(column, filter);
                if !values.is_empty() {
                    out.push(filter.name, filter.op, values);
                }
            }
            if column.owner {
                let name = format!("{}__username", column.field.name);
                if let Some(text) = self.text(&name) {
                    out.push(name, FilterOp::Equal, vec![text.into()]);
                    if let Some(people) = self.call.people() {
                        let people = people.into_iter().map(Value::from).collect();
                        out.push(column.field.name, FilterOp::AnyOf, people);
                    }
                }
            }
        }
        out
    }
    fn values(&mut self, column: &ColumnDef, filter: &FilterDef) -> Vec<Value> {
        let name = filter.name;
        match (filter.op, column.kind) {
            (FilterOp::IsNull, _) | (_, ColumnKind::Flag) => {
                self.flag(name).into_iter().map(Value::from).collect()
            }
            (FilterOp::AnyOf, _) => match column.field.kind {
                FieldKind::Choice(words) => self.choices(name, words).into_iter().map(Value::from).collect(),
                // `…_in` is one text with commas, other names are repeated.
                _ if name.ends_with("_in") => {
                    let text = self.text(name).unwrap_or_default();
                    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(Value::from).collect()
                }
                _ => self.texts(name).into_iter().map(Value::from).collect(),
            },
            (_, ColumnKind::Time) => self.time(name).into_iter().map(Value::from).collect(),
            (_, ColumnKind::Int) => self.int(name).into_iter().map(Value::from).collect(),
            (_, ColumnKind::Uuid) => self.uuid(name).into_iter().map(Value::from).collect(),
            (_, ColumnKind::Text | ColumnKind::Json) => {
                self.text(name).into_iter().map(Value::from).collect()
            }
        }
    }
    pub fn done(self) -> Result<(), Fault> {
        Ok(self.errors.into_result()?)
    }
}

/// The member `autocomplete` of lists that support the query language.
pub fn autocomplete(model: &str, fields: &[(&str, &str, Option<&[&str]>)]) -> Json {
    let mut members = signet_base::Map::new();
    for (name, kind, options) in fields {
        let mut member = json!({"type": kind, "nullable": false, "options": options});
        if *kind == "relation" {
            member["relation"] = json!(format!("{model}_{name}"));
        }
        members.insert((*name).to_owned(), member);
    }
    json!({"current_model": model, "models": {model: members}})
}

/// Parses `true`/`false` of query parameters.
pub fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn paging(page: u64, size: u64) -> Paging {
        Paging {
            page,
            size,
            ordering: String::new(),
            search: String::new(),
            scope: Scope::All,
            places: Places::default(),
            by_owner_names: true,
        }
    }
    fn pagination(page: u64, size: u64, total: u64) -> Json {
        match paging(page, size).envelope(Vec::new(), total, json!({})) {
            Ok(Reply::Json(_, body)) => body["pagination"].clone(),
            _ => Json::Null,
        }
    }
    #[test]
    fn pages_are_numbered_and_zero_means_none() {
        assert_eq!(
            pagination(3, 10, 25),
            json!({"next": 0, "previous": 2, "count": 25, "current": 3, "total_pages": 3, "start_index": 21, "end_index": 25})
        );
        assert_eq!(
            pagination(1, 20, 0),
            json!({"next": 0, "previous": 0, "count": 0, "current": 1, "total_pages": 1, "start_index": 0, "end_index": 0})
        );
        assert_eq!(pagination(9, 10, 25), Json::Null);
    }
    #[test]
    fn bad_sizes_are_the_default_and_bad_pages_are_refused() {
        for text in ["0", "-1", "x", ""] {
            assert_eq!(size(Some(text), 20, 100), 20, "{text}");
        }
        assert_eq!(size(Some("1000"), 20, 100), 100);
        for text in ["0", "x", "-1", "1.5"] {
            assert!(number(Some(text)).is_err(), "{text}");
        }
        assert_eq!(number(None).unwrap(), 1);
    }
}
