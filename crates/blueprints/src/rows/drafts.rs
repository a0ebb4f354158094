//! Rows as they will be, found by what identifies them: a file may have many thousands.
use super::find::{Condition, Row};
use super::{GroupDraft, RowState, TokenDraft, UserDraft};
use signet_base::Json;
use signet_store::users::canonical;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Index;

/// A row as it will be.
pub(super) trait Draft {
    fn row(&self) -> Row;
    fn state(&self) -> RowState;
    fn key(&self) -> Json;
    /// Field and value of what entries name it by.
    fn names(&self) -> Vec<(&'static str, String)>;
}

impl Draft for UserDraft {
    fn row(&self) -> Row {
        Row::User(self.user.clone())
    }
    fn state(&self) -> RowState {
        self.state
    }
    fn key(&self) -> Json {
        Json::from(self.user.id)
    }
    fn names(&self) -> Vec<(&'static str, String)> {
        vec![
            ("username", canonical(&self.user.username)),
            ("email", self.user.email.clone()),
            ("uuid", self.user.uuid.to_string()),
        ]
    }
}
impl Draft for GroupDraft {
    fn row(&self) -> Row {
        Row::Group(self.group.clone())
    }
    fn state(&self) -> RowState {
        self.state
    }
    fn key(&self) -> Json {
        Json::String(self.group.id.to_string())
    }
    fn names(&self) -> Vec<(&'static str, String)> {
        vec![("name", self.group.name.clone())]
    }
}
impl Draft for TokenDraft {
    fn row(&self) -> Row {
        Row::Token(self.token.clone())
    }
    fn state(&self) -> RowState {
        self.state
    }
    fn key(&self) -> Json {
        Json::String(self.token.id.to_string())
    }
    fn names(&self) -> Vec<(&'static str, String)> {
        vec![("identifier", self.token.identifier.clone())]
    }
}

pub(super) struct Drafts<D> {
    all: Vec<D>,
    by_key: HashMap<String, usize>,
    /// Also by names that a draft had before.
    by_name: HashMap<(&'static str, String), BTreeSet<usize>>,
}

impl<D> Default for Drafts<D> {
    fn default() -> Self {
        Self { all: Vec::new(), by_key: HashMap::new(), by_name: HashMap::new() }
    }
}
impl<D> Index<usize> for Drafts<D> {
    type Output = D;
    fn index(&self, at: usize) -> &D {
        &self.all[at]
    }
}

impl<D: Draft> Drafts<D> {
    pub fn iter(&self) -> std::slice::Iter<'_, D> {
        self.all.iter()
    }
    pub fn by_key(&self, key: &Json) -> Option<&D> {
        self.by_key.get(&key.to_string()).map(|at| &self.all[*at])
    }
    /// Whether the row with this key is, or will be.
    pub fn has(&self, key: &Json) -> bool {
        self.by_key(key).is_some_and(|draft| draft.state() != RowState::Gone)
    }
    /// The place of a row that the database has: of its draft, where it has one.
    pub fn take_up(&mut self, draft: D) -> usize {
        let found = self.by_key.get(&draft.key().to_string()).copied();
        found.unwrap_or_else(|| self.push(draft))
    }
    pub fn push(&mut self, draft: D) -> usize {
        let at = self.all.len();
        self.by_key.insert(draft.key().to_string(), at);
        self.all.push(draft);
        self.index(at);
        at
    }
    pub fn change<R>(&mut self, at: usize, change: impl FnOnce(&mut D) -> R) -> R {
        let answer = change(&mut self.all[at]);
        self.index(at);
        answer
    }
    fn index(&mut self, at: usize) {
        for name in self.all[at].names() {
            self.by_name.entry(name).or_default().insert(at);
        }
    }
    /// The rows that can be meant, without those that go.
    pub fn candidates(&self, conditions: &[Condition<'_>]) -> Vec<Row> {
        let named = conditions.iter().filter_map(|condition| self.named(condition));
        let there = |draft: &&D| draft.state() != RowState::Gone;
        match named.min_by_key(|places| places.len()) {
            Some(places) => places.iter().map(|at| &self.all[*at]).filter(there).map(Draft::row).collect(),
            None => self.all.iter().filter(there).map(Draft::row).collect(),
        }
    }
    /// The places that one condition leaves, where an index tells.
    fn named(&self, condition: &Condition<'_>) -> Option<Cow<'_, BTreeSet<usize>>> {
        let ([field] | [field, "exact"]) = condition.path[..] else { return None };
        let text = condition.wanted.as_str();
        if field == "pk" {
            let key = match text.and_then(|text| text.parse::<i64>().ok()) {
                Some(id) => id.to_string(),
                None => condition.wanted.to_string(),
            };
            return Some(Cow::Owned(self.by_key.get(&key).copied().into_iter().collect()));
        }
        let field =
            ["username", "email", "uuid", "name", "identifier"].into_iter().find(|known| *known == field)?;
        let known = self.all.first()?.names().iter().any(|(name, _)| *name == field);
        let value = if field == "username" { canonical(text?) } else { text?.to_owned() };
        known.then(|| self.by_name.get(&(field, value)).map_or_else(Cow::default, Cow::Borrowed))
    }
}
