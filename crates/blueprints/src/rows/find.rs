//! Finding rows by fields and look-ups, also through related rows.
use super::values::{internal, wrong};
use super::{GROUP, Rows, TOKEN, USER, Wrong};
use crate::lookup;
use signet_base::{Json, Map, Uuid};
use signet_core::Core;
use signet_store::groups::{self, Group};
use signet_store::table::Record;
use signet_store::tokens::Token;
use signet_store::users::{self, User, canonical};
use signet_store::{ListQuery, Page};
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;

/// A field or look-up and its value.
pub type Wanted = [(String, Json)];

#[derive(Clone)]
pub enum Row {
    User(User),
    Group(Group),
    Token(Token),
}
impl Row {
    pub fn map(&self) -> Map {
        match self {
            Row::User(u) => u.shown(),
            Row::Group(g) => g.shown(),
            Row::Token(t) => t.shown(),
        }
    }
    pub fn key(&self) -> Json {
        self.map().remove("pk").unwrap_or_default()
    }
}

/// Rows per query, and the maximum number of rows read.
const PAGE: u64 = 1000;
const MOST: u64 = 100_000;

/// Fields that refer to other rows, with their model.
fn link(model: &str, field: &str) -> Option<(&'static str, &'static str)> {
    Some(match (model, field) {
        (USER, "groups" | "ak_groups") => ("groups", GROUP),
        (GROUP, "parents" | "parent") => ("parents", GROUP),
        (GROUP, "users") => ("users", USER),
        (TOKEN, "user") => ("user", USER),
        _ => return None,
    })
}

/// A condition, split at `__`.
pub(super) struct Condition<'w> {
    pub path: Vec<&'w str>,
    pub wanted: &'w Json,
}

fn fits(row: &Map, conditions: &[Condition<'_>]) -> Result<bool, Wrong> {
    for Condition { path, wanted } in conditions {
        let Some(value) = row.get(path[0]) else {
            return wrong(path[0], "there is no such field to search by.");
        };
        let held = match (path.as_slice(), value, wanted) {
            (["username"] | ["username", "exact"], Json::String(have), Json::String(want)) => {
                canonical(have) == canonical(want)
            }
            _ => lookup::fits(Some(value), &path[1..], wanted).map_err(|e| (path.join("__"), e))?,
        };
        if !held {
            return Ok(false);
        }
    }
    Ok(true)
}

type BoxFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Wrong>> + Send + 'a>>;

impl Rows {
    /// Up to `most` rows that match all criteria: those of this import first.
    pub fn matching<'a>(
        &'a self,
        core: &'a Core,
        model: &'a str,
        wanted: &'a Wanted,
        most: usize,
    ) -> BoxFuture<'a> {
        Box::pin(async move {
            let (mut conditions, mut links) = (Vec::new(), Vec::new());
            for (field, value) in wanted {
                let path: Vec<&str> = field
                    .split("__")
                    .map(|part| if matches!(part, "id" | "group_uuid" | "token_uuid") { "pk" } else { part })
                    .collect();
                match link(model, path[0]) {
                    Some((name, other)) if path.len() > 1 && !lookup::is_lookup(path[1]) => {
                        let inner = [(path[1..].join("__"), value.clone())];
                        let keys: HashSet<String> = self
                            .matching(core, other, &inner, usize::MAX)
                            .await?
                            .iter()
                            .map(|r| r.key().to_string())
                            .collect();
                        links.push((name, keys));
                    }
                    _ => conditions.push(Condition { path, wanted: value }),
                }
            }
            let mut found = Vec::new();
            for row in self.drafts(model, &conditions) {
                if fits(&row.map(), &conditions)? && self.linked(core, &row, &links).await? {
                    found.push(row);
                }
            }
            let mut seen = 0;
            for page in 1.. {
                if found.len() >= most {
                    break;
                }
                let rows = stored(core, model, &conditions, page).await.map_err(internal)?;
                let last = (rows.len() as u64) < PAGE;
                seen += rows.len() as u64;
                if seen > MOST {
                    return wrong(
                        "",
                        format!("more than {MOST} rows would have to be searched; name them more closely"),
                    );
                }
                for row in rows {
                    if found.len() < most
                        && !self.is_touched(model, &row.key())
                        && fits(&row.map(), &conditions)?
                        && self.linked(core, &row, &links).await?
                    {
                        found.push(row);
                    }
                }
                if last {
                    break;
                }
            }
            found.truncate(most);
            Ok(found)
        })
    }

    /// The row that the identifiers refer to: by key, else by the other fields.
    pub async fn identified(
        &self,
        core: &Core,
        model: &str,
        identifiers: &Wanted,
    ) -> Result<Option<Row>, Wrong> {
        let (keys, rest): (Vec<_>, Vec<_>) =
            identifiers.iter().cloned().partition(|(field, _)| field == "pk");
        for part in [keys, rest] {
            if !part.is_empty()
                && let Some(row) = self.matching(core, model, &part, 1).await?.pop()
            {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Rows of this import that can be meant.
    fn drafts(&self, model: &str, conditions: &[Condition<'_>]) -> Vec<Row> {
        match model {
            USER => self.users.candidates(conditions),
            GROUP => self.groups.candidates(conditions),
            _ => self.tokens.candidates(conditions),
        }
    }
    /// Whether a row is not as the database has it, or not there any more.
    fn is_touched(&self, model: &str, key: &Json) -> bool {
        match model {
            USER => self.users.by_key(key).is_some(),
            GROUP => self.groups.by_key(key).is_some(),
            _ => self.tokens.by_key(key).is_some(),
        }
    }

    async fn linked(&self, core: &Core, row: &Row, links: &[(&str, HashSet<String>)]) -> Result<bool, Wrong> {
        for (name, keys) in links {
            let have: Vec<Json> = match row {
                Row::Token(t) => vec![Json::from(t.user_id)],
                Row::User(u) => match self.users.by_key(&row.key()).and_then(|d| d.groups.clone()) {
                    Some(groups) => groups.into_iter().map(|g| Json::String(g.to_string())).collect(),
                    None => groups::direct_groups(&core.db, u.id)
                        .await
                        .map_err(internal)?
                        .into_iter()
                        .map(|g| Json::String(g.id.to_string()))
                        .collect(),
                },
                Row::Group(g) => {
                    let draft = self.groups.by_key(&row.key());
                    if *name == "users" {
                        match draft.and_then(|d| d.members.clone()) {
                            Some(members) => members.into_iter().map(Json::from).collect(),
                            None => groups::member_ids_of_many(&core.db, &[g.id])
                                .await
                                .map_err(internal)?
                                .remove(&g.id)
                                .unwrap_or_default()
                                .into_iter()
                                .map(Json::from)
                                .collect(),
                        }
                    } else {
                        match draft.and_then(|d| d.parents.clone()) {
                            Some(parents) => {
                                parents.into_iter().map(|p| Json::String(p.to_string())).collect()
                            }
                            None => {
                                let parents = groups::parents_of_many(&core.db, &[g.id])
                                    .await
                                    .map_err(internal)?
                                    .remove(&g.id)
                                    .unwrap_or_default();
                                parents.into_iter().map(|p| Json::String(p.id.to_string())).collect()
                            }
                        }
                    }
                }
            };
            if !have.iter().any(|key| keys.contains(&key.to_string())) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A page of candidate rows: the database narrows what it can, never too much.
async fn stored(
    core: &Core,
    model: &str,
    conditions: &[Condition<'_>],
    number: u64,
) -> signet_base::Result<Vec<Row>> {
    let with = |field: &str, lookups: &[&str]| {
        conditions
            .iter()
            .find(|c| {
                c.path[0] == field
                    && (c.path.len() == 1 || matches!(c.path[1..], [l] if lookups.contains(&l)))
            })
            .and_then(|c| c.wanted.as_str())
            .map(str::to_owned)
    };
    let exact = |field: &str| with(field, &["exact"]);
    // Words of a part of the text: what has the part has the words.
    let part = |fields: &[&str]| {
        let narrows = |c: &&Condition<'_>| {
            fields.contains(&c.path[0])
                && matches!(
                    c.path[1..],
                    ["iexact"
                        | "contains"
                        | "icontains"
                        | "startswith"
                        | "istartswith"
                        | "endswith"
                        | "iendswith"]
                )
        };
        conditions.iter().find(narrows).and_then(|c| c.wanted.as_str()).unwrap_or_default().to_owned()
    };
    let page = Page { page: number, size: PAGE, ordering: "pk".to_owned(), ..Page::default() };
    Ok(match model {
        USER => {
            let pk = conditions
                .iter()
                .find(|c| matches!(c.path[..], ["pk"]))
                .and_then(|c| c.wanted.as_i64().or_else(|| c.wanted.as_str()?.parse().ok()));
            let only = pk.map(|id| vec![id.into()]);
            let mut query = ListQuery {
                search: part(&["username", "email", "name"]),
                only,
                page,
                ..ListQuery::default()
            };
            for field in ["username", "email"] {
                if let Some(value) = with(field, &["exact", "iexact"]) {
                    query = query.equal(field, value);
                }
            }
            users::list(&core.db, &query.into()).await?.0.into_iter().map(Row::User).collect()
        }
        GROUP => {
            let pk = conditions
                .iter()
                .find(|c| matches!(c.path[..], ["pk"]))
                .and_then(|c| Uuid::parse_str(c.wanted.as_str()?).ok());
            let only = pk.map(|id| vec![id.into()]);
            let mut query = ListQuery { search: part(&["name"]), only, page, ..ListQuery::default() };
            if let Some(name) = exact("name") {
                query = query.equal("name", name);
            }
            groups::list(&core.db, &query.into()).await?.0.into_iter().map(Row::Group).collect()
        }
        _ => {
            let mut query = ListQuery { search: part(&["identifier"]), page, ..ListQuery::default() };
            for field in ["identifier", "managed"] {
                if let Some(value) = exact(field) {
                    query = query.equal(field, value);
                }
            }
            signet_store::list::<Token>(&core.db, &query).await?.0.into_iter().map(Row::Token).collect()
        }
    })
}
