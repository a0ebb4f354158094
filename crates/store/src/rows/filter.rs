//! The `WHERE` part of a list, from the declaration of its table.
use super::list::{contains, ordered, words};
use super::table;
use crate::db::{Db, Row, Value, in_list, in_params};
use signet_base::{Result, Uuid};
use signet_model::{ColumnDef, ColumnKind, FilterOp, Scope, TableDef};

/// Conditions on declared columns, all of which hold.
#[derive(Debug, Clone, Default)]
pub struct Filters(Vec<(String, FilterOp, Vec<Value>)>);

impl Filters {
    /// A parameter of the declaration, or the name of a column on the wire.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<String>,
        op: FilterOp,
        values: impl IntoIterator<Item = impl Into<Value>>,
    ) -> Self {
        self.push(name, op, values.into_iter().map(Into::into).collect());
        self
    }
    #[must_use]
    pub fn equal(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with(name, FilterOp::Equal, [value.into()])
    }
    pub fn push(&mut self, name: impl Into<String>, op: FilterOp, values: Vec<Value>) {
        self.0.push((name.into(), op, values));
    }
}

/// The column that a parameter narrows.
pub fn filtered(def: &'static TableDef, name: &str) -> Option<&'static ColumnDef> {
    def.columns.iter().find(|c| c.filters.iter().any(|f| f.name == name)).or_else(|| def.column(name))
}

/// One condition, as an index finds its rows, and as a row at hand is judged while the order's index is walked.
#[derive(Debug, Clone)]
struct Part {
    found: (String, Vec<Value>),
    judged: (String, Vec<Value>),
    /// An index has the rows in the default order.
    sorted: bool,
    /// What the index that finds them is sorted by.
    index: String,
}

/// How SQLite is told to go about a list; PostgreSQL knows from its statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// By the filters' indexes.
    Find,
    /// By the order's index, which no filter may replace.
    Walk,
}

/// The `WHERE` part under construction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    parts: Vec<Part>,
    /// Words that are looked for in the first rows only: see [`signet_model::Search::Window`].
    window: Vec<(String, Vec<Value>)>,
    nothing: bool,
    many: bool,
}

impl Filter {
    pub fn and(
        &mut self,
        condition: impl Into<String>,
        params: impl IntoIterator<Item = Value>,
    ) -> &mut Self {
        let one = (condition.into(), params.into_iter().collect::<Vec<_>>());
        self.either(one.clone(), one)
    }
    /// A condition with a text for each way.
    pub fn either(&mut self, found: (String, Vec<Value>), judged: (String, Vec<Value>)) -> &mut Self {
        self.parts.push(Part { found, judged, sorted: false, index: String::new() });
        self
    }
    /// Nothing fits.
    pub fn none(&mut self) {
        self.nothing = true;
    }
    /// More rows fit than are counted.
    pub fn many(&mut self) {
        self.many = true;
    }
    pub fn is_many(&self) -> bool {
        self.many
    }
    /// `column <op> ?`
    pub fn compare(&mut self, column: &str, op: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        self.either(
            (format!("{column} {op} ?"), vec![value.clone()]),
            (format!("+{column} {op} ?"), vec![value]),
        )
    }
    /// `column = value` when there is a value.
    pub fn equal(&mut self, column: &str, value: Option<impl Into<Value>>) -> &mut Self {
        match value {
            Some(value) => self.compare(column, "=", value),
            None => self,
        }
    }
    /// `column IN (…)` when there are values.
    pub fn one_of<V: Into<Value> + Clone>(&mut self, column: &str, values: &[V]) -> &mut Self {
        if values.is_empty() {
            return self;
        }
        let list = format!("{column} IN ({})", in_list(values.len()));
        let params = in_params(values.iter().cloned());
        self.either((list.clone(), params.clone()), (format!("+{list}"), params))
    }
    /// Only these keys; none of them is nothing.
    pub fn only(&mut self, column: &str, keys: &[Value]) -> &mut Self {
        if keys.is_empty() {
            self.none();
            return self;
        }
        self.one_of(column, keys)
    }
    /// Only rows that the scope lets through, by the key that the wire has and by the owner.
    pub fn scope(&mut self, def: &'static TableDef, scope: &Scope) -> &mut Self {
        let Some(column) = def.column("pk") else { return self };
        let key = format!("{}.{}", def.alias, column.name);
        // Numbers and UUIDs may stand in the text: there can be more than a statement has markers for.
        let among = |keys: &[String]| {
            let literal = |key: &String| match column.kind {
                ColumnKind::Int => key.parse::<i64>().map(|number| number.to_string()).ok(),
                // A digest.
                ColumnKind::Text => key.bytes().all(|b| b.is_ascii_hexdigit()).then(|| format!("'{key}'")),
                _ => Uuid::parse_str(key).map(|id| format!("'{id}'")).ok(),
            };
            let list: Vec<String> = keys.iter().filter_map(literal).collect();
            if list.is_empty() { "1 = 0".to_owned() } else { format!("{key} IN ({})", list.join(",")) }
        };
        match scope {
            Scope::All => self,
            Scope::Only(keys) => self.and(among(keys), []),
            Scope::Own(user, keys) => {
                let own = def.owner().map(|o| format!("{}.{}", def.alias, o.name));
                match (own, keys.is_empty()) {
                    (Some(own), true) => self.compare(&own, "=", *user),
                    (Some(own), false) => {
                        self.and(format!("({own} = ? OR {})", among(keys)), [(*user).into()])
                    }
                    (None, _) => self.and(among(keys), []),
                }
            }
        }
    }
    /// The conditions of the declaration. Names that it does not have narrow to nothing: a misspelt filter must not show more.
    pub fn declared(&mut self, def: &'static TableDef, filters: &Filters) -> &mut Self {
        for (name, op, values) in &filters.0 {
            if let Some(owner) = def.owner().filter(|o| name.strip_suffix("__username") == Some(o.field.name))
            {
                let names: Vec<Value> = values.iter().map(key_of).collect();
                let found = format!(
                    "{}.{} IN (SELECT x.id FROM users x WHERE x.username_key IN ({}))",
                    def.alias,
                    owner.name,
                    in_list(names.len())
                );
                let params = in_params(names);
                self.either((found.clone(), params.clone()), (format!("+{found}"), params));
                continue;
            }
            let (Some(column), Some(first)) = (filtered(def, name), values.first()) else {
                self.none();
                continue;
            };
            // What lists are sorted by is what the index has.
            let indexed = column.nullable && !column.orders.is_empty();
            let plain = format!("{}.{}", def.alias, column.name);
            let sql = if indexed { ordered(def, column) } else { plain.clone() };
            let before = self.parts.len();
            match op {
                FilterOp::Equal | FilterOp::AnyOf => self.same(column, &sql, def.alias, values),
                FilterOp::Greater => {
                    self.compare(&sql, ">", first.clone());
                }
                FilterOp::Less => {
                    self.compare(&sql, "<", first.clone());
                    if indexed {
                        self.and(format!("{plain} IS NOT NULL"), []);
                    }
                }
                FilterOp::IsNull => {
                    let (no, sign) = if *first == Value::Int(0) { (" NOT", ">") } else { ("", "=") };
                    let judged = format!("{plain} IS{no} NULL");
                    let found = if indexed { format!("{sql} {sign} -1") } else { judged.clone() };
                    self.either((found, Vec::new()), (judged, Vec::new()));
                }
            }
            if column.sparse && *first != Value::from("") {
                // The database must see that it may use the index.
                self.and(format!("{plain} <> ''"), []);
            }
            for part in &mut self.parts[before..] {
                part.sorted = column.sorted;
                part.index = ordered(def, column);
            }
        }
        self
    }
    /// Equality with one of the values. A folded column is found by its key; the name of a user in any spelling.
    fn same(&mut self, column: &ColumnDef, sql: &str, alias: &str, values: &[Value]) {
        let Some(key) = column.folded else {
            self.one_of(sql, values);
            return;
        };
        let folded: Vec<Value> = values.iter().map(key_of).collect();
        self.one_of(&format!("{alias}.{key}"), &folded);
        // What is unique by its key, or is an address, is meant in any spelling.
        if !column.unique && column.field.name != "email" {
            self.one_of(sql, values);
        }
    }
    /// Each of the first eight words is in one of the columns that are searched, of the first rows of the list.
    pub fn window(&mut self, def: &TableDef, text: &str, by_owner_names: bool) {
        for word in words(text) {
            let (pattern, mut each, mut params) = (contains(&word), Vec::new(), Vec::new());
            for column in def.columns.iter().filter(|c| c.search && (by_owner_names || !c.owner)) {
                let sql = format!("{}.{}", def.alias, column.key());
                each.push(match column {
                    c if c.owner => format!("EXISTS (SELECT 1 FROM users x WHERE x.id = {sql} AND x.username_key LIKE ? ESCAPE '!')"),
                    c if c.folded.is_some() => format!("{sql} LIKE ? ESCAPE '!'"),
                    _ => format!("LOWER({sql}) LIKE ? ESCAPE '!'"),
                });
                params.push(Value::from(pattern.as_str()));
            }
            if each.is_empty() {
                return self.none();
            }
            self.window.push((format!("({})", each.join(" OR ")), params));
        }
    }
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }
    pub fn has_window(&self) -> bool {
        !self.window.is_empty()
    }
    /// Whether an index has the rows of a filter in the order that is asked for.
    pub fn is_sorted(&self, expr: &str, default: bool) -> bool {
        self.parts.iter().any(|part| (part.sorted && default) || part.index == expr)
    }
    /// ` WHERE …` with its parameters; ` WHERE 1 = 1` where there is nothing, so that more can be appended.
    pub fn condition(&self, plan: Plan) -> (String, Vec<Value>) {
        if self.nothing {
            return (" WHERE 1 = 0".to_owned(), Vec::new());
        }
        let (mut sql, mut params) = (Vec::new(), Vec::new());
        for part in &self.parts {
            let (text, values) = if plan == Plan::Find { &part.found } else { &part.judged };
            sql.push(text.as_str());
            params.extend(values.iter().cloned());
        }
        (
            if sql.is_empty() { " WHERE 1 = 1".to_owned() } else { format!(" WHERE {}", sql.join(" AND ")) },
            params,
        )
    }
    /// The words of a window as further conditions.
    pub fn words(&self) -> (String, Vec<Value>) {
        let sql: String = self.window.iter().map(|(sql, _)| format!(" AND {sql}")).collect();
        (sql, self.window.iter().flat_map(|(_, params)| params.iter().cloned()).collect())
    }
    /// All rows of `SELECT <columns> FROM <from>` up to `limit`, without order.
    pub async fn all(&self, db: &Db, columns: &str, from: &str, limit: i64) -> Result<Vec<Row>> {
        let (condition, mut params) = self.condition(Plan::Find);
        params.push(limit.into());
        db.scan(&format!("SELECT {columns} FROM {from}{condition} LIMIT ?"), params).await
    }
}

/// A value in the form that columns are found by.
fn key_of(value: &Value) -> Value {
    if let Value::Text(text) = value { table::folded(text).into() } else { value.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::invitations::InvitationRow;
    use crate::rows::table::Record;
    use crate::rows::tokens::Token;
    use crate::rows::users::User;

    #[test]
    fn a_scope_is_in_the_text_and_holds_nothing_but_keys() {
        let sql = |def, scope: Scope| {
            let mut f = Filter::default();
            f.scope(def, &scope);
            f.condition(Plan::Find).0
        };
        assert_eq!(sql(User::TABLE, Scope::All), " WHERE 1 = 1");
        assert_eq!(sql(User::TABLE, Scope::Only(Vec::new())), " WHERE 1 = 0");
        assert_eq!(
            sql(User::TABLE, Scope::Only(vec!["7".into(), "x' OR 1=1 --".into()])),
            " WHERE u.id IN (7)"
        );
        assert_eq!(sql(Token::TABLE, Scope::Own(3, Vec::new())), " WHERE t.user_id = ?");
        let id = Uuid::from_u128(9);
        let own = sql(Token::TABLE, Scope::Own(3, vec![id.to_string(), "9".into()]));
        assert_eq!(own, format!(" WHERE (t.user_id = ? OR t.id IN ('{id}'))"));
        let invitations = Scope::Only(vec!["0a".into(), "0a'--".into(), id.to_string()]);
        assert_eq!(sql(InvitationRow::TABLE, invitations), " WHERE i.id IN ('0a')");
    }
    #[test]
    fn filters_that_are_not_declared_show_nothing() {
        let mut f = Filter::default();
        f.declared(User::TABLE, &Filters::default().equal("nickname", "x"));
        assert!(f.is_nothing());
    }
}
