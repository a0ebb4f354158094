//! The declaration of a table of rows. The store's reader, writer, lists, look-ups and housekeeping, the API and
//! blueprints read it at run time: see `docs/adding-a-slice.md`.
use crate::{FieldDef, FieldKind, OnDelete};

/// How a column is stored and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    Text,
    Int,
    Flag,
    Time,
    Uuid,
    /// A JSON document.
    Json,
}

/// How a parameter of a list narrows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterOp {
    Equal,
    /// Any of several values.
    AnyOf,
    Greater,
    Less,
    /// `true`: the column is NULL.
    IsNull,
}

/// One parameter of a list.
#[derive(Debug, Clone, Copy)]
pub struct FilterDef {
    pub name: &'static str,
    pub op: FilterOp,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct ColumnDef {
    /// In the database.
    pub name: &'static str,
    pub kind: ColumnKind,
    pub nullable: bool,
    /// On the wire; `hidden` where it is not shown there.
    pub field: FieldDef,
    /// Further names in look-ups: `id` beside `pk`.
    pub also: &'static [&'static str],
    /// A second column that holds the text trimmed and in lower case, by which it is found and sorted.
    pub folded: Option<&'static str>,
    /// No two rows share the value (the folded one, where there is one).
    pub unique: bool,
    /// The database gives the value when a new row has 0.
    pub generated: bool,
    /// Written when the row is made, and then only by statements of their own.
    pub fixed: bool,
    /// The user whose the row is.
    pub owner: bool,
    /// Names by which lists are sorted; an index serves each.
    pub orders: &'static [&'static str],
    pub filters: &'static [FilterDef],
    /// An index (column, default order) exists: for filters that many rows fulfil.
    pub sorted: bool,
    /// Its index leaves out rows where it is empty: most are.
    pub sparse: bool,
    /// Words of a search are looked for in it.
    pub search: bool,
    /// May be asked for in the query language.
    pub query: bool,
}

impl ColumnDef {
    pub const fn new(name: &'static str, kind: ColumnKind, field: FieldDef) -> Self {
        Self {
            name,
            kind,
            nullable: false,
            field,
            also: &[],
            folded: None,
            unique: false,
            generated: false,
            fixed: false,
            owner: false,
            orders: &[],
            filters: &[],
            sorted: false,
            sparse: false,
            search: false,
            query: false,
        }
    }
    /// The column that is compared and sorted by.
    pub fn key(&self) -> &'static str {
        self.folded.unwrap_or(self.name)
    }
    /// The model that a value names, and what its deletion does to the row.
    pub fn reference(&self) -> Option<(&'static str, OnDelete)> {
        match self.field.kind {
            FieldKind::Ref { target, on_delete } => Some((target, on_delete)),
            _ => None,
        }
    }
}

/// How a list is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// By an index of trigrams, over all rows.
    Index,
    /// Among the first rows that fit the other filters, in the list's order.
    Window,
}

/// When housekeeping removes a row.
#[derive(Debug, Clone, Copy)]
pub struct Expiry {
    pub column: &'static str,
    /// Seconds that a row stays after its end.
    pub grace: i64,
    /// A further condition; empty for none.
    pub only: &'static str,
}

pub struct TableDef {
    /// `authentik_core.user`: the model's name in permissions, references, blueprints and events.
    pub model: &'static str,
    /// `User`: the name of its schema.
    pub component: &'static str,
    /// Path below `/api/v3/`; empty where hand-made routes serve the rows, or none.
    pub path: &'static str,
    pub label: &'static str,
    pub plural: &'static str,
    pub doc: &'static str,
    /// In the database.
    pub table: &'static str,
    pub alias: &'static str,
    /// The primary key's column.
    pub key: &'static str,
    pub columns: &'static [ColumnDef],
    /// A name of `orders`, `-` before it for descending.
    pub order: &'static str,
    /// A column by which rows come that are equal in the order, before their key; empty for none.
    pub tie: &'static str,
    pub search: Search,
    /// No model of the wire: nobody has permissions on its rows.
    pub internal: bool,
    pub expiry: Option<Expiry>,
}

impl TableDef {
    /// Finds a column by its name on the wire, or another name of it.
    pub fn column(&self, name: &str) -> Option<&'static ColumnDef> {
        self.columns.iter().find(|c| c.field.name == name || c.also.contains(&name))
    }
    /// The column whose values name the user whose a row is.
    pub fn owner(&self) -> Option<&'static ColumnDef> {
        self.columns.iter().find(|c| c.owner)
    }
    /// `authentik_core` and `user`.
    pub fn names(&self) -> (&'static str, &'static str) {
        self.model.split_once('.').unwrap_or(("", self.model))
    }
}

impl std::fmt::Debug for TableDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TableDef({})", self.model)
    }
}
