//! Lists: conditions, ordering, paging.
use crate::db::{Db, Row, Value, in_list, in_params};
use signet_base::{Result, Uuid};
use signet_model::Scope;

/// Which part of a list is wanted, and in which order.
#[derive(Debug, Clone)]
pub struct Page {
    /// A name of a column as the API shows it, `-` before it for descending. Unknown names are ignored.
    pub ordering: String,
    /// From 1.
    pub page: u64,
    pub size: u64,
    /// What the caller may see.
    pub scope: Scope,
}

impl Default for Page {
    fn default() -> Self {
        Self { ordering: String::new(), page: 1, size: 20, scope: Scope::All }
    }
}

impl Page {
    /// Everything up to `size` rows.
    pub fn first(size: u64) -> Self {
        Self { size, ..Self::default() }
    }
    /// For lists that have looked at the scope themselves.
    pub(crate) fn unscoped(&self) -> Self {
        Self { scope: Scope::All, ..self.clone() }
    }
    pub(crate) fn offset(&self) -> i64 {
        i64::try_from(self.page.saturating_sub(1).saturating_mul(self.size)).unwrap_or(i64::MAX)
    }
    pub(crate) fn limit(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX)
    }
}

/// Tables whose keys are numbers; those of others are UUIDs.
const NUMBERED: [&str; 5] = ["users", "consent", "device", "oauth_code", "oauth_token"];

/// The `WHERE` part under construction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    sql: Vec<String>,
    params: Vec<Value>,
}

impl Filter {
    pub fn and(
        &mut self,
        condition: impl Into<String>,
        params: impl IntoIterator<Item = Value>,
    ) -> &mut Self {
        self.sql.push(condition.into());
        self.params.extend(params);
        self
    }
    /// `column = value` when there is a value.
    pub fn equal(&mut self, column: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.and(format!("{column} = ?"), [value.into()]);
        }
        self
    }
    /// `column IN (…)` when there are values.
    pub fn one_of<V: Into<Value> + Clone>(&mut self, column: &str, values: &[V]) -> &mut Self {
        if !values.is_empty() {
            self.and(format!("{column} IN ({})", in_list(values.len())), in_params(values.iter().cloned()));
        }
        self
    }
    /// Only rows that the scope lets through: by the column of their key, which is a number or a UUID, and by that
    /// of their owner.
    pub fn scope(&mut self, scope: &Scope, key: &str, numeric: bool, owner: &str) -> &mut Self {
        // Numbers and UUIDs may stand in the text: there can be more than a statement has markers for.
        let among = |keys: &[String]| {
            let literal = |key: &String| match numeric {
                true => key.parse::<i64>().map(|number| number.to_string()).ok(),
                false => Uuid::parse_str(key).map(|id| format!("'{id}'")).ok(),
            };
            let list: Vec<String> = keys.iter().filter_map(literal).collect();
            if list.is_empty() { "1 = 0".to_owned() } else { format!("{key} IN ({})", list.join(",")) }
        };
        match scope {
            Scope::All => self,
            Scope::Only(keys) => self.and(among(keys), []),
            Scope::Own(user, keys) if keys.is_empty() => self.and(format!("{owner} = ?"), [(*user).into()]),
            Scope::Own(user, keys) => self.and(format!("({owner} = ? OR {})", among(keys)), [(*user).into()]),
        }
    }
    /// The same with what the page says, for tables whose key is the tie and whose owner is the `user_id` beside it.
    pub fn scoped(&self, page: &Page, from: &str, tie: &str) -> Self {
        let table = tie.split_once('.').map_or("", |(table, _)| table);
        let numeric = NUMBERED.contains(&from.split(' ').next().unwrap_or_default());
        let mut out = self.clone();
        out.scope(&page.scope, tie, numeric, &format!("{table}.user_id"));
        out
    }
    /// Each of the first eight words is in one of the columns. Columns named `…_key` are lower case already.
    pub fn search(&mut self, text: &str, columns: &[&str]) -> &mut Self {
        for word in text.split_whitespace().take(8) {
            let pattern = contains(&word.to_lowercase());
            let each: Vec<_> = columns
                .iter()
                .map(|c| {
                    if c.ends_with("_key") {
                        format!("{c} LIKE ? ESCAPE '!'")
                    } else {
                        format!("LOWER({c}) LIKE ? ESCAPE '!'")
                    }
                })
                .collect();
            self.and(
                format!("({})", each.join(" OR ")),
                columns.iter().map(|_| Value::from(pattern.as_str())),
            );
        }
        self
    }
    fn condition(&self) -> String {
        if self.sql.is_empty() { String::new() } else { format!(" WHERE {}", self.sql.join(" AND ")) }
    }
    /// All rows of `SELECT <columns> FROM <from>` up to `limit`, without order.
    pub async fn all(&self, db: &Db, columns: &str, from: &str, limit: i64) -> Result<Vec<Row>> {
        let mut params = self.params.clone();
        params.push(limit.into());
        db.scan(&format!("SELECT {columns} FROM {from}{} LIMIT ?", self.condition()), params).await
    }
    /// The first `limit` rows of `SELECT <columns> FROM <from>` in order; `params` are those of the columns.
    #[allow(clippy::too_many_arguments, reason = "the parts of a SELECT")]
    pub async fn ordered(
        &self,
        db: &Db,
        columns: &str,
        mut params: Vec<Value>,
        from: &str,
        sort: &[(&str, &str)],
        tie: &str,
        ordering: &str,
        limit: i64,
    ) -> Result<Vec<Row>> {
        params.extend(self.params.iter().cloned());
        params.push(limit.into());
        db.scan(
            &format!(
                "SELECT {columns} FROM {from}{} ORDER BY {} LIMIT ?",
                self.condition(),
                order_by(ordering, sort, tie)
            ),
            params,
        )
        .await
    }
    /// One page of `SELECT <columns> FROM <from>`, and how many rows there are without paging. `sort` maps
    /// the API's names to columns; its first entry is the order when none is asked for. `tie` makes the order
    /// total.
    pub async fn page(
        &self,
        db: &Db,
        columns: &str,
        from: &str,
        sort: &[(&str, &str)],
        tie: &str,
        page: &Page,
    ) -> Result<(Vec<Row>, u64)> {
        let scoped = self.scoped(page, from, tie);
        let condition = scoped.condition();
        let count =
            db.scan(&format!("SELECT count(*) FROM {from}{condition}"), scoped.params.clone()).await?;
        let total = count.first().map(|row| row.int(0)).transpose()?.unwrap_or(0);
        if total == 0 || page.offset() >= total {
            return Ok((Vec::new(), u64::try_from(total).unwrap_or(0)));
        }
        let order = order_by(&page.ordering, sort, tie);
        let mut params = scoped.params.clone();
        params.extend([page.limit().into(), page.offset().into()]);
        let rows = db
            .scan(
                &format!("SELECT {columns} FROM {from}{condition} ORDER BY {order} LIMIT ? OFFSET ?"),
                params,
            )
            .await?;
        Ok((rows, u64::try_from(total).unwrap_or(0)))
    }
}

/// Only names of the map get into the SQL text.
fn order_by(wanted: &str, sort: &[(&str, &str)], tie: &str) -> String {
    let mut parts = Vec::new();
    for name in wanted.split(',').map(str::trim) {
        let (name, down) = name.strip_prefix('-').map_or((name, false), |name| (name, true));
        if let Some((_, column)) = sort.iter().find(|(n, _)| *n == name) {
            parts.push(part(column, down));
        }
    }
    if parts.is_empty()
        && let Some((_, column)) = sort.first()
    {
        parts.push(match column.strip_prefix('-') {
            Some(column) => part(column, true),
            None => part(column, false),
        });
    }
    parts.push(tie.to_owned());
    parts.join(", ")
}

fn part(column: &str, down: bool) -> String {
    let column = column.trim_start_matches('-');
    // NULL counts as the smallest value on both databases; the words are left out elsewhere, so that indexes
    // serve.
    let nullable = column.ends_with("last_login") || column.ends_with("expires");
    match (down, nullable) {
        (false, false) => column.to_owned(),
        (false, true) => format!("{column} ASC NULLS FIRST"),
        (true, false) => format!("{column} DESC"),
        (true, true) => format!("{column} DESC NULLS LAST"),
    }
}

/// A `LIKE` pattern with `!` as its escape sign.
pub(crate) fn contains(text: &str) -> String {
    format!("%{}%", escaped(text))
}
pub(crate) fn starts_with(text: &str) -> String {
    format!("{}%", escaped(text))
}
fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn only_known_names_are_sorted_by() {
        let sort = [("username", "u.username_key"), ("pk", "u.id")];
        assert_eq!(order_by("", &sort, "u.id"), "u.username_key, u.id");
        assert_eq!(order_by("-pk", &sort, "u.id"), "u.id DESC, u.id");
        assert_eq!(order_by("id; DROP TABLE users", &sort, "u.id"), "u.username_key, u.id");
    }
    #[test]
    fn a_scope_is_in_the_text_and_holds_nothing_but_keys() {
        let sql = |scope: Scope| {
            let mut f = Filter::default();
            f.scope(&scope, "t.id", true, "t.user_id");
            f.condition()
        };
        assert_eq!(sql(Scope::All), "");
        assert_eq!(sql(Scope::Only(Vec::new())), " WHERE 1 = 0");
        assert_eq!(sql(Scope::Only(vec!["7".into(), "x' OR 1=1 --".into()])), " WHERE t.id IN (7)");
        assert_eq!(sql(Scope::Own(3, Vec::new())), " WHERE t.user_id = ?");
        assert_eq!(sql(Scope::Own(3, vec!["9".into()])), " WHERE (t.user_id = ? OR t.id IN (9))");
    }
    #[test]
    fn patterns_hold_no_wildcards_of_the_client() {
        assert_eq!(contains("50%_!"), "%50!%!_!!%");
    }
}
